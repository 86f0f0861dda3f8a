// A worker of a pool in a simulated world: the worker's end of the channel as it is (offload/channel_protocol.hpp),
// over memory whose every load and store is a step of a simulated process.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <ringmill/io/sim/detail/event_counter.hpp>
#include <ringmill/io/sim/detail/process.hpp>
#include <ringmill/io/sim/detail/shared_memory.hpp>
#include <ringmill/offload/channel_protocol.hpp>
#include <ringmill/offload/detail/current_call.hpp>

namespace ringmill::detail {

/// What `shared_memory` is for real workers.
class stepped_memory {
 public:
  static constexpr std::uint32_t ring_entries = shared_memory::ring_entries;
  static constexpr std::uint32_t first_number = shared_memory::first_number;

  template <class Value>
  class word_of {
   public:
    explicit(false) constexpr word_of(Value start) noexcept : value_(start) {}
    Value load(std::memory_order order) const {
      step();
      return value_.load(order);
    }
    void store(Value value, std::memory_order order) {
      if (step()) value_.store(value, order);
    }
    const Value* address() const noexcept { return reinterpret_cast<const Value*>(&value_); }

   private:
    std::atomic<Value> value_;
  };
  using word = word_of<std::uint32_t>;
  using wide_word = word_of<std::uint64_t>;
  template <class Entry>
  using slot = Entry;

  static void write(response_entry& shared, const response_entry& value);
  template <class Entry>
  static Entry read(const Entry& shared) {
    step();
    return shared;
  }
  static void wait(const word& futex, std::uint32_t expected);
  static void wake_host(const word& futex, int doorbell);
  static void pause(const word& value);

 private:
  /// False: the worker is dead, and what it writes is not written.
  static bool step();
};

static_assert(sizeof(request_page_of<stepped_memory>) == sizeof(request_page));
static_assert(sizeof(response_page_of<stepped_memory>) == sizeof(response_page));

/// What a worker gets from its zygote.
class worker_memory {
 public:
  std::shared_ptr<sim::detail::memory_object> requests;
  std::shared_ptr<sim::detail::memory_object> responses;
  std::shared_ptr<sim::detail::event_counter> doorbell;  ///< or null
  std::shared_ptr<sim::detail::memory_object> buffers;   ///< or null
};

/// Has the functions of a worker_channel, for serve_call.
class simulated_worker final : public call_host {
 public:
  simulated_worker(sim::detail::process& self, const worker_memory& memory);
  ~simulated_worker();

  /// Serves the channel until it is killed; gives an exit code if it could not start.
  int run(std::uint64_t initializer);

  bool begin(const request_entry& request) { return protocol_.begin(request); }
  std::span<const std::byte> input(const request_entry& request) const noexcept;
  std::span<std::byte> small_output(const request_entry& request) const noexcept;
  std::span<std::byte> large_output() const noexcept;
  void wait_for_large_output(const request_entry& request) const { protocol_.wait_for_large_output(request); }
  void answer(const request_entry& request, response_status status, std::span<const std::byte> payload = {},
              std::uint64_t needed = 0, std::uint32_t run_time = 0);

  bool is_serving() const noexcept { return request_.has_value(); }
  bool is_asked_to_stop() const noexcept override;
  void report_progress(float done) noexcept override;
  std::int64_t nanoseconds() const noexcept override;
  std::span<const std::byte> buffers() const noexcept override;
  /// Of worker_local.
  void*& place_of(const void* key, void (*destroy)(void* value));

  // For the memory.

  sim::detail::process& self() noexcept { return self_; }
  void ring_the_bell() { memory_.doorbell->add(1); }
  bool may_throw() const noexcept { return !is_quiet_; }
  /// The worker goes wrong: its next answer is one that no worker writes.
  void distort(response_entry& entry);

 private:
  using kept_value = std::pair<void*, void (*)(void*)>;

  std::span<std::byte> memory_at(place where) const noexcept;

  std::atomic<std::int64_t> last_report_ = -1'000'000;
  sim::detail::process& self_;
  worker_memory memory_;
  worker_protocol<stepped_memory> protocol_;
  output_places places_;
  std::optional<request_entry> request_;
  mutable bool is_quiet_ = false;
  std::map<const void*, kept_value> kept_;
};

}  // namespace ringmill::detail
