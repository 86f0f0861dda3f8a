// What tests of loop, nursery and cancellation start: tasks without a result, which end in one way after a while.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/task.hpp>

#include "../support/lifetime.hpp"

namespace support {

inline ringmill::task<> note_after(std::chrono::milliseconds delay, std::vector<int>& notes, int number) {
  co_await ringmill::sleep_for(delay);
  notes.push_back(number);
}

inline ringmill::task<> throw_after(std::chrono::milliseconds delay, std::string what) {
  co_await ringmill::sleep_for(delay);
  throw std::runtime_error(what);
}

/// As long as it runs `alive` is one more.
inline ringmill::task<> sleep_alive(int& alive) {
  const tracked here(alive);
  co_await ringmill::sleep_for(std::chrono::hours(1));
}

}  // namespace support
