// What a task can look up about where it runs: deadlines, names and task-local values of what surrounds it.
//
// Each `with_timeout`, `named` and `task_local::with` puts a node into its own awaiter, in front of those outside. A
// task takes over the innermost node when it is started, and so do all that it starts; since whoever awaits outlives
// what it awaits, no node dies before its last reader.
#pragma once

#include <cstdint>
#include <optional>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/driver.hpp>
#include <ringmill/runtime/run_queue.hpp>

namespace ringmill::detail {

/// One node; derived classes hold what it says.
class context_node {
 public:
  enum class kind : std::uint8_t { deadline, value, name };

  context_node(const context_node&) = delete;
  context_node& operator=(const context_node&) = delete;

  kind what() const noexcept { return kind_; }
  const context_node* outer() const noexcept { return outer_; }
  /// Puts it in front of `outer`; when what it is for is started.
  void enter(const context_node* outer) noexcept { outer_ = outer; }

 protected:
  explicit context_node(kind what) noexcept : kind_(what) {}
  ~context_node() = default;

 private:
  const context_node* outer_ = nullptr;
  kind kind_;
};

class deadline_node : public context_node {
 public:
  deadline_node() noexcept : context_node(kind::deadline) {}
  time_point deadline = time_point::max();
};

/// A value of the task_local that has this key (runtime/task_local.hpp).
class value_node : public context_node {
 public:
  std::uint64_t key() const noexcept { return key_; }

 protected:
  explicit value_node(std::uint64_t key) noexcept : context_node(kind::value), key_(key) {}
  ~value_node() = default;

 private:
  std::uint64_t key_;
};

/// Never given twice in a process.
RINGMILL_API std::uint64_t new_value_key() noexcept;
/// The innermost around the running task; null if there is none.
RINGMILL_API const value_node* find_value(std::uint64_t key) noexcept;

/// Surrounds what `who` starts with `node`, for as long as this lives: during the `await_suspend` of what is inside.
class context_scope {
 public:
  context_scope(waiter& who, context_node& node) noexcept : who_(who), outer_(who.context()) {
    node.enter(outer_);
    who.exchange_context(&node);
  }
  ~context_scope() { who_.exchange_context(outer_); }
  context_scope(const context_scope&) = delete;
  context_scope& operator=(const context_scope&) = delete;

 private:
  waiter& who_;
  const context_node* outer_;
};

}  // namespace ringmill::detail

namespace ringmill {

/// The earliest deadline that surrounds the running task (`with_timeout`, `with_deadline`, `move_on_after`); nothing if
/// there is none, or outside of a task. Does not suspend.
RINGMILL_API std::optional<time_point> current_deadline() noexcept;

}  // namespace ringmill
