#include "http_load/load.hpp"

#include <algorithm>
#include <chrono>
#include <functional>

namespace http_load {

namespace rm = ringmill;
using seconds = std::chrono::duration<double>;

load::load(const settings& how, measurement& results) : work_(how, results) {
  for (std::size_t i = 0; i < how.connections; ++i) connections_.emplace_back(work_);
}

rm::task<> load::run() {
  co_await connections_.front().connect();  // alone: that nobody is there is said once
  const rm::time_point start = rm::loop::current().now();
  rm::nursery all;
  co_await all.run([&]() -> rm::task<> {
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      const rm::time_point first_due = work_.is_open_loop() ? work_.first_due(i, start) : start;
      all.start(&connection::run, std::ref(connections_[i]), first_due);
    }
    all.start(&load::watch_for_the_late, this);
    co_await measure();
    all.cancel();
  });
}

rm::task<> load::measure() {
  co_await rm::sleep_for(seconds(work_.how.warmup));
  work_.results.start();
  co_await rm::move_on_after(seconds(work_.how.duration), work_.all_answered.wait());
  finish();
}

void load::finish() noexcept {
  if (!work_.results.is_running()) return;
  work_.results.stop();
  if (!work_.is_open_loop()) return;
  for (connection& one : connections_) one.count_unanswered(work_.results.stopped_at());
}

/// One timer for all connections, instead of one for each answer.
rm::task<> load::watch_for_the_late() {
  const seconds pause = std::min(seconds(work_.how.timeout / 10), seconds(1));
  for (;;) {
    co_await rm::sleep_for(pause);
    const rm::time_point now = rm::loop::current().now();
    for (connection& one : connections_) one.give_up_if_late(now);
  }
}

}  // namespace http_load
