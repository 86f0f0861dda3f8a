// The least that work in another process costs here: a ring in shared memory, a futex to wake, nothing that is checked,
// no deadline, no loop. 64 bytes in, 64 bytes out. One system call for each sleep of either side: a flag that its owner
// sets before it sleeps on it, and that whoever wakes it clears.
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
#include <vector>

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

/// Who writes into the memory for a payload: the host before it calls, or the worker, each time, before it answers.
enum class payload_writer { host, worker };

/// A worker process and the ring to it. `doorbell` is what the host sleeps on: one for all its workers.
class worker_channel {
 public:
  struct doorbell {
    alignas(64) std::atomic<std::uint32_t> asleep{0};
  };
  static doorbell& make_doorbell() { return *new (share(sizeof(doorbell))) doorbell; }

  worker_channel(doorbell& bell, int processor, std::size_t payload = 0, payload_writer writer = payload_writer::host)
      : bell_(bell), result_size_(writer == payload_writer::worker ? payload : 0) {
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
  /// The worker sees it after `publish`.
  void put(const message& what) { shared_->requests[sent_++ % entries] = what; }
  void publish() {
    shared_->request_tail.store(sent_, std::memory_order_seq_cst);
    wake_if_asleep(shared_->worker_asleep);
  }
  bool has_answer() const { return shared_->response_tail.load(std::memory_order_seq_cst) != received_; }
  bool receive(message& into) {
    if (shared_->response_tail.load(std::memory_order_acquire) == received_) return false;
    into = shared_->responses[received_++ % entries];
    return true;
  }
  /// Sleeps until a worker answers, unless `has_answer()` says that one has.
  template <class Look>
  static void sleep(doorbell& bell, Look&& has_answer) {
    bell.asleep.store(1, std::memory_order_seq_cst);
    if (!has_answer()) wait(bell.asleep, 1);
    bell.asleep.store(0, std::memory_order_relaxed);
  }
  message round_trip(const message& what) {
    message answer;
    put(what);
    publish();
    while (!receive(answer)) sleep(bell_, [this] { return has_answer(); });
    return answer;
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
  static void wake_if_asleep(std::atomic<std::uint32_t>& flag) {
    if (flag.load(std::memory_order_seq_cst) == 0) return;
    flag.store(0, std::memory_order_release);
    syscall(SYS_futex, &flag, FUTEX_WAKE, 1, nullptr, nullptr, 0);
  }

  [[noreturn]] void serve(int processor) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (processor >= 0) pin_to(processor);
    const std::vector<std::byte> result(result_size_, std::byte{7});
    for (std::uint32_t taken = 0;;) {
      const std::uint32_t tail = shared_->request_tail.load(std::memory_order_acquire);
      if (tail == taken) {
        shared_->worker_asleep.store(1, std::memory_order_seq_cst);
        if (shared_->request_tail.load(std::memory_order_seq_cst) == taken) wait(shared_->worker_asleep, 1);
        shared_->worker_asleep.store(0, std::memory_order_relaxed);
        continue;
      }
      message work = shared_->requests[taken % entries];
      for (const std::uint64_t word : work.words) work.words[7] += word;
      if (!result.empty()) std::memcpy(payload_, result.data(), result.size());
      shared_->responses[taken % entries] = work;
      shared_->response_tail.store(++taken, std::memory_order_seq_cst);
      wake_if_asleep(bell_.asleep);
    }
  }

  doorbell& bell_;
  layout* shared_;
  std::byte* payload_ = nullptr;
  std::size_t result_size_;
  pid_t child_;
  std::uint32_t sent_ = 0;
  std::uint32_t received_ = 0;
};

}  // namespace limits
