// Unix sockets: connections between processes of one host, which can also hand over open descriptors and say who they
// are.
//
//   auto listener = rm::unix_listener::bind(rm::unix_address::path("/run/service.socket"),
//                                           rm::unix_bind_options().mode(0600).remove_stale_file());
//   rm::unix_stream client = co_await listener.accept();
//   if (client.peer_credentials().user != ::geteuid()) co_return;
//
// Datagrams are in io/unix_datagram.hpp.
#pragma once

#include <sys/types.h>

#include <cstddef>
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

/// Who is at the other end, as the kernel vouches for it: who connected or listened there, when it did, and the numbers
/// as this process's namespaces see them. The process may have ended since, and its number be another's.
struct unix_credentials {
  pid_t process = 0;
  uid_t user = 0;
  gid_t group = 0;
};

/// A connection. Move-only; closed when it dies. Reading and writing at the same time, from two tasks, is fine; two
/// reads or two writes at the same time are not. It must not move while an operation on it is in flight.
class RINGMILL_API unix_stream {
 public:
  class [[nodiscard]] connect_awaiter;

  unix_stream() noexcept = default;
  /// Takes a connected socket over.
  explicit unix_stream(fd socket) noexcept : socket_(std::move(socket)) {}

  /// co_await it: gives the connected stream. Waits while the listener's backlog is full.
  static connect_awaiter connect(const unix_address& peer);
  /// Two ends of a connection (socketpair(2)). Does not suspend.
  static std::pair<unix_stream, unix_stream> pair();

  /// co_await it: gives the number of bytes read, as soon as there is one; 0 is the end of the stream. Descriptors that
  /// came with them are closed.
  receive_op read_some(std::span<std::byte> buffer) noexcept { return receive_op(socket_, buffer); }
  /// co_await it: comes back when the kernel has taken all of `data`. When it was cancelled, a part may have been sent.
  send_all_op write_all(std::span<const std::byte> data) noexcept { return send_all_op(socket_, data); }
  send_all_op write_all(std::string_view text) noexcept { return write_all(std::as_bytes(std::span(text))); }

  /// co_await it: as `write_all`, with up to 253 descriptors that go with the first byte, of which there has to be one.
  /// The peer gets copies of its own; these stay open, and must until it comes back. Throws std::invalid_argument, at
  /// the call, for too many, and without data.
  send_unix_message_op send_with_descriptors(std::span<const std::byte> data, std::span<const int> descriptors);
  send_unix_message_op send_with_descriptors(std::string_view text, std::span<const int> descriptors) {
    return send_with_descriptors(std::as_bytes(std::span(text)), descriptors);
  }
  /// co_await it: as `read_some`, with up to `most` descriptors. It never gives those of two sends at once. Throws
  /// std::invalid_argument, at the call, for more than 253, and for an empty buffer.
  receive_unix_message_op receive_with_descriptors(std::span<std::byte> buffer, std::size_t most = 16);

  /// co_await it: is there anything to read, be it bytes, the end, or an error? Takes nothing and does not wait for it.
  has_input_op has_input() noexcept { return has_input_op(socket_); }

  /// No more will be written: the peer reads the end of the stream. Does not suspend.
  void shutdown_write();
  /// What its destructor does too: ends what is in flight on it, who awaits that gets std::errc::operation_canceled,
  /// and closes. Does not suspend.
  void close() noexcept { socket_.reset(); }

  /// SO_PEERCRED (unix(7)).
  unix_credentials peer_credentials() const;
  /// The process itself, which its number may no longer be (SO_PEERPIDFD, Linux 6.5): readable when that has ended.
  /// Empty on older kernels. Throws std::system_error if the process has been waited for already.
  fd peer_pidfd() const;

  unix_address peer() const;
  unix_address local() const;
  int native_handle() const noexcept { return socket_.number(); }
  explicit operator bool() const noexcept { return static_cast<bool>(socket_); }
  /// The handle, for operations of one's own.
  fd& handle() noexcept { return socket_; }

 private:
  fd socket_;
};

class unix_stream::connect_awaiter : public connect_unix_op {
 public:
  using connect_unix_op::connect_unix_op;
  unix_stream await_resume() { return unix_stream(connect_unix_op::await_resume()); }
};

/// Waits for connections.
class RINGMILL_API unix_listener {
 public:
  class [[nodiscard]] accept_awaiter;

  unix_listener() noexcept = default;
  /// Takes a socket over that listens already, such as one that systemd passes. Its file is left to whoever made it.
  explicit unix_listener(fd socket) noexcept : socket_(std::move(socket)) {}
  /// Binds and listens. Throws std::system_error; std::invalid_argument for a mode of what has no file. Does not
  /// suspend.
  static unix_listener bind(const unix_address& where, const unix_bind_options& options = unix_bind_options());

  /// co_await it: gives the next connection.
  accept_awaiter accept() noexcept;

  /// What its destructor does too: removes its file (unix_bind_options), ends what is in flight on it, who awaits that
  /// gets std::errc::operation_canceled, and closes. Does not suspend.
  void close() noexcept;

  /// Where it listens, with the name that was chosen.
  unix_address local() const;
  int native_handle() const noexcept { return socket_.number(); }
  explicit operator bool() const noexcept { return static_cast<bool>(socket_); }
  /// The handle, for operations of one's own.
  fd& handle() noexcept { return socket_; }

 private:
  unix_listener(fd socket, detail::socket_file file) noexcept : socket_(std::move(socket)), file_(std::move(file)) {}
  fd socket_;
  detail::socket_file file_;  // goes first: nobody finds a file that is not answered for
};

class unix_listener::accept_awaiter : public accept_op {
 public:
  using accept_op::accept_op;
  unix_stream await_resume() { return unix_stream(accept_op::await_resume()); }
};

inline unix_listener::accept_awaiter unix_listener::accept() noexcept { return accept_awaiter(socket_); }

}  // namespace ringmill
