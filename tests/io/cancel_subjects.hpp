// Every operation of io/ in one shape, for the cancel matrix. To add one, write a function in cancel_subjects.cpp that
// makes it, and name that in all_io_subjects.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <ringmill/io/fd.hpp>
#include <ringmill/runtime/task.hpp>

namespace support {

/// One operation in surroundings of its own, which its functions keep alive.
struct io_subject {
  std::string name;

  /// Awaits it, takes its result and gives that back.
  std::function<ringmill::task<>()> wait;

  /// Lets it end with a result, by plain system calls: data comes, a client comes. Null if nothing can.
  std::function<void()> complete;

  /// What it is in flight on, if that can be closed.
  ringmill::fd* handle = nullptr;

  /// It waits for `complete`, and does not end by itself at once.
  bool blocks = true;
};

/// Functions that make one each, inside of a running loop.
std::vector<std::function<io_subject()>> all_io_subjects();

}  // namespace support
