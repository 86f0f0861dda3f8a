#include <ringmill/io/unix_datagram.hpp>

#include <ringmill/io/detail/socket_calls.hpp>
#include <ringmill/io/detail/unix_calls.hpp>

namespace ringmill {

unix_datagram unix_datagram::bind(const unix_address& where, const unix_bind_options& options) {
  fd socket = detail::make_socket(AF_UNIX, SOCK_DGRAM);
  detail::socket_file file = detail::bind_to(socket, SOCK_DGRAM, where, options);
  return unix_datagram(std::move(socket), std::move(file));
}

unix_datagram::connect_awaiter unix_datagram::connect(const unix_address& peer) {
  return connect_awaiter(detail::make_socket(AF_UNIX, SOCK_DGRAM), detail::socket_file(), peer);
}

unix_datagram::connect_awaiter unix_datagram::connect(unix_datagram bound, const unix_address& peer) {
  return connect_awaiter(std::move(bound.socket_), std::move(bound.file_), peer);
}

std::pair<unix_datagram, unix_datagram> unix_datagram::pair() {
  std::pair<fd, fd> ends = detail::make_socket_pair(SOCK_DGRAM);
  return {unix_datagram(std::move(ends.first)), unix_datagram(std::move(ends.second))};
}

void unix_datagram::close() noexcept {
  file_.remove();
  socket_.reset();
}

unix_address unix_datagram::local() const { return detail::unix_local_of(socket_); }

unix_address unix_datagram::peer() const { return detail::unix_peer_of(socket_); }

}  // namespace ringmill
