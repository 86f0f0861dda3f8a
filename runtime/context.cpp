#include <ringmill/runtime/context.hpp>

#include <algorithm>
#include <atomic>

#include <ringmill/runtime/promise.hpp>

namespace ringmill {

namespace detail {

std::uint64_t new_value_key() noexcept {
  static constinit std::atomic<std::uint64_t> last = 0;
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

const value_node* find_value(std::uint64_t key) noexcept {
  const promise_base* const task = this_thread.running;
  if (!task) return nullptr;
  for (const context_node* node = task->context(); node; node = node->outer()) {
    if (node->what() != context_node::kind::value) continue;
    const auto* const here = static_cast<const value_node*>(node);
    if (here->key() == key) return here;
  }
  return nullptr;
}

}  // namespace detail

std::optional<time_point> current_deadline() noexcept {
  const detail::promise_base* task = detail::this_thread.running;
  if (!task) return std::nullopt;
  std::optional<time_point> earliest;
  for (const detail::context_node* node = task->context(); node; node = node->outer()) {
    if (node->what() != detail::context_node::kind::deadline) continue;
    const time_point here = static_cast<const detail::deadline_node*>(node)->deadline;
    earliest = earliest ? std::min(*earliest, here) : here;
  }
  return earliest;
}

}  // namespace ringmill
