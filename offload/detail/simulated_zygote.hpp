// The zygote of a pool in a simulated world: what offload/zygote.cpp does, for simulated processes.
#pragma once

#include <memory>
#include <vector>

#include <ringmill/io/sim/detail/process.hpp>
#include <ringmill/offload/zygote_link.hpp>

namespace ringmill::detail {

class simulated_zygote {
 public:
  explicit simulated_zygote(sim::detail::process& self) noexcept : self_(self), link_(self.setup().streams[0]) {}

  /// Serves its standard input, a socket of packets, until the host hangs up.
  void run();

 private:
  using objects = std::vector<std::shared_ptr<sim::detail::object>>;
  class child {
   public:
    std::shared_ptr<sim::detail::process> process;
    std::uint32_t slot;
    std::uint32_t generation;
  };

  void tell(const zygote_message& message, const objects& descriptors = {});
  /// False: there is none yet.
  bool receive(zygote_message& message, objects& descriptors);
  void spawn(const zygote_message& wanted, const objects& descriptors);
  void reap();

  sim::detail::process& self_;
  std::shared_ptr<sim::detail::object> link_;
  std::vector<child> children_;
  bool is_over_ = false;
};

}  // namespace ringmill::detail
