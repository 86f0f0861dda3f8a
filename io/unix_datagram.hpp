// Datagrams between processes of one host. Unlike those of UDP they are neither lost nor reordered: a sender waits
// while the receiver's queue is full.
//
//   auto socket = rm::unix_datagram::bind(rm::unix_address::path("/run/log.socket"));
//   const rm::unix_message line = co_await socket.receive_from(buffer);
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <ringmill/io/detail/socket_file.hpp>
#include <ringmill/io/fd.hpp>
#include <ringmill/io/ops.hpp>
#include <ringmill/io/unix_address.hpp>
#include <ringmill/io/unix_message.hpp>
#include <ringmill/io/unix_options.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// Move-only; closed when it dies. Any number of tasks may send and receive at the same time. It must not move while
/// an operation on it is in flight.
///
/// A datagram of no bytes is one like others. There is no end: a receive does not notice that the peer has gone. A send
/// does, with std::errc::connection_refused.
class RINGMILL_API unix_datagram {
 public:
  class [[nodiscard]] connect_awaiter;

  unix_datagram() noexcept = default;
  /// Takes a socket over, such as one that systemd passes. Its file is left to whoever made it.
  explicit unix_datagram(fd socket) noexcept : socket_(std::move(socket)) {}

  /// Throws std::system_error; std::invalid_argument for a mode of what has no file. An unnamed address lets the kernel
  /// choose a name, which is what one needs to be answered. Does not suspend.
  static unix_datagram bind(const unix_address& where, const unix_bind_options& options = unix_bind_options());
  /// co_await it: gives a socket without a name that sends to `peer`.
  static connect_awaiter connect(const unix_address& peer);
  /// co_await it: from now on what was bound sends to `peer` and receives from no one else.
  static connect_awaiter connect(unix_datagram bound, const unix_address& peer);
  /// Two that are connected to each other (socketpair(2)). Does not suspend.
  static std::pair<unix_datagram, unix_datagram> pair();

  /// co_await it: gives the next datagram, as soon as there is one. What does not fit into the buffer is dropped, and
  /// `is_truncated` says so. Takes up to `descriptors` of those that came with it, 253 at most; the others are closed,
  /// and `lost_descriptors` says so.
  receive_unix_message_op receive_from(std::span<std::byte> buffer, std::size_t descriptors = 0) {
    return receive_unix_message_op(socket_, buffer, descriptors, true);
  }

  /// co_await it: comes back when it is in the receiver's queue. If that is full it is tried again after 10 to 80 ms; a
  /// connected socket is told when there is room, at once. The peer gets copies of the descriptors, 253 at most;
  /// these stay open, and must until it comes back.
  send_unix_message_op send_to(std::span<const std::byte> data, const unix_address& peer,
                               std::span<const int> descriptors = {}) {
    return send_unix_message_op(socket_, data, descriptors, peer);
  }
  send_unix_message_op send_to(std::string_view text, const unix_address& peer, std::span<const int> descriptors = {}) {
    return send_to(std::as_bytes(std::span(text)), peer, descriptors);
  }
  /// The same on a connected socket, to its peer.
  send_unix_message_op send(std::span<const std::byte> data, std::span<const int> descriptors = {}) {
    return send_unix_message_op(socket_, data, descriptors, std::nullopt);
  }
  send_unix_message_op send(std::string_view text, std::span<const int> descriptors = {}) {
    return send(std::as_bytes(std::span(text)), descriptors);
  }

  /// What its destructor does too: removes its file (unix_bind_options), ends what is in flight on it, who awaits that
  /// gets std::errc::operation_canceled, and closes. Does not suspend.
  void close() noexcept;

  unix_address local() const;
  /// To whom it is connected; std::errc::not_connected if it is not.
  unix_address peer() const;
  int native_handle() const noexcept { return socket_.number(); }
  explicit operator bool() const noexcept { return static_cast<bool>(socket_); }
  /// The handle, for operations of one's own.
  fd& handle() noexcept { return socket_; }

 private:
  unix_datagram(fd socket, detail::socket_file file) noexcept : socket_(std::move(socket)), file_(std::move(file)) {}
  fd socket_;
  detail::socket_file file_;  // goes first: nobody finds a file that is not answered for
};

class unix_datagram::connect_awaiter : public connect_unix_op {
 public:
  connect_awaiter(fd socket, detail::socket_file file, const unix_address& peer) noexcept
      : connect_unix_op(std::move(socket), peer), file_(std::move(file)) {}
  unix_datagram await_resume() { return unix_datagram(connect_unix_op::await_resume(), std::move(file_)); }

 private:
  detail::socket_file file_;
};

}  // namespace ringmill
