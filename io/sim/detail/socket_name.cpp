#include <ringmill/io/sim/detail/socket_name.hpp>

#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace ringmill::sim::detail {

socket_name::socket_name(const sockaddr* raw, socklen_t length) noexcept {
  if (!raw) return;
  length_ = std::min<socklen_t>(length, sizeof raw_);
  std::memcpy(&raw_, raw, length_);
}

socket_name::socket_name(const address& ip) noexcept : socket_name(ip.data(), ip.size()) {}

socket_name socket_name::unnamed_unix() noexcept {
  socket_name made;
  made.raw_.ss_family = AF_UNIX;
  made.length_ = sizeof(sa_family_t);
  return made;
}

address socket_name::ip() const noexcept {
  if (family() == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &raw_, sizeof v6);
    return address(v6);
  }
  sockaddr_in v4{};
  std::memcpy(&v4, &raw_, sizeof v4);
  return address(v4);
}

std::string socket_name::unix_name() const {
  constexpr std::size_t start = offsetof(sockaddr_un, sun_path);
  if (family() != AF_UNIX || length_ <= start) return {};
  const char* const path = reinterpret_cast<const char*>(&raw_) + start;
  const std::size_t length = length_ - start;
  if (path[0] == '\0') return std::string(path, length);
  return std::string(path, ::strnlen(path, length));
}

void socket_name::copy_to(sockaddr* where, socklen_t* length) const noexcept {
  if (!where || !length) return;
  std::memcpy(where, &raw_, std::min(*length, length_));
  *length = length_;
}

bool is_loopback(const address& where) noexcept {
  if (where.is_v6()) {
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(where.data())->sin6_addr);
  }
  return (ntohl(reinterpret_cast<const sockaddr_in*>(where.data())->sin_addr.s_addr) >> 24) == 127;
}

bool is_unspecified(const address& where) noexcept {
  if (where.is_v6()) {
    return IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6*>(where.data())->sin6_addr);
  }
  return reinterpret_cast<const sockaddr_in*>(where.data())->sin_addr.s_addr == 0;
}

address unmapped(const address& where) noexcept {
  if (!where.is_v6()) return where;
  const auto& v6 = *reinterpret_cast<const sockaddr_in6*>(where.data());
  if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return where;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = v6.sin6_port;
  std::memcpy(&v4.sin_addr, v6.sin6_addr.s6_addr + 12, 4);
  return address(v4);
}

address as_seen_by(int family, const address& where) noexcept {
  if (family == AF_INET || where.is_v6()) return where;
  const auto& v4 = *reinterpret_cast<const sockaddr_in*>(where.data());
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = v4.sin_port;
  v6.sin6_addr.s6_addr[10] = v6.sin6_addr.s6_addr[11] = 0xff;
  std::memcpy(v6.sin6_addr.s6_addr + 12, &v4.sin_addr, 4);
  return address(v6);
}

address with_port(const address& where, std::uint16_t port) noexcept {
  address made = where;
  if (where.is_v6()) {
    reinterpret_cast<sockaddr_in6*>(made.data())->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(made.data())->sin_port = htons(port);
  }
  return made;
}

}  // namespace ringmill::sim::detail
