// Runs shell commands, several at a time, and prints their output with a number in front of each line.
//
//   run_many [-j AT_A_TIME] [COMMAND...]      without commands: one for each line of standard input
//
// Exit code: 0 if all succeeded, 1 if one did not, 2 for a usage error, 130 after Ctrl-C, which ends all of them.
#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <functional>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <ringmill/io/process.hpp>
#include <ringmill/ringmill.hpp>

namespace rm = ringmill;
using namespace std::chrono_literals;

void print_line(std::size_t number, std::string_view line) {
  std::printf("%zu: %.*s\n", number, static_cast<int>(line.size()), line.data());
  std::fflush(stdout);
}

rm::task<> print_output(rm::process& child, std::size_t number) {
  std::string text;  // what was read and not yet printed
  std::array<char, 4096> buffer;
  while (const std::size_t n = co_await child.standard_output().read_some(std::as_writable_bytes(std::span(buffer)))) {
    text.append(buffer.data(), n);
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = text.find('\n', begin)) != text.npos; begin = end + 1) {
      print_line(number, std::string_view(text).substr(begin, end - begin));
    }
    text.erase(0, begin);
  }
  if (!text.empty()) print_line(number, text);
}

rm::task<> run_one(std::size_t number, std::string command, rm::semaphore& places, bool& all_succeeded) {
  const auto place = co_await places.acquire();
  rm::process_options options("/bin/sh");
  options.arguments({"-c", std::move(command)})
      .standard_input(rm::redirection::null())
      .standard_output(rm::redirection::pipe())
      .standard_error(rm::redirection::to_standard_output())
      .new_group()                    // so that Ctrl-C is for us, and what we send is for all that a command starts
      .parent_death_signal(SIGKILL);  // for a second Ctrl-C, which ends us at once
  rm::process child = rm::process::spawn(options);
  const auto follow = [&]() -> rm::task<> {
    co_await print_output(child, number);
    const rm::exit_status ended = co_await child.wait();
    if (ended.is_success()) co_return;
    all_succeeded = false;
    print_line(number, ended.to_string());
  };
  const auto end = [&]() -> rm::task<> { co_await child.terminate(2s); };  // nothing, if it has ended
  co_await rm::async_finally(follow, end);
}

rm::task<int> run_all(std::vector<std::string> commands, std::size_t at_a_time) {
  bool all_succeeded = true;
  rm::semaphore places(at_a_time);
  rm::nursery running;
  co_await running.run([&]() -> rm::task<> {
    std::size_t number = 0;
    for (std::string& command : commands) {
      running.start(run_one, ++number, std::move(command), std::ref(places), std::ref(all_succeeded));
    }
    co_return;
  });
  co_return all_succeeded ? 0 : 1;
}

int usage() {
  std::fprintf(stderr, "usage: run_many [-j AT_A_TIME] [COMMAND...]\n");
  return 2;
}

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  std::size_t at_a_time = std::max(1U, std::thread::hardware_concurrency());
  if (!words.empty() && words[0] == "-j") {
    if (words.size() < 2) return usage();
    const std::string& number = words[1];
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), at_a_time);
    if (parsed.ec != std::errc() || parsed.ptr != number.data() + number.size() || at_a_time == 0) return usage();
    words.erase(words.begin(), words.begin() + 2);
  }
  if (words.empty()) {
    for (std::string line; std::getline(std::cin, line);) {
      if (!line.empty()) words.push_back(line);
    }
  }
  return rm::run_main(run_all(std::move(words), at_a_time));
}
