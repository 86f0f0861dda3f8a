// A worker that writes whatever it likes into its memory, against the host's side of the channel. Whatever the host
// accepts must be an answer that an honest worker could have given; all else is a protocol_violation, after which it
// accepts nothing. A million rounds; ten times as many with RINGMILL_LONG=1 in the environment.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <thread>

#include <ringmill/offload/channel.hpp>
#include <ringmill/runtime/detail/sanitizers.hpp>

namespace rm = ringmill;
namespace detail = ringmill::detail;
using detail::response_status;

namespace of_scribble {

namespace {

#if defined(RINGMILL_ASAN) || defined(RINGMILL_TSAN)
constexpr int slower = 10;
#else
constexpr int slower = 1;
#endif
int rounds(int count) { return count / slower * (std::getenv("RINGMILL_LONG") ? 10 : 1); }

constexpr std::uint32_t large_capacity = 100'000;
constexpr std::uint32_t generation = 5;

/// The same from run to run.
class dice {
 public:
  std::uint32_t roll(std::uint32_t sides) { return static_cast<std::uint32_t>(engine_() % sides); }
  bool once_in(std::uint32_t sides) { return roll(sides) == 0; }
  std::uint32_t any() { return static_cast<std::uint32_t>(engine_()); }
  /// A number that lies close to what is right, or to where arithmetic ends.
  std::uint32_t close_to(std::uint32_t right) {
    const std::uint32_t other[] = {
        0,          1,           right + 1,      right - 1,   ~right, right ^ (1U << roll(32)),
        0x7fffffff, 0x80000000U, large_capacity, 0xffffffffU, any(),  detail::small_place + 1};
    return other[roll(std::size(other))];
  }

 private:
  std::mt19937_64 engine_{20'221};
};

/// A host, and a worker that answers honestly, but for what is scribbled over its answers before the host looks.
class scene {
 public:
  explicit scene(dice& chance) : dice_(chance) {}

  /// Until a violation, or for `turns`. False if the host accepted what it must not.
  bool play(int turns) {
    for (int turn = 0; turn < turns; ++turn) {
      for (std::uint32_t more = dice_.roll(4); more > 0 && host_.has_room() && posted_ < 0xffff; --more) {
        ++posted_;
        if (host_.stage(posted_, {}) != posted_) return false;
        host_.publish();
        if (dice_.once_in(5)) {
          host_.revoke(posted_);
          called_back_[posted_ % detail::ring_entries] = true;
        } else {
          called_back_[posted_ % detail::ring_entries] = false;
        }
      }
      for (std::uint32_t more = dice_.roll(4); more > 0 && written_ <= posted_; --more) write_answer();
      if (dice_.once_in(4)) scribble();
      if (!take_all()) return false;
      if (is_over_) return true;
    }
    return true;
  }
  bool is_over() const noexcept { return is_over_; }
  std::uint32_t accepted() const noexcept { return taken_; }

 private:
  void write_answer() {
    const std::uint32_t number = written_++;
    detail::response_entry& entry = responses_.ring[number % detail::ring_entries];
    const bool is_large = number != 0 && dice_.once_in(8);
    const detail::place where =
        is_large ? detail::output_places(large_capacity).large() : detail::output_places::small(number);
    entry = {number,
             generation,
             static_cast<std::uint32_t>(number == 0 ? response_status::ready : response_status::value),
             where.offset,
             number == 0 ? 0 : dice_.roll(where.length + 1),
             0,
             0};
    responses_.tail.store(written_, std::memory_order_release);
  }

  void scribble() {
    detail::response_entry& entry =
        responses_.ring[dice_.once_in(4) ? dice_.roll(detail::ring_entries) : taken_ % detail::ring_entries];
    for (std::uint32_t more = dice_.roll(3) + 1; more > 0; --more) {
      switch (dice_.roll(9)) {
        case 0:
          responses_.tail.store(dice_.close_to(written_), std::memory_order_release);
          break;
        case 1:
          entry.sequence = dice_.close_to(entry.sequence);
          break;
        case 2:
          entry.generation = dice_.close_to(entry.generation);
          break;
        case 3:
          entry.status = dice_.roll(9);
          break;
        case 4:
          entry.offset = dice_.close_to(entry.offset);
          break;
        case 5:
          entry.length = dice_.close_to(entry.length);
          break;
        case 6:
          entry.needed = dice_.any() | std::uint64_t{dice_.roll(3)} << 32;
          break;
        case 7:
          responses_.worker_asleep.store(dice_.roll(2), std::memory_order_relaxed);
          responses_.started.store(dice_.close_to(posted_), std::memory_order_relaxed);
          responses_.progress.store(std::uint64_t{dice_.any()} << 32 | dice_.any(), std::memory_order_relaxed);
          break;
        default:
          auto* bytes = reinterpret_cast<unsigned char*>(&responses_);
          bytes[dice_.roll(sizeof responses_)] = static_cast<unsigned char>(dice_.any());
      }
    }
  }

  bool take_all() {
    host_.has_started(posted_);
    if (const float done = host_.progress_of(posted_); done != -1 && !(done >= 0 && done <= 1)) return false;
    try {
      for (std::uint32_t times = 0; const auto answer = host_.take(); ++times) {
        if (times > detail::ring_entries || !could_be_honest(*answer)) return false;
        ++taken_;
      }
    } catch (const rm::protocol_violation&) {
      is_over_ = true;
      return !host_.take() && !host_.take();
    }
    return true;
  }

  /// Told by what was asked, not by what the host compares.
  bool could_be_honest(const detail::checked_answer& answer) const {
    if (answer.sequence != taken_ || taken_ > posted_) return false;
    const bool is_first = taken_ == 0;
    const std::uint64_t begin = answer.where.offset;
    const std::uint64_t end = begin + answer.where.length;
    const std::uint64_t small = detail::page_size + taken_ % detail::ring_entries * detail::small_place;
    const std::uint64_t large = detail::page_size + detail::ring_entries * detail::small_place;
    const bool lies_right =
        (begin == small && end <= small + detail::small_place) || (begin == large && end <= large + large_capacity);
    if (!lies_right) return false;
    switch (answer.status) {
      case response_status::ready:
        return is_first;
      case response_status::value:
      case response_status::error:
        return !is_first;
      case response_status::too_large:
        return !is_first && answer.needed > large_capacity;
      case response_status::skipped:
      case response_status::stopped:
        return !is_first && called_back_[taken_ % detail::ring_entries];
    }
    return false;
  }

  dice& dice_;
  detail::request_page requests_;
  detail::response_page responses_{};
  detail::host_protocol<detail::shared_memory> host_{requests_, responses_, generation,
                                                     detail::output_places(large_capacity)};
  bool called_back_[detail::ring_entries] = {};
  std::uint32_t posted_ = 0;
  std::uint32_t written_ = 0;  ///< answers
  std::uint32_t taken_ = 0;
  bool is_over_ = false;
};

}  // namespace

TEST_CASE("a million scribbles: what is accepted could have come from an honest worker, all else is refused") {
  dice chance;
  int over = 0, wrong = 0;
  std::uint64_t accepted = 0;
  const int scenes = rounds(100'000);
  for (int i = 0; i < scenes; ++i) {
    scene one(chance);
    if (!one.play(10)) ++wrong;
    if (one.is_over()) ++over;
    accepted += one.accepted();
  }
  CHECK(wrong == 0);
  CHECK(over > scenes / 2);
  CHECK(accepted > static_cast<std::uint64_t>(scenes));
}

TEST_CASE("a worker that scribbles without a pause, while the host looks, crashes and blocks nothing") {
  constexpr std::size_t capacity = 64 * 1024;
  dice chance;
  int over = 0;
  std::uint64_t accepted = 0, sum = 0;
  for (int round = 0; round < rounds(500); ++round) {
    detail::host_channel host(capacity, capacity, generation);
    detail::worker_channel worker(host.request_memory(), host.response_memory());
    const std::size_t size = detail::output_places::large_offset + capacity;
    const detail::mapping memory(host.response_memory(), size, true);
    worker.announce_ready();
    std::atomic<bool> has_begun = false, stop = false;
    std::jthread hostile([&, seed = chance.any()] {
      std::minstd_rand random(seed | 1);
      auto* words = reinterpret_cast<std::uint32_t*>(memory.data());
      std::uint32_t posted = 0;
      while (!stop.load(std::memory_order_relaxed)) {
        // Right numbers too, or it would never come far.
        const std::uint32_t value = random() % 3 == 0 ? static_cast<std::uint32_t>(random()) : ++posted % 8;
        std::atomic_ref(words[random() % (detail::page_size / 4)]).store(value, std::memory_order_relaxed);
        if (random() % 4 == 0) {
          std::atomic_ref(words[random() % (size / 4)]).store(value, std::memory_order_relaxed);
          worker.report_progress({posted, generation, 0, 0, 0}, 2);
        }
        has_begun.store(true, std::memory_order_relaxed);
      }
    });
    while (!has_begun.load(std::memory_order_relaxed)) std::this_thread::yield();
    host.announce_sleep();
    for (int turn = 0; turn < 2'000; ++turn) {
      if (host.reserve(16)) host.post(1, 16);
      if (host.in_flight() > 0) {
        host.has_started(host.first_unanswered());
        host.progress_of(host.first_unanswered());
        if (turn % 3 == 0) host.revoke(host.first_unanswered());
      }
      try {
        if (const auto answer = host.take()) {
          ++accepted;
          for (const std::byte one : answer->payload) sum += std::to_integer<unsigned>(one);
          host.done_reading();
        }
      } catch (const rm::protocol_violation&) {
        ++over;
        CHECK_FALSE(host.take());
        break;
      }
    }
    stop = true;
  }
  CHECK(over > 0);
  CHECK(accepted > 0);
  MESSAGE(accepted << " answers accepted, " << over << " workers refused, sum " << sum);
}

}  // namespace of_scribble
