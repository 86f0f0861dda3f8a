// The least that a server does that accepts connections and ends them: one accept for all, into direct descriptors, and
// a close for each that reports nothing.
#pragma once

#include <liburing.h>

#include <cstdlib>

namespace limits {

class acceptor {
 public:
  /// `listener` is a listening socket.
  explicit acceptor(int listener) : listener_(listener) {
    io_uring_params parameters{};
    parameters.flags =
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
    parameters.cq_entries = 4096;
    if (io_uring_queue_init_params(1024, &ring_, &parameters) < 0) std::abort();
    io_uring_register_ring_fd(&ring_);
    if (io_uring_register_files_sparse(&ring_, 1024) < 0) std::abort();
  }

  [[noreturn]] void run() {
    accept();
    for (;;) {
      io_uring_submit_and_wait(&ring_, 1);
      unsigned head = 0, seen = 0;
      io_uring_cqe* answer = nullptr;
      io_uring_for_each_cqe(&ring_, head, answer) {
        ++seen;
        if (answer->user_data == of_close) continue;  // one that failed
        if (answer->res >= 0) close(static_cast<unsigned>(answer->res));
        if (!(answer->flags & IORING_CQE_F_MORE)) accept();
      }
      io_uring_cq_advance(&ring_, seen);
    }
  }

 private:
  static constexpr unsigned of_accept = 0;
  static constexpr unsigned of_close = 1;

  io_uring_sqe& entry() {
    if (io_uring_sqe* const made = io_uring_get_sqe(&ring_)) return *made;
    io_uring_submit(&ring_);
    return *io_uring_get_sqe(&ring_);
  }
  void accept() {
    io_uring_sqe& made = entry();
    io_uring_prep_multishot_accept_direct(&made, listener_, nullptr, nullptr, 0);
    made.user_data = of_accept;
  }
  void close(unsigned index) {
    io_uring_sqe& made = entry();
    io_uring_prep_close_direct(&made, index);
    made.flags |= IOSQE_CQE_SKIP_SUCCESS;
    made.user_data = of_close;
  }

  int listener_;
  io_uring ring_{};
};

}  // namespace limits
