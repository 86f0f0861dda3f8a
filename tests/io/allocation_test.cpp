// Memory runs out: each allocation of a small server and its client fails in turn, alone and with all that follow. A
// program of its own, since it replaces operator new.
#include <doctest/doctest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory_resource>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include <ringmill/ringmill.hpp>
#include <ringmill/runtime/frame_memory.hpp>
#include <ringmill/runtime/log.hpp>
#include <ringmill/runtime/testing.hpp>

#include "../support/kernels.hpp"
#include "../support/scratch.hpp"

namespace {

/// Which allocation of a run fails, counted from 1; 0: none.
long failing = 0;
bool fails_from_then_on = false;
bool is_running = false;  ///< only then one may fail
long made = 0;            ///< while it runs
long alive = 0;

void* take(std::size_t size, std::size_t alignment) {
  if (is_running) {
    ++made;
    if (failing != 0 && (made == failing || (fails_from_then_on && made > failing))) throw std::bad_alloc();
  }
  const std::size_t rounded = alignment == 0 ? size : (size + alignment - 1) / alignment * alignment;
  void* const memory = alignment == 0 ? std::malloc(size) : std::aligned_alloc(alignment, rounded);
  if (!memory) throw std::bad_alloc();
  ++alive;
  return memory;
}

void give_back(void* memory) noexcept {
  if (memory) --alive;
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return take(size, 0); }
void* operator new[](std::size_t size) { return take(size, 0); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return take(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return take(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }

namespace {

namespace rm = ringmill;
using namespace std::chrono_literals;

/// Frames one by one, which would else come from blocks that are kept.
class single_allocations final : public std::pmr::memory_resource {
  void* do_allocate(std::size_t size, std::size_t) override { return take(size, 0); }
  void do_deallocate(void* memory, std::size_t, std::size_t) override { give_back(memory); }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

rm::task<> echo(rm::tcp_stream peer) {
  std::array<std::byte, 64> buffer;
  while (const std::size_t n = co_await peer.read_some(buffer)) co_await peer.write_all(std::span(buffer).first(n));
}

rm::task<> ask(const rm::address& server) {
  rm::tcp_stream stream = co_await rm::tcp_stream::connect(server);
  std::array<std::byte, 64> buffer{};
  co_await stream.write_all(buffer);
  co_await stream.read_some(buffer);
}

rm::task<> serve_and_ask() {
  auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
  const rm::address where = listener.local();
  rm::nursery server;
  const auto body = [&]() -> rm::task<> {
    const auto accept_all = [&]() -> rm::task<> {
      for (;;) server.start(echo, co_await listener.accept());
    };
    server.start(accept_all);
    for (int i = 0; i < 3; ++i) co_await rm::with_timeout(5s, ask(where));
    server.cancel();
  };
  co_await server.run(body);
}

enum class end { well, without_memory, otherwise };

/// Runs `body()` once, on a thread of its own: what a thread keeps, such as the traces of its last errors, goes with
/// it. Frames are allocated one by one.
template <class Body>
end run_once(Body body) {
  end how = end::well;
  std::thread([&] {
    made = 0;
    single_allocations frames;
    rm::set_frame_memory(&frames);
    is_running = true;
    try {
      body();
    } catch (const std::bad_alloc&) {
      how = end::without_memory;
    } catch (const std::exception& error) {
      is_running = false;
      std::printf("allocation %ld: %s\n", failing, error.what());
      how = end::otherwise;
    }
    is_running = false;
    CHECK(rm::current_frame_statistics().live == 0);
    rm::set_frame_memory(nullptr);
  }).join();
  return how;
}

}  // namespace

TEST_CASE("whichever allocation fails, the program ends with std::bad_alloc and leaves nothing behind") {
  std::set_terminate([] {
    is_running = false;
    std::printf("allocation %ld failed%s, and std::terminate was called\n", failing,
                fails_from_then_on ? ", and all after it" : "");
    std::fflush(stdout);
    std::abort();
  });
  rm::set_log_hook([](rm::log_level, std::string_view) noexcept {});  // further errors of the nursery, as expected
  for (const auto& factory : support::all_kernels()) {
    failing = 0;
    const auto once = [&] { rm::run_on(factory.make(), serve_and_ask()); };
    for (int i = 0; i < 3; ++i) REQUIRE(run_once(once) == end::well);  // what the process keeps is there now
    const long all = made;
    std::printf("figure: %ld allocations, each of which fails in turn\n", all);
    const int descriptors_before = support::open_descriptors();
    for (const bool from_then_on : {false, true}) {
      fails_from_then_on = from_then_on;
      for (long number = 1; number <= all; ++number) {
        const long alive_before = alive;
        failing = number;
        const end how = run_once(once);
        const long left = alive - alive_before;
        CAPTURE(number);
        CAPTURE(from_then_on);
        CHECK(how != end::otherwise);
        CHECK(left == 0);
        CHECK(support::open_descriptors() == descriptors_before);
      }
    }
  }
  rm::set_log_hook(nullptr);
}

namespace {

rm::task<int> fail_soon() {
  co_await rm::sleep_for(1ms);
  throw std::runtime_error("on purpose");
}

/// Errors that nobody takes, of each that has a word to say about such.
rm::task<> lose_errors() {
  const auto take_none = [](rm::completions<int>& all) -> rm::task<> {
    all.start(fail_soon);
    all.start(fail_soon);
    co_await rm::sleep_for(1s);
  };
  co_await rm::as_completed<int>(take_none);
  try {
    co_await rm::when_all(fail_soon(), fail_soon());
  } catch (const std::runtime_error&) {
  }
  try {
    static_cast<void>(co_await rm::when_any_success(fail_soon(), fail_soon()));
  } catch (const rm::exception_group&) {
  }
  rm::nursery group;
  const auto both = [&]() -> rm::task<> {
    group.start([]() -> rm::task<> { co_await fail_soon(); });
    group.start([]() -> rm::task<> { co_await fail_soon(); });
    co_return;
  };
  try {
    co_await group.run(both);
  } catch (const std::runtime_error&) {
  }
}

rm::task<> wait_for_nothing() {
  rm::event never;
  rm::nursery group;
  const auto body = [&]() -> rm::task<> {
    group.start([&]() -> rm::task<> { co_await never.wait(); });
    co_await never.wait();
  };
  co_await group.run(body);
}

void report_a_deadlock() {
  try {
    rm::testing::run(wait_for_nothing());
  } catch (const rm::deadlock_error&) {
  }
}

/// Each allocation of `body()` fails in turn, alone and with all that follow.
void fail_each_of(void (*body)()) {
  failing = 0;
  for (int i = 0; i < 3; ++i) REQUIRE(run_once(body) == end::well);
  const long all = made;
  for (const bool from_then_on : {false, true}) {
    fails_from_then_on = from_then_on;
    for (long number = 1; number <= all; ++number) {
      const long alive_before = alive;
      failing = number;
      const end how = run_once(body);
      CAPTURE(number);
      CAPTURE(from_then_on);
      CHECK(how != end::otherwise);
      CHECK(alive == alive_before);
    }
  }
}

}  // namespace

TEST_CASE("errors that nobody takes, and no memory to say so, are the end of no program") {
  rm::set_log_hook([](rm::log_level, std::string_view) noexcept {});
  fail_each_of([] { rm::testing::run(lose_errors()); });
  rm::set_log_hook(nullptr);
}

TEST_CASE("a deadlock that there is no memory to describe ends its tasks all the same") {
  rm::set_log_hook([](rm::log_level, std::string_view) noexcept {});
  fail_each_of(&report_a_deadlock);
  rm::set_log_hook(nullptr);
}

TEST_CASE("a strict ring that cannot be made for lack of memory leaves nothing behind") {
  for (const auto& factory : support::all_kernels()) {
    fails_from_then_on = false;
    const rm::ring_options strict = rm::ring_options().strict();
    const int descriptors_before = support::open_descriptors();
    bool was_made = false;
    for (long number = 1; !was_made; ++number) {
      made = 0;
      failing = number;
      is_running = true;
      try {
        factory.make(strict);
        was_made = made < number;
      } catch (const std::bad_alloc&) {
      }
      is_running = false;
      CAPTURE(number);
      CHECK(support::open_descriptors() == descriptors_before);
    }
  }
}

TEST_CASE("a file that cannot be watched for lack of memory is not watched by the kernel") {
  const support::scratch here;
  bool is_watched = false;
  for (long number = 1; !is_watched; ++number) {
    auto watch = rm::file_watch::create();
    const std::string path = here.path();
    made = 0;
    failing = number;
    is_running = true;
    try {
      watch.add(path, rm::file_change::created);
      is_watched = true;
    } catch (const std::bad_alloc&) {
    }
    is_running = false;
    CAPTURE(number);
    // What the kernel says of an inotify descriptor has a line "inotify wd:1 ino:..." for each watch.
    const std::string says = support::contents_of("/proc/self/fdinfo/" + std::to_string(watch.native_handle()));
    CHECK((says.find("inotify wd:") != std::string::npos) == is_watched);
  }
}

TEST_CASE("a temporary directory that cannot be removed for lack of memory is left and logged") {
  const support::scratch here;
  static int said = 0;
  rm::set_log_hook([](rm::log_level, std::string_view) noexcept { ++said; });
  const auto make = [&]() -> rm::task<rm::temporary_directory> {
    rm::temporary_directory directory = co_await rm::temporary_directory::create("work-", here.path());
    support::make_file(directory.path() + "/file", "");
    co_return directory;
  };
  bool is_removed = false;
  for (long number = 1; !is_removed; ++number) {
    CAPTURE(number);
    std::string path;
    said = 0;
    {
      const rm::temporary_directory directory = rm::run(make());
      path = directory.path();
      made = 0;
      failing = number;
      is_running = true;
    }
    is_running = false;
    is_removed = !std::filesystem::exists(path);
    CHECK(said == (is_removed ? 0 : 1));
  }
  rm::set_log_hook(nullptr);
}
