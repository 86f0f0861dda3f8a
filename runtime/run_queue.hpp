// The ready queue: what the loop will run next, in the order in which it became ready.
//
// Whatever happens (a completion, a timer, a released lock, a cancel), its only effect is that a waiter is pushed here.
// Only the loop pops and runs; so there is no re-entrancy to reason about and the stack stays bounded.
#pragma once

#include <cstdint>
#include <utility>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/thread_state.hpp>

namespace ringmill {

namespace detail {
class context_node;
}  // namespace detail

/// Something that waits to be run once: a suspended coroutine, or a combinator's note about one of its children.
/// Must stay where it is, and alive, from `wake` until the loop has run it.
class RINGMILL_API waiter {
 public:
  waiter(const waiter&) = delete;
  waiter& operator=(const waiter&) = delete;

  /// Pushes this on the ready queue of the thread's loop, and does nothing else. At most once for each suspension.
  inline void wake() noexcept;

  /// Woken, and not run yet. What it waited for has happened: a cancel that comes now comes too late.
  bool is_woken() const noexcept { return woken_; }

  /// A coroutine, then its promise; else part of an awaiter.
  bool is_coroutine() const noexcept { return kind_ == kind::coroutine; }

  /// What surrounds it (runtime/context.hpp). An awaiter may look at it inside of `await_suspend` only.
  const detail::context_node* context() const noexcept { return context_; }
  /// From then on that is what surrounds what it starts; gives what did before. An awaiter that adds a node sets it
  /// around the `await_suspend` of what is inside of it, and puts the old one back.
  const detail::context_node* exchange_context(const detail::context_node* now) noexcept {
    return std::exchange(context_, now);
  }

 protected:
  enum class kind : std::uint8_t { coroutine, callback };
  explicit waiter(kind what) noexcept : kind_(what), home_(detail::this_thread.loop_id) {}
  ~waiter() = default;

 private:
  friend class loop;
  friend class run_queue;

  waiter* next_ = nullptr;
  const detail::context_node* context_ = nullptr;
  kind kind_;
  bool woken_ = false;

 protected:
  std::uint16_t home_;  ///< the number of the loop that it belongs to, or 0: not known yet
};

/// A waiter that calls a function from the loop. For combinators; the function must not resume anything.
class callback_waiter : public waiter {
 public:
  using function = void (*)(callback_waiter&) noexcept;
  explicit callback_waiter(function call) noexcept : waiter(kind::callback), call_(call) {}

 private:
  friend class loop;
  function call_;
};

/// Intrusive first-in, first-out list of waiters.
class run_queue {
 public:
  bool empty() const noexcept { return head_ == nullptr; }

  void push(waiter& item) noexcept {
    item.next_ = nullptr;
    (tail_ ? tail_->next_ : head_) = &item;
    tail_ = &item;
  }

  waiter* pop() noexcept {
    waiter* item = head_;
    if (item) {
      head_ = item->next_;
      if (!head_) tail_ = nullptr;
    }
    return item;
  }

  /// All of it, leaving this empty.
  run_queue take() noexcept {
    run_queue all;
    std::swap(all.head_, head_);
    std::swap(all.tail_, tail_);
    return all;
  }

 private:
  waiter* head_ = nullptr;
  waiter* tail_ = nullptr;
};

inline void waiter::wake() noexcept {
  RINGMILL_CHECK(!woken_, "a waiter was woken twice: its awaiter owes it exactly one wake");
  run_queue* const ready = detail::this_thread.ready;
  RINGMILL_CHECK(ready && (home_ == 0 || home_ == detail::this_thread.loop_id),
                 "a task was woken outside of its loop's thread: use loop::post");
  woken_ = true;
  ready->push(*this);
}

}  // namespace ringmill
