// An awaitable whose tasks find a further node in their context: what named and task_local share.
#pragma once

#include <type_traits>
#include <utility>

#include <ringmill/runtime/context.hpp>
#include <ringmill/runtime/promise.hpp>

namespace ringmill::detail {

/// Puts `Node` around the start of `Inner`, and passes everything else on.
template <class Node, awaiter Inner>
class [[nodiscard]] surrounded {
  static_assert(std::is_base_of_v<context_node, Node>);

 public:
  static constexpr bool runs_when_cancelled = detail::runs_when_cancelled<Inner>();

  surrounded(Node&& node, Inner&& inner) : node_(std::move(node)), inner_(std::move(inner)) {}

  bool await_ready() { return inner_.await_ready(); }
  bool await_suspend(waiter& who) {
    const context_scope scope(who, node_);
    return inner_.await_suspend(who);
  }
  /// Only if Inner has it: a limit that is over already lets a task run until it would suspend.
  bool start_cancelled(waiter& who, cancel_reason why) requires requires(Inner& one) { one.start_cancelled(who, why); }
  {
    const context_scope scope(who, node_);
    return inner_.start_cancelled(who, why);
  }
  decltype(auto) await_resume() { return inner_.await_resume(); }
  cancel_result await_cancel(cancel_reason why) noexcept { return inner_.await_cancel(why); }
  bool await_must_resume() const noexcept { return inner_.await_must_resume(); }
  void await_describe(task_writer& out) const { out.inner(inner_); }

 private:
  Node node_;
  Inner inner_;
};

}  // namespace ringmill::detail
