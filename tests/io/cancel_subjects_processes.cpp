// Processes and signals, and what waits for a descriptor or a time.
#include <signal.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <ringmill/io/process.hpp>
#include <ringmill/io/readiness.hpp>
#include <ringmill/io/run_process.hpp>
#include <ringmill/io/signals.hpp>

#include "../support/sockets.hpp"
#include "cancel_subjects.hpp"

namespace support {

namespace {

namespace rm = ringmill;
using namespace std::chrono_literals;

rm::process shell(const char* script) {
  rm::process_options options("/bin/sh");
  options.argument("-c").argument(script);
  options.standard_input(rm::redirection::pipe()).standard_output(rm::redirection::pipe());
  return rm::process::spawn(options);
}

rm::process cat() {
  rm::process_options options("/bin/cat");
  options.standard_input(rm::redirection::pipe()).standard_output(rm::redirection::pipe());
  return rm::process::spawn(options);
}

/// It ends when its input does, and says what it is told.
class obedient_child {
 public:
  std::optional<rm::process> child = cat();
};

/// It does not end at a SIGTERM.
class deaf_child {
 public:
  deaf_child() {
    std::array<char, 1> said{};
    checked(static_cast<int>(::read(child.standard_output().native_handle(), said.data(), said.size())), "read");
  }
  rm::process child = shell("trap '' TERM; echo; read line");
};

/// It takes nothing more: its input is full, and it does not read.
class busy_child {
 public:
  busy_child() { fill(child.standard_input().handle()); }
  rm::process child = shell("exec sleep 1000");
};

/// The input of a program that run_process runs.
class input_of_program {
 public:
  ends pipe = ends::of_pipe();
};

class awaited_signal {
 public:
  /// One that does nothing to those who do not await it.
  std::optional<rm::signal_set> signals{std::in_place, std::initializer_list<int>{SIGWINCH}};
};

class empty_ends {
 public:
  ends pipe = ends::of_pipe();
};

class full_ends {
 public:
  full_ends() { fill(pipe.right); }
  ends pipe = ends::of_pipe();
};

class unset_timer {
 public:
  rm::deadline_timer timer;
};

rm::task<> read_output(obedient_child& here) {
  std::array<std::byte, 16> buffer;
  co_await here.child->standard_output().read_some(buffer);
}
rm::task<> write_input(busy_child& here) {
  const std::array<std::byte, 8192> data{};
  co_await here.child.standard_input().write_all(data);
}
rm::task<> run_cat(input_of_program& here) {
  rm::process_options options("/bin/cat");
  options.standard_input(rm::redirection::descriptor(here.pipe.left.number()));
  const rm::finished_process done = co_await rm::run_process(options);
}
rm::task<> run_true(input_of_program&) {
  const rm::finished_process done = co_await rm::run_process(rm::process_options("/bin/true"));
}

io_subject_list child_subjects() {
  return {
      waiting<obedient_child>(
          "process::wait", [](obedient_child& here) -> rm::task<> { co_await here.child->wait(); },
          [](obedient_child& here) { here.child->standard_input().close(); }),
      waiting<obedient_child>(
          "read a child's output", &read_output,
          [](obedient_child& here) {
            checked(static_cast<int>(::write(here.child->standard_input().native_handle(), "x", 1)), "write");
          },
          [](obedient_child& here) { here.child->standard_output().close(); }),
      waiting_in_steps<busy_child>("write a child's input", &write_input, nullptr,
                                   [](busy_child& here) { here.child.standard_input().close(); }),
      ending<obedient_child>("process::terminate",
                             [](obedient_child& here) -> rm::task<> { co_await here.child->terminate(); }),
      waiting_in_steps<deaf_child>(
          "process::terminate in vain", [](deaf_child& here) -> rm::task<> { co_await here.child.terminate(1h); },
          [](deaf_child& here) { here.child.standard_input().close(); }),
      waiting_in_steps<input_of_program>("run_process", &run_cat,
                                         [](input_of_program& here) { here.pipe.right.reset(); }),
      ending<input_of_program>("run_process to the end", &run_true),
  };
}

io_subject_list readiness_subjects() {
  return {
      waiting<awaited_signal>(
          "signal_set::next", [](awaited_signal& here) -> rm::task<> { co_await here.signals->next(); },
          [](awaited_signal&) { plain::raise(SIGWINCH); }, [](awaited_signal& here) { here.signals.reset(); }),
      waiting<empty_ends>(
          "readable", [](empty_ends& here) -> rm::task<> { co_await rm::readable(here.pipe.left); },
          [](empty_ends& here) { write_text(here.pipe.right, "x"); }, [](empty_ends& here) { here.pipe.left.reset(); }),
      waiting<empty_ends>(
          "readable by number", [](empty_ends& here) -> rm::task<> { co_await rm::readable(here.pipe.left.number()); },
          [](empty_ends& here) { write_text(here.pipe.right, "x"); }),
      waiting<full_ends>(
          "writable", [](full_ends& here) -> rm::task<> { co_await rm::writable(here.pipe.right); },
          [](full_ends& here) { drain(here.pipe.left); }, [](full_ends& here) { here.pipe.right.reset(); }),
      waiting<full_ends>(
          "readable_or_writable",
          [](full_ends& here) -> rm::task<> { co_await rm::readable_or_writable(here.pipe.right); },
          [](full_ends& here) { drain(here.pipe.left); }, [](full_ends& here) { here.pipe.right.reset(); }),
      waiting_in_steps<unset_timer>(
          "deadline_timer::wait", [](unset_timer& here) -> rm::task<> { co_await here.timer.wait(); },
          [](unset_timer& here) { here.timer.set_after(0s); }),
  };
}

}  // namespace

io_subject_list process_subjects() {
  io_subject_list all;
  if (!simulated_kernel_here()) all = child_subjects();  // there are no such programs
  for (io_subject_maker& one : readiness_subjects()) all.push_back(std::move(one));
  return all;
}

}  // namespace support
