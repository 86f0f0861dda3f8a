// A whole load: its connections, the warm-up, the measurement, the end.
#pragma once

#include <deque>

#include <ringmill/ringmill.hpp>

#include "http_load/connection.hpp"
#include "http_load/measurement.hpp"
#include "http_load/settings.hpp"
#include "http_load/work.hpp"

namespace http_load {

class load {
 public:
  load(const settings& how, measurement& results);

  /// Until the time is over or all requests are answered. Throws if nobody can be connected to. May be cancelled:
  /// then, and only then, there is something left for `finish` to do.
  ringmill::task<> run();
  /// Ends the measurement, and counts what was not answered.
  void finish() noexcept;

 private:
  ringmill::task<> measure();
  ringmill::task<> watch_for_the_late();

  work work_;
  std::deque<connection> connections_;
};

}  // namespace http_load
