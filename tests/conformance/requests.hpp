// What a scenario asks of the kernel, as entries of its ring: a function for each operation.
//
// A request owns what its entry points to. Results that are errors are written as their names, others as numbers, with
// what belongs to them: the bytes of a receive, the events of a poll, and the flags of the completion, "more" for
// F_MORE and "buffer 3" for F_BUFFER.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ringmill/io/address.hpp>
#include <ringmill/io/unix_address.hpp>

struct io_uring_sqe;

namespace conformance {

namespace rm = ringmill;

class completion;
class raw_op;

class request {
 public:
  using filler = std::function<void(io_uring_sqe&)>;
  using shower = std::function<std::string(const completion&)>;

  request(std::string name, filler fill) : name_(std::move(name)), fill_(std::move(fill)) {}

  /// Its name in the transcript, where the operation's own would not tell which one is meant.
  request& named(const char* name) & { return name_ = name, *this; }
  request&& named(const char* name) && { return name_ = name, std::move(*this); }
  /// What is written behind its result, if that is no error.
  request&& shows(shower show) && { return show_ = std::move(show), std::move(*this); }
  /// Its results are descriptors, for the scene to close.
  request&& gives_descriptor() && { return gives_descriptor_ = true, std::move(*this); }
  /// IOSQE_...
  request&& with(unsigned sqe_flags) && { return sqe_flags_ |= sqe_flags, std::move(*this); }

  const std::string& name() const noexcept { return name_; }
  bool is_giving_descriptor() const noexcept { return gives_descriptor_; }
  void fill(io_uring_sqe& entry) const;
  std::string text_of(const completion& one) const;

 private:
  std::string name_;
  filler fill_;
  shower show_;
  bool gives_descriptor_ = false;
  unsigned sqe_flags_ = 0;
};

request nop();

// Sockets.
request receive(int socket, std::size_t size, int flags = 0);
request receive_multishot(int socket, unsigned group);
/// Into a buffer of that group; at most `size` bytes.
request receive_selected(int socket, unsigned group, std::size_t size = 0);
request send(int socket, std::string text, int flags = 0);
request send_bytes(int socket, std::size_t count, int flags = 0);
/// Shows the bytes and the message's flags.
request receive_message(int socket, std::size_t size, int flags = 0);
/// Where it came from is kept in `from`.
request receive_from(int socket, std::size_t size, std::shared_ptr<rm::address> from, int flags = 0);
request send_to(int socket, std::string text, const rm::address& to);
request send_to(int socket, std::string text, const rm::unix_address& to);
request send_descriptors(int socket, std::string text, const std::vector<int>& descriptors);
/// Descriptors that come are put into `into`, which the scenario closes.
request receive_descriptors(int socket, std::size_t size, std::shared_ptr<std::vector<int>> into, int room);
request accept(int socket, int flags = 0);
request accept_multishot(int socket);
request connect(int socket, const rm::address& to);
request connect(int socket, const rm::unix_address& to);
request shut_down(int socket, int how);

// Readiness and cancels.
request poll(int number, unsigned events);
request poll_multishot(int number, unsigned events);
request poll_remove(const raw_op& target);
request cancel(const raw_op& target);
/// IORING_ASYNC_CANCEL_ALL
request cancel_all(const raw_op& target);
request cancel_number(std::uint64_t user_data);
request cancel_descriptor(int number, bool all);
request timeout(std::int64_t nanoseconds);

// Files. An offset of -1 is the file's own position.
request read(int number, std::size_t size, std::int64_t offset = -1);
request write(int number, std::string text, std::int64_t offset = -1);
request write_bytes(int number, std::size_t count, std::int64_t offset = -1);
request read_vectored(int number, std::size_t first, std::size_t second, std::int64_t offset = -1);
request write_vectored(int number, std::string first, std::string second, std::int64_t offset = -1);
request open(std::string path, int flags, unsigned mode = 0600);
request close(int number);
request synchronize(int number, unsigned flags = 0);
request allocate(int number, int mode, std::int64_t offset, std::int64_t length);
request truncate(int number, std::int64_t size);
/// Shows what it is, its size and its number of links.
request status(std::string path, int flags = 0);
request status(int number);
request rename(std::string from, std::string to, unsigned flags = 0);
request unlink(std::string path, int flags = 0);
request make_directory(std::string path, unsigned mode = 0700);
request link(std::string from, std::string to);
request symlink(std::string target, std::string path);
request splice(int from, int to, unsigned size, std::int64_t from_offset = -1, std::int64_t to_offset = -1);

}  // namespace conformance
