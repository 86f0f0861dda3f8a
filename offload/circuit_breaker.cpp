#include <ringmill/offload/detail/circuit_breaker.hpp>

#include <algorithm>

namespace ringmill::detail {

circuit_breaker::verdict circuit_breaker::judge(function_id function, time_point now) noexcept {
  const auto found = circuits_.find(function);
  if (found == circuits_.end() || !found->second.is_open) return verdict::run;
  circuit& here = found->second;
  if (here.probe_is_out || now < here.until) return verdict::refuse;
  here.probe_is_out = true;
  return verdict::probe;
}

circuit_open circuit_breaker::refusal(function_id function, time_point now) const {
  const circuit& here = circuits_.at(function);
  return circuit_open(deaths_, std::max(here.until - now, duration::zero()), *here.last);
}

void circuit_breaker::worker_died(function_id function, time_point now, const worker_crashed& death) {
  circuit& here = circuits_[function];
  here.last = death;
  if (!here.is_open) {
    std::erase_if(here.deaths, [&](time_point when) { return now - when > window_; });
    here.deaths.push_back(now);
    if (here.deaths.size() < deaths_) return;
  }
  here.is_open = true;
  here.probe_is_out = false;
  here.until = saturating_add(now, pause_);
  here.deaths.clear();
}

bool circuit_breaker::is_open(function_id function) const noexcept {
  const auto found = circuits_.find(function);
  return found != circuits_.end() && found->second.is_open;
}

void circuit_breaker::probe_was_lost(function_id function) noexcept {
  const auto found = circuits_.find(function);
  if (found != circuits_.end()) found->second.probe_is_out = false;
}

}  // namespace ringmill::detail
