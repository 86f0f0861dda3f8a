// Stream sockets, of TCP and of Unix: what connects them, and what becomes of bytes, ends and resets on their way.
//
// The rules are Linux's: bytes that have arrived are read before an error is told; a close with unread bytes resets;
// bytes for a side that has closed are answered by a reset, which is EPIPE to who has seen an end before and ECONNRESET
// else.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <vector>

#include <ringmill/io/sim/detail/network.hpp>
#include <ringmill/io/sim/detail/socket.hpp>

namespace ringmill::sim::detail {

class stream_socket;

/// Bytes that were sent together, and the descriptors that go with the first of them.
class segment {
 public:
  std::vector<std::byte> bytes;
  std::vector<std::shared_ptr<object>> descriptors;
};

/// What two connected sockets share, and what is on its way between them. A side that has closed is null.
class stream_link {
 public:
  struct side {
    stream_socket* socket = nullptr;
    std::uint32_t host = 0;
    pipeline towards;
    std::size_t in_flight = 0;   ///< bytes on their way to it
    std::uint64_t arrivals = 0;  ///< segments that have come
    bool sender_waits = false;   ///< for room
  };
  std::array<side, 2> sides;
};

class stream_socket final : public socket {
 public:
  using socket::socket;
  ~stream_socket() override;

  /// Two of one host.
  static std::pair<std::shared_ptr<stream_socket>, std::shared_ptr<stream_socket>> pair(sim_kernel& owner, int domain);

  bool is_listening() const noexcept override { return state_ == state::listening; }
  unsigned ready() const noexcept override;
  int receive(transfer& into) override;
  int send(transfer& from) override;
  bool may_be_short(std::size_t) const noexcept override { return true; }
  int accept(std::shared_ptr<object>& made) override;
  int connect(const socket_name& peer, bool again) override;
  int bind(const socket_name& where) override;
  int listen(int backlog) override;
  int shutdown(int how) override;
  int peer_name(socket_name& name) const override;
  void break_down(bool with_end) override;
  void reset_at_close() noexcept override { resets_at_close_ = true; }

 private:
  enum class state : std::uint8_t { unconnected, listening, connecting, connected, broken };

  stream_link::side& mine() const noexcept { return link_->sides[side_]; }
  stream_link::side& other() const noexcept { return link_->sides[1 - side_]; }
  std::size_t capacity() const noexcept;
  std::size_t outstanding() const noexcept;
  std::size_t room() const noexcept;

  int connect_ip(const address& peer);
  int connect_unix(const socket_name& peer);
  void knock(const address& peer, int tries);
  void arrive_at(sim_kernel& target, const address& peer, int tries);
  void connect_failed(int negated_errno);
  std::shared_ptr<stream_socket> make_accepted(stream_socket& client, const socket_name& local,
                                               const socket_name& peer);
  void join(const std::shared_ptr<stream_link>& link, unsigned side);
  bool has_backlog_room() const noexcept;

  // Arrivals.
  static void segment_arrives(const std::shared_ptr<stream_link>& link, unsigned at,
                              const std::shared_ptr<segment>& it);
  void end_arrives();
  void reset_arrives();
  static void send_reset(const std::shared_ptr<stream_link>& link, unsigned to);
  void send_end();
  void give_up_later();
  void tell_of_room(std::size_t before);

  state state_ = state::unconnected;
  bool told_of_connect_ = false;
  bool send_ended_ = false;
  bool receive_ended_ = false;  ///< the peer has ended, or shutdown(2)
  bool peer_ended_ = false;
  bool resets_at_close_ = false;
  std::deque<segment> arrived_;
  std::size_t first_taken_ = 0;  ///< bytes of the first segment that were read
  std::size_t arrived_size_ = 0;
  std::shared_ptr<stream_link> link_;
  unsigned side_ = 0;

  // Of one that listens.
  int backlog_ = 0;
  std::deque<std::shared_ptr<stream_socket>> waiting_;
  std::vector<std::weak_ptr<object>> blocked_;  ///< Unix clients that found no room
};

}  // namespace ringmill::sim::detail
