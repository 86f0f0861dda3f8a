// A worker's answer to one call: the function that it names is looked up and run, and its value or its exception is
// written into the channel.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <stdexcept>

#include <ringmill/offload/channel_layout.hpp>
#include <ringmill/offload/detail/fault_point.hpp>
#include <ringmill/offload/exception_codec.hpp>
#include <ringmill/offload/in_worker.hpp>
#include <ringmill/offload/registry.hpp>
#include <ringmill/runtime/error.hpp>

namespace ringmill::detail {

/// A place in the channel, while a call is served.
template <class Channel>
struct serving {
  Channel& channel;
  const request_entry& request;
};

/// `Channel` is a worker_channel, or what a simulated worker has in its place.
template <class Channel>
void serve_call(Channel& channel, const request_entry& request) {
  if (!channel.begin(request)) return channel.answer(request, response_status::skipped);
  const std::int64_t begin = worker_nanoseconds();
  const auto run_time = [begin] {
    return static_cast<std::uint32_t>(std::min<std::int64_t>(worker_nanoseconds() - begin, ~std::uint32_t{0}));
  };
  serving<Channel> context{channel, request};
  result_writer result(
      channel.small_output(request), channel.large_output(),
      [](void* what) {
        const auto& [in, of] = *static_cast<serving<Channel>*>(what);
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

/// The pool's own initializer, a registered function without arguments and result; 0: there is none.
inline void initialize_worker(std::uint64_t function) {
  if (function == 0) return;
  const registered_call call = find_in_registry(function);
  if (!call) throw protocol_error("the worker does not know the pool's initializer");
  result_writer nothing{std::span<std::byte>()};
  call({}, nothing);
}

}  // namespace ringmill::detail
