#include <doctest/doctest.h>

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <limits>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <ringmill/offload/channel.hpp>

namespace rm = ringmill;
using namespace std::chrono_literals;
using rm::detail::host_channel;
using rm::detail::response_status;
using rm::detail::worker_channel;

namespace {

constexpr std::size_t capacity = 1 << 16;

/// Both ends, in one process, after the worker has said that it is ready.
class both_ends {
 public:
  both_ends() {
    worker.announce_ready();
    const auto first = host.take();
    REQUIRE(first.has_value());
    REQUIRE(first->status == response_status::ready);
  }
  host_channel host{capacity, capacity, 1};
  worker_channel worker{host.request_memory(), host.response_memory()};
};

}  // namespace

TEST_CASE("a request arrives with its arguments, and its answer with the result") {
  both_ends ends;
  for (int round = 0; round < 1000; ++round) {
    std::memcpy(ends.host.reserve(sizeof round), &round, sizeof round);
    ends.host.post(5, sizeof round);
    CHECK_FALSE(ends.host.take().has_value());
    const auto request = ends.worker.next();
    REQUIRE(request.function == 5);
    REQUIRE(std::memcmp(ends.worker.input(request).data(), &round, sizeof round) == 0);
    const auto output = ends.worker.small_output(request).first(sizeof round);
    std::memcpy(output.data(), &round, sizeof round);
    ends.worker.answer(request, response_status::value, output);
    const auto answer = ends.host.take();
    REQUIRE(answer.has_value());
    REQUIRE(answer->status == response_status::value);
    REQUIRE(answer->payload.size() == sizeof round);
    REQUIRE(std::memcmp(answer->payload.data(), &round, sizeof round) == 0);
  }
}

TEST_CASE("a worker can neither write to the host's memory nor shrink its own") {
  both_ends ends;
  void* mapped = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ends.host.request_memory(), 0);
  CHECK(mapped == MAP_FAILED);
  CHECK(ftruncate(ends.host.response_memory(), 0) != 0);
}

TEST_CASE("a worker that is ready before the host waits for it rings all the same, once") {
  const rm::fd doorbell(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const auto rings = [&] {
    std::uint64_t count = 0;
    return read(doorbell.number(), &count, sizeof count) == sizeof count ? count : 0;
  };
  host_channel host(capacity, capacity, 1);
  worker_channel worker(host.request_memory(), host.response_memory(), doorbell.number());
  worker.announce_ready();
  CHECK(rings() == 1);
  REQUIRE(host.take().has_value());
  REQUIRE(host.reserve(0) != nullptr);
  host.post(5, 0);
  worker.answer(worker.next(), response_status::value);
  CHECK(rings() == 0);  // the host is awake
}

TEST_CASE("an answer that nobody asked for is a violation") {
  both_ends ends;
  rm::detail::request_entry invented{};
  invented.sequence = 1;
  invented.generation = 1;
  ends.worker.answer(invented, response_status::value);
  CHECK_THROWS_AS(ends.host.take(), rm::protocol_violation);
}

TEST_CASE("a wrong sequence, generation or status is a violation") {
  both_ends ends;
  ends.host.reserve(0);
  ends.host.post(1, 0);
  auto request = ends.worker.next();
  auto status = response_status::value;
  SUBCASE("sequence") { ++request.sequence; }
  SUBCASE("generation") { ++request.generation; }
  SUBCASE("status") { status = static_cast<response_status>(77); }
  SUBCASE("ready twice") { status = response_status::ready; }
  ends.worker.answer(request, status);
  CHECK_THROWS_AS(ends.host.take(), rm::protocol_violation);
}

TEST_CASE("many calls are in flight, and are answered in their order") {
  both_ends ends;
  std::uint32_t posted = 0;
  while (std::byte* memory = ends.host.reserve(sizeof posted)) {
    std::memcpy(memory, &posted, sizeof posted);
    ends.host.post(5, sizeof posted);
    ++posted;
  }
  CHECK(posted == rm::detail::ring_entries);
  CHECK(ends.host.in_flight() == posted);
  for (std::uint32_t number = 0; number < posted; ++number) {
    const auto request = ends.worker.next();
    REQUIRE(std::memcmp(ends.worker.input(request).data(), &number, sizeof number) == 0);
    const auto output = ends.worker.small_output(request).first(sizeof number);
    std::memcpy(output.data(), &number, sizeof number);
    ends.worker.answer(request, response_status::value, output);
  }
  for (std::uint32_t number = 0; number < posted; ++number) {
    const auto answer = ends.host.take();
    REQUIRE(answer.has_value());
    REQUIRE(answer->sequence == number + 1);
    REQUIRE(std::memcmp(answer->payload.data(), &number, sizeof number) == 0);
    ends.host.done_reading();
  }
  CHECK(ends.host.in_flight() == 0);
}

TEST_CASE("the large place waits until the host has read what was answered before") {
  both_ends ends;
  ends.host.done_reading();
  for (int i = 0; i < 2; ++i) {
    ends.host.reserve(0);
    ends.host.post(1, 0);
  }
  const std::vector<std::byte> first_result(5000, std::byte{1});
  const auto write_large = [&](std::byte with) {
    const auto request = ends.worker.next();
    ends.worker.wait_for_large_output(request);
    const auto output = ends.worker.large_output().first(5000);
    std::fill(output.begin(), output.end(), with);
    ends.worker.answer(request, response_status::value, output);
  };
  write_large(std::byte{1});
  std::thread worker([&] { write_large(std::byte{2}); });
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  const auto first = ends.host.take();
  REQUIRE(first.has_value());
  CHECK_FALSE(ends.host.take().has_value());
  CHECK(std::equal(first->payload.begin(), first->payload.end(), first_result.begin(), first_result.end()));
  ends.host.done_reading();
  worker.join();
  const auto second = ends.host.take();
  REQUIRE(second.has_value());
  CHECK(second->payload[4999] == std::byte{2});
}

TEST_CASE("a call that was called back before it began is not begun, one that has begun is told") {
  both_ends ends;
  for (int i = 0; i < 2; ++i) {
    ends.host.reserve(0);
    ends.host.post(1, 0);
  }
  const auto first = ends.worker.next();
  CHECK(ends.worker.begin(first));
  CHECK_FALSE(ends.host.revoke(first.sequence));
  CHECK_FALSE(ends.worker.is_asked_to_stop(first));
  ends.host.ask_to_stop(first.sequence);
  CHECK(ends.worker.is_asked_to_stop(first));
  CHECK(ends.host.revoke(first.sequence + 1));
  const auto second = ends.worker.next();
  CHECK_FALSE(ends.worker.begin(second));
}

TEST_CASE("progress is of one call, and only what is between 0 and 1") {
  both_ends ends;
  ends.host.reserve(0);
  ends.host.post(1, 0);
  const auto request = ends.worker.next();
  CHECK(ends.host.progress_of(request.sequence) < 0);
  ends.worker.report_progress(request, 0.25F);
  CHECK(ends.host.progress_of(request.sequence) == 0.25F);
  CHECK(ends.host.progress_of(request.sequence + 1) < 0);
  for (const float nonsense : {-1.0F, 1.5F, std::numeric_limits<float>::quiet_NaN()}) {
    ends.worker.report_progress(request, nonsense);
    CHECK(ends.host.progress_of(request.sequence) < 0);
  }
}

TEST_CASE("arguments in flight never overlap, and small ones stay where they were") {
  constexpr std::size_t room = 10'000;
  rm::detail::input_ring ring(room);
  std::deque<std::pair<std::size_t, std::size_t>> taken;
  std::mt19937 random(3);
  std::size_t found = 0;
  for (int round = 0; round < 100'000; ++round) {
    if (!taken.empty() && random() % 2 == 0) {
      ring.give_back();
      taken.pop_front();
      continue;
    }
    const std::size_t size = random() % 4 == 0 ? random() % (room + 1) : random() % 500;
    const auto place = ring.find(size);
    if (!place) {
      REQUIRE_FALSE(taken.empty());
      continue;
    }
    ++found;
    REQUIRE(*place % 64 == 0);
    REQUIRE(*place + size <= room);
    for (const auto& [begin, length] : taken) {
      const bool apart = *place + size <= begin || begin + length <= *place;
      REQUIRE(apart);
    }
    ring.take(*place, size);
    taken.emplace_back(*place, size);
  }
  CHECK(found > 10'000);
}

TEST_CASE("a look before each sleep that is in vain comes less and less often, and as before once one has helped") {
  rm::detail::spin_backoff backoff;
  CHECK(backoff.is_due(0ns, 20us));
  for (unsigned pause = 1; pause <= 4 * backoff.most_left_out; pause = 2 * pause + 1) {
    backoff.was_in_vain();
    for (unsigned left_out = 0; left_out < std::min(pause, backoff.most_left_out); ++left_out) {
      CHECK_FALSE(backoff.is_due(0ns, 20us));
    }
    CHECK(backoff.is_due(0ns, 20us));
  }
  backoff.has_helped();
  CHECK(backoff.is_due(0ns, 20us));
  backoff.was_in_vain();
  CHECK_FALSE(backoff.is_due(0ns, 20us));
  CHECK(backoff.is_due(0ns, 20us));
}

TEST_CASE("there is no look after a call that took longer than a look would") {
  rm::detail::spin_backoff backoff;
  CHECK(backoff.is_due(20us, 20us));
  CHECK_FALSE(backoff.is_due(21us, 20us));
  backoff.was_in_vain();
  CHECK_FALSE(backoff.is_due(21us, 20us));  // and that is none of those that are left out
  CHECK_FALSE(backoff.is_due(1us, 20us));
  CHECK(backoff.is_due(1us, 20us));
}
