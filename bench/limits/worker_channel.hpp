// The least that work in another process costs here: a ring in shared memory, a futex to wake, nothing that is checked,
// no deadline, no loop. 64 bytes in, 64 bytes out.
#pragma once

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <stdexcept>

namespace limits {

inline void pin_to(int processor) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  sched_setaffinity(0, sizeof one, &one);
}
inline void unpin() {
  cpu_set_t all;
  std::memset(&all, 0xff, sizeof all);
  sched_setaffinity(0, sizeof all, &all);
}

struct message {
  std::uint64_t words[8];
};

/// A worker process and the ring to it. `doorbell` is what the host sleeps on: one for all its workers.
class worker_channel {
 public:
  struct doorbell {
    std::atomic<std::uint32_t> rung{0};
    std::atomic<std::uint32_t> asleep{0};
  };
  static doorbell& make_doorbell() { return *new (share(sizeof(doorbell))) doorbell; }

  worker_channel(doorbell& bell, int processor, std::size_t payload = 0) : bell_(bell) {
    shared_ = new (share(sizeof(layout))) layout;
    if (payload != 0) payload_ = static_cast<std::byte*>(share(payload));
    child_ = fork();
    if (child_ < 0) throw std::runtime_error("fork");
    if (child_ == 0) serve(processor);
  }
  ~worker_channel() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    munmap(shared_, sizeof(layout));
  }
  worker_channel(const worker_channel&) = delete;
  worker_channel& operator=(const worker_channel&) = delete;

  std::byte* payload() noexcept { return payload_; }
  std::uint32_t in_flight() const noexcept { return sent_ - received_; }
  void send(const message& what) {
    shared_->requests[sent_ % entries] = what;
    shared_->request_tail.store(++sent_, std::memory_order_seq_cst);
    if (shared_->worker_asleep.load(std::memory_order_seq_cst) != 0) wake(shared_->request_tail);
  }
  bool receive(message& into) {
    if (shared_->response_tail.load(std::memory_order_acquire) == received_) return false;
    into = shared_->responses[received_++ % entries];
    return true;
  }
  /// Sleeps until the doorbell differs from `seen`.
  static void sleep(doorbell& bell, std::uint32_t seen) {
    bell.asleep.store(1, std::memory_order_seq_cst);
    if (bell.rung.load(std::memory_order_seq_cst) == seen) wait(bell.rung, seen);
    bell.asleep.store(0, std::memory_order_relaxed);
  }
  message round_trip(const message& what) {
    message answer;
    send(what);
    for (;;) {
      const std::uint32_t seen = bell_.rung.load(std::memory_order_acquire);
      if (receive(answer)) return answer;
      sleep(bell_, seen);
    }
  }

 private:
  static constexpr std::uint32_t entries = 64;
  struct layout {
    alignas(64) std::atomic<std::uint32_t> request_tail{0};
    alignas(64) std::atomic<std::uint32_t> worker_asleep{0};
    alignas(64) std::atomic<std::uint32_t> response_tail{0};
    alignas(64) message requests[entries];
    alignas(64) message responses[entries];
  };

  static void* share(std::size_t size) {
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    return memory;
  }
  static void wait(std::atomic<std::uint32_t>& word, std::uint32_t value) {
    syscall(SYS_futex, &word, FUTEX_WAIT, value, nullptr, nullptr, 0);
  }
  static void wake(std::atomic<std::uint32_t>& word) { syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0); }

  [[noreturn]] void serve(int processor) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (processor >= 0) pin_to(processor);
    for (std::uint32_t taken = 0;;) {
      const std::uint32_t tail = shared_->request_tail.load(std::memory_order_acquire);
      if (tail == taken) {
        shared_->worker_asleep.store(1, std::memory_order_seq_cst);
        if (shared_->request_tail.load(std::memory_order_seq_cst) == taken) wait(shared_->request_tail, taken);
        shared_->worker_asleep.store(0, std::memory_order_relaxed);
        continue;
      }
      message work = shared_->requests[taken % entries];
      for (const std::uint64_t word : work.words) work.words[7] += word;
      shared_->responses[taken % entries] = work;
      shared_->response_tail.store(++taken, std::memory_order_seq_cst);
      bell_.rung.fetch_add(1, std::memory_order_seq_cst);
      if (bell_.asleep.load(std::memory_order_seq_cst) != 0) wake(bell_.rung);
    }
  }

  doorbell& bell_;
  layout* shared_;
  std::byte* payload_ = nullptr;
  pid_t child_;
  std::uint32_t sent_ = 0;
  std::uint32_t received_ = 0;
};

}  // namespace limits
