// A value from one task to another, through a channel that holds a few.
#include <ringmill/runtime/channel.hpp>
#include <ringmill/runtime/nursery.hpp>

#include "../limits/bounded_buffer.hpp"
#include "../limits/coroutines.hpp"
#include "../support/skipping_clock.hpp"
#include "measures.hpp"

namespace rm = ringmill;

namespace bench {
namespace {

constexpr int handovers = 2'000'000;
constexpr std::size_t capacity = 16;

rm::task<> send_all(rm::channel<int>::sender out, int count) {
  for (int i = 0; i < count; ++i) {
    int value = i;
    co_await out.send(std::move(value));
  }
}

rm::task<> receive_all(rm::channel<int>* in) {
  std::int64_t sum = 0;
  while (const std::optional<int> value = co_await in->receive()) sum += *value;
  keep(sum);
}

rm::task<> hand_over(int count) {
  rm::channel<int> values(capacity);
  rm::nursery both;
  co_await both.run([&]() -> rm::task<> {
    both.start(send_all, values.make_sender(), count);
    both.start(receive_all, &values);
    co_return;
  });
}

double channel_handover(const effort& how) {
  const std::size_t count = how.operations(handovers);
  return nanoseconds_each(count, [&] { run_task(hand_over(static_cast<int>(count))); });
}

using bare_channel = limits::bounded_buffer<int, capacity>;

[[gnu::noinline]] limits::routine bare_sender(bare_channel& out, int count) {
  for (int i = 0; i < count; ++i) {
    while (out.full()) co_await std::suspend_always();
    out.push(i);
    keep(out);
  }
}

[[gnu::noinline]] limits::routine bare_receiver(bare_channel& in, int count) {
  std::int64_t sum = 0;
  for (int i = 0; i < count; ++i) {
    while (in.empty()) co_await std::suspend_always();
    sum += in.pop();
    keep(in);
  }
  keep(sum);
}

double channel_handover_limit(const effort& how) {
  const std::size_t count = how.operations(handovers);
  bare_channel values;
  const auto sender = bare_sender(values, static_cast<int>(count)).handle();
  const auto receiver = bare_receiver(values, static_cast<int>(count)).handle();
  const double each = nanoseconds_each(count, [&] {
    while (!receiver.done()) {
      if (!sender.done()) sender.resume();
      receiver.resume();
    }
  });
  sender.destroy();
  receiver.destroy();
  return each;
}

}  // namespace

std::vector<measure> channel_measures() {
  return {{"channel_handover", "ns", channel_handover, channel_handover_limit, 12}};
}

}  // namespace bench
