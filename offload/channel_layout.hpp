// What lies in the memory that the host shares with one worker. docs/design/offload_channel.md says why it is so.
//
//   A, written by the host, read-only for the worker:   [ request_page | input arena ]
//   B, written by the worker, read by the host:         [ response_page | a small place for each entry | large place ]
//
// The first answer of all, number 0, says that the worker is ready; call n, counted from 1, gets answer n. Numbers run
// free over 32 bits; the low bits are the place in the ring.
//
// All of it is a template over the memory, for the tests: the same code runs between processes, between two threads
// under ThreadSanitizer, and in a model checker that tries every order of events
// (tests/offload/channel_model_test.cpp).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <ringmill/runtime/config.hpp>

namespace ringmill::detail {

inline constexpr std::size_t page_size = 4096;
inline constexpr std::uint32_t ring_entries = 64;  ///< a power of two; as many calls as can be in flight
/// What each entry has for its result. A cache line more than 1 KiB: else all would fall into the same few cache sets.
inline constexpr std::size_t small_place = 1024 + 64;

/// Memory shared between processes, and the futexes in it.
class RINGMILL_API shared_memory {
 public:
  static constexpr std::uint32_t ring_entries = detail::ring_entries;
  /// The number of the worker's announcement. Shared memory starts as zeros; tests start close to the overflow.
  static constexpr std::uint32_t first_number = 0;

  using word = std::atomic<std::uint32_t>;
  using wide_word = std::atomic<std::uint64_t>;
  template <class Entry>
  using slot = Entry;

  template <class Entry>
  static void write(Entry& shared, const Entry& value) noexcept {
    shared = value;
  }
  /// The other process may write meanwhile: after this the compiler cannot look there again for the copy.
  template <class Entry>
  static Entry read(const Entry& shared) noexcept {
    Entry copy;
    std::memcpy(&copy, &shared, sizeof copy);
    asm volatile("" ::: "memory");
    return copy;
  }

  /// Sleeps if `futex` still is `expected`, until a wake; may come back without one.
  static void wait(const word& futex, std::uint32_t expected) noexcept;
  static void wake(const word& futex) noexcept;
  /// Wakes who waits on `futex`, or on the eventfd `doorbell` if that is not -1.
  static void wake_host(const word& futex, int doorbell) noexcept;
  /// For what is seldom waited for: comes back when `value` may have changed.
  static void pause(const word& value) noexcept;
};

static_assert(shared_memory::word::is_always_lock_free && sizeof(shared_memory::word) == sizeof(std::uint32_t));
static_assert(shared_memory::wide_word::is_always_lock_free);

/// One call. All that it says is the host's, and true.
struct request_entry {
  std::uint32_t sequence;
  std::uint32_t generation;
  std::uint64_t function;
  std::uint32_t input_offset;
  std::uint32_t input_length;
};

/// What the host has to say about a call that it has published.
enum class call_wish : std::uint32_t {
  run = 0,
  skip,  ///< do not start it: it was cancelled, or another worker has it. Too late once it has started
  stop,  ///< it was cancelled while it ran: the function may ask for this
};

enum class response_status : std::uint32_t {
  ready = 1,  ///< the worker has started; the first answer, and never again
  value,      ///< the result's bytes
  error,      ///< an exception's bytes
  too_large,  ///< the result did not fit; `needed` says what it takes
  skipped,    ///< it was not started, as the host wished
  stopped,    ///< the function ended early, as the host wished
};

/// One answer. All that it says is checked before it is used.
struct response_entry {
  std::uint32_t sequence;
  std::uint32_t generation;
  std::uint32_t status;
  std::uint32_t offset;
  std::uint32_t length;
  std::uint32_t run_time;  ///< in ns, at most what fits; only advice
  std::uint64_t needed;
};

template <class Memory>
struct request_page_of {
  using word = typename Memory::word;
  alignas(64) word tail{Memory::first_number};          ///< the last call's number
  alignas(64) word wake_host_at{Memory::first_number};  ///< the response tail that has to wake the host, if it sleeps
  alignas(64) std::uint32_t generation = 0;
  std::uint32_t output_capacity = 0;                    ///< of the large place
  alignas(64) word answers_read{Memory::first_number};  ///< the large place is free for the answer of this number
  alignas(64) word wish[Memory::ring_entries];          ///< call_wish
  alignas(64) typename Memory::template slot<request_entry> ring[Memory::ring_entries];
};

template <class Memory>
struct response_page_of {
  using word = typename Memory::word;
  alignas(64) word tail{Memory::first_number};     ///< the next answer's number; the host's futex
  alignas(64) word worker_asleep{0};               ///< see below
  alignas(64) word started{Memory::first_number};  ///< the last call that was begun
  typename Memory::wide_word progress{0};          ///< its number, and a float: how much of it is done
  alignas(64) typename Memory::template slot<response_entry> ring[Memory::ring_entries];
};

/// What `worker_asleep` says while the worker waits for it to change. The host clears it, and then wakes the worker:
/// this is the only word of B that it writes. The request tail would do as a futex too, but the worker maps that for
/// reading only, and the kernel takes half a microsecond longer to find a futex in such a mapping. For the same reason
/// the host maps the page of the response tail for writing.
inline constexpr std::uint32_t waits_for_calls = 1;

using request_page = request_page_of<shared_memory>;
using response_page = response_page_of<shared_memory>;

static_assert(sizeof(request_page) <= page_size && sizeof(response_page) <= page_size);
static_assert(ring_entries * small_place % page_size == 0);

}  // namespace ringmill::detail
