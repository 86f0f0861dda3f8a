// What would corrupt memory ends the program, in every build, with a message that says what is wrong. Other misuse is
// refused with an exception (in the tests of each header) or by the compiler (tests/compile_fail).
#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <ringmill/runtime/barrier.hpp>
#include <ringmill/runtime/broadcast.hpp>
#include <ringmill/runtime/cancel_scope.hpp>
#include <ringmill/runtime/channel.hpp>
#include <ringmill/runtime/condition.hpp>
#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/generator.hpp>
#include <ringmill/runtime/latch.hpp>
#include <ringmill/runtime/limiter.hpp>
#include <ringmill/runtime/mutex.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/semaphore.hpp>
#include <ringmill/runtime/shared_mutex.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/watch.hpp>

#include "../support/death.hpp"
#include "../support/probe.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;

namespace {

rm::task<> wait_an_hour() { co_await rm::sleep_for(1h); }
rm::async_generator<int> yield_late() {
  co_await rm::sleep_for(1h);
  co_yield 1;
}

class silent_waiter : public rm::callback_waiter {
 public:
  silent_waiter() noexcept : callback_waiter([](callback_waiter&) noexcept {}) {}
};

/// Will not stop, and will not end either.
class deaf_awaiter {
 public:
  deaf_awaiter() noexcept {}
  bool await_ready() const noexcept { return false; }
  bool await_suspend(rm::waiter&) const noexcept { return true; }
  void await_resume() const noexcept {}
  rm::cancel_result await_cancel(rm::cancel_reason) noexcept { return rm::cancel_result::pending(); }
  bool await_must_resume() const noexcept { return false; }
};

/// Destroys an object while what `wait(object)` gives is being awaited.
template <class Object, class Wait>
void destroy_while_awaited(std::unique_ptr<Object> object, Wait wait) {
  support::probe waiting(wait(*object));
  object.reset();
}

struct misuse {
  const char* message;
  std::function<void()> act;  ///< from inside of a task
};

const std::vector<misuse> misuses = {
    {"an event was destroyed while tasks wait for it",
     [] { destroy_while_awaited(std::make_unique<rm::event>(), [](auto& one) { return one.wait(); }); }},
    {"a latch was destroyed while tasks wait for it",
     [] { destroy_while_awaited(std::make_unique<rm::latch>(1), [](auto& one) { return one.wait(); }); }},
    {"a barrier was destroyed while tasks wait for it",
     [] { destroy_while_awaited(std::make_unique<rm::barrier>(2), [](auto& one) { return one.arrive_and_wait(); }); }},
    {"a channel was destroyed while tasks wait for it",
     [] { destroy_while_awaited(std::make_unique<rm::channel<int>>(1), [](auto& one) { return one.receive(); }); }},
    {"a cancel_scope was destroyed while something runs in it",
     [] {
       destroy_while_awaited(std::make_unique<rm::cancel_scope>(), [](auto& one) { return one.run(wait_an_hour()); });
     }},
    {"a nursery was destroyed while its children run",
     [] { destroy_while_awaited(std::make_unique<rm::nursery>(), [](auto& one) { return one.run(wait_an_hour); }); }},
    {"a generator was destroyed while its next() is awaited",
     [] {
       destroy_while_awaited(std::make_unique<rm::async_generator<int>>(yield_late()),
                             [](auto& one) { return one.next(); });
     }},
    {"a mutex was destroyed while tasks wait for it",
     [] {
       auto lock = std::make_unique<rm::mutex>();
       const auto held = lock->try_lock();
       destroy_while_awaited(std::move(lock), [](auto& one) { return one.lock(); });
     }},
    {"a mutex was destroyed while it is locked",
     [] {
       auto lock = std::make_unique<rm::mutex>();
       const auto held = lock->try_lock();
       lock.reset();
     }},
    {"a shared_mutex was destroyed while tasks wait for it",
     [] {
       auto lock = std::make_unique<rm::shared_mutex>();
       const auto held = lock->try_lock();
       destroy_while_awaited(std::move(lock), [](auto& one) { return one.lock_shared(); });
     }},
    {"a semaphore was destroyed while tasks wait for it",
     [] {
       auto places = std::make_unique<rm::semaphore>(1);
       support::probe taken(places->acquire());
       destroy_while_awaited(std::move(places), [](auto& one) { return one.acquire(); });
     }},
    {"a limiter was destroyed while tasks wait for it",
     [] {
       auto slow = std::make_unique<rm::limiter>(1, 1h);
       support::probe taken(slow->acquire());
       destroy_while_awaited(std::move(slow), [](auto& one) { return one.acquire(); });
     }},
    {"a condition was destroyed while tasks wait for it",
     [] {
       rm::mutex lock;
       auto held = lock.try_lock();
       destroy_while_awaited(std::make_unique<rm::condition>(), [&](auto& one) { return one.wait(*held); });
     }},
    {"a channel was destroyed before its senders",
     [] {
       auto values = std::make_unique<rm::channel<int>>(1);
       const auto sender = values->make_sender();
       values.reset();
     }},
    {"a broadcast was destroyed before its subscribers",
     [] {
       auto station = std::make_unique<rm::broadcast<int>>(1);
       const auto listener = station->subscribe();
       station.reset();
     }},
    {"a watch was destroyed before its observers",
     [] {
       auto current = std::make_unique<rm::watch<int>>(1);
       const auto mine = current->observe();
       current.reset();
     }},
    {"a subscriber was moved or destroyed while a task waits for it",
     [] {
       rm::broadcast<int> station(1);
       auto listener = station.subscribe();
       support::probe waiting(listener.receive());
       const auto other = std::move(listener);
     }},
    {"a task was moved while it is running",
     [] {
       silent_waiter who;
       rm::task<> one = wait_an_hour();
       one.await_suspend(who);
       const rm::task<> other = std::move(one);
     }},
    {"a task was destroyed while it is running",
     [] {
       silent_waiter who;
       rm::task<> one = wait_an_hour();
       one.await_suspend(who);
     }},
    {"a generator was moved while its next() is awaited",
     [] {
       auto numbers = yield_late();
       support::probe waiting(numbers.next());
       const auto other = std::move(numbers);
     }},
    {"a waiter was woken twice",
     [] {
       silent_waiter who;
       who.wake();
       who.wake();
     }},
    {"a task was woken outside of its loop's thread: use loop::post",
     [] {
       rm::event gate;
       support::probe waiting(gate.wait());
       std::thread other([&] { gate.set(); });
       other.join();
     }},
    {"a timer was armed twice",
     [] {
       rm::timer one([](rm::timer&) noexcept {});
       rm::loop::current().arm(one, rm::time_point::max());
       rm::loop::current().arm(one, rm::time_point::max());
     }},
    {"an armed timer was moved",
     [] {
       rm::timer one([](rm::timer&) noexcept {});
       rm::loop::current().arm(one, rm::time_point::max());
       [[maybe_unused]] const rm::timer other = std::move(one);
     }},
};

}  // namespace

TEST_CASE("misuse that would corrupt memory aborts with a message that says what is wrong") {
  for (const misuse& one : misuses) {
    const std::string words = support::death_of([&] {
      auto body = [&]() -> rm::task<> {
        one.act();
        co_return;
      };
      support::run(body());
    });
    CAPTURE(one.message);
    CHECK(words.find(one.message) != std::string::npos);
  }
}

TEST_CASE("a loop that is destroyed with tasks in it aborts and names the cure") {
  const std::string words = support::death_of([] {
    rm::testing::virtual_clock clock;
    auto here = std::make_unique<rm::loop>(clock);
    const rm::loop::attachment mine(*here);
    here->detach(wait_an_hour);
    here.reset();
  });
  CHECK(words.find("a loop was destroyed with tasks in it: call its shutdown() first") != std::string::npos);
}

TEST_CASE("tasks that refuse to end after a deadlock are named before the program aborts") {
  const std::string words = support::death_of([] {
    auto deaf = []() -> rm::task<> { co_await deaf_awaiter(); };
    support::run(deaf());
  });
  CHECK(words.find("deadlock: tasks refuse to end after they were cancelled") != std::string::npos);
  CHECK(words.find("misuse_test.cpp") != std::string::npos);
}
