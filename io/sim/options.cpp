#include <ringmill/io/sim/options.hpp>

#include <algorithm>

#include <ringmill/io/sim/random.hpp>

namespace ringmill::sim {

namespace {

/// In the order of the enumeration; and the most that a swarm makes of it, in a thousand.
struct kind_of_fault {
  std::string_view name;
  unsigned most;
};
constexpr std::array<kind_of_fault, fault_kinds> kinds = {{
    {"short_read", 300},       {"short_write", 300},      {"late_completion", 30},  {"reset", 4},
    {"early_end", 4},          {"refused", 50},           {"connect_timeout", 30},  {"unreachable", 30},
    {"accept_error", 100},     {"no_descriptor", 20},     {"no_buffer", 100},       {"multishot_end", 200},
    {"interrupted_enter", 50}, {"busy_enter", 50},        {"partial_submit", 50},   {"missed_cancel", 300},
    {"late_cancel", 500},      {"lost_datagram", 100},    {"doubled_datagram", 50}, {"late_datagram", 100},
    {"slow_loopback", 200},    {"stalled_host", 5},       {"disk_error", 20},       {"disk_full", 20},
    {"short_disk_read", 200},  {"short_disk_write", 200}, {"no_process", 100},      {"process_crash", 5},
    {"process_hang", 2},       {"process_stall", 5},      {"ignored_signal", 300},  {"worker_lie", 20},
    {"wall_clock_jump", 100},  {"watch_overflow", 20},    {"clock_jump", 0},        {"no_memory", 0},
}};

constexpr std::size_t first_of_disks = static_cast<std::size_t>(fault::disk_error);
constexpr std::size_t first_of_processes = static_cast<std::size_t>(fault::no_process);
constexpr std::size_t end_of_swarm = static_cast<std::size_t>(fault::clock_jump);

}  // namespace

std::string_view name_of(fault kind) noexcept { return kinds[static_cast<std::size_t>(kind)].name; }

options options::swarm(std::uint64_t seed) {
  random_source random(detail::mix(seed) ^ 0x7377'6172'6dU);
  options made;
  const auto draw_rates = [&](std::size_t first, std::size_t end) {
    for (std::size_t kind = first; kind < end; ++kind) {
      const bool is_on = random.chance(500);
      const auto rate = static_cast<unsigned>(random.between(1, kinds[kind].most));
      if (is_on) made.rates_[kind] = rate;
    }
  };
  draw_rates(0, first_of_disks);
  constexpr std::array<std::int64_t, 4> slowest_ms = {0, 1, 10, 100};
  const auto most = std::chrono::milliseconds(slowest_ms[random.below(slowest_ms.size())]);
  made.latency(most / 4, most + std::chrono::microseconds(500));
  constexpr std::array<std::size_t, 4> capacities = {1, 100, 4096, 65536};
  const std::size_t capacity = capacities[random.below(capacities.size())];
  made.stream_capacity(most > std::chrono::milliseconds(1) ? std::max<std::size_t>(capacity, 100) : capacity);
  if (random.chance(300)) made.bandwidth(100'000 + random.below(10'000'000));
  made.completion_delay(std::chrono::microseconds(random.chance(500) ? 20 : 2000));
  if (random.chance(200)) {
    made.ring(ring_options().entries(2).completion_entries(2));
  } else if (random.chance(200)) {
    made.ring(ring_options().entries(8).completion_entries(8));
  }
  // What was added later is drawn later, so that a seed is the same world for a program that does not come across it.
  draw_rates(first_of_disks, first_of_processes);
  constexpr std::array<std::int64_t, 3> slowest_sync_us = {50, 5000, 50'000};
  made.sync_delay(std::chrono::microseconds(slowest_sync_us[random.below(slowest_sync_us.size())]));
  draw_rates(first_of_processes, end_of_swarm);
  return made;
}

std::string options::to_string() const {
  const auto microseconds = [](duration length) {
    return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(length).count()) + " us";
  };
  std::string text = "latency " + microseconds(least_latency_) + " to " + microseconds(most_latency_) + ", capacity " +
                     std::to_string(stream_capacity_) + ", bandwidth " + std::to_string(bandwidth_) +
                     ", completion delay " + microseconds(completion_delay_) + ", sync delay " +
                     microseconds(sync_delay_) + ", ring of " + std::to_string(ring_.entries()) + " and " +
                     std::to_string(ring_.completion_entries());
  for (std::size_t kind = 0; kind < fault_kinds; ++kind) {
    if (rates_[kind] == 0) continue;
    text += ", " + std::string(kinds[kind].name) + ' ' + std::to_string(rates_[kind]);
  }
  if (!is_limited_) return text;
  text += ", only these faults:";
  for (const fault_number& each : only_) {
    text += ' ' + std::string(name_of(each.kind)) + '#' + std::to_string(each.index);
  }
  return text;
}

}  // namespace ringmill::sim
