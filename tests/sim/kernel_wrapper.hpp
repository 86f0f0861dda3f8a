// A kernel around another one: for bugs that are to be between a ring and its kernel.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <ringmill/io/kernel.hpp>

namespace sim_tests {

/// Passes everything on.
class kernel_wrapper : public ringmill::kernel {
 public:
  explicit kernel_wrapper(std::unique_ptr<ringmill::kernel> plain) : plain_(std::move(plain)) {}

  const ringmill::ring_arrays& arrays() const noexcept override { return plain_->arrays(); }
  ringmill::time_point now() noexcept override { return plain_->now(); }
  int enter(unsigned to_submit, bool wait, std::optional<ringmill::duration> timeout) override {
    return plain_->enter(to_submit, wait, timeout);
  }
  void wake() noexcept override { plain_->wake(); }
  int wake_descriptor() const noexcept override { return plain_->wake_descriptor(); }
  int poll_descriptor() override { return plain_->poll_descriptor(); }
  void clear_poll_descriptor() noexcept override { plain_->clear_poll_descriptor(); }
  bool supports(unsigned opcode) const noexcept override { return plain_->supports(opcode); }
  int register_buffer_ring(io_uring_buf_ring* ring, unsigned entries, unsigned group) override {
    return plain_->register_buffer_ring(ring, entries, group);
  }
  int unregister_buffer_ring(unsigned group) noexcept override { return plain_->unregister_buffer_ring(group); }
  int socket(int domain, int type, int protocol) override { return plain_->socket(domain, type, protocol); }
  int socket_pair(int domain, int type, int protocol, int* ends) override {
    return plain_->socket_pair(domain, type, protocol, ends);
  }
  int bind(int fd, const sockaddr* address, socklen_t length) override { return plain_->bind(fd, address, length); }
  int listen(int fd, int backlog) override { return plain_->listen(fd, backlog); }
  int set_option(int fd, int level, int option, const void* value, socklen_t length) override {
    return plain_->set_option(fd, level, option, value, length);
  }
  int get_option(int fd, int level, int option, void* value, socklen_t* length) override {
    return plain_->get_option(fd, level, option, value, length);
  }
  int local_address(int fd, sockaddr* address, socklen_t* length) override {
    return plain_->local_address(fd, address, length);
  }
  int peer_address(int fd, sockaddr* address, socklen_t* length) override {
    return plain_->peer_address(fd, address, length);
  }
  int shutdown(int fd, int how) override { return plain_->shutdown(fd, how); }
  int close(int fd) noexcept override { return plain_->close(fd); }

 private:
  std::unique_ptr<ringmill::kernel> plain_;
};

}  // namespace sim_tests
