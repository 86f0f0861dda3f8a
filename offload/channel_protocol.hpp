// The two ends of a channel: who writes what, in which order, and what is believed. Without the memory itself, which
// offload/channel.hpp makes, and without system calls but a futex wake.
//
// Up to `Memory::ring_entries` calls are open at a time, and answered in their order. The host trusts nothing that it
// reads: its indices are private, each answer is copied once, and the copy is checked against what was asked. After a
// protocol_violation nothing more is believed: the worker has to be killed and the memory thrown away.
//
// Why no wake-up is lost, no entry torn, and none overwritten before it was read: docs/design/offload_channel.md. The
// memory orders below are all needed; the model checker of the tests finds what happens without each of them.
#pragma once

#include <cstdint>
#include <optional>

#include <ringmill/offload/channel_layout.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/error.hpp>

namespace ringmill::detail {

/// Throws protocol_violation.
[[noreturn]] RINGMILL_API void violated(const char* what);

/// A piece of an arena.
struct place {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
};

/// What the host asks for.
struct call {
  std::uint64_t function = 0;
  place input;   ///< where the arguments are
  place output;  ///< where the result may go; the worker's until the answer was taken
};

/// An answer that was checked; `where` lies in the call's output.
struct checked_answer {
  std::uint32_t sequence = 0;
  response_status status = response_status::ready;
  place where;
  std::uint64_t needed = 0;
};

/// The host's end. Made before the worker starts.
template <class Memory>
class host_protocol {
 public:
  static constexpr std::uint32_t window = Memory::ring_entries;

  host_protocol(request_page_of<Memory>& requests, const response_page_of<Memory>& responses,
                std::uint32_t generation) noexcept
      : requests_(requests), responses_(responses), generation_(generation) {
    requests_.generation = generation;
  }

  /// Answers still to come: one for each call, and one that says that the worker is ready.
  std::uint32_t owed() const noexcept { return added_ + 1 - taken_; }
  /// For one more call.
  bool has_room() const noexcept { return owed() < window; }

  /// Adds a call, which the worker sees after `publish`; gives its number. Only if there is room.
  std::uint32_t add(const call& what) {
    RINGMILL_CHECK(has_room(), "a worker's channel was given more calls than its window holds");
    const std::uint32_t sequence = ++added_;
    open_call& kept = open_[sequence % window];
    if (kept.is_cancelled) requests_.cancelled[sequence % window].store(0, std::memory_order_relaxed);
    kept = {what.output, false};
    Memory::write(requests_.ring[sequence % window],
                  request_entry{sequence, generation_, what.function, what.input.offset, what.input.length,
                                what.output.offset, what.output.length});
    return sequence;
  }

  /// Shows the worker what was added, once for a batch, and wakes it if it sleeps.
  void publish() {
    requests_.tail.store(added_, std::memory_order_seq_cst);
    // The worker's word: if it lies, it is not woken.
    if (responses_.worker_asleep.load(std::memory_order_seq_cst) != 0) Memory::wake(requests_.tail);
  }

  /// Lets the worker know that nobody wants this open call any more. It answers all the same, when it likes.
  void cancel(std::uint32_t sequence) {
    if (!is_open(sequence)) return;
    open_[sequence % window].is_cancelled = true;
    requests_.cancelled[sequence % window].store(1, std::memory_order_relaxed);
  }

  /// The next answer, or nothing. Throws protocol_violation, once; from then on there is nothing.
  std::optional<checked_answer> take() {
    const std::uint32_t count = responses_.tail.load(std::memory_order_acquire) - taken_;
    if (count == 0 || is_closed_) return std::nullopt;
    is_closed_ = true;  // unless all of it is right
    if (count > owed()) violated("more answers than calls");
    const checked_answer answer = check(Memory::read(responses_.ring[taken_ % window]));
    is_closed_ = false;
    ++taken_;
    return answer;
  }

  /// Whether the worker says that it has begun with an open call. It may lie, about itself only.
  bool has_started(std::uint32_t sequence) const {
    return static_cast<std::int32_t>(responses_.started.load(std::memory_order_relaxed) - sequence) >= 0;
  }

  /// Asks to be woken from now on: then wait for `futex` to differ from `expected()`, or for the doorbell, and take.
  void announce_sleep() { requests_.host_asleep.store(1, std::memory_order_seq_cst); }
  void announce_awake() { requests_.host_asleep.store(0, std::memory_order_relaxed); }
  const typename Memory::word& futex() const noexcept { return responses_.tail; }
  std::uint32_t expected() const noexcept { return taken_; }

 private:
  struct open_call {
    place output;
    bool is_cancelled = false;
  };

  bool is_open(std::uint32_t sequence) const noexcept {
    return sequence - taken_ < owed() && (is_ready_ || sequence != taken_);
  }

  checked_answer check(const response_entry& entry) {
    if (entry.generation != generation_) violated("its generation");
    if (entry.sequence != taken_) violated("its sequence number");
    const auto status = static_cast<response_status>(entry.status);
    if (status < response_status::ready || status > response_status::cancelled) violated("its status");
    if ((status == response_status::ready) == is_ready_) violated("its status");
    const open_call asked = is_ready_ ? open_[taken_ % window] : open_call();
    if (status == response_status::cancelled && !asked.is_cancelled) violated("its status");
    const place given = asked.output;
    is_ready_ = true;
    if (entry.offset != given.offset || entry.length > given.length) violated("its place in memory");
    if (status == response_status::too_large && entry.needed <= given.length) violated("the size that it needs");
    return {entry.sequence, status, {entry.offset, entry.length}, entry.needed};
  }

  request_page_of<Memory>& requests_;
  const response_page_of<Memory>& responses_;
  std::uint32_t generation_;
  std::uint32_t added_ = Memory::first_number;  ///< the last call's number
  std::uint32_t taken_ = Memory::first_number;  ///< the next answer's number
  bool is_ready_ = false;
  bool is_closed_ = false;
  open_call open_[window];  ///< what was given with each open call
};

/// The worker's end.
template <class Memory>
class worker_protocol {
 public:
  /// `doorbell`: an eventfd that the host watches instead of the futex, or -1.
  worker_protocol(const request_page_of<Memory>& requests, response_page_of<Memory>& responses, int doorbell) noexcept
      : requests_(requests), responses_(responses), doorbell_(doorbell) {}

  /// Waits for the next call and gives a copy of its entry.
  request_entry next() {
    while (requests_.tail.load(std::memory_order_acquire) == taken_) {
      responses_.worker_asleep.store(1, std::memory_order_seq_cst);
      if (requests_.tail.load(std::memory_order_seq_cst) == taken_) Memory::wait(requests_.tail, taken_);
      responses_.worker_asleep.store(0, std::memory_order_relaxed);
    }
    responses_.started.store(++taken_, std::memory_order_relaxed);
    return Memory::read(requests_.ring[taken_ % Memory::ring_entries]);
  }

  bool is_cancelled(const request_entry& request) const {
    return requests_.cancelled[request.sequence % Memory::ring_entries].load(std::memory_order_relaxed) != 0;
  }

  /// The first of all answers: the worker has started.
  void announce_ready() {
    publish(
        {Memory::first_number, requests_.generation, static_cast<std::uint32_t>(response_status::ready), 0, 0, 0, 0});
  }

  /// Publishes the answer to the call that was taken first of those open, and wakes the host if it sleeps.
  void answer(const request_entry& request, response_status status, std::uint32_t length, std::uint64_t needed) {
    publish({request.sequence, request.generation, static_cast<std::uint32_t>(status), request.output_offset, length, 0,
             needed});
  }

 private:
  void publish(const response_entry& entry) {
    Memory::write(responses_.ring[posted_ % Memory::ring_entries], entry);
    responses_.tail.store(++posted_, std::memory_order_seq_cst);
    if (requests_.host_asleep.load(std::memory_order_seq_cst) != 0) Memory::wake_host(responses_.tail, doorbell_);
  }

  const request_page_of<Memory>& requests_;
  response_page_of<Memory>& responses_;
  int doorbell_;
  std::uint32_t taken_ = Memory::first_number;   ///< the last call's number
  std::uint32_t posted_ = Memory::first_number;  ///< the next answer's number
};

}  // namespace ringmill::detail
