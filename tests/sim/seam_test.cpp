#include <doctest/doctest.h>

#include <signal.h>

#include <array>
#include <cstdint>
#include <system_error>

#include <ringmill/io/ring.hpp>
#include <ringmill/io/sim/kernel.hpp>
#include <ringmill/ringmill.hpp>

namespace rm = ringmill;

TEST_CASE("handles ask the simulated kernel, not Linux: a pipe is its own, and what it has not is refused") {
  const auto run = [](std::uint64_t seed) {
    std::uint64_t number = 0;
    const auto body = [&]() -> rm::task<> {
      auto [reader, writer] = rm::make_pipe();
      CHECK(reader.native_handle() >= 1'000'000'000);
      co_await writer.write_all("text");
      std::array<std::byte, 16> buffer;
      const std::size_t got = co_await reader.read_some(buffer);
      CHECK(got > 0);
      number = rm::loop::current().below().random();
      CHECK_THROWS_AS(rm::file_watch::create(), std::system_error);
      CHECK_THROWS_AS(rm::signal_set({SIGHUP}), std::system_error);
      CHECK_THROWS_AS(rm::process::spawn(rm::process_options("true")), std::system_error);
    };
    rm::run_on(rm::sim::make_kernel(seed), body());
    return number;
  };
  CHECK(run(1) == run(1));
  CHECK(run(1) != run(2));
}
