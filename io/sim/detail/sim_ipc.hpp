// The simulated kernel's calls for processes that work together (io/kernel_calls.hpp).
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <utility>

#include <ringmill/io/kernel_calls.hpp>
#include <ringmill/io/sim/detail/shared_memory.hpp>

namespace ringmill::sim::detail {

class sim_ipc final : public ipc_calls {
 public:
  explicit sim_ipc(sim_kernel& owner) noexcept : owner_(owner) {}

  int make_memory(const char* name, std::size_t size) override;
  int seal_memory(int memory, int seals) override;
  int map_memory(int memory, std::size_t size, bool writable, void*& address) override;
  int make_writable(void* address, std::size_t size) override;
  void unmap_memory(void* address, std::size_t size) noexcept override;
  void wake(const std::uint32_t* word) noexcept override;

  int make_event() override;
  /// These two never wait.
  int send_message(int socket, const msghdr& message, int flags) override;
  int receive_message(int socket, msghdr& message, int flags) override;
  int set_non_blocking(int fd) override;
  int read_at_once(int fd, void* data, std::size_t size) override;

 private:
  sim_kernel& owner_;
  std::map<void*, std::pair<std::shared_ptr<memory_object>, unsigned>> mappings_;  ///< only looked up
};

}  // namespace ringmill::sim::detail
