// The ready queue: what the loop will run next, in the order in which it became ready.
//
// Whatever happens (a completion, a timer, a released lock, a cancel), its only effect is that a waiter is pushed here.
// Only the loop pops and runs; so there is no re-entrancy to reason about and the stack stays bounded.
#pragma once

#include <cstdint>
#include <utility>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/error.hpp>

namespace ringmill {

class loop;
class run_queue;

namespace detail {
/// The loop that runs on this thread, and its ready queue, or null.
RINGMILL_API extern constinit thread_local loop* current_loop;
RINGMILL_API extern constinit thread_local run_queue* current_ready_queue;
class promise_base;
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

 protected:
  enum class kind : std::uint8_t { coroutine, callback };
  explicit waiter(kind what) noexcept : kind_(what) {}
  ~waiter() = default;

 private:
  friend class loop;
  friend class run_queue;

  waiter* next_ = nullptr;
  kind kind_;
  bool woken_ = false;
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
  RINGMILL_CHECK(detail::current_ready_queue, "a task was woken outside of its loop's thread");
  woken_ = true;
  detail::current_ready_queue->push(*this);
}

}  // namespace ringmill
