// Child processes and signals on simulated hosts.
#include <doctest/doctest.h>
#include <signal.h>

#include <cctype>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <ringmill/io/sim/kernel.hpp>
#include <ringmill/io/sim/search.hpp>
#include <ringmill/io/sim/world.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/kernels.hpp"
#include "seeds.hpp"

namespace rm = ringmill;
namespace sim = ringmill::sim;
using namespace std::chrono_literals;
using namespace sim_tests;

namespace {

// The programs that Linux has, as far as these tests ask for them.

int cat(sim::child_process& self) {
  for (std::string text; !(text = self.read()).empty();) self.write(text);
  return 0;
}

int sleep_seconds(sim::child_process& self) {
  self.sleep(std::chrono::seconds(std::stoi(self.arguments().at(1))));
  return 0;
}

/// The few scripts of the tests.
int shell(sim::child_process& self) {
  const std::string& script = self.arguments().at(2);
  if (script == "exit 7") return 7;
  if (script == "kill -9 $$") self.die_of(SIGKILL);
  if (script == "echo out; echo err >&2") {
    self.write("out\n");
    self.write_error("err\n");
    return 0;
  }
  if (script == "trap '' TERM; echo ready; sleep 100 & wait") {
    self.ignore_signal(SIGTERM);
    self.write("ready\n");
    self.sleep(100s);
    return 0;
  }
  return 127;
}

std::vector<std::pair<std::string, sim::child_program>> linux_programs() {
  return {{"cat", &cat}, {"sleep", &sleep_seconds}, {"sh", &shell}};
}

/// `body()` on Linux, and on simulated kernels that have the same programs.
template <class Body>
void on_both(Body body) {
  support::on_each_kernel(body);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    rm::run_on(sim::make_kernel(seed, sim::options(), linux_programs()), body());
  }
}

rm::process_options script(const std::string& text) { return rm::process_options("sh").arguments({"-c", text}); }

rm::task<std::string> all_of(rm::pipe_reader& from) {
  std::string text;
  std::array<std::byte, 100> buffer;
  while (const std::size_t n = co_await from.read_some(buffer)) {
    text.append(reinterpret_cast<const char*>(buffer.data()), n);
  }
  co_return text;
}

}  // namespace

TEST_CASE("a child reads what it is given and writes it back, and ends when its input does") {
  on_both([]() -> rm::task<> {
    rm::process child = rm::process::spawn(
        rm::process_options("cat").standard_input(rm::redirection::pipe()).standard_output(rm::redirection::pipe()));
    co_await child.standard_input().write_all("one\ntwo\n");
    child.standard_input().close();
    const std::string text = co_await all_of(child.standard_output());
    CHECK(text == "one\ntwo\n");
    const rm::exit_status status = co_await child.wait();
    CHECK(status == rm::exit_status::exited(0));
  });
}

TEST_CASE("a child's code, its death, and its two outputs are told apart") {
  on_both([]() -> rm::task<> {
    rm::process seven = rm::process::spawn(script("exit 7"));
    const rm::exit_status first = co_await seven.wait();
    CHECK(first.to_string() == "exited with 7");
    rm::process killed = rm::process::spawn(script("kill -9 $$"));
    const rm::exit_status second = co_await killed.wait();
    CHECK(second.to_string() == "killed by SIGKILL");
    rm::process both = rm::process::spawn(script("echo out; echo err >&2")
                                              .standard_output(rm::redirection::pipe())
                                              .standard_error(rm::redirection::pipe()));
    const std::string out = co_await all_of(both.standard_output());
    const std::string error = co_await all_of(both.standard_error());
    CHECK(out == "out\n");
    CHECK(error == "err\n");
    co_await both.wait();
    CHECK_THROWS_WITH_AS(rm::process::spawn(rm::process_options("no-such-program")),
                         "spawn no-such-program: No such file or directory", std::system_error);
  });
}

TEST_CASE("a child is ended: by SIGTERM, by SIGKILL where that is ignored, and by the end of its handle") {
  on_both([]() -> rm::task<> {
    rm::process polite = rm::process::spawn(rm::process_options("sleep").argument("1000"));
    const rm::exit_status first = co_await polite.terminate(10s);
    CHECK(first.signal() == SIGTERM);
    rm::process deaf = rm::process::spawn(
        script("trap '' TERM; echo ready; sleep 100 & wait").standard_output(rm::redirection::pipe()).new_group());
    std::array<std::byte, 10> buffer;
    co_await deaf.standard_output().read_some(buffer);
    const rm::exit_status second = co_await deaf.terminate(10ms);
    CHECK(second.signal() == SIGKILL);
    const rm::process forgotten = rm::process::spawn(rm::process_options("sleep").argument("1000").new_group());
    rm::process waited_for = rm::process::spawn(rm::process_options("sleep").argument("1000"));
    const std::optional<rm::exit_status> none = co_await rm::move_on_after(1ms, waited_for.wait());
    CHECK(!none);
  });
}

TEST_CASE("a signal reaches who watches it, and ends a program where nobody does") {
  sim::run(1, sim::options(), [](sim::world& world) {
    sim::host& watching = world.host("watching");
    watching.start([&watching]() -> rm::task<> {
      rm::signal_set signals({SIGHUP, SIGUSR1});
      watching.signal(SIGUSR1);
      watching.signal(SIGHUP);
      watching.signal(SIGCHLD);
      const int first = co_await signals.next();
      const int second = co_await signals.next();
      CHECK(first == SIGHUP);
      CHECK(second == SIGUSR1);
    });
    sim::host& careless = world.host("careless");
    careless.start([]() -> rm::task<> { co_await rm::sleep_for(1h); });
    world.host("other").start([&careless, &world]() -> rm::task<> {
      co_await rm::sleep_for(1s);
      careless.signal(SIGTERM);
      co_await rm::sleep_for(1s);
      CHECK(!careless.is_up());
      CHECK(world.age() < 3s);
    });
  });
}

TEST_CASE("the children of a host die with it") {
  int rounds = 0;
  sim::run(1, sim::options(), [&rounds](sim::world& world) {
    world.program("forever", [&rounds](sim::child_process& self) -> int {
      for (;; ++rounds) self.sleep(1ms);
    });
    sim::host& doomed = world.host("doomed");
    doomed.start_background([]() -> rm::task<> {
      rm::process child = rm::process::spawn(rm::process_options("forever"));
      co_await child.wait();
    });
    world.host("other").start([&doomed, &rounds]() -> rm::task<> {
      co_await rm::sleep_for(1s);
      const int before = rounds;
      CHECK(before > 500);
      doomed.crash();
      co_await rm::sleep_for(1s);
      CHECK(rounds <= before + 1);
    });
  });
}

namespace {

/// A supervisor: a worker by lines that may die, hang or be deaf at any moment, and is started again until it has given
/// its answer.
rm::task<std::string> ask_a_child(const std::string& question) {
  rm::process child = rm::process::spawn(
      rm::process_options("upper").standard_input(rm::redirection::pipe()).standard_output(rm::redirection::pipe()));
  std::string answer;
  const auto talk = [&]() -> rm::task<> {
    co_await child.standard_input().write_all(question);
    child.standard_input().close();
    answer = co_await all_of(child.standard_output());
  };
  bool has_ended = false;
  try {
    has_ended = co_await rm::move_on_after(2s, talk());
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::broken_pipe) throw;
  }
  const rm::exit_status status = co_await child.terminate(100ms);
  if (has_ended && status.is_success()) co_return answer;
  co_return std::string();
}

void supervised_children(sim::world& world) {
  world.program("upper", [](sim::child_process& self) {
    while (std::optional<std::string> line = self.read_line()) {
      for (char& each : *line) each = static_cast<char>(std::toupper(static_cast<unsigned char>(each)));
      self.write(*line + "\n");
      self.sleep(1ms);
    }
    return 0;
  });
  sim::host& one = world.host("one");
  one.start([&one]() -> rm::task<> {
    const int before = one.descriptors();
    for (int count = 0; count < 10; ++count) {
      std::string answer;
      while (answer.empty()) {
        try {
          answer = co_await ask_a_child("first\nsecond\n");
        } catch (const std::system_error& error) {
          if (error.code() != std::errc::resource_unavailable_try_again) throw;
        }
        if (answer.empty()) co_await rm::sleep_for(10ms);
      }
      if (answer != "FIRST\nSECOND\n") throw std::logic_error("another answer");
    }
    if (one.descriptors() != before) throw std::logic_error("descriptors are left open");
  });
}

}  // namespace

TEST_CASE("a program that supervises children has its answers in the end, whatever they do") {
  check_seeds("supervised children", 300, &liveness, &supervised_children);
}

TEST_CASE("the same seed is the same run of children") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::uint64_t first = sim::run(seed, liveness(seed), &supervised_children).hash;
    CHECK(first == sim::run(seed, liveness(seed), &supervised_children).hash);
  }
}
