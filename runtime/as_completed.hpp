// as_completed: the results of many tasks, in the order in which they end.
//
//   co_await rm::as_completed<page>([&](rm::completions<page>& pages) -> rm::task<> {
//     for (const std::string& url : urls) pages.start(fetch, url);
//     while (auto done = co_await pages.next()) use(done->index(), done->outcome().value());
//   });
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/log.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/parking.hpp>
#include <ringmill/runtime/result.hpp>

namespace ringmill {

/// How one of the tasks ended.
template <class T>
class completion {
 public:
  completion(std::size_t index, result<T> outcome) : index_(index), outcome_(std::move(outcome)) {}

  /// Its place in the order of the starts, from 0.
  std::size_t index() const noexcept { return index_; }
  /// Its value or its error.
  result<T>& outcome() noexcept { return outcome_; }
  const result<T>& outcome() const noexcept { return outcome_; }

 private:
  std::size_t index_;
  result<T> outcome_;
};

/// Tasks that give a T each, and their results. Made by `as_completed`, for the body that it is given to.
template <class T>
class completions {
  class place : public detail::parked {
   public:
    std::optional<completion<T>> handed_over;
  };

 public:
  class [[nodiscard]] next_awaiter {
   public:
    explicit next_awaiter(completions& from) noexcept : from_(from) {}
    next_awaiter(const next_awaiter& other) noexcept : from_(other.from_) {}
    bool await_ready() const noexcept { return !from_.ended_.empty() || from_.running_ == 0; }
    bool await_suspend(waiter& who) noexcept {
      waits_ = true;
      from_.waiters_.park(place_, who);
      return true;
    }
    std::optional<completion<T>> await_resume() { return waits_ ? std::move(place_.handed_over) : from_.take(); }
    cancel_result await_cancel(cancel_reason) noexcept {
      from_.waiters_.leave(place_);
      return cancel_result::done();
    }
    bool await_must_resume() const noexcept { return true; }
    void await_describe(task_writer& out) const { out.text("the next of several results"); }

   private:
    completions& from_;
    place place_;
    bool waits_ = false;
  };

  completions() = default;
  completions(const completions&) = delete;
  completions& operator=(const completions&) = delete;
  ~completions() {
    for (const completion<T>& one : ended_) {
      if (!one.outcome().has_error()) continue;
      log(log_level::warning, {"an as_completed had one more error"}, one.outcome().error());
    }
  }

  /// Starts `function(args...)`, as nursery::start does, and gives its index. What it throws is its outcome.
  template <class Function, class... Args>
  std::size_t start(Function&& function, Args&&... args) {
    group_.start(&carry<std::decay_t<Function>, std::decay_t<Args>...>, this, next_index_,
                 std::decay_t<Function>(std::forward<Function>(function)),
                 std::decay_t<Args>(std::forward<Args>(args))...);
    ++running_;
    return next_index_++;
  }

  /// co_await it: the result of the one that ended first among those not taken yet; nothing if none is left and none
  /// runs. First come, first served.
  next_awaiter next() noexcept { return next_awaiter(*this); }

  /// How many have not ended.
  std::size_t running() const noexcept { return running_; }

 private:
  template <class U, class Body>
  friend task<> as_completed(Body body);

  template <class Function, class... Args>
  static task<> carry(completions* self, std::size_t index, Function function, Args... args) {
    auto outcome = as_result(detail::invoke(function, std::move(args)...));
    self->add(completion<T>(index, co_await std::move(outcome)));
  }

  void add(completion<T> one) {
    --running_;
    if (waiters_.empty()) {
      ended_.push_back(std::move(one));
      return;
    }
    static_cast<place*>(waiters_.front())->handed_over.emplace(std::move(one));
    waiters_.wake_front();
    while (running_ == 0 && !waiters_.empty()) waiters_.wake_front();  // there is nothing to come for these
  }

  std::optional<completion<T>> take() {
    if (ended_.empty()) return std::nullopt;
    std::optional<completion<T>> first(std::move(ended_.front()));
    ended_.pop_front();
    return first;
  }

  nursery group_;
  std::deque<completion<T>> ended_;
  detail::parking_list waiters_;
  std::size_t running_ = 0;
  std::size_t next_index_ = 0;
};

/// co_await it: runs `body(completions<T>&)`, which gives a task<>, starts tasks and takes their results. When it ends,
/// early or with an error, the tasks that still run are cancelled; comes back when they have ended, with the body's
/// error. Errors of tasks that nobody took are logged.
template <class T, class Body>
task<> as_completed(Body body) {
  completions<T> all;
  auto until_body_ends = [&]() -> task<> {
    co_await detail::invoke(body, all);
    all.group_.cancel(cancel_reason("the body of its as_completed has ended"));
  };
  co_await all.group_.run(until_body_ends);
}

/// The same, with all of `tasks` started, in order, before the body runs.
template <awaiter Inner, class Body>
task<> as_completed(std::vector<Inner> tasks, Body body) {
  using value_type = await_result_t<Inner>;
  auto start_all = [&](completions<value_type>& all) -> task<> {
    for (Inner& one : tasks) all.start([](Inner inner) { return inner; }, std::move(one));
    co_await detail::invoke(body, all);
  };
  co_await as_completed<value_type>(std::ref(start_all));
}

}  // namespace ringmill
