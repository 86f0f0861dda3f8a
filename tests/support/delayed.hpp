// Tasks that do one thing after a while; and the collector of what is logged meanwhile.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>

#include <ringmill/runtime/log.hpp>
#include <ringmill/runtime/shield.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/task.hpp>

#include "lifetime.hpp"

namespace support {

inline ringmill::task<int> value_at_once(int value) { co_return value; }

inline ringmill::task<int> value_after(std::chrono::milliseconds delay, int value) {
  co_await ringmill::sleep_for(delay);
  co_return value;
}

inline ringmill::task<int> fail_after(std::chrono::milliseconds delay, std::string what) {
  co_await ringmill::sleep_for(delay);
  throw std::runtime_error(what);
}

/// Ends with its value although it is asked to stop.
inline ringmill::task<int> stubborn_after(std::chrono::milliseconds delay, int value) {
  co_await ringmill::shield(ringmill::sleep_for(delay));
  co_return value;
}

/// As long as it runs `alive` is one more.
inline ringmill::task<int> sleep_tracked(int& alive) {
  const tracked here(alive);
  co_await ringmill::sleep_for(std::chrono::hours(1));
  co_return 0;
}

/// While it lives, what ringmill logs is kept here and not printed.
class kept_log {
 public:
  kept_log() {
    text().clear();
    ringmill::set_log_hook(
        [](ringmill::log_level, std::string_view line) noexcept { text().append(line).append("\n"); });
  }
  ~kept_log() { ringmill::set_log_hook(nullptr); }
  kept_log(const kept_log&) = delete;
  kept_log& operator=(const kept_log&) = delete;

  bool empty() const { return text().empty(); }
  bool contains(std::string_view what) const { return text().find(what) != std::string::npos; }

 private:
  static std::string& text() {
    static std::string all;
    return all;
  }
};

}  // namespace support
