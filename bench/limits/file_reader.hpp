// The least that a read of a file through io_uring costs: one entry, one system call, one completion. No task, no
// cancel, and the file is trusted to be there.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

namespace limits {

class file_reader {
 public:
  explicit file_reader(int file) : file_(file) {
    io_uring_params parameters{};
    parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    if (io_uring_queue_init_params(8, &ring_, &parameters) < 0) std::abort();
    io_uring_register_ring_fd(&ring_);
  }
  ~file_reader() { io_uring_queue_exit(&ring_); }
  file_reader(const file_reader&) = delete;
  file_reader& operator=(const file_reader&) = delete;

  /// How many bytes it got, or a negative error.
  int read(std::span<std::byte> buffer, std::uint64_t offset) {
    io_uring_prep_read(io_uring_get_sqe(&ring_), file_, buffer.data(), static_cast<unsigned>(buffer.size()), offset);
    io_uring_submit_and_wait(&ring_, 1);
    io_uring_cqe* answer = nullptr;
    io_uring_wait_cqe(&ring_, &answer);
    const int result = answer->res;
    io_uring_cqe_seen(&ring_, answer);
    return result;
  }

 private:
  int file_;
  io_uring ring_{};
};

}  // namespace limits
