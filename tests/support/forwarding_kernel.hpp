// A kernel that asks another one for everything: to change a part of what it answers.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include <ringmill/io/kernel.hpp>

namespace support {

class forwarding_kernel : public ringmill::kernel {
 public:
  explicit forwarding_kernel(std::unique_ptr<ringmill::kernel> behind) noexcept : behind_(std::move(behind)) {}

  ringmill::kernel& inner() noexcept { return *behind_; }

  const ringmill::ring_arrays& arrays() const noexcept override { return behind_->arrays(); }
  ringmill::time_point now() noexcept override { return behind_->now(); }
  ringmill::duration wall_clock() noexcept override { return behind_->wall_clock(); }
  int random(void* bytes, std::size_t size) override { return behind_->random(bytes, size); }
  bool supports(unsigned opcode) const noexcept override { return behind_->supports(opcode); }
  int enter(unsigned to_submit, bool wait, std::optional<ringmill::duration> timeout) override {
    return behind_->enter(to_submit, wait, timeout);
  }
  void wake() noexcept override { behind_->wake(); }
  int wake_descriptor() const noexcept override { return behind_->wake_descriptor(); }
  int poll_descriptor() override { return behind_->poll_descriptor(); }
  void clear_poll_descriptor() noexcept override { behind_->clear_poll_descriptor(); }
  int register_buffer_ring(io_uring_buf_ring* ring, unsigned entries, unsigned group) override {
    return behind_->register_buffer_ring(ring, entries, group);
  }
  int unregister_buffer_ring(unsigned group) noexcept override { return behind_->unregister_buffer_ring(group); }
  int socket(int domain, int type, int protocol) override { return behind_->socket(domain, type, protocol); }
  int socket_pair(int domain, int type, int protocol, int* ends) override {
    return behind_->socket_pair(domain, type, protocol, ends);
  }
  int bind(int fd, const sockaddr* address, socklen_t length) override { return behind_->bind(fd, address, length); }
  int listen(int fd, int backlog) override { return behind_->listen(fd, backlog); }
  int connect(int fd, const sockaddr* address, socklen_t length) override {
    return behind_->connect(fd, address, length);
  }
  int set_option(int fd, int level, int option, const void* value, socklen_t length) override {
    return behind_->set_option(fd, level, option, value, length);
  }
  int get_option(int fd, int level, int option, void* value, socklen_t* length) override {
    return behind_->get_option(fd, level, option, value, length);
  }
  int local_address(int fd, sockaddr* address, socklen_t* length) override {
    return behind_->local_address(fd, address, length);
  }
  int peer_address(int fd, sockaddr* address, socklen_t* length) override {
    return behind_->peer_address(fd, address, length);
  }
  int shutdown(int fd, int how) override { return behind_->shutdown(fd, how); }
  int close(int fd) noexcept override { return behind_->close(fd); }
  ringmill::file_calls& files() noexcept override { return behind_->files(); }
  ringmill::process_calls& processes() noexcept override { return behind_->processes(); }
  ringmill::ipc_calls& ipc() noexcept override { return behind_->ipc(); }

 protected:
  const ringmill::kernel& behind() const noexcept { return *behind_; }

 private:
  std::unique_ptr<ringmill::kernel> behind_;
};

}  // namespace support
