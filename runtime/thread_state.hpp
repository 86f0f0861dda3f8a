// What belongs to the loop of this thread and is needed everywhere, behind one thread-local.
#pragma once

#include <cstdint>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/driver.hpp>

namespace ringmill {

class loop;
class run_queue;

namespace detail {

class promise_base;
class fiber_base;

class thread_state {
 public:
  constexpr thread_state() noexcept = default;

  loop* attached_loop = nullptr;    ///< the loop that this thread runs, or is attached to
  run_queue* ready = nullptr;       ///< its ready queue
  promise_base* running = nullptr;  ///< the coroutine that holds the loop now
  fiber_base* fiber = nullptr;      ///< on whose stack this runs, if not on the thread's own
  int inline_steps = 0;             ///< that are left of the present resume, see take_inline_budget()
  std::uint16_t loop_id = 0;        ///< the loop's number, to tell whose a waiter is
  time_point coarse_now{};          ///< the loop's clock when it last looked: for "since when", not for timers
};

RINGMILL_API [[gnu::tls_model("initial-exec")]] extern constinit thread_local thread_state this_thread;

}  // namespace detail
}  // namespace ringmill
