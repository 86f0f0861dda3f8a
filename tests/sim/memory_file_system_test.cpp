#include <doctest/doctest.h>

#include <fcntl.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include <ringmill/io/sim/memory_file_system.hpp>

#include "two_file_systems.hpp"

TEST_CASE("random calls get the same answers as from Linux, leave the same files, and are told to those who watch") {
  const int seeds = std::getenv("RINGMILL_LONG") ? 3000 : 50;
  std::size_t succeeded = 0;
  std::size_t events = 0;
  for (int seed = 1; seed <= seeds; ++seed) {
    support::two_file_systems both(static_cast<std::uint64_t>(seed));
    bool is_same = true;
    for (int call = 0; is_same && call < 400; ++call) is_same = both.step();
    is_same = is_same && both.compare_trees();
    CAPTURE(seed);
    REQUIRE_MESSAGE(is_same, both.report());
    succeeded += both.calls_that_succeeded();
    events += both.events_seen();
  }
  CHECK(events > static_cast<std::size_t>(seeds) * 50);
  CHECK(succeeded > static_cast<std::size_t>(seeds) * 100);
}
