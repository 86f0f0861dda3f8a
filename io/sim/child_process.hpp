// Programs that a simulated host can start as its children: what io/process.hpp spawns there.
//
//   world.program("upper", [](rm::sim::child_process& self) {
//     for (std::string text; !(text = self.read()).empty();) self.write(to_upper(text));
//     return 0;
//   });
//   world.host("one").start([]() -> rm::task<> {
//     rm::process child = rm::process::spawn(rm::process_options("upper").standard_input(rm::redirection::pipe()));
//     ...
//
// A program is an ordinary function, on a stack of its own, that asks `self` for everything; no coroutine, and no
// ringmill. Its calls block it and nobody else. What goes wrong with processes (fault::process_crash and its kind) may
// happen to it at each of them.
//
// Killed, it is unwound, so that its memory is given back, by an exception which it must not keep: throw on what a
// `catch (...)` has caught. What it does on the way no longer counts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/driver.hpp>

namespace ringmill::sim {

namespace detail {
class process;
}

/// A process as its own program sees it.
class RINGMILL_API child_process {
 public:
  explicit child_process(detail::process& behind) noexcept : process_(behind) {}
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  int id() const noexcept;
  /// The first is argument zero.
  const std::vector<std::string>& arguments() const noexcept;
  /// What process_options have set, and nothing else.
  std::optional<std::string> environment(std::string_view name) const;

  /// From standard input: blocks until there is something. 0: the end.
  std::size_t read(std::span<std::byte> into);
  /// The same, as text: at most `most` bytes; empty at the end.
  std::string read(std::size_t most = 4096);
  /// Without its newline; nothing at the end.
  std::optional<std::string> read_line();
  /// To standard output. Blocks until all of it is written. SIGPIPE kills the process when nobody can read it.
  void write(std::string_view text);
  void write_error(std::string_view text);
  /// Its reader gets the end.
  void close_output() noexcept;

  /// Virtual time passes: it sleeps, or computes.
  void sleep(duration length);
  /// As exit(3), unwinding the stack.
  [[noreturn]] void exit(int code);
  /// As if this signal had killed it: SIGSEGV for a bug in it, say.
  [[noreturn]] void die_of(int signal);

  /// SIGTERM and its kind kill a process that has not called one of these for it.
  void ignore_signal(int number);
  /// From now on kept for `wait_for_signal`.
  void handle_signal(int number);
  /// Blocks until one comes: its number; 0: none came so long.
  int wait_for_signal(duration most = duration::max());

  /// For ringmill's own simulated programs.
  detail::process& behind() noexcept { return process_; }

 private:
  detail::process& process_;
  std::string read_ahead_;
};

/// Gives the exit code. An exception that it throws ends the process with SIGABRT.
using child_program = std::function<int(child_process&)>;

}  // namespace ringmill::sim
