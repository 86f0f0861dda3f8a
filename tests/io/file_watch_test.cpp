#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <ringmill/ringmill.hpp>

#include "../support/kernels.hpp"
#include "../support/scratch.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using rm::file_change;
using support::make_file;
using support::on_each_kernel;
using support::on_each_kernel_and_simulated;
using support::scratch;

namespace {

const auto for_rewriting = rm::file_options::write_only().create().truncate();

rm::task<> write_file(std::string path, std::string text) {
  rm::file to = co_await rm::file::open(std::move(path), for_rewriting);
  co_await to.write_all(text);
}

}  // namespace

TEST_CASE("what happens in a directory is told by name, and in its order") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    auto watch = rm::file_watch::create();
    const int number =
        watch.add(here.path(), file_change::created | file_change::closed_after_write | file_change::moved_from |
                                   file_change::moved_to | file_change::removed);
    co_await write_file(here.path() + "/a", "text");
    co_await rm::rename(here.path() + "/a", here.path() + "/b");
    co_await rm::remove_file(here.path() + "/b");
    co_await rm::create_directory(here.path() + "/d");
    const auto expect = [&](std::string name, file_change change) -> rm::task<std::uint32_t> {
      const rm::file_event event = co_await rm::with_timeout(5s, watch.next());
      CHECK(event.watch() == number);
      CHECK(event.path() == here.path());
      CHECK(event.name() == name);
      CHECK(event.full_path() == here.path() + "/" + name);
      CHECK(event.has(change));
      CHECK(event.is_directory() == (name == "d"));
      co_return event.cookie();
    };
    co_await expect("a", file_change::created);
    co_await expect("a", file_change::closed_after_write);
    const std::uint32_t from = co_await expect("a", file_change::moved_from);
    const std::uint32_t to = co_await expect("b", file_change::moved_to);
    CHECK(from == to);
    CHECK(from != 0);
    co_await expect("b", file_change::removed);
    co_await expect("d", file_change::created);
  });
}

TEST_CASE("next waits for what happens later") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    co_await write_file(here.path() + "/file", "");
    auto watch = rm::file_watch::create();
    watch.add(here.path() + "/file", file_change::modified);
    const auto change = [&]() -> rm::task<> {
      co_await rm::sleep_for(2ms);
      co_await write_file(here.path() + "/file", "more");
    };
    const auto wait = [&]() -> rm::task<rm::file_event> {
      rm::file_event event = co_await watch.next();
      co_return event;
    };
    const auto results = co_await rm::with_timeout(5s, rm::when_all(wait(), change()));
    CHECK(std::get<0>(results).has(file_change::modified));
    CHECK(std::get<0>(results).name().empty());
    CHECK(std::get<0>(results).full_path() == here.path() + "/file");
  });
}

TEST_CASE("a watch ends when it is removed, and when its file is") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    co_await write_file(here.path() + "/one", "");
    co_await write_file(here.path() + "/two", "");
    auto watch = rm::file_watch::create();
    const int one = watch.add(here.path() + "/one", file_change::modified);
    const int two = watch.add(here.path() + "/two", file_change::self_removed);
    watch.remove(one);
    rm::file_event event = co_await rm::with_timeout(5s, watch.next());
    CHECK(event.watch() == one);
    CHECK(event.changes() == file_change::watch_ended);
    CHECK(event.path() == here.path() + "/one");
    co_await rm::remove_file(here.path() + "/two");
    event = co_await rm::with_timeout(5s, watch.next());
    CHECK(event.has(file_change::self_removed));
    event = co_await rm::with_timeout(5s, watch.next());
    CHECK(event.watch() == two);
    CHECK(event.has(file_change::watch_ended));
    CHECK_THROWS_AS(watch.remove(one), std::system_error);
    CHECK_THROWS_AS(watch.remove(two), std::system_error);
  });
}

TEST_CASE("a file that is watched twice has one watch") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    co_await write_file(here.path() + "/file", "");
    co_await rm::create_hard_link(here.path() + "/file", here.path() + "/link");
    auto watch = rm::file_watch::create();
    const int first = watch.add(here.path() + "/file", file_change::modified);
    const int second = watch.add(here.path() + "/link", file_change::attributes);
    CHECK(first == second);
    co_await write_file(here.path() + "/file", "not told any more");
    co_await rm::create_hard_link(here.path() + "/file", here.path() + "/third");
    const rm::file_event event = co_await rm::with_timeout(5s, watch.next());
    CHECK(event.has(file_change::attributes));
    CHECK(event.path() == here.path() + "/link");
  });
}

TEST_CASE("too many events are an event") {
  std::size_t most = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> most;
  if (most == 0 || most > 100000) {
    MESSAGE("skipped: fs.inotify.max_queued_events is ", most);
    return;
  }
  on_each_kernel([most]() -> rm::task<> {
    const scratch here;
    auto watch = rm::file_watch::create();
    watch.add(here.path(), file_change::created | file_change::removed);
    for (std::size_t i = 0; i <= most / 2; ++i) {
      make_file(here / "file", "");
      std::filesystem::remove(here / "file");
    }
    std::size_t events = 0;
    for (;;) {
      const rm::file_event event = co_await rm::with_timeout(20s, watch.next());
      if (event.has(file_change::overflow)) {
        CHECK(event.watch() == -1);
        CHECK(event.full_path().empty());
        break;
      }
      ++events;
    }
    CHECK(events == most);
  });
}

TEST_CASE("a next that is cancelled loses no event") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    auto watch = rm::file_watch::create();
    watch.add(here.path(), file_change::created);
    int got = 0;
    for (int i = 0; i < 50; ++i) {
      co_await write_file(here.path() + "/" + std::to_string(i), "");
      rm::nursery all;
      co_await all.run([&]() -> rm::task<> {
        all.start([&]() -> rm::task<> {
          for (;;) {
            const rm::file_event event = co_await watch.next();
            CHECK(event.name() == std::to_string(got));
            ++got;
          }
        });
        for (int turn = 0; turn < i % 5; ++turn) co_await rm::yield();
        all.cancel();
      });
    }
    while (got < 50) {
      const rm::file_event event = co_await rm::with_timeout(5s, watch.next());
      CHECK(event.name() == std::to_string(got));
      ++got;
    }
    CHECK_THROWS_AS(co_await rm::with_timeout(2ms, watch.next()), rm::timeout_error);
  });
}

TEST_CASE("a second task that awaits next is refused") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto watch = rm::file_watch::create();
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start([&]() -> rm::task<> { co_await watch.next(); });
      co_await rm::sleep_for(1ms);
      CHECK_THROWS_AS(co_await watch.next(), std::logic_error);
      all.cancel();
    });
  });
}

TEST_CASE("a watch that dies while next is awaited tells the waiter") {
  const int before = support::open_descriptors();
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto watch = std::optional(rm::file_watch::create());
    std::error_code code;
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start([&]() -> rm::task<> {
        try {
          co_await watch->next();
        } catch (const std::system_error& error) {
          code = error.code();
        }
      });
      co_await rm::sleep_for(1ms);
      watch.reset();
    });
    CHECK(code == std::errc::operation_canceled);
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("what cannot be watched is an error that names it") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    const std::string missing = here.path() + "/missing";
    auto watch = rm::file_watch::create();
    try {
      watch.add(missing, file_change::modified);
      FAIL("watches what is not there");
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::no_such_file_or_directory);
      support::contains(error.what(), "watch " + missing);
    }
    CHECK_THROWS_AS(watch.add(here.path(), rm::file_changes(0)), std::system_error);
    CHECK_THROWS_AS(watch.remove(1), std::system_error);
    CHECK_THROWS_AS(watch.add(std::string("a\0b", 3), file_change::modified), std::invalid_argument);
  });
}

TEST_CASE("next waits for what the descriptor that a watch's handle was given watches already") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    auto made = rm::file_watch::create();
    made.add(here.path(), file_change::created);
    rm::file_watch watch;
    watch.handle() = std::move(made.handle());
    const std::optional<rm::file_event> none = co_await rm::move_on_after(1ms, watch.next());
    CHECK_FALSE(none);
    co_await write_file(here.path() + "/file", "");
    const rm::file_event event = co_await rm::with_timeout(5s, watch.next());
    CHECK(event.name() == "file");
    CHECK(event.path().empty());
  });
}

TEST_CASE("a watch whose handle was given a descriptor is one of that") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    rm::file_watch watch;
    watch.handle() = rm::fd(rm::file_watch::create().handle().release());
    watch.add(here.path(), file_change::created);
    co_await write_file(here.path() + "/file", "");
    const rm::file_event event = co_await rm::with_timeout(5s, watch.next());
    CHECK(event.full_path() == here.path() + "/file");
  });
}
