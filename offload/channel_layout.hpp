// What lies in the memory that the host shares with one worker. docs/design/channel.md says why it is so.
//
//   A, written by the host, read-only for the worker:   [ request_page | input arena ]
//   B, written by the worker, read by the host:         [ response_page | output arena ]
//
// Indices run free over 32 bits; the low bits are the position in the ring.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ringmill::detail {

inline constexpr std::size_t page_size = 4096;
inline constexpr std::uint32_t ring_entries = 8;  ///< a power of two; more than are ever in flight

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
  ready = 1,  ///< the worker has started; sequence 0
  value,      ///< the result's bytes
  error,      ///< an exception's bytes
  too_large,  ///< the result did not fit; `needed` says what it takes
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

struct request_page {
  alignas(64) std::atomic<std::uint32_t> tail;         ///< the worker's futex
  alignas(64) std::atomic<std::uint32_t> host_asleep;  ///< the host waits on the response tail
  alignas(64) std::uint32_t generation;
  std::uint32_t input_capacity;
  std::uint32_t output_capacity;
  alignas(64) request_entry ring[ring_entries];
};

struct response_page {
  alignas(64) std::atomic<std::uint32_t> tail;           ///< the host's futex
  alignas(64) std::atomic<std::uint32_t> worker_asleep;  ///< the worker waits on the request tail
  alignas(64) response_entry ring[ring_entries];
};

static_assert(sizeof(request_page) <= page_size && sizeof(response_page) <= page_size);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free && sizeof(std::atomic<std::uint32_t>) == 4);

}  // namespace ringmill::detail
