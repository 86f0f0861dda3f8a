// TCP: listeners and streams.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <ringmill/io/address.hpp>
#include <ringmill/io/buffer.hpp>
#include <ringmill/io/fd.hpp>
#include <ringmill/io/ops.hpp>
#include <ringmill/io/send_buffers.hpp>
#include <ringmill/io/send_zero_copy.hpp>
#include <ringmill/io/tcp_options.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// A connection. Move-only; closed when it dies. Reading and writing at the same time, from two tasks, is fine; two
/// reads or two writes at the same time are not. It must not move while an operation on it is in flight; when it is
/// closed or dies, what is in flight ends first, with operation_canceled for whoever awaits it.
class RINGMILL_API tcp_stream {
 public:
  class [[nodiscard]] connect_awaiter;

  tcp_stream() noexcept = default;
  /// Takes a connected socket over.
  explicit tcp_stream(fd socket) noexcept : socket_(std::move(socket)) {}

  /// co_await it: gives the connected stream, with TCP_NODELAY set.
  static connect_awaiter connect(const address& peer);
  /// The same with options, and from an address of its own. Throws, at the call, std::system_error if that one cannot
  /// be bound, std::invalid_argument if it is of another family than `peer`.
  static connect_awaiter connect(const address& peer, const tcp_connect_options& options);

  /// co_await it: gives the number of bytes read, as soon as there is one; 0 is the end of the stream.
  receive_op read_some(std::span<std::byte> buffer) noexcept { return receive_op(socket_, buffer); }
  /// co_await it: the same into memory that the ring lends, for connections that are mostly idle (io/buffer.hpp). An
  /// empty lease is the end of the stream.
  receive_lease_op read_lease() noexcept { return receive_lease_op(socket_); }
  /// co_await it: comes back when the kernel has taken all of `data`. When it was cancelled, a part may have been sent.
  send_all_op write_all(std::span<const std::byte> data) noexcept { return send_all_op(socket_, data); }
  send_all_op write_all(std::string_view text) noexcept { return write_all(std::as_bytes(std::span(text))); }
  /// The same with several buffers, which are sent as if they were one. The list of them has to stay, too.
  send_buffers_op write_all(std::span<const const_buffer> buffers) noexcept {
    return send_buffers_op(socket_, buffers);
  }

  /// co_await it: the same without a copy into the kernel, for large buffers that go through a network card; slower
  /// within a machine. Comes back when the kernel has let go of `data`, which the peer has to read for that. Cancelled,
  /// it resets the connection (io/send_zero_copy.hpp).
  send_zero_copy_op write_all_zero_copy(std::span<const std::byte> data) noexcept {
    return send_zero_copy_op(socket_, data);
  }
  send_zero_copy_op write_all_zero_copy(std::string_view text) noexcept {
    return write_all_zero_copy(std::as_bytes(std::span(text)));
  }

  /// co_await it: is there anything to read, be it bytes, the end, or an error? Takes nothing and does not wait for it.
  has_input_op has_input() noexcept { return has_input_op(socket_); }

  /// No more will be written: the peer reads the end of the stream. Does not suspend.
  void shutdown_write();
  /// Throws std::system_error if the kernel refuses one; those in front of it are set then. Does not suspend.
  void set(const tcp_options& options) { options.apply_to(socket_); }
  /// What its destructor does too: ends what is in flight on it, who awaits that gets std::errc::operation_canceled,
  /// and closes. Does not suspend.
  void close() noexcept { socket_.reset(); }

  address peer() const;
  address local() const;
  int native_handle() const noexcept { return socket_.number(); }
  explicit operator bool() const noexcept { return static_cast<bool>(socket_); }
  /// The handle, for operations of one's own.
  fd& handle() noexcept { return socket_; }

 private:
  fd socket_;
};

class tcp_stream::connect_awaiter : public connect_op {
 public:
  using connect_op::connect_op;
  tcp_stream await_resume() { return tcp_stream(connect_op::await_resume()); }
};

/// Waits for connections.
class RINGMILL_API tcp_listener {
 public:
  class [[nodiscard]] accept_awaiter;

  tcp_listener() noexcept = default;
  /// Takes a socket over that listens already, such as one that systemd passes.
  explicit tcp_listener(fd socket) noexcept : socket_(std::move(socket)) {}

  /// Binds with SO_REUSEADDR and listens. `host` is the text of an IP address; port 0 lets the kernel choose one.
  /// Throws std::system_error, std::invalid_argument for what is no address. Does not suspend.
  static tcp_listener bind(std::string_view host, std::uint16_t port, int backlog = 4096);
  static tcp_listener bind(std::string_view host, std::uint16_t port, const tcp_listener_options& options);
  static tcp_listener bind(const address& where, const tcp_listener_options& options = tcp_listener_options());

  /// co_await it: gives the next connection, with TCP_NODELAY set.
  accept_awaiter accept() noexcept;

  /// For the connections that come from now on; those that wait to be accepted have what there was. As
  /// `tcp_stream::set`.
  void set(const tcp_options& options) { options.apply_to(socket_); }
  /// As `tcp_stream::close`. Connections that nobody has accepted are reset.
  void close() noexcept { socket_.reset(); }

  /// Where it listens, with the port that was chosen.
  address local() const;
  std::uint16_t port() const { return local().port(); }
  int native_handle() const noexcept { return socket_.number(); }
  explicit operator bool() const noexcept { return static_cast<bool>(socket_); }
  /// The handle, for operations of one's own.
  fd& handle() noexcept { return socket_; }

 private:
  fd socket_;
};

class tcp_listener::accept_awaiter : public accept_op {
 public:
  using accept_op::accept_op;
  tcp_stream await_resume() { return tcp_stream(accept_op::await_resume()); }
};

inline tcp_listener::accept_awaiter tcp_listener::accept() noexcept { return accept_awaiter(socket_); }

}  // namespace ringmill
