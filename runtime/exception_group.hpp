// Several errors at once.
#pragma once

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// All errors of something that does not stop at the first, in order of completion. `what()` names each.
class RINGMILL_API exception_group : public std::runtime_error {
 public:
  explicit exception_group(std::vector<std::exception_ptr> errors);
  const std::vector<std::exception_ptr>& errors() const noexcept { return errors_; }

 private:
  std::vector<std::exception_ptr> errors_;
};

}  // namespace ringmill
