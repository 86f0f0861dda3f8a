// What the kernel reads and writes through a ring, for AddressSanitizer: it sees what the program itself does, and not
// that the kernel fills a buffer which has been freed.
//
// So a ring of a build with AddressSanitizer asks, for each entry, whether the memory that it points to may be used:
// when the entry is made, whenever the ring enters the kernel while it is in flight, and when the kernel has answered,
// before anyone is told. What is freed in between, and belongs to somebody else already, is not found; AddressSanitizer
// keeps freed memory back for a while, so that this is rare. In other builds all of this is nothing.
//
// What an entry points to is written down at its submission. Asking the operation once more, at the answer, would not
// do: to prepare a recvmsg(2) again overwrites what the kernel has just put there.
#pragma once

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/sanitizers.hpp>

#ifdef RINGMILL_ASAN
#include <cstddef>
#include <unordered_map>
#include <vector>
#endif

struct io_uring_sqe;

namespace ringmill {
class io_op;
}  // namespace ringmill

namespace ringmill::detail {

/// Is this library such a build?
RINGMILL_API bool checks_kernel_access() noexcept;

#ifdef RINGMILL_ASAN

/// Of one ring. What it finds ends the program with a report, unless AddressSanitizer was told to go on after an error.
class kernel_access {
 public:
  /// `entry`, which `op` has filled, is about to be given to the kernel.
  void begin(const io_op& op, const io_uring_sqe& entry) noexcept;
  /// The ring is about to enter the kernel. Looks at a few of what is in flight; once the kernel has written over freed
  /// memory, AddressSanitizer does not know any more who has freed it.
  void check_some() const noexcept;
  /// The kernel has given its final answer, and `op` has not been told.
  void end(const io_op& op) noexcept;

 private:
  struct region {
    void* start;
    std::size_t size;
    bool is_written;
  };
  using regions = std::vector<region>;
  enum class moment { submission, later };

  static void check(const io_op& op, const regions& all) noexcept;
  static void check(const io_op& op, const region& where, moment when) noexcept;

  std::unordered_map<const io_op*, regions> in_flight_;
};

#else

class kernel_access {
 public:
  void begin(const io_op&, const io_uring_sqe&) noexcept {}
  void check_some() const noexcept {}
  void end(const io_op&) noexcept {}
};

#endif

}  // namespace ringmill::detail
