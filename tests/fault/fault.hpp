// What the tests under load and shortage share: their length, their figures, what the process holds, and peers that are
// processes of their own.
//
// Short by default; with RINGMILL_LONG=1 in the environment as long as it takes to believe the figures.
#pragma once

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include <ringmill/runtime/detail/sanitizers.hpp>

namespace fault {

inline bool is_long() { return std::getenv("RINGMILL_LONG") != nullptr; }

#if defined(RINGMILL_ASAN)
constexpr bool is_sanitized = true;
#else
constexpr bool is_sanitized = false;
#endif

/// One line of the report, as printf.
[[gnu::format(printf, 1, 2)]] inline void figure(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::printf("figure: ");
  std::vprintf(format, arguments);
  std::printf("\n");
  std::fflush(stdout);
  va_end(arguments);
}

/// The memory of this process that is its own, in bytes.
inline long resident_memory() {
  std::ifstream statm("/proc/self/statm");
  long size = 0;
  long resident = 0;
  long shared = 0;
  statm >> size >> resident >> shared;
  return (resident - shared) * sysconf(_SC_PAGESIZE);
}

/// The processor time that this process has used.
inline std::chrono::microseconds processor_time() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return std::chrono::seconds(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         std::chrono::microseconds(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

class stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// A forked process that runs `body()` and exits with what that gives. Dies with this. Made while no loop runs.
class other_process {
 public:
  template <class Body>
  explicit other_process(Body body) {
    std::fflush(nullptr);  // else the other one says it again
    id_ = fork();
    if (id_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int code = 99;
    try {
      code = body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "the other process: %s\n", error.what());
    }
    std::fflush(nullptr);
    _exit(code);
  }
  ~other_process() {
    if (id_ > 0) {
      kill(id_, SIGKILL);
      wait();
    }
  }
  other_process(const other_process&) = delete;
  other_process& operator=(const other_process&) = delete;

  pid_t id() const noexcept { return id_; }

  /// Its exit code; what it was killed by, negated; or -1000 if there is none.
  int wait() {
    int status = 0;
    if (id_ <= 0 || waitpid(std::exchange(id_, 0), &status, 0) < 0) return -1000;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t id_ = 0;
};

}  // namespace fault
