#include <ringmill/io/ops.hpp>

#include <fcntl.h>
#include <liburing.h>

#include <cerrno>
#include <string>
#include <system_error>

#include <ringmill/io/detail/op_text.hpp>
#include <ringmill/io/ring.hpp>

namespace ringmill {

using detail::entry_length;
using detail::on_descriptor;
using detail::on_socket;

namespace {

/// accept(2): what is already known to have failed on the new connection.
bool is_lost_connection(int result) noexcept {
  switch (-result) {
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

bool is_shortage(int result) noexcept {
  return result == -EMFILE || result == -ENFILE || result == -ENOBUFS || result == -ENOMEM;
}

}  // namespace

void receive_op::prepare(io_uring_sqe& entry) noexcept {
  io_uring_prep_recv(&entry, descriptor(), buffer_.data(), entry_length(buffer_.size()), 0);
}

void receive_op::describe(task_writer& out) const { out.text(on_socket("receive", descriptor())); }

void has_input_op::prepare(io_uring_sqe& entry) noexcept {
  io_uring_prep_recv(&entry, descriptor(), &peeked_, 1, MSG_PEEK | MSG_DONTWAIT);
}

void has_input_op::describe(task_writer& out) const { out.text(on_socket("a look", descriptor())); }

bool has_input_op::await_resume() const noexcept { return result() != -EAGAIN; }

void send_all_op::prepare(io_uring_sqe& entry) noexcept {
  io_uring_prep_send(&entry, descriptor(), rest_.data(), entry_length(rest_.size()), MSG_NOSIGNAL | MSG_WAITALL);
}

void send_all_op::describe(task_writer& out) const { out.text(on_socket("send", descriptor())); }

void send_all_op::completed(std::int32_t result, std::uint32_t flags, bool more) noexcept {
  if (result > 0 && static_cast<std::size_t>(result) < rest_.size()) {
    rest_ = rest_.subspan(static_cast<std::size_t>(result));
    if (resubmit()) return;
    result = -ECANCELED;  // a part was sent, then it was cancelled
  }
  io_op::completed(result, flags, more);
}

accept_op::~accept_op() = default;

void accept_op::prepare(io_uring_sqe& entry) noexcept {
  io_uring_prep_accept(&entry, descriptor(), nullptr, nullptr, SOCK_CLOEXEC);
}

void accept_op::describe(task_writer& out) const { out.text(on_descriptor("accept", descriptor())); }

void accept_op::completed(std::int32_t result, std::uint32_t flags, bool more) noexcept {
  accepted_ = fd(result >= 0 ? result : -1);  // if nobody takes it, it is closed with this operation
  const bool is_lost = is_lost_connection(result);
  if (is_lost || is_shortage(result)) {
    if (is_lost ? resubmit() : retry_later()) return;
    result = -ECANCELED;  // else whoever cancels an accept would hear of what it keeps to itself
  }
  io_op::completed(result, flags, more);
}

fd accept_op::await_resume() {
  result_or_throw("accept");
  return std::move(accepted_);
}

template <class Address>
basic_connect_op<Address>::~basic_connect_op() = default;

template <class Address>
void basic_connect_op<Address>::prepare(io_uring_sqe& entry) noexcept {
  io_uring_prep_connect(&entry, socket_.number(), peer_.data(), peer_.size());
}

template <class Address>
void basic_connect_op<Address>::describe(task_writer& out) const {
  out.text(on_descriptor("connect", socket_.number()) + ", to " + peer_.to_string());
}

template <class Address>
fd basic_connect_op<Address>::await_resume() {
  if (result() < 0) throw std::system_error(-result(), std::generic_category(), "connect to " + peer_.to_string());
  return std::move(socket_);
}

template class basic_connect_op<address>;
template class basic_connect_op<unix_address>;

void read_op::prepare(io_uring_sqe& entry) noexcept {
  io_uring_prep_read(&entry, descriptor_or(file_), buffer_.data(), entry_length(buffer_.size()),
                     static_cast<__u64>(offset_));
}

void read_op::describe(task_writer& out) const { out.text(on_descriptor("read", descriptor_or(file_))); }

void write_all_op::prepare(io_uring_sqe& entry) noexcept {
  io_uring_prep_write(&entry, descriptor_or(file_), rest_.data(), entry_length(rest_.size()),
                      static_cast<__u64>(offset_));
}

void write_all_op::describe(task_writer& out) const { out.text(on_descriptor("write", descriptor_or(file_))); }

void write_all_op::completed(std::int32_t result, std::uint32_t flags, bool more) noexcept {
  if (result > 0 && static_cast<std::size_t>(result) < rest_.size()) {
    rest_ = rest_.subspan(static_cast<std::size_t>(result));
    if (offset_ >= 0) offset_ += result;
    if (resubmit()) return;
    result = -ECANCELED;
  } else if (result == 0) {
    result = -EIO;  // nothing was written, and nothing said why
  }
  io_op::completed(result, flags, more);
}

open_op::~open_op() = default;

void open_op::prepare(io_uring_sqe& entry) noexcept {
  io_uring_prep_openat(&entry, AT_FDCWD, path_.c_str(), flags_ | O_CLOEXEC, mode_);
}

void open_op::describe(task_writer& out) const { out.text("open " + path_); }

void open_op::completed(std::int32_t result, std::uint32_t flags, bool more) noexcept {
  opened_ = fd(result >= 0 ? result : -1);
  io_op::completed(result, flags, more);
}

fd open_op::await_resume() {
  if (result() < 0) throw std::system_error(-result(), std::generic_category(), "open " + path_);
  return std::move(opened_);
}

void poll_op::prepare(io_uring_sqe& entry) noexcept {
  io_uring_prep_poll_add(&entry, descriptor_or(descriptor_),
                         static_cast<unsigned>(static_cast<unsigned short>(events_)));
}

void poll_op::describe(task_writer& out) const { out.text(on_descriptor("poll", descriptor_or(descriptor_))); }

void receive_message_op::prepare(io_uring_sqe& entry) noexcept {
  io_uring_prep_recvmsg(&entry, descriptor(), message_, flags_);
}

void receive_message_op::describe(task_writer& out) const { out.text(on_descriptor("recvmsg", descriptor())); }

void send_message_op::prepare(io_uring_sqe& entry) noexcept {
  io_uring_prep_sendmsg(&entry, descriptor(), message_, flags_ | MSG_NOSIGNAL);
}

void send_message_op::describe(task_writer& out) const { out.text(on_descriptor("sendmsg", descriptor())); }

void futex_wait_op::prepare(io_uring_sqe& entry) noexcept {
  constexpr int futex_size_32 = 2;  // FUTEX2_SIZE_U32, shared between processes
  entry.opcode = opcode;
  entry.fd = futex_size_32;
  entry.addr = reinterpret_cast<std::uintptr_t>(word_);
  entry.off = expected_;
  entry.addr3 = 0xffffffffU;  // FUTEX_BITSET_MATCH_ANY
}

void futex_wait_op::describe(task_writer& out) const { out.text("a futex", word_); }

void futex_wait_op::await_resume() const {
  if (result() < 0 && result() != -EAGAIN) result_or_throw("futex wait");
}

}  // namespace ringmill
