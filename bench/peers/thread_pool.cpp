// Calls into a pool of threads, with a mutex and condition variables: what most C++ programs have. `thread_pool` prints
// a line of JSON for each measure.
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace {

class pool {
 public:
  explicit pool(int workers) {
    for (int i = 0; i < workers; ++i) workers_.emplace_back([this] { work(); });
  }
  ~pool() {
    {
      const std::lock_guard locked(mutex_);
      is_over_ = true;
    }
    changed_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;

  void run(std::function<void()> call) {
    {
      const std::lock_guard locked(mutex_);
      calls_.push_back(std::move(call));
    }
    changed_.notify_one();
  }

 private:
  void work() {
    for (;;) {
      std::unique_lock locked(mutex_);
      changed_.wait(locked, [this] { return is_over_ || !calls_.empty(); });
      if (calls_.empty()) return;
      const std::function<void()> call = std::move(calls_.front());
      calls_.pop_front();
      locked.unlock();
      call();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> calls_;
  bool is_over_ = false;
  std::vector<std::thread> workers_;
};

/// Where the results arrive: one thread takes them, as a loop does.
class inbox {
 public:
  void put() {
    {
      const std::lock_guard locked(mutex_);
      ++arrived_;
    }
    changed_.notify_one();
  }
  /// Waits for one at least, and gives how many there are.
  int take() {
    std::unique_lock locked(mutex_);
    changed_.wait(locked, [this] { return arrived_ > 0; });
    return std::exchange(arrived_, 0);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrived_ = 0;
};

using words = std::array<std::uint64_t, 8>;

words sum(const words& in) {
  words out = in;
  for (const std::uint64_t word : in) out[7] += word;
  return out;
}

void tell(const char* bench, double value, const char* unit = "us") {
  std::printf(R"({"peer": "C++ thread pool", "bench": "%s", "unit": "%s", "value": %.2f})"
              "\n",
              bench, unit, value);
}

template <class Function>
double microseconds_each(int count, Function&& all) {
  all(count / 20 + 1);
  const auto start = std::chrono::steady_clock::now();
  all(count);
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count() / count;
}

/// A core less than 0: all of them.
void pin_to(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  for (int one = 0; one < CPU_SETSIZE; ++one) {
    if (core < 0 || core == one) CPU_SET(one, &cores);
  }
  sched_setaffinity(0, sizeof cores, &cores);
}

double calls(int workers, int at_once, int count) {
  inbox answers;
  pool threads(workers);
  std::vector<words> data(static_cast<std::size_t>(at_once));
  return microseconds_each(count, [&](int all) {
    int sent = 0;
    for (int in_flight = 0, done = 0; done < all;) {
      for (; in_flight < at_once && sent < all; ++in_flight, ++sent) {
        words& mine = data[static_cast<std::size_t>(sent % at_once)];
        threads.run([&mine, &answers] {
          mine = sum(mine);
          answers.put();
        });
      }
      const int arrived = answers.take();
      done += arrived;
      in_flight -= arrived;
    }
  });
}

double round_trip(int workers_core, int count) {
  pin_to(workers_core);  // inherited by the thread
  double cost = 0;
  std::thread([&] {
    pool threads(1);
    inbox answer;
    pin_to(0);
    words data{};
    cost = microseconds_each(count, [&](int all) {
      for (int i = 0; i < all; ++i) {
        threads.run([&] {
          data = sum(data);
          answer.put();
        });
        answer.take();
      }
    });
  }).join();
  pin_to(-1);
  return cost;
}

/// What crashes takes the whole program with it: here a child, of which the results are counted that it has told.
int lost_by_a_crash() {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  if (fork() == 0) {
    pool threads(2);
    for (int number = 0; number < 100; ++number) {
      threads.run([number, &ends] {
        if (number == 50) std::abort();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        if (write(ends[1], ".", 1) != 1) std::abort();
      });
    }
    std::this_thread::sleep_for(std::chrono::seconds(10));
    _exit(0);
  }
  close(ends[1]);
  int lost = 100;
  for (char byte = 0; read(ends[0], &byte, 1) == 1;) --lost;
  wait(nullptr);
  return lost;
}

}  // namespace

int main() {
  tell("lost_by_a_crash_of_100", lost_by_a_crash(), "tasks");
  tell("round_trip_same_core", round_trip(0, 20'000));
  tell("round_trip_across", round_trip(1, 10'000));
  tell("tasks", calls(2, 16, 200'000));
}
