// Runs a program to its end and collects what it says.
//
//   const rm::finished_process sorted = co_await rm::run_process(rm::process_options("sort"), how);
//   if (sorted.status.is_success()) use(sorted.output);
//
// where `how`, which may be left out, is `rm::collect_options().input("b\na\n")`.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include <ringmill/io/process.hpp>
#include <ringmill/io/process_options.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/chrono.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill {

/// What run_process does with what it runs.
class collect_options {
 public:
  collect_options() noexcept {}

  /// What the program finds on its standard input; nothing by default. It need not read it.
  collect_options& input(std::string text) { return input_ = std::move(text), *this; }
  /// How much each of its two output streams may hold: 1 MiB by default.
  collect_options& most_bytes(std::size_t count) noexcept { return most_bytes_ = count, *this; }
  /// The time between SIGTERM and SIGKILL when it has to end early: five seconds by default.
  collect_options& grace(duration length) noexcept { return grace_ = length, *this; }

  const std::string& input() const noexcept { return input_; }
  std::size_t most_bytes() const noexcept { return most_bytes_; }
  duration grace() const noexcept { return grace_; }

 private:
  std::string input_;
  std::size_t most_bytes_ = std::size_t{1} << 20;
  duration grace_ = std::chrono::seconds(5);
};

/// What came of it.
class finished_process {
 public:
  explicit finished_process(exit_status how) noexcept : status(how) {}
  exit_status status;
  std::string output;
  std::string error_output;
};

/// co_await it: starts the program and gives its output when it has ended and its output streams are closed, by itself
/// and by whatever has inherited them. A program that fails is no error here: look at `status`.
///
/// Standard output and standard error are collected unless `options` lead them elsewhere; standard input is empty
/// unless they or `how` say otherwise. Throws what process::spawn throws, and std::length_error when it writes more
/// than it may. That, and a cancel (a time limit, say), ends it as process::terminate does; so for a program that
/// starts others ask for a group of its own, of which nothing is left in any case.
RINGMILL_API task<finished_process> run_process(process_options options, collect_options how = collect_options());

}  // namespace ringmill
