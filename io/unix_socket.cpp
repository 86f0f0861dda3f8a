#include <ringmill/io/unix_socket.hpp>

#include <cerrno>
#include <stdexcept>

#include <ringmill/io/detail/socket_calls.hpp>
#include <ringmill/io/detail/unix_calls.hpp>
#include <ringmill/io/ring.hpp>

namespace ringmill {

namespace {

constexpr int so_peerpidfd = 77;  // Linux 6.5, which the headers of Debian 12 do not know

}  // namespace

unix_stream::connect_awaiter unix_stream::connect(const unix_address& peer) {
  return connect_awaiter(detail::make_socket(AF_UNIX, SOCK_STREAM), peer);
}

std::pair<unix_stream, unix_stream> unix_stream::pair() {
  std::pair<fd, fd> ends = detail::make_socket_pair(SOCK_STREAM);
  return {unix_stream(std::move(ends.first)), unix_stream(std::move(ends.second))};
}

send_unix_message_op unix_stream::send_with_descriptors(std::span<const std::byte> data,
                                                        std::span<const int> descriptors) {
  if (data.empty()) throw std::invalid_argument("unix_stream: descriptors go with a byte at least");
  return send_unix_message_op(socket_, data, descriptors, std::nullopt);
}

receive_unix_message_op unix_stream::receive_with_descriptors(std::span<std::byte> buffer, std::size_t most) {
  if (buffer.empty()) throw std::invalid_argument("unix_stream: descriptors come with a byte at least");
  return receive_unix_message_op(socket_, buffer, most, false);
}

void unix_stream::shutdown_write() { detail::shutdown_write(socket_); }

unix_credentials unix_stream::peer_credentials() const {
  ucred found{};
  socklen_t length = sizeof found;
  detail::or_throw(ring::current().backend().get_option(socket_.number(), SOL_SOCKET, SO_PEERCRED, &found, &length),
                   "get SO_PEERCRED");
  unix_credentials peer;
  peer.process = found.pid;
  peer.user = found.uid;
  peer.group = found.gid;
  return peer;
}

fd unix_stream::peer_pidfd() const {
  int found = -1;
  socklen_t length = sizeof found;
  const int result = ring::current().backend().get_option(socket_.number(), SOL_SOCKET, so_peerpidfd, &found, &length);
  if (result == -ENOPROTOOPT) return fd();
  detail::or_throw(result, "get SO_PEERPIDFD");
  return fd(found);
}

unix_address unix_stream::peer() const { return detail::unix_peer_of(socket_); }

unix_address unix_stream::local() const { return detail::unix_local_of(socket_); }

unix_listener unix_listener::bind(const unix_address& where, const unix_bind_options& options) {
  fd socket = detail::make_socket(AF_UNIX, SOCK_STREAM);
  detail::socket_file file = detail::bind_to(socket, SOCK_STREAM, where, options);
  detail::listen_on(socket, options.backlog(), where.to_string());
  return unix_listener(std::move(socket), std::move(file));
}

void unix_listener::close() noexcept {
  file_.remove();
  socket_.reset();
}

unix_address unix_listener::local() const { return detail::unix_local_of(socket_); }

}  // namespace ringmill
