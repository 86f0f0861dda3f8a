// A call to a worker, but for the worker process: both ends of the channel, and the encoding of arguments and result.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <tuple>

#include <ringmill/offload/channel.hpp>
#include <ringmill/offload/codec.hpp>

#include "../support/measure.hpp"
#include "scenario.hpp"

namespace rm = ringmill;
using rm::detail::response_status;

namespace bench {
namespace {

using words = std::array<std::uint64_t, 8>;
using arguments = std::tuple<words>;

void offload_call(std::size_t count) {
  constexpr std::size_t capacity = 1 << 16;
  rm::detail::host_channel host(capacity, capacity, 1);
  rm::detail::worker_channel worker(host.request_memory(), host.response_memory());
  worker.announce_ready();
  if (!host.take()) std::abort();
  words data{};
  for (std::size_t i = 0; i < count; ++i) {
    const arguments sent(data);
    const std::size_t size = rm::encoded_size(sent);
    rm::encode(std::span(host.reserve(size), size), sent);
    host.post(1, size);

    const auto request = worker.next();
    if (!worker.begin(request)) std::abort();
    auto [result] = rm::decode<arguments>(worker.input(request));
    result[7] += i;
    const std::span<std::byte> output = worker.small_output(request);
    const std::size_t written = rm::encode(output, result);
    worker.answer(request, response_status::value, output.first(written));

    const auto answer = host.take();
    if (!answer) std::abort();
    data = rm::decode<words>(answer->payload);
    host.done_reading();
  }
  keep(data);
}

}  // namespace

std::vector<scenario> channel_scenarios() { return {{"offload_call", offload_call}}; }

}  // namespace bench
