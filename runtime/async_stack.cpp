#include <ringmill/runtime/async_stack.hpp>

#include <array>
#include <source_location>
#include <vector>

#include <ringmill/runtime/inspect.hpp>
#include <ringmill/runtime/promise.hpp>

namespace ringmill {

namespace {

/// The last few errors that left coroutines of this thread. An exception that is thrown on is the same object, so each
/// frame that it leaves can add its line; the pointer kept here makes sure that its address is not used again.
class unwound_errors {
 public:
  void note(const std::source_location& where) {
    const std::exception_ptr error = std::current_exception();
    trace* known = find(error);
    if (!known) {
      known = &traces_[next_];
      next_ = (next_ + 1) % traces_.size();
      known->error = error;
      known->awaits.clear();
    }
    if (where.line() != 0 && known->awaits.size() < longest) known->awaits.push_back(where);
  }

  std::string describe(const std::exception_ptr& error) {
    std::string text;
    const trace* known = error ? find(error) : nullptr;
    if (!known) return text;
    for (const std::source_location& where : known->awaits) {
      text += "  at ";
      text += where.file_name();
      text += ":" + std::to_string(where.line()) + " in ";
      text += detail::function_of(where);
      text += "\n";
    }
    return text;
  }

 private:
  static constexpr std::size_t longest = 64;
  struct trace {
    std::exception_ptr error;
    std::vector<std::source_location> awaits;
  };

  trace* find(const std::exception_ptr& error) {
    for (trace& one : traces_) {
      if (one.error == error) return &one;
    }
    return nullptr;
  }

  std::array<trace, 8> traces_;
  std::size_t next_ = 0;
};

thread_local unwound_errors errors;

}  // namespace

void detail::note_unwound(const std::source_location& where) noexcept {
  try {
    errors.note(where);
  } catch (...) {
    // Without memory there is no trace; the error itself goes on.
  }
}

std::string async_stack(const std::exception_ptr& error) { return errors.describe(error); }

std::string describe_error(const std::exception_ptr& error) {
  std::string text = "no error";
  if (error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& known) {
      text = known.what();
    } catch (...) {
      text = "an error of an unknown type";
    }
  }
  const std::string stack = async_stack(error);
  if (!stack.empty()) text += "\n" + stack.substr(0, stack.size() - 1);
  return text;
}

}  // namespace ringmill
