// when_all: several awaitables at once; comes back when all have ended.
#pragma once

#include <exception>
#include <utility>
#include <vector>

#include <ringmill/runtime/gather.hpp>

namespace ringmill {

namespace detail {

inline constexpr cancel_reason sibling_failed("another one of its when_all failed");

template <class Children>
class [[nodiscard]] when_all_awaiter final : public gather_awaiter<Children> {
 public:
  explicit when_all_awaiter(Children&& children) : gather_awaiter<Children>("when_all", std::move(children)) {}

  auto await_resume() {
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    return this->children().collect([](auto& child) { return child.value(); });
  }
  bool await_must_resume() const noexcept { return error_ || !this->cut; }

 private:
  void child_ended(gathered_base& child) noexcept override {
    if (!child.has_error() || error_) return;
    error_ = child.take_error();
    this->stop_children(sibling_failed);
  }

  std::exception_ptr error_;
};

}  // namespace detail

/// co_await it: starts all, in order, and gives a tuple of their values when the last has ended (std::monostate for
/// void, std::reference_wrapper for a reference). The first error cancels the others and is thrown when they have
/// ended; those not started by then never are; errors that come after it are logged.
template <awaiter... Inner>
[[nodiscard]] auto when_all(Inner... inner) {
  using children = detail::gathered_tuple<Inner...>;
  return detail::when_all_awaiter<children>(children(std::move(inner)...));
}

/// The same for any number of one kind: gives a vector of their values, in the order of `inner`.
template <awaiter Inner>
[[nodiscard]] auto when_all(std::vector<Inner> inner) {
  using children = detail::gathered_range<Inner>;
  return detail::when_all_awaiter<children>(children(std::move(inner)));
}

}  // namespace ringmill
