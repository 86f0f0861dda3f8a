// Control calls on sockets, which the kernel answers at once; their errors as exceptions that say what was attempted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <ringmill/io/address.hpp>
#include <ringmill/io/detail/calls.hpp>
#include <ringmill/io/fd.hpp>

namespace ringmill::detail {

/// The address whose text is `host`; throws std::invalid_argument, in the name of `who`, for what is none.
address parsed_address(const char* who, std::string_view host, std::uint16_t port);

/// A socket with SOCK_CLOEXEC.
fd make_socket(int domain, int type);
/// One that suits the address.
fd make_socket_for(const address& where, int type);

/// setsockopt(2) of an int; `name` is the option's, for the error.
void set_option(const fd& socket, int level, int option, int value, const char* name);
void set_option(const fd& socket, int level, int option, const void* value, socklen_t length, const char* name);

void bind_to(const fd& socket, const address& where);
void listen_on(const fd& socket, int backlog, const std::string& where);

/// shutdown(2) for writing.
void shutdown_write(const fd& socket);

address local_of(const fd& socket);
address peer_of(const fd& socket);

}  // namespace ringmill::detail
