#include <ringmill/io/tcp_options.hpp>

#include <netinet/tcp.h>

#include <ringmill/io/detail/checked_number.hpp>
#include <ringmill/io/detail/socket_calls.hpp>

namespace ringmill {

namespace {

int checked(long long value, int least, int most, const char* what) {
  return detail::checked_number("tcp_options", value, least, most, what);
}

using detail::most_int;

}  // namespace

tcp_options& tcp_options::keepalive(std::chrono::seconds idle, std::chrono::seconds interval, int count) {
  keepalive_idle_s_ = checked(idle.count(), 1, 32767, "number of idle seconds");
  keepalive_interval_s_ = checked(interval.count(), 1, 32767, "number of seconds between probes");
  keepalive_count_ = checked(count, 1, 127, "number of probes");
  keepalive_ = true;
  return *this;
}

tcp_options& tcp_options::user_timeout(std::chrono::milliseconds limit) {
  user_timeout_ms_ = checked(limit.count(), 0, most_int, "user timeout in milliseconds");
  return *this;
}

tcp_options& tcp_options::receive_buffer(int bytes) {
  receive_buffer_ = checked(bytes, 1, most_int, "size of a receive buffer");
  return *this;
}

tcp_options& tcp_options::send_buffer(int bytes) {
  send_buffer_ = checked(bytes, 1, most_int, "size of a send buffer");
  return *this;
}

void tcp_options::apply_to(const fd& socket) const {
  using detail::set_option;
  if (no_delay_) set_option(socket, IPPROTO_TCP, TCP_NODELAY, *no_delay_, "TCP_NODELAY");
  if (keepalive_ == true) {
    set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, keepalive_idle_s_, "TCP_KEEPIDLE");
    set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, keepalive_interval_s_, "TCP_KEEPINTVL");
    set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, keepalive_count_, "TCP_KEEPCNT");
  }
  if (keepalive_) set_option(socket, SOL_SOCKET, SO_KEEPALIVE, *keepalive_, "SO_KEEPALIVE");
  if (user_timeout_ms_) set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, *user_timeout_ms_, "TCP_USER_TIMEOUT");
  if (receive_buffer_) set_option(socket, SOL_SOCKET, SO_RCVBUF, *receive_buffer_, "SO_RCVBUF");
  if (send_buffer_) set_option(socket, SOL_SOCKET, SO_SNDBUF, *send_buffer_, "SO_SNDBUF");
  if (reset_at_close_) {
    const linger how{.l_onoff = *reset_at_close_, .l_linger = 0};
    set_option(socket, SOL_SOCKET, SO_LINGER, &how, sizeof how, "SO_LINGER");
  }
}

}  // namespace ringmill
