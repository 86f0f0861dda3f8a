// The two ends of a channel: who writes what, in which order, and what is believed. Without the memory itself, which
// offload/channel.hpp makes, and without system calls but a futex wake.
//
// Up to `Memory::ring_entries` calls are open at a time, and answered in their order. The host trusts nothing that it
// reads: its indices are private, each answer is copied once, and the copy is checked. After a protocol_violation
// nothing more is believed: the worker has to be killed and the memory thrown away.
//
// Why no wake-up is lost, no entry torn, and none overwritten before it was read: docs/design/offload_channel.md. The
// memory orders below are needed; the model checker of the tests shows what happens without them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <ringmill/offload/channel_layout.hpp>
#include <ringmill/offload/detail/fault_point.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/error.hpp>

namespace ringmill::detail {

/// Throws protocol_violation.
[[noreturn]] RINGMILL_API void violated(const char* what);

/// A piece of a memory: offsets count from its beginning, the page of header included.
struct place {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
};

/// Where a result may lie: each place in the ring has a small one of its own, and there is a large one for all.
class output_places {
 public:
  static constexpr std::uint32_t large_offset = page_size + ring_entries * small_place;

  explicit output_places(std::size_t large_capacity) noexcept
      : large_capacity_(static_cast<std::uint32_t>(large_capacity)) {}
  static place small(std::uint32_t sequence) noexcept {
    return {static_cast<std::uint32_t>(page_size + sequence % ring_entries * small_place), small_place};
  }
  place large() const noexcept { return {large_offset, large_capacity_}; }

 private:
  std::uint32_t large_capacity_;
};

/// An answer that was checked.
struct checked_answer {
  std::uint32_t sequence = 0;
  response_status status = response_status::ready;
  std::uint32_t run_time = 0;  ///< in ns; the worker's word
  place where;
  std::uint64_t needed = 0;
};

/// The host's end. Made before the worker starts, and asleep until the first answer: a worker that is ready before the
/// host goes on rings all the same.
template <class Memory>
class host_protocol {
 public:
  static constexpr std::uint32_t window = Memory::ring_entries;

  host_protocol(request_page_of<Memory>& requests, response_page_of<Memory>& responses, std::uint32_t generation,
                output_places places)
      : requests_(requests),
        responses_(responses),
        worker_asleep_(responses.worker_asleep),
        generation_(generation),
        places_(places) {
    requests_.generation = generation;
    requests_.output_capacity = places.large().length;
    announce_sleep();
  }

  /// Calls without an answer. The oldest has the number `first_unanswered`.
  std::uint32_t in_flight() const noexcept { return posted_ + 1 - first_unanswered(); }
  std::uint32_t first_unanswered() const noexcept { return is_ready_ ? taken_ : taken_ + 1; }
  /// The number that the next call gets.
  std::uint32_t next_number() const noexcept { return posted_ + 1; }
  /// For one more call: each open one has a place in both rings, and so has the announcement until it is taken.
  bool has_room() const noexcept { return owed() < window; }

  /// Writes a call, which the worker sees after `publish`; gives its number. Only if there is room. From here on the
  /// payload of the answer that was `window` calls ago may be overwritten.
  std::uint32_t stage(std::uint64_t function, place input) {
    RINGMILL_CHECK(has_room(), "a worker's channel was given more calls than its rings hold");
    const std::uint32_t sequence = ++posted_;
    set_wish(sequence, call_wish::run, std::memory_order_relaxed);
    Memory::write(requests_.ring[sequence % window],
                  request_entry{sequence, generation_, function, input.offset, input.length});
    RINGMILL_FAULT_POINT("host_request_written");
    return sequence;
  }
  /// Shows the worker all that was staged, and wakes it if it sleeps.
  void publish() {
    requests_.tail.store(posted_, std::memory_order_seq_cst);
    RINGMILL_FAULT_POINT("host_request_published");
    // The worker's word: if it lies, it is not woken.
    if (worker_asleep_.load(std::memory_order_seq_cst) == 0) return;
    worker_asleep_.store(0, std::memory_order_release);
    Memory::wake(worker_asleep_);
  }

  /// Calls an open call back. True if the worker will not start it, but answer `skipped`; false if it has begun (or
  /// says so). The worker says that it begins, then looks at the wish; here it is the other way round: one of the two
  /// sees the other.
  bool revoke(std::uint32_t sequence) {
    set_wish(sequence, call_wish::skip, std::memory_order_seq_cst);
    return !has_started(sequence);
  }
  /// Lets the function know, if it asks.
  void ask_to_stop(std::uint32_t sequence) { set_wish(sequence, call_wish::stop, std::memory_order_relaxed); }
  /// Was one of these two called for it?
  bool was_called_back(std::uint32_t sequence) const noexcept { return wishes_[sequence % window] != call_wish::run; }
  /// Whether the worker says that it has begun with an open call. It may lie, about itself only.
  bool has_started(std::uint32_t sequence) const {
    return static_cast<std::int32_t>(responses_.started.load(std::memory_order_seq_cst) - sequence) >= 0;
  }
  /// How much of the call is done, as the worker says: from 0 to 1, or less than 0 if it has not said.
  float progress_of(std::uint32_t sequence) const {
    const std::uint64_t said = responses_.progress.load(std::memory_order_relaxed);
    if (static_cast<std::uint32_t>(said >> 32) != sequence) return -1;
    const float done = std::bit_cast<float>(static_cast<std::uint32_t>(said));
    return done >= 0 && done <= 1 ? done : -1;  // not a number: neither
  }

  /// The next answer, or nothing. Throws protocol_violation, once; from then on there is nothing.
  std::optional<checked_answer> take() {
    const std::uint32_t count = responses_.tail.load(std::memory_order_acquire) - taken_;
    if (count == 0 || is_closed_) return std::nullopt;
    is_closed_ = true;  // unless all of it is right
    if (count > owed()) violated("more answers than calls");
    const checked_answer answer = check(Memory::read(responses_.ring[taken_ % window]));
    is_closed_ = false;
    is_ready_ = true;
    ++taken_;
    RINGMILL_FAULT_POINT("host_answer_taken");
    return answer;
  }
  /// There is one more, right or wrong.
  bool has_answer() const { return responses_.tail.load(std::memory_order_seq_cst) != taken_; }
  /// The payloads of all answers so far have been read: the large place is free for the next.
  void done_reading() { requests_.answers_read.store(taken_, std::memory_order_release); }

  /// Asks to be woken by the next answer: then wait for `futex` to differ from `expected`, or for the doorbell; for the
  /// latter not before a look with `has_answer`. Take all that is there and announce it again before waiting again. The
  /// answers between cost the worker no system call.
  void announce_sleep() { requests_.wake_host_at.store(taken_ + 1, std::memory_order_seq_cst); }
  const typename Memory::word& futex() const noexcept { return responses_.tail; }
  std::uint32_t expected() const noexcept { return taken_; }

 private:
  /// Answers still to come, the announcement included.
  std::uint32_t owed() const noexcept { return posted_ + 1 - taken_; }

  void set_wish(std::uint32_t sequence, call_wish wish, std::memory_order order) {
    wishes_[sequence % window] = wish;
    requests_.wish[sequence % window].store(static_cast<std::uint32_t>(wish), order);
  }

  checked_answer check(const response_entry& entry) const {
    if (entry.generation != generation_) violated("its generation");
    if (entry.sequence != taken_) violated("its sequence number");
    const auto status = static_cast<response_status>(entry.status);
    if (status < response_status::ready || status > response_status::stopped) violated("its status");
    if ((status == response_status::ready) == is_ready_) violated("its status");
    const bool ended_early = status == response_status::skipped || status == response_status::stopped;
    if (ended_early && !was_called_back(taken_)) violated("its status");
    const place given = entry.offset == output_places::large_offset ? places_.large() : output_places::small(taken_);
    if (entry.offset != given.offset) violated("its place in memory");
    if (entry.length > given.length) violated("its length");
    if (status == response_status::too_large && entry.needed <= places_.large().length) {
      violated("the size that it needs");
    }
    return {entry.sequence, status, entry.run_time, {entry.offset, entry.length}, entry.needed};
  }

  request_page_of<Memory>& requests_;
  const response_page_of<Memory>& responses_;
  typename Memory::word& worker_asleep_;
  std::uint32_t generation_;
  output_places places_;
  std::uint32_t posted_ = Memory::first_number;  ///< the last call's number
  std::uint32_t taken_ = Memory::first_number;   ///< the next answer's number
  bool is_ready_ = false;
  bool is_closed_ = false;
  call_wish wishes_[window] = {};
};

/// The worker's end.
template <class Memory>
class worker_protocol {
 public:
  /// `doorbell`: an eventfd that the host watches instead of the futex, or -1.
  worker_protocol(const request_page_of<Memory>& requests, response_page_of<Memory>& responses, int doorbell) noexcept
      : requests_(requests), responses_(responses), doorbell_(doorbell) {}

  /// There is a call: `next` will not sleep.
  bool has_call() const { return requests_.tail.load(std::memory_order_acquire) != taken_; }
  /// Waits for the next call and gives a copy of its entry.
  request_entry next() {
    while (requests_.tail.load(std::memory_order_acquire) == taken_) {
      responses_.worker_asleep.store(waits_for_calls, std::memory_order_seq_cst);
      if (requests_.tail.load(std::memory_order_seq_cst) == taken_) {
        Memory::wait(responses_.worker_asleep, waits_for_calls);
      }
      responses_.worker_asleep.store(0, std::memory_order_relaxed);
    }
    return Memory::read(requests_.ring[++taken_ % Memory::ring_entries]);
  }

  /// Says that it begins. False: answer `skipped` instead.
  bool begin(const request_entry& request) {
    responses_.started.store(request.sequence, std::memory_order_seq_cst);
    return wish(request, std::memory_order_seq_cst) != call_wish::skip;
  }
  bool is_asked_to_stop(const request_entry& request) const {
    return wish(request, std::memory_order_relaxed) == call_wish::stop;
  }
  /// From 0 to 1; wakes the host if it sleeps.
  void report_progress(const request_entry& request, float done) {
    responses_.progress.store(std::uint64_t{request.sequence} << 32 | std::bit_cast<std::uint32_t>(done),
                              std::memory_order_relaxed);
    wake_host_at(responses_.tail.load(std::memory_order_relaxed) + 1);
  }

  output_places places() const noexcept { return output_places(requests_.output_capacity); }
  /// Until the host has read all earlier answers, and with them what lies in the large place.
  void wait_for_large_output(const request_entry& request) const {
    while (requests_.answers_read.load(std::memory_order_acquire) != request.sequence) {
      Memory::pause(requests_.answers_read);
    }
  }

  /// The first of all answers: the worker has started.
  void announce_ready() {
    const std::uint32_t sequence = Memory::first_number;
    publish({sequence, requests_.generation, static_cast<std::uint32_t>(response_status::ready),
             output_places::small(sequence).offset, 0, 0, 0});
  }
  /// Publishes the answer to the oldest call that was taken and not answered, and wakes the host if it sleeps.
  void answer(const request_entry& request, response_status status, place payload, std::uint64_t needed,
              std::uint32_t run_time) {
    publish({request.sequence, request.generation, static_cast<std::uint32_t>(status), payload.offset, payload.length,
             run_time, needed});
  }

 private:
  call_wish wish(const request_entry& request, std::memory_order order) const {
    return static_cast<call_wish>(requests_.wish[request.sequence % Memory::ring_entries].load(order));
  }
  void publish(const response_entry& entry) {
    RINGMILL_FAULT_POINT("answer_made");
    Memory::write(responses_.ring[posted_ % Memory::ring_entries], entry);
    RINGMILL_FAULT_POINT("answer_written");
    responses_.tail.store(++posted_, std::memory_order_seq_cst);
    RINGMILL_FAULT_POINT("answer_published");
    wake_host_at(posted_);
  }
  /// If it sleeps until the tail is this. Others have nothing to wake it for: it has seen them, or is about to.
  void wake_host_at(std::uint32_t tail) {
    if (requests_.wake_host_at.load(std::memory_order_seq_cst) == tail) Memory::wake_host(responses_.tail, doorbell_);
  }

  const request_page_of<Memory>& requests_;
  response_page_of<Memory>& responses_;
  int doorbell_;
  std::uint32_t taken_ = Memory::first_number;   ///< the last call's number
  std::uint32_t posted_ = Memory::first_number;  ///< the next answer's number
};

}  // namespace ringmill::detail
