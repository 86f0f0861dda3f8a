#include "cancel_subjects.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include <ringmill/runtime/as_completed.hpp>
#include <ringmill/runtime/barrier.hpp>
#include <ringmill/runtime/broadcast.hpp>
#include <ringmill/runtime/cancel_scope.hpp>
#include <ringmill/runtime/channel.hpp>
#include <ringmill/runtime/condition.hpp>
#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/finally.hpp>
#include <ringmill/runtime/generator.hpp>
#include <ringmill/runtime/latch.hpp>
#include <ringmill/runtime/limiter.hpp>
#include <ringmill/runtime/mutex.hpp>
#include <ringmill/runtime/named.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/oneshot.hpp>
#include <ringmill/runtime/retry.hpp>
#include <ringmill/runtime/semaphore.hpp>
#include <ringmill/runtime/shared_mutex.hpp>
#include <ringmill/runtime/shield.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/stop_token.hpp>
#include <ringmill/runtime/task_local.hpp>
#include <ringmill/runtime/timeout.hpp>
#include <ringmill/runtime/watch.hpp>
#include <ringmill/runtime/when_all.hpp>
#include <ringmill/runtime/when_all_settled.hpp>
#include <ringmill/runtime/when_any.hpp>
#include <ringmill/version.hpp>
#if RINGMILL_HAS_FIBERS
#include <ringmill/runtime/fiber.hpp>
#endif

#include "../support/probe.hpp"

namespace support {

namespace {

namespace rm = ringmill;
using namespace std::chrono_literals;

// Those that wait for an event in one way or another.

rm::task<> pass(rm::event& gate) { co_await gate.wait(); }

rm::task<> through_a_chain(rm::event& gate) {
  auto middle = [&]() -> rm::task<> { co_await pass(gate); };
  co_await middle();
}

rm::task<> through_named(rm::event& gate) { co_await rm::named("passer", pass(gate)); }
const rm::task_local<int> number;
rm::task<> through_task_local(rm::event& gate) { co_await number.with(3, pass(gate)); }
rm::task<> through_result(rm::event& gate) {
  const rm::result<void> outcome = co_await rm::as_result(gate.wait());
  outcome.value();
}
rm::task<> through_timeout(rm::event& gate) { co_await rm::with_timeout(1h, gate.wait()); }
rm::task<> through_deadline(rm::event& gate) { co_await rm::with_deadline(rm::loop::current().now() + 1h, pass(gate)); }
rm::task<> through_move_on(rm::event& gate) { co_await rm::move_on_after(1h, gate.wait()); }
rm::task<> through_nested_timeouts(rm::event& gate) {
  co_await rm::with_timeout(2h, rm::move_on_after(1h, rm::with_timeout(3h, pass(gate))));
}
rm::task<> through_scope(rm::event& gate) {
  rm::cancel_scope scope;
  co_await scope.run(gate.wait());
}
rm::task<> through_stop_token(rm::event& gate) {
  std::stop_source source;
  co_await rm::with_stop_token(source.get_token(), gate.wait());
}
rm::task<> through_stop_source(rm::event& gate) {
  auto body = [&](std::stop_token) -> rm::task<> { co_await gate.wait(); };
  co_await rm::with_stop_source(body);
}
rm::task<> through_all(rm::event& gate) { co_await rm::when_all(gate.wait(), pass(gate), gate.wait()); }
rm::task<> through_range_of_all(rm::event& gate) {
  std::vector<rm::task<>> several;
  for (int i = 0; i < 3; ++i) several.push_back(pass(gate));
  co_await rm::when_all(std::move(several));
}
rm::task<> through_all_settled(rm::event& gate) { co_await rm::when_all_settled(gate.wait(), pass(gate)); }
rm::task<> through_any(rm::event& gate) {
  [[maybe_unused]] const auto first = co_await rm::when_any(rm::sleep_for(1h), gate.wait());
}
rm::task<> through_any_success(rm::event& gate) {
  [[maybe_unused]] const auto first = co_await rm::when_any_success(pass(gate), rm::sleep_for(1h));
}
rm::task<> through_nursery(rm::event& gate) {
  rm::nursery group;
  auto body = [&]() -> rm::task<> {
    group.start(pass, std::ref(gate));
    group.start(pass, std::ref(gate));
    co_await gate.wait();
  };
  co_await group.run(body);
}
rm::task<> through_as_completed(rm::event& gate) {
  auto take = [&](rm::completions<void>& all) -> rm::task<> {
    all.start(pass, std::ref(gate));
    co_await all.next();
  };
  co_await rm::as_completed<void>(take);
}
rm::task<> through_generator(rm::event& gate) {
  auto make = [&]() -> rm::async_generator<int> {
    co_await gate.wait();
    co_yield 1;
  };
  auto one = make();
  co_await one.next();
}
rm::task<> through_retry(rm::event& gate) { co_await rm::retry(rm::retry_policy(), pass, std::ref(gate)); }
rm::task<> through_finally(rm::event& gate) {
  auto body = [&] { return pass(gate); };
  auto clean_up = []() -> rm::task<> { co_await rm::sleep_for(1ms); };
  co_await rm::async_finally(body, clean_up);
}
rm::task<> through_shield(rm::event& gate) { co_await rm::shield(gate.wait()); }
#if RINGMILL_HAS_FIBERS
rm::task<> through_fiber(rm::event& gate) {
  auto wait = [&] { rm::fiber_await(gate.wait()); };
  co_await rm::fiber(wait);
}
rm::task<> through_fiber_and_task(rm::event& gate) {
  auto wait = [&] { rm::fiber_await(through_all(gate)); };
  co_await rm::fiber(wait);
}
#endif

cancel_subject gated(std::string name, rm::task<> (*wait)(rm::event&)) {
  auto gate = std::make_shared<rm::event>();
  cancel_subject made;
  made.name = std::move(name);
  made.wait = [gate, wait] { return wait(*gate); };
  made.complete = [gate] { gate->set(); };
  return made;
}

// Those with surroundings of their own. A `wait` is a coroutine lambda: std::function keeps it, and what it captures,
// for as long as the subject lives.

cancel_subject sleeping() {
  cancel_subject made;
  made.name = "sleep_for";
  made.wait = []() -> rm::task<> { co_await rm::sleep_for(1s); };
  return made;
}

cancel_subject yielding() {
  cancel_subject made;
  made.name = "yield";
  made.wait = []() -> rm::task<> { co_await rm::yield(); };
  made.complete = [] {};
  made.blocks = false;
  return made;
}

template <class Lock>
cancel_subject locking(std::string name, Lock lock) {
  struct room {
    rm::shared_mutex mutex;
    std::optional<rm::shared_mutex::guard> held = mutex.try_lock();
  };
  auto here = std::make_shared<room>();
  cancel_subject made;
  made.name = std::move(name);
  made.wait = [here, lock]() -> rm::task<> { const auto guard = co_await lock(here->mutex); };
  made.complete = [here] { here->held.reset(); };
  made.is_clean = [here] {
    here->held.reset();
    return !here->mutex.is_locked() && here->mutex.readers() == 0;
  };
  return made;
}

cancel_subject locking_mutex() {
  struct room {
    rm::mutex mutex;
    std::optional<rm::mutex::guard> held = mutex.try_lock();
  };
  auto here = std::make_shared<room>();
  cancel_subject made;
  made.name = "mutex::lock";
  made.wait = [here]() -> rm::task<> { const auto guard = co_await here->mutex.lock(); };
  made.complete = [here] { here->held.reset(); };
  made.is_clean = [here] {
    here->held.reset();
    return !here->mutex.is_locked();
  };
  return made;
}

cancel_subject acquiring(std::size_t count) {
  struct room {
    rm::semaphore places{3};
    probe<rm::semaphore::acquire_awaiter> taken{places.acquire(3)};
    rm::semaphore::permit held = taken.result();
  };
  auto here = std::make_shared<room>();
  cancel_subject made;
  made.name = "semaphore::acquire(" + std::to_string(count) + ")";
  made.wait = [here, count]() -> rm::task<> { const auto permit = co_await here->places.acquire(count); };
  made.complete = [here] { here->held.release(); };
  made.is_clean = [here] {
    here->held.release();
    return here->places.available() == 3;
  };
  return made;
}

cancel_subject limiting() {
  struct room {
    rm::limiter slow{1, 1s};
    probe<decltype(slow.acquire())> taken{slow.acquire()};
  };
  auto here = std::make_shared<room>();
  cancel_subject made;
  made.name = "limiter::acquire";
  made.wait = [here]() -> rm::task<> { co_await here->slow.acquire(); };
  return made;
}

cancel_subject waiting_for_condition() {
  struct room {
    rm::mutex mutex;
    rm::condition changed;
  };
  auto here = std::make_shared<room>();
  cancel_subject made;
  made.name = "condition::wait";
  made.wait = [here]() -> rm::task<> {
    auto held = co_await here->mutex.lock();
    co_await here->changed.wait(held);
  };
  made.complete = [here] { here->changed.notify_one(); };
  made.is_clean = [here] { return !here->mutex.is_locked(); };
  return made;
}

cancel_subject arriving() {
  struct room {
    rm::barrier both{2};
    std::optional<probe<rm::barrier::arrive_awaiter>> other;
  };
  auto here = std::make_shared<room>();
  cancel_subject made;
  made.name = "barrier::arrive_and_wait";
  made.wait = [here]() -> rm::task<> { co_await here->both.arrive_and_wait(); };
  made.complete = [here] { here->other.emplace(here->both.arrive_and_wait()); };
  made.is_clean = [here] {
    if (here->other && !here->other->has_ended()) here->other->cancel();
    return here->both.arrived() == 0;
  };
  return made;
}

cancel_subject counting_down() {
  auto start = std::make_shared<rm::latch>(1);
  cancel_subject made;
  made.name = "latch::wait";
  made.wait = [start]() -> rm::task<> { co_await start->wait(); };
  made.complete = [start] { start->count_down(); };
  return made;
}

/// What was not received is still with its sender.
cancel_subject sending(std::size_t capacity) {
  struct room {
    explicit room(std::size_t places) : to(places) {
      for (std::size_t i = 0; i < places; ++i) full = to.try_send(std::make_unique<int>(0));
    }
    rm::channel<std::unique_ptr<int>> to;
    std::unique_ptr<int> value = std::make_unique<int>(7);
    bool accepted = false;
    bool full = true;
  };
  auto here = std::make_shared<room>(capacity);
  cancel_subject made;
  made.name = "channel::send, capacity " + std::to_string(capacity);
  made.wait = [here]() -> rm::task<> { here->accepted = co_await here->to.send(std::move(here->value)); };
  made.complete = [here] { static_cast<void>(here->to.try_receive()); };
  made.is_clean = [here, capacity] {
    const bool is_kept = here->value && *here->value == 7;
    if (here->accepted) return !is_kept && here->to.size() == capacity;
    return is_kept && here->to.size() <= capacity;
  };
  return made;
}

/// A value that was not accepted by a receiver was not sent, or is still in the channel.
cancel_subject receiving(std::size_t capacity) {
  struct room {
    explicit room(std::size_t places) : from(places) {}
    rm::channel<int> from;
    bool sent = false;
    bool received = false;
  };
  auto here = std::make_shared<room>(capacity);
  cancel_subject made;
  made.name = "channel::receive, capacity " + std::to_string(capacity);
  made.wait = [here]() -> rm::task<> {
    const std::optional<int> value = co_await here->from.receive();
    here->received = value.has_value();
  };
  made.complete = [here] { here->sent = here->from.try_send(5); };
  made.is_clean = [here] {
    if (here->received) return here->sent && here->from.size() == 0;
    return here->from.size() == (here->sent ? 1U : 0U);
  };
  return made;
}

/// After a cancel the value is still to come.
cancel_subject listening() {
  struct room {
    rm::broadcast<int> station{2};
    rm::broadcast<int>::subscriber mine = station.subscribe();
    bool sent = false;
    bool heard = false;
  };
  auto here = std::make_shared<room>();
  cancel_subject made;
  made.name = "broadcast::subscriber::receive";
  made.wait = [here]() -> rm::task<> {
    const std::optional<int> value = co_await here->mine.receive();
    here->heard = value.has_value();
  };
  made.complete = [here] { here->sent = here->station.send(5); };
  made.is_clean = [here] {
    if (here->heard || !here->sent) return here->heard == here->sent;
    return probe(here->mine.receive()).result() == 5;
  };
  return made;
}

cancel_subject watching() {
  struct room {
    rm::watch<int> current{1};
    rm::watch<int>::observer mine = current.observe();
  };
  auto here = std::make_shared<room>();
  cancel_subject made;
  made.name = "watch::observer::changed";
  made.wait = [here]() -> rm::task<> { co_await here->mine.changed(); };
  made.complete = [here] { here->current.set(2); };
  return made;
}

cancel_subject getting() {
  struct room {
    rm::oneshot<int> answer;
    rm::oneshot<int>::sender to = answer.make_sender();
    bool set = false;
    bool got = false;
  };
  auto here = std::make_shared<room>();
  cancel_subject made;
  made.name = "oneshot::get";
  made.wait = [here]() -> rm::task<> {
    const int value = co_await here->answer.get();
    here->got = value == 5;
  };
  made.complete = [here] {
    here->to.set_value(5);
    here->set = true;
  };
  made.is_clean = [here] {
    if (here->got || !here->set) return here->got == here->set;
    return probe(here->answer.get()).result() == 5;
  };
  return made;
}

}  // namespace

std::vector<std::function<cancel_subject()>> all_cancel_subjects() {
  std::vector<std::function<cancel_subject()>> all;
  const auto add_gated = [&](const char* name, rm::task<> (*wait)(rm::event&)) {
    all.emplace_back([name, wait] { return gated(name, wait); });
  };
  add_gated("event::wait", pass);
  add_gated("a chain of tasks", through_a_chain);
  add_gated("named", through_named);
  add_gated("task_local::with", through_task_local);
  add_gated("as_result", through_result);
  add_gated("with_timeout", through_timeout);
  add_gated("with_deadline", through_deadline);
  add_gated("move_on_after", through_move_on);
  add_gated("nested time limits", through_nested_timeouts);
  add_gated("cancel_scope::run", through_scope);
  add_gated("with_stop_token", through_stop_token);
  add_gated("with_stop_source", through_stop_source);
  add_gated("when_all", through_all);
  add_gated("when_all of a range", through_range_of_all);
  add_gated("when_all_settled", through_all_settled);
  add_gated("when_any", through_any);
  add_gated("when_any_success", through_any_success);
  add_gated("nursery::run", through_nursery);
  add_gated("async_generator::next", through_generator);
  add_gated("retry", through_retry);
  add_gated("async_finally", through_finally);
#if RINGMILL_HAS_FIBERS
  add_gated("fiber", through_fiber);
  add_gated("fiber that awaits a task", through_fiber_and_task);
#endif
  all.emplace_back([] {
    cancel_subject made = gated("as_completed", through_as_completed);
    made.keeps_result = false;
    return made;
  });
  all.emplace_back([] {
    cancel_subject made = gated("shield", through_shield);
    made.stops = false;
    return made;
  });
  all.emplace_back(sleeping);
  all.emplace_back(yielding);
  all.emplace_back(locking_mutex);
  all.emplace_back([] { return locking("shared_mutex::lock", [](rm::shared_mutex& mutex) { return mutex.lock(); }); });
  all.emplace_back(
      [] { return locking("shared_mutex::lock_shared", [](rm::shared_mutex& mutex) { return mutex.lock_shared(); }); });
  all.emplace_back([] { return acquiring(1); });
  all.emplace_back([] { return acquiring(3); });
  all.emplace_back(limiting);
  all.emplace_back(waiting_for_condition);
  all.emplace_back(arriving);
  all.emplace_back(counting_down);
  all.emplace_back([] { return sending(0); });
  all.emplace_back([] { return sending(2); });
  all.emplace_back([] { return receiving(0); });
  all.emplace_back([] { return receiving(2); });
  all.emplace_back(listening);
  all.emplace_back(watching);
  all.emplace_back(getting);
  return all;
}

}  // namespace support
