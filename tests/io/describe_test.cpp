// What the operations of io/ say of themselves in the task tree.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <ringmill/io/ops.hpp>
#include <ringmill/ringmill.hpp>
#include <ringmill/runtime/inspect.hpp>

#include "../support/kernels.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using support::contains;
using support::on_each_kernel;

namespace {

/// The tree of tasks while `waiting` waits, one turn after it was started. Then it is cancelled.
template <class Awaitable>
rm::task<std::string> tree_around(Awaitable waiting) {
  std::string tree;
  rm::nursery around;
  co_await around.run([&]() -> rm::task<> {
    around.start([&]() -> rm::task<> { co_await std::move(waiting); });
    co_await rm::yield();
    co_await rm::yield();
    tree = rm::dump_tasks();
    around.cancel();
  });
  co_return tree;
}

}  // namespace

TEST_CASE("an operation in flight says what it does, and on which descriptor") {
  on_each_kernel([]() -> rm::task<> {
    std::array<int, 2> ends{};
    REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
    const rm::fd reader(ends[0]);
    const rm::fd writer(ends[1]);
    std::array<std::byte, 8> buffer{};
    const std::string on_reader = " on fd " + std::to_string(reader.number());
    const std::string reading = co_await tree_around(rm::read_op(reader.number(), buffer));
    contains(reading, ": read" + on_reader);
    const std::string polling = co_await tree_around(rm::poll_op(reader.number(), 1));
    contains(polling, ": poll" + on_reader);
  });
}

TEST_CASE(
    "an operation that has ended, while others of its task go on, does not speak of its handle, which may be gone") {
  on_each_kernel([]() -> rm::task<> {
    auto gone = std::make_unique<std::pair<rm::unix_stream, rm::unix_stream>>(rm::unix_stream::pair());
    rm::buffered_reader reader(gone->first);
    rm::nursery around;
    co_await around.run([&]() -> rm::task<> {
      around.start([&]() -> rm::task<> { CHECK_THROWS_AS(co_await reader.read_line(), std::system_error); });
      co_await rm::yield();
      co_await rm::yield();
      gone.reset();
      contains(rm::dump_tasks(), ": an operation that has ended");
    });
  });
}

TEST_CASE("what waits for a socket names the peer") {
  on_each_kernel([]() -> rm::task<> {
    auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
    const std::string accepting = co_await tree_around(listener.accept());
    contains(accepting, ": accept on fd ");
    rm::tcp_stream client = co_await rm::tcp_stream::connect(listener.local());
    rm::tcp_stream server = co_await listener.accept();
    std::array<std::byte, 8> buffer{};
    const std::string receiving = co_await tree_around(client.read_some(buffer));
    contains(receiving, ": receive on fd ");
    contains(receiving, ", peer " + listener.local().to_string());
  });
}
