// when_all_settled: several awaitables at once; none is stopped because another failed.
#pragma once

#include <utility>
#include <vector>

#include <ringmill/runtime/gather.hpp>

namespace ringmill {

namespace detail {

template <class Children>
class [[nodiscard]] settled_awaiter final : public gather_awaiter<Children> {
 public:
  explicit settled_awaiter(Children&& children) : gather_awaiter<Children>("when_all_settled", std::move(children)) {}

  auto await_resume() {
    return this->children().collect([](auto& child) { return child.outcome(); });
  }
  bool await_must_resume() const noexcept { return has_outcome_ || !this->cut; }

 private:
  void child_ended(gathered_base& child) noexcept override {
    if (child.has_value() || child.has_error()) has_outcome_ = true;
  }

  bool has_outcome_ = false;
};

}  // namespace detail

/// co_await it: starts all, in order, and gives a tuple with a result<T> of each when the last has ended. If it is cut
/// off, by a timeout say, what has ended by then is given all the same, and the rest is `is_cancelled()`; only if
/// nothing has is it cut off like anything else.
template <awaiter... Inner>
[[nodiscard]] auto when_all_settled(Inner... inner) {
  using children = detail::gathered_tuple<Inner...>;
  return detail::settled_awaiter<children>(children(std::move(inner)...));
}

/// The same for any number of one kind: gives a vector of results, in the order of `inner`.
template <awaiter Inner>
[[nodiscard]] auto when_all_settled(std::vector<Inner> inner) {
  using children = detail::gathered_range<Inner>;
  return detail::settled_awaiter<children>(children(std::move(inner)));
}

}  // namespace ringmill
