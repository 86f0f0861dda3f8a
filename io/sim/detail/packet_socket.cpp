#include <ringmill/io/sim/detail/packet_socket.hpp>

#include <poll.h>

#include <algorithm>
#include <cerrno>

namespace ringmill::sim::detail {

namespace {
constexpr std::size_t most_waiting = 278;  // of empty ones, by net.core.wmem_default
constexpr std::size_t most_bytes = 212960;
}  // namespace

std::pair<std::shared_ptr<object>, std::shared_ptr<object>> packet_socket::pair(sim_kernel& owner) {
  auto one = std::make_shared<packet_socket>(owner, AF_UNIX, SOCK_SEQPACKET);
  auto two = std::make_shared<packet_socket>(owner, AF_UNIX, SOCK_SEQPACKET);
  one->peer_ = two;
  two->peer_ = one;
  one->set_peer(socket_name::unnamed_unix());
  two->set_peer(socket_name::unnamed_unix());
  return {std::move(one), std::move(two)};
}

packet_socket::~packet_socket() {
  const auto there = other();
  if (!there) return;
  there->receive_ended_ = there->send_ended_ = true;
  if (!arrived_.empty()) there->set_error(-ECONNRESET);
  there->changed();
}

bool packet_socket::is_full() const noexcept { return arrived_.size() >= most_waiting; }

unsigned packet_socket::ready() const noexcept {
  const auto there = other();
  unsigned events = has_error() ? unsigned{POLLERR} : 0U;
  if (!arrived_.empty() || receive_ended_ || has_error()) events |= POLLIN | POLLRDNORM;
  if (receive_ended_) events |= POLLRDHUP;
  if (receive_ended_ && send_ended_) events |= POLLHUP;
  if (!there || !there->is_full()) events |= POLLOUT | POLLWRNORM;
  return events;
}

int packet_socket::receive(transfer& into) {
  if (has_error()) return take_error();
  if (arrived_.empty()) return receive_ended_ ? 0 : would_block;
  datagram& first = arrived_.front();
  const std::size_t full = first.bytes.size();
  const std::size_t count = std::min(full, into.size());
  into.put(0, std::span(first.bytes).first(count));
  into.is_truncated = count < full;
  if (!into.has(MSG_PEEK)) {
    into.descriptors = std::move(first.descriptors);
    arrived_.pop_front();
    if (const auto there = other()) there->changed();
  }
  return static_cast<int>(into.has(MSG_TRUNC) ? full : count);
}

int packet_socket::send(transfer& from) {
  if (has_error()) return take_error();
  const auto there = other();
  if (send_ended_ || !there || there->receive_ended_) return -EPIPE;
  if (from.size() > most_bytes) return -EMSGSIZE;
  if (there->is_full()) return would_block;
  datagram sent;
  sent.bytes = from.get(from.size());
  sent.descriptors = std::move(from.descriptors);
  const auto size = static_cast<int>(sent.bytes.size());
  there->arrived_.push_back(std::move(sent));
  there->changed();
  return size;
}

int packet_socket::shutdown(int how) {
  const auto there = other();
  if (how != SHUT_WR) receive_ended_ = true;
  if (how != SHUT_RD) send_ended_ = true;
  if (there) {
    if (how != SHUT_WR) there->send_ended_ = true;
    if (how != SHUT_RD) there->receive_ended_ = true;
    there->changed();
  }
  changed();
  return 0;
}

}  // namespace ringmill::sim::detail
