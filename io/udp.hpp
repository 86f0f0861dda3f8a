// UDP: datagrams.
//
//   auto socket = rm::udp_socket::bind("127.0.0.1", 9000);
//   std::array<std::byte, 65536> buffer;
//   for (;;) {
//     const rm::received_datagram one = co_await socket.receive_from(buffer);
//     co_await socket.send_to(one.bytes_in(buffer), one.peer);
//   }
//
// A datagram of no bytes is one like others, not an end. What is sent may get lost, come twice or in another order, and
// nothing tells; but see `udp_socket` for what does.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <ringmill/io/address.hpp>
#include <ringmill/io/fd.hpp>
#include <ringmill/io/ops.hpp>
#include <ringmill/io/udp_options.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// What came, and from whom. With `udp_options::coalesce` it may be several datagrams of one sender, one behind the
/// other, all of `segment_size` bytes but the last, which may have fewer.
struct received_datagram {
  std::size_t size = 0;          ///< bytes in the buffer
  std::size_t full_size = 0;     ///< bytes that were sent; more than `size` if the buffer was too small for them
  std::size_t segment_size = 0;  ///< the same as `full_size` if it is one datagram
  address peer;

  bool is_truncated() const noexcept { return full_size > size; }
  /// Datagrams in it.
  std::size_t count() const noexcept;

  /// Its part of the buffer that it was received into; that of its datagram `index`, below `count()`.
  std::span<std::byte> bytes_in(std::span<std::byte> buffer) const noexcept { return buffer.first(size); }
  std::span<std::byte> bytes_in(std::span<std::byte> buffer, std::size_t index) const noexcept;
};

/// recvmsg(2) of one datagram.
class [[nodiscard]] RINGMILL_API receive_datagram_op : public io_op {
 public:
  receive_datagram_op(fd& socket, std::span<std::byte> buffer) noexcept : io_op(socket), buffer_(buffer) {}
  received_datagram await_resume() const;

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  std::span<std::byte> buffer_;
  address peer_;
  iovec part_{};
  msghdr message_{};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control_{};
};

/// sendmsg(2) of one datagram: whole, or an error.
class [[nodiscard]] RINGMILL_API send_datagram_op : public io_op {
 public:
  send_datagram_op(fd& socket, std::span<const std::byte> data) noexcept : io_op(socket), data_(data) {}
  send_datagram_op(fd& socket, std::span<const std::byte> data, const address& peer) noexcept
      : io_op(socket), data_(data), peer_(peer) {}
  void await_resume() const;

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  std::span<const std::byte> data_;
  std::optional<address> peer_;
  iovec part_{};
  msghdr message_{};
};

/// Many datagrams of one size: as many to a sendmsg(2) as the kernel takes (UDP_SEGMENT), or one if it cannot.
class [[nodiscard]] RINGMILL_API send_segments_op : public io_op {
 public:
  /// Throws std::invalid_argument for a size that no datagram has.
  send_segments_op(fd& socket, std::span<const std::byte> data, std::size_t segment_size, std::optional<address> peer);
  bool await_ready() const noexcept { return rest_.empty(); }
  void await_resume() const;

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept override;
  std::span<const std::byte> rest_;
  std::size_t segment_size_;
  std::optional<address> peer_;
  bool several_at_once_ = true;
  iovec part_{};
  msghdr message_{};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(std::uint16_t))> control_{};
};

/// A socket for datagrams. Move-only; closed when it dies. Any number of tasks may send and receive at the same time.
/// It must not move while an operation on it is in flight.
///
/// Errors of the network come late: if nobody listens where a *connected* socket has sent to, the answer that says so
/// makes its next operation, a send or a receive, fail with std::errc::connection_refused. That operation has done
/// nothing and may be tried again; the one that is to blame has succeeded. A socket that is not connected hears
/// nothing.
class RINGMILL_API udp_socket {
 public:
  class [[nodiscard]] connect_awaiter;

  udp_socket() noexcept = default;
  /// Takes a socket over, such as one that systemd passes.
  explicit udp_socket(fd socket) noexcept : socket_(std::move(socket)) {}

  /// `host` is the text of an IP address; port 0 lets the kernel choose one, and "0.0.0.0" or "::" with port 0 makes a
  /// socket for sending only. Throws std::system_error, std::invalid_argument for what is no address. Does not suspend.
  static udp_socket bind(std::string_view host, std::uint16_t port, const udp_options& options = udp_options());
  static udp_socket bind(const address& where, const udp_options& options = udp_options());

  /// co_await it: gives a socket that sends to `peer` and receives from no one else. Nothing is sent by that.
  static connect_awaiter connect(const address& peer, const udp_options& options = udp_options());
  /// The same with one that was bound to a local address.
  static connect_awaiter connect(udp_socket bound, const address& peer);

  /// co_await it: gives the next datagram, as soon as there is one. What does not fit into the buffer is dropped, and
  /// `is_truncated` says so: 65,527 bytes are enough for any datagram, 65,535 with `udp_options::coalesce`. For
  /// connected sockets, too.
  receive_datagram_op receive_from(std::span<std::byte> buffer) noexcept {
    return receive_datagram_op(socket_, buffer);
  }

  /// co_await it: comes back when the kernel has taken the datagram; that is at once, unless the send buffer is full.
  /// More than 65,507 bytes (65,527 with IPv6) fail with std::errc::message_size.
  send_datagram_op send_to(std::span<const std::byte> data, const address& peer) noexcept {
    return send_datagram_op(socket_, data, peer);
  }
  send_datagram_op send_to(std::string_view text, const address& peer) noexcept {
    return send_to(std::as_bytes(std::span(text)), peer);
  }
  /// The same on a connected socket, to its peer.
  send_datagram_op send(std::span<const std::byte> data) noexcept { return send_datagram_op(socket_, data); }
  send_datagram_op send(std::string_view text) noexcept { return send(std::as_bytes(std::span(text))); }

  /// co_await it: sends `data` as datagrams of `segment_size` bytes each, the last of what remains. One call of the
  /// kernel takes up to 64 of them (UDP_SEGMENT), many times faster than one by one; where the way to the peer cannot
  /// do that they go one by one. An empty `data` is no datagram. When it fails or is cancelled, some may have been
  /// sent. Throws std::invalid_argument, at the call, for a size of 0 or more than 65,507.
  send_segments_op send_segments_to(std::span<const std::byte> data, std::size_t segment_size, const address& peer) {
    return send_segments_op(socket_, data, segment_size, peer);
  }
  send_segments_op send_segments(std::span<const std::byte> data, std::size_t segment_size) {
    return send_segments_op(socket_, data, segment_size, std::nullopt);
  }

  /// Receives what is sent to a multicast group, on the interface of that index (if_nametoindex(3)), or on the one that
  /// the routes say. Until `leave`, or until it is closed. Throws std::invalid_argument for what is no group, else
  /// std::system_error. Does not suspend.
  void join(const address& group, unsigned interface_index = 0);
  void leave(const address& group, unsigned interface_index = 0);

  /// What its destructor does too: ends what is in flight on it, who awaits that gets std::errc::operation_canceled,
  /// and closes. Does not suspend.
  void close() noexcept { socket_.reset(); }

  /// Where it is bound, with the port that was chosen.
  address local() const;
  /// To whom it is connected; std::errc::not_connected if it is not.
  address peer() const;
  std::uint16_t port() const { return local().port(); }
  int native_handle() const noexcept { return socket_.number(); }
  explicit operator bool() const noexcept { return static_cast<bool>(socket_); }
  /// The handle, for operations of one's own.
  fd& handle() noexcept { return socket_; }

 private:
  void change_membership(int option, const address& group, unsigned interface_index, const char* name);
  fd socket_;
};

class udp_socket::connect_awaiter : public connect_op {
 public:
  using connect_op::connect_op;
  udp_socket await_resume() { return udp_socket(connect_op::await_resume()); }
};

}  // namespace ringmill
