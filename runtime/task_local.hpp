// task_local: a variable whose value depends on the task that asks.
//
//   inline rm::task_local<request_id> current_request;
//   co_await current_request.with(id, serve(client));  // serve, and all that it awaits or starts
//   if (const request_id* id = current_request.get()) log(*id);
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include <ringmill/runtime/context.hpp>
#include <ringmill/runtime/promise.hpp>
#include <ringmill/runtime/surrounded.hpp>

namespace ringmill {

namespace detail {

template <class T>
class typed_value_node : public value_node {
 public:
  typed_value_node(std::uint64_t key, T&& value) : value_node(key), value_(std::move(value)) {}
  typed_value_node(typed_value_node&& other) : value_node(other.key()), value_(std::move(other.value_)) {}
  const T& value() const noexcept { return value_; }

 private:
  T value_;
};

}  // namespace detail

/// Usually a global; may be used by several loops in several threads. What a task sees is decided where it is started:
/// one that is awaited, or part of a combinator, sees what its awaiter does; one in a nursery sees the values around
/// the nursery's `run`, whoever calls `start`; a detached one sees none. Costs nothing where no value is set; `get`
/// looks at each value, name and time limit around the task until it finds its own.
template <class T>
class task_local {
  static_assert(std::is_object_v<T> && !std::is_const_v<T>,
                "a task_local holds a value: for a reference take a pointer");

 public:
  task_local() noexcept : key_(detail::new_value_key()) {}
  task_local(const task_local&) = delete;
  task_local& operator=(const task_local&) = delete;
  ~task_local() = default;

  /// co_await it: what `co_await inner` gives; `inner` and all that it starts see `value`, which is kept until it has
  /// ended. A `with` inside of another one hides the outer value. GCC 12 destroys an aggregate that is made inside of a
  /// co_await twice: name it first, and move it.
  template <awaiter Inner>
  [[nodiscard]] detail::surrounded<detail::typed_value_node<T>, Inner> with(T value, Inner inner) const {
    detail::typed_value_node<T> node(key_, std::move(value));
    return detail::surrounded<detail::typed_value_node<T>, Inner>(std::move(node), std::move(inner));
  }

  /// The value that the running task sees, also in destructors while it is unwound; null if there is none, or no task
  /// runs. Good for as long as the task runs. Does not suspend.
  const T* get() const noexcept {
    const detail::value_node* const found = detail::find_value(key_);
    return found ? &static_cast<const detail::typed_value_node<T>*>(found)->value() : nullptr;
  }

 private:
  std::uint64_t key_;  ///< not the address: another one may come to lie there
};

}  // namespace ringmill
