// process_pool: CPU-bound work in worker processes, awaited like a read.
//
//   std::vector<std::string> extract_links(std::string_view html);      // an ordinary function
//
//   int main(int argc, char** argv) {
//     rm::process_init(argc, argv);                                      // first line
//     ...
//     rm::process_pool pool(rm::pool_options().workers(4));
//     auto links = co_await pool.run<&extract_links>(html);
//
// A task that crashes costs only itself: it gets worker_crashed, the worker is replaced. One that takes too long is
// killed: `co_await pool.run<&extract_links>(rm::call_options().run_timeout(2s), html)`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <ringmill/offload/codec.hpp>
#include <ringmill/offload/error.hpp>
#include <ringmill/offload/in_worker.hpp>
#include <ringmill/offload/pool_buffer.hpp>
#include <ringmill/offload/pool_call.hpp>
#include <ringmill/offload/pool_options.hpp>
#include <ringmill/offload/pool_statistics.hpp>
#include <ringmill/offload/process_init.hpp>
#include <ringmill/offload/registry.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/owned_ptr.hpp>
#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill {

template <class T>
class async_generator;

namespace detail {

template <class Function>
struct stream_signature;
template <auto Function>
using stream_item = typename stream_signature<std::remove_cv_t<decltype(Function)>>::item;

template <class... Args>
inline constexpr bool begins_with_options = false;
template <class First, class... Rest>
inline constexpr bool begins_with_options<First, Rest...> = std::is_same_v<std::remove_cvref_t<First>, call_options>;

}  // namespace detail

/// A set of worker processes, each with a channel of its own, and one queue for all. Belongs to
/// the loop it is made on; must outlive its tasks. Its destructor kills the workers and waits until they are gone (some
/// ms).
class RINGMILL_API process_pool {
 public:
  /// Starts the workers. Throws std::logic_error outside of a loop or without process_init, and std::system_error.
  explicit process_pool(const pool_options& options = pool_options());
  ~process_pool();
  process_pool(const process_pool&) = delete;
  process_pool& operator=(const process_pool&) = delete;

  /// co_await it: `Function(args...)`, run in a worker. Gives its value or throws its exception (standard types as
  /// themselves, others as remote_error); else one of the errors of offload/error.hpp says how the task ended:
  /// worker_crashed when its worker died while it ran. A task that is cancelled in the queue never runs; one that runs
  /// is killed with its worker (call_options::cancel_grace). Arguments and results cross as `codec` says. A large
  /// result that is only to be passed on need not be copied: `.read_in_place(reader)` (offload/pool_call.hpp).
  template <auto Function, class... Args>
  requires(!detail::begins_with_options<Args...>) detail::pool_call<Function> run(Args&&... args) {
    return detail::pool_call<Function>(*core_, call_options(), true, std::forward<Args>(args)...);
  }
  /// The same, with time limits, a priority and so on for this call.
  template <auto Function, class... Args>
  detail::pool_call<Function> run(const call_options& options, Args&&... args) {
    return detail::pool_call<Function>(*core_, options, true, std::forward<Args>(args)...);
  }

  /// Like `run`, but if as many tasks wait as pool_options::queue_limit and queue_bytes allow, it throws queue_full
  /// instead of waiting too: for a server that rather says "busy" than lets its clients wait.
  template <auto Function, class... Args>
  requires(!detail::begins_with_options<Args...>) detail::pool_call<Function> try_run(Args&&... args) {
    return detail::pool_call<Function>(*core_, call_options(), false, std::forward<Args>(args)...);
  }
  template <auto Function, class... Args>
  detail::pool_call<Function> try_run(const call_options& options, Args&&... args) {
    return detail::pool_call<Function>(*core_, options, false, std::forward<Args>(args)...);
  }

  // Over a range of arguments: see offload/map.hpp, which has to be included for these.

  /// co_await it: `Function(element)` for each element of the range (a tuple is its arguments), in chunks, on all
  /// workers; gives all results in the order of the range. The first error cancels what is left and is thrown. A range
  /// that is passed as an lvalue has to stay as it is until then.
  template <auto Function, class Range>
  task<std::vector<typename detail::signature_of<Function>::result>> map(Range&& range,
                                                                         map_options options = map_options());
  /// The same, but calls `use(completion)` for each element, which says its index and its value or error; in the order
  /// of the range, or as they come. If `use` gives a task it is awaited; never two at a time.
  template <auto Function, class Range, class Use>
  task<> map_each(Range&& range, Use use, map_options options = map_options());

  // The values that a function gives one after the other: see offload/stream.hpp, which has to be included for these.

  /// The range that `Function(args...)` returns in a worker, value by value, as they come: co_await its next(). Throws
  /// as `run` does. The arguments are kept in it. It has a worker for itself until it has ended; destroyed or cancelled
  /// before, the worker is killed. Each batch of values is a task of its own, for the statistics and for the time
  /// limits of its options.
  template <auto Function, class... Args>
  requires(!detail::begins_with_options<Args...>)
      async_generator<detail::stream_item<Function>> run_stream(Args&&... args);
  template <auto Function, class... Args>
  async_generator<detail::stream_item<Function>> run_stream(const call_options& options, Args&&... args);

  /// co_await it: gives memory of `size` bytes to read into, for workers to look at (offload/pool_buffer.hpp). Waits,
  /// first come, first served, while so much is not free (pool_options::buffer_capacity): the backpressure for what is
  /// received faster than it is worked on. Who holds one buffer and waits for a second may wait for ever. Throws, at
  /// the call, payload_too_large for more than it ever has, and std::logic_error if the pool was made without.
  detail::buffer_awaiter buffer(std::size_t size);
  /// The same without waiting: nothing, if so much is not free or others wait for it. Throws the same.
  std::optional<pool_buffer> try_buffer(std::size_t size);

  /// co_await it: comes back when no task waits or runs.
  event::wait_awaiter drain() noexcept;
  /// From now on new tasks fail with pool_unavailable; those that wait and run go on.
  void close() noexcept;
  /// co_await it: closes the pool and drains it; what has not ended after `patience` is killed, and fails with
  /// pool_unavailable.
  task<> shutdown(duration patience);

  /// The processes that are there now.
  std::vector<int> worker_pids() const;
  /// What it does and has done.
  pool_statistics stats() const;

 private:
  std::size_t worker_count() const noexcept;
  std::size_t batch_bytes() const noexcept;

  detail::owned_ptr<detail::pool_core> core_;
};

}  // namespace ringmill
