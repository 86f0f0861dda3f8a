// Names for tasks, to be found in the task tree.
#pragma once

#include <string>
#include <utility>

#include <ringmill/runtime/context.hpp>
#include <ringmill/runtime/surrounded.hpp>

namespace ringmill {

namespace detail {

class name_node : public context_node {
 public:
  explicit name_node(std::string name) noexcept : context_node(kind::name), name_(std::move(name)) {}
  name_node(name_node&& other) noexcept : name_node(std::move(other.name_)) {}
  const char* name() const noexcept { return name_.c_str(); }

 private:
  std::string name_;
};

}  // namespace detail

/// co_await it: what `co_await inner` gives; in the task tree what it starts is called `name`. For a nursery:
/// `nursery.start([](auto... args) -> rm::task<> { co_await rm::named("client 7", serve(args...)); }, ...)`.
template <awaiter Inner>
[[nodiscard]] detail::surrounded<detail::name_node, Inner> named(std::string name, Inner inner) {
  return detail::surrounded<detail::name_node, Inner>(detail::name_node(std::move(name)), std::move(inner));
}

}  // namespace ringmill
