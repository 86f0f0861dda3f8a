// What lies between the hosts: whose an address is, how long bytes take, who is cut off from whom.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <ringmill/io/address.hpp>
#include <ringmill/runtime/driver.hpp>

namespace ringmill::sim::detail {

class environment;
class sim_kernel;

/// One direction of a connection: what was sent earlier arrives earlier.
class pipeline {
 public:
  time_point last_arrival{};
  time_point free_at{};  ///< when its bandwidth is no longer taken
};

class network {
 public:
  explicit network(environment& around) noexcept : around_(around) {}

  void attach(const std::string& host_address, sim_kernel& kernel) {
    kernels_[host_address] = &kernel;
    knows_hosts_ = true;
  }
  void detach(const std::string& host_address, const sim_kernel& kernel) {
    const auto found = kernels_.find(host_address);
    if (found != kernels_.end() && found->second == &kernel) kernels_.erase(found);
  }
  bool knows_hosts() const noexcept { return knows_hosts_; }
  /// Whose `where` is, seen by `from`: its own for a loopback or unspecified address. Null: nobody's.
  sim_kernel* find(const address& where, sim_kernel& from) const;

  // Hosts are known by their numbers.

  void cut(std::uint32_t one, std::uint32_t other);
  void heal(std::uint32_t one, std::uint32_t other);
  void heal_all();
  bool is_cut(std::uint32_t one, std::uint32_t other) const { return cuts_.contains(ordered(one, other)); }

  /// In order and without loss, as TCP does it. What finds the way cut waits until it is healed. Inside of a host
  /// `arrive` is called at once.
  void send(std::uint32_t from, std::uint32_t to, std::size_t bytes, pipeline& in, std::function<void()> arrive);
  /// As UDP does it: may be lost, come twice, or late.
  void send_datagram(std::uint32_t from, std::uint32_t to, std::size_t bytes, const std::function<void()>& arrive);
  /// One way.
  duration draw_latency(std::uint32_t from, std::uint32_t to);

 private:
  using pair_of_hosts = std::pair<std::uint32_t, std::uint32_t>;
  struct held_packet {
    std::uint32_t from;
    std::uint32_t to;
    std::function<void()> arrive;
  };

  static pair_of_hosts ordered(std::uint32_t one, std::uint32_t other) noexcept {
    return one < other ? pair_of_hosts(one, other) : pair_of_hosts(other, one);
  }
  void arrive_or_hold(std::uint32_t from, std::uint32_t to, std::function<void()> arrive);

  environment& around_;
  bool knows_hosts_ = false;
  std::map<std::string, sim_kernel*> kernels_;
  std::set<pair_of_hosts> cuts_;
  std::set<pair_of_hosts> resending_;  ///< healed, and what was held is not there yet
  std::vector<held_packet> held_;
};

}  // namespace ringmill::sim::detail
