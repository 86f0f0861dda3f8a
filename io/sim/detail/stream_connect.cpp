// How stream sockets come to be connected.
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>

#include <ringmill/io/sim/detail/environment.hpp>
#include <ringmill/io/sim/detail/port_table.hpp>
#include <ringmill/io/sim/detail/sim_kernel.hpp>
#include <ringmill/io/sim/detail/stream_socket.hpp>

namespace ringmill::sim::detail {

namespace {

constexpr duration whole_patience = std::chrono::seconds(127);  // six repetitions: net.ipv4.tcp_syn_retries
constexpr duration address_patience = std::chrono::milliseconds(3072);
constexpr int most_backlog = 4096;  // net.core.somaxconn

}  // namespace

int stream_socket::listen(int backlog) {
  if (state_ != state::unconnected && state_ != state::listening) return -EINVAL;
  if (is_unix() && local().size() <= sizeof(sa_family_t)) return -EINVAL;
  if (!is_unix() && local().is_empty()) {
    const int result = bind(socket_name(*address::parse(domain() == AF_INET6 ? "::" : "0.0.0.0", 0)));
    if (result < 0) return result;
  }
  if (!is_unix()) {
    // Two that were bound to one address with SO_REUSEADDR cannot both listen.
    for (const class socket* each : owner().tcp_ports().find(local().ip(), true)) {
      const bool shares = each->option_or(SOL_SOCKET, SO_REUSEPORT, 0) != 0 && option_or(SOL_SOCKET, SO_REUSEPORT, 0);
      if (each != this && !shares && each->local().ip() == local().ip()) return -EADDRINUSE;
    }
  }
  backlog_ = backlog < 0 || backlog > most_backlog ? most_backlog : backlog;
  state_ = state::listening;
  return 0;
}

int stream_socket::accept(std::shared_ptr<object>& made) {
  if (state_ != state::listening) return -EINVAL;
  if (waiting_.empty()) return would_block;
  made = std::move(waiting_.front());
  waiting_.pop_front();
  for (const std::weak_ptr<object>& client : std::exchange(blocked_, {})) {
    if (const auto there = client.lock()) static_cast<stream_socket&>(*there).changed();
  }
  return 0;
}

bool stream_socket::has_backlog_room() const noexcept { return static_cast<int>(waiting_.size()) <= backlog_; }

int stream_socket::connect(const socket_name& peer, bool again) {
  switch (state_) {
    case state::listening:
      return is_unix() ? -EINVAL : -EISCONN;
    case state::connected:
      return std::exchange(told_of_connect_, true) ? -EISCONN : 0;
    case state::connecting:
      if (!has_error()) return again ? would_block : -EALREADY;
      state_ = state::unconnected;
      return take_error();
    case state::broken:
      return has_error() ? take_error() : -ECONNABORTED;
    case state::unconnected:
      break;
  }
  if (is_unix()) return peer.family() == AF_UNIX ? connect_unix(peer) : -EINVAL;
  if (peer.family() != domain()) return -EAFNOSUPPORT;
  return connect_ip(peer.ip());
}

int stream_socket::connect_unix(const socket_name& peer) {
  int error = 0;
  class socket* const found = owner().find_unix(peer, error);
  if (!found) return error;
  if (found->type() != SOCK_STREAM) return -EPROTOTYPE;
  auto& listener = static_cast<stream_socket&>(*found);
  if (!listener.is_listening()) return -ECONNREFUSED;
  if (!listener.has_backlog_room()) {
    listener.blocked_.push_back(weak_from_this());
    return would_block;
  }
  set_peer(listener.local());
  const auto accepted = listener.make_accepted(*this, listener.local(), local());
  join(accepted->link_, 0);
  listener.waiting_.push_back(accepted);
  listener.changed();
  told_of_connect_ = true;
  return 0;
}

/// The side that the listener's program will get.
std::shared_ptr<stream_socket> stream_socket::make_accepted(stream_socket& client, const socket_name& local,
                                                            const socket_name& peer) {
  const auto link = std::make_shared<stream_link>();
  auto made = std::make_shared<stream_socket>(owner(), domain(), SOCK_STREAM);
  made->inherit_options(*this);
  made->set_local(local);
  made->set_peer(peer);
  made->join(link, 1);
  made->told_of_connect_ = true;
  link->sides[0].host = client.owner().host();
  return made;
}

int stream_socket::connect_ip(const address& peer) {
  environment& around = owner().around();
  address target = peer;
  if (is_unspecified(unmapped(peer))) {
    target = as_seen_by(domain(), *address::parse(domain() == AF_INET6 && !(unmapped(peer) == peer) ? "127.0.0.1"
                                                  : domain() == AF_INET6                            ? "::1"
                                                                                                    : "127.0.0.1",
                                                  peer.port()));
  }
  if (around.happens(fault::unreachable, owner().host())) return -EHOSTUNREACH;
  const int result = bind_for(target, owner().tcp_ports());
  if (result < 0) return result;
  set_peer(socket_name(target));
  state_ = state::connecting;
  const auto fail_after = [&](duration delay, int error) {
    around.after(delay, [weak = weak_from_this(), error] {
      if (const auto here = weak.lock()) static_cast<stream_socket&>(*here).connect_failed(error);
    });
  };
  sim_kernel* const there = around.net.find(target, owner());
  if (around.happens(fault::refused, owner().host())) {
    fail_after(there ? around.net.draw_latency(owner().host(), there->host()) : duration(0), -ECONNREFUSED);
  } else if (around.happens(fault::connect_timeout, owner().host())) {
    fail_after(whole_patience, -ETIMEDOUT);
  } else if (!there) {
    if (!around.net.knows_hosts()) {
      state_ = state::unconnected;
      return -ENETUNREACH;
    }
    fail_after(address_patience, -EHOSTUNREACH);
  } else {
    knock(target, 0);
    if (state_ == state::connecting && !has_error()) fail_after(whole_patience, -ETIMEDOUT);
  }
  return connect(socket_name(peer), true);
}

/// The first packet of a connection.
void stream_socket::knock(const address& peer, int tries) {
  environment& around = owner().around();
  sim_kernel* const there = around.net.find(peer, owner());
  if (!there) return;
  pipeline alone;
  around.net.send(owner().host(), there->host(), 0, alone,
                  [weak = weak_from_this(), kernel = there->number(), peer, tries, &around] {
                    const auto here = weak.lock();
                    sim_kernel* const target = around.kernel_of(kernel);
                    if (here && target) static_cast<stream_socket&>(*here).arrive_at(*target, peer, tries);
                  });
}

void stream_socket::arrive_at(sim_kernel& target, const address& peer, int tries) {
  if (state_ != state::connecting) return;
  environment& around = owner().around();
  const std::uint32_t here = owner().host();
  const std::vector<class socket*> listeners = target.tcp_ports().find(peer, true);
  if (listeners.empty()) {
    pipeline back;
    around.net.send(target.host(), here, 0, back, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) static_cast<stream_socket&>(*self).connect_failed(-ECONNREFUSED);
    });
    return;
  }
  auto& listener = static_cast<stream_socket&>(*listeners[around.random.below(listeners.size())]);
  if (!listener.has_backlog_room()) {  // no answer, so it is asked again
    around.after(std::chrono::seconds(1) * (1 << std::min(tries, 6)), [weak = weak_from_this(), peer, tries] {
      if (const auto self = weak.lock()) {
        auto& client = static_cast<stream_socket&>(*self);
        if (client.state_ == state::connecting) client.knock(peer, tries + 1);
      }
    });
    return;
  }
  const int family = listener.domain();
  const auto accepted = listener.make_accepted(*this, socket_name(as_seen_by(family, unmapped(peer))),
                                               socket_name(as_seen_by(family, unmapped(local().ip()))));
  listener.waiting_.push_back(accepted);
  listener.changed();
  around.net.send(target.host(), here, 0, accepted->link_->sides[0].towards,
                  [weak = weak_from_this(), link = accepted->link_] {
                    const auto self = weak.lock();
                    if (!self || static_cast<stream_socket&>(*self).state_ != state::connecting) {
                      return send_reset(link, 1);
                    }
                    auto& client = static_cast<stream_socket&>(*self);
                    client.join(link, 0);
                    client.changed();
                  });
}

void stream_socket::connect_failed(int negated_errno) {
  if (state_ != state::connecting) return;
  set_error(negated_errno);
  changed();
}

}  // namespace ringmill::sim::detail
