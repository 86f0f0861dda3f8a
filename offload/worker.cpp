#include <ringmill/offload/worker.hpp>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>

#include <ringmill/offload/channel.hpp>
#include <ringmill/offload/exception_codec.hpp>
#include <ringmill/offload/process_init.hpp>
#include <ringmill/offload/registry.hpp>

namespace ringmill::detail {

namespace {

/// Only the channel's descriptors stay, and they only until it is mapped.
void close_all_but(const worker_start& start) noexcept {
  int kept[3] = {start.request_memory, start.response_memory, start.doorbell};
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
  prctl(PR_SET_NAME, "rm-worker");
  mark_as_worker();
  close_all_but(start);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  if (start.nice != 0) setpriority(PRIO_PROCESS, 0, start.nice);
}

void serve(worker_channel& channel, const request_entry& request) {
  if (channel.is_cancelled(request)) return channel.answer(request, response_status::cancelled, 0);
  const std::span<std::byte> output = channel.output(request);
  result_writer result(output);
  std::size_t error_bytes = 0;
  try {
    const registered_call call = find_in_registry(request.function);
    if (!call) throw protocol_error("the worker does not know the function that it was asked to run");
    call(channel.input(request), result);
  } catch (...) {
    error_bytes = encode_current_exception(output);
    channel.answer(request, response_status::error, error_bytes);
    return;
  }
  if (result.fits()) {
    channel.answer(request, response_status::value, result.size());
  } else {
    channel.answer(request, response_status::too_large, 0, result.size());
  }
}

}  // namespace

void worker_main(const worker_start& start) noexcept {
  prepare(start);
  try {
    worker_channel channel(start.request_memory, start.response_memory, start.doorbell);
    close(start.request_memory);
    close(start.response_memory);
    channel.announce_ready();
    for (;;) serve(channel, channel.next());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ringmill: a worker could not start: %s\n", error.what());
  }
  _exit(1);
}

}  // namespace ringmill::detail
