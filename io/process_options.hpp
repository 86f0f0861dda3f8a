// What to start, and with what around it: for process::spawn and run_process (io/process.hpp).
//
//   rm::process_options options("sort");
//   options.arguments({"--unique", "names.txt"}).environment("LC_ALL", "C").standard_output(rm::redirection::pipe());
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// Where a standard stream of a child leads.
class redirection {
 public:
  /// To where the parent's leads: what is done where nothing else is said.
  static redirection inherit() noexcept { return redirection(kind::inherit); }
  /// /dev/null: reads give the end, what is written is gone.
  static redirection null() noexcept { return redirection(kind::null); }
  /// To the parent, see process::standard_input() and its siblings.
  static redirection pipe() noexcept { return redirection(kind::pipe); }
  /// To what this descriptor is; it stays the caller's, and must be open until `spawn` has come back.
  static redirection descriptor(int number) noexcept { return redirection(kind::descriptor, number); }
  /// For standard error: to where standard output leads.
  static redirection to_standard_output() noexcept { return redirection(kind::standard_output); }

  enum class kind { inherit, null, pipe, descriptor, standard_output };
  kind what() const noexcept { return kind_; }
  int number() const noexcept { return number_; }

 private:
  explicit redirection(kind what, int number = -1) noexcept : kind_(what), number_(number) {}
  kind kind_;
  int number_;
};

/// A program and what it finds when it starts. No shell is involved: arguments are passed on as they are.
///
/// The child gets its three standard streams and no other descriptor, whether or not those have O_CLOEXEC; no blocked
/// signals; and the default action for every signal, also for those that the parent ignores.
class RINGMILL_API process_options {
 public:
  /// A path if there is a slash in it, relative to the child's working directory; else a name that is looked for in the
  /// parent's PATH.
  explicit process_options(std::string program) : program_(std::move(program)) {}

  process_options& argument(std::string text) { return arguments_.push_back(std::move(text)), *this; }
  /// Without the program itself, which is argument zero.
  process_options& arguments(std::vector<std::string> all) { return arguments_ = std::move(all), *this; }

  /// Argument zero, which `ps` shows, where it is not to be the program.
  process_options& argument_zero(std::string text) { return argument_zero_ = std::move(text), *this; }

  /// The environment is the parent's at the call of `spawn`, with these changes.
  process_options& environment(std::string name, std::string value);
  process_options& remove_environment(std::string name);
  /// Starts from nothing instead of the parent's.
  process_options& clear_environment() noexcept { return inherits_environment_ = false, *this; }

  process_options& working_directory(std::string path) { return directory_ = std::move(path), *this; }

  process_options& standard_input(redirection where) noexcept { return input_ = where, *this; }
  process_options& standard_output(redirection where) noexcept { return output_ = where, *this; }
  process_options& standard_error(redirection where) noexcept { return error_ = where, *this; }

  /// It leads a process group of its own: Ctrl-C on the terminal does not reach it, and `kill` and `terminate` reach
  /// whatever it starts, too (but for what makes a group of its own in turn), as does the end of the `process`.
  process_options& new_group() noexcept { return group_ = group::process_group, *this; }
  /// It leads a session of its own, without a terminal (setsid(2)); which is a group as well.
  process_options& new_session() noexcept { return group_ = group::session, *this; }

  /// The signal that it gets when the thread that spawned it ends, be it by a crash (PR_SET_PDEATHSIG). Not passed on
  /// to what it starts; lost if it is a setuid program.
  process_options& parent_death_signal(int number) noexcept { return parent_death_signal_ = number, *this; }

  // For spawn.

  enum class group { inherited, process_group, session };
  using environment_change = std::pair<std::string, std::optional<std::string>>;  ///< no value: removed

  const std::string& program() const noexcept { return program_; }
  const std::vector<std::string>& arguments() const noexcept { return arguments_; }
  const std::string& argument_zero() const noexcept { return argument_zero_ ? *argument_zero_ : program_; }
  const std::vector<environment_change>& environment_changes() const noexcept { return environment_; }
  bool inherits_environment() const noexcept { return inherits_environment_; }
  const std::string& working_directory() const noexcept { return directory_; }
  const std::optional<redirection>& standard_input() const noexcept { return input_; }
  const std::optional<redirection>& standard_output() const noexcept { return output_; }
  const std::optional<redirection>& standard_error() const noexcept { return error_; }
  group own_group() const noexcept { return group_; }
  int parent_death_signal() const noexcept { return parent_death_signal_; }

 private:
  std::string program_;
  std::vector<std::string> arguments_;
  std::optional<std::string> argument_zero_;
  std::vector<environment_change> environment_;
  bool inherits_environment_ = true;
  std::string directory_;
  std::optional<redirection> input_;
  std::optional<redirection> output_;
  std::optional<redirection> error_;
  group group_ = group::inherited;
  int parent_death_signal_ = 0;
};

}  // namespace ringmill
