#include <ringmill/io/address.hpp>

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <cstring>

namespace ringmill {

address::address() noexcept
    : address(sockaddr_in{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}}) {}

// The longer member first, so that no byte is left undefined.
address::address(const sockaddr_in& v4) noexcept : v6_{} { v4_ = v4; }
address::address(const sockaddr_in6& v6) noexcept : v6_(v6) {}

std::optional<address> address::parse(std::string_view host, std::uint16_t port) noexcept {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (host.size() >= text.size() || host.find('\0') != std::string_view::npos) return std::nullopt;
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

std::optional<address> address::parse_with_port(std::string_view text) noexcept {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  const bool is_v6 = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (is_v6) host = host.substr(1, host.size() - 2);

  std::uint16_t port = 0;
  if (digits.empty() || (digits.front() == '0' && digits.size() > 1)) return std::nullopt;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;

  const std::optional<address> parsed = parse(host, port);
  if (!parsed || parsed->is_v6() != is_v6) return std::nullopt;
  return parsed;
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

bool address::equals(const address& other) const noexcept {
  if (is_v6() != other.is_v6() || port() != other.port()) return false;
  if (is_v6()) return std::memcmp(&v6_.sin6_addr, &other.v6_.sin6_addr, sizeof v6_.sin6_addr) == 0;
  return v4_.sin_addr.s_addr == other.v4_.sin_addr.s_addr;
}

}  // namespace ringmill
