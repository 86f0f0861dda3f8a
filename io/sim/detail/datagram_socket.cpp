#include <ringmill/io/sim/detail/datagram_socket.hpp>

#include <poll.h>

#include <algorithm>
#include <cerrno>

#include <ringmill/io/sim/detail/environment.hpp>
#include <ringmill/io/sim/detail/port_table.hpp>
#include <ringmill/io/sim/detail/sim_kernel.hpp>

namespace ringmill::sim::detail {

namespace {

constexpr std::size_t most_waiting_unix = 11;  // net.unix.max_dgram_qlen, and the one that is being sent
constexpr int most_udp_bytes = 212992;
constexpr std::size_t bookkeeping = 512;  // for each datagram that waits
constexpr std::size_t most_bytes_v4 = 65507;
constexpr std::size_t most_bytes_v6 = 65527;

}  // namespace

datagram_socket::~datagram_socket() {
  unbind();
  for (const std::weak_ptr<object>& sender : blocked_) {
    if (const auto there = sender.lock()) static_cast<datagram_socket&>(*there).changed();
  }
}

std::pair<std::shared_ptr<object>, std::shared_ptr<object>> datagram_socket::pair(sim_kernel& owner) {
  auto one = std::make_shared<datagram_socket>(owner, AF_UNIX, SOCK_DGRAM);
  auto two = std::make_shared<datagram_socket>(owner, AF_UNIX, SOCK_DGRAM);
  const auto join = [](datagram_socket& from, const std::shared_ptr<datagram_socket>& to) {
    from.unix_peer_ = to;
    from.is_connected_ = true;
    from.set_peer(socket_name::unnamed_unix());
  };
  join(*one, two);
  join(*two, one);
  return {std::move(one), std::move(two)};
}

unsigned datagram_socket::ready() const noexcept {
  unsigned events = has_error() ? unsigned{POLLERR} : 0U;
  if (!arrived_.empty() || receive_ended_ || has_error()) events |= POLLIN | POLLRDNORM;
  bool has_room = true;
  if (is_unix() && is_connected_) {
    // Who asks is told when there is room (Linux: unix_dgram_peer_wake_me), as is a send that waits.
    const auto peer = std::static_pointer_cast<datagram_socket>(unix_peer_.lock());
    has_room = !peer || !peer->is_full();
    if (!has_room) peer->tell_of_room(std::const_pointer_cast<object>(shared_from_this()));
  }
  if (has_room) events |= POLLOUT | POLLWRNORM;
  return events;
}

bool datagram_socket::is_full() const noexcept {
  if (is_unix()) return arrived_.size() >= most_waiting_unix;
  return arrived_size_ >= static_cast<std::size_t>(option_or(SOL_SOCKET, SO_RCVBUF, most_udp_bytes));
}

void datagram_socket::tell_of_room(const std::shared_ptr<object>& sender) {
  const auto is_sender = [&](const std::weak_ptr<object>& each) { return each.lock() == sender; };
  if (std::none_of(blocked_.begin(), blocked_.end(), is_sender)) blocked_.push_back(sender);
}

void datagram_socket::put(datagram it) {
  arrived_size_ += it.bytes.size() + bookkeeping;
  arrived_.push_back(std::move(it));
  changed();
}

int datagram_socket::receive(transfer& into) {
  if (has_error()) return take_error();
  if (arrived_.empty()) return receive_ended_ ? 0 : would_block;
  datagram& first = arrived_.front();
  const std::size_t full = first.bytes.size();
  const std::size_t count = std::min(full, into.size());
  into.put(0, std::span(first.bytes).first(count));
  into.peer = first.from;
  into.is_truncated = count < full;
  if (!into.has(MSG_PEEK)) {
    into.descriptors = std::move(first.descriptors);
    arrived_size_ -= full + bookkeeping;
    arrived_.pop_front();
    for (const std::weak_ptr<object>& sender : std::exchange(blocked_, {})) {
      if (const auto there = sender.lock()) static_cast<datagram_socket&>(*there).changed();
    }
  }
  return static_cast<int>(into.has(MSG_TRUNC) ? full : count);
}

int datagram_socket::send(transfer& from) {
  if (has_error()) return take_error();
  if (send_ended_) return -EPIPE;
  return is_unix() ? send_unix(from) : send_udp(from);
}

/// Of Unix sockets: one that is connected hears its peer only.
bool datagram_socket::hears(const datagram_socket& sender) const noexcept {
  return !is_connected_ || unix_peer_.lock().get() == &sender;
}

std::shared_ptr<datagram_socket> datagram_socket::find_unix(const socket_name& peer, int& error) const {
  class socket* const found = owner().find_unix(peer, error);
  if (!found) return nullptr;
  if (found->type() != SOCK_DGRAM) {
    error = -EPROTOTYPE;
    return nullptr;
  }
  return std::static_pointer_cast<datagram_socket>(found->shared_from_this());
}

int datagram_socket::send_unix(transfer& from) {
  int error = is_connected_ ? -ECONNREFUSED : -ENOTCONN;
  const auto to =
      from.peer.is_empty() ? std::static_pointer_cast<datagram_socket>(unix_peer_.lock()) : find_unix(from.peer, error);
  if (!to) return error;
  if (!to->hears(*this)) return -EPERM;
  if (to->receive_ended_) return -EPIPE;
  if (from.size() > std::size_t{most_udp_bytes} - bookkeeping) return -EMSGSIZE;
  if (to->is_full()) {
    to->tell_of_room(shared_from_this());
    return would_block;
  }
  datagram sent;
  sent.bytes = from.get(from.size());
  sent.from = local();
  sent.descriptors = std::move(from.descriptors);
  const auto size = static_cast<int>(sent.bytes.size());
  to->put(std::move(sent));
  return size;
}

int datagram_socket::send_udp(transfer& from) {
  if (!from.peer.is_empty() && from.peer.family() != domain()) return -EAFNOSUPPORT;
  if (from.peer.is_empty() && !is_connected_) return -EDESTADDRREQ;
  const address to = from.peer.is_empty() ? peer().ip() : from.peer.ip();
  if (to.port() == 0) return -EINVAL;
  const std::size_t most = unmapped(to).is_v6() ? most_bytes_v6 : most_bytes_v4;
  const std::size_t segment = from.segment_size > 0 ? from.segment_size : from.size();
  if (from.size() > most || segment > most) return -EMSGSIZE;
  if (local().is_empty()) {
    const int result =
        bind_ip(socket_name(*address::parse(domain() == AF_INET6 ? "::" : "0.0.0.0", 0)), owner().udp_ports());
    if (result < 0) return result;
  }
  if (!owner().around().net.find(to, owner()) && !owner().around().net.knows_hosts()) return -ENETUNREACH;
  const std::vector<std::byte> bytes = from.get(from.size());
  std::size_t at = 0;
  do {
    const std::size_t count = std::min(segment, bytes.size() - at);
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    send_packet(to, std::vector<std::byte>(begin, begin + static_cast<std::ptrdiff_t>(count)));
    at += count;
  } while (at < bytes.size());
  return static_cast<int>(bytes.size());
}

void datagram_socket::send_packet(const address& to, std::vector<std::byte> bytes) {
  environment& around = owner().around();
  sim_kernel* const there = around.net.find(to, owner());
  if (!there) return;  // lost
  address target = unmapped(to);
  if (is_unspecified(target)) target = *address::parse(target.is_v6() ? "::1" : "127.0.0.1", target.port());
  address from = unmapped(local().ip());
  if (is_unspecified(from)) from = with_port(owner().address_towards(target), from.port());
  around.net.send_datagram(
      owner().host(), there->host(), bytes.size(),
      [&around, kernel = there->number(), target, from, bytes = std::move(bytes), sender = weak_from_this()] {
        if (sim_kernel* const here = around.kernel_of(kernel)) {
          packet_arrives(*here, target, from, bytes, sender);
        }
      });
}

void datagram_socket::packet_arrives(sim_kernel& target, const address& to, const address& from,
                                     const std::vector<std::byte>& bytes, const std::weak_ptr<object>& sender) {
  for (class socket* const each : target.udp_ports().find(to, false)) {
    auto& here = static_cast<datagram_socket&>(*each);
    if (here.is_connected_ && !(unmapped(here.peer().ip()) == from)) continue;
    if (here.is_full() || here.receive_ended_) return;
    datagram arrived;
    arrived.bytes = bytes;
    arrived.from = socket_name(as_seen_by(here.domain(), from));
    return here.put(std::move(arrived));
  }
  // Nobody: the host says so, and who is connected hears of it.
  const auto there = sender.lock();
  if (!there) return;
  auto& from_whom = static_cast<datagram_socket&>(*there);
  environment& around = target.around();
  const auto tell = [sender, to] {
    const auto self = sender.lock();
    if (!self) return;
    auto& socket = static_cast<datagram_socket&>(*self);
    if (!socket.is_connected_ || !(unmapped(socket.peer().ip()) == to)) return;
    socket.set_error(-ECONNREFUSED);
    socket.changed();
  };
  around.net.send_datagram(target.host(), from_whom.owner().host(), 0, tell);
}

int datagram_socket::connect(const socket_name& to, bool) {
  if (is_unix()) {
    if (to.family() != AF_UNIX) return -EINVAL;
    int error = 0;
    const auto there = find_unix(to, error);
    if (!there) return error;
    if (!there->hears(*this)) return -EPERM;
    unix_peer_ = there;
    set_peer(there->local());
  } else {
    if (to.family() != domain()) return -EAFNOSUPPORT;
    if (!owner().around().net.find(to.ip(), owner()) && !owner().around().net.knows_hosts()) return -ENETUNREACH;
    const int result = bind_for(to.ip(), owner().udp_ports());
    if (result < 0) return result;
    set_peer(to);
  }
  is_connected_ = true;
  return 0;
}

int datagram_socket::bind(const socket_name& where) {
  return is_unix() ? bind_unix(where) : bind_ip(where, owner().udp_ports());
}

int datagram_socket::listen(int) { return -EOPNOTSUPP; }

int datagram_socket::shutdown(int how) {
  if (!is_connected_) return -ENOTCONN;
  if (how != SHUT_WR) receive_ended_ = true;
  if (how != SHUT_RD) send_ended_ = true;
  changed();
  return 0;
}

int datagram_socket::peer_name(socket_name& name) const { return is_connected_ ? socket::peer_name(name) : -ENOTCONN; }

}  // namespace ringmill::sim::detail
