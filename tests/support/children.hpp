// Programs for tests of child processes, and how those are doing.
#pragma once

#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <fstream>
#include <span>
#include <string>
#include <utility>

#include <ringmill/io/pipe.hpp>
#include <ringmill/io/process_options.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/task.hpp>

namespace support {

inline ringmill::process_options shell(std::string script) {
  ringmill::process_options options("sh");
  options.arguments({"-c", std::move(script)});
  return options;
}

/// Runs until it is killed, and has said so on its standard output.
inline ringmill::process_options sleeper(const std::string& before = "") {
  ringmill::process_options options = shell(before + "echo ready; exec sleep 1000");
  options.standard_output(ringmill::redirection::pipe());
  return options;
}

inline ringmill::task<std::string> read_some_text(ringmill::pipe_reader& from) {
  std::array<char, 256> buffer;
  const std::size_t n = co_await from.read_some(std::as_writable_bytes(std::span(buffer)));
  co_return std::string(buffer.data(), n);
}

inline bool has_no_children() { return waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD; }

/// As proc(5) tells it: R, S, Z for a zombie; 0 if there is none with this number.
inline char state_of(int process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  return std::getline(file, text) ? text.at(text.rfind(')') + 2) : '\0';
}

/// Is it gone, or waiting to be reaped by somebody else?
inline bool is_dead(int process) {
  const char state = state_of(process);
  return state == '\0' || state == 'Z';
}

inline ringmill::task<> until_dead(int process) {
  while (!is_dead(process)) co_await ringmill::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace support
