// Results that are read where they lie, read_in_place: what a reader sees, and may do.
#include <algorithm>
#include <cstdint>
#include <fstream>
#include <functional>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include <ringmill/offload/channel_protocol.hpp>

#include "pool_reading.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::adds_up;
using support::on_each_pool_kernel;

namespace of_reading {

using report = std::tuple<std::vector<std::string>, std::optional<std::vector<std::uint16_t>>, std::pair<int, bool>>;
report make_report() { return {{"one", "", "three"}, std::vector<std::uint16_t>{1, 2, 3}, {-7, true}}; }

/// A worker that was taken over: from now on something in it writes over the large place, but for its first length.
void begin_to_scribble() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("memfd:ringmill responses") == std::string::npos || line.find(" rw-s ") == std::string::npos)
      continue;
    const auto begin = std::stoull(line, nullptr, 16);
    auto* const first = reinterpret_cast<volatile unsigned char*>(begin + rm::detail::output_places::large_offset + 8);
    std::thread([first] {
      for (unsigned char value = 0;; ++value) {
        for (std::size_t at = 0; at < 2 * large_size; at += 61) first[at] = value;
      }
    }).detach();
  }
}
std::string scribbled_text(std::uint64_t size) {
  begin_to_scribble();
  return std::string(size, 'a');
}
std::vector<std::string> scribbled_texts(std::uint64_t count) {
  begin_to_scribble();
  return std::vector<std::string>(count, std::string(50, 'b'));
}

namespace {

/// Where the bytes lie that a view shows: in a memory that is shared with a worker?
bool is_shared_memory(const void* address) {
  const auto number = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto dash = line.find('-');
    if (number < std::stoull(line.substr(0, dash), nullptr, 16)) continue;
    if (number < std::stoull(line.substr(dash + 1), nullptr, 16)) {
      return line.find("memfd:ringmill responses") != std::string::npos;
    }
  }
  return false;
}

}  // namespace

TEST_CASE("a reader sees the result where the worker has put it, small or large, and gives the call's value") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    for (const std::size_t size : {std::size_t{0}, inline_size, large_size}) {
      bool is_in_place = false;
      const auto reader = [&](std::string_view text) {
        is_in_place = is_shared_memory(text.data());
        return count_of('r', text);
      };
      const std::size_t count = co_await pool.run<&letters>('r', size).read_in_place(reader);
      CHECK(count == size);
      CHECK(is_in_place);
    }
    CHECK(pool.stats()[rm::task_outcome::value] == 3);
    CHECK(adds_up(pool.stats()));
  });
}

TEST_CASE("a reader may be a function, a temporary, or what stays under its name; and may give nothing") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    const std::string copy =
        co_await pool.run<&letters>('c', 5).read_in_place(+[](std::string_view text) { return std::string(text); });
    CHECK(copy == "ccccc");
    std::size_t seen = 0;
    co_await pool.run<&letters>('c', 7).read_in_place([&seen](std::string_view text) { seen = text.size(); });
    CHECK(seen == 7);
    std::function<void(std::string_view)> named = [&seen](std::string_view text) { seen += text.size(); };
    auto call = pool.try_run<&letters>(rm::call_options().priority(rm::task_priority::high), 'c', 8);
    co_await std::move(call).read_in_place(named);
    CHECK(seen == 15);
    const int given = co_await pool.run<&one>().read_in_place([](int value) { return value + 1; });
    CHECK(given == 2);
  });
}

TEST_CASE("numbers are seen as a span, and come without another copy into memory that the caller has") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    std::vector<std::uint64_t> mine(large_size / 8, 1);
    const std::uint64_t* const place = mine.data();
    const auto copy = [&mine](std::span<const std::uint64_t> all) {
      if (all.size() != mine.size()) throw std::length_error("not as many as there is room for");
      std::copy(all.begin(), all.end(), mine.begin());
    };
    co_await pool.run<&numbers>(mine.size()).read_in_place(copy);
    CHECK(mine.data() == place);
    CHECK(std::accumulate(mine.begin(), mine.end(), std::uint64_t{0}) == mine.size() * (mine.size() - 1) / 2);
  });
}

TEST_CASE("what is made of strings and vectors is seen as made of views") {
  static_assert(std::is_same_v<rm::result_view<report>,
                               std::tuple<std::vector<std::string_view>, std::optional<std::span<const std::uint16_t>>,
                                          std::pair<int, bool>>>);
  static_assert(std::is_same_v<rm::result_view<std::vector<bool>>, std::vector<bool>>);
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    std::string words;
    int sum = 0;
    co_await pool.run<&make_report>().read_in_place([&](const rm::result_view<report>& seen) {
      for (const std::string_view word : std::get<0>(seen)) (words += word) += '.';
      for (const std::uint16_t number : std::get<1>(seen).value()) sum += number;
      sum += std::get<2>(seen).first;
    });
    CHECK(words == "one..three.");
    CHECK(sum == -1);
  });
}

TEST_CASE("what a reader throws comes to the task that awaits, and the worker goes on") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    const int worker = co_await pool.run<&pid>();
    const auto refuse = [](std::string_view text) -> int {
      if (text.size() > inline_size) throw rm::protocol_error("not with me");
      throw std::runtime_error("no");
    };
    const auto twice = rm::call_options().idempotent(5);
    CHECK_THROWS_WITH_AS(co_await pool.run<&letters>(twice, 'a', inline_size).read_in_place(refuse), "no",
                         std::runtime_error);
    CHECK_THROWS_WITH_AS(co_await pool.run<&letters>(twice, 'a', large_size).read_in_place(refuse), "not with me",
                         rm::protocol_error);
    const int same = co_await pool.run<&pid>();
    CHECK(same == worker);
    CHECK(pool.stats().killed == 0);
    CHECK(pool.stats().run_again == 0);
    CHECK(pool.stats()[rm::task_outcome::value] == 4);
  });
}

TEST_CASE("calls that are made from a reader, by a task that it starts, run like others") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    int sum = 0;
    rm::nursery tasks;
    const auto add = [&]() -> rm::task<> { sum += co_await pool.run<&one>(); };
    const auto call = [&]() -> rm::task<> {
      co_await pool.run<&letters>('a', large_size).read_in_place([&](std::string_view text) {
        for (int count = 0; count < 10; ++count) tasks.start(add);
        CHECK(count_of('a', text) == large_size);
      });
    };
    co_await tasks.run([&]() -> rm::task<> {
      for (int count = 0; count < 5; ++count) tasks.start(call);
      co_return;
    });
    CHECK(sum == 50);
    CHECK(pool.stats().killed == 0);
    CHECK(adds_up(pool.stats()));
  });
}

TEST_CASE("a worker that writes over what is read harms nobody: where a view begins and ends is read once") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker().recycle_after_tasks(1));
    for (int round = 0; round < 5; ++round) {
      bool has_changed = false;
      const auto see_it_change = [&has_changed](std::string_view text) {
        const std::string copy(text);
        const auto patience = std::chrono::steady_clock::now() + 20s;
        while (!has_changed && std::chrono::steady_clock::now() < patience) has_changed = copy != text;
        return text.size();
      };
      const std::size_t size = co_await pool.run<&scribbled_text>(large_size).read_in_place(see_it_change);
      CHECK(has_changed);
      CHECK(size == large_size);
      // A length that was hit is found before the reader is called, or it is the view's for good.
      bool is_inside = true;
      const auto look = [&is_inside](const std::vector<std::string_view>& all) {
        for (const std::string_view text : all) {
          is_inside = is_inside && text.data() >= all.front().data() &&
                      text.data() + text.size() <= all.front().data() + 4 * large_size;
        }
        return all.size();
      };
      try {
        const std::size_t count = co_await pool.run<&scribbled_texts>(2000).read_in_place(look);
        CHECK(count == 2000);
      } catch (const rm::protocol_violation&) {
      }
      CHECK(is_inside);
    }
    const std::string after = co_await pool.run<&letters>('z', 3);
    CHECK(after == "zzz");
    CHECK(pool.stats()[rm::task_outcome::protocol_violation] <= 5);
    CHECK(adds_up(pool.stats()));
  });
}

}  // namespace of_reading
