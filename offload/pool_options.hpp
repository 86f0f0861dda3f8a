// How a pool is made, and how a single call may differ from the others.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <ringmill/offload/registry.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/driver.hpp>

namespace ringmill {

/// Gets what a worker writes to its standard error, in pieces as they come. Called on the loop's thread between two
/// tasks: it may not await, and must not throw.
using stderr_sink = std::function<void(pid_t worker, std::string_view text)>;

/// How a pool is made.
class pool_options {
 public:
  pool_options() noexcept {}

  /// How many worker processes run tasks; by default as many as there are processors that the calling thread may run
  /// on, as the workers then may too. At least 1.
  pool_options& workers(std::size_t count) noexcept { return workers_ = count ? count : 1, *this; }
  /// Workers more than that, started and waiting: one takes over at once when another has died or is replaced. 0 by
  /// default: a replacement takes about a millisecond.
  pool_options& warm_spares(std::size_t count) noexcept { return warm_spares_ = count, *this; }
  /// Shown by dump_tasks() and, its first 15 characters, by `ps` as the name of the workers.
  pool_options& name(std::string text) { return name_ = std::move(text), *this; }

  /// Most bytes that the arguments of the tasks in one worker take, 64 MiB by default, at most 1 GiB. Memory is used
  /// only as it is written.
  pool_options& input_capacity(std::size_t bytes) noexcept { return input_capacity_ = bytes, *this; }
  /// The same for a result, or the text of an exception.
  pool_options& output_capacity(std::size_t bytes) noexcept { return output_capacity_ = bytes, *this; }

  /// Memory for `process_pool::buffer`, 64 MiB by default, at most 64 GiB. One buffer has at most the largest power of
  /// two that is not above it. Memory is used only as it is written, and kept then until the pool's end. All workers
  /// can read all of it, and none can write it. 0: the pool has no buffers, and its workers share nothing.
  pool_options& buffer_capacity(std::size_t bytes) noexcept { return buffer_capacity_ = bytes, *this; }

  /// Most tasks that wait for a worker, and most bytes of their arguments, before `try_run` says queue_full. `run`
  /// waits however many there are: what waits are the callers, whose frames hold the arguments until a worker takes
  /// them, so whoever awaits is slowed down by itself. 1024, and 256 MiB, by default.
  pool_options& queue_limit(std::size_t tasks) noexcept { return queue_limit_ = tasks, *this; }
  pool_options& queue_bytes(std::size_t bytes) noexcept { return queue_bytes_ = bytes, *this; }

  /// Called in each worker before its first task: `void load_tables()`. If it throws or crashes, the worker has died
  /// while it started.
  template <auto Function>
  pool_options& initializer() noexcept {
    using types = detail::signature_of<Function>;
    static_assert(std::is_void_v<typename types::result> && std::tuple_size_v<typename types::arguments> == 0,
                  "an initializer takes nothing and gives nothing: void initialize()");
    return initializer_ = detail::registration<Function>::id(), *this;
  }

  /// The longest that a worker may take to start, its initializer included; then it is killed. 10 s by default.
  pool_options& start_timeout(duration length) noexcept { return start_timeout_ = length, *this; }

  /// A worker is replaced, between two tasks, after so many of them; by default never. All three limits differ by up to
  /// a tenth from worker to worker, so that not all are replaced at once.
  pool_options& recycle_after_tasks(std::uint64_t count) noexcept { return recycle_tasks_ = count, *this; }
  /// When it holds so many bytes of memory (resident; looked at every 100 ms while it works).
  pool_options& recycle_above_memory(std::size_t bytes) noexcept { return recycle_memory_ = bytes, *this; }
  /// When it is so old.
  pool_options& recycle_after(duration age) noexcept { return recycle_age_ = age, *this; }

  /// A function that was at its worker's death twice with the same arguments is not run again with them for so long:
  /// the call fails at once, with worker_crashed. Zero: it always runs. 30 s by default.
  pool_options& quarantine(duration length) noexcept { return quarantine_ = length, *this; }
  /// A function that was at the death of so many workers within `window`, whatever its arguments, is not run for
  /// `pause`: its calls fail at once with circuit_open, those that wait too. Then one call is tried; while that runs
  /// the others fail. Off by default (0): one hostile client could close a function for all others, which the
  /// quarantine does not. `run`, `map` and `run_stream` of one function count apart; of map's chunks only those of a
  /// single call count, of a stream's batches the first.
  pool_options& circuit_breaker(std::size_t deaths, duration window = std::chrono::seconds(10),
                                duration pause = std::chrono::seconds(30)) noexcept {
    return breaker_deaths_ = deaths, breaker_window_ = window, breaker_pause_ = pause, *this;
  }
  /// See call_options::cancel_grace, for calls that do not say.
  pool_options& cancel_grace(duration length) noexcept { return cancel_grace_ = length, *this; }

  /// Where the workers' standard error goes; by default to that of this process. The last 8 KiB are kept for
  /// worker_crashed either way.
  pool_options& on_stderr(stderr_sink sink) { return stderr_sink_ = std::move(sink), *this; }
  /// The workers' nice level, 5 by default, so that the loop's latency does not depend on how busy they are.
  pool_options& niceness(int level) noexcept { return niceness_ = level, *this; }
  /// How long a worker that runs dry looks for its next call before it sleeps; zero: not at all. By default 20 us, if
  /// the thread that makes the pool may run on more than one processor: between calls of a microsecond or two that
  /// spares both sides the wake. After a call that took longer than the look it sleeps at once; and after a look in
  /// vain about twice as many sleeps as before come without one, 1,023 at most, until one has helped.
  pool_options& spin(duration length) noexcept { return spin_ = length, *this; }

  std::size_t workers() const noexcept { return workers_; }
  std::size_t warm_spares() const noexcept { return warm_spares_; }
  const std::string& name() const noexcept { return name_; }
  std::size_t input_capacity() const noexcept { return input_capacity_; }
  std::size_t output_capacity() const noexcept { return output_capacity_; }
  std::size_t buffer_capacity() const noexcept { return buffer_capacity_; }
  std::size_t queue_limit() const noexcept { return queue_limit_; }
  std::size_t queue_bytes() const noexcept { return queue_bytes_; }
  detail::function_id initializer_id() const noexcept { return initializer_; }
  std::uint64_t recycle_after_tasks() const noexcept { return recycle_tasks_; }
  std::size_t recycle_above_memory() const noexcept { return recycle_memory_; }
  duration recycle_after() const noexcept { return recycle_age_; }
  duration start_timeout() const noexcept { return start_timeout_; }
  duration quarantine() const noexcept { return quarantine_; }
  std::size_t breaker_deaths() const noexcept { return breaker_deaths_; }
  duration breaker_window() const noexcept { return breaker_window_; }
  duration breaker_pause() const noexcept { return breaker_pause_; }
  duration cancel_grace() const noexcept { return cancel_grace_; }
  const stderr_sink& on_stderr() const noexcept { return stderr_sink_; }
  int niceness() const noexcept { return niceness_; }
  duration spin() const noexcept { return spin_ ? *spin_ : default_spin(); }

 private:
  static constexpr std::size_t default_capacity = std::size_t{64} << 20;
  RINGMILL_API static std::size_t default_workers() noexcept;
  RINGMILL_API static duration default_spin() noexcept;

  std::size_t workers_ = default_workers();
  std::size_t warm_spares_ = 0;
  std::string name_;
  std::size_t input_capacity_ = default_capacity;
  std::size_t output_capacity_ = default_capacity;
  std::size_t buffer_capacity_ = default_capacity;
  std::size_t queue_limit_ = 1024;
  std::size_t queue_bytes_ = std::size_t{256} << 20;
  detail::function_id initializer_ = 0;
  std::uint64_t recycle_tasks_ = 0;
  std::size_t recycle_memory_ = 0;
  duration recycle_age_ = duration::zero();
  duration start_timeout_ = std::chrono::seconds(10);
  duration quarantine_ = std::chrono::seconds(30);
  std::size_t breaker_deaths_ = 0;
  duration breaker_window_ = duration::zero();
  duration breaker_pause_ = duration::zero();
  duration cancel_grace_ = duration::zero();
  stderr_sink stderr_sink_;
  int niceness_ = 5;
  std::optional<duration> spin_;
};

/// Which of the waiting tasks gets a worker first. Within one level: first in, first out.
enum class task_priority : std::uint8_t { high, normal, low };

/// How one call differs: `pool.run<&fn>(rm::call_options().run_timeout(1s), args...)`.
class call_options {
 public:
  call_options() noexcept {}

  /// The longest that it waits for a worker: then deadline_exceeded, and it never runs.
  call_options& queue_timeout(duration length) noexcept { return queue_timeout_ = length, *this; }
  /// The longest that it runs, from its start in the worker, on this process's clock: then the worker is killed, and
  /// the call fails with deadline_exceeded at once.
  call_options& run_timeout(duration length) noexcept { return run_timeout_ = length, *this; }
  call_options& priority(task_priority level) noexcept { return priority_ = level, *this; }

  /// Never begin it twice. Without this, a task that shared a worker with one that crashed may have begun there, and is
  /// run again. It gets a worker that has nothing else to do.
  call_options& at_most_once() noexcept { return at_most_once_ = true, *this; }
  /// The function may be run as often as one likes: when its worker dies while it runs, try again that many times.
  call_options& idempotent(unsigned retries = 1) noexcept { return retries_ = retries, *this; }

  /// When the caller has given up while the function runs: how long it has, to see offload::cancelled() and return,
  /// before its worker is killed. Zero by default: killed at once.
  call_options& cancel_grace(duration length) noexcept { return grace_ = length, *this; }
  /// Called with what offload::report_progress was given, on the loop's thread between two tasks: it may not await, and
  /// must not throw.
  call_options& on_progress(std::function<void(double done)> listener) {
    return on_progress_ = std::move(listener), *this;
  }

  duration queue_timeout() const noexcept { return queue_timeout_; }
  duration run_timeout() const noexcept { return run_timeout_; }
  task_priority priority() const noexcept { return priority_; }
  bool is_at_most_once() const noexcept { return at_most_once_; }
  unsigned retries() const noexcept { return at_most_once_ ? 0 : retries_; }
  /// Less than zero: as the pool says.
  duration cancel_grace() const noexcept { return grace_; }
  const std::function<void(double)>& on_progress() const noexcept { return on_progress_; }

 private:
  duration queue_timeout_ = duration::max();
  duration run_timeout_ = duration::max();
  duration grace_ = duration(-1);
  std::function<void(double)> on_progress_;
  unsigned retries_ = 0;
  task_priority priority_ = task_priority::normal;
  bool at_most_once_ = false;
};

/// How `process_pool::map` goes about it (offload/map.hpp).
class map_options {
 public:
  map_options() noexcept {}
  /// Results come as they are there, not in the order of the range.
  map_options& as_completed() noexcept { return ordered_ = false, *this; }
  /// Most elements that are with workers or wait for an earlier one, 16384 by default: the bound of the memory.
  map_options& window(std::size_t elements) noexcept { return window_ = elements ? elements : 1, *this; }
  /// For every chunk. A chunk that runs longer than run_timeout is killed, and tried again in halves: only a call that
  /// takes so long alone gets deadline_exceeded.
  map_options& call(call_options how) { return call_ = std::move(how), *this; }

  bool is_ordered() const noexcept { return ordered_; }
  std::size_t window() const noexcept { return window_; }
  const call_options& call() const noexcept { return call_; }

 private:
  bool ordered_ = true;
  std::size_t window_ = 16 * 1024;
  call_options call_;
};

}  // namespace ringmill
