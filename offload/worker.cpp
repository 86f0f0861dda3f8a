#include <ringmill/offload/worker.hpp>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <exception>
#include <stdexcept>

#include <ringmill/offload/channel.hpp>
#include <ringmill/offload/detail/current_call.hpp>
#include <ringmill/offload/detail/fault_point.hpp>
#include <ringmill/offload/exception_codec.hpp>
#include <ringmill/offload/in_worker.hpp>
#include <ringmill/offload/process_init.hpp>
#include <ringmill/offload/registry.hpp>
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

std::uint64_t nanoseconds() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

/// A place in the channel, while a call is served.
struct serving {
  worker_channel& channel;
  const request_entry& request;
};

void serve(worker_channel& channel, const request_entry& request) {
  if (!channel.begin(request)) return channel.answer(request, response_status::skipped);
  const current_call here(channel, request);
  const std::uint64_t begin = nanoseconds();
  const auto run_time = [begin] {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(nanoseconds() - begin, ~std::uint32_t{0}));
  };
  serving context{channel, request};
  result_writer result(
      channel.small_output(request), channel.large_output(),
      [](void* what) {
        const auto& [in, of] = *static_cast<serving*>(what);
        in.wait_for_large_output(of);
      },
      &context);
  try {
    const registered_call call = find_in_registry(request.function);
    if (!call) {
      throw std::logic_error(
          "a worker does not know the function that it was asked to run: that is in a shared library which was loaded "
          "after process_init. Link the program with it, load it before process_init, or load it in the pool's "
          "initializer too");
    }
    RINGMILL_FAULT_POINT("call_begun");
    call(channel.input(request), result);
    RINGMILL_FAULT_POINT("call_done");
  } catch (const call_stopped&) {
    return channel.answer(request, response_status::stopped, {}, 0, run_time());
  } catch (...) {
    std::span<std::byte> output = channel.small_output(request);
    std::size_t size = encode_current_exception(output);
    if (size > output.size() / 2) {  // its text may have been cut
      channel.wait_for_large_output(request);
      if (channel.large_output().size() > output.size()) output = channel.large_output();
      size = encode_current_exception(output);
    }
    return channel.answer(request, response_status::error, output.first(size), 0, run_time());
  }
  if (result.fits()) {
    channel.answer(request, response_status::value, result.written(), 0, run_time());
  } else {
    channel.answer(request, response_status::too_large, {}, result.size(), run_time());
  }
}

/// The pool's own initializer, a registered function without arguments and result.
void initialize(std::uint64_t function) {
  if (function == 0) return;
  const registered_call call = find_in_registry(function);
  if (!call) throw protocol_error("the worker does not know the pool's initializer");
  result_writer nothing{std::span<std::byte>()};
  call({}, nothing);
}

}  // namespace

void worker_main(const worker_start& start) noexcept {
  prepare(start);
  RINGMILL_FAULT_POINT("worker_begun");
  try {
    worker_channel channel(start.request_memory, start.response_memory, start.doorbell);
    close(start.request_memory);
    close(start.response_memory);
    if (start.buffers >= 0) {
      map_buffers(start.buffers);
      close(start.buffers);
    }
    RINGMILL_FAULT_POINT("worker_mapped");
    initialize(start.initializer);
    RINGMILL_FAULT_POINT("worker_initialized");
    channel.announce_ready();
    RINGMILL_FAULT_POINT("worker_ready");
    for (;;) {
      const request_entry request = channel.next();
      RINGMILL_FAULT_POINT("call_taken");
      serve(channel, request);
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
