#include <ringmill/io/sim/detail/sim_ipc.hpp>

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include <ringmill/io/sim/detail/sim_kernel.hpp>

namespace ringmill::sim::detail {

int sim_ipc::make_memory(const char*, std::size_t size) {
  if (!owner_.is_dead() && owner_.around().happens(fault::no_descriptor, owner_.host())) return -EMFILE;
  auto made = std::make_shared<memory_object>(owner_, size);
  return made->address() ? owner_.install(std::move(made)) : -ENOMEM;
}

int sim_ipc::seal_memory(int memory, int seals) {
  const auto what = owner_.object_of(memory);
  if (!what) return -EBADF;
  auto* const shared = dynamic_cast<memory_object*>(what.get());
  return shared ? shared->add_seals(seals) : -EINVAL;
}

int sim_ipc::map_memory(int memory, std::size_t size, bool writable, void*& address) {
  const auto shared = std::dynamic_pointer_cast<memory_object>(owner_.object_of(memory));
  if (!shared) return -EBADF;
  if (size == 0 || size > shared->size()) return -EINVAL;
  if (writable && (shared->seals() & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0) return -EPERM;
  address = shared->address();
  auto& [what, count] = mappings_[address];
  what = shared;
  ++count;
  return 0;
}

/// It is writable for all, always; what is sealed is refused as by Linux.
int sim_ipc::make_writable(void* address, std::size_t) {
  const auto found = mappings_.find(address);
  if (found == mappings_.end()) return -ENOMEM;
  return (found->second.first->seals() & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0 ? -EACCES : 0;
}

void sim_ipc::unmap_memory(void* address, std::size_t) noexcept {
  const auto found = mappings_.find(address);
  if (found != mappings_.end() && --found->second.second == 0) mappings_.erase(found);
}

void sim_ipc::wake(const std::uint32_t* word) noexcept {
  if (const auto waited_for = owner_.find_futex(word)) waited_for->wake();
}

int sim_ipc::make_event() {
  const int made = owner_.event_counter(0);
  if (made >= 0) set_non_blocking(made);
  return made;
}

int sim_ipc::send_message(int socket, const msghdr& message, int flags) {
  return owner_.send_message(socket, message, flags);
}
int sim_ipc::receive_message(int socket, msghdr& message, int flags) {
  return owner_.receive_message(socket, message, flags);
}
int sim_ipc::set_non_blocking(int fd) { return owner_.set_non_blocking(fd, true); }

int sim_ipc::read_at_once(int fd, void* data, std::size_t size) {
  const auto what = owner_.object_of(fd);
  if (!what) return -EBADF;
  const iovec part{data, size};
  transfer into(std::span(&part, 1), 0);
  const int result = what->receive(into);
  return result == object::would_block ? -EAGAIN : result;
}

}  // namespace ringmill::sim::detail
