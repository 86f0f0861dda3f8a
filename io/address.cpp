#include <ringmill/io/address.hpp>

#include <arpa/inet.h>

#include <array>
#include <cstring>

namespace ringmill {

address::address() noexcept
    : address(sockaddr_in{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}}) {}

// The longer member first, so that no byte is left undefined.
address::address(const sockaddr_in& v4) noexcept : v6_{} { v4_ = v4; }
address::address(const sockaddr_in6& v6) noexcept : v6_(v6) {}

std::optional<address> address::parse(std::string_view host, std::uint16_t port) noexcept {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (host.size() >= text.size()) return std::nullopt;
  host.copy(text.data(), host.size());
  sockaddr_in v4{};
  if (inet_pton(AF_INET, text.data(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    return address(v4);
  }
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET6, text.data(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    return address(v6);
  }
  return std::nullopt;
}

std::uint16_t address::port() const noexcept { return ntohs(is_v6() ? v6_.sin6_port : v4_.sin_port); }

std::string address::host() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes = is_v6() ? static_cast<const void*>(&v6_.sin6_addr) : &v4_.sin_addr;
  inet_ntop(any_.sa_family, bytes, text.data(), text.size());
  return text.data();
}

std::string address::to_string() const {
  const std::string number = std::to_string(port());
  return is_v6() ? "[" + host() + "]:" + number : host() + ":" + number;
}

bool operator==(const address& left, const address& right) noexcept {
  if (left.is_v6() != right.is_v6() || left.port() != right.port()) return false;
  if (left.is_v6()) return std::memcmp(&left.v6_.sin6_addr, &right.v6_.sin6_addr, sizeof left.v6_.sin6_addr) == 0;
  return left.v4_.sin_addr.s_addr == right.v4_.sin_addr.s_addr;
}

}  // namespace ringmill
