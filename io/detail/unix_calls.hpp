// Control calls on Unix sockets, which the kernel answers at once; their errors as exceptions.
#pragma once

#include <utility>

#include <ringmill/io/detail/socket_file.hpp>
#include <ringmill/io/fd.hpp>
#include <ringmill/io/unix_address.hpp>
#include <ringmill/io/unix_options.hpp>

namespace ringmill::detail {

/// Binds a socket of this type as the options say. Gives the file that was made, to be removed with the socket.
socket_file bind_to(const fd& socket, int type, const unix_address& where, const unix_bind_options& options);

std::pair<fd, fd> make_socket_pair(int type);

unix_address unix_local_of(const fd& socket);
unix_address unix_peer_of(const fd& socket);

}  // namespace ringmill::detail
