// The fastest server known here: raw io_uring, multishot accept into direct descriptors, one receive and one send at a
// time into a buffer of the connection's own. It has no tasks, no cancel, no time limits, and trusts its peers.
#pragma once

#include <liburing.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

namespace limits {

/// `Answer` is what a connection has: `std::span<const char> operator()(std::span<const char>)` gives what to send for
/// what came, or nothing while more is needed.
template <class Answer>
class ring_server {
 public:
  /// `listener` is a listening socket.
  ring_server(int listener, unsigned buffer_size) : listener_(listener), buffer_size_(buffer_size) {
    io_uring_params parameters{};
    parameters.flags =
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
    parameters.cq_entries = 16384;
    if (io_uring_queue_init_params(4096, &ring_, &parameters) < 0) std::abort();
    io_uring_register_ring_fd(&ring_);
    if (io_uring_register_files_sparse(&ring_, most_connections) < 0) std::abort();
    connections_.resize(most_connections);
  }

  [[noreturn]] void run() {
    accept();
    for (;;) {
      io_uring_submit_and_wait(&ring_, 1);
      unsigned head = 0, seen = 0;
      io_uring_cqe* answer = nullptr;
      io_uring_for_each_cqe(&ring_, head, answer) {
        ++seen;
        const auto what = static_cast<operation>(answer->user_data >> 32);
        const auto index = static_cast<int>(answer->user_data & 0xffffffff);
        switch (what) {
          case operation::accept:
            if (!(answer->flags & IORING_CQE_F_MORE)) accept();
            if (answer->res >= 0) open(answer->res);
            break;
          case operation::receive:
            if (answer->res > 0) {
              handle(index, static_cast<std::size_t>(answer->res));
            } else {
              close(index);
            }
            break;
          case operation::send:
            if (answer->res > 0) {
              receive(index);
            } else {
              close(index);
            }
            break;
          case operation::close:
            break;
        }
      }
      io_uring_cq_advance(&ring_, seen);
    }
  }

 private:
  enum class operation : std::uint64_t { accept, receive, send, close };
  struct connection {
    char* buffer = nullptr;
    Answer answer;
  };
  static constexpr unsigned most_connections = 16384;

  io_uring_sqe& entry(operation what, int index) {
    io_uring_sqe* made = io_uring_get_sqe(&ring_);
    if (!made) {
      io_uring_submit(&ring_);
      made = io_uring_get_sqe(&ring_);
    }
    made->user_data = static_cast<std::uint64_t>(what) << 32 | static_cast<std::uint32_t>(index);
    return *made;
  }
  void accept() {
    io_uring_sqe& made = entry(operation::accept, 0);
    const auto tag = made.user_data;
    io_uring_prep_multishot_accept_direct(&made, listener_, nullptr, nullptr, 0);
    made.user_data = tag;
  }
  void open(int index) {
    connection& opened = connections_[static_cast<std::size_t>(index)];
    opened.answer = Answer();
    if (!opened.buffer) opened.buffer = static_cast<char*>(std::malloc(buffer_size_));
    receive(index);
  }
  void handle(int index, std::size_t size) {
    connection& from = connections_[static_cast<std::size_t>(index)];
    const std::span<const char> reply = from.answer(std::span<const char>(from.buffer, size));
    reply.empty() ? receive(index) : send(index, reply);
  }
  void receive(int index) {
    io_uring_sqe& made = entry(operation::receive, index);
    const auto tag = made.user_data;
    io_uring_prep_recv(&made, index, connections_[static_cast<std::size_t>(index)].buffer, buffer_size_, 0);
    made.flags |= IOSQE_FIXED_FILE;
    made.user_data = tag;
  }
  void send(int index, std::span<const char> data) {
    io_uring_sqe& made = entry(operation::send, index);
    const auto tag = made.user_data;
    io_uring_prep_send(&made, index, data.data(), data.size(), MSG_NOSIGNAL | MSG_WAITALL);
    made.flags |= IOSQE_FIXED_FILE;
    made.user_data = tag;
  }
  void close(int index) {
    io_uring_sqe& made = entry(operation::close, index);
    const auto tag = made.user_data;
    io_uring_prep_close_direct(&made, static_cast<unsigned>(index));
    made.flags |= IOSQE_CQE_SKIP_SUCCESS;
    made.user_data = tag;
  }

  int listener_;
  unsigned buffer_size_;
  io_uring ring_{};
  std::vector<connection> connections_;
};

}  // namespace limits
