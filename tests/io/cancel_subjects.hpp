// Every operation of io/ in one shape, for the cancel matrix. To add one, add a line to a list of the functions below,
// each of which is a file of its own: cancel_subjects_files.cpp and so on.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ringmill/runtime/task.hpp>

namespace support {

/// One operation in surroundings of its own, which its functions keep alive.
class io_subject {
 public:
  std::string name;

  /// Awaits it, takes its result and gives that back.
  std::function<ringmill::task<>()> wait;

  /// Lets it end with a result, by plain calls (support/plain_calls.hpp): data comes, a client comes. Null if nothing
  /// can.
  std::function<void()> complete;

  /// Closes what it is in flight on. Null if that cannot be closed.
  std::function<void()> close;

  /// It waits for `complete`, and does not end by itself at once.
  bool blocks = true;

  /// One completion of the kernel is its end.
  bool is_one_step = true;
};

/// Makes one, inside of a running loop.
using io_subject_maker = std::function<io_subject()>;
using io_subject_list = std::vector<io_subject_maker>;

// How the lists are written: the surroundings are an object of a class `Here`, and what is done in them are lambdas
// that capture nothing.

template <class Here>
using action_in = void (*)(Here&);
template <class Here>
using wait_in = ringmill::task<> (*)(Here&);

namespace detail {

template <class Here>
std::function<void()> bound(action_in<Here> action, const std::shared_ptr<Here>& here) {
  if (!action) return nullptr;
  return [=] { action(*here); };
}

template <class Here>
io_subject_maker make_subject(std::string name, wait_in<Here> wait, action_in<Here> complete, action_in<Here> close,
                              bool blocks, bool is_one_step) {
  return [=] {
    const auto here = std::make_shared<Here>();
    io_subject made;
    made.name = name;
    made.wait = [=] { return wait(*here); };
    made.complete = bound(complete, here);
    made.close = bound(close, here);
    made.blocks = blocks;
    made.is_one_step = is_one_step;
    return made;
  };
}

}  // namespace detail

/// One operation of the kernel, which waits for `complete`.
template <class Here>
io_subject_maker waiting(std::string name, wait_in<Here> wait, action_in<Here> complete,
                         action_in<Here> close = nullptr) {
  return detail::make_subject<Here>(std::move(name), wait, complete, close, true, true);
}

/// It waits for `complete`, in several steps, or without the kernel.
template <class Here>
io_subject_maker waiting_in_steps(std::string name, wait_in<Here> wait, action_in<Here> complete,
                                  action_in<Here> close = nullptr) {
  return detail::make_subject<Here>(std::move(name), wait, complete, close, true, false);
}

/// It ends by itself, at once or soon, in any number of steps.
template <class Here>
io_subject_maker ending(std::string name, wait_in<Here> wait, action_in<Here> close = nullptr) {
  return detail::make_subject<Here>(std::move(name), wait, nullptr, close, false, false);
}

// The lists. Each is asked for inside of a running loop, before the first of its subjects is made there.

io_subject_list basic_subjects();    ///< io/ops.hpp
io_subject_list file_subjects();     ///< files, their names, their changes
io_subject_list stream_subjects();   ///< pipes, splices, leases, and what is built on streams
io_subject_list socket_subjects();   ///< UDP and Unix sockets
io_subject_list http_subjects();     ///< client and server
io_subject_list process_subjects();  ///< processes, signals, readiness, timers

/// All of them.
inline io_subject_list all_io_subjects() {
  io_subject_list all;
  for (const auto list :
       {&basic_subjects, &file_subjects, &stream_subjects, &socket_subjects, &http_subjects, &process_subjects}) {
    for (io_subject_maker& one : list()) all.push_back(std::move(one));
  }
  return all;
}

}  // namespace support
