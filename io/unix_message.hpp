// What goes over a Unix socket besides bytes: open descriptors, and the address of who sent.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <ringmill/io/fd.hpp>
#include <ringmill/io/io_op.hpp>
#include <ringmill/io/unix_address.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// What was received. The descriptors are this process's own, with FD_CLOEXEC, and closed with it if nobody takes them.
class unix_message {
 public:
  unix_message() noexcept {}
  std::size_t size = 0;         ///< bytes in the buffer
  std::size_t full_size = 0;    ///< of a datagram: bytes that were sent, more than `size` if the buffer was too small
  std::vector<fd> descriptors;  ///< in the order in which they were sent
  /// More were sent than were asked for, or than may be open: the kernel closed those. Also where the handle has
  /// SO_PASSPIDFD set, and no room was asked for that kind of descriptor, which is not given.
  bool lost_descriptors = false;
  unix_address peer;  ///< of a datagram: who sent it; unnamed if its socket is not bound

  bool is_truncated() const noexcept { return full_size > size; }
};

/// recvmsg(2), with descriptors.
class [[nodiscard]] RINGMILL_API receive_unix_message_op : public io_op {
 public:
  /// What the kernel takes for one message (SCM_MAX_FD).
  static constexpr std::size_t most_descriptors = 253;

  /// Throws std::invalid_argument for more than `most_descriptors`.
  receive_unix_message_op(fd& socket, std::span<std::byte> buffer, std::size_t descriptors, bool is_datagram);
  receive_unix_message_op(receive_unix_message_op&&) noexcept = default;
  ~receive_unix_message_op() override;
  unix_message await_resume();

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept override;
  void take_descriptors() noexcept;
  bool is_datagram_;
  std::span<std::byte> buffer_;
  std::vector<std::byte> control_;  ///< for the descriptors' numbers; empty if none are asked for
  std::vector<fd> descriptors_;     ///< from its completion on; its room is there before
  unix_address peer_;
  iovec part_{};
  msghdr message_{};
};

/// sendmsg(2), with descriptors, until all bytes are accepted by the kernel. The descriptors go with the first of them.
class [[nodiscard]] RINGMILL_API send_unix_message_op : public io_op {
 public:
  /// Throws std::invalid_argument for more descriptors than the kernel takes.
  send_unix_message_op(fd& socket, std::span<const std::byte> data, std::span<const int> descriptors,
                       std::optional<unix_address> peer);
  void await_resume() const;

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept override;
  std::span<const std::byte> rest_;
  std::vector<std::byte> control_;  ///< the descriptors' numbers; empty once they are sent
  std::optional<unix_address> peer_;
  bool waits_for_room_ = false;  ///< it is a poll, until more can be sent
  iovec part_{};
  msghdr message_{};
};

}  // namespace ringmill
