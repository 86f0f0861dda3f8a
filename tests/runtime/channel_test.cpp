#include <doctest/doctest.h>

#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <ringmill/runtime/cancel_scope.hpp>
#include <ringmill/runtime/channel.hpp>
#include <ringmill/runtime/inspect.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>
#include <ringmill/runtime/when_any.hpp>

#include "../support/death.hpp"
#include "../support/lifetime.hpp"
#include "../support/probe.hpp"
#include "../support/run.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;

namespace {

using pointer_channel = rm::channel<std::unique_ptr<int>>;
using send_probe = support::probe<rm::channel<int>::send_awaiter>;
using receive_probe = support::probe<rm::channel<int>::receive_awaiter>;

/// A send of a value that it keeps: an awaiter of `send` refers to the value.
struct waiting_send {
  waiting_send(rm::channel<int>& numbers, int what) : value(what), probe(numbers.send(std::move(value))) {}
  int value;
  send_probe probe;
};

rm::task<> send_numbers(rm::channel<int>::sender out, int first, int count) {
  for (int number = first; number < first + count; ++number) {
    const bool accepted = co_await out.send(int(number));
    CHECK(accepted);
  }
}

}  // namespace

TEST_CASE("what is sent is received, in order, and senders wait when the channel is full") {
  auto body = []() -> rm::task<> {
    rm::channel<int> numbers(2);
    CHECK(numbers.capacity() == 2);
    int sent = 0;
    std::vector<int> received;
    auto send = [&]() -> rm::task<> {
      for (int number = 0; number < 10; ++number) {
        const bool accepted = co_await numbers.send(int(number));
        CHECK(accepted);
        ++sent;
      }
    };
    auto receive = [&]() -> rm::task<> {
      co_await rm::sleep_for(1ms);
      CHECK(sent == 2);
      CHECK(numbers.size() == 2);
      for (int count = 0; count < 10; ++count) {
        const std::optional<int> one = co_await numbers.receive();
        REQUIRE(one);
        received.push_back(*one);
      }
    };
    rm::nursery children;
    auto both = [&]() -> rm::task<> {
      children.start(send);
      children.start(receive);
      co_return;
    };
    co_await children.run(both);
    CHECK(received == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    CHECK(numbers.size() == 0);
  };
  run(body());
}

TEST_CASE("the last sender gone closes the channel, and a loop over what is received ends") {
  auto body = []() -> rm::task<> {
    rm::channel<int> numbers(3);
    rm::nursery children;
    int sum = 0;
    auto receive = [&]() -> rm::task<> {
      {
        const rm::channel<int>::sender kept = numbers.make_sender();
        children.start(send_numbers, kept, 1, 10);
        children.start(send_numbers, numbers.make_sender(), 100, 10);
      }
      while (const std::optional<int> one = co_await numbers.receive()) sum += *one;
    };
    co_await children.run(receive);
    CHECK(numbers.is_closed());
    CHECK(sum == 55 + 1045);
  };
  run(body());
}

TEST_CASE("senders count by copies; moved, assigned and released ones do not count twice") {
  rm::channel<int> numbers(1);
  {
    rm::channel<int>::sender first = numbers.make_sender();
    rm::channel<int>::sender second = first;
    rm::channel<int>::sender moved = std::move(first);
    CHECK_THROWS_WITH_AS(static_cast<void>(first.try_send(1)),
                         "send() of a channel's sender that was moved from or released", std::logic_error);
    CHECK_THROWS_AS(static_cast<void>(first.send(1)), std::logic_error);
    second.release();
    second.release();  // nothing more
    CHECK_FALSE(numbers.is_closed());
    second = moved;
    moved.release();
    const rm::channel<int>::sender& itself = second;
    second = itself;
    CHECK_FALSE(numbers.is_closed());
    CHECK(second.try_send(7));
  }
  CHECK(numbers.is_closed());
  CHECK(numbers.try_receive() == 7);
}

TEST_CASE("with a capacity of zero a sender goes on when its value is taken, and not before") {
  auto body = []() -> rm::task<> {
    rm::channel<int> meeting(0);
    CHECK_FALSE(meeting.try_send(1));
    CHECK_FALSE(meeting.try_receive());
    {
      waiting_send first(meeting, 1), second(meeting, 2);
      CHECK_FALSE(first.probe.has_ended());
      CHECK(meeting.size() == 0);
      const std::optional<int> one = co_await meeting.receive();
      CHECK(one == 1);
      CHECK(first.probe.is_granted());
      CHECK_FALSE(second.probe.has_ended());
      CHECK(meeting.try_receive() == 2);
      CHECK(second.probe.is_granted());
      co_await rm::yield();
    }
    receive_probe waiting(meeting.receive());
    CHECK(meeting.try_send(3));
    CHECK(waiting.result() == 3);
    CHECK_FALSE(meeting.try_send(4));
    co_await rm::yield();
  };
  run(body());
}

TEST_CASE("a value goes to the receiver that waits longest, and nobody overtakes it") {
  auto body = []() -> rm::task<> {
    rm::channel<int> numbers(5);
    receive_probe first(numbers.receive()), second(numbers.receive());
    CHECK(numbers.try_send(1));
    CHECK(first.is_granted());
    CHECK_FALSE(second.has_ended());
    CHECK_FALSE(numbers.try_receive());
    CHECK(numbers.try_send(2));
    CHECK(numbers.try_send(3));
    const std::optional<int> third = co_await numbers.receive();
    CHECK(first.result() == 1);
    CHECK(second.result() == 2);
    CHECK(third == 3);
    co_await rm::yield();
  };
  run(body());
}

TEST_CASE("a free place goes to the sender that waits longest, and nobody overtakes it") {
  auto body = []() -> rm::task<> {
    rm::channel<int> numbers(1);
    CHECK(numbers.try_send(0));
    waiting_send first(numbers, 1), second(numbers, 2);
    CHECK(numbers.try_receive() == 0);
    CHECK(first.probe.is_granted());
    CHECK_FALSE(second.probe.has_ended());
    CHECK_FALSE(numbers.try_send(3));
    CHECK(numbers.try_receive() == 1);
    CHECK(second.probe.is_granted());
    CHECK(numbers.try_receive() == 2);
    CHECK_FALSE(numbers.try_receive());
    co_await rm::yield();
  };
  run(body());
}

TEST_CASE("close: what was accepted is still received, waiting senders are refused, waiting receivers get nothing") {
  auto body = []() -> rm::task<> {
    pointer_channel values(1);
    auto accepted = std::make_unique<int>(1);
    auto refused = std::make_unique<int>(2);
    const bool had_room = co_await values.send(std::move(accepted));
    CHECK(had_room);
    CHECK_FALSE(accepted);
    support::probe<pointer_channel::send_awaiter> waiting(values.send(std::move(refused)));
    values.close();
    values.close();
    CHECK(values.is_closed());
    CHECK(waiting.is_granted());
    CHECK_FALSE(waiting.result());
    REQUIRE(refused);
    CHECK(*refused == 2);
    const bool late = co_await values.send(std::move(refused));
    CHECK_FALSE(late);
    CHECK_FALSE(values.try_send(std::move(refused)));
    REQUIRE(refused);
    const std::optional<std::unique_ptr<int>> drained = co_await values.receive();
    REQUIRE(drained);
    CHECK(**drained == 1);
    const std::optional<std::unique_ptr<int>> none = co_await values.receive();
    CHECK_FALSE(none);
    CHECK_FALSE(values.try_receive());

    rm::channel<int> empty(4);
    receive_probe first(empty.receive()), second(empty.receive());
    empty.close();
    CHECK(first.is_granted());
    CHECK_FALSE(first.result());
    CHECK_FALSE(second.result());
    co_await rm::yield();
  };
  run(body());
}

TEST_CASE("a send that timed out has left the value with the sender") {
  auto body = []() -> rm::task<> {
    for (const std::size_t capacity : {0, 1}) {
      pointer_channel values(capacity);
      if (capacity == 1) CHECK(values.try_send(std::make_unique<int>(1)));
      auto mine = std::make_unique<int>(2);
      const std::optional<bool> sent = co_await rm::move_on_after(1ms, values.send(std::move(mine)));
      CHECK_FALSE(sent);
      REQUIRE(mine);
      CHECK(*mine == 2);
      CHECK(values.size() == capacity);
    }
  };
  run(body());
}

TEST_CASE("a send and a receive that are cancelled while they wait leave the queue") {
  auto body = []() -> rm::task<> {
    rm::channel<int> numbers(1);
    CHECK(numbers.try_send(0));
    {
      waiting_send first(numbers, 1), second(numbers, 2), third(numbers, 3);
      second.probe.cancel();
      CHECK(numbers.try_receive() == 0);
      CHECK(numbers.try_receive() == 1);
      CHECK(numbers.try_receive() == 3);
      CHECK_FALSE(numbers.try_receive());
      co_await rm::yield();
    }
    receive_probe first(numbers.receive()), second(numbers.receive());
    first.cancel();
    CHECK(numbers.try_send(4));
    CHECK(second.result() == 4);
    co_await rm::yield();
  };
  run(body());
}

TEST_CASE("a task that was cancelled before it could wait neither sends nor receives") {
  auto body = []() -> rm::task<> {
    pointer_channel values(0);
    auto mine = std::make_unique<int>(1);
    bool went_on = false;
    auto send = [&](rm::nursery& children) -> rm::task<> {
      children.cancel();
      co_await values.send(std::move(mine));
      went_on = true;
    };
    auto receive = [&](rm::nursery& children) -> rm::task<> {
      children.cancel();
      co_await values.receive();
      went_on = true;
    };
    rm::nursery senders, receivers;
    co_await senders.run(send, std::ref(senders));
    co_await receivers.run(receive, std::ref(receivers));
    CHECK_FALSE(went_on);
    CHECK(mine);
    CHECK_FALSE(values.try_receive());
    CHECK_FALSE(values.try_send(std::move(mine)));
  };
  run(body());
}

TEST_CASE("a value handed to a receiver in the same turn as a cancel is received") {
  auto body = []() -> rm::task<> {
    pointer_channel values(0);
    rm::nursery children;
    std::vector<int> received;
    bool went_on = false;
    auto receive = [&]() -> rm::task<> {
      const std::optional<std::unique_ptr<int>> one = co_await values.receive();
      if (one) received.push_back(**one);
      co_await rm::sleep_for(1ms);
      went_on = true;
    };
    auto start = [&]() -> rm::task<> {
      children.start(receive);
      co_await rm::yield();
      CHECK(values.try_send(std::make_unique<int>(5)));
      children.cancel();
    };
    co_await children.run(start);
    CHECK(received == std::vector<int>{5});
    CHECK_FALSE(went_on);
  };
  run(body());
}

TEST_CASE("a receive that is cut off in the turn of its hand-over gives the value all the same") {
  auto body = []() -> rm::task<> {
    pointer_channel values(0);
    rm::cancel_scope scope;
    rm::nursery children;
    int received = 0;
    auto receive = [&]() -> rm::task<> {
      const auto one = co_await scope.run(values.receive());
      if (one && *one) received = ***one;
    };
    auto start = [&]() -> rm::task<> {
      children.start(receive);
      co_await rm::yield();
      CHECK(values.try_send(std::make_unique<int>(5)));
      scope.cancel();
    };
    co_await children.run(start);
    CHECK(received == 5);
  };
  run(body());
}

TEST_CASE("a sender whose value was taken in the same turn as a cancel goes on, and knows it") {
  auto body = []() -> rm::task<> {
    pointer_channel values(0);
    rm::nursery children;
    auto mine = std::make_unique<int>(5);
    bool accepted = false;
    auto send = [&]() -> rm::task<> { accepted = co_await values.send(std::move(mine)); };
    auto start = [&]() -> rm::task<> {
      children.start(send);
      co_await rm::yield();
      const auto taken = values.try_receive();
      CHECK(taken);
      children.cancel();
    };
    co_await children.run(start);
    CHECK(accepted);
    CHECK_FALSE(mine);
  };
  run(body());
}

TEST_CASE("two receives of which one is enough: what the other one was given too is not lost") {
  auto body = []() -> rm::task<> {
    rm::channel<int> left(0), right(0);
    rm::nursery children;
    auto receive = [&]() -> rm::task<> {
      auto answer = co_await rm::when_any(left.receive(), right.receive());
      CHECK(std::get<0>(answer.value()) == 1);
      REQUIRE(answer.also_completed().size() == 1);
      CHECK(std::get<1>(answer.also_completed()[0].second) == 2);
    };
    auto start = [&]() -> rm::task<> {
      children.start(receive);
      co_await rm::yield();
      CHECK(left.try_send(1));
      CHECK(right.try_send(2));
    };
    co_await children.run(start);
  };
  run(body());
}

TEST_CASE("values that nobody received are destroyed with the channel") {
  int alive = 0;
  {
    rm::channel<std::unique_ptr<support::tracked>> values(4);
    CHECK(values.try_send(std::make_unique<support::tracked>(alive)));
    CHECK(values.try_send(std::make_unique<support::tracked>(alive)));
    CHECK(values.try_receive());
    CHECK(values.try_send(std::make_unique<support::tracked>(alive)));
    CHECK(alive == 2);
  }
  CHECK(alive == 0);
}

TEST_CASE("the task tree says who waits to send and who to receive") {
  auto body = []() -> rm::task<> {
    rm::channel<int> full(0), empty(0);
    rm::nursery children;
    auto send = [&]() -> rm::task<> { co_await full.send(1); };
    auto receive = [&]() -> rm::task<> { co_await empty.receive(); };
    auto look = [&]() -> rm::task<> {
      children.start(send);
      children.start(receive);
      co_await rm::yield();
      const std::string tree = rm::dump_tasks();
      support::contains(tree, "send to a channel");
      support::contains(tree, "receive from a channel");
      children.cancel();
    };
    co_await children.run(look);
  };
  run(body());
}

TEST_CASE("a channel that is destroyed while tasks wait for it, or before its senders, aborts with a message") {
  const std::string waited_for = support::death_of([] {
    auto body = []() -> rm::task<> {
      auto numbers = std::make_unique<rm::channel<int>>(1);
      receive_probe waiting(numbers->receive());
      numbers.reset();
      co_return;
    };
    run(body());
  });
  support::contains(waited_for, "a channel was destroyed while tasks wait for it: it must outlive them");
  const std::string sent_to = support::death_of([] {
    auto numbers = std::make_unique<rm::channel<int>>(1);
    const auto out = numbers->make_sender();
    numbers.reset();
  });
  support::contains(sent_to, "a channel was destroyed before its senders: declare it in front of them");
}

TEST_CASE("a channel does what a queue of values and two of tasks do, for thousands of random operations") {
  support::seeded_case::without_harm();
  auto body = [](std::uint64_t seed, std::size_t capacity) -> rm::task<> {
    std::mt19937 random(static_cast<unsigned>(seed));
    rm::channel<int> numbers(capacity);
    std::deque<int> buffer;                         // the model: values that were accepted
    std::deque<std::unique_ptr<waiting_send>> out;  // and who waits
    std::deque<std::unique_ptr<receive_probe>> in;
    std::vector<std::unique_ptr<waiting_send>> past_out;  // until the loop has run them
    std::vector<std::unique_ptr<receive_probe>> past_in;
    int next = 0;
    const auto any_of = [&](auto& queue) { return static_cast<std::ptrdiff_t>(random() % queue.size()); };
    const auto expect_next = [&] {
      std::optional<int> expected;
      if (!buffer.empty()) {
        expected = buffer.front();
        buffer.pop_front();
      }
      if (!out.empty()) {
        if (expected) {
          buffer.push_back(out.front()->value);
        } else {
          expected = out.front()->value;
        }
        past_out.push_back(std::move(out.front()));
        out.pop_front();
      }
      return expected;
    };
    for (int step = 0; step < 4000; ++step) {
      switch (random() % 10) {
        case 0:
        case 1:
        case 2: {
          auto one = std::make_unique<waiting_send>(numbers, next++);
          if (!in.empty()) {
            REQUIRE(in.front()->is_granted());
            REQUIRE(in.front()->result() == one->value);
            past_in.push_back(std::move(in.front()));
            in.pop_front();
            past_out.push_back(std::move(one));
          } else if (buffer.size() < capacity) {
            buffer.push_back(one->value);
            past_out.push_back(std::move(one));
          } else {
            REQUIRE_FALSE(one->probe.has_ended());
            out.push_back(std::move(one));
          }
          break;
        }
        case 3:
        case 4:
        case 5: {
          auto one = std::make_unique<receive_probe>(numbers.receive());
          if (const std::optional<int> expected = expect_next()) {
            REQUIRE(one->is_granted());
            REQUIRE(one->result() == expected);
            past_in.push_back(std::move(one));
          } else {
            REQUIRE_FALSE(one->has_ended());
            in.push_back(std::move(one));
          }
          break;
        }
        case 6:
          if (in.empty()) REQUIRE(numbers.try_receive() == expect_next());
          break;
        case 7:
          if (!out.empty()) {
            const auto at = out.begin() + any_of(out);
            (*at)->probe.cancel();
            past_out.push_back(std::move(*at));
            out.erase(at);
          }
          break;
        case 8:
          if (!in.empty()) {
            const auto at = in.begin() + any_of(in);
            (*at)->cancel();
            past_in.push_back(std::move(*at));
            in.erase(at);
          }
          break;
        default:
          co_await rm::yield();
          std::erase_if(past_out, [](const auto& one) { return one->probe.may_go(); });
          std::erase_if(past_in, [](const auto& one) { return one->may_go(); });
      }
      REQUIRE(numbers.size() == buffer.size());
      for (const auto& one : past_out) REQUIRE(one->probe.has_ended());
      for (const auto& one : out) REQUIRE_FALSE(one->probe.has_ended());
      for (const auto& one : in) REQUIRE_FALSE(one->has_ended());
    }
    numbers.close();
    for (const auto& one : out) REQUIRE_FALSE(one->probe.result());
    for (const auto& one : in) REQUIRE_FALSE(one->result());
    for (const int value : buffer) REQUIRE(numbers.try_receive() == value);
    REQUIRE_FALSE(numbers.try_receive());
    co_await rm::yield();
  };
  for (const auto seed : support::numbers_or_drawn(2)) {
    for (const std::size_t capacity : {0, 1, 3}) run(body(seed, capacity));
  }
}
