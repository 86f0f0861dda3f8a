// What one worker writes to its standard error: passed on, and the end of it kept.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include <ringmill/io/fd.hpp>
#include <ringmill/offload/pool_options.hpp>
#include <ringmill/runtime/detail/unique_ptr.hpp>

namespace ringmill::detail {

/// A worker that writes faster than the loop reads waits, as it would for any pipe.
class stderr_pipe {
 public:
  /// `sink` may be empty, and must outlive this. Throws std::system_error.
  explicit stderr_pipe(const stderr_sink& sink);
  ~stderr_pipe();
  stderr_pipe(const stderr_pipe&) = delete;
  stderr_pipe& operator=(const stderr_pipe&) = delete;

  /// For the worker, until it has it.
  int write_end() const noexcept { return write_end_.number(); }
  void forget_write_end() noexcept { write_end_.reset(); }

  void watch();
  /// Whose pipe it is, for the sink.
  void belongs_to(pid_t worker) noexcept { worker_ = worker; }
  /// Reads what is left, without waiting, ends the watch, and gives the last 8 KiB of all.
  std::string finish() noexcept;

 private:
  static constexpr std::size_t most_kept = 8 * 1024;
  class input_watch;
  bool read_some(std::size_t most) noexcept;
  void pass_on(std::string_view text) noexcept;

  const stderr_sink& sink_;
  fd read_end_;
  fd write_end_;
  pid_t worker_ = 0;
  std::string kept_;
  std::unique_ptr<input_watch> watch_;
};

}  // namespace ringmill::detail
