// System calls of tests, that go where the loop's own go: to Linux, or to the simulated kernel below the loop that
// runs. What the other side of an operation does at once is said with these, and so by the same words on both.
//
// Each is as the system call of that name, errno included. On a simulated kernel a little time passes first, so that
// what is due has happened, and none of them waits: reads and writes that would give EAGAIN.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ringmill::sim::detail {
class sim_kernel;
}

namespace support {

/// The simulated kernel of the loop that runs on this thread; null: it is Linux, or there is no loop.
ringmill::sim::detail::sim_kernel* simulated_kernel_here() noexcept;

namespace plain {

int socket(int domain, int type);
int socketpair(int domain, int type, int* ends);
int pipe(int* ends);
int bind(int socket, const sockaddr* where, socklen_t length);
int listen(int socket, int backlog);
int connect(int socket, const sockaddr* where, socklen_t length);
int accept(int listener);
int getsockname(int socket, sockaddr* where, socklen_t* length);
int setsockopt(int socket, int level, int option, const void* value, socklen_t length);
int shutdown(int socket, int how);

ssize_t read(int descriptor, void* data, std::size_t size);
ssize_t write(int descriptor, const void* data, std::size_t size);
ssize_t recv(int socket, void* data, std::size_t size, int flags);
ssize_t send(int socket, const void* data, std::size_t size, int flags);
ssize_t sendto(int socket, const void* data, std::size_t size, int flags, const sockaddr* where, socklen_t length);
ssize_t sendmsg(int socket, const msghdr& message, int flags);

/// O_NONBLOCK; gives what it was.
bool set_non_blocking(int descriptor, bool on);
/// poll(2) for one of `events`, five seconds at most. On a simulated kernel time passes.
bool wait_until_ready(int descriptor, short events);
/// A microsecond passes on a simulated kernel, where turns alone take next to no time.
void take_a_moment();
/// raise(3), for the program that runs on that kernel.
void raise(int signal);

// Files, as libraries would do it.

/// A new directory in that for temporary files.
std::string make_temporary_directory();
int make_directory(const std::string& path);
/// O_RDWR; it exists.
int open(const std::string& path);
/// With that content.
void make_file(const std::string& path, std::string_view text);
std::vector<std::string> names_in(const std::string& directory);

}  // namespace plain
}  // namespace support
