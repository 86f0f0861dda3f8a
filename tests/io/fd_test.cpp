// Handles that are closed, destroyed, moved and passed around while operations of other tasks are in flight on them.
// What each single operation does then is in cancel_matrix_test.cpp.
#include <doctest/doctest.h>

#include <poll.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <ringmill/io/fd.hpp>
#include <ringmill/io/ops.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/death.hpp"
#include "../support/kernels.hpp"
#include "../support/sockets.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::contains;
using support::death_of;
using support::ends;
using support::on_each_kernel;

namespace {

/// How an operation ended: with a number of bytes, or with an error.
class outcome {
 public:
  std::optional<std::size_t> bytes;
  std::error_code error;
  bool has_ended() const { return bytes || error; }
  bool is_cancelled() const { return error == std::errc::operation_canceled; }
};

rm::task<> receive(rm::fd& socket, std::span<std::byte> buffer, outcome& how) {
  try {
    how.bytes = co_await rm::receive_op(socket, buffer);
  } catch (const std::system_error& error) {
    how.error = error.code();
  }
}

rm::task<> receive_a_byte(rm::fd& socket, outcome& how) {
  std::array<std::byte, 1> buffer;
  co_await receive(socket, buffer, how);
}

rm::task<> accept_one(rm::fd& listener, outcome& how) {
  try {
    const rm::fd accepted = co_await rm::accept_op(listener);
    how.bytes = 0;
  } catch (const std::system_error& error) {
    how.error = error.code();
  }
}

rm::task<> turns(int count) {
  for (int i = 0; i < count; ++i) co_await rm::yield();
}

}  // namespace

TEST_CASE("closing a handle ends the operations of other tasks on it, however far they have come") {
  for (const int turns_before : {0, 1, 2, 5}) {
    CAPTURE(turns_before);
    const int before = support::open_descriptors();
    on_each_kernel([&]() -> rm::task<> {
      ends both = ends::of_sockets();
      std::vector<outcome> ended(20);
      rm::nursery group;
      co_await group.run([&]() -> rm::task<> {
        for (outcome& one : ended) group.start(receive_a_byte, std::ref(both.left), std::ref(one));
        co_await rm::yield();  // they start
        co_await turns(turns_before);
        CHECK(both.left.in_flight() == ended.size());
        both.left.reset();
        CHECK(both.left.in_flight() == 0);
        CHECK(rm::ring::current().in_flight() == 0);
      });
      for (const outcome& one : ended) CHECK(one.is_cancelled());
    });
    CHECK(support::open_descriptors() == before);
  }
}

TEST_CASE("closing a handle ends what waits for a free submission entry, and nothing of another handle") {
  const auto body = []() -> rm::task<> {
    ends one = ends::of_sockets();
    ends other = ends::of_sockets();
    std::vector<outcome> closed(100);
    std::vector<outcome> kept(100);
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      for (std::size_t i = 0; i < closed.size(); ++i) {
        group.start(receive_a_byte, std::ref(one.left), std::ref(closed[i]));
        group.start(receive_a_byte, std::ref(other.left), std::ref(kept[i]));
      }
      co_await rm::yield();  // they start
      one.left.reset();
      CHECK(rm::ring::current().in_flight() == kept.size());
      support::write_text(other.right, std::string(kept.size(), 'x'));
    });
    for (const outcome& each : closed) CHECK(each.is_cancelled());
    for (const outcome& each : kept) CHECK(each.bytes == 1U);
  };
  on_each_kernel(body, rm::ring_options().entries(8).completion_entries(16));
}

TEST_CASE("a handle that dies with its task ends the operations of other tasks on it") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    outcome how;
    std::unique_ptr<rm::fd> left;
    rm::fd right;
    {
      ends both = ends::of_sockets();
      left = std::make_unique<rm::fd>(std::move(both.left));
      right = std::move(both.right);
    }
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      group.start(receive_a_byte, std::ref(*left), std::ref(how));
      co_await turns(3);
      const auto owner = [&]() -> rm::task<> {
        const std::unique_ptr<rm::fd> mine = std::move(left);
        co_await rm::sleep_for(1h);
      };
      co_await rm::move_on_after(1ms, owner());
    });
    CHECK(how.is_cancelled());
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("closing a handle ends nothing on a duplicate of its descriptor") {
  on_each_kernel([]() -> rm::task<> {
    ends both = ends::of_sockets();
    rm::fd same(support::checked(::dup(both.left.number()), "dup"));
    outcome closed;
    outcome kept;
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      group.start(receive_a_byte, std::ref(both.left), std::ref(closed));
      group.start(receive_a_byte, std::ref(same), std::ref(kept));
      co_await turns(3);
      both.left.reset();
      support::write_text(both.right, "x");
    });
    CHECK(closed.is_cancelled());
    CHECK(kept.bytes == 1U);
  });
}

TEST_CASE("bytes that come after a handle was closed land nowhere") {
  on_each_kernel([]() -> rm::task<> {
    ends both = ends::of_sockets();
    const rm::fd same(support::checked(::dup(both.left.number()), "dup"));  // so that the bytes can still come
    std::array<std::byte, 16> buffer;
    buffer.fill(std::byte{'.'});
    const auto untouched = buffer;
    outcome how;
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      group.start(receive, std::ref(both.left), std::span<std::byte>(buffer), std::ref(how));
      co_await turns(3);
      both.left.reset();
      support::write_text(both.right, "later");
      co_await turns(3);
    });
    CHECK(how.is_cancelled());
    CHECK(buffer == untouched);
    std::array<char, 16> rest{};
    CHECK(::read(same.number(), rest.data(), rest.size()) == 5);  // nothing is lost either
  });
}

TEST_CASE("what has come before a handle was closed is delivered, or was never taken") {
  on_each_kernel([]() -> rm::task<> {
    for (int turns_between = 0; turns_between < 4; ++turns_between) {
      CAPTURE(turns_between);
      ends both = ends::of_sockets();
      const rm::fd same(support::checked(::dup(both.left.number()), "dup"));
      outcome how;
      rm::nursery group;
      co_await group.run([&]() -> rm::task<> {
        group.start(receive_a_byte, std::ref(both.left), std::ref(how));
        co_await turns(3);
        support::write_text(both.right, "x");
        co_await turns(turns_between);
        both.left.reset();
      });
      std::array<char, 2> rest{};
      const ssize_t left_over = ::recv(same.number(), rest.data(), rest.size(), MSG_DONTWAIT);
      CHECK(how.has_ended());
      CHECK((how.bytes == 1U) != (left_over == 1));
    }
  });
}

TEST_CASE("a task that was cancelled and whose handle was then closed is unwound, and gets no error") {
  on_each_kernel([]() -> rm::task<> {
    for (const bool cancel_first : {true, false}) {
      ends both = ends::of_sockets();
      outcome how;
      rm::nursery group;
      co_await group.run([&]() -> rm::task<> {
        group.start(receive_a_byte, std::ref(both.left), std::ref(how));
        co_await turns(3);
        if (cancel_first) group.cancel();
        both.left.reset();
        group.cancel();
      });
      CHECK(how.has_ended() == !cancel_first);
    }
  });
}

TEST_CASE("an accept that waits for a free descriptor ends with its listener, and keeps no loop from ending") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    rm::fd listener = support::listening_socket();
    const rm::fd client = support::client_of(listener);
    outcome how;
    const support::no_more_descriptors shortage;
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      group.start(accept_one, std::ref(listener), std::ref(how));
      co_await rm::sleep_for(1ms);
      CHECK_FALSE(how.has_ended());
      CHECK(listener.in_flight() == 1);
      listener.reset();
    });
    CHECK(how.is_cancelled());
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("an accept that waits for a free descriptor goes on as soon as one is closed") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    rm::fd listener = support::listening_socket();
    const rm::fd client = support::client_of(listener);
    rm::fd spare(support::checked(::dup(0), "dup"));
    outcome how;
    const support::no_more_descriptors shortage;
    rm::nursery group;
    rm::time_point closed_at;
    co_await group.run([&]() -> rm::task<> {
      group.start(accept_one, std::ref(listener), std::ref(how));
      co_await rm::sleep_for(150ms);  // by now it would come back after 80 ms at the earliest
      CHECK_FALSE(how.has_ended());
      closed_at = rm::loop::current().now();
      spare.reset();
    });
    CHECK(how.bytes == 0U);
    CHECK(rm::loop::current().now() - closed_at < 40ms);
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a cancel hides that an accept found no free descriptor") {
  on_each_kernel([]() -> rm::task<> {
    rm::fd listener = support::listening_socket();
    for (int turns_before = 0; turns_before < 5; ++turns_before) {
      CAPTURE(turns_before);
      const support::no_more_descriptors shortage;
      outcome how;
      rm::nursery group;
      co_await group.run([&]() -> rm::task<> {
        group.start(accept_one, std::ref(listener), std::ref(how));
        group.start([&]() -> rm::task<> {
          co_await turns(
              turns_before);  // none: the kernel has not seen it yet, and says that there is none all the same
          group.cancel();
        });
        co_return;
      });
      CHECK_FALSE(how.has_ended());
    }
  });
}

TEST_CASE("a new operation on a closed handle fails, and so does one that was made before") {
  on_each_kernel([]() -> rm::task<> {
    ends both = ends::of_sockets();
    std::array<std::byte, 1> buffer;
    rm::receive_op made_before(both.left, buffer);
    const int number = both.left.number();
    both.left.reset();
    const ends others = ends::of_sockets();  // they have the number now
    REQUIRE(others.left.number() == number);
    support::write_text(others.right, "not for you");
    std::error_code early;
    try {
      co_await std::move(made_before);
    } catch (const std::system_error& error) {
      early = error.code();
    }
    CHECK(early == std::errc::bad_file_descriptor);
    outcome late;
    co_await receive(both.left, buffer, late);
    CHECK(late.error == std::errc::bad_file_descriptor);
  });
}

TEST_CASE("a descriptor that is put in the place of another ends what is in flight on that one") {
  on_each_kernel([]() -> rm::task<> {
    ends one = ends::of_sockets();
    ends other = ends::of_sockets();
    outcome how;
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      group.start(receive_a_byte, std::ref(one.left), std::ref(how));
      co_await turns(3);
      one.left = std::move(other.left);
    });
    CHECK(how.is_cancelled());
    support::write_text(other.right, "x");
    outcome of_the_new;
    co_await receive_a_byte(one.left, of_the_new);
    CHECK(of_the_new.bytes == 1U);
  });
}

TEST_CASE("a handle in use is neither moved nor given away") {
  const auto in_flight = [](std::function<void(rm::fd&)> misuse) {
    return death_of([&] {
      on_each_kernel([&]() -> rm::task<> {
        ends both = ends::of_sockets();
        outcome how;
        rm::nursery group;
        co_await group.run([&]() -> rm::task<> {
          group.start(receive_a_byte, std::ref(both.left), std::ref(how));
          co_await turns(2);
          misuse(both.left);
        });
      });
    });
  };
  const std::string moved = in_flight([](rm::fd& handle) { const rm::fd other(std::move(handle)); });
  contains(moved, "a handle was moved while an operation on it is in flight");
  const std::string given_away = in_flight([](rm::fd& handle) { handle.release(); });
  contains(given_away, "a descriptor was given away while an operation on it is in flight");
  const std::string elsewhere = in_flight([](rm::fd& handle) { std::thread([&] { handle.reset(); }).join(); });
  contains(elsewhere, "a handle was closed outside of its loop while an operation on it is in flight");
}

TEST_CASE("a handle belongs to the loop that used it first, until it is given away") {
  ends both = ends::of_sockets();
  on_each_kernel([&]() -> rm::task<> {
    support::write_text(both.right, "x");
    outcome how;
    co_await receive_a_byte(both.left, how);
    CHECK(how.bytes == 1U);
  });
  const auto on_another_thread = [](std::function<rm::task<>()> body) {
    std::thread([&] { on_each_kernel(body); }).join();
  };
  on_another_thread([&]() -> rm::task<> {
    outcome how;
    std::string said;
    try {
      co_await receive_a_byte(both.left, how);
    } catch (const std::logic_error& error) {
      said = error.what();
    }
    contains(said, "another loop");
    CHECK(both.left.in_flight() == 0);
  });
  rm::fd same(both.left.release());
  on_another_thread([&]() -> rm::task<> {
    support::write_text(both.right, "x");
    outcome how;
    co_await receive_a_byte(same, how);
    CHECK(how.bytes == 1U);
  });
}
