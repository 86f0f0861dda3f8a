// What runs in the workers of the simulated pools, and a book about it: which call was begun where, and how it ended.
// Workers are in this process, so the book sees them all; a pool sees none of it.
#pragma once

#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <ringmill/offload/generator.hpp>
#include <ringmill/offload/process_pool.hpp>
#include <ringmill/offload/sim_workers.hpp>
#include <ringmill/ringmill.hpp>

namespace sim_tests {

namespace rm = ringmill;
namespace sim = ringmill::sim;

/// Of one run.
class call_book {
 public:
  call_book() { current_ = this; }
  ~call_book() { current_ = nullptr; }
  call_book(const call_book&) = delete;
  call_book& operator=(const call_book&) = delete;
  static call_book& current() { return *current_; }

  int next_id() { return ++last_id_; }

  void begins(int id, int pid) {
    ++begun_[id];
    runs_in_[pid] = id;
  }
  void has_ended(int pid) { runs_in_.erase(pid); }

  /// The pool says that this process died of this call.
  void blamed(int id, int pid) {
    const auto found = runs_in_.find(pid);
    if (found != runs_in_.end() && found->second != id) {
      throw std::logic_error("call " + std::to_string(id) + " is blamed for a process that died in call " +
                             std::to_string(found->second));
    }
    if (!blamed_pids_.insert(pid).second) {
      throw std::logic_error("process " + std::to_string(pid) + " died of two calls");
    }
  }
  int times_begun(int id) const {
    const auto found = begun_.find(id);
    return found == begun_.end() ? 0 : found->second;
  }

 private:
  static inline call_book* current_ = nullptr;
  int last_id_ = 0;
  std::map<int, int> begun_;    ///< by the number of the call
  std::map<int, int> runs_in_;  ///< by process: what it runs, or ran when it died
  std::set<int> blamed_pids_;
};

/// In a worker, while a call runs. Unwound by a death, it leaves the call in the book as not ended.
class running_call {
 public:
  explicit running_call(int id) : pid_(sim::worker_pid()) { call_book::current().begins(id, pid_); }
  void has_ended() { call_book::current().has_ended(pid_); }

 private:
  int pid_;
};

inline int square(int id, int microseconds) {
  running_call call(id);
  sim::compute_for(std::chrono::microseconds(microseconds));
  call.has_ended();
  return id * id;
}

/// Larger than the small places of the channel.
inline std::string long_text(int id, int size) {
  running_call call(id);
  std::string text(static_cast<std::size_t>(size), static_cast<char>('a' + id % 26));
  sim::compute_for(std::chrono::microseconds(size % 100));
  call.has_ended();
  return text;
}

inline std::size_t count_letters(int id, const std::string& text) {
  running_call call(id);
  sim::compute_for(std::chrono::microseconds(5));
  std::size_t count = 0;
  for (const char each : text) count += each == static_cast<char>('a' + id % 26) ? 1 : 0;
  call.has_ended();
  return count;
}

inline int patient(int id, int steps) {
  running_call call(id);
  for (int step = 0; step < steps && !rm::offload::cancelled(); ++step) {
    sim::compute_for(std::chrono::milliseconds(1));
    rm::offload::report_progress(step / static_cast<double>(steps));
  }
  call.has_ended();
  return id;
}

inline int always_crashes(int id) {
  const running_call call(id);
  sim::compute_for(std::chrono::microseconds(3));
  sim::crash_worker(11);
  return id;
}

inline int throws_always(int id) {
  running_call call(id);
  call.has_ended();
  throw std::out_of_range("call " + std::to_string(id));
}

inline rm::offload::generator<int> count_up(int id, int to) {
  static_cast<void>(id);
  for (int next = 0; next < to; ++next) {
    sim::compute_for(std::chrono::microseconds(next % 7 == 0 ? 300 : 1));
    co_yield next;
  }
}

}  // namespace sim_tests
