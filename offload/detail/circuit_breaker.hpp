// Which functions have been at so many workers' deaths lately, whatever their arguments, that they are not run for a
// while.
//
// Closed: calls run, and deaths are counted. With the last of `deaths` within `window` it opens: calls are refused.
// After `pause` one call is let through, the probe, and while that is out the others are refused. If it comes back the
// function is as good as new; if its worker dies too, the pause begins again; if it ends otherwise (a cancel, a
// deadline) the next call is the probe.
#pragma once

#include <cstddef>
#include <optional>
#include <unordered_map>
#include <vector>

#include <ringmill/offload/error.hpp>
#include <ringmill/offload/registry.hpp>
#include <ringmill/runtime/driver.hpp>

namespace ringmill::detail {

/// Knows only functions that have killed a worker.
class circuit_breaker {
 public:
  /// `deaths` zero: none.
  circuit_breaker(std::size_t deaths, duration window, duration pause) noexcept
      : deaths_(deaths), window_(window), pause_(pause) {}

  bool is_on() const noexcept { return deaths_ != 0; }
  enum class verdict { run, probe, refuse };
  /// For each call before it runs. Whose call is the probe has to say how that ended.
  verdict judge(function_id function, time_point now) noexcept;
  /// Refused calls get this. Only after `refuse`.
  circuit_open refusal(function_id function, time_point now) const;

  /// A worker has died of a call.
  void worker_died(function_id function, time_point now, const worker_crashed& death);
  /// Is it not run now, but for a probe?
  bool is_open(function_id function) const noexcept;
  /// The probe has come back, with a value or an error of its own.
  void probe_came_back(function_id function) noexcept { circuits_.erase(function); }
  /// It has ended otherwise, and nothing is known.
  void probe_was_lost(function_id function) noexcept;

 private:
  struct circuit {
    std::vector<time_point> deaths;  ///< while it is closed
    bool is_open = false;
    bool probe_is_out = false;
    time_point until;  ///< refused till then, if it is open
    std::optional<worker_crashed> last;
  };

  std::size_t deaths_;
  duration window_;
  duration pause_;
  std::unordered_map<function_id, circuit> circuits_;
};

}  // namespace ringmill::detail
