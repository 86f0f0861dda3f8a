// The thread pool under a ring, in real time. What it promises is tested in virtual time: thread_pool_test.cpp.
#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>

#include <ringmill/offload/thread_pool.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/kernels.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;

namespace {

/// What a thread blocks at.
class barrier_to_lift {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    lifted_.wait(lock, [&] { return is_lifted_; });
  }
  void lift() {
    {
      const std::lock_guard lock(mutex_);
      is_lifted_ = true;
    }
    lifted_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable lifted_;
  bool is_lifted_ = false;
};

}  // namespace

TEST_CASE("while a thread is blocked the loop goes on: timers, and calls in other threads") {
  support::on_each_kernel([]() -> rm::task<> {
    rm::thread_pool pool(rm::thread_pool_options().threads(2));
    barrier_to_lift closed;
    rm::nursery group;
    bool came_back = false;
    auto blocked = [&]() -> rm::task<> {
      const auto wait = [&closed] { closed.wait(); };
      co_await pool.run(wait);
      came_back = true;
    };
    auto others = [&]() -> rm::task<> {
      group.start(blocked);
      const auto twice = [](int n) { return 2 * n; };
      for (int i = 0; i < 20; ++i) {
        co_await rm::sleep_for(1ms);
        const int value = co_await pool.run(twice, i);
        CHECK(value == 2 * i);
      }
      CHECK_FALSE(came_back);
      closed.lift();
    };
    co_await rm::with_timeout(20s, group.run(others));
    CHECK(came_back);
  });
}

TEST_CASE("thousands of calls come back to a ring that waits") {
  support::on_each_kernel([]() -> rm::task<> {
    rm::thread_pool pool(rm::thread_pool_options().threads(3));
    rm::nursery group;
    int sum = 0;
    auto one = [&]() -> rm::task<> {
      const auto give_one = [] { return 1; };
      sum += co_await pool.run(give_one);
    };
    auto start = [&]() -> rm::task<> {
      for (int i = 0; i < 5'000; ++i) group.start(one);
      co_return;
    };
    co_await rm::with_timeout(20s, group.run(start));
    CHECK(sum == 5'000);
  });
}
