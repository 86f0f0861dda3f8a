#include <fcntl.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <type_traits>

#include <ringmill/io/detail/linux_calls.hpp>
#include <ringmill/io/fd.hpp>

namespace ringmill::detail {

namespace {

/// Again, when a signal came before anything was done.
template <class Call>
int uninterrupted(Call call) noexcept {
  int result = -EINTR;
  while (result == -EINTR) result = or_errno(call());
  return result;
}

class linux_ipc_calls final : public ipc_calls {
 public:
  int make_memory(const char* name, std::size_t size) override {
    fd memory(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!memory || ::ftruncate(memory.number(), static_cast<off_t>(size)) < 0) return -errno;
    return memory.release();
  }
  int seal_memory(int memory, int seals) override { return or_errno(::fcntl(memory, F_ADD_SEALS, seals)); }
  int map_memory(int memory, std::size_t size, bool writable, void*& address) override {
    void* const made = ::mmap(nullptr, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, memory, 0);
    if (made == MAP_FAILED) return -errno;
    address = made;
    return 0;
  }
  int make_writable(void* address, std::size_t size) override {
    return or_errno(::mprotect(address, size, PROT_READ | PROT_WRITE));
  }
  void unmap_memory(void* address, std::size_t size) noexcept override { ::munmap(address, size); }
  void wake(const std::uint32_t* word) noexcept override {
    ::syscall(SYS_futex, word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
  }

  int make_event() override { return or_errno(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }
  int send_message(int socket, const msghdr& message, int flags) override {
    return uninterrupted([&] { return ::sendmsg(socket, &message, flags | MSG_NOSIGNAL); });
  }
  int receive_message(int socket, msghdr& message, int flags) override {
    return uninterrupted([&] { return ::recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC); });
  }
  int set_non_blocking(int fd) override {
    const int flags = ::fcntl(fd, F_GETFL);
    return flags < 0 ? -errno : or_errno(::fcntl(fd, F_SETFL, flags | O_NONBLOCK));
  }
  int read_at_once(int fd, void* data, std::size_t size) override {
    return uninterrupted([&] { return ::read(fd, data, size); });
  }
};

}  // namespace

ipc_calls& linux_ipc() noexcept {
  static linux_ipc_calls calls;
  static_assert(std::is_trivially_destructible_v<linux_ipc_calls>);
  return calls;
}

}  // namespace ringmill::detail
