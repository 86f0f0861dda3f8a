// What lies in the memory that the host shares with one worker. docs/design/channel.md says why it is so.
//
//   A, written by the host, read-only for the worker:   [ request_page | input arena ]
//   B, written by the worker, read-only for the host:   [ response_page | output arena ]
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

/// Memory shared between processes, and the futexes in it.
class RINGMILL_API shared_memory {
 public:
  /// A power of two: the most calls that can be open at a time.
  static constexpr std::uint32_t ring_entries = 16;
  /// The number that the worker's announcement has. Shared memory starts as zeros; tests start close to the overflow.
  static constexpr std::uint32_t first_number = 0;

  using word = std::atomic<std::uint32_t>;
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
};

static_assert(shared_memory::word::is_always_lock_free && sizeof(shared_memory::word) == sizeof(std::uint32_t));

/// One call. All that it says is the host's, and true.
struct request_entry {
  std::uint32_t sequence;
  std::uint32_t generation;
  std::uint64_t function;
  std::uint32_t input_offset;
  std::uint32_t input_length;
  std::uint32_t output_offset;
  std::uint32_t output_capacity;
};

enum class response_status : std::uint32_t {
  ready = 1,  ///< the worker has started; the first answer, and never again
  value,      ///< the result's bytes
  error,      ///< an exception's bytes
  too_large,  ///< the result did not fit; `needed` says what it takes
  cancelled,  ///< the worker saw that it was cancelled before it began
};

/// One answer. All that it says is checked before it is used.
struct response_entry {
  std::uint32_t sequence;
  std::uint32_t generation;
  std::uint32_t status;
  std::uint32_t offset;
  std::uint32_t length;
  std::uint32_t reserved;
  std::uint64_t needed;
};

template <class Memory>
struct request_page_of {
  using word = typename Memory::word;
  alignas(64) word tail{Memory::first_number};  ///< the last call's number; the worker's futex
  alignas(64) word host_asleep{0};              ///< the host waits on the response tail
  alignas(64) std::uint32_t generation = 0;
  /// Not zero: the call in this place is to stop.
  alignas(64) word cancelled[Memory::ring_entries];
  alignas(64) typename Memory::template slot<request_entry> ring[Memory::ring_entries];
};

template <class Memory>
struct response_page_of {
  using word = typename Memory::word;
  alignas(64) word tail{Memory::first_number};  ///< the next answer's number; the host's futex
  alignas(64) word worker_asleep{0};            ///< the worker waits on the request tail
  word started{Memory::first_number};           ///< the last call that it has taken up: the worker's word for it
  alignas(64) typename Memory::template slot<response_entry> ring[Memory::ring_entries];
};

using request_page = request_page_of<shared_memory>;
using response_page = response_page_of<shared_memory>;

static_assert(sizeof(request_page) <= page_size && sizeof(response_page) <= page_size);

}  // namespace ringmill::detail
