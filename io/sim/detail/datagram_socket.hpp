// Datagram sockets, of UDP and of Unix.
#pragma once

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include <ringmill/io/sim/detail/socket.hpp>

namespace ringmill::sim::detail {

class datagram {
 public:
  std::vector<std::byte> bytes;
  socket_name from;
  std::vector<std::shared_ptr<object>> descriptors;
};

class datagram_socket final : public socket {
 public:
  using socket::socket;
  ~datagram_socket() override;

  /// Two of Unix that are connected to each other.
  static std::pair<std::shared_ptr<object>, std::shared_ptr<object>> pair(sim_kernel& owner);

  unsigned ready() const noexcept override;
  int receive(transfer& into) override;
  int send(transfer& from) override;
  int connect(const socket_name& peer, bool again) override;
  int bind(const socket_name& where) override;
  int listen(int backlog) override;
  int shutdown(int how) override;
  int peer_name(socket_name& name) const override;

 private:
  std::shared_ptr<datagram_socket> find_unix(const socket_name& peer, int& error) const;
  int send_unix(transfer& from);
  int send_udp(transfer& from);
  void send_packet(const address& to, std::vector<std::byte> bytes);
  static void packet_arrives(sim_kernel& target, const address& to, const address& from,
                             const std::vector<std::byte>& bytes, const std::weak_ptr<object>& sender);
  bool is_full() const noexcept;
  void tell_of_room(const std::shared_ptr<object>& sender);
  bool hears(const datagram_socket& sender) const noexcept;
  void put(datagram it);

  bool is_connected_ = false;
  bool receive_ended_ = false;
  bool send_ended_ = false;
  std::size_t arrived_size_ = 0;
  std::deque<datagram> arrived_;
  std::weak_ptr<object> unix_peer_;
  std::vector<std::weak_ptr<object>> blocked_;  ///< Unix senders that found it full
};

}  // namespace ringmill::sim::detail
