#include <ringmill/io/udp.hpp>

#include <liburing.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <system_error>

#include <ringmill/io/address_range.hpp>
#include <ringmill/io/detail/op_text.hpp>
#include <ringmill/io/detail/socket_calls.hpp>
#include <ringmill/io/ring.hpp>

namespace ringmill {

namespace {

constexpr std::size_t most_bytes = 65507;  ///< of one datagram with IPv4, and of all that one call sends
constexpr std::size_t most_segments = 64;  ///< UDP_MAX_SEGMENTS of Linux 6.1; later ones take more

/// The message's parts, which the kernel reads when it begins: they lie in the operation, whose place is known by then.
void refer_to(msghdr& message, iovec& part, std::span<const std::byte> data) noexcept {
  part.iov_base = const_cast<std::byte*>(data.data());
  part.iov_len = data.size();
  message = msghdr{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
}

void send_to_peer(msghdr& message, std::optional<address>& peer) noexcept {
  if (!peer) return;
  message.msg_name = peer->data();
  message.msg_namelen = peer->size();
}

std::string to_peer(const std::optional<address>& peer) { return peer ? " to " + peer->to_string() : std::string(); }

void throw_if_failed(std::int32_t result, const std::string& what, const std::optional<address>& peer) {
  if (result < 0) throw std::system_error(-result, std::generic_category(), what + to_peer(peer));
}

/// Several datagrams in one call: the device cannot, the path's packets are too small for one, or the kernel is too
/// old. Nothing has been sent then.
bool must_go_one_by_one(std::int32_t result) noexcept {
  return result == -EINVAL || result == -EIO || result == -EMSGSIZE || result == -EOPNOTSUPP || result == -ENOPROTOOPT;
}

}  // namespace

std::size_t received_datagram::count() const noexcept {
  return segment_size == 0 ? 1 : std::max<std::size_t>(1, (size + segment_size - 1) / segment_size);
}

std::span<std::byte> received_datagram::bytes_in(std::span<std::byte> buffer, std::size_t index) const noexcept {
  const std::size_t begin = std::min(index * segment_size, size);
  return buffer.subspan(begin, std::min(segment_size, size - begin));
}

void receive_datagram_op::prepare(io_uring_sqe& entry) noexcept {
  refer_to(message_, part_, buffer_);
  message_.msg_name = peer_.data();
  message_.msg_namelen = address::capacity();
  message_.msg_control = control_.data();
  message_.msg_controllen = control_.size();
  io_uring_prep_recvmsg(&entry, descriptor(), &message_, MSG_TRUNC);  // the result is the full size, then
}

void receive_datagram_op::describe(task_writer& out) const {
  out.text(detail::on_socket("receive a datagram", descriptor()));
}

received_datagram receive_datagram_op::await_resume() const {
  received_datagram got;
  got.full_size = static_cast<std::size_t>(result_or_throw("receive a datagram"));
  got.size = std::min(got.full_size, buffer_.size());
  got.segment_size = got.full_size;
  got.peer = peer_;
  msghdr message = message_;
  for (const cmsghdr* note = CMSG_FIRSTHDR(&message); note; note = CMSG_NXTHDR(&message, const_cast<cmsghdr*>(note))) {
    if (note->cmsg_level != IPPROTO_UDP || note->cmsg_type != UDP_GRO) continue;
    int size = 0;
    std::memcpy(&size, CMSG_DATA(note), sizeof size);
    if (size > 0) got.segment_size = static_cast<std::size_t>(size);
  }
  return got;
}

void send_datagram_op::prepare(io_uring_sqe& entry) noexcept {
  refer_to(message_, part_, data_);
  send_to_peer(message_, peer_);
  io_uring_prep_sendmsg(&entry, descriptor(), &message_, MSG_NOSIGNAL);
}

void send_datagram_op::describe(task_writer& out) const {
  out.text(detail::on_socket("send a datagram", descriptor()) + to_peer(peer_));
}

void send_datagram_op::await_resume() const {
  throw_if_failed(result(), "send a datagram of " + std::to_string(data_.size()) + " bytes", peer_);
}

send_segments_op::send_segments_op(fd& socket, std::span<const std::byte> data, std::size_t segment_size,
                                   std::optional<address> peer)
    : io_op(socket), rest_(data), segment_size_(segment_size), peer_(peer) {
  if (segment_size == 0 || segment_size > most_bytes) {
    throw std::invalid_argument("udp_socket::send_segments: " + std::to_string(segment_size) +
                                " is no size of a datagram: 1 to 65507");
  }
}

void send_segments_op::prepare(io_uring_sqe& entry) noexcept {
  const std::size_t count = several_at_once_ ? std::min(most_segments, most_bytes / segment_size_) : 1;
  refer_to(message_, part_, rest_.first(std::min(rest_.size(), count * segment_size_)));
  send_to_peer(message_, peer_);
  if (part_.iov_len > segment_size_) {
    message_.msg_control = control_.data();
    message_.msg_controllen = control_.size();
    cmsghdr* const note = CMSG_FIRSTHDR(&message_);
    note->cmsg_level = IPPROTO_UDP;
    note->cmsg_type = UDP_SEGMENT;
    note->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
    const auto size = static_cast<std::uint16_t>(segment_size_);
    std::memcpy(CMSG_DATA(note), &size, sizeof size);
  }
  io_uring_prep_sendmsg(&entry, descriptor(), &message_, MSG_NOSIGNAL);
}

void send_segments_op::describe(task_writer& out) const {
  out.text(detail::on_socket("send datagrams", descriptor()) + to_peer(peer_));
}

void send_segments_op::completed(std::int32_t result, std::uint32_t flags, bool more) noexcept {
  const bool were_several = part_.iov_len > segment_size_;
  if (result >= 0) {
    rest_ = rest_.subspan(part_.iov_len);
    if (!rest_.empty()) {
      if (resubmit()) return;
      result = -ECANCELED;  // some were sent, then it was cancelled
    }
  } else if (were_several && must_go_one_by_one(result)) {
    several_at_once_ = false;
    if (resubmit()) return;
    result = -ECANCELED;
  }
  io_op::completed(result, flags, more);
}

void send_segments_op::await_resume() const {
  throw_if_failed(result(), "send datagrams of " + std::to_string(segment_size_) + " bytes", peer_);
}

udp_socket udp_socket::bind(std::string_view host, std::uint16_t port, const udp_options& options) {
  return bind(detail::parsed_address("udp_socket::bind", host, port), options);
}

udp_socket udp_socket::bind(const address& where, const udp_options& options) {
  fd socket = detail::make_socket_for(where, SOCK_DGRAM);
  options.apply_to(socket, where);
  detail::bind_to(socket, where);
  return udp_socket(std::move(socket));
}

udp_socket::connect_awaiter udp_socket::connect(const address& peer, const udp_options& options) {
  fd socket = detail::make_socket_for(peer, SOCK_DGRAM);
  options.apply_to(socket, peer);
  return connect_awaiter(std::move(socket), peer);
}

udp_socket::connect_awaiter udp_socket::connect(udp_socket bound, const address& peer) {
  return connect_awaiter(std::move(bound.socket_), peer);
}

void udp_socket::join(const address& group, unsigned interface_index) {
  change_membership(MCAST_JOIN_GROUP, group, interface_index, "join");
}

void udp_socket::leave(const address& group, unsigned interface_index) {
  change_membership(MCAST_LEAVE_GROUP, group, interface_index, "leave");
}

void udp_socket::change_membership(int option, const address& group, unsigned interface_index, const char* name) {
  if (!is_multicast(group)) {
    throw std::invalid_argument("udp_socket::" + std::string(name) + ": not a multicast group: " + group.host());
  }
  group_req request{};
  request.gr_interface = interface_index;
  std::memcpy(&request.gr_group, group.data(), group.size());
  const int level = group.is_v6() ? IPPROTO_IPV6 : IPPROTO_IP;
  detail::or_throw(ring::current().backend().set_option(socket_.number(), level, option, &request, sizeof request),
                   name + (" the group " + group.host()));
}

address udp_socket::local() const { return detail::local_of(socket_); }

address udp_socket::peer() const { return detail::peer_of(socket_); }

}  // namespace ringmill
