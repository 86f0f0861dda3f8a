#include <ringmill/io/sim/detail/network.hpp>

#include <algorithm>

#include <ringmill/io/sim/detail/environment.hpp>
#include <ringmill/io/sim/detail/sim_kernel.hpp>
#include <ringmill/io/sim/detail/socket_name.hpp>

namespace ringmill::sim::detail {

sim_kernel* network::find(const address& where, sim_kernel& from) const {
  const address plain = unmapped(where);
  if (is_loopback(plain) || is_unspecified(plain)) return &from;
  const auto found = kernels_.find(plain.host());
  return found == kernels_.end() ? nullptr : found->second;
}

void network::cut(std::uint32_t one, std::uint32_t other) {
  if (one == other || !cuts_.insert(ordered(one, other)).second) return;
  around_.record(one, trace::kind::cut, 0, other);
}

void network::heal(std::uint32_t one, std::uint32_t other) {
  const pair_of_hosts way = ordered(one, other);
  if (cuts_.erase(way) == 0) return;
  around_.record(one, trace::kind::heal, 0, other);
  // What was held is sent again when a retransmission timer says so, and nothing overtakes it.
  if (!resending_.insert(way).second) return;
  around_.after(std::chrono::milliseconds(around_.random.between(1, 200)), [this, way] {
    resending_.erase(way);
    if (cuts_.contains(way)) return;
    std::vector<held_packet> kept;
    std::vector<held_packet> sent;
    for (held_packet& packet : held_) {
      (ordered(packet.from, packet.to) == way ? sent : kept).push_back(std::move(packet));
    }
    held_ = std::move(kept);
    for (held_packet& packet : sent) packet.arrive();
  });
}

void network::heal_all() {
  while (!cuts_.empty()) heal(cuts_.begin()->first, cuts_.begin()->second);
}

void network::send(std::uint32_t from, std::uint32_t to, std::size_t bytes, pipeline& in,
                   std::function<void()> arrive) {
  const time_point now = around_.now();
  time_point when = now;
  if (from == to) {
    if (around_.happens(fault::slow_loopback, from)) when += std::chrono::microseconds(around_.random.between(1, 1000));
    if (when == now && in.last_arrival < now) return arrive();
  } else {
    when += draw_latency(from, to);
    if (const std::uint64_t rate = around_.settings.bandwidth(); rate > 0) {
      in.free_at = std::max(in.free_at, now) + duration(bytes * 1'000'000'000 / rate);
      when = std::max(when, in.free_at + around_.settings.least_latency());
    }
  }
  when = std::max(when, in.last_arrival);
  in.last_arrival = when;
  around_.at(when, [this, from, to, arrive = std::move(arrive)] { arrive_or_hold(from, to, arrive); });
}

void network::send_datagram(std::uint32_t from, std::uint32_t to, std::size_t, const std::function<void()>& arrive) {
  if (from == to) return arrive();
  if (is_cut(from, to) || around_.happens(fault::lost_datagram, from)) return;
  const int copies = around_.happens(fault::doubled_datagram, from) ? 2 : 1;
  for (int copy = 0; copy < copies; ++copy) {
    duration delay = draw_latency(from, to);
    if (around_.happens(fault::late_datagram, from)) delay += std::chrono::milliseconds(around_.random.between(1, 100));
    around_.after(delay, [this, from, to, arrive] {
      if (!is_cut(from, to)) arrive();
    });
  }
}

duration network::draw_latency(std::uint32_t from, std::uint32_t to) {
  if (from == to) return duration(0);
  return duration(
      around_.random.between(around_.settings.least_latency().count(), around_.settings.most_latency().count()));
}

/// What comes later stays behind what is held.
void network::arrive_or_hold(std::uint32_t from, std::uint32_t to, std::function<void()> arrive) {
  if (is_cut(from, to) || resending_.contains(ordered(from, to))) {
    held_.push_back(held_packet{from, to, std::move(arrive)});
  } else {
    arrive();
  }
}

}  // namespace ringmill::sim::detail
