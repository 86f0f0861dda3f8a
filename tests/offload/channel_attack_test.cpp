// A worker gone wrong, against the host's side of the channel: each thing it can write that no worker writes.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <utility>

#include <ringmill/offload/channel.hpp>

namespace rm = ringmill;
namespace detail = ringmill::detail;
using detail::response_status;

namespace of_attack {

namespace {

constexpr std::size_t capacity = 64 * 1024;
constexpr std::uint32_t generation = 7;

/// A host and a worker in one process, and the page that a hostile worker can scribble on.
class scene {
 public:
  scene()
      : host(capacity, capacity, generation),
        worker(host.request_memory(), host.response_memory()),
        scribble_(host.response_memory(), detail::page_size + capacity, true) {}

  detail::response_page& page() { return *reinterpret_cast<detail::response_page*>(scribble_.data()); }

  /// The worker has started and has taken one call.
  detail::request_entry start_one() {
    worker.announce_ready();
    REQUIRE(host.take()->status == response_status::ready);
    host.reserve(4);
    host.post(99, 4);
    return worker.next();
  }

  detail::host_channel host;
  detail::worker_channel worker;

 private:
  detail::mapping scribble_;
};

struct attack {
  const char* name;
  void (*scribble)(detail::response_page& page, detail::response_entry& answer);
};

constexpr attack attacks[] = {
    {"more answers than requests", [](auto& page, auto&) { page.tail = 3; }},
    {"an index that runs backwards", [](auto& page, auto&) { page.tail = 0; }},
    {"an index far away", [](auto& page, auto&) { page.tail = 0x80000000U; }},
    {"the generation before", [](auto&, auto& answer) { answer.generation = generation - 1; }},
    {"the next sequence number", [](auto&, auto& answer) { answer.sequence = 2; }},
    {"ready for a second time",
     [](auto&, auto& answer) { answer.status = static_cast<std::uint32_t>(response_status::ready); }},
    {"sequence 0 for a second time", [](auto&, auto& answer) { answer.sequence = 0; }},
    {"no status", [](auto&, auto& answer) { answer.status = 0; }},
    {"an unknown status", [](auto&, auto& answer) { answer.status = 1000; }},
    {"an offset behind the memory", [](auto&, auto& answer) { answer.offset = 0xfffffff0U; }},
    {"an offset between the places", [](auto&, auto& answer) { ++answer.offset; }},
    {"another call's place", [](auto&, auto& answer) { answer.offset += detail::small_place; }},
    {"a length beyond its small place", [](auto&, auto& answer) { answer.length = detail::small_place + 1; }},
    {"a length beyond the large place",
     [](auto&, auto& answer) {
       answer.offset = detail::page_size + detail::ring_entries * detail::small_place;
       answer.length = capacity + 1;
     }},
    {"a length that wraps around", [](auto&, auto& answer) { answer.length = 0xfffffff8U; }},
    {"too large, although it would fit",
     [](auto&, auto& answer) {
       answer.status = static_cast<std::uint32_t>(response_status::too_large);
       answer.needed = 1;
     }},
};

TEST_CASE("whatever a worker scribbles over its answer is refused") {
  for (const attack& one : attacks) {
    CAPTURE(one.name);
    scene all;
    const auto request = all.start_one();
    all.worker.answer(request, response_status::value, all.worker.small_output(request).first(8));
    one.scribble(all.page(), all.page().ring[1]);
    CHECK_THROWS_AS(all.host.take(), rm::protocol_violation);
  }
}

TEST_CASE("an answer before the worker is ready is refused") {
  scene all;
  const detail::request_entry never_asked{1, generation, 0, 0, 0};
  all.worker.answer(never_asked, response_status::value);
  CHECK_THROWS_AS(all.host.take(), rm::protocol_violation);
}

TEST_CASE("the rings go round") {
  scene all;
  auto request = all.start_one();
  for (std::uint32_t turn = 1; turn < 5 * detail::ring_entries; ++turn) {
    CHECK(request.sequence == turn);
    all.worker.answer(request, response_status::value);
    REQUIRE(all.host.take());
    all.host.reserve(0);
    all.host.post(turn, 0);
    request = all.worker.next();
  }
}

TEST_CASE("a worker that sleeps is woken by each call") {
  constexpr std::uint32_t calls = 1000;
  scene all;
  all.worker.announce_ready();
  REQUIRE(all.host.take());
  std::atomic<std::uint32_t> taken = 0;
  std::thread worker([&] {
    for (std::uint32_t call = 0; call < calls; ++call) {
      const auto request = all.worker.next();
      all.worker.answer(request, response_status::value);
      ++taken;
    }
  });
  for (std::uint32_t call = 0; call < calls; ++call) {
    while (!all.host.reserve(0)) std::this_thread::yield();
    all.host.post(call, 0);
    while (!all.host.take()) std::this_thread::yield();
  }
  worker.join();
  CHECK(taken == calls);
}

}  // namespace

}  // namespace of_attack
