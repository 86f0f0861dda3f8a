#include <ringmill/runtime/log.hpp>

#include <atomic>
#include <cstdio>
#include <string>

#include <ringmill/runtime/async_stack.hpp>

namespace ringmill {

namespace {

void to_standard_error(log_level level, std::string_view text) noexcept {
  const char* const kind = level == log_level::error ? "error: " : level == log_level::warning ? "warning: " : "";
  std::fprintf(stderr, "ringmill: %s%.*s\n", kind, static_cast<int>(text.size()), text.data());
}

std::atomic<log_function> current_hook = &to_standard_error;

}  // namespace

void set_log_hook(log_function hook) noexcept { current_hook = hook ? hook : &to_standard_error; }

void log(log_level level, std::string_view text) noexcept { current_hook.load()(level, text); }

void log(log_level level, std::initializer_list<std::string_view> what, const std::exception_ptr& error) noexcept {
  try {
    std::string text;
    for (const std::string_view part : what) text += part;
    log(level, text + ": " + describe_error(error));
  } catch (...) {
    log(level, "an error that cannot be thrown, and no memory to say which");
  }
}

}  // namespace ringmill
