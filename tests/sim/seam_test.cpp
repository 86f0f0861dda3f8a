#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <system_error>

#include <ringmill/io/ring.hpp>
#include <ringmill/io/sim/kernel.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/scratch.hpp"

namespace rm = ringmill;

TEST_CASE("handles ask the simulated kernel, not Linux: they are its own, and what it has not is refused") {
  const support::scratch here;  // which the disk of a simulated kernel has not
  const auto run = [&here](std::uint64_t seed) {
    std::uint64_t number = 0;
    const auto body = [&]() -> rm::task<> {
      auto [reader, writer] = rm::make_pipe();
      CHECK(reader.native_handle() >= 1'000'000'000);
      co_await writer.write_all("text");
      std::array<std::byte, 16> buffer;
      const std::size_t got = co_await reader.read_some(buffer);
      CHECK(got > 0);
      number = rm::loop::current().below().random();
      rm::file_watch watch = rm::file_watch::create();
      CHECK(watch.native_handle() >= 1'000'000'000);
      CHECK_THROWS_AS(watch.add(here.path(), rm::file_change::created), std::system_error);
      CHECK_THROWS_AS(rm::process::spawn(rm::process_options("true")), std::system_error);
    };
    rm::run_on(rm::sim::make_kernel(seed), body());
    return number;
  };
  CHECK(run(1) == run(1));
  CHECK(run(1) != run(2));
}
