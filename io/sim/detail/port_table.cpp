#include <ringmill/io/sim/detail/port_table.hpp>

#include <cerrno>

#include <ringmill/io/sim/detail/socket.hpp>

namespace ringmill::sim::detail {

namespace {

/// Is `here`, which a socket is bound to, an address that `where` falls under?
bool covers(const address& here, bool is_v6_only, const address& where) noexcept {
  const address plain = unmapped(where);
  if (is_unspecified(here)) return here.is_v6() ? plain.is_v6() || !is_v6_only : !plain.is_v6();
  return unmapped(here) == plain;
}

bool is_v6_only(const socket& who) noexcept { return who.option_or(IPPROTO_IPV6, IPV6_V6ONLY, 0) != 0; }

}  // namespace

int port_table::bind(socket& who, const address& where, random_source& random) {
  std::uint16_t port = where.port();
  const auto is_free = [&](std::uint16_t number) {
    const auto [first, last] = places_.equal_range(number);
    for (auto each = first; each != last; ++each) {
      if (conflict(each->second, who, with_port(where, number))) return false;
    }
    return true;
  };
  if (port == 0) {
    constexpr std::uint16_t first_port = 32768;
    constexpr std::uint16_t port_count = 28232;
    const std::uint64_t start = random.below(port_count);
    for (std::uint64_t tries = 0; tries < port_count && port == 0; ++tries) {
      const auto candidate = static_cast<std::uint16_t>(first_port + (start + tries) % port_count);
      if (places_.find(candidate) == places_.end()) port = candidate;
    }
  }
  if (port == 0 || !is_free(port)) return -EADDRINUSE;
  places_.emplace(port, place{with_port(where, port), &who});
  return port;
}

void port_table::release(const socket& who) noexcept {
  std::erase_if(places_, [&](const auto& entry) { return entry.second.who == &who; });
}

std::vector<socket*> port_table::find(const address& where, bool only_listening) const {
  std::vector<socket*> exact;
  std::vector<socket*> general;
  const auto [first, last] = places_.equal_range(where.port());
  for (auto each = first; each != last; ++each) {
    const place& here = each->second;
    if (only_listening && !here.who->is_listening()) continue;
    if (!covers(here.where, is_v6_only(*here.who), where)) continue;
    (is_unspecified(here.where) ? general : exact).push_back(here.who);
  }
  return exact.empty() ? general : exact;
}

bool port_table::conflict(const place& old, socket& who, const address& where) {
  if (!covers(old.where, is_v6_only(*old.who), where) && !covers(where, is_v6_only(who), old.where)) return false;
  const auto both = [&](int option) {
    return old.who->option_or(SOL_SOCKET, option, 0) != 0 && who.option_or(SOL_SOCKET, option, 0) != 0;
  };
  if (both(SO_REUSEPORT)) return false;
  return !both(SO_REUSEADDR) || (old.who->type() == SOCK_STREAM && old.who->is_listening());
}

}  // namespace ringmill::sim::detail
