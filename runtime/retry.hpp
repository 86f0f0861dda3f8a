// retry: again, after a while, as long as it fails.
//
//   const auto policy = rm::retry_policy().attempts(5).first_delay(100ms);
//   std::string page = co_await rm::retry(policy, fetch, url);
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/chrono.hpp>
#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/detail/owned_ptr.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill {

/// How often, how soon, and after which errors. The delay before the n-th repetition is first_delay * factor^(n-1), but
/// at most largest_delay, and then spread by the jitter.
class retry_policy {
 public:
  using predicate = std::function<bool(const std::exception_ptr&)>;

  retry_policy() noexcept {}

  /// Calls at most, the first one among them; 3 by default. Throws std::invalid_argument for 0.
  retry_policy& attempts(unsigned count) {
    if (count == 0) throw std::invalid_argument("retry_policy::attempts: at least 1, the first call");
    return attempts_ = count, *this;
  }
  /// 100 ms by default; zero or less: no delay at all.
  retry_policy& first_delay(duration length) noexcept { return first_delay_ = length, *this; }
  /// 2 by default. Throws std::invalid_argument below 1.
  retry_policy& factor(double by) {
    if (!(by >= 1)) throw std::invalid_argument("retry_policy::factor: at least 1, or the delays would shrink");
    return factor_ = by, *this;
  }
  /// 30 seconds by default; before the jitter.
  retry_policy& largest_delay(duration length) noexcept { return largest_delay_ = length, *this; }
  /// Each delay is multiplied by a number drawn uniformly from [1 - part, 1 + part); 0 by default. Throws
  /// std::invalid_argument if it is not from 0 to 1.
  retry_policy& jitter(double part) {
    if (!(part >= 0 && part <= 1)) throw std::invalid_argument("retry_policy::jitter: from 0 to 1");
    return jitter_ = part, *this;
  }
  /// Makes the jitter the same in each retry; without it each draws its own.
  retry_policy& seed(std::uint64_t value) noexcept { return seed_ = value, *this; }
  /// Called with each error but the last: is it worth another try? By default every one is.
  retry_policy& retry_if(predicate call) { return again_ = std::move(call), *this; }

  unsigned attempts() const noexcept { return attempts_; }
  duration first_delay() const noexcept { return first_delay_; }
  double factor() const noexcept { return factor_; }
  duration largest_delay() const noexcept { return largest_delay_; }
  double jitter() const noexcept { return jitter_; }
  const std::optional<std::uint64_t>& seed() const noexcept { return seed_; }
  bool is_worth_a_retry(const std::exception_ptr& error) const { return !again_ || again_(error); }

 private:
  unsigned attempts_ = 3;
  duration first_delay_ = std::chrono::milliseconds(100);
  double factor_ = 2;
  duration largest_delay_ = std::chrono::seconds(30);
  double jitter_ = 0;
  std::optional<std::uint64_t> seed_;
  predicate again_;
};

namespace detail {

/// The delays of one retry, one after the other.
class RINGMILL_API retry_delays {
 public:
  explicit retry_delays(const retry_policy& policy);
  retry_delays(const retry_delays&) = delete;
  retry_delays& operator=(const retry_delays&) = delete;
  ~retry_delays();

  duration next();

 private:
  class jitter;

  double delay_;
  double factor_;
  double largest_;
  owned_ptr<jitter> jitter_;  ///< null: none
};

}  // namespace detail

/// co_await it: gives what `co_await function(args...)` gives; calls it again, after a delay, when it throws; throws
/// the last error when there are no attempts left or the policy says so. A cancel ends it at once. Callable and
/// arguments are kept, and passed as lvalues: they are used more than once.
template <class Function, class... Args>
task<await_result_t<std::invoke_result_t<Function&, Args&...>>> retry(retry_policy policy, Function function,
                                                                      Args... args) {
  detail::retry_delays delays(policy);
  for (unsigned attempt = 1;; ++attempt) {
    try {
      co_return co_await detail::invoke(function, args...);
    } catch (...) {
      if (attempt == policy.attempts() || !policy.is_worth_a_retry(std::current_exception())) throw;
    }
    co_await sleep_for(delays.next());
  }
}

}  // namespace ringmill
