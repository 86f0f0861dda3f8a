#include <ringmill/io/unix_message.hpp>

#include <liburing.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <system_error>

#include <ringmill/io/detail/op_text.hpp>

namespace ringmill {

namespace {

/// SCM_PIDFD of Linux 6.5, which older headers do not know: a descriptor that stands for the sender's process.
constexpr int scm_pidfd = 4;

void check_count(std::size_t descriptors) {
  if (descriptors <= receive_unix_message_op::most_descriptors) return;
  throw std::invalid_argument("a message has 253 descriptors at most, not " + std::to_string(descriptors));
}

/// As CMSG_LEN says, not CMSG_SPACE: with room for its padding the kernel would put in one more than was asked for.
std::size_t control_length(std::size_t descriptors) noexcept {
  return descriptors == 0 ? 0 : CMSG_LEN(descriptors * sizeof(int));
}

/// The numbers as a control message. The header's alignment is that of operator new.
std::vector<std::byte> control_of(std::span<const int> descriptors) {
  check_count(descriptors.size());
  std::vector<std::byte> control(control_length(descriptors.size()));
  if (control.empty()) return control;
  cmsghdr header{};
  header.cmsg_level = SOL_SOCKET;
  header.cmsg_type = SCM_RIGHTS;
  header.cmsg_len = control.size();
  std::memcpy(control.data(), &header, sizeof header);
  std::memcpy(control.data() + CMSG_LEN(0), descriptors.data(), descriptors.size_bytes());
  return control;
}

}  // namespace

receive_unix_message_op::receive_unix_message_op(fd& socket, std::span<std::byte> buffer, std::size_t descriptors,
                                                 bool is_datagram)
    : io_op(socket), is_datagram_(is_datagram), buffer_(buffer) {
  check_count(descriptors);
  control_.resize(control_length(descriptors));
  descriptors_.reserve(descriptors);
}

receive_unix_message_op::~receive_unix_message_op() = default;

void receive_unix_message_op::prepare(io_uring_sqe& entry) noexcept {
  part_.iov_base = buffer_.data();
  part_.iov_len = buffer_.size();
  message_ = msghdr{};
  message_.msg_iov = &part_;
  message_.msg_iovlen = 1;
  message_.msg_name = peer_.data();
  message_.msg_namelen = unix_address::capacity();
  message_.msg_control = control_.data();
  message_.msg_controllen = control_.size();
  // MSG_TRUNC: a datagram's full size is the result. Close-on-exec from the first moment: others may fork in between.
  io_uring_prep_recvmsg(&entry, descriptor(), &message_, MSG_CMSG_CLOEXEC | (is_datagram_ ? MSG_TRUNC : 0));
}

void receive_unix_message_op::describe(task_writer& out) const {
  out.text(detail::on_descriptor("receive a message", descriptor()));
}

void receive_unix_message_op::completed(std::int32_t result, std::uint32_t flags, bool more) noexcept {
  if (result >= 0) take_descriptors();  // if nobody takes them from here, they are closed with this operation
  io_op::completed(result, flags, more);
}

void receive_unix_message_op::take_descriptors() noexcept {
  for (cmsghdr* note = CMSG_FIRSTHDR(&message_); note; note = CMSG_NXTHDR(&message_, note)) {
    if (note->cmsg_level != SOL_SOCKET) continue;
    if (note->cmsg_type != SCM_RIGHTS && note->cmsg_type != scm_pidfd) continue;
    const std::size_t count = (note->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(note) + i * sizeof number, sizeof number);
      fd received(number);
      // The other kind comes only where somebody has set SO_PASSPIDFD on the handle: the peer did not send it.
      if (note->cmsg_type == SCM_RIGHTS) descriptors_.push_back(std::move(received));
    }
  }
}

unix_message receive_unix_message_op::await_resume() {
  unix_message got;
  got.full_size = static_cast<std::size_t>(result_or_throw("receive a message"));
  got.size = std::min(got.full_size, buffer_.size());
  got.descriptors = std::move(descriptors_);
  got.lost_descriptors = (message_.msg_flags & MSG_CTRUNC) != 0;
  peer_.set_size(message_.msg_namelen);
  got.peer = peer_;
  return got;
}

send_unix_message_op::send_unix_message_op(fd& socket, std::span<const std::byte> data,
                                           std::span<const int> descriptors, std::optional<unix_address> peer)
    : io_op(socket), rest_(data), control_(control_of(descriptors)), peer_(peer) {}

// It does its waiting itself (MSG_DONTWAIT). Left to io_uring, a datagram that found the receiver's queue full is sent
// when there is room, but empty: its bytes count as sent since the first try (seen on Linux 6.18).
void send_unix_message_op::prepare(io_uring_sqe& entry) noexcept {
  if (waits_for_room_) {
    io_uring_prep_poll_add(&entry, descriptor(), POLLOUT);
    return;
  }
  part_.iov_base = const_cast<std::byte*>(rest_.data());
  part_.iov_len = rest_.size();
  message_ = msghdr{};
  message_.msg_iov = &part_;
  message_.msg_iovlen = 1;
  if (peer_) {
    message_.msg_name = peer_->data();
    message_.msg_namelen = peer_->size();
  }
  message_.msg_control = control_.data();
  message_.msg_controllen = control_.size();
  // Not MSG_WAITALL: what is left of a stream's bytes goes without the descriptors, which `completed` sees to.
  io_uring_prep_sendmsg(&entry, descriptor(), &message_, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void send_unix_message_op::describe(task_writer& out) const {
  out.text(detail::on_descriptor("send a message", descriptor()) + (peer_ ? " to " + peer_->to_string() : ""));
}

void send_unix_message_op::completed(std::int32_t result, std::uint32_t flags, bool more) noexcept {
  bool goes_on = false;
  if (waits_for_room_) {
    waits_for_room_ = false;
    goes_on = result >= 0;
  } else if (result == -EAGAIN) {
    if (peer_ && retry_later()) return;  // poll(2) knows of the queue of the one that it is connected to, of no other
    waits_for_room_ = !peer_;
    goes_on = true;
  } else if (result > 0 && static_cast<std::size_t>(result) < rest_.size()) {
    rest_ = rest_.subspan(static_cast<std::size_t>(result));
    control_.clear();
    goes_on = true;
  }
  if (goes_on) {
    if (resubmit()) return;
    result = -ECANCELED;  // a part may have been sent
  }
  io_op::completed(result, flags, more);
}

void send_unix_message_op::await_resume() const {
  if (result() >= 0) return;
  throw std::system_error(-result(), std::generic_category(),
                          peer_ ? "send a message to " + peer_->to_string() : "send a message");
}

}  // namespace ringmill
