// SOCK_SEQPACKET of Unix, as socketpair(2) makes it: messages with bounds, and an end that is told.
#pragma once

#include <deque>
#include <memory>
#include <utility>

#include <ringmill/io/sim/detail/datagram_socket.hpp>
#include <ringmill/io/sim/detail/socket.hpp>

namespace ringmill::sim::detail {

class packet_socket final : public socket {
 public:
  using socket::socket;
  ~packet_socket() override;
  static std::pair<std::shared_ptr<object>, std::shared_ptr<object>> pair(sim_kernel& owner);

  unsigned ready() const noexcept override;
  int receive(transfer& into) override;
  int send(transfer& from) override;
  int shutdown(int how) override;

 private:
  std::shared_ptr<packet_socket> other() const { return std::static_pointer_cast<packet_socket>(peer_.lock()); }
  bool is_full() const noexcept;

  std::weak_ptr<object> peer_;
  std::deque<datagram> arrived_;
  bool receive_ended_ = false;
  bool send_ended_ = false;
};

}  // namespace ringmill::sim::detail
