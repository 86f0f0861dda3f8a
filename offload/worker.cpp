#include <ringmill/offload/worker.hpp>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>

#include <ringmill/offload/channel.hpp>
#include <ringmill/offload/detail/current_call.hpp>
#include <ringmill/offload/detail/fault_point.hpp>
#include <ringmill/offload/detail/serve_call.hpp>
#include <ringmill/offload/process_init.hpp>
#include <ringmill/offload/worker_buffers.hpp>

namespace ringmill::detail {

namespace {

/// Only the descriptors of what is shared stay, and they only until it is mapped.
void close_all_but(const worker_start& start) noexcept {
  const int kept[4] = {start.request_memory, start.response_memory, start.doorbell, start.buffers};
  unsigned from = STDERR_FILENO + 1;
  while (true) {
    unsigned next = ~0U;
    for (const int number : kept) {
      if (number >= 0 && static_cast<unsigned>(number) >= from && static_cast<unsigned>(number) < next) {
        next = static_cast<unsigned>(number);
      }
    }
    if (next == ~0U) break;
    if (next > from) close_range(from, next - 1, 0);
    from = next + 1;
  }
  close_range(from, ~0U, 0);
}

void prepare(const worker_start& start) noexcept {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != start.parent) _exit(0);
  prctl(PR_SET_NAME, start.name[0] ? start.name : "rm-worker");
  mark_as_worker();
  if (start.errors >= 0) dup2(start.errors, STDERR_FILENO);
  close_all_but(start);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  if (start.nice != 0) setpriority(PRIO_PROCESS, 0, start.nice);
}

}  // namespace

void worker_main(const worker_start& start) noexcept {
  prepare(start);
  RINGMILL_FAULT_POINT("worker_begun");
  try {
    worker_channel channel(start.request_memory, start.response_memory, start.doorbell);
    channel.spin_before_sleep(duration(start.spin_ns));
    close(start.request_memory);
    close(start.response_memory);
    if (start.buffers >= 0) {
      map_buffers(start.buffers);
      close(start.buffers);
    }
    RINGMILL_FAULT_POINT("worker_mapped");
    initialize_worker(start.initializer);
    RINGMILL_FAULT_POINT("worker_initialized");
    channel.announce_ready();
    RINGMILL_FAULT_POINT("worker_ready");
    for (;;) {
      const request_entry request = channel.next();
      RINGMILL_FAULT_POINT("call_taken");
      const current_call here(channel, request);
      serve_call(channel, request);
      RINGMILL_FAULT_POINT("call_answered");
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ringmill: a worker could not start: %s\n", error.what());
  } catch (...) {
    std::fprintf(stderr, "ringmill: a worker could not start: its initializer threw what is no std::exception\n");
  }
  _exit(1);
}

}  // namespace ringmill::detail
