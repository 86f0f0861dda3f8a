// The simulated kernel as a ring sees it: what it does to entries, buffers and descriptors.
#include <doctest/doctest.h>
#include <liburing.h>
#include <poll.h>

#include <array>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <ringmill/io/ring.hpp>
#include <ringmill/io/sim/detail/environment.hpp>
#include <ringmill/io/sim/detail/sim_kernel.hpp>
#include <ringmill/io/sim/kernel.hpp>
#include <ringmill/ringmill.hpp>

namespace rm = ringmill;
namespace sim = ringmill::sim;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t seeds = 50;

/// The kernel itself, and entries by hand: what a ring does with it is not in the way.
class bare_kernel {
 public:
  explicit bare_kernel(std::uint64_t seed, const sim::options& how = sim::options())
      : kernel(std::make_shared<sim::detail::environment>(seed, how), 0, "", how.ring()) {}

  io_uring_sqe& entry(unsigned opcode, int fd, std::uint64_t user_data) {
    const rm::ring_arrays& all = kernel.arrays();
    io_uring_sqe& made = all.sqes[(*all.sq_tail)++ & (all.sq_entries - 1)];
    std::memset(&made, 0, sizeof made);
    made.opcode = static_cast<__u8>(opcode);
    made.fd = fd;
    made.user_data = user_data;
    return made;
  }
  int enter(bool wait = false, std::optional<rm::duration> timeout = std::nullopt) {
    const rm::ring_arrays& all = kernel.arrays();
    return kernel.enter(*all.sq_tail - *all.sq_head, wait, timeout);
  }
  /// Waits for the next completion.
  io_uring_cqe next() {
    const rm::ring_arrays& all = kernel.arrays();
    if (*all.cq_head == *all.cq_tail) enter(true);
    io_uring_cqe got{};
    std::memcpy(&got, &all.cqes[(*all.cq_head)++ & (all.cq_entries - 1)], sizeof got);
    return got;
  }

  sim::detail::sim_kernel kernel;
};

std::array<int, 2> pair_of(bare_kernel& bare) {
  std::array<int, 2> ends{};
  REQUIRE(bare.kernel.socket_pair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
  return ends;
}

void read_into(bare_kernel& bare, int fd, void* buffer, unsigned size, std::uint64_t user_data) {
  io_uring_sqe& entry = bare.entry(IORING_OP_READ, fd, user_data);
  entry.addr = reinterpret_cast<std::uintptr_t>(buffer);
  entry.len = size;
}

void write_from(bare_kernel& bare, int fd, const void* data, unsigned size, std::uint64_t user_data) {
  io_uring_sqe& entry = bare.entry(IORING_OP_WRITE, fd, user_data);
  entry.addr = reinterpret_cast<std::uintptr_t>(data);
  entry.len = size;
}

}  // namespace

TEST_CASE("a buffer in flight is filled with a pattern, and gets its bytes at completion") {
  bare_kernel bare(1);
  const auto ends = pair_of(bare);
  std::array<unsigned char, 4> buffer{};
  read_into(bare, ends[0], buffer.data(), 4, 7);
  CHECK(bare.enter() == 1);
  CHECK(buffer[0] == 0xa5);
  write_from(bare, ends[1], "ab", 2, 8);
  std::set<std::uint64_t> ended;
  for (int i = 0; i < 2; ++i) {
    const io_uring_cqe got = bare.next();
    CHECK(got.res == 2);
    ended.insert(got.user_data);
  }
  CHECK(ended == std::set<std::uint64_t>{7, 8});
  CHECK(buffer[0] == 'a');
  CHECK(buffer[2] == 0xa5);
}

TEST_CASE("the lowest descriptor is given again at once, and a closed one is unknown") {
  bare_kernel bare(1);
  const auto ends = pair_of(bare);
  CHECK(ends[1] == ends[0] + 1);
  CHECK(bare.kernel.close(ends[0]) == 0);
  CHECK(bare.kernel.close(ends[0]) == -EBADF);
  CHECK(bare.kernel.socket(AF_INET, SOCK_STREAM, 0) == ends[0]);
  read_into(bare, 12345, nullptr, 0, 1);
  CHECK(bare.next().res == -EBADF);
}

TEST_CASE("closing a descriptor does not end what is in flight on it, a cancel does, with its own answer first") {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    bare_kernel bare(seed);
    const auto ends = pair_of(bare);
    char buffer = 0;
    read_into(bare, ends[0], &buffer, 1, 7);
    bare.enter();
    bare.kernel.close(ends[0]);
    CHECK(bare.enter(true, rm::duration(1s)) == -ETIME);
    io_uring_sqe& cancel = bare.entry(IORING_OP_ASYNC_CANCEL, -1, 8);
    cancel.addr = 7;
    const io_uring_cqe first = bare.next();
    CHECK(first.user_data == 8);
    CHECK(first.res == 0);
    const io_uring_cqe second = bare.next();
    CHECK(second.user_data == 7);
    CHECK(second.res == -ECANCELED);
  }
}

TEST_CASE("a cancel and its target race: each wins by some seeds") {
  int cancelled = 0;
  int completed = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    bare_kernel bare(seed, sim::options().fault(sim::fault::late_cancel, 500));
    const auto ends = pair_of(bare);
    char buffer = 0;
    read_into(bare, ends[0], &buffer, 1, 7);
    bare.enter();
    write_from(bare, ends[1], "x", 1, 9);
    io_uring_sqe& cancel = bare.entry(IORING_OP_ASYNC_CANCEL, -1, 8);
    cancel.addr = 7;
    for (int i = 0; i < 3; ++i) {
      const io_uring_cqe got = bare.next();
      if (got.user_data != 7) continue;
      CHECK((got.res == 1 || got.res == -ECANCELED));
      ++(got.res == 1 ? completed : cancelled);
    }
  }
  CHECK(cancelled > 10);
  CHECK(completed > 10);
}

TEST_CASE("an overflow of completions is kept, and flagged until it has been taken") {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    bare_kernel bare(seed, sim::options().ring(rm::ring_options().entries(64).completion_entries(2)));
    for (std::uint64_t number = 0; number < 20; ++number) bare.entry(IORING_OP_NOP, -1, number);
    bare.enter();
    bare.enter(true, rm::duration(1s));
    for (int i = 0; i < 5; ++i) static_cast<void>(bare.enter(false));
    bare.kernel.around().pass(1s);
    bare.enter();
    CHECK((*bare.kernel.arrays().sq_flags & IORING_SQ_CQ_OVERFLOW) != 0);
    std::set<std::uint64_t> ended;
    for (int i = 0; i < 20; ++i) ended.insert(bare.next().user_data);
    CHECK(ended.size() == 20);
    bare.enter();
    CHECK((*bare.kernel.arrays().sq_flags & IORING_SQ_CQ_OVERFLOW) == 0);
  }
}

TEST_CASE("operations complete in another order with each seed") {
  std::set<std::vector<std::uint64_t>> orders;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    bare_kernel bare(seed);
    for (std::uint64_t number = 0; number < 5; ++number) bare.entry(IORING_OP_NOP, -1, number);
    std::vector<std::uint64_t> order;
    for (int i = 0; i < 5; ++i) order.push_back(bare.next().user_data);
    orders.insert(order);
  }
  CHECK(orders.size() > 10);
}

TEST_CASE("a multishot poll tells of each change until it is cancelled") {
  bare_kernel bare(3);
  const auto ends = pair_of(bare);
  io_uring_sqe& poll = bare.entry(IORING_OP_POLL_ADD, ends[0], 7);
  poll.poll32_events = POLLIN;
  poll.len = IORING_POLL_ADD_MULTI;
  bare.enter();
  for (int round = 0; round < 3; ++round) {
    write_from(bare, ends[1], "x", 1, 9);
    bool was_told = false;
    for (int i = 0; i < 2; ++i) {
      const io_uring_cqe got = bare.next();
      if (got.user_data != 7) continue;
      was_told = true;
      CHECK((got.res & POLLIN) != 0);
      CHECK((got.flags & IORING_CQE_F_MORE) != 0);
    }
    CHECK(was_told);
  }
  io_uring_sqe& cancel = bare.entry(IORING_OP_ASYNC_CANCEL, -1, 8);
  cancel.addr = 7;
  CHECK(bare.next().user_data == 8);
  const io_uring_cqe last = bare.next();
  CHECK(last.res == -ECANCELED);
  CHECK((last.flags & IORING_CQE_F_MORE) == 0);
}

TEST_CASE("a pipe holds 64 KiB, ends when its writer goes, and is broken when its reader goes") {
  bare_kernel bare(4);
  std::array<int, 2> ends{};
  REQUIRE(bare.kernel.pipe(ends.data()) == 0);
  const std::vector<char> data(100'000, 'x');
  std::vector<char> buffer(100'000);
  write_from(bare, ends[1], data.data(), 100'000, 1);
  CHECK(bare.next().res == 65536);
  read_into(bare, ends[0], buffer.data(), 100'000, 2);
  CHECK(bare.next().res == 65536);
  bare.kernel.close(ends[1]);
  read_into(bare, ends[0], buffer.data(), 1, 3);
  CHECK(bare.next().res == 0);
  REQUIRE(bare.kernel.pipe(ends.data()) == 0);
  bare.kernel.close(ends[0]);
  write_from(bare, ends[1], "x", 1, 4);
  CHECK(bare.next().res == -EPIPE);
}

TEST_CASE("a splice takes bytes from a pipe to a socket") {
  bare_kernel bare(5);
  std::array<int, 2> pipe{};
  REQUIRE(bare.kernel.pipe(pipe.data()) == 0);
  const auto ends = pair_of(bare);
  write_from(bare, pipe[1], "hello", 5, 1);
  CHECK(bare.next().res == 5);
  io_uring_sqe& splice = bare.entry(IORING_OP_SPLICE, ends[0], 2);
  splice.splice_fd_in = pipe[0];
  splice.len = 100;
  CHECK(bare.next().res == 5);
  std::array<char, 8> buffer{};
  read_into(bare, ends[1], buffer.data(), 8, 3);
  CHECK(bare.next().res == 5);
  CHECK(std::string(buffer.data(), 5) == "hello");
}

TEST_CASE("without room for a connection a client asks again, until there is") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    rm::run_on(sim::make_kernel(seed), []() -> rm::task<> {
      auto listener = rm::tcp_listener::bind("127.0.0.1", 0, 1);
      std::vector<rm::tcp_stream> accepted;
      rm::nursery clients;
      co_await clients.run([&]() -> rm::task<> {
        for (int i = 0; i < 6; ++i) {
          clients.start([where = listener.local()]() -> rm::task<> {
            rm::tcp_stream stream = co_await rm::tcp_stream::connect(where);
          });
        }
        co_await rm::sleep_for(500ms);
        while (accepted.size() < 6) {
          rm::tcp_stream one = co_await listener.accept();
          accepted.push_back(std::move(one));
        }
      });
    }());
  }
}

TEST_CASE("a day of sleep takes no time, and a loop that can never go on is told so") {
  rm::run_on(sim::make_kernel(1), []() -> rm::task<> {
    const rm::time_point before = rm::loop::current().now();
    co_await rm::sleep_for(24h);
    CHECK(rm::loop::current().now() - before >= 24h);
    CHECK(rm::loop::current().now() - before < 24h + 1ms);
  }());
  CHECK_THROWS_AS(rm::run_on(sim::make_kernel(1),
                             []() -> rm::task<> {
                               auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
                               co_await listener.accept();
                             }()),
                  rm::deadlock_error);
}
