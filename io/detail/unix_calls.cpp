#include <ringmill/io/detail/unix_calls.hpp>

#include <array>
#include <stdexcept>
#include <string>

#include <ringmill/io/detail/socket_calls.hpp>
#include <ringmill/io/ring.hpp>

namespace ringmill::detail {

socket_file bind_to(const fd& socket, int type, const unix_address& where, const unix_bind_options& options) {
  const std::string text = where.to_string();
  if (options.mode() && !where.is_path()) throw std::invalid_argument("a mode for a socket without a file: " + text);
  const std::string path = where.is_path() ? where.name() : std::string();
  if (where.is_path() && options.remove_stale_file()) socket_file::remove_if_stale(path, type);

  // The file begins with the socket's own mode, less the umask: at no time may more than were meant to.
  if (options.mode()) or_throw(files().set_mode(socket.number(), *options.mode()), "set the mode of " + text);
  or_throw(ring::current().backend().bind(socket.number(), where.data(), where.size()), "bind " + text);
  if (!where.is_path()) return socket_file();
  socket_file file(path);
  if (options.mode()) or_throw(files().set_mode(path.c_str(), *options.mode()), "set the mode of " + text);
  if (options.keep_file()) file.keep();
  return file;
}

std::pair<fd, fd> make_socket_pair(int type) {
  std::array<int, 2> ends{-1, -1};
  or_throw(ring::current().backend().socket_pair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()), "socketpair");
  return {fd(ends[0]), fd(ends[1])};
}

unix_address unix_local_of(const fd& socket) {
  unix_address where;
  socklen_t length = unix_address::capacity();
  or_throw(ring::current().backend().local_address(socket.number(), where.data(), &length), "getsockname");
  where.set_size(length);
  return where;
}

unix_address unix_peer_of(const fd& socket) {
  unix_address where;
  socklen_t length = unix_address::capacity();
  or_throw(ring::current().backend().peer_address(socket.number(), where.data(), &length), "getpeername");
  where.set_size(length);
  return where;
}

}  // namespace ringmill::detail
