// A spool directory: files are put there by a rename, and taken by one who watches it.
#include <doctest/doctest.h>

#include <chrono>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <ringmill/io/sim/world.hpp>
#include <ringmill/ringmill.hpp>

#include "seeds.hpp"

namespace rm = ringmill;
namespace sim = ringmill::sim;
using namespace std::chrono_literals;
using namespace sim_tests;
using rm::file_change;

namespace {

constexpr std::size_t files = 30;
const std::string spool = "/tmp/spool";
const auto for_writing = rm::file_options::write_only().create().truncate();

/// As often as it takes: disks fail, and descriptors run out.
template <class Make>
rm::task<> insist(Make make) {
  for (;;) {
    try {
      auto attempt = make();
      co_await std::move(attempt);
      co_return;
    } catch (const std::system_error&) {
    }
    co_await rm::sleep_for(1ms);
  }
}

rm::task<> fill_spool(sim::world& world) {
  for (std::size_t number = 0; number < files; ++number) {
    const std::string name = std::to_string(number);
    const auto put = [&]() -> rm::task<> {
      rm::file to = co_await rm::file::open("/tmp/new", for_writing);
      co_await to.write_all(name);
      co_await to.close();
      co_await rm::rename("/tmp/new", spool + "/" + name, rm::replacing::no);
    };
    co_await insist(put);
    if (world.random().chance(300)) co_await rm::sleep_for(std::chrono::microseconds(world.random().below(2000)));
  }
}

class spool_reader {
 public:
  explicit spool_reader(bool ignores_losses) : ignores_losses_(ignores_losses) {}

  rm::task<> run() {
    const auto begin = [this]() -> rm::task<> {
      watch_ = rm::file_watch::create();
      watch_.add(spool, file_change::moved_to);
      co_return;
    };
    co_await insist(begin);
    co_await take_all();  // that came before
    while (taken_.size() < files) {
      const rm::file_event event = co_await watch_.next();
      if (!event.has(file_change::overflow)) {
        co_await take(event.name());
      } else if (!ignores_losses_) {
        co_await take_all();
      }
    }
  }

 private:
  rm::task<> take_all() {
    std::set<std::string> names;
    const auto list = [&]() -> rm::task<> {
      rm::directory all = co_await rm::directory::open(spool);
      for (;;) {
        const std::vector<rm::directory_entry> some = all.read_some();
        if (some.empty()) co_return;
        for (const rm::directory_entry& each : some) names.insert(each.name());
      }
    };
    co_await insist(list);
    for (const std::string& name : names) co_await take(name);
  }

  /// Unless it was taken before: what is found by looking is told, too.
  rm::task<> take(std::string name) {
    if (taken_.contains(name)) co_return;
    const auto take_it = [&]() -> rm::task<> {
      const std::string text = co_await rm::read_file(spool + "/" + name);
      if (text != name) throw std::logic_error("a file with other bytes than were written");
      co_await rm::remove_file(spool + "/" + name);
    };
    co_await insist(take_it);
    taken_.insert(name);
  }

  bool ignores_losses_;
  rm::file_watch watch_;
  std::set<std::string> taken_;
};

program spool_of(bool ignores_losses) {
  return [ignores_losses](sim::world& world) {
    world.host("one").start([&world, ignores_losses]() -> rm::task<> {
      const auto make = []() -> rm::task<> { co_await rm::create_directory(spool); };
      co_await insist(make);
      spool_reader reader(ignores_losses);
      rm::nursery both;
      co_await both.run([&]() -> rm::task<> {
        both.start(fill_spool, std::ref(world));
        both.start([&reader]() -> rm::task<> { co_await reader.run(); });
        co_return;
      });
    });
  };
}

}  // namespace

TEST_CASE("who watches a directory, and looks through it when events are lost, has every file in the end") {
  check_seeds("watched directory", 300, liveness, spool_of(false));
}

TEST_CASE("planted: events that are lost are not looked for") { check_found(&spool_of, liveness); }
