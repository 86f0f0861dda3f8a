// The channel's own code in every order of events, for a bounded scenario: offload/channel_protocol.hpp over the memory
// of a model checker. Each property is checked twice: that the protocol has it, and that the checker finds a planted
// bug.
#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include <ringmill/offload/channel_protocol.hpp>
#include <ringmill/runtime/detail/sanitizers.hpp>

#include "model_checker.hpp"

namespace detail = ringmill::detail;
using detail::response_status;

namespace of_model {

namespace {

// Memory orders as they are written in the channel, and as a bug would have them.
class as_written {
 public:
  static std::memory_order of_store(std::memory_order order) noexcept { return order; }
  static std::memory_order of_load(std::memory_order order) noexcept { return order; }
};
/// No fence between a store and the load behind it.
class without_fence : public as_written {
 public:
  static std::memory_order of_store(std::memory_order order) noexcept {
    return order == std::memory_order_seq_cst ? std::memory_order_release : order;
  }
};
class without_release : public as_written {
 public:
  static std::memory_order of_store(std::memory_order) noexcept { return std::memory_order_relaxed; }
};
class without_acquire : public as_written {
 public:
  static std::memory_order of_load(std::memory_order) noexcept { return std::memory_order_relaxed; }
};

/// In place of detail::shared_memory.
template <class Orders, std::uint32_t First = 0>
class model_memory {
  template <class Value>
  class ordered_word : public model::word<Value> {
   public:
    using model::word<Value>::word;
    Value load(std::memory_order order) const { return model::word<Value>::load(Orders::of_load(order)); }
    void store(Value value, std::memory_order order) { model::word<Value>::store(value, Orders::of_store(order)); }
  };

 public:
  static constexpr std::uint32_t ring_entries = 2;
  static constexpr std::uint32_t first_number = First;
  using word = ordered_word<std::uint32_t>;
  using wide_word = ordered_word<std::uint64_t>;
  template <class Entry>
  using slot = model::cell<Entry>;

  template <class Entry>
  static void write(slot<Entry>& shared, const Entry& value) {
    shared.write(value);
  }
  template <class Entry>
  static Entry read(const slot<Entry>& shared) {
    return shared.read();
  }
  static void wait(const word& futex, std::uint32_t expected) { futex.wait(expected); }
  static void wake(const word& futex) { futex.wake(); }
  static void wake_host(const word& futex, int doorbell) {
    if (doorbell < 0) return futex.wake();
    bell->ring();
  }
  static void pause(const word& value) { value.pause(); }

  static inline word* bell = nullptr;
};

constexpr std::uint32_t generation = 7;
constexpr int no_doorbell = -1;

/// How the host waits for answers.
enum class host_way {
  at_once,  ///< it leaves it to the kernel to see what has come since it looked
  looking,  ///< as the pool: it looks once more before it waits
};

/// Three go round a ring of two, and two round the ring of answers. A host that looks has more orders of events, and a
/// sanitizer makes each ten times slower: then three with RINGMILL_LONG=1 only.
std::uint32_t calls_of([[maybe_unused]] host_way way) {
#if defined(RINGMILL_ASAN) || defined(RINGMILL_TSAN)
  const bool is_slow = true;
#else
  const bool is_slow = way == host_way::looking;
#endif
  return is_slow && !std::getenv("RINGMILL_LONG") ? 2 : 3;
}

/// Both pages, and what stands for the arenas: arguments and results of each place in the ring, and the large place.
template <class Memory>
class scene {
 public:
  scene() { Memory::bell = &bell; }

  auto make_host() {
    return detail::host_protocol<Memory>(requests, responses, generation, detail::output_places(4096));
  }
  auto make_worker(int doorbell = no_doorbell) {
    return detail::worker_protocol<Memory>(requests, responses, doorbell);
  }
  auto& input_of(std::uint32_t sequence) { return inputs[sequence % Memory::ring_entries]; }
  auto& result_of(std::uint32_t sequence) { return results[sequence % Memory::ring_entries]; }

  model::checker checker;
  detail::request_page_of<Memory> requests;
  detail::response_page_of<Memory> responses;
  typename Memory::word bell{0};
  model::cell<std::uint32_t> inputs[Memory::ring_entries];
  model::cell<std::uint32_t> results[Memory::ring_entries];
  model::cell<std::uint32_t> large;
};

/// Makes calls, as many at a time as there is room for, and takes their answers; as the pool does, which asks
/// to be woken only when it has nothing to do.
template <class Memory>
void host_loop(scene<Memory>& all, int doorbell, host_way way) {
  const std::uint32_t calls = calls_of(way);
  auto host = all.make_host();
  std::uint32_t sent = 0, answered = 0;
  bool is_ready = false;
  for (;;) {
    while (const auto answer = host.take()) {
      if (answer->status == response_status::ready) {
        model::expect(!is_ready, "ready twice");
        is_ready = true;
        continue;
      }
      ++answered;
      model::expect(is_ready && answer->sequence == Memory::first_number + answered, "an answer out of order");
      model::expect(all.result_of(answer->sequence).read() == answer->sequence + 100, "the result of another call");
    }
    bool any = false;
    while (sent < calls && host.has_room()) {
      ++sent;
      all.input_of(Memory::first_number + sent).write(sent);
      host.stage(50 + sent, {sent, 4});
      any = true;
    }
    if (any) host.publish();
    if (answered == calls) return;
    host.announce_sleep();
    if (way == host_way::at_once || !host.has_answer()) {
      if (doorbell < 0) {
        Memory::wait(host.futex(), host.expected());
      } else {
        all.bell.wait_for_bell();
      }
    }
  }
}

template <class Memory, class Worker>
void serve(scene<Memory>& all, Worker& worker, std::uint32_t number, bool looks_first) {
  if (looks_first) worker.has_call();
  const detail::request_entry request = worker.next();
  model::expect(request.sequence == Memory::first_number + number && request.generation == generation &&
                    request.function == 50 + number && request.input_offset == number,
                "a call that was not made");
  model::expect(worker.begin(request), "it was not called back");
  model::expect(all.input_of(request.sequence).read() == number, "the arguments of another call");
  all.result_of(request.sequence).write(request.sequence + 100);
  worker.answer(request, response_status::value, detail::output_places::small(request.sequence), 0, 0);
}

template <class Memory>
model::verdict check_calls(host_way way, int doorbell = no_doorbell, bool looks_first = false) {
  scene<Memory> all;
  return all.checker.run([&] { host_loop(all, doorbell, way); },
                         [&] {
                           auto worker = all.make_worker(doorbell);
                           worker.announce_ready();
                           for (std::uint32_t number = 1; number <= calls_of(way); ++number) {
                             serve(all, worker, number, looks_first);
                           }
                         });
}

bool begins_with(const std::string& text, const std::string& beginning) {
  return text.compare(0, beginning.size(), beginning) == 0;
}

const std::string lost = "a wake-up was lost";
const std::string torn = "an entry is read while it is written";
const std::string overwritten = "an entry is overwritten before it was read";

}  // namespace

TEST_CASE("the checker knows what store buffers do: two that store and then load may both miss the other's store") {
  for (const bool fenced : {false, true}) {
    const auto order = fenced ? std::memory_order_seq_cst : std::memory_order_release;
    model::checker checker;
    model::word<std::uint32_t> first(0), second(0), missed(0);
    const auto found = checker.run(
        [&] {
          first.store(1, order);
          if (second.load(std::memory_order_seq_cst) == 0) missed.store(1, std::memory_order_seq_cst);
        },
        [&] {
          second.store(1, order);
          if (first.load(std::memory_order_seq_cst) == 0) {
            model::expect(missed.load(std::memory_order_seq_cst) == 0, "both missed it");
          }
        });
    CHECK((found.failure == "") == fenced);
    CHECK(found.states > 10);
  }
}

TEST_CASE("no wake-up is lost, no entry torn or overwritten, in any order of events") {
  for (const host_way way : {host_way::at_once, host_way::looking}) {
    const model::verdict found = check_calls<model_memory<as_written>>(way);
    CHECK(found.failure == "");
    MESSAGE(calls_of(way) << " calls: " << found.states << " states, " << found.ends << " ends");
  }
}

TEST_CASE("the same with an eventfd in place of the host's futex, and where the numbers overflow") {
  CHECK(check_calls<model_memory<as_written>>(host_way::looking, 1).failure == "");
  CHECK(check_calls<model_memory<as_written, 0xfffffffeU>>(host_way::at_once).failure == "");
}

TEST_CASE("the same with a worker that looks for its next call before it sleeps") {
  CHECK(check_calls<model_memory<as_written>>(host_way::looking, no_doorbell, true).failure == "");
}

TEST_CASE("planted: without the fence between the tail and the look at the sleep flag a wake-up is lost") {
  for (const host_way way : {host_way::at_once, host_way::looking}) {
    CHECK(begins_with(check_calls<model_memory<without_fence>>(way).failure, lost));
  }
  CHECK(begins_with(check_calls<model_memory<without_fence>>(host_way::looking, 1).failure, lost));
}

TEST_CASE("planted: without release or acquire entries are torn") {
  for (const host_way way : {host_way::at_once, host_way::looking}) {
    CHECK(begins_with(check_calls<model_memory<without_release>>(way).failure, torn));
    CHECK(begins_with(check_calls<model_memory<without_acquire>>(way).failure, torn));
  }
}

TEST_CASE("planted: a worker that looks at the host's sleep flag before it publishes loses a wake-up") {
  using memory = model_memory<as_written>;
  scene<memory> all;
  const auto found =
      all.checker.run([&] { host_loop(all, no_doorbell, host_way::at_once); },
                      [&] {
                        std::uint32_t number = memory::first_number;
                        const auto publish = [&](response_status status) {
                          const std::uint32_t wake_at = all.requests.wake_host_at.load(std::memory_order_seq_cst);
                          all.responses.ring[number % 2].write({number, generation, static_cast<std::uint32_t>(status),
                                                                detail::output_places::small(number).offset, 0, 0, 0});
                          all.responses.tail.store(++number, std::memory_order_seq_cst);
                          if (wake_at == number) all.responses.tail.wake();
                        };
                        publish(response_status::ready);
                      });
  CHECK(begins_with(found.failure, lost));
}

TEST_CASE("planted: a host that does not look whether there is room overwrites what was not read") {
  using memory = model_memory<as_written>;
  scene<memory> all;
  const auto found = all.checker.run(
      [&] {
        for (std::uint32_t sequence = 1; sequence <= 3; ++sequence) {
          all.requests.ring[sequence % 2].write({sequence, generation, 50, 0, 0});
          all.requests.tail.store(sequence, std::memory_order_seq_cst);
          auto& asleep = all.responses.worker_asleep;
          if (asleep.load(std::memory_order_seq_cst) == 0) continue;
          asleep.store(0, std::memory_order_release);
          asleep.wake();
        }
      },
      [&] {
        auto worker = all.make_worker();
        for (int i = 0; i < 3; ++i) worker.next();
      });
  CHECK((begins_with(found.failure, overwritten) || begins_with(found.failure, torn)));
}

namespace {

/// The host calls back a call while the worker may be about to begin with it. Nobody sleeps: this is about one race.
template <class Memory>
model::verdict check_revoke() {
  scene<Memory> all;
  return all.checker.run(
      [&] {
        auto host = all.make_host();
        const std::uint32_t call = host.stage(50, {});
        host.publish();
        const bool will_not_start = host.revoke(call);
        for (;;) {
          while (const auto answer = host.take()) {
            if (answer->status == response_status::ready) continue;
            if (will_not_start) model::expect(answer->status == response_status::skipped, "it ran all the same");
            return;
          }
          Memory::pause(all.responses.tail);
        }
      },
      [&] {
        auto worker = all.make_worker();
        worker.announce_ready();
        while (all.requests.tail.load(std::memory_order_acquire) == Memory::first_number) {
          Memory::pause(all.requests.tail);
        }
        const detail::request_entry request = worker.next();
        const auto status = worker.begin(request) ? response_status::value : response_status::skipped;
        worker.answer(request, status, detail::output_places::small(request.sequence), 0, 0);
      });
}

/// Each result takes the large place, which the host reads before it lets go of it.
template <class Memory>
model::verdict check_large_place() {
  scene<Memory> all;
  return all.checker.run(
      [&] {
        auto host = all.make_host();
        host.stage(50, {});
        host.publish();
        std::uint32_t answered = 0;
        bool is_posted = false;
        for (;;) {
          while (const auto answer = host.take()) {
            if (answer->status != response_status::ready) {
              ++answered;
              model::expect(all.large.read() == answered, "the result of another call");
            }
            host.done_reading();
          }
          if (answered == 2) return;
          if (!is_posted && host.has_room()) {
            host.stage(50, {});
            host.publish();
            is_posted = true;
          }
          host.announce_sleep();
          Memory::wait(host.futex(), host.expected());
        }
      },
      [&] {
        auto worker = all.make_worker();
        worker.announce_ready();
        for (std::uint32_t number = 1; number <= 2; ++number) {
          const detail::request_entry request = worker.next();
          worker.wait_for_large_output(request);
          all.large.write(number);
          worker.answer(request, response_status::value, worker.places().large(), 0, 0);
        }
      });
}

}  // namespace

TEST_CASE("a call that the host has called back in time does not start, in any order of events") {
  CHECK(check_revoke<model_memory<as_written>>().failure == "");
  CHECK(begins_with(check_revoke<model_memory<without_fence>>().failure, "it ran all the same"));
}

TEST_CASE("the large place is not written before the host has read what was there") {
  CHECK(check_large_place<model_memory<as_written>>().failure == "");
  CHECK(check_large_place<model_memory<without_release>>().failure != "");
  CHECK(check_large_place<model_memory<without_acquire>>().failure != "");
}

}  // namespace of_model
