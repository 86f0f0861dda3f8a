#include <ringmill/offload/detail/quarantine.hpp>

#include <algorithm>

namespace ringmill::detail {

quarantine::entry* quarantine::find(function_id function, std::uint64_t arguments) noexcept {
  for (entry& one : entries_) {
    if (one.function == function && one.arguments == arguments) return &one;
  }
  return nullptr;
}

bool quarantine::knows(function_id function) const noexcept {
  return std::any_of(entries_.begin(), entries_.end(),
                     [function](const entry& one) { return one.function == function; });
}

void quarantine::note(function_id function, std::uint64_t arguments, time_point now, const worker_crashed& death) {
  if (!is_on()) return;
  std::erase_if(entries_, [now](const entry& one) { return one.until <= now; });
  const time_point until = saturating_add(now, length_);
  if (entry* known = find(function, arguments)) {
    ++known->deaths;
    known->until = until;
    known->last = death;
    return;
  }
  if (entries_.size() == most_entries) entries_.erase(entries_.begin());
  entries_.push_back({function, arguments, 1, until, death});
}

std::optional<worker_crashed> quarantine::refuses(function_id function, std::uint64_t arguments, time_point now) {
  if (!knows(function)) return std::nullopt;
  const entry* known = find(function, arguments);
  if (!known || known->deaths < most_deaths || known->until <= now) return std::nullopt;
  const worker_crashed& last = known->last;
  return worker_crashed(last.pid(), last.wait_status(), last.usage(), last.output(), true);
}

}  // namespace ringmill::detail
