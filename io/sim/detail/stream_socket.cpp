#include <ringmill/io/sim/detail/stream_socket.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include <ringmill/io/sim/detail/environment.hpp>
#include <ringmill/io/sim/detail/port_table.hpp>
#include <ringmill/io/sim/detail/sim_kernel.hpp>

namespace ringmill::sim::detail {

namespace {

constexpr unsigned readable = POLLIN | POLLRDNORM;
constexpr unsigned writable = POLLOUT | POLLWRNORM;

}  // namespace

stream_socket::~stream_socket() {
  unbind();
  for (const std::weak_ptr<object>& client : blocked_) {
    if (const auto there = client.lock()) static_cast<stream_socket&>(*there).changed();
  }
  for (const auto& client : waiting_) client->reset_at_close();
  if (!link_) return;
  const bool lingers = option_or(SOL_SOCKET, SO_LINGER, 0) != 0;  // l_onoff; of ringmill's, the time is always zero
  const std::shared_ptr<stream_link> link = link_;
  mine().socket = nullptr;
  if (state_ != state::connected) return;
  const bool is_over = send_ended_ && peer_ended_ && !is_unix();  // there is nothing left to be reset
  if (resets_at_close_ || (lingers && !is_over) || arrived_size_ > 0) {
    send_reset(link, 1 - side_);
    return;
  }
  if (!send_ended_) send_end();
  // A Unix peer sees the whole connection gone, and not only this direction of it.
  if (is_unix() && other().socket) other().socket->changed();
}

std::pair<std::shared_ptr<stream_socket>, std::shared_ptr<stream_socket>> stream_socket::pair(sim_kernel& owner,
                                                                                              int domain) {
  const auto link = std::make_shared<stream_link>();
  const auto make = [&](unsigned side) {
    auto made = std::make_shared<stream_socket>(owner, domain, SOCK_STREAM);
    made->set_peer(socket_name::unnamed_unix());
    made->join(link, side);
    made->told_of_connect_ = true;
    return made;
  };
  auto one = make(0);
  auto two = make(1);
  return {std::move(one), std::move(two)};
}

void stream_socket::join(const std::shared_ptr<stream_link>& link, unsigned side) {
  link_ = link;
  side_ = side;
  mine().socket = this;
  mine().host = owner().host();
  state_ = state::connected;
}

unsigned stream_socket::ready() const noexcept {
  unsigned events = has_error() ? unsigned{POLLERR} : 0U;
  switch (state_) {
    case state::unconnected:
      return events | writable | POLLHUP;
    case state::listening:
      return events | (waiting_.empty() ? 0U : readable);
    case state::connecting:
      return events | (has_error() ? readable | writable | POLLHUP : 0U);
    case state::broken:
      return events | readable | writable | POLLHUP | POLLRDHUP;
    case state::connected:
      break;
  }
  const bool is_closed_unix = is_unix() && !other().socket;
  if (arrived_size_ > 0 || receive_ended_ || is_closed_unix) events |= readable;
  if (receive_ended_ || is_closed_unix) events |= POLLRDHUP;
  if ((receive_ended_ && send_ended_) || is_closed_unix) events |= POLLHUP;
  if (send_ended_ || 3 * room() >= capacity()) events |= writable;
  return events;
}

std::size_t stream_socket::capacity() const noexcept {
  const std::size_t usual = owner().around().settings.stream_capacity();
  const auto asked = static_cast<std::size_t>(option_or(SOL_SOCKET, SO_SNDBUF, 0));
  return asked > 0 ? std::min(usual, asked) : usual;
}

std::size_t stream_socket::outstanding() const noexcept {
  const stream_link::side& there = other();
  const bool holds = there.socket && there.socket->state_ != state::broken;  // else it answers with a reset
  return there.in_flight + (holds ? there.socket->arrived_size_ : 0);
}

std::size_t stream_socket::room() const noexcept {
  const std::size_t used = outstanding();
  return used < capacity() ? capacity() - used : 0;
}

int stream_socket::receive(transfer& into) {
  if (state_ == state::connecting && !has_error()) return would_block;
  if (state_ == state::unconnected || state_ == state::listening) return is_unix() ? -EINVAL : -ENOTCONN;
  if (into.has(MSG_OOB)) return -EINVAL;  // no byte is urgent here
  if (into.size() == 0 && is_unix()) return 0;
  if (arrived_size_ == 0) {
    if (has_error()) return take_error();
    if (receive_ended_ || state_ == state::broken || (is_unix() && !other().socket)) return 0;
    return would_block;
  }
  const std::size_t before = arrived_size_;
  const bool peeks = into.has(MSG_PEEK);
  std::size_t taken = 0;
  std::size_t skip = first_taken_;
  for (std::size_t index = 0; taken < into.size() && index < (peeks ? arrived_.size() : 1) && !arrived_.empty();) {
    segment& first = arrived_[index];
    if (skip == 0 && !first.descriptors.empty()) {
      if (taken > 0) break;  // descriptors begin a message of their own
      if (!peeks) into.descriptors = std::move(first.descriptors);
      first.descriptors.clear();
    }
    const std::size_t count = std::min(into.size() - taken, first.bytes.size() - skip);
    into.put(taken, std::span(first.bytes).subspan(skip, count));
    taken += count;
    if (peeks) {
      skip = 0;
      ++index;
      continue;
    }
    arrived_size_ -= count;
    first_taken_ = skip += count;
    if (skip < first.bytes.size()) break;
    arrived_.pop_front();
    first_taken_ = skip = 0;
    if (!into.descriptors.empty()) break;
  }
  if (!peeks && link_) tell_of_room(before);
  return static_cast<int>(taken);
}

/// The peer may send again; it hears of it when an acknowledgement has come.
void stream_socket::tell_of_room(std::size_t before) {
  const std::size_t full = owner().around().settings.stream_capacity();
  if (!std::exchange(mine().sender_waits, false) && 3 * (before + mine().in_flight) < 2 * full) return;
  const auto tell = [link = link_, there = 1 - side_] {
    if (stream_socket* const peer = link->sides[there].socket) peer->changed();
  };
  const duration delay = owner().around().net.draw_latency(mine().host, other().host);
  if (delay == duration(0)) return tell();
  owner().around().after(delay, tell);
}

int stream_socket::send(transfer& from) {
  if (state_ == state::connecting && !has_error()) return would_block;
  if (has_error()) return take_error();
  if (send_ended_ || state_ == state::broken) return -EPIPE;
  if (state_ != state::connected) return is_unix() ? -ENOTCONN : -EPIPE;
  if (!from.peer.is_empty() && is_unix()) return -EISCONN;
  if (is_unix() && (!other().socket || other().socket->receive_ended_)) return -EPIPE;
  if (from.size() == 0) return 0;
  const std::size_t count = std::min(room(), from.size());
  if (count == 0) {
    other().sender_waits = true;
    return would_block;
  }
  const auto sent = std::make_shared<segment>();
  sent->bytes = from.get(count);
  sent->descriptors = std::move(from.descriptors);
  other().in_flight += count;
  owner().around().net.send(mine().host, other().host, count, other().towards,
                            [link = link_, at = 1 - side_, sent] { segment_arrives(link, at, sent); });
  if (owner().around().net.is_cut(mine().host, other().host)) give_up_later();
  return static_cast<int>(count);
}

/// What was sent is repeated for so long.
void stream_socket::give_up_later() {
  constexpr std::chrono::milliseconds usual(924'600);  // net.ipv4.tcp_retries2
  const std::chrono::milliseconds asked(option_or(IPPROTO_TCP, TCP_USER_TIMEOUT, 0));
  const auto look = [weak = weak_from_this(), link = link_, there = 1 - side_, arrivals = other().arrivals] {
    const auto self = weak.lock();
    if (!self || link->sides[there].arrivals != arrivals) return;
    auto& here = static_cast<stream_socket&>(*self);
    if (here.state_ != state::connected) return;
    here.set_error(-ETIMEDOUT);
    here.state_ = state::broken;
    here.send_ended_ = here.receive_ended_ = true;
    here.changed();
  };
  owner().around().after(asked.count() > 0 ? asked : usual, look);
}

void stream_socket::segment_arrives(const std::shared_ptr<stream_link>& link, unsigned at,
                                    const std::shared_ptr<segment>& it) {
  stream_link::side& here = link->sides[at];
  here.in_flight -= it->bytes.size();
  ++here.arrivals;
  stream_socket* const to = here.socket;
  if (!to || to->state_ == state::broken) return send_reset(link, 1 - at);
  to->arrived_size_ += it->bytes.size();
  if (to->arrived_.empty() || !it->descriptors.empty() || !to->arrived_.back().descriptors.empty()) {
    to->arrived_.push_back(std::move(*it));
  } else {
    std::vector<std::byte>& last = to->arrived_.back().bytes;
    last.insert(last.end(), it->bytes.begin(), it->bytes.end());
  }
  to->changed();
}

void stream_socket::send_end() {
  send_ended_ = true;
  owner().around().net.send(mine().host, other().host, 0, other().towards, [link = link_, at = 1 - side_] {
    if (stream_socket* const to = link->sides[at].socket) to->end_arrives();
  });
}

void stream_socket::end_arrives() {
  if (state_ != state::connected) return;
  receive_ended_ = peer_ended_ = true;
  changed();
}

void stream_socket::send_reset(const std::shared_ptr<stream_link>& link, unsigned to) {
  stream_socket* const target = link->sides[to].socket;
  if (!target) return;
  target->owner().around().net.send(link->sides[1 - to].host, link->sides[to].host, 0, link->sides[to].towards,
                                    [link, to] {
                                      if (stream_socket* const there = link->sides[to].socket) there->reset_arrives();
                                    });
}

void stream_socket::reset_arrives() {
  if (state_ != state::connected) return;
  set_error(receive_ended_ && !is_unix() ? -EPIPE : -ECONNRESET);
  state_ = state::broken;
  send_ended_ = receive_ended_ = true;
  changed();
}

void stream_socket::break_down(bool with_end) {
  if (state_ != state::connected || is_unix()) return;
  const std::shared_ptr<stream_link> link = link_;
  if (with_end) {  // the peer's host ended it: what is sent from here on is answered by a reset
    end_arrives();
    if (stream_socket* const peer = other().socket) peer->reset_arrives();
    return;
  }
  if (stream_socket* const peer = other().socket) peer->reset_arrives();
  reset_arrives();
}

int stream_socket::shutdown(int how) {
  if (state_ == state::listening && !is_unix()) {
    unbind();
    state_ = state::unconnected;
    waiting_.clear();
    changed();
    return 0;
  }
  if (state_ != state::connected) return -ENOTCONN;
  if (how != SHUT_WR) {
    receive_ended_ = true;
    if (is_unix() && other().socket) other().socket->changed();
  }
  if (how != SHUT_RD && !send_ended_) send_end();
  changed();
  return 0;
}

int stream_socket::peer_name(socket_name& name) const {
  if (state_ != state::connected) return -ENOTCONN;
  return socket::peer_name(name);
}

int stream_socket::bind(const socket_name& where) {
  return is_unix() ? bind_unix(where) : bind_ip(where, owner().tcp_ports());
}

}  // namespace ringmill::sim::detail
