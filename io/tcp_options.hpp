// What can be set on TCP sockets (tcp(7), socket(7)). What is not named stays as the kernel has it.
//
//   stream.set(rm::tcp_options().keepalive(30s, 10s, 3).user_timeout(30s));
//   auto listener = rm::tcp_listener::bind("::", 80, rm::tcp_listener_options().reuse_port().v6_only(false));
#pragma once

#include <optional>

#include <ringmill/io/address.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/chrono.hpp>

namespace ringmill {

class fd;

/// Of a connection. A listener's are inherited by the connections that it accepts. Setters throw std::invalid_argument
/// for what the kernel would refuse, or would quietly change.
///
/// Lingering is not among them: with it close(2) blocks, and the loop with it. What a peer has to get before the
/// connection goes is made sure of by `shutdown_write` and a read of its end.
class RINGMILL_API tcp_options {
 public:
  tcp_options() noexcept {}

  /// TCP_NODELAY: small writes go out at once (on, for all that ringmill makes) or are gathered (off).
  tcp_options& no_delay(bool on = true) noexcept { return no_delay_ = on, *this; }

  /// Probes a silent peer after `idle`, then every `interval`; after `count` probes without an answer the connection
  /// fails with std::errc::timed_out. 1 to 32767 seconds each, and 1 to 127 probes.
  tcp_options& keepalive(std::chrono::seconds idle, std::chrono::seconds interval, int count);
  tcp_options& no_keepalive() noexcept { return keepalive_ = false, *this; }

  /// TCP_USER_TIMEOUT: how long what was written may stay unacknowledged before the connection fails with
  /// std::errc::timed_out; rounded down to milliseconds. Zero: as long as the kernel's retries take, a quarter of an
  /// hour.
  tcp_options& user_timeout(std::chrono::milliseconds limit);

  /// SO_RCVBUF and SO_SNDBUF, in bytes. The kernel doubles them for its own needs, caps them at net.core.rmem_max and
  /// wmem_max, and no longer adapts them by itself. To take effect on the window they are set before connecting, or on
  /// the listener.
  tcp_options& receive_buffer(int bytes);
  tcp_options& send_buffer(int bytes);

  /// Closing drops what was not sent and resets the connection (SO_LINGER of zero): for peers that are not to be waited
  /// for, and so that no TIME_WAIT stays.
  tcp_options& reset_at_close(bool on = true) noexcept { return reset_at_close_ = on, *this; }

 private:
  friend class tcp_stream;
  friend class tcp_listener;
  void apply_to(const fd& socket) const;

  std::optional<bool> no_delay_;
  std::optional<bool> keepalive_;
  std::optional<bool> reset_at_close_;
  std::optional<int> user_timeout_ms_;
  std::optional<int> receive_buffer_;
  std::optional<int> send_buffer_;
  int keepalive_idle_s_ = 0;
  int keepalive_interval_s_ = 0;
  int keepalive_count_ = 0;
};

/// Of a connection that is to be made.
class tcp_connect_options {
 public:
  tcp_connect_options() noexcept {}
  /// Where it comes from: a local address, of the peer's family; with port 0 the kernel chooses one.
  tcp_connect_options& from(const address& local) noexcept { return local_ = local, *this; }
  tcp_connect_options& stream(const tcp_options& options) noexcept { return stream_ = options, *this; }

  const std::optional<address>& local() const noexcept { return local_; }
  const tcp_options& stream() const noexcept { return stream_; }

 private:
  std::optional<address> local_;
  tcp_options stream_;
};

/// Of a listener.
class tcp_listener_options {
 public:
  tcp_listener_options() noexcept {}
  /// Connections that wait to be accepted; 4096 by default, capped by net.core.somaxconn. More are not answered.
  tcp_listener_options& backlog(int connections) noexcept { return backlog_ = connections, *this; }
  /// SO_REUSEADDR: binds although old connections of this port are still winding down. On by default.
  tcp_listener_options& reuse_address(bool on) noexcept { return reuse_address_ = on, *this; }
  /// SO_REUSEPORT: several listeners of one user on the same port, among which the kernel spreads the connections.
  tcp_listener_options& reuse_port(bool on = true) noexcept { return reuse_port_ = on, *this; }
  /// IPV6_V6ONLY: whether one on an IPv6 address refuses IPv4 clients. If not said, net.ipv6.bindv6only decides.
  tcp_listener_options& v6_only(bool on = true) noexcept { return v6_only_ = on, *this; }
  /// For the connections that it accepts.
  tcp_listener_options& streams(const tcp_options& options) noexcept { return streams_ = options, *this; }

  int backlog() const noexcept { return backlog_; }
  bool reuse_address() const noexcept { return reuse_address_; }
  bool reuse_port() const noexcept { return reuse_port_; }
  std::optional<bool> v6_only() const noexcept { return v6_only_; }
  const tcp_options& streams() const noexcept { return streams_; }

 private:
  int backlog_ = 4096;
  bool reuse_address_ = true;
  bool reuse_port_ = false;
  std::optional<bool> v6_only_;
  tcp_options streams_;
};

}  // namespace ringmill
