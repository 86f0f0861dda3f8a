// shared_mutex: many readers or one writer at a time, across suspensions.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/parking.hpp>

namespace ringmill {

/// First come, first served: a writer that waits holds back the readers that come after it, and readers that stand in
/// line next to each other are let in together. What is let in owns the mutex before it runs: nobody can overtake it,
/// and a cancel that comes after leaves it an owner until its next suspension. No upgrade from reader to writer: two
/// that tried would wait for each other. Must outlive its guards and waiters.
class shared_mutex {
  enum class access : bool { shared, exclusive };

  /// A place in the queue: who is let in finds its guard filled.
  class place : public detail::parked {
   public:
    place(access kind, shared_mutex*& into) noexcept : kind_(kind), into_(into) {}
    access kind() const noexcept { return kind_; }
    void fill(shared_mutex& owner) const noexcept { into_ = &owner; }

   private:
    access kind_;
    shared_mutex*& into_;
  };

  template <access Kind>
  class [[nodiscard]] basic_guard {
   public:
    basic_guard() noexcept = default;
    basic_guard(basic_guard&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    basic_guard& operator=(basic_guard&& other) noexcept {
      if (this != &other) {
        unlock();
        owner_ = std::exchange(other.owner_, nullptr);
      }
      return *this;
    }
    ~basic_guard() { unlock(); }

    /// Before the end of its scope; nothing happens if it is empty. Only enqueues.
    void unlock() noexcept {
      if (owner_) std::exchange(owner_, nullptr)->release(Kind);
    }
    bool owns_lock() const noexcept { return owner_ != nullptr; }

   private:
    friend class shared_mutex;
    shared_mutex* owner_ = nullptr;
  };

  template <access Kind>
  class [[nodiscard]] basic_awaiter {
   public:
    explicit basic_awaiter(shared_mutex& owner) noexcept : mutex_(owner), place_(Kind, guard_.owner_) {}
    basic_awaiter(const basic_awaiter& other) noexcept : basic_awaiter(other.mutex_) {}
    bool await_ready() noexcept { return mutex_.take(guard_); }
    bool await_suspend(waiter& who) noexcept {
      mutex_.waiters_.park(place_, who);
      return true;
    }
    basic_guard<Kind> await_resume() noexcept { return std::move(guard_); }
    cancel_result await_cancel(cancel_reason) noexcept {
      mutex_.waiters_.leave(place_);
      mutex_.let_in();  // readers may have stood behind this writer
      return cancel_result::done();
    }
    bool await_must_resume() const noexcept { return true; }
    void await_describe(task_writer& out) const {
      out.text(Kind == access::exclusive ? "a shared_mutex, to write" : "a shared_mutex, to read", &mutex_);
    }

   private:
    shared_mutex& mutex_;
    basic_guard<Kind> guard_;
    place place_;
  };

 public:
  /// Holds the mutex alone; its destructor unlocks. Move-only; empty if made so, moved from or unlocked.
  using guard = basic_guard<access::exclusive>;
  /// Holds the mutex together with other readers; else the same.
  using shared_guard = basic_guard<access::shared>;
  using lock_awaiter = basic_awaiter<access::exclusive>;
  using lock_shared_awaiter = basic_awaiter<access::shared>;

  shared_mutex() noexcept = default;
  shared_mutex(const shared_mutex&) = delete;
  shared_mutex& operator=(const shared_mutex&) = delete;
  ~shared_mutex() {
    RINGMILL_CHECK(waiters_.empty(), "a shared_mutex was destroyed while tasks wait for it: it must outlive them");
    RINGMILL_CHECK(!writer_ && readers_ == 0,
                   "a shared_mutex was destroyed while it is locked: destroy or unlock() its guards first");
  }

  /// co_await it: gives a guard; suspends unless nobody else is in.
  lock_awaiter lock() noexcept { return lock_awaiter(*this); }
  /// co_await it: gives a shared_guard; suspends if a writer is in, or anyone waits.
  lock_shared_awaiter lock_shared() noexcept { return lock_shared_awaiter(*this); }

  /// A guard if `lock` would not suspend, else nothing.
  [[nodiscard]] std::optional<guard> try_lock() noexcept { return try_take<access::exclusive>(); }
  /// A shared_guard if `lock_shared` would not suspend, else nothing.
  [[nodiscard]] std::optional<shared_guard> try_lock_shared() noexcept { return try_take<access::shared>(); }

  /// How many readers are in.
  std::size_t readers() const noexcept { return readers_; }
  /// Is a writer in?
  bool is_locked() const noexcept { return writer_; }

 private:
  bool enter(access kind) noexcept {
    if (writer_ || (kind == access::exclusive && readers_ != 0)) return false;
    if (kind == access::exclusive) {
      writer_ = true;
    } else {
      ++readers_;
    }
    return true;
  }

  template <access Kind>
  bool take(basic_guard<Kind>& into) noexcept {
    if (!waiters_.empty() || !enter(Kind)) return false;
    into.owner_ = this;
    return true;
  }

  template <access Kind>
  std::optional<basic_guard<Kind>> try_take() noexcept {
    std::optional<basic_guard<Kind>> held(std::in_place);
    if (!take(*held)) held.reset();
    return held;
  }

  void release(access kind) noexcept {
    if (kind == access::exclusive) {
      writer_ = false;
    } else {
      --readers_;
    }
    let_in();
  }

  void let_in() noexcept {
    while (!waiters_.empty()) {
      const place& first = *static_cast<place*>(waiters_.front());
      if (!enter(first.kind())) return;
      first.fill(*this);
      waiters_.wake_front();
    }
  }

  bool writer_ = false;
  std::size_t readers_ = 0;
  detail::parking_list waiters_;
};

}  // namespace ringmill
