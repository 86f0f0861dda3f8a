// The shared memory between the host and one worker: two rings and two arenas. What is said in it, and what is
// believed: offload/channel_protocol.hpp.
//
//   host_channel host(input_bytes, output_bytes, generation);
//   ... write arguments to host.input(), in places that the host chooses, and the same for the results
//   host.add({function, {0, 16}, {0, 4096}});      // up to host_channel::window calls are open at a time
//   host.add({function, {16, 8}, {4096, 4096}});
//   host.publish();                                // once for all that was added; wakes the worker if it sleeps
//   while (auto answer = host.take()) ...          // in the order of the calls
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
#include <ringmill/offload/error.hpp>
#include <ringmill/runtime/config.hpp>

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

  std::byte* data() const noexcept { return static_cast<std::byte*>(address_); }
  std::size_t size() const noexcept { return size_; }

 private:
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

/// A checked answer. The payload is still the worker's to change: read it once (byte_reader does).
struct response {
  std::uint32_t sequence = 0;
  response_status status = response_status::ready;
  std::span<const std::byte> payload;
  std::uint64_t needed = 0;
};

/// The host's side. The memory lives as long as this, whatever the worker does.
class RINGMILL_API host_channel {
  using protocol = host_protocol<shared_memory>;

 public:
  /// The most calls that can be open at a time.
  static constexpr std::uint32_t window = protocol::window;

  /// Makes both memories, sealed. Capacities are at most 1 GiB. `generation` tells this channel from others of the
  /// slot.
  host_channel(std::size_t input_capacity, std::size_t output_capacity, std::uint32_t generation);
  host_channel(const host_channel&) = delete;
  host_channel& operator=(const host_channel&) = delete;

  /// The descriptors for the worker. `forget_descriptors` closes them: the mappings are enough for the host.
  int request_memory() const noexcept { return request_memory_.number(); }
  int response_memory() const noexcept { return response_memory_.number(); }
  void forget_descriptors() noexcept;

  /// Where arguments are written. The input of an open call must not change until its answer was taken.
  std::span<std::byte> input() const noexcept { return {requests_.data() + page_size, input_capacity_}; }
  std::size_t output_capacity() const noexcept { return output_capacity_; }

  /// Answers still to come: one for each open call, and one that says that the worker is ready.
  std::uint32_t owed() const noexcept { return protocol_.owed(); }
  bool has_room() const noexcept { return protocol_.has_room(); }

  /// Adds a call, which the worker sees after `publish`; gives its number. Its places lie within the arenas, and there
  /// is room (checked).
  std::uint32_t add(const call& what);
  /// Shows the worker what was added, and wakes it if it sleeps.
  void publish() noexcept { protocol_.publish(); }
  /// For one call at a time: one whose arguments are the first bytes of input(), and that has all of the output.
  void post(std::uint64_t function, std::size_t argument_bytes);

  /// Tells the worker that nobody wants this open call any more: the function may look, and one that has not begun is
  /// answered with response_status::cancelled. Any other answer may come all the same.
  void cancel(std::uint32_t sequence) noexcept { protocol_.cancel(sequence); }
  /// Whether the worker says that it has begun with an open call. It may lie, about itself only.
  bool has_started(std::uint32_t sequence) const noexcept { return protocol_.has_started(sequence); }

  /// The next answer, in the order of the calls, or nothing. Throws protocol_violation, once: then there is nothing
  /// more.
  std::optional<response> take();

  /// Before waiting on `futex_word` for a change from `expected()`: says that a wake is wanted. After the wake all
  /// answers have to be taken before waiting again.
  void announce_sleep() noexcept { protocol_.announce_sleep(); }
  void announce_awake() noexcept { protocol_.announce_awake(); }
  const std::uint32_t* futex_word() const noexcept;
  std::uint32_t expected() const noexcept { return protocol_.expected(); }

 private:
  host_channel(std::size_t input_capacity, std::size_t output_capacity, std::uint32_t generation, fd requests,
               fd responses);

  std::size_t input_capacity_;
  std::size_t output_capacity_;
  fd request_memory_;
  fd response_memory_;
  mapping requests_;
  mapping responses_;
  protocol protocol_;
};

/// The worker's side.
class RINGMILL_API worker_channel {
 public:
  /// Maps both memories, the first read-only. `doorbell`: an eventfd that the host watches instead of the futex, or -1.
  worker_channel(int request_memory, int response_memory, int doorbell = -1);

  /// Waits for the next call and gives a copy of its entry.
  request_entry next() noexcept { return protocol_.next(); }
  std::span<const std::byte> input(const request_entry& request) const noexcept;
  std::span<std::byte> output(const request_entry& request) const noexcept;
  /// Nobody waits for its answer any more.
  bool is_cancelled(const request_entry& request) const noexcept { return protocol_.is_cancelled(request); }

  /// Publishes an answer, and wakes the host if it sleeps. Calls are answered in the order in which they came.
  void answer(const request_entry& request, response_status status, std::size_t length,
              std::uint64_t needed = 0) noexcept {
    protocol_.answer(request, status, static_cast<std::uint32_t>(length), needed);
  }
  /// The first of all answers: the worker has started.
  void announce_ready() noexcept { protocol_.announce_ready(); }

 private:
  mapping requests_;
  mapping responses_;
  worker_protocol<shared_memory> protocol_;
};

}  // namespace ringmill::detail
