// Errors: the types that ringmill throws, and the check that stays on in every build.
//
// Which kind for what: `std::system_error` for all that the world can cause (I/O), `std::logic_error` for a misuse that
// was refused and did no harm, the types below for outcomes of the runtime itself, and RINGMILL_CHECK, which aborts,
// for what would otherwise corrupt memory.
#pragma once

#include <exception>
#include <stdexcept>
#include <string>

#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// The time given by `with_timeout` was over first. Not ETIMEDOUT, which is an answer of the network.
class RINGMILL_API timeout_error : public std::runtime_error {
 public:
  timeout_error() : std::runtime_error("timed out") {}
  explicit timeout_error(const std::string& what) : std::runtime_error(what) {}
};

/// Thrown by `run` when its root task was cancelled. A task never sees it: a cancelled task is unwound, not thrown
/// through.
class RINGMILL_API operation_cancelled : public std::exception {
 public:
  const char* what() const noexcept override { return "operation cancelled"; }
};

/// All tasks wait for each other: no timer, operation or worker is left that could wake one.
class RINGMILL_API deadlock_error : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

namespace detail {
/// Prints `file:line: message` to standard error and aborts.
[[noreturn]] RINGMILL_API void check_failed(const char* file, int line, const char* condition,
                                            const char* message) noexcept;
}  // namespace detail

}  // namespace ringmill

/// Always on, in every build: for what would corrupt memory. `message` says what is wrong and how to mend it.
#define RINGMILL_CHECK(condition, message)           \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? static_cast<void>(0)                        \
       : ::ringmill::detail::check_failed(__FILE__, __LINE__, #condition, message))
