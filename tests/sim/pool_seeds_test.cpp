// A process pool by seeds: the real one, whose workers and zygote die, hang, stutter and lie at any of their steps.
#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include <ringmill/io/sim/search.hpp>
#include <ringmill/io/sim/world.hpp>
#include <ringmill/offload/map.hpp>
#include <ringmill/offload/stream.hpp>
#include <ringmill/ringmill.hpp>

#include "pool_program.hpp"
#include "seeds.hpp"

namespace rm = ringmill;
namespace sim = ringmill::sim;
using namespace std::chrono_literals;
using namespace sim_tests;

namespace {

/// Nothing hangs for ever: what stands still is killed.
rm::call_options limited() { return rm::call_options().run_timeout(300ms); }

/// What readers may do to others, and whether one runs where none may.
class reader_book {
 public:
  /// While this lives a reader runs, or a task's statement in which none may.
  class no_reader_inside {
   public:
    explicit no_reader_inside(reader_book& book) : book_(book) { ++book_.inside_; }
    ~no_reader_inside() { --book_.inside_; }
    no_reader_inside(const no_reader_inside&) = delete;
    no_reader_inside& operator=(const no_reader_inside&) = delete;

   private:
    reader_book& book_;
  };
  bool is_inside() const { return inside_ != 0; }

  /// A call that reads, and those beside it. Known to all clients while it lives.
  class group {
   public:
    explicit group(reader_book& book) : book_(book) { book_.groups_.push_back(this); }
    ~group() { std::erase(book_.groups_, this); }
    group(const group&) = delete;
    group& operator=(const group&) = delete;
    void cancel() {
      const no_reader_inside here(book_);
      calls.cancel();
    }
    rm::nursery calls;

   private:
    reader_book& book_;
  };
  void cancel_any(sim::random_source& random) { groups_[random.below(groups_.size())]->cancel(); }

  /// Its end waits for the kernel.
  void close_other_pool() {
    const no_reader_inside here(*this);
    other_pool.reset();
  }
  std::optional<rm::process_pool> other_pool;

 private:
  int inside_ = 0;
  std::vector<group*> groups_;
};

class client {
 public:
  client(sim::world& world, rm::process_pool& pool, reader_book& readers)
      : world_(world), pool_(pool), readers_(readers) {}

  rm::task<> talk(int calls) {
    for (int count = 0; count < calls; ++count) {
      const std::uint64_t kind = world_.random().below(13);
      auto one = one_call(kind);
      co_await std::move(one);
      if (world_.random().chance(200)) {
        co_await rm::sleep_for(std::chrono::microseconds(world_.random().below(3000)));
      }
    }
  }

 private:
  int below(int limit) { return static_cast<int>(world_.random().below(static_cast<std::uint64_t>(limit))); }

  rm::task<> one_call(std::uint64_t kind) {
    const int id = call_book::current().next_id();
    try {
      switch (kind) {
        case 0:
          co_await call_at_most_once(id);
          break;
        case 1:
          co_await call_and_give_up(id);
          break;
        case 2:
          co_await call_too_slow(id);
          break;
        case 3:
          co_await call_that_throws(id);
          break;
        case 4:
          co_await map_some();
          break;
        case 5:
          co_await read_stream(id);
          break;
        case 6:
          co_await large_result(id);
          break;
        case 7:
          co_await large_argument(id);
          break;
        case 8:
          co_await crash(id);
          break;
        case 9:
          co_await read_in_place(id);
          break;
        default:
          co_await plain_call(id);
          break;
      }
    } catch (const rm::worker_crashed& crash) {
      if (kind != 4 && kind != 5 && !crash.is_quarantined()) call_book::current().blamed(id, crash.pid());
    } catch (const rm::deadline_exceeded&) {
    } catch (const rm::protocol_violation&) {
    } catch (const rm::pool_unavailable&) {
    }
  }

  rm::task<> plain_call(int id) {
    const int answer = co_await pool_.run<&square>(limited(), id, below(200));
    demand(answer == id * id, "a wrong value");
  }

  rm::task<> call_at_most_once(int id) {
    rm::call_options once = limited();
    once.at_most_once();
    std::exception_ptr error;
    try {
      const int answer = co_await pool_.run<&square>(once, id, below(200));
      demand(answer == id * id, "a wrong value");
    } catch (const rm::deadline_exceeded&) {
      error = std::current_exception();
    } catch (const std::runtime_error&) {
      error = std::current_exception();
    }
    demand(call_book::current().times_begun(id) <= 1, "a call that is at most once was begun twice");
    if (error) std::rethrow_exception(error);
  }

  rm::task<> call_and_give_up(int id) {
    rm::call_options how = limited();
    how.cancel_grace(std::chrono::milliseconds(below(5)));
    const std::optional<int> answer =
        co_await rm::move_on_after(std::chrono::microseconds(below(3000)), pool_.run<&patient>(how, id, below(10)));
    demand(!answer || *answer == id, "a wrong value");
  }

  rm::task<> call_too_slow(int id) {
    const int answer = co_await pool_.run<&square>(rm::call_options().run_timeout(2ms), id, 1900 + below(200));
    demand(answer == id * id, "a wrong value");
  }

  rm::task<> call_that_throws(int id) {
    bool has_thrown = false;
    try {
      co_await pool_.run<&throws_always>(limited(), id);
    } catch (const std::out_of_range& error) {
      has_thrown = error.what() == "call " + std::to_string(id);
    }
    demand(has_thrown, "an exception was lost, or is another one");
  }

  rm::task<> map_some() {
    std::vector<std::pair<int, int>> elements;
    for (int count = below(30); count >= 0; --count) elements.emplace_back(call_book::current().next_id(), below(50));
    rm::map_options how;
    how.call(limited());
    const std::vector<int> squares = co_await pool_.map<&square>(elements, how);
    demand(squares.size() == elements.size(), "a map has lost results");
    for (std::size_t index = 0; index < squares.size(); ++index) {
      demand(squares[index] == elements[index].first * elements[index].first, "a wrong value in a map");
    }
  }

  rm::task<> read_stream(int id) {
    const int length = below(60);
    const int wanted = below(2) ? length : below(60);
    auto values = pool_.run_stream<&count_up>(limited(), id, length);
    for (int expected = 0; expected < wanted; ++expected) {
      const std::optional<int> value = co_await values.next();
      if (!value) {
        demand(expected == length, "a stream has ended early");
        co_return;
      }
      demand(*value == expected, "a stream has lost a value");
      if (below(10) == 0) co_await rm::sleep_for(100us);
    }
  }

  rm::task<> large_result(int id) {
    const int size = 1000 + below(20'000);
    const std::string text = co_await pool_.run<&long_text>(limited(), id, size);
    demand(text == std::string(static_cast<std::size_t>(size), static_cast<char>('a' + id % 26)), "a wrong text");
  }

  /// The reader gives, throws, cancels its own group of calls, or one of any client, or closes something. A task does
  /// some of that meanwhile, too.
  rm::task<> read_in_place(int id) {
    const int size = below(20'000);
    const int does = below(6);
    reader_book::group others(readers_);
    int times_read = 0;
    bool went_on = false;
    const auto reader = [&](std::string_view text) {
      demand(!readers_.is_inside(), "a reader was called in the middle of a statement of another task");
      const reader_book::no_reader_inside here(readers_);
      ++times_read;
      const std::string expected(static_cast<std::size_t>(size), static_cast<char>('a' + id % 26));
      demand(text == expected, "a wrong text");
      if (does == 0) throw std::range_error("as agreed");
      if (does == 1) others.cancel();
      if (does == 2) readers_.cancel_any(world_.random());
      if (does == 3) readers_.close_other_pool();
      demand(text == expected, "a text has changed while it was read");
      return text.size();
    };
    co_await others.calls.run([&]() -> rm::task<> {
      if (below(3) == 0) {
        others.calls.start([&]() -> rm::task<> {
          co_await rm::sleep_for(std::chrono::microseconds(below(200)));
          below(2) ? others.cancel() : readers_.close_other_pool();
        });
      }
      for (int count = below(4); count > 0; --count) {
        others.calls.start([&]() -> rm::task<> {
          const int other = call_book::current().next_id();
          auto call = plain_call(other);
          try {
            co_await std::move(call);
          } catch (const rm::worker_crashed& crash) {
            if (!crash.is_quarantined()) call_book::current().blamed(other, crash.pid());
          } catch (const rm::deadline_exceeded&) {
          } catch (const rm::protocol_violation&) {
          } catch (const rm::pool_unavailable&) {
          }
        });
      }
      bool has_thrown = false;
      try {
        const std::size_t seen = co_await pool_.run<&long_text>(limited(), id, size).read_in_place(reader);
        went_on = true;
        demand(seen == static_cast<std::size_t>(size), "what a reader gave is another value");
      } catch (const std::range_error&) {
        went_on = true;
        has_thrown = true;
      }
      demand(!has_thrown || does == 0, "a reader's exception came from nowhere");
    });
    demand(times_read == (went_on ? 1 : 0), "a reader was called twice, or for a call that has no result");
  }

  rm::task<> large_argument(int id) {
    const std::string text(static_cast<std::size_t>(below(20'000)), static_cast<char>('a' + id % 26));
    const std::size_t count = co_await pool_.run<&count_letters>(limited(), id, text);
    demand(count == text.size(), "arguments were changed under way");
  }

  rm::task<> crash(int id) {
    co_await pool_.run<&always_crashes>(limited(), id);
    throw std::logic_error("a call that crashes has given a value");
  }

  sim::world& world_;
  rm::process_pool& pool_;
  reader_book& readers_;
};

rm::task<> make_pool(std::optional<rm::process_pool>& pool, const rm::pool_options& how) {
  while (!pool) {
    try {
      pool.emplace(how);
    } catch (const std::system_error&) {  // no descriptor, no process
    }
    if (!pool) co_await rm::sleep_for(10ms);
  }
}

/// How many calls may fail once nothing goes wrong any more: by each of the workers one, which hangs or is about to
/// die.
constexpr int most_failures_at_the_end = 4;
constexpr int calls_at_the_end = 20;

/// What is asked of a pool that has seen the last fault: it recovers, or has said that it gives up.
rm::task<> demand_recovery(rm::process_pool& pool) {
  int failures = 0;
  for (int done = 0; done < calls_at_the_end;) {
    const int id = call_book::current().next_id();
    try {
      const int answer = co_await pool.run<&square>(limited(), id, 10);
      demand(answer == id * id, "a wrong value");
      ++done;
      continue;
    } catch (const rm::worker_crashed& crash) {
      call_book::current().blamed(id, crash.pid());
    } catch (const rm::deadline_exceeded&) {
    } catch (const rm::protocol_violation&) {
    } catch (const rm::pool_unavailable&) {
      co_return;
    }
    demand(++failures <= most_failures_at_the_end, "a pool has not recovered from faults that are over");
  }
}

rm::task<> use_a_pool(sim::world& world, std::optional<rm::duration> faults_end) {
  const call_book book;
  rm::pool_options how;
  how.workers(1 + world.random().below(3)).warm_spares(world.random().below(2)).start_timeout(1s);
  how.input_capacity(64 * 1024).output_capacity(64 * 1024).on_stderr([](pid_t, std::string_view) {});
  if (world.random().chance(300)) how.recycle_after_tasks(3);
  if (world.random().chance(300)) how.quarantine(rm::duration(0));
  std::optional<rm::process_pool> pool;
  co_await make_pool(pool, how);
  reader_book readers;
  if (world.random().chance(300)) co_await make_pool(readers.other_pool, rm::pool_options().workers(1));
  rm::nursery clients;
  co_await clients.run([&]() -> rm::task<> {
    for (std::uint64_t count = 1 + world.random().below(4); count > 0; --count) {
      clients.start([&]() -> rm::task<> {
        client one(world, *pool, readers);
        auto talk = one.talk(12);
        co_await std::move(talk);
      });
    }
    co_return;
  });
  if (faults_end) {
    if (world.age() < *faults_end) co_await rm::sleep_for(*faults_end - world.age());
    co_await demand_recovery(*pool);
  }
  co_await pool->drain();
  const rm::pool_statistics stats = pool->stats();
  const std::uint64_t ended = std::accumulate(stats.outcomes.begin(), stats.outcomes.end(), std::uint64_t{0});
  demand(stats.queued == 0 && stats.running == 0 && ended == stats.submitted, "outcomes do not add up");
}

/// `faults_end`: after this long, if they do.
program pool_under_attack(std::optional<rm::duration> faults_end = std::nullopt) {
  return [faults_end](sim::world& world) {
    sim::simulate_workers(world);
    sim::host& machine = world.host("one");
    machine.start([&world, &machine, faults_end]() -> rm::task<> {
      auto all = use_a_pool(world, faults_end);
      co_await std::move(all);
      demand(machine.descriptors() == 1, "a pool has left descriptors open");
    });
  };
}

/// About as long as the calls take: in half of the runs faults stop while there are some.
constexpr auto length_of_attack = 150ms;

sim::options attack_that_ends(std::uint64_t seed) { return liveness(seed).faults_until(length_of_attack); }
/// Other runs than those.
sim::options attack_without_end(std::uint64_t seed) { return safety(~seed); }

/// Nothing but calls that must not be begun twice, and processes that die: zygotes, too.
void at_most_once_under_deaths(sim::world& world) {
  sim::simulate_workers(world);
  world.host("one").start([&world]() -> rm::task<> {
    const call_book book;
    std::optional<rm::process_pool> pool;
    co_await make_pool(pool, rm::pool_options().workers(2));
    for (int round = 0; round < 60; ++round) {
      const int id = call_book::current().next_id();
      rm::call_options once;
      once.at_most_once();
      try {
        const int answer = co_await pool->run<&square>(once, id, 0);
        demand(answer == id * id, "a wrong value");
      } catch (const rm::worker_crashed&) {
      } catch (const rm::pool_unavailable&) {
        break;
      }
      demand(call_book::current().times_begun(id) <= 1, "a call that is at most once was begun twice");
      co_await rm::sleep_for(std::chrono::milliseconds(world.random().below(500)));
    }
  });
}

/// Pools that cannot be made: there are no descriptors, or their zygote is gone before it has made all workers.
void pools_in_a_shortage(sim::world& world) {
  sim::simulate_workers(world);
  sim::host& machine = world.host("one");
  machine.start([&machine]() -> rm::task<> {
    for (int count = 0; count < 8; ++count) {
      try {
        const rm::process_pool pool(rm::pool_options().workers(4));
      } catch (const std::system_error&) {
      }
      co_await rm::sleep_for(50ms);  // longer than a pool waits before it tries again to start a worker
      demand(machine.descriptors() == 1, "a pool has left descriptors open");
    }
  });
}

/// Calls that lie behind another one and are cancelled, in workers that stand still: some before they have said that
/// they skip such a call, when they have nothing else.
void cancels_under_hangs(sim::world& world) {
  sim::simulate_workers(world);
  world.host("one").start([&world]() -> rm::task<> {
    const call_book book;
    rm::process_pool pool(rm::pool_options().workers(1));
    const auto call = [&]() -> rm::task<> {
      try {
        co_await pool.run<&square>(limited(), call_book::current().next_id(), 0);
      } catch (const rm::deadline_exceeded&) {
      } catch (const rm::pool_unavailable&) {
      }
    };
    for (int round = 0; round < 40; ++round) {
      rm::nursery first;
      co_await first.run([&]() -> rm::task<> {
        rm::nursery behind;
        first.start(call);
        co_await behind.run([&]() -> rm::task<> {
          for (int count = 0; count < 3; ++count) behind.start(call);
          co_await rm::sleep_for(std::chrono::microseconds(world.random().below(100)));
          behind.cancel();
        });
      });
    }
  });
}
sim::options hangs(std::uint64_t seed) {
  return sim::options().completion_delay(seed % 2 ? 20us : 200us).fault(sim::fault::process_hang, 2);
}

sim::options shortages(std::uint64_t) {
  return sim::options().fault(sim::fault::no_descriptor, 100).fault(sim::fault::process_crash, 50);
}

sim::options deaths(std::uint64_t seed) {
  sim::options how;
  how.completion_delay(seed % 2 ? 20us : 2000us).fault(sim::fault::process_crash, 10);
  return how;
}

}  // namespace

TEST_CASE("a pool recovers when faults stop, and comes to its end") {
  check_seeds("pool under attack", 1000, &attack_that_ends, pool_under_attack(length_of_attack));
}

TEST_CASE("a pool keeps its promises while faults go on for ever") {
  check_seeds("pool, faults for ever", 300, &attack_without_end, pool_under_attack());
}

TEST_CASE("a call that is at most once is begun at most once, whichever process dies") {
  check_seeds("at most once", 300, &deaths, &at_most_once_under_deaths);
}

TEST_CASE("a worker that hangs where it was to skip a call is replaced") {
  check_seeds("pool, cancels and hangs", 300, &hangs, &cancels_under_hangs);
}

TEST_CASE("a pool that could not be made leaves nothing behind") {
  check_seeds("pools in a shortage", 100, &shortages, &pools_in_a_shortage);
}

TEST_CASE("the same seed is the same run of a pool") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    std::array<std::uint64_t, 2> hashes{};
    for (std::uint64_t& hash : hashes) {
      hash = sim::run(seed, attack_that_ends(seed), pool_under_attack(length_of_attack)).hash;
    }
    CHECK(hashes[0] == hashes[1]);
  }
}
