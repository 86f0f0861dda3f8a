// A ring without ringmill, for what the kernel itself does.
#pragma once

#include <doctest/doctest.h>
#include <liburing.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace kernel_test {

class completion {
 public:
  std::uint64_t tag;
  int result;
  unsigned flags;
  bool has_more() const noexcept { return (flags & IORING_CQE_F_MORE) != 0; }
};

class raw_ring {
 public:
  static constexpr unsigned usual_flags =
      IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL;
  explicit raw_ring(unsigned entries = 64, unsigned completion_entries = 256, unsigned flags = usual_flags) {
    io_uring_params parameters{};
    parameters.flags = flags | IORING_SETUP_CQSIZE;
    parameters.cq_entries = completion_entries;
    REQUIRE(io_uring_queue_init_params(entries, &ring_, &parameters) == 0);
  }
  ~raw_ring() { io_uring_queue_exit(&ring_); }
  raw_ring(const raw_ring&) = delete;
  raw_ring& operator=(const raw_ring&) = delete;

  io_uring* get() noexcept { return &ring_; }
  int descriptor() const noexcept { return ring_.ring_fd; }

  /// The next entry, which completes with `tag`.
  io_uring_sqe* entry(std::uint64_t tag) {
    io_uring_sqe* const free = io_uring_get_sqe(&ring_);
    REQUIRE(free != nullptr);
    io_uring_prep_nop(free);
    free->user_data = tag;
    tag_ = tag;
    return free;
  }
  /// liburing's prep functions of this version zero the tag: sets that of the entry which `entry` gave last.
  void tag(io_uring_sqe* which) const noexcept { which->user_data = tag_; }

  void submit() { REQUIRE(io_uring_submit(&ring_) >= 0); }

  /// Submits, and gives what has completed within `milliseconds`, `count` of them at most.
  std::vector<completion> collect(std::size_t count, int milliseconds = 2000) {
    std::vector<completion> all;
    io_uring_submit(&ring_);
    while (all.size() < count) {
      __kernel_timespec limit{.tv_sec = milliseconds / 1000, .tv_nsec = (milliseconds % 1000) * 1'000'000LL};
      io_uring_cqe* one = nullptr;
      if (io_uring_wait_cqe_timeout(&ring_, &one, &limit) != 0) break;
      all.push_back({one->user_data, one->res, one->flags});
      io_uring_cqe_seen(&ring_, one);
    }
    return all;
  }

 private:
  io_uring ring_{};
  std::uint64_t tag_ = 0;
};

/// Where both answers suit ringmill: says which one this kernel gives.
inline void saw(const char* what, const std::string& answer) { std::printf("kernel: %s: %s\n", what, answer.c_str()); }

}  // namespace kernel_test
