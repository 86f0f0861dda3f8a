#include <ringmill/runtime/exception_group.hpp>

#include <ringmill/runtime/async_stack.hpp>

namespace ringmill {

namespace {

std::string describe_all(const std::vector<std::exception_ptr>& errors) {
  std::string text = std::to_string(errors.size()) + (errors.size() == 1 ? " error" : " errors");
  for (const std::exception_ptr& error : errors) text += "\n" + describe_error(error);
  return text;
}

}  // namespace

exception_group::exception_group(std::vector<std::exception_ptr> errors)
    : std::runtime_error(describe_all(errors)), errors_(std::move(errors)) {}

}  // namespace ringmill
