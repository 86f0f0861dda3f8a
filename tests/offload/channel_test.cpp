#include <doctest/doctest.h>

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include <ringmill/offload/channel.hpp>

namespace rm = ringmill;
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
    std::memcpy(ends.host.input().data(), &round, sizeof round);
    ends.host.post(5, sizeof round);
    CHECK_FALSE(ends.host.take().has_value());
    const auto request = ends.worker.next();
    REQUIRE(request.function == 5);
    REQUIRE(std::memcmp(ends.worker.input(request).data(), &round, sizeof round) == 0);
    std::memcpy(ends.worker.output(request).data(), &round, sizeof round);
    ends.worker.answer(request, response_status::value, sizeof round);
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

TEST_CASE("an answer that nobody asked for is a violation") {
  both_ends ends;
  rm::detail::request_entry invented{};
  invented.sequence = 1;
  invented.generation = 1;
  ends.worker.answer(invented, response_status::value, 0);
  CHECK_THROWS_AS(ends.host.take(), rm::protocol_violation);
}

TEST_CASE("a wrong sequence, generation, status or size is a violation") {
  both_ends ends;
  ends.host.post(1, 0);
  auto request = ends.worker.next();
  auto status = response_status::value;
  std::size_t size = 0;
  SUBCASE("sequence") { ++request.sequence; }
  SUBCASE("generation") { ++request.generation; }
  SUBCASE("status") { status = static_cast<response_status>(77); }
  SUBCASE("ready twice") { status = response_status::ready; }
  SUBCASE("size") { size = capacity + 1; }
  SUBCASE("place") {
    request.output_offset = capacity;
    size = 1;
  }
  ends.worker.answer(request, status, size);
  CHECK_THROWS_AS(ends.host.take(), rm::protocol_violation);
}
