#include <ringmill/io/detail/kernel_access.hpp>

#ifdef RINGMILL_ASAN
#include <liburing.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdio>
#include <new>
#include <string>

#include <ringmill/io/detail/opcodes.hpp>
#include <ringmill/io/io_op.hpp>
#endif

namespace ringmill::detail {

#ifdef RINGMILL_ASAN

bool checks_kernel_access() noexcept { return true; }

namespace {

void* pointer(__u64 address) noexcept { return reinterpret_cast<void*>(static_cast<std::uintptr_t>(address)); }

constexpr bool reads = false;
constexpr bool writes = true;

// Each calls `found(start, size, is_written)` for what an entry points to, and before it follows a pointer in there.

template <class Found>
void visit_path(__u64 address, Found& found) {
  const auto* const path = static_cast<const char*>(pointer(address));
  std::size_t length = 0;
  while (!__asan_address_is_poisoned(path + length) && path[length] != '\0') ++length;
  found(pointer(address), length + 1, reads);
}

template <class Found>
void visit_vector(const iovec* parts, std::size_t count, bool is_written, Found& found) {
  found(const_cast<iovec*>(parts), count * sizeof(iovec), reads);
  for (std::size_t i = 0; i < count; ++i) found(parts[i].iov_base, parts[i].iov_len, is_written);
}

template <class Found>
void visit_message(msghdr* message, bool is_written, Found& found) {
  found(message, sizeof *message, is_written);
  found(message->msg_name, message->msg_namelen, is_written);
  found(message->msg_control, message->msg_controllen, is_written);
  visit_vector(message->msg_iov, message->msg_iovlen, is_written, found);
}

template <class Found>
void visit_accesses(const io_uring_sqe& entry, Found found) {
  switch (entry.opcode) {
    case IORING_OP_READ:
    case IORING_OP_RECV:
      if ((entry.flags & IOSQE_BUFFER_SELECT) == 0) found(pointer(entry.addr), entry.len, writes);
      return;
    case IORING_OP_WRITE:
    case IORING_OP_SEND:
    case IORING_OP_SEND_ZC:
      return found(pointer(entry.addr), entry.len, reads);
    case IORING_OP_READV:
      return visit_vector(static_cast<const iovec*>(pointer(entry.addr)), entry.len, writes, found);
    case IORING_OP_WRITEV:
      return visit_vector(static_cast<const iovec*>(pointer(entry.addr)), entry.len, reads, found);
    case IORING_OP_RECVMSG:
      return visit_message(static_cast<msghdr*>(pointer(entry.addr)), writes, found);
    case IORING_OP_SENDMSG:
      return visit_message(static_cast<msghdr*>(pointer(entry.addr)), reads, found);
    case IORING_OP_ACCEPT:
      if (entry.addr2 == 0) return;
      found(pointer(entry.addr2), sizeof(socklen_t), writes);
      return found(pointer(entry.addr), *static_cast<const socklen_t*>(pointer(entry.addr2)), writes);
    case IORING_OP_CONNECT:
      return found(pointer(entry.addr), entry.off, reads);
    case IORING_OP_OPENAT:
    case IORING_OP_UNLINKAT:
    case IORING_OP_MKDIRAT:
      return visit_path(entry.addr, found);
    case IORING_OP_RENAMEAT:
    case IORING_OP_LINKAT:
    case IORING_OP_SYMLINKAT:
      visit_path(entry.addr, found);
      return visit_path(entry.addr2, found);
    case IORING_OP_STATX:
      visit_path(entry.addr, found);
      return found(pointer(entry.addr2), sizeof(struct statx), writes);
    case opcode_futex_wait:
      return found(pointer(entry.addr), sizeof(std::uint32_t), reads);
    default:
      return;
  }
}

}  // namespace

void kernel_access::begin(const io_op& op, const io_uring_sqe& entry) noexcept {
  try {
    regions& all = in_flight_[&op];
    visit_accesses(entry, [&](void* start, std::size_t size, bool is_written) {
      if (size == 0) return;
      const region where{start, size, is_written};
      check(op, where, moment::submission);
      all.push_back(where);
    });
  } catch (const std::bad_alloc&) {
    in_flight_.erase(&op);  // it goes unchecked: a test of what happens without memory shall not end here
  }
}

void kernel_access::check_some() const noexcept {
  constexpr std::size_t some = 64;
  std::size_t looked_at = 0;
  for (const auto& [op, all] : in_flight_) {
    if (++looked_at > some) return;
    check(*op, all);
  }
}

void kernel_access::end(const io_op& op) noexcept {
  const auto found = in_flight_.find(&op);
  if (found == in_flight_.end()) return;
  check(op, found->second);
  in_flight_.erase(found);
}

void kernel_access::check(const io_op& op, const regions& all) noexcept {
  for (const region& where : all) check(op, where, moment::later);
}

// Not inlined: the report shows the stack from its caller on.
[[gnu::noinline]] void kernel_access::check(const io_op& op, const region& where, moment when) noexcept {
  void* const bad = __asan_region_is_poisoned(where.start, where.size);
  if (!bad) return;
  task_writer name;
  op.await_describe(name);
  const std::string what = name.take().substr(2);  // without the ", " that sets it off in a line of the task tree
  std::fprintf(
      stderr, "ringmill: %s: the kernel %s %zu bytes at %p, and %p is memory that may not be used. %s\n", what.c_str(),
      where.is_written ? "writes to" : "reads", where.size, where.start, bad,
      when == moment::submission
          ? "It was so before the operation began: look for a buffer, or a string or list that the operation "
            "refers to, which is smaller than was said, or is gone before the await."
          : "It was given up while the operation was in flight: look for a buffer, or a string or list that it "
            "refers to, which is freed, or whose block is left, before the await has come back.");
  std::fflush(stderr);
  void* const frame = __builtin_frame_address(0);
  __asan_report_error(__builtin_return_address(0), frame, frame, bad, where.is_written, 1);
}

#else

bool checks_kernel_access() noexcept { return false; }

#endif

}  // namespace ringmill::detail
