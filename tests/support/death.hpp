// What a program says on standard error, and how it ends: death tests.
#pragma once

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

namespace support {

/// Runs `body()` in a forked child. Gives a line that says how that ended ("it aborted", "it lived, and exited with
/// 0"), and what it wrote to standard error.
template <class Body>
std::string output_of(Body body) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    const rlimit no_core{};
    setrlimit(RLIMIT_CORE, &no_core);
    signal(SIGABRT, SIG_DFL);  // the test framework's would report a crash
    dup2(ends[1], STDERR_FILENO);
    try {
      body();
    } catch (...) {
      _exit(1);
    }
    _exit(0);
  }
  close(ends[1]);
  std::string said;
  std::array<char, 4096> part{};
  for (ssize_t got = 0; (got = read(ends[0], part.data(), part.size())) > 0;) {
    said.append(part.data(), static_cast<std::size_t>(got));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) return "it aborted\n" + said;
  if (WIFEXITED(status)) return "it lived, and exited with " + std::to_string(WEXITSTATUS(status)) + "\n" + said;
  return "it was ended by another signal\n" + said;
}

/// What `body()` says when it aborts; if it does not, the text that says how it ended instead.
template <class Body>
std::string death_of(Body body) {
  const std::string said = output_of(std::move(body));
  const std::string aborted = "it aborted\n";
  return said.compare(0, aborted.size(), aborted) == 0 ? said.substr(aborted.size()) : said;
}

}  // namespace support
