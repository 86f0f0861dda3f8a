#include <doctest/doctest.h>

#include <filesystem>
#include <limits>
#include <stdexcept>
#include <string>
#include <system_error>

#include <ringmill/io/run_process.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/children.hpp"
#include "../support/kernels.hpp"
#include "../support/scratch.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::has_no_children;
using support::on_each_kernel;
using support::shell;

TEST_CASE("run_process gives what a failing program said") {
  on_each_kernel([]() -> rm::task<> {
    const rm::finished_process result = co_await rm::run_process(shell("echo no >&2; exit 4"));
    CHECK(result.status.code() == 4);
    CHECK(result.error_output == "no\n");
    CHECK_THROWS_AS(co_await rm::run_process(rm::process_options("no-such-program")), std::system_error);
  });
}

TEST_CASE("run_process does not mind a program that reads only a part of its input") {
  on_each_kernel([]() -> rm::task<> {
    const rm::collect_options how = rm::collect_options().input(std::string(1 << 20, 'x'));
    const rm::finished_process result = co_await rm::run_process(shell("head -c 3"), how);
    CHECK(result.status.is_success());
    CHECK(result.output == "xxx");
  });
}

TEST_CASE("run_process ends a program that says more than it may") {
  on_each_kernel([]() -> rm::task<> {
    const rm::collect_options exactly = rm::collect_options().most_bytes(6);
    const rm::finished_process fits = co_await rm::run_process(shell("echo 12345"), exactly);
    CHECK(fits.output == "12345\n");
    std::string what;
    try {
      co_await rm::run_process(rm::process_options("yes"), exactly);
    } catch (const std::length_error& error) {
      what = error.what();
    }
    CHECK(what == "run_process yes: more than 6 bytes of output");
    const rm::collect_options unlimited = rm::collect_options().most_bytes(std::numeric_limits<std::size_t>::max());
    const rm::finished_process all = co_await rm::run_process(shell("echo all"), unlimited);
    CHECK(all.output == "all\n");
  });
  CHECK(has_no_children());
}

TEST_CASE("cancelling run_process ends the program: SIGTERM, and SIGKILL after the grace") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    const support::scratch folder;
    const std::string note = folder / "note";
    const std::string started = folder / "started";
    const auto has_started = [&]() -> rm::task<> {
      while (!std::filesystem::exists(started)) co_await rm::sleep_for(1ms);
    };
    const auto run_until_started = [&](rm::process_options options, rm::collect_options how) -> rm::task<> {
      rm::nursery all;
      co_await all.run([&]() -> rm::task<> {
        all.start([&]() -> rm::task<> { co_await rm::run_process(options, how); });
        co_await rm::with_timeout(10s, has_started());
        all.cancel();
      });
      std::filesystem::remove(started);
      CHECK(has_no_children());
    };
    // It cleans up when it is asked to end. Its trap is set by then: it says when it has started.
    rm::process_options tidy =
        shell("trap 'echo ended >" + note + "; exit 0' TERM; : >" + started + "; while :; do sleep 0.01; done");
    co_await run_until_started(tidy, rm::collect_options());
    CHECK(std::filesystem::exists(note));
    std::filesystem::remove(note);
    co_await run_until_started(tidy, rm::collect_options().grace(rm::duration::max()));
    CHECK(std::filesystem::exists(note));

    rm::process_options deaf = shell("trap '' TERM; : >" + started + "; exec sleep 1000");
    co_await run_until_started(deaf, rm::collect_options().grace(5ms));
  });
  CHECK(has_no_children());
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a time limit ends what run_process runs") {
  on_each_kernel([]() -> rm::task<> {
    CHECK_THROWS_AS(co_await rm::with_timeout(5ms, rm::run_process(rm::process_options("sleep").argument("1000"))),
                    rm::timeout_error);
  });
  CHECK(has_no_children());
}
