// What all kernels of a simulated world share: the time, what is going to happen in it, chance, the network, the trace.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ringmill/io/sim/child_process.hpp>
#include <ringmill/io/sim/detail/faults.hpp>
#include <ringmill/io/sim/detail/network.hpp>
#include <ringmill/io/sim/detail/trace.hpp>
#include <ringmill/io/sim/options.hpp>
#include <ringmill/io/sim/random.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/driver.hpp>

namespace ringmill::sim::detail {

class sim_kernel;

class RINGMILL_API environment {
 public:
  environment(std::uint64_t seed, const options& settings);
  ~environment();
  environment(const environment&) = delete;
  environment& operator=(const environment&) = delete;

  time_point now() const noexcept { return now_; }
  /// Since the world began.
  duration age() const noexcept { return now_.time_since_epoch(); }

  /// Since 1970: every world begins at 2026-01-01 00:00 UTC.
  duration wall_clock() const noexcept { return std::chrono::seconds(1'767'225'600) + age(); }

  /// Calls `action` that much later; events of one time in the order in which they were asked for.
  void after(duration delay, std::function<void()> action) { at(now_ + delay, std::move(action)); }
  void at(time_point when, std::function<void()> action) { push(when, 0, keep(std::move(action))); }
  /// Has a kernel try an operation, at `when`.
  void try_at(time_point when, std::uint32_t kernel, std::uint64_t operation) { push(when, kernel, operation); }

  std::optional<time_point> next_event() const noexcept;
  /// Time passes for what a program or kernel does, and what is due happens.
  void pass(duration length);
  /// Lets all happen that is due at `when`, which becomes the present.
  void advance_to(time_point when);
  /// How far a clock jumps that does. No limit of time counts it.
  duration draw_jump();
  duration jumped() const noexcept { return jumped_; }

  /// Does it go wrong? Says so in the trace.
  bool happens(fault kind, std::uint32_t host);
  void record(std::uint32_t host, trace::kind what, std::uint64_t number, std::int64_t first = 0,
              std::int64_t second = 0, std::int64_t third = 0) {
    lines.add(now_, host, what, number, first, second, third);
  }
  std::uint64_t events() const noexcept { return events_happened_; }

  std::uint32_t enlist(sim_kernel& kernel);
  void strike(std::uint32_t number) noexcept { kernels_[number] = nullptr; }
  sim_kernel* kernel_of(std::uint32_t number) const noexcept { return kernels_[number]; }

  const std::uint64_t seed;
  const options settings;
  std::map<std::string, child_program> programs;  ///< that hosts can start
  random_source random;
  random_source random_of_programs;  ///< what they ask their kernels for, which decides nothing else
  fault_source faults;
  trace lines;
  network net;

 private:
  /// A few numbers, since a heap moves them often.
  struct event {
    time_point when;
    std::uint64_t order;
    std::uint64_t what;    ///< an operation of that kernel, or, of none, where the action is kept
    std::uint32_t kernel;  ///< 0: none
  };
  struct is_later {
    bool operator()(const event& left, const event& right) const noexcept {
      return left.when != right.when ? left.when > right.when : left.order > right.order;
    }
  };

  void push(time_point when, std::uint32_t kernel, std::uint64_t what);
  std::size_t keep(std::function<void()> action);
  std::function<void()> take(std::size_t place);
  void run_due();

  time_point now_{};
  duration jumped_{};
  bool is_running_ = false;
  std::uint64_t next_order_ = 0;
  std::uint64_t events_happened_ = 0;
  std::vector<event> events_;                   ///< a heap, the next first
  std::vector<std::function<void()>> actions_;  ///< of events to come
  std::vector<std::size_t> free_places_;        ///< among these
  std::vector<sim_kernel*> kernels_ = {nullptr};
};

}  // namespace ringmill::sim::detail
