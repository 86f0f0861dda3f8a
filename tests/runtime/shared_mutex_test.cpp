// shared_mutex
#include <doctest/doctest.h>

#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/shared_mutex.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../support/death.hpp"
#include "../support/probe.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;

static_assert(rm::awaiter<rm::shared_mutex::lock_awaiter>);
static_assert(rm::awaiter<rm::shared_mutex::lock_shared_awaiter>);

namespace {
using writer = support::probe<rm::shared_mutex::lock_awaiter>;
using reader = support::probe<rm::shared_mutex::lock_shared_awaiter>;
}  // namespace

TEST_CASE("readers share a shared_mutex, a writer has it alone") {
  auto body = []() -> rm::task<> {
    rm::shared_mutex lock;
    {
      const rm::shared_mutex::shared_guard first = co_await lock.lock_shared();
      const rm::shared_mutex::shared_guard second = co_await lock.lock_shared();
      CHECK(lock.readers() == 2);
      CHECK_FALSE(lock.try_lock().has_value());
      CHECK(lock.try_lock_shared().has_value());
      CHECK(lock.readers() == 2);
    }
    rm::shared_mutex::guard alone = co_await lock.lock();
    CHECK(lock.is_locked());
    CHECK_FALSE(lock.try_lock().has_value());
    CHECK_FALSE(lock.try_lock_shared().has_value());
    rm::shared_mutex::guard moved = std::move(alone);
    CHECK_FALSE(alone.owns_lock());
    moved.unlock();
    moved.unlock();  // nothing more
    CHECK_FALSE(lock.is_locked());
  };
  run(body());
}

TEST_CASE("a writer that waits holds back later readers, and those are let in together") {
  auto body = []() -> rm::task<> {
    rm::shared_mutex lock;
    rm::shared_mutex::shared_guard reading = co_await lock.lock_shared();
    writer first(lock.lock());
    reader second(lock.lock_shared()), third(lock.lock_shared());
    writer fourth(lock.lock());
    reader fifth(lock.lock_shared());
    CHECK_FALSE(second.has_ended());
    CHECK_FALSE(lock.try_lock_shared().has_value());
    reading.unlock();
    CHECK(first.is_granted());
    CHECK_FALSE(second.has_ended());
    first.result().unlock();
    CHECK(second.is_granted());
    CHECK(third.is_granted());
    CHECK_FALSE(fourth.has_ended());
    CHECK_FALSE(fifth.has_ended());
    second.result().unlock();
    CHECK_FALSE(fourth.has_ended());
    third.result().unlock();
    CHECK(fourth.is_granted());
    CHECK_FALSE(fifth.has_ended());
    fourth.result().unlock();
    CHECK(fifth.is_granted());
    fifth.result().unlock();
    co_await rm::yield();
  };
  run(body());
}

TEST_CASE("when a waiting writer is cancelled the readers behind it join those that are in") {
  auto body = []() -> rm::task<> {
    rm::shared_mutex lock;
    rm::nursery children;
    bool read = false;
    auto read_later = [&]() -> rm::task<> {
      const rm::shared_mutex::shared_guard held = co_await lock.lock_shared();
      read = true;
    };
    auto start = [&]() -> rm::task<> {
      const rm::shared_mutex::shared_guard held = co_await lock.lock_shared();
      children.start([&]() -> rm::task<> {
        CHECK_THROWS_AS(static_cast<void>(co_await rm::with_timeout(5ms, lock.lock())), rm::timeout_error);
      });
      children.start(read_later);
      co_await rm::sleep_for(4ms);
      CHECK_FALSE(read);
      co_await rm::sleep_for(2ms);
      CHECK(read);
    };
    co_await children.run(start);
    CHECK(lock.readers() == 0);
  };
  run(body());
}

TEST_CASE("a shared_mutex that was handed over stays with its new owners when they are cancelled in the same turn") {
  auto body = []() -> rm::task<> {
    rm::shared_mutex lock;
    rm::nursery children;
    int entered = 0;
    bool went_on = false;
    auto wait = [&]() -> rm::task<> {
      const rm::shared_mutex::shared_guard held = co_await lock.lock_shared();
      ++entered;
      co_await rm::sleep_for(1ms);
      went_on = true;
    };
    auto start = [&]() -> rm::task<> {
      rm::shared_mutex::guard held = co_await lock.lock();
      children.start(wait);
      children.start(wait);
      co_await rm::yield();
      held.unlock();
      children.cancel();
    };
    co_await children.run(start);
    CHECK(entered == 2);
    CHECK_FALSE(went_on);
    CHECK(lock.readers() == 0);
  };
  run(body());
}

TEST_CASE("a task that was cancelled before it could wait for a shared_mutex does not enter") {
  auto body = []() -> rm::task<> {
    rm::shared_mutex lock;
    rm::nursery children;
    bool entered = false;
    auto child = [&]() -> rm::task<> {
      const rm::shared_mutex::shared_guard held = co_await lock.lock_shared();
      children.cancel();
      const rm::shared_mutex::guard alone = co_await lock.lock();
      entered = true;
    };
    co_await children.run(child);
    CHECK_FALSE(entered);
    CHECK(lock.try_lock().has_value());
  };
  run(body());
}

TEST_CASE("a shared_mutex that is destroyed while it is locked aborts with a message") {
  const std::string words = support::death_of([] {
    std::optional<rm::shared_mutex> lock(std::in_place);
    const auto held = lock->try_lock_shared();
    lock.reset();
  });
  CHECK(words.find("a shared_mutex was destroyed while it is locked") != std::string::npos);
}

TEST_CASE("a shared_mutex does what a queue does, for thousands of random operations") {
  auto body = [](std::uint64_t seed) -> rm::task<> {
    struct request {
      request(rm::shared_mutex& lock, bool writes) {
        if (writes) {
          write.emplace(lock.lock());
        } else {
          read.emplace(lock.lock_shared());
        }
      }
      bool is_granted() const { return write ? write->is_granted() : read->is_granted(); }
      bool has_ended() const { return write ? write->has_ended() : read->has_ended(); }
      bool may_go() const { return done && (write ? write->may_go() : read->may_go()); }
      void cancel() {
        done = true;
        write ? write->cancel() : read->cancel();
      }
      void unlock() {
        done = true;
        write ? write->result().unlock() : read->result().unlock();
      }
      std::optional<writer> write;
      std::optional<reader> read;
      bool done = false;
    };
    std::mt19937 random(static_cast<unsigned>(seed));
    rm::shared_mutex lock;
    std::vector<std::unique_ptr<request>> requests;
    std::deque<request*> queue;
    std::vector<request*> owners;
    const auto serve = [&] {
      while (!queue.empty()) {
        const bool may_enter = owners.empty() || (!owners.front()->write && !queue.front()->write);
        if (!may_enter) return;
        owners.push_back(queue.front());
        queue.pop_front();
      }
    };
    for (int step = 0; step < 5000; ++step) {
      const auto pick = random() % 8;
      if (pick < 3) {
        requests.push_back(std::make_unique<request>(lock, random() % 3 == 0));
        queue.push_back(requests.back().get());
      } else if (pick < 4 && !queue.empty()) {
        const auto at = queue.begin() + static_cast<std::ptrdiff_t>(random() % queue.size());
        (*at)->cancel();
        queue.erase(at);
      } else if (pick < 7 && !owners.empty()) {
        const auto at = owners.begin() + static_cast<std::ptrdiff_t>(random() % owners.size());
        (*at)->unlock();
        owners.erase(at);
      } else {
        co_await rm::yield();
        std::erase_if(requests, [](const auto& one) { return one->may_go(); });
      }
      serve();
      const bool writes = !owners.empty() && owners.front()->write;
      REQUIRE(lock.is_locked() == writes);
      REQUIRE(lock.readers() == (writes ? 0 : owners.size()));
      REQUIRE(lock.try_lock().has_value() == owners.empty());
      REQUIRE(lock.try_lock_shared().has_value() == (queue.empty() && !writes));
      for (const request* one : owners) REQUIRE(one->is_granted());
      for (const request* one : queue) REQUIRE_FALSE(one->has_ended());
    }
    while (!owners.empty()) {
      owners.back()->unlock();
      owners.pop_back();
      serve();
    }
    co_await rm::yield();
  };
  for (const auto seed : support::numbers_or_drawn(4)) run(body(seed));
}
