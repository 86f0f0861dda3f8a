// The key-value store of examples/kv_store in simulated worlds: whatever the network does, to its clients a counter
// looks as if there was one of it, in one place, asked by one after the other.
#include <doctest/doctest.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <ringmill/io/sim/search.hpp>
#include <ringmill/io/sim/world.hpp>

#include "../support/text.hpp"
#include "kv_store/client.hpp"
#include "kv_store/server.hpp"

namespace rm = ringmill;
namespace sim = ringmill::sim;
using namespace std::chrono_literals;
using support::contains;

namespace {

constexpr std::uint16_t port = 7100;

/// What a client has asked of the counter, and seen.
struct request {
  request(bool adds, rm::duration now) noexcept : is_add(adds), begin(now) {}
  bool is_add;
  rm::duration begin;
  rm::duration end = rm::duration::max();
  std::optional<std::int64_t> value;  // nothing: it has given up, and does not know
};

/// Is there an order of all requests, one after the other, that explains what each has seen, and in which none comes
/// before one that had ended when it began? Each addition of 1 has a place in it: its value.
void check_is_linearizable(const std::vector<request>& all) {
  std::set<std::int64_t> sums;
  std::int64_t begun = 0;
  for (const request& each : all) begun += each.is_add;
  for (const request& each : all) {
    if (!each.value) continue;
    if (*each.value > begun) throw std::logic_error("something was added twice");
    if (each.is_add && !sums.insert(*each.value).second) throw std::logic_error("two additions have the same sum");
    for (const request& later : all) {
      if (!later.value || each.end >= later.begin) continue;
      if (*later.value < *each.value + later.is_add) throw std::logic_error("an addition was lost");
    }
  }
}

/// What the hosts of one world share, of which ringmill knows nothing.
struct history {
  std::vector<request> requests;
  int clients = 3;
};

rm::task<> run_server(bool knows_repetitions) {
  auto listener = rm::tcp_listener::bind("0.0.0.0", port);
  kv::store data(knows_repetitions);
  co_await kv::serve(listener, data);
}

/// Asks once, and writes down what came of it.
rm::task<> ask(sim::world& world, kv::client& store, bool is_add, history& all) {
  const std::size_t index = all.requests.size();
  all.requests.emplace_back(is_add, world.age());
  try {
    std::int64_t value = 0;
    if (is_add) {
      value = co_await store.add("hits", 1);
    } else {
      const std::optional<std::string> text = co_await store.get("hits");
      value = text ? std::stoll(*text) : 0;
    }
    all.requests[index].value = value;
    all.requests[index].end = world.age();
  } catch (const std::exception&) {  // all tries have failed
  }
}

rm::task<> run_client(sim::world& world, rm::address server, std::shared_ptr<history> all) {
  const bool is_patient = world.random().chance(500);
  kv::client store(server, is_patient ? 1000 : 3);
  for (int i = 0; i < 8; ++i) {
    co_await rm::sleep_for(std::chrono::milliseconds(world.random().below(1000)));
    co_await ask(world, store, world.random().chance(700), *all);
  }
  if (--all->clients > 0) co_return;
  kv::client last(server, 1000);
  co_await ask(world, last, false, *all);
  check_is_linearizable(all->requests);
}

/// Three clients that count, and somebody who cuts one off now and then.
std::function<void(sim::world&)> counting(bool knows_repetitions) {
  return [knows_repetitions](sim::world& world) {
    sim::host& server = world.host("server");
    server.start_background(run_server, knows_repetitions);
    const auto all = std::make_shared<history>();
    std::vector<sim::host*> clients;
    for (int number = 0; number < all->clients; ++number) {
      clients.push_back(&world.host("client " + std::to_string(number)));
      clients.back()->start(run_client, std::ref(world), server.at(port), all);
    }
    world.host("attacker").start([&world, &server, clients]() -> rm::task<> {
      for (int round = 0; round < 5; ++round) {
        co_await rm::sleep_for(std::chrono::milliseconds(world.random().below(1000)));
        sim::host& victim = *clients[world.random().below(clients.size())];
        world.partition(server, victim);
        co_await rm::sleep_for(std::chrono::milliseconds(world.random().below(3000)));
        world.heal(server, victim);
      }
    });
  };
}

/// Anything may go wrong for twenty seconds; then all clients have to come to their end.
sim::options rough(std::uint64_t seed) {
  return sim::options::swarm(seed).faults_until(20s).time_limit(10min).fault(
      sim::fault::no_descriptor, 0);  // without a listener there is no server
}

}  // namespace

TEST_CASE("a store answers a request that is repeated as it did, and does it once") {
  kv::store data;
  CHECK(data.answer("a 1 get hits") == "none");
  CHECK(data.answer("a 2 add hits 3") == "3");
  CHECK(data.answer("a 2 add hits 3") == "3");
  CHECK(data.answer("b 1 set hits 7") == "ok");
  CHECK(data.answer("a 2 add hits 3") == "3");
  CHECK(data.answer("a 3 get hits") == "7");
  contains(data.answer("a 2 add hits 3"), "error");
  contains(data.answer("a 4 drop hits"), "error");
  contains(data.answer("hello"), "error");
}

TEST_CASE("a store serves on a real port") {
  const auto program = []() -> rm::task<> {
    auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
    kv::store data;
    rm::nursery server;
    co_await server.run([&]() -> rm::task<> {
      server.start(kv::serve, std::ref(listener), std::ref(data));
      kv::client one(listener.local());
      kv::client other(listener.local());
      co_await one.set("hits", "40");
      const std::int64_t sum = co_await other.add("hits", 2);
      CHECK(sum == 42);
      const std::optional<std::string> hits = co_await one.get("hits");
      CHECK(hits == "42");
      const std::optional<std::string> nothing = co_await one.get("misses");
      CHECK_FALSE(nothing);
      server.cancel();
    });
  };
  rm::run(program());
}

TEST_CASE("no addition is lost and none is done twice, whatever the network does") {
  const sim::sweep_report found = sim::sweep(1, 300, rough, counting(true));
  CHECK_MESSAGE(found.has_passed(), found.text);
}

TEST_CASE("a store that does not know repetitions is found out, and its failure made small and repeated") {
  const std::function<void(sim::world&)> has_bug = counting(false);
  const sim::sweep_report found = sim::sweep(1, 100, rough, has_bug);
  REQUIRE_FALSE(found.has_passed());
  const std::uint64_t seed = *found.failed_seed;
  MESSAGE("found by seed " << seed << ": " << found.text.substr(0, found.text.find('\n')));

  // As its text says: that seed alone.
  const std::string line = "RINGMILL_SIM_SEED=" + std::to_string(seed);
  contains(found.text, line);
  setenv("RINGMILL_SIM_SEED", std::to_string(seed).c_str(), 1);
  const sim::sweep_report again = sim::sweep(1, 100, rough, has_bug);
  unsetenv("RINGMILL_SIM_SEED");
  CHECK(again.runs == 1);
  CHECK(again.failed_seed == seed);

  const sim::shrunk_failure smaller = sim::shrink(seed, rough(seed), has_bug);
  CHECK(smaller.faults.size() <= 3);
  MESSAGE(smaller.faults.size() << " faults are enough");
  CHECK_THROWS_AS(sim::run(seed, smaller.how, has_bug), sim::failure);
}
