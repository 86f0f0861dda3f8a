// Why a task was asked to stop.
#pragma once

#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// A text that lives as long as the program (a literal), or none: not cancelled. For logs and diagnosis, not for
/// decisions: what a task does must not depend on who stopped it.
class cancel_reason {
 public:
  constexpr cancel_reason() noexcept = default;
  /// `text` is neither null nor ever freed.
  constexpr explicit cancel_reason(const char* text) noexcept : text_(text) {}

  constexpr explicit operator bool() const noexcept { return text_ != nullptr; }
  /// Empty text if there is none.
  constexpr const char* text() const noexcept { return text_ ? text_ : ""; }

 private:
  const char* text_ = nullptr;
};

/// Why the running task was asked to stop; none if it was not, or outside of a task. A task sees it between a result
/// that beat the request and its next suspension, and its destructors see it while it is unwound. Does not suspend.
RINGMILL_API cancel_reason current_cancel_reason() noexcept;

}  // namespace ringmill
