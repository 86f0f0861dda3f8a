// What can go wrong with work that is done in another process. Errors of the function itself are not here: they come
// back as what they were (offload/exception_codec.hpp).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/chrono.hpp>
#include <ringmill/runtime/error.hpp>

namespace ringmill {

/// Bytes that do not mean what they should: cut short, too long, or with a value that its type does not have.
class RINGMILL_API protocol_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What a process has used in its life, as wait4(2) says.
class process_usage {
 public:
  std::chrono::microseconds user_time{0};
  std::chrono::microseconds system_time{0};
  std::size_t peak_memory = 0;  ///< bytes, resident
};

/// The worker died while it ran the task: of a signal, or because it exited. Only that task is lost.
class RINGMILL_API worker_crashed : public std::runtime_error {
 public:
  /// `wait_status` as waitpid(2) gives it.
  worker_crashed(pid_t pid, int wait_status, const process_usage& usage = process_usage(), std::string output = {},
                 bool quarantined = false);

  pid_t pid() const noexcept { return pid_; }
  /// The signal that killed it, or 0.
  int signal() const noexcept;
  /// What it gave to exit(), or -1 if a signal killed it.
  int exit_status() const noexcept;
  /// As waitpid(2) gave it.
  int wait_status() const noexcept { return wait_status_; }
  const process_usage& usage() const noexcept { return usage_; }
  /// The last 8 KiB that the worker wrote to its standard error, in all its tasks.
  const std::string& output() const noexcept { return output_; }
  /// The task was not run: it had killed its worker before (pool_options::quarantine). The rest tells of the last time.
  bool is_quarantined() const noexcept { return quarantined_; }

 private:
  pid_t pid_;
  int wait_status_;
  process_usage usage_;
  std::string output_;
  bool quarantined_;
};

/// A time limit of call_options was over: the task waited too long for a worker, or ran too long and was killed.
class RINGMILL_API deadline_exceeded : public timeout_error {
 public:
  explicit deadline_exceeded(bool was_running);
  bool was_running() const noexcept { return was_running_; }

 private:
  bool was_running_;
};

/// As many tasks or calls wait as the pool's options allow: from process_pool::try_run, and from a thread_pool.
class RINGMILL_API queue_full : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The worker wrote something into the shared memory that no worker of this program would. It was killed.
class RINGMILL_API protocol_violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Arguments, a result or a buffer that do not fit into the memory shared with workers (pool_options::input_capacity,
/// output_capacity and buffer_capacity).
class RINGMILL_API payload_too_large : public std::runtime_error {
 public:
  payload_too_large(const char* which, std::size_t size, std::size_t capacity);

  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }

 private:
  std::size_t size_;
  std::size_t capacity_;
};

/// The pool cannot run anything: it was shut down, or its workers die as soon as they start.
class RINGMILL_API pool_unavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The call was not run: its function was at too many workers' deaths lately, whatever the arguments
/// (pool_options::circuit_breaker). Other functions run.
class RINGMILL_API circuit_open : public pool_unavailable {
 public:
  circuit_open(std::size_t deaths, std::chrono::nanoseconds retry_after, worker_crashed last);

  /// A call after that is tried. Zero: one is tried now, and when it has come back all will be run again.
  std::chrono::nanoseconds retry_after() const noexcept { return retry_after_; }
  /// The last of the deaths.
  const worker_crashed& last_death() const noexcept { return last_; }

 private:
  std::chrono::nanoseconds retry_after_;
  worker_crashed last_;
};

/// The zygote runs another version of this program.
class RINGMILL_API version_mismatch : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An exception whose type cannot cross: its name, and what it said.
class RINGMILL_API remote_error : public std::runtime_error {
 public:
  remote_error(std::string type, const std::string& what) : std::runtime_error(what), type_(std::move(type)) {}
  /// The type's name as it is written in C++.
  const std::string& type() const noexcept { return type_; }

 private:
  std::string type_;
};

}  // namespace ringmill
