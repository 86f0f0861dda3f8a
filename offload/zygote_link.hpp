// The socket between the host and its zygote: small fixed messages, with descriptors where they are needed.
//
//   host -> zygote   spawn   + request memory, response memory, standard error, doorbell (if there is one), the pool's
//                             buffers (if there are any)
//   zygote -> host   hello, spawned + pidfd, spawn_failed, exited
//
// The zygote runs nobody's code but the library's, so its messages are believed.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include <ringmill/io/fd.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill::detail {

enum class message_kind : std::uint32_t { hello = 1, spawn, spawned, spawn_failed, exited };

struct zygote_message {
  message_kind kind = message_kind::hello;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  std::int32_t pid = 0;
  std::int32_t status = 0;  ///< of exited: as waitpid gives it; of spawn_failed: errno; of spawn: the nice level
  std::uint32_t has_doorbell = 0;
  std::uint32_t has_buffers = 0;
  std::uint64_t fingerprint = 0;  ///< of hello: program_fingerprint()
  std::uint64_t initializer = 0;  ///< of spawn: a registered function, or 0
  std::array<char, 16> name{};    ///< of spawn
  std::int64_t spin_ns = 0;       ///< of spawn
  // Of exited: what it has used.
  std::int64_t user_time_us = 0;
  std::int64_t system_time_us = 0;
  std::int64_t peak_memory = 0;  ///< bytes
};

inline constexpr std::size_t most_descriptors = 5;

/// A message and the descriptors that came with it; they are close-on-exec.
struct received_message {
  zygote_message message;
  std::array<fd, most_descriptors> descriptors;
};

enum class receive_result { message, nothing, end };

/// Gives false, with errno, if it could not be sent.
bool send_message(int socket, const zygote_message& message, std::span<const int> descriptors, int flags) noexcept;
/// `nothing` only with MSG_DONTWAIT; `end` also for any error: the other side is gone either way.
receive_result receive_message(int socket, received_message& into, int flags) noexcept;

/// The host's handle on a zygote process. Its end ends the zygote and all its workers.
class RINGMILL_API zygote_process {
 public:
  zygote_process() noexcept = default;
  /// Starts one: this program again, from /proc/self/exe. Blocks until the exec (about a millisecond). Throws
  /// std::system_error.
  static zygote_process start();

  zygote_process(zygote_process&& other) noexcept;
  zygote_process& operator=(zygote_process&& other) noexcept;
  /// Hangs up and waits for the end of the process: milliseconds, as its workers are dead before it is. A zygote that
  /// does not end within two seconds is killed.
  ~zygote_process() { end(); }
  void end() noexcept;

  explicit operator bool() const noexcept { return static_cast<bool>(socket_); }
  pid_t pid() const noexcept { return pid_; }
  int socket() const noexcept { return socket_.number(); }
  /// Readable when the process has ended.
  int pidfd() const noexcept { return pidfd_.number(); }
  void kill() noexcept;
  /// Asks for the end, and returns at once: the zygote kills its workers, reaps them and exits.
  void hang_up() noexcept;

  /// Asks for a worker, with a message of the kind spawn. False if the socket is full or broken.
  bool spawn(zygote_message message, std::span<const int> descriptors) noexcept;

 private:
  fd socket_;
  fd pidfd_;
  pid_t pid_ = -1;
};

}  // namespace ringmill::detail
