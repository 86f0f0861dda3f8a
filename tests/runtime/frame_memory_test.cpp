#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <fstream>
#include <memory_resource>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include <ringmill/runtime/detail/sanitizers.hpp>
#include <ringmill/runtime/frame_memory.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/when_all.hpp>

#include "../support/run.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;

namespace {

#ifdef RINGMILL_ASAN
constexpr bool pooled = false;  // each frame is an allocation of its own, or a use after free would not be seen
#else
constexpr bool pooled = true;
#endif

rm::task<> give_way() { co_await rm::yield(); }
rm::task<> give_way_often(int times) {
  for (int i = 0; i < times; ++i) co_await give_way();
}

class counting_memory final : public std::pmr::memory_resource {
 public:
  int allocated = 0;
  int freed = 0;
  std::size_t bytes = 0;  ///< not given back yet
  bool is_full = false;

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    if (is_full) throw std::bad_alloc();
    ++allocated;
    bytes += size;
    return std::pmr::new_delete_resource()->allocate(size, alignment);
  }
  void do_deallocate(void* memory, std::size_t size, std::size_t alignment) override {
    ++freed;
    bytes -= size;
    std::pmr::new_delete_resource()->deallocate(memory, size, alignment);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }
};

class own_memory {
 public:
  explicit own_memory(std::pmr::memory_resource& memory) { rm::set_frame_memory(&memory); }
  ~own_memory() { rm::set_frame_memory(nullptr); }
  own_memory(const own_memory&) = delete;
  own_memory& operator=(const own_memory&) = delete;
};

}  // namespace

TEST_CASE("frames are counted, and none is left after a run") {
  const rm::frame_statistics before = rm::current_frame_statistics();
  {
    const rm::task<> unrun = give_way();
    CHECK(rm::current_frame_statistics().live == before.live + 1);
  }
  run(give_way_often(10));
  const rm::frame_statistics after = rm::current_frame_statistics();
  CHECK(after.made - before.made == 12);
  CHECK(after.live == before.live);
}

TEST_CASE("the memory of a frame is used again by the next one of its size") {
  run(give_way_often(1));
  const rm::frame_statistics before = rm::current_frame_statistics();
  run(give_way_often(100));
  const rm::frame_statistics after = rm::current_frame_statistics();
  CHECK(after.made - before.made == 101);
  CHECK(after.fetched - before.fetched == (pooled ? 0 : 101));
  CHECK((after.kept_bytes > 0) == pooled);
  CHECK(after.kept_bytes == before.kept_bytes);
}

TEST_CASE("a large frame is made and freed, and not kept") {
  const auto large = []() -> rm::task<int> {
    std::array<std::byte, 4096> buffer{};
    co_await rm::yield();
    buffer[17] = std::byte{42};
    co_await rm::yield();
    co_return static_cast<int>(buffer[17]);
  };
  const rm::frame_statistics before = rm::current_frame_statistics();
  CHECK(run(large()) == 42);
  const rm::frame_statistics after = rm::current_frame_statistics();
  CHECK(after.fetched == before.fetched + 1);
  CHECK(after.kept_bytes == before.kept_bytes);
}

TEST_CASE("frames come from a memory resource of one's own, and go back there") {
  counting_memory memory;
  {
    const own_memory use(memory);
    run(give_way_often(10));
    CHECK(memory.allocated == 11);
  }
  run(give_way_often(10));
  CHECK(memory.allocated == 11);
  CHECK(memory.freed == 11);
  CHECK(memory.bytes == 0);
}

TEST_CASE("a memory resource that is full throws at the call that makes the task") {
  counting_memory memory;
  memory.is_full = true;
  const std::int64_t live = rm::current_frame_statistics().live;
  {
    const own_memory use(memory);
    CHECK_THROWS_AS(give_way().await_ready(), std::bad_alloc);
    CHECK(rm::current_frame_statistics().live == live);
    memory.is_full = false;
    run(give_way());
  }
  CHECK(memory.bytes == 0);
}

TEST_CASE("the memory cannot be changed while frames are alive") {
  counting_memory memory;
  const rm::task<> unrun = give_way();
  CHECK_THROWS_AS(rm::set_frame_memory(&memory), std::logic_error);
}

namespace {

/// Its frame has room for `Bytes` of its own.
template <std::size_t Bytes>
rm::task<std::size_t> with_bytes() {
  std::array<unsigned char, Bytes> buffer;
  buffer.fill(static_cast<unsigned char>(Bytes));
  co_await rm::yield();
  std::size_t right = 0;
  for (const unsigned char byte : buffer) right += byte == static_cast<unsigned char>(Bytes);
  co_return right;
}

/// Makes one of each size.
template <std::size_t... Bytes>
std::vector<rm::task<std::size_t>> of_sizes() {
  std::vector<rm::task<std::size_t>> all;
  (all.push_back(with_bytes<Bytes>()), ...);
  return all;
}

std::size_t address_space() {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0;
  file >> pages;
  return pages * 4096;
}

}  // namespace

TEST_CASE("frames of all sizes live side by side") {
  auto body = []() -> rm::task<> {
    const auto right = co_await rm::when_all(of_sizes<1, 15, 16, 17, 100, 300, 600, 820, 840, 860, 1'000, 5'000>());
    CHECK(right == std::vector<std::size_t>{1, 15, 16, 17, 100, 300, 600, 820, 840, 860, 1'000, 5'000});
  };
  run(body());
}

TEST_CASE("a crowd's frames do not overlap, and most of their memory goes back when it has gone") {
  constexpr std::size_t crowd = 200'000;
  const rm::frame_statistics before = rm::current_frame_statistics();
  const std::size_t space = address_space();
  {
    std::vector<rm::task<>> all;
    for (std::size_t i = 0; i < crowd; ++i) all.push_back(give_way());
    CHECK(rm::current_frame_statistics().live == before.live + static_cast<std::int64_t>(crowd));
    if (pooled) CHECK(address_space() - space > crowd * 100);
    // Every third, and then the others: blocks are empty only at the end.
    for (std::size_t i = 0; i < crowd; i += 3) all[i] = give_way();
  }
  CHECK(rm::current_frame_statistics().live == before.live);
  CHECK(rm::current_frame_statistics().kept_bytes - before.kept_bytes <= 1 << 20);
  if (pooled) CHECK(address_space() - space < crowd * 50);
}

TEST_CASE("a frame may be destroyed on another thread than the one that made it") {
  for (int round = 0; round < 20; ++round) {
    std::vector<rm::task<>> made;
    for (int i = 0; i < 5'000; ++i) made.push_back(give_way());
    const std::int64_t here = rm::current_frame_statistics().live;
    std::thread([&made] {
      made.clear();
      CHECK(rm::current_frame_statistics().live == -5'000);
      for (int i = 0; i < 5'000; ++i) made.push_back(give_way());
    }).join();
    made.clear();
    CHECK(rm::current_frame_statistics().live == here - 5'000);
    run(give_way_often(5'000));
  }
}

TEST_CASE("a frame that outlives the free lists of its thread is freed all the same") {
  std::int64_t live = 0;
  std::thread([&live] {
    thread_local std::optional<rm::task<>> late;  // made before the free lists, so destroyed after them
    late.reset();
    late = give_way();
    live = rm::current_frame_statistics().live;
  }).join();
  CHECK(live == 1);
}
