// fault::no_memory: where the frames of a simulated world come from when some find none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <new>
#include <optional>

#include <ringmill/io/sim/detail/environment.hpp>
#include <ringmill/runtime/frame_memory.hpp>

namespace ringmill::sim::detail {

/// Is the thread's frame memory, if the options ask for that, as long as it lives.
class frame_faults {
 public:
  explicit frame_faults(environment& around) : memory_(around), is_on_(around.settings.rate(fault::no_memory) > 0) {
    if (is_on_) set_frame_memory(&memory_);
  }
  ~frame_faults() {
    if (is_on_) set_frame_memory(nullptr);
  }
  frame_faults(const frame_faults&) = delete;
  frame_faults& operator=(const frame_faults&) = delete;

 private:
  class memory final : public std::pmr::memory_resource {
   public:
    explicit memory(environment& around) noexcept : around_(around) {}
    std::optional<std::uint32_t> host;  ///< that runs

   private:
    void* do_allocate(std::size_t size, std::size_t) override {
      if (host && around_.happens(fault::no_memory, *host)) throw std::bad_alloc();
      return ::operator new(size);
    }
    void do_deallocate(void* frame, std::size_t, std::size_t) override { ::operator delete(frame); }
    bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

    environment& around_;
  };

 public:
  /// While it lives the host's tasks run, and their frames may find no memory.
  class turn {
   public:
    turn(frame_faults& all, std::uint32_t host) noexcept : memory_(all.memory_) { memory_.host = host; }
    ~turn() { memory_.host.reset(); }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;

   private:
    memory& memory_;
  };

 private:
  memory memory_;
  bool is_on_;
};

}  // namespace ringmill::sim::detail
