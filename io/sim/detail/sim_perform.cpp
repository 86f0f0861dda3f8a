// One try of each operation: from the entry to what it means for the object.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <netinet/udp.h>

#include <ringmill/io/detail/opcodes.hpp>
#include <ringmill/io/sim/detail/pipe.hpp>
#include <ringmill/io/sim/detail/sim_kernel.hpp>
#include <ringmill/io/sim/detail/stream_socket.hpp>

namespace ringmill::sim::detail {

namespace {

template <class Type>
Type* pointer(__u64 address) noexcept {
  return reinterpret_cast<Type*>(static_cast<std::uintptr_t>(address));
}

/// Where in a file. Sockets and pipes have no such place, and do not look at it.
std::int64_t offset_of(const io_uring_sqe& entry) noexcept { return static_cast<std::int64_t>(entry.off); }

}  // namespace

int sim_kernel::perform(operation& op, std::uint32_t& flags) {
  const io_uring_sqe& entry = op.entry();
  if (sim_files::is_on_path(entry.opcode)) return files_.perform(entry);
  if (sim_files::is_on_file(entry.opcode)) return sim_files::perform(entry, *op.target);
  const iovec one{pointer<void>(entry.addr), entry.len};
  const auto flags_of_message = static_cast<int>(entry.msg_flags);
  switch (entry.opcode) {
    case IORING_OP_NOP:
      return 0;
    case IORING_OP_READ:
      return receive(op, &one, 1, 0, nullptr);
    case IORING_OP_READV:
      return receive(op, pointer<const iovec>(entry.addr), entry.len, 0, nullptr);
    case IORING_OP_WRITE:
      return send(op, &one, 1, 0, nullptr);
    case IORING_OP_WRITEV:
      return send(op, pointer<const iovec>(entry.addr), entry.len, 0, nullptr);
    case IORING_OP_POLL_ADD: {
      const unsigned wanted = entry.poll32_events | POLLERR | POLLHUP | POLLNVAL | POLLRDHUP;  // those come unasked
      const unsigned ready = op.target->ready() & wanted;
      return ready == 0 ? object::would_block : static_cast<int>(ready);
    }
    case IORING_OP_CLOSE:
      return close(entry.fd);
    case IORING_OP_SPLICE:
      return splice(op);
    case ringmill::detail::opcode_futex_wait:
      return wait_for_futex(op);
    default:
      break;
  }
  if (!op.target->is_socket()) return -ENOTSOCK;
  switch (entry.opcode) {
    case IORING_OP_RECV:
      if ((entry.flags & IOSQE_BUFFER_SELECT) != 0) return receive_into_group(op, flags);
      return receive(op, &one, 1, flags_of_message, nullptr);
    case IORING_OP_SEND:
      return send(op, &one, 1, flags_of_message, nullptr);
    case IORING_OP_RECVMSG: {
      auto* const message = pointer<msghdr>(entry.addr);
      return receive(op, message->msg_iov, message->msg_iovlen, flags_of_message, message);
    }
    case IORING_OP_SENDMSG: {
      const auto* const message = pointer<const msghdr>(entry.addr);
      return send(op, message->msg_iov, message->msg_iovlen, flags_of_message, message);
    }
    case IORING_OP_ACCEPT:
      return accept(op);
    case IORING_OP_CONNECT:
      return op.target->connect(socket_name(pointer<const sockaddr>(entry.addr), static_cast<socklen_t>(entry.off)),
                                std::exchange(op.has_begun, true));
    default:
      return -EINVAL;
  }
}

/// The network's turn to end a connection.
void sim_kernel::maybe_break(const operation& op) {
  if (!op.target->is_socket()) return;
  if (around_->happens(fault::reset, host_)) op.target->break_down(false);
  if (around_->happens(fault::early_end, host_)) op.target->break_down(true);
}

int sim_kernel::receive(operation& op, const iovec* parts, std::size_t count, int message_flags, msghdr* message) {
  maybe_break(op);
  transfer into(std::span(parts, count), message_flags);
  into.skip(op.moved);
  into.offset = offset_of(op.entry());
  if (message) {
    into.allow_message(*message);
  }
  object& target = *op.target;
  if (into.size() > 1 && !into.has(MSG_PEEK) && target.may_be_short(into.size()) && (target.ready() & POLLIN) != 0 &&
      around_->happens(fault::short_read, host_)) {
    into.limit(1 + around_->random.below(into.size() - 1));
  }
  const bool wants_all = into.has(MSG_WAITALL) && !into.has(MSG_PEEK) && target.may_be_short(into.size());
  const int result = target.receive(into);
  if (result == object::would_block) return result;
  if (result > 0 && wants_all && static_cast<std::size_t>(result) < into.size()) {
    op.moved += static_cast<std::size_t>(result);
    return object::would_block;
  }
  if (result < 0) return op.moved > 0 ? static_cast<int>(op.moved) : result;
  if (message) give_message(*message, into);
  return result + static_cast<int>(op.moved);
}

/// The kernel chooses the buffer; without one it does not even look whether there is something to receive.
int sim_kernel::receive_into_group(operation& op, std::uint32_t& flags) {
  const auto found = buffer_groups_.find(op.entry().buf_group);
  if (found == buffer_groups_.end()) return -ENOBUFS;
  buffer_group& group = found->second;
  const std::uint16_t tail = std::atomic_ref(group.ring->tail).load(std::memory_order_acquire);
  if (tail == group.head || around_->happens(fault::no_buffer, host_)) return -ENOBUFS;
  const io_uring_buf chosen = group.ring->bufs[group.head & (group.entries - 1)];
  const std::size_t room = op.entry().len > 0 ? std::min(op.entry().len, chosen.len) : chosen.len;
  const iovec part{pointer<void>(chosen.addr), room};
  const int result = receive(op, &part, 1, static_cast<int>(op.entry().msg_flags), nullptr);
  if (result <= 0) return result;
  ++group.head;
  flags |= IORING_CQE_F_BUFFER | (std::uint32_t{chosen.bid} << IORING_CQE_BUFFER_SHIFT);
  return result;
}

int sim_kernel::send(operation& op, const iovec* parts, std::size_t count, int message_flags, const msghdr* message) {
  maybe_break(op);
  transfer from(std::span(parts, count), message_flags);
  from.skip(op.moved);
  from.offset = offset_of(op.entry());
  if (message && op.moved == 0) {
    if (message->msg_name) {
      from.peer = socket_name(static_cast<const sockaddr*>(message->msg_name), message->msg_namelen);
    }
    if (const int result = take_descriptors_of(*message, from); result < 0) return result;
  }
  object& target = *op.target;
  const std::size_t whole = from.size();
  bool is_cut = false;
  if (whole > 1 && target.may_be_short(whole) && (target.ready() & POLLOUT) != 0) {
    is_cut = around_->happens(fault::short_write, host_);
    if (is_cut) from.limit(1 + around_->random.below(whole - 1));
  }
  const int result = target.send(from);
  if (result == object::would_block) return result;
  if (result > 0 && !is_cut && from.has(MSG_WAITALL) && static_cast<std::size_t>(result) < whole) {
    op.moved += static_cast<std::size_t>(result);
    return object::would_block;
  }
  if (result < 0) return op.moved > 0 ? static_cast<int>(op.moved) : result;
  return result + static_cast<int>(op.moved);
}

/// What a message has beside its bytes.
int sim_kernel::take_descriptors_of(const msghdr& message, transfer& into) const {
  msghdr header = message;
  if (!header.msg_control || header.msg_controllen < sizeof(cmsghdr)) return 0;
  for (cmsghdr* note = CMSG_FIRSTHDR(&header); note; note = CMSG_NXTHDR(&header, note)) {
    if (note->cmsg_level == IPPROTO_UDP && note->cmsg_type == UDP_SEGMENT) {
      std::uint16_t size = 0;
      std::memcpy(&size, CMSG_DATA(note), sizeof size);
      into.segment_size = size;
    }
    if (note->cmsg_level != SOL_SOCKET || note->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (note->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t index = 0; index < count; ++index) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(note) + index * sizeof fd, sizeof fd);
      auto what = object_of(fd);
      if (!what) return -EBADF;
      into.descriptors.push_back(std::move(what));
    }
  }
  return 0;
}

void sim_kernel::give_message(msghdr& message, transfer& from) {
  message.msg_flags = from.is_truncated ? MSG_TRUNC : 0;
  if (message.msg_name) {
    socklen_t length = message.msg_namelen;
    from.peer.copy_to(static_cast<sockaddr*>(message.msg_name), &length);
    message.msg_namelen = from.peer.is_empty() ? 0 : length;
  }
  std::vector<int> numbers;
  for (std::shared_ptr<object>& what : from.descriptors) {
    if (numbers.size() == from.most_descriptors) break;
    const int fd = install(std::move(what));
    if (fd < 0) break;
    numbers.push_back(fd);
  }
  if (numbers.size() < from.descriptors.size()) message.msg_flags |= MSG_CTRUNC;
  from.descriptors.clear();
  if (numbers.empty()) {
    message.msg_controllen = 0;
    return;
  }
  cmsghdr header{};
  header.cmsg_level = SOL_SOCKET;
  header.cmsg_type = SCM_RIGHTS;
  header.cmsg_len = CMSG_LEN(numbers.size() * sizeof(int));
  auto* const control = static_cast<std::byte*>(message.msg_control);
  std::memcpy(control, &header, sizeof header);
  std::memcpy(control + CMSG_LEN(0), numbers.data(), numbers.size() * sizeof(int));
  message.msg_controllen = std::min<std::size_t>(message.msg_controllen, CMSG_SPACE(numbers.size() * sizeof(int)));
}

int sim_kernel::accept(operation& op) {
  if (is_full()) return -EMFILE;
  if ((op.target->ready() & POLLIN) != 0 && around_->happens(fault::accept_error, host_)) {
    constexpr std::array<int, 4> errors = {-ECONNABORTED, -EMFILE, -ENFILE, -ENOBUFS};
    return errors[around_->random.below(errors.size())];
  }
  std::shared_ptr<object> made;
  if (const int result = op.target->accept(made); result < 0) return result;
  made->set_non_blocking((op.entry().accept_flags & SOCK_NONBLOCK) != 0);
  if (op.entry().addr != 0 && op.entry().addr2 != 0) {
    socket_name peer;
    if (made->peer_name(peer) == 0) {
      peer.copy_to(pointer<sockaddr>(op.entry().addr), pointer<socklen_t>(op.entry().addr2));
    }
  }
  return install(std::move(made));
}

/// Tried again, it was woken.
int sim_kernel::wait_for_futex(operation& op) {
  if (std::exchange(op.has_begun, true)) return 0;
  const auto& word = static_cast<const futex_word&>(*op.target);
  return word.value() == op.entry().off ? object::would_block : -EAGAIN;
}

/// One of the two is a pipe.
int sim_kernel::splice(operation& op) {
  const std::size_t length = op.entry().len;
  if (auto* const from = dynamic_cast<pipe_reader_end*>(op.source.get())) {
    std::deque<std::byte>& bytes = from->between().bytes;
    if (bytes.empty()) return from->between().writer ? object::would_block : 0;
    std::vector<std::byte> taken(bytes.begin(),
                                 bytes.begin() + static_cast<std::ptrdiff_t>(std::min(length, bytes.size())));
    const iovec part{taken.data(), taken.size()};
    transfer out(std::span(&part, 1), 0);
    out.offset = offset_of(op.entry());
    const int result = op.target->send(out);
    if (result > 0) from->take_out(static_cast<std::size_t>(result));
    return result;
  }
  if (auto* const to = dynamic_cast<pipe_writer_end*>(op.target.get())) {
    if (!to->between().reader) return -EPIPE;
    const std::size_t room = to->between().capacity - to->between().bytes.size();
    if (room == 0) return object::would_block;
    std::vector<std::byte> bytes(std::min(room, length));
    const iovec part{bytes.data(), bytes.size()};
    transfer in(std::span(&part, 1), 0);
    in.offset = static_cast<std::int64_t>(op.entry().splice_off_in);
    const int result = op.source->receive(in);
    if (result <= 0) return result;
    to->put_in(std::span(bytes).first(static_cast<std::size_t>(result)));
    return result;
  }
  return -EINVAL;
}

}  // namespace ringmill::sim::detail
