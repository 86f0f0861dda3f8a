#include <ringmill/io/sim/detail/socket.hpp>

#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include <ringmill/io/sim/detail/environment.hpp>
#include <ringmill/io/sim/detail/port_table.hpp>
#include <ringmill/io/sim/detail/sim_kernel.hpp>
#include <ringmill/io/sim/detail/socket_options.hpp>

namespace ringmill::sim::detail {

namespace {

constexpr int so_peerpidfd = 77;

bool is_membership(int level, int option) noexcept {
  return (level == IPPROTO_IP || level == IPPROTO_IPV6) && (option == MCAST_JOIN_GROUP || option == MCAST_LEAVE_GROUP);
}

}  // namespace

socket::socket(sim_kernel& owner, int domain, int type) noexcept : object(owner), domain_(domain), type_(type) {
  if (domain == AF_UNIX) local_ = socket_name::unnamed_unix();
}

int socket::option_or(int level, int option, int otherwise) const noexcept {
  const auto found = options_.find({level, option});
  if (found == options_.end() || found->second.size() < sizeof(int)) return otherwise;
  std::memcpy(&otherwise, found->second.data(), sizeof otherwise);
  return otherwise;
}

int socket::set_option(int level, int option, std::span<const std::byte> value) {
  if (level == IPPROTO_TCP && (is_unix() || type_ != SOCK_STREAM)) return -ENOPROTOOPT;
  if (is_membership(level, option)) return -EOPNOTSUPP;  // there are no groups in this network
  const socket_option* const known = find_socket_option(level, option);
  if (!known) return -ENOPROTOOPT;
  std::vector<std::byte> kept;
  if (const int result = known->convert(value, kept); result < 0) return result;
  options_[{level, option}] = std::move(kept);
  return 0;
}

int socket::get_option(int level, int option, std::span<std::byte> value, socklen_t& length) {
  const auto give = [&](std::span<const std::byte> bytes) {
    length = static_cast<socklen_t>(std::min(bytes.size(), value.size()));
    std::memcpy(value.data(), bytes.data(), length);
    return 0;
  };
  if (level == SOL_SOCKET) {
    switch (option) {
      case SO_ERROR:
        return give(bytes_of(-take_error()));
      case SO_TYPE:
        return give(bytes_of(type_));
      case SO_DOMAIN:
        return give(bytes_of(domain_));
      case SO_PROTOCOL:
        return give(bytes_of(is_unix() ? 0 : type_ == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP));
      case SO_ACCEPTCONN:
        return give(bytes_of(is_listening()));
      case SO_PEERCRED: {
        const ucred self{.pid = ::getpid(), .uid = ::getuid(), .gid = ::getgid()};
        return give(std::as_bytes(std::span(&self, 1)));
      }
      case so_peerpidfd:
        return -ENOPROTOOPT;
      default:
        break;
    }
  }
  const auto found = options_.find({level, option});
  if (found != options_.end()) return give(found->second);
  const socket_option* const known = find_socket_option(level, option);
  return known ? give(bytes_of(known->otherwise)) : -ENOPROTOOPT;
}

int socket::local_name(socket_name& name) const {
  if (!local_.is_empty()) {
    name = local_;
  } else {
    name = socket_name(*address::parse(domain_ == AF_INET6 ? "::" : "0.0.0.0", 0));
  }
  return 0;
}

int socket::peer_name(socket_name& name) const {
  if (peer_.is_empty()) return -ENOTCONN;
  name = peer_;
  return 0;
}

int socket::bind_ip(const socket_name& where, port_table& ports) {
  // RFC 2133 had no scope in an address of IPv6; such are still taken.
  if (where.size() < (domain_ == AF_INET ? sizeof(sockaddr_in) : offsetof(sockaddr_in6, sin6_scope_id))) return -EINVAL;
  if (where.family() != domain_) return domain_ == AF_INET ? -EAFNOSUPPORT : -EINVAL;
  if (!local_.is_empty()) return -EINVAL;
  const address wanted = where.ip();
  if (!owner().has_address(wanted)) return -EADDRNOTAVAIL;
  const int port = ports.bind(*this, wanted, owner().around().random);
  if (port < 0) return port;
  ports_ = &ports;
  local_ = socket_name(with_port(wanted, static_cast<std::uint16_t>(port)));
  return 0;
}

int socket::bind_for(const address& peer, port_table& ports) {
  if (local_.is_empty()) {
    const int result = bind_ip(socket_name(*address::parse(domain_ == AF_INET6 ? "::" : "0.0.0.0", 0)), ports);
    if (result < 0) return result;
  }
  const address here = local_.ip();
  if (is_unspecified(here)) {
    local_ = socket_name(with_port(as_seen_by(domain_, owner().address_towards(unmapped(peer))), here.port()));
  }
  return 0;
}

int socket::bind_unix(const socket_name& where) {
  if (where.family() != AF_UNIX) return -EINVAL;
  if (local_.size() > sizeof(sa_family_t)) return -EINVAL;
  socket_name name = where;
  if (where.size() == sizeof(sa_family_t)) name = owner().next_unix_name();
  if (const int result = owner().bind_unix(name, *this); result < 0) return result;
  local_ = name;
  return 0;
}

void socket::unbind() noexcept {
  if (port_table* const ports = std::exchange(ports_, nullptr)) ports->release(*this);
  if (is_unix()) owner().unbind_unix(*this);
}

}  // namespace ringmill::sim::detail
