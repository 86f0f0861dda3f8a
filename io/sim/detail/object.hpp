// What a descriptor refers to: a socket, an end of a pipe, an open file, an event counter. Descriptors, operations in
// flight and messages on their way share it; it is closed when the last of them lets go.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <ringmill/io/sim/detail/socket_name.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/driver.hpp>

namespace ringmill::sim::detail {

class sim_kernel;

/// Bytes between a program's memory and an object.
class RINGMILL_API transfer {
 public:
  transfer(std::span<const iovec> parts, int flags) noexcept;

  std::size_t size() const noexcept { return size_; }
  /// Leaves out what was moved before.
  void skip(std::size_t count) noexcept {
    skipped_ += count;
    size_ -= count;
  }
  /// Of recvmsg: where it came from, and as many descriptors as there is room for.
  void allow_message(const msghdr& message) noexcept;
  /// A fault: no more than this.
  void limit(std::size_t count) noexcept { size_ = count < size_ ? count : size_; }
  int flags() const noexcept { return flags_; }
  bool has(int flag) const noexcept { return (flags_ & flag) != 0; }

  /// Writes to the program's memory, `at` bytes from the start of what is left.
  void put(std::size_t at, std::span<const std::byte> bytes) const noexcept;
  /// The first `count` bytes of the program's.
  std::vector<std::byte> get(std::size_t count) const;

  std::int64_t offset = -1;  ///< of a file: where; -1: at its own position

  // Of messages.
  socket_name peer;                                        ///< where it goes, or where it came from
  std::vector<std::shared_ptr<class object>> descriptors;  ///< that go along
  std::size_t segment_size = 0;                            ///< of UDP_SEGMENT
  std::size_t most_descriptors = 0;                        ///< that there is room for
  bool wants_message = false;                              ///< recvmsg: where it came from, and descriptors
  bool is_truncated = false;                               ///< a datagram was longer

 private:
  std::span<const iovec> parts_;
  std::size_t skipped_ = 0;
  std::size_t size_ = 0;
  int flags_;
};

/// Results are zero or more, a negated errno, or `would_block`: then the operation waits until the object has changed.
class object : public std::enable_shared_from_this<object> {
 public:
  static constexpr int would_block = INT_MIN;

  explicit object(sim_kernel& owner) noexcept : owner_(owner) {}
  virtual ~object() = default;
  object(const object&) = delete;
  object& operator=(const object&) = delete;

  virtual bool is_socket() const noexcept { return false; }
  /// A socket of AF_UNIX.
  virtual bool is_unix() const noexcept { return false; }
  /// The kind and the permissions, as in stat(2), of what has no name on a disk.
  virtual unsigned mode() const noexcept { return 0600; }
  /// First tries of one direction do not overtake each other.
  virtual bool keeps_order() const noexcept { return true; }
  /// Bytes in a row: a read or write may take a part of them. Of a write of `size`, in one case.
  virtual bool may_be_short(std::size_t size) const noexcept {
    static_cast<void>(size);
    return false;
  }
  /// What poll(2) would say.
  virtual unsigned ready() const noexcept = 0;

  virtual int receive(transfer& into);
  virtual int send(transfer& from);
  virtual int accept(std::shared_ptr<object>& made);
  /// Called `again`, by the same operation, after it would have blocked.
  virtual int connect(const socket_name& peer, bool again);

  virtual int bind(const socket_name& where);
  virtual int listen(int backlog);
  virtual int shutdown(int how);
  virtual int set_option(int level, int option, std::span<const std::byte> value);
  virtual int get_option(int level, int option, std::span<std::byte> value, socklen_t& length);
  virtual int local_name(socket_name& name) const;
  virtual int peer_name(socket_name& name) const;
  /// The network has had enough of it: both sides find the connection reset, or, `with_end`, this one an end first.
  virtual void break_down(bool with_end) { static_cast<void>(with_end); }
  /// Its host goes down: what its closing would have told the peer is a reset.
  virtual void reset_at_close() noexcept {}

  bool is_non_blocking() const noexcept { return is_non_blocking_; }
  void set_non_blocking(bool on) noexcept { is_non_blocking_ = on; }

  // Of the kernel: who waits for it, and when the last operation of each direction is tried for the first time, for
  // those of one direction do not overtake each other.
  void add_waiter(std::uint64_t operation) { waiters_.push_back(operation); }
  std::array<time_point, 2> last_first_try{};

 protected:
  sim_kernel& owner() const noexcept { return owner_; }
  /// Whoever waits for it shall look again.
  void changed();

 private:
  sim_kernel& owner_;
  bool is_non_blocking_ = false;
  std::vector<std::uint64_t> waiters_;
};

}  // namespace ringmill::sim::detail
