// The shared memory between the host and one worker: two rings and two arenas. What is said in it, and what of that is
// believed: offload/channel_protocol.hpp.
//
// Several calls may be in flight; the worker runs them one after the other, and answers in that order. So the input
// arena is a ring (offload/detail/input_ring.hpp). A result lies in the small place of its entry, or, if it is larger,
// in the large place, which the worker uses only when the host has read all earlier answers.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include <ringmill/io/fd.hpp>
#include <ringmill/offload/channel_layout.hpp>
#include <ringmill/offload/channel_protocol.hpp>
#include <ringmill/offload/detail/input_ring.hpp>
#include <ringmill/offload/detail/spin_backoff.hpp>
#include <ringmill/offload/error.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/driver.hpp>

namespace ringmill::detail {

/// A shared mapping.
class RINGMILL_API mapping {
 public:
  mapping() noexcept = default;
  /// Throws std::system_error.
  mapping(int memory, std::size_t size, bool writable);
  mapping(mapping&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  mapping& operator=(mapping&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~mapping();

  /// The first `size` bytes, whole pages, of one that is only for reading.
  void make_writable(std::size_t size);
  std::byte* data() const noexcept { return static_cast<std::byte*>(address_); }
  std::size_t size() const noexcept { return size_; }

 private:
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

/// A checked answer. The payload is still the worker's to change: read it once (byte_reader does).
struct response {
  response_status status = response_status::ready;
  std::uint32_t sequence = 0;  ///< of its request
  std::uint32_t run_time = 0;  ///< in ns; the worker's word
  std::span<const std::byte> payload;
  std::uint64_t needed = 0;
};

/// The host's side. The memory lives as long as this, whatever the worker does.
class RINGMILL_API host_channel {
 public:
  /// Makes both memories, sealed. Capacities are at most 1 GiB. `generation` tells this channel from others of the
  /// slot.
  host_channel(std::size_t input_capacity, std::size_t output_capacity, std::uint32_t generation);
  host_channel(const host_channel&) = delete;
  host_channel& operator=(const host_channel&) = delete;

  /// The descriptors for the worker. `forget_descriptors` closes them: the mappings are enough for the host.
  int request_memory() const noexcept { return request_memory_.number(); }
  int response_memory() const noexcept { return response_memory_.number(); }
  void forget_descriptors() noexcept;

  /// Memory for the arguments of one more call, aligned to a cache line; null while the ring or the arena is full. It
  /// is given up by the next `reserve` unless `post` has come between.
  std::byte* reserve(std::size_t argument_bytes) noexcept;
  /// Writes a call whose arguments are in the memory of the last `reserve`; the worker sees it after `publish`. Gives
  /// the call's number.
  std::uint32_t stage(std::uint64_t function, std::size_t argument_bytes) noexcept;
  /// Publishes all that was staged, and wakes the worker if it sleeps.
  void publish() noexcept { protocol_.publish(); }
  /// Both.
  std::uint32_t post(std::uint64_t function, std::size_t argument_bytes) noexcept {
    const std::uint32_t sequence = stage(function, argument_bytes);
    publish();
    return sequence;
  }
  /// Calls that were staged and not answered. The oldest has the number `first_unanswered()`, the next one
  /// that is staged `next_number()`.
  std::uint32_t in_flight() const noexcept { return protocol_.in_flight(); }
  std::uint32_t first_unanswered() const noexcept { return protocol_.first_unanswered(); }
  std::uint32_t next_number() const noexcept { return protocol_.next_number(); }

  /// Calls it back. True if the worker will not start it, but answer `skipped`; false if it has begun (or says so).
  bool revoke(std::uint32_t sequence) noexcept { return protocol_.revoke(sequence); }
  /// Was `revoke` or `ask_to_stop` called for it?
  bool was_called_back(std::uint32_t sequence) const noexcept { return protocol_.was_called_back(sequence); }
  /// Lets the function know, if it asks.
  void ask_to_stop(std::uint32_t sequence) noexcept { protocol_.ask_to_stop(sequence); }
  /// The worker's word.
  bool has_started(std::uint32_t sequence) const noexcept { return protocol_.has_started(sequence); }
  /// How much of the call is done, as the worker says: from 0 to 1, or less than 0 if it has not said.
  float progress_of(std::uint32_t sequence) const noexcept { return protocol_.progress_of(sequence); }

  /// The next answer, or nothing. Its payload stays until `done_reading`, or a `stage` a whole ring later. Throws
  /// protocol_violation, once: then there is nothing more.
  std::optional<response> take();
  void done_reading() noexcept { protocol_.done_reading(); }

  /// There is one more, right or wrong.
  bool has_answer() const noexcept { return protocol_.has_answer(); }

  /// Before each wait on `futex_word` for a change from `expected()` but the first: says that a wake is wanted, one.
  /// Look with `has_answer` after it. While awake, each answer saves the worker a system call. A new channel has said
  /// it.
  void announce_sleep() noexcept { protocol_.announce_sleep(); }
  const std::uint32_t* futex_word() const noexcept;
  std::uint32_t expected() const noexcept { return protocol_.expected(); }

 private:
  host_channel(std::size_t input_capacity, std::size_t output_capacity, std::uint32_t generation, fd requests,
               fd responses);

  fd request_memory_;
  fd response_memory_;
  mapping requests_;
  mapping responses_;
  host_protocol<shared_memory> protocol_;
  input_ring input_;
  std::size_t reserved_ = 0;  ///< where the memory of the last `reserve` begins
};

/// The worker's side.
class RINGMILL_API worker_channel {
 public:
  /// Maps both memories, the first read-only. `doorbell`: an eventfd that the host watches instead of the futex, or -1.
  worker_channel(int request_memory, int response_memory, int doorbell = -1);

  /// How long `next` looks before it sleeps, where that has helped lately and the last call took no longer than that;
  /// not at all by default.
  void spin_before_sleep(duration length) noexcept { spin_ = length; }
  /// Waits for the next call and gives a copy of its entry.
  request_entry next() noexcept {
    if (spin_ > duration::zero() && !protocol_.has_call()) spin();
    return protocol_.next();
  }
  std::span<const std::byte> input(const request_entry& request) const noexcept;
  /// Says that it begins. False: answer `skipped` instead.
  bool begin(const request_entry& request) noexcept { return protocol_.begin(request); }
  bool is_asked_to_stop(const request_entry& request) const noexcept { return protocol_.is_asked_to_stop(request); }
  /// From 0 to 1; wakes the host if it sleeps.
  void report_progress(const request_entry& request, float done) noexcept { protocol_.report_progress(request, done); }

  /// The two places for a result. Before it writes into the large one, the worker waits until that is free.
  std::span<std::byte> small_output(const request_entry& request) const noexcept;
  std::span<std::byte> large_output() const noexcept;
  void wait_for_large_output(const request_entry& request) const noexcept { protocol_.wait_for_large_output(request); }

  /// Publishes an answer, whose payload begins one of the two places, and wakes the host if it sleeps.
  void answer(const request_entry& request, response_status status, std::span<const std::byte> payload = {},
              std::uint64_t needed = 0, std::uint32_t run_time = 0) noexcept;
  /// The first of all answers: the worker has started.
  void announce_ready() noexcept { protocol_.announce_ready(); }

 private:
  void spin() noexcept;
  std::span<std::byte> memory_at(place where) const noexcept;

  mapping requests_;
  mapping responses_;
  worker_protocol<shared_memory> protocol_;
  duration spin_ = duration::zero();
  duration last_run_ = duration::zero();
  spin_backoff backoff_;
};

}  // namespace ringmill::detail
