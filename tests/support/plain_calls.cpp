#include "plain_calls.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

#include <ringmill/io/fd.hpp>
#include <ringmill/io/kernel_calls.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/io/sim/detail/environment.hpp>
#include <ringmill/io/sim/detail/sim_kernel.hpp>
#include <ringmill/io/sim/memory_file_system.hpp>

#include "failing_memory.hpp"
#include "forwarding_kernel.hpp"

namespace support {

namespace rm = ringmill;
namespace inside = ringmill::sim::detail;
using inside::sim_kernel;

sim_kernel* simulated_kernel_here() noexcept {
  rm::kernel* here = rm::ring::current_backend();
  while (auto* const outer = dynamic_cast<forwarding_kernel*>(here)) here = &outer->inner();
  return dynamic_cast<sim_kernel*>(here);
}

namespace plain {

namespace {

int told(int result) {
  if (result >= 0) return result;
  errno = -result;
  return -1;
}

/// A call of the simulated kernel, which no lack of memory reaches.
template <class Call>
int ask(sim_kernel& kernel, Call call) {
  const failing_memory::pause here;
  kernel.now();
  return told(call());
}

int told_of_transfer(int result) { return result == inside::object::would_block ? -EAGAIN : result; }

ssize_t receive(sim_kernel& kernel, int descriptor, void* data, std::size_t size, int flags) {
  return ask(kernel, [&] {
    const auto what = kernel.object_of(descriptor);
    if (!what) return -EBADF;
    const iovec part{data, size};
    inside::transfer into(std::span(&part, 1), flags);
    return told_of_transfer(what->receive(into));
  });
}

ssize_t send(sim_kernel& kernel, int descriptor, const void* data, std::size_t size, int flags,
             const inside::socket_name& where = inside::socket_name()) {
  return ask(kernel, [&] {
    const auto what = kernel.object_of(descriptor);
    if (!what) return -EBADF;
    const iovec part{const_cast<void*>(data), size};
    inside::transfer from(std::span(&part, 1), flags);
    from.peer = where;
    return told_of_transfer(what->send(from));
  });
}

}  // namespace

int socket(int domain, int type) {
  sim_kernel* const here = simulated_kernel_here();
  return here ? ask(*here, [&] { return here->socket(domain, type, 0); }) : ::socket(domain, type, 0);
}

int socketpair(int domain, int type, int* ends) {
  sim_kernel* const here = simulated_kernel_here();
  return here ? ask(*here, [&] { return here->socket_pair(domain, type, 0, ends); })
              : ::socketpair(domain, type, 0, ends);
}

int pipe(int* ends) {
  sim_kernel* const here = simulated_kernel_here();
  return here ? ask(*here, [&] { return here->pipe(ends); }) : ::pipe2(ends, O_CLOEXEC);
}

int bind(int socket, const sockaddr* where, socklen_t length) {
  sim_kernel* const here = simulated_kernel_here();
  return here ? ask(*here, [&] { return here->bind(socket, where, length); }) : ::bind(socket, where, length);
}

int listen(int socket, int backlog) {
  sim_kernel* const here = simulated_kernel_here();
  return here ? ask(*here, [&] { return here->listen(socket, backlog); }) : ::listen(socket, backlog);
}

int connect(int socket, const sockaddr* where, socklen_t length) {
  sim_kernel* const here = simulated_kernel_here();
  return here ? ask(*here, [&] { return here->connect(socket, where, length); }) : ::connect(socket, where, length);
}

int accept(int listener) {
  sim_kernel* const here = simulated_kernel_here();
  if (!here) return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  return ask(*here, [&] {
    const auto what = here->object_of(listener);
    std::shared_ptr<inside::object> made;
    const int result = what ? told_of_transfer(what->accept(made)) : -EBADF;
    return result < 0 ? result : here->install(std::move(made));
  });
}

int getsockname(int socket, sockaddr* where, socklen_t* length) {
  sim_kernel* const here = simulated_kernel_here();
  return here ? ask(*here, [&] { return here->local_address(socket, where, length); })
              : ::getsockname(socket, where, length);
}

int setsockopt(int socket, int level, int option, const void* value, socklen_t length) {
  sim_kernel* const here = simulated_kernel_here();
  return here ? ask(*here, [&] { return here->set_option(socket, level, option, value, length); })
              : ::setsockopt(socket, level, option, value, length);
}

int shutdown(int socket, int how) {
  sim_kernel* const here = simulated_kernel_here();
  return here ? ask(*here, [&] { return here->shutdown(socket, how); }) : ::shutdown(socket, how);
}

ssize_t read(int descriptor, void* data, std::size_t size) {
  sim_kernel* const here = simulated_kernel_here();
  return here ? receive(*here, descriptor, data, size, 0) : ::read(descriptor, data, size);
}

ssize_t write(int descriptor, const void* data, std::size_t size) {
  sim_kernel* const here = simulated_kernel_here();
  return here ? send(*here, descriptor, data, size, 0) : ::write(descriptor, data, size);
}

ssize_t recv(int socket, void* data, std::size_t size, int flags) {
  sim_kernel* const here = simulated_kernel_here();
  return here ? receive(*here, socket, data, size, flags) : ::recv(socket, data, size, flags);
}

ssize_t send(int socket, const void* data, std::size_t size, int flags) {
  sim_kernel* const here = simulated_kernel_here();
  return here ? send(*here, socket, data, size, flags) : ::send(socket, data, size, flags);
}

ssize_t sendto(int socket, const void* data, std::size_t size, int flags, const sockaddr* where, socklen_t length) {
  sim_kernel* const here = simulated_kernel_here();
  return here ? send(*here, socket, data, size, flags, inside::socket_name(where, length))
              : ::sendto(socket, data, size, flags, where, length);
}

ssize_t sendmsg(int socket, const msghdr& message, int flags) {
  sim_kernel* const here = simulated_kernel_here();
  return here ? ask(*here, [&] { return here->send_message(socket, message, flags); })
              : ::sendmsg(socket, &message, flags);
}

bool set_non_blocking(int descriptor, bool on) {
  if (sim_kernel* const here = simulated_kernel_here()) {
    const auto what = here->object_of(descriptor);
    if (!what) throw std::system_error(EBADF, std::generic_category(), "fcntl");
    const bool before = what->is_non_blocking();
    what->set_non_blocking(on);
    return before;
  }
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0 || ::fcntl(descriptor, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0) {
    throw std::system_error(errno, std::generic_category(), "fcntl");
  }
  return (flags & O_NONBLOCK) != 0;
}

bool wait_until_ready(int descriptor, short events) {
  sim_kernel* const here = simulated_kernel_here();
  if (!here) {
    pollfd wanted{descriptor, events, 0};
    return ::poll(&wanted, 1, 5000) == 1;
  }
  const failing_memory::pause no_failures;
  const rm::time_point limit = here->now() + std::chrono::seconds(5);
  const auto what = here->object_of(descriptor);
  while (what && (what->ready() & events) == 0) {
    const auto next = here->around().next_event();
    if (!next || *next > limit) return false;
    here->around().advance_to(*next);
  }
  return what != nullptr;
}

void take_a_moment() {
  sim_kernel* const here = simulated_kernel_here();
  if (!here) return;
  const failing_memory::pause no_failures;
  here->around().pass(std::chrono::microseconds(1));
}

void raise(int signal) {
  if (sim_kernel* const here = simulated_kernel_here()) {
    const failing_memory::pause no_failures;
    here->children().raise(signal);
  } else {
    ::raise(signal);
  }
}

namespace {

/// A name that no other simulated test has, which have a disk each.
std::string fresh_name() {
  static int last = 0;
  return "/tmp/ringmill-test-" + std::to_string(++last);
}

}  // namespace

std::string make_temporary_directory() {
  if (simulated_kernel_here()) {
    const std::string name = fresh_name();
    if (make_directory(name) < 0) throw std::system_error(errno, std::generic_category(), "mkdir " + name);
    return name;
  }
  std::string name = (std::filesystem::temp_directory_path() / "ringmill-test-XXXXXX").string();
  if (!::mkdtemp(name.data())) throw std::system_error(errno, std::generic_category(), "mkdtemp " + name);
  return name;
}

int make_directory(const std::string& path) {
  if (sim_kernel* const here = simulated_kernel_here()) {
    return ask(*here, [&] { return here->disk().make_directory(path, 0700); });
  }
  return ::mkdir(path.c_str(), 0700);
}

int open(const std::string& path) {
  if (sim_kernel* const here = simulated_kernel_here()) {
    return ask(*here, [&] { return here->files().open(AT_FDCWD, path.c_str(), O_RDWR); });
  }
  return ::open(path.c_str(), O_RDWR | O_CLOEXEC);
}

void make_file(const std::string& path, std::string_view text) {
  sim_kernel* const here = simulated_kernel_here();
  if (!here) {
    std::ofstream(path, std::ios::binary) << text;
    return;
  }
  const int size = ask(*here, [&] {
    rm::sim::memory_file_system::open_ptr file;
    const int result = here->disk().open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600, file);
    return result < 0 ? result : static_cast<int>(file->write(std::as_bytes(std::span(text)), 0));
  });
  if (size < 0) throw std::system_error(errno, std::generic_category(), "write " + path);
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  sim_kernel* const here = simulated_kernel_here();
  if (!here) {
    for (const auto& each : std::filesystem::directory_iterator(directory)) names.push_back(each.path().filename());
    return names;
  }
  const failing_memory::pause no_failures;
  rm::sim::memory_file_system::open_ptr opened;
  if (here->disk().open(directory, O_RDONLY | O_DIRECTORY, 0, opened) < 0) return names;
  alignas(dirent64) std::array<std::byte, 4096> entries;
  for (int size = 0; (size = opened->read_directory(entries)) > 0;) {
    for (int at = 0; at < size;) {
      const auto& entry = *reinterpret_cast<const dirent64*>(entries.data() + at);
      const std::string name = entry.d_name;
      if (name != "." && name != "..") names.push_back(name);
      at += entry.d_reclen;
    }
  }
  return names;
}

}  // namespace plain
}  // namespace support
