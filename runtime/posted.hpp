// A function on its way from another thread to a loop.
#pragma once

#include <utility>

namespace ringmill::detail {

/// A node in the loop's list; owned by it.
class posted_node {
 public:
  posted_node() noexcept = default;
  posted_node(const posted_node&) = delete;
  posted_node& operator=(const posted_node&) = delete;
  virtual ~posted_node() = default;
  virtual void call() = 0;
  posted_node* next = nullptr;
};

template <class Function>
class posted_function final : public posted_node {
 public:
  explicit posted_function(Function function) : function_(std::move(function)) {}
  void call() override { function_(); }

 private:
  Function function_;
};

}  // namespace ringmill::detail
