// watch: the latest value of something that changes, and a way to wait for the next.
//
//   rm::watch<settings> current(load());
//   rm::watch<settings>::observer mine = current.observe();
//   while (co_await mine.changed()) apply(mine.get());  // ends after current.close()
//
// Who is slow skips the values in between. To see every one use broadcast.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/parking.hpp>

namespace ringmill {

/// Belongs to one loop; must outlive its observers (checked).
template <class T>
class watch {
 public:
  /// Remembers which value it has seen: at first the one that is there when it is made. Empty if it was moved from;
  /// must stay where it is while a task waits for it (checked).
  class observer {
   public:
    class [[nodiscard]] changed_awaiter {
     public:
      explicit changed_awaiter(observer& owner) noexcept : observer_(owner) {}
      changed_awaiter(const changed_awaiter& other) noexcept : changed_awaiter(other.observer_) {}
      ~changed_awaiter() { stop_waiting(); }

      bool await_ready() const {
        const watch& owner = observer_.owner();
        return owner.closed_ || observer_.seen_ != owner.version_;
      }
      bool await_suspend(waiter& who) noexcept {
        observer_.owner_->waiters_.park(place_, who);
        ++observer_.waiting_;
        waiting_ = true;
        return true;
      }
      bool await_resume() noexcept {
        stop_waiting();
        const watch& owner = *observer_.owner_;
        // A closed one may have been set before. An open one has been, or this would not have been woken.
        const bool is_newer = !owner.closed_ || observer_.seen_ != owner.version_;
        observer_.seen_ = owner.version_;
        return is_newer;
      }
      cancel_result await_cancel(cancel_reason) noexcept {
        observer_.owner_->waiters_.leave(place_);
        stop_waiting();
        return cancel_result::done();
      }
      bool await_must_resume() const noexcept { return true; }
      void await_describe(task_writer& out) const { out.text("a change of a watch", observer_.owner_); }

     private:
      void stop_waiting() noexcept {
        if (std::exchange(waiting_, false)) --observer_.waiting_;
      }
      observer& observer_;
      detail::parked place_;
      bool waiting_ = false;
    };

    observer(observer&& other) noexcept { take(other); }
    observer& operator=(observer&& other) noexcept {
      if (this != &other) {
        leave();
        take(other);
      }
      return *this;
    }
    ~observer() { leave(); }

    /// co_await it: true when there is a value that is newer than the last one that this has seen, which counts as seen
    /// then; false if the watch is closed and there is none. Suspends only if neither is so. Throws std::logic_error if
    /// this is empty.
    changed_awaiter changed() noexcept { return changed_awaiter(*this); }

    /// The latest value, which counts as seen. Good until the next `set`: do not keep it across a co_await. Throws
    /// std::logic_error if this is empty.
    const T& get() {
      const watch& source = owner();
      seen_ = source.version_;
      return source.value_;
    }

   private:
    friend class watch;
    explicit observer(watch& owner) noexcept : owner_(&owner), seen_(owner.version_) { ++owner.observers_; }

    const watch& owner() const {
      if (!owner_) throw std::logic_error("an observer of a watch was used that was moved from");
      return *owner_;
    }
    void take(observer& other) noexcept {
      other.check_idle();
      owner_ = std::exchange(other.owner_, nullptr);
      seen_ = other.seen_;
    }
    void leave() noexcept {
      check_idle();
      if (owner_) --std::exchange(owner_, nullptr)->observers_;
    }
    void check_idle() const noexcept {
      RINGMILL_CHECK(waiting_ == 0,
                     "an observer was moved or destroyed while a task waits for it: it must outlive that");
    }

    watch* owner_ = nullptr;
    std::uint64_t seen_ = 0;
    std::size_t waiting_ = 0;
  };

  explicit watch(T initial) : value_(std::move(initial)) {}
  watch(const watch&) = delete;
  watch& operator=(const watch&) = delete;
  ~watch() {
    RINGMILL_CHECK(observers_ == 0, "a watch was destroyed before its observers: declare it in front of them");
  }

  /// For one task, or one place in the program, that wants to hear of changes.
  [[nodiscard]] observer observe() noexcept { return observer(*this); }

  /// Every call is a change, also to an equal value. Only enqueues. Throws std::logic_error, and changes nothing, if it
  /// is closed.
  void set(T value) {
    if (closed_) throw std::logic_error("watch::set() after its close()");
    value_ = std::move(value);
    ++version_;
    wake_all();
  }

  /// The latest value. Good until the next `set`: do not keep it across a co_await.
  const T& get() const noexcept { return value_; }

  /// The value stays as it is from now on. Observers get it if they have not, and are told then. Idempotent; only
  /// enqueues.
  void close() noexcept {
    closed_ = true;
    wake_all();
  }
  bool is_closed() const noexcept { return closed_; }

  std::size_t observers() const noexcept { return observers_; }

 private:
  void wake_all() noexcept {
    while (!waiters_.empty()) waiters_.wake_front();
  }

  T value_;
  std::uint64_t version_ = 0;
  detail::parking_list waiters_;
  std::size_t observers_ = 0;
  bool closed_ = false;
};

}  // namespace ringmill
