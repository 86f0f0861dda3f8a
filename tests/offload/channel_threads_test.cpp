// The channel with the worker as a thread, so that ThreadSanitizer sees both ends: ./dev row tsan. Both use the same
// mapping, since it tells memory apart by its address.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include <ringmill/offload/channel_protocol.hpp>

namespace detail = ringmill::detail;
using detail::response_status;

namespace {

constexpr std::uint32_t generation = 3;

/// The channel's own memory, with numbers that overflow in the middle of a test.
class close_to_overflow : public detail::shared_memory {
 public:
  static constexpr std::uint32_t first_number = 0xffffff00U;
};

template <class Memory>
class pages {
 public:
  detail::request_page_of<Memory> requests;
  detail::response_page_of<Memory> responses;
  std::uint64_t inputs[Memory::ring_entries] = {};  // plain memory, like the arenas
  std::uint64_t results[Memory::ring_entries] = {};
};

/// The worker doubles what it gets, looks for its next call so often before it sleeps, and waits for a moment now and
/// then, so that each side sleeps at times.
template <class Memory>
void work(pages<Memory>& all, std::uint32_t calls, int looks) {
  detail::worker_protocol<Memory> worker(all.requests, all.responses, -1);
  worker.announce_ready();
  for (std::uint32_t call = 0; call < calls; ++call) {
    for (int look = 0; look < looks && !worker.has_call(); ++look) {
    }
    const detail::request_entry request = worker.next();
    if (call % 64 == 0) std::this_thread::yield();
    const std::uint32_t place = request.sequence % Memory::ring_entries;
    const detail::place where = detail::output_places::small(request.sequence);
    if (!worker.begin(request)) {
      worker.answer(request, response_status::skipped, where, 0, 0);
      continue;
    }
    all.results[place] = all.inputs[place] * 2;
    worker.answer(request, response_status::value, where, 0, 0);
  }
}

/// Gives how many calls were skipped.
template <class Memory>
std::uint32_t exchange(std::uint32_t calls, std::uint32_t at_a_time, int looks = 0) {
  const auto all = std::make_unique<pages<Memory>>();
  detail::host_protocol<Memory> host(all->requests, all->responses, generation, detail::output_places(4096));
  std::jthread worker([&] { work(*all, calls, looks); });
  std::uint32_t sent = 0, answered = 0, wrong = 0, skipped = 0;
  for (;;) {
    while (const auto answer = host.take()) {
      if (answer->status == response_status::ready) continue;
      const std::uint32_t place = answer->sequence % Memory::ring_entries;
      if (answer->status == response_status::skipped) {
        ++skipped;
      } else if (all->results[place] != std::uint64_t{2} * answered) {
        ++wrong;
      }
      ++answered;
    }
    while (sent < calls && host.has_room() && host.in_flight() < at_a_time) {
      all->inputs[(Memory::first_number + sent + 1) % Memory::ring_entries] = sent;
      const std::uint32_t number = host.stage(9, {});
      if (sent % 3 != 0) host.publish();
      if (++sent % 7 == 0) host.revoke(number);
    }
    if (answered == calls) break;
    host.publish();
    host.announce_sleep();
    if (!host.has_answer()) Memory::wait(host.futex(), host.expected());
  }
  CHECK(wrong == 0);
  return skipped;
}

}  // namespace

TEST_CASE("a worker in a thread answers each call with its own result, however many are open") {
  for (const std::uint32_t at_a_time : {1U, 2U, 16U, detail::ring_entries}) {
    CAPTURE(at_a_time);
    const std::uint32_t skipped = exchange<detail::shared_memory>(20'000, at_a_time);
    CHECK(skipped <= 20'000 / 7);
  }
}

TEST_CASE("a worker in a thread that looks for its next call before it sleeps misses none") {
  for (const std::uint32_t at_a_time : {1U, 16U}) {
    CAPTURE(at_a_time);
    const std::uint32_t skipped = exchange<detail::shared_memory>(20'000, at_a_time, 200);
    CHECK(skipped <= 20'000 / 7);
  }
}

TEST_CASE("numbers may overflow") { exchange<close_to_overflow>(2'000, 5); }
