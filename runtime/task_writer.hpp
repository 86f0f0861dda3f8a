// What an awaiter tells of itself to: a line for each task, in the tree of tasks (runtime/inspect.hpp).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/driver.hpp>

namespace ringmill {

namespace detail {
class promise_base;
}  // namespace detail

class timer;

/// What an awaiter tells of itself to, in its `await_describe`.
class RINGMILL_API task_writer {
 public:
  /// What is waited for, as in "a semaphore"; `object`, if given, is shown as an address, to tell it from others.
  void text(std::string_view what, const void* object = nullptr);
  /// The same, with the time that is left until `deadline`.
  void until(std::string_view what, time_point deadline);
  void deadline(std::string_view what, const timer& item);
  /// A task that is awaited; it gets lines of its own below.
  void child(const detail::promise_base& task) { children_.push_back(&task); }
  /// An awaiter that is part of this one.
  template <class Awaiter>
  void inner(const Awaiter& object) {
    if constexpr (requires { object.await_describe(*this); }) object.await_describe(*this);
  }

  /// Lines for `root` and all below it, indented by `depth` steps.
  void tree(const detail::promise_base& root, std::size_t depth);
  std::string take() noexcept { return std::move(text_); }

 private:
  static constexpr std::size_t most_tasks = 10'000;
  static constexpr std::size_t deepest_indent = 40;  ///< or a long chain would be mostly blanks
  void line(const detail::promise_base& task, std::size_t depth);

  std::string text_;
  std::vector<const detail::promise_base*> children_;  ///< of the task whose line is being written
  std::size_t tasks_ = 0;
  std::size_t left_out_ = 0;
};

}  // namespace ringmill
