// Everything of runtime/ that can be awaited, in one shape, for the cancel matrix.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <ringmill/runtime/task.hpp>

namespace support {

/// One awaitable in surroundings of its own.
struct cancel_subject {
  std::string name;

  /// Awaits it, takes its result and gives that back.
  std::function<ringmill::task<>()> wait;

  /// Makes it end, within the call. Null: it ends by itself a second after it was started.
  std::function<void()> complete;

  /// A cancel ends it, unlike a shield.
  bool stops = true;

  /// It waits for something, unlike yield.
  bool blocks = true;

  /// What `complete` gives it is its result at once, so that a cancel in the same turn comes too late. Not so where
  /// that has to pass through another task first.
  bool keeps_result = true;

  /// After its end, whatever that was: nothing is held, nobody waits, what was not taken is still there.
  std::function<bool()> is_clean = [] { return true; };
};

/// Functions that make one each, inside of a running loop.
std::vector<std::function<cancel_subject()>> all_cancel_subjects();

}  // namespace support
