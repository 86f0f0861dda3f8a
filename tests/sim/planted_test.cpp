// Bugs that are there on purpose: each must be found within a hundred seeds, and nothing without it. Together they say
// what the simulation is worth.
#include <doctest/doctest.h>
#include <liburing.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <ringmill/io/ops.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/io/sim/search.hpp>
#include <ringmill/io/sim/world.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/forwarding_kernel.hpp"
#include "echo.hpp"
#include "seeds.hpp"

namespace rm = ringmill;
namespace sim = ringmill::sim;
using namespace std::chrono_literals;
using namespace sim_tests;

namespace {

rm::task<rm::tcp_stream> connect_at_last(rm::address where) {
  for (;;) {
    try {
      rm::tcp_stream stream = co_await rm::tcp_stream::connect(where);
      co_return stream;
    } catch (const std::system_error&) {
    }
    co_await rm::sleep_for(1ms);
  }
}

/// A listener that is no more than its descriptor.
rm::fd plain_listener() {
  rm::kernel& kernel = rm::ring::current().backend();
  rm::fd socket(kernel.socket(AF_INET, SOCK_STREAM, 0));
  const rm::address where = *rm::address::parse("0.0.0.0", echo_port);
  if (kernel.bind(socket.number(), where.data(), where.size()) < 0 || kernel.listen(socket.number(), 100) < 0) {
    throw std::runtime_error("no listener");
  }
  return socket;
}

/// What a server needs of the world, and that outlives its hosts' tasks: memory that a bug may still write to.
template <class State>
std::shared_ptr<State> kept() {
  return std::make_shared<State>();
}

// A short write that is not continued.

class send_once_op : public rm::io_op {
 public:
  send_once_op(rm::fd& socket, std::span<const std::byte> data) noexcept : io_op(socket), data_(data) {}
  std::size_t await_resume() const { return static_cast<std::size_t>(result_or_throw("send")); }

 private:
  void prepare(io_uring_sqe& entry) noexcept override {
    io_uring_prep_send(&entry, descriptor(), data_.data(), static_cast<unsigned>(data_.size()), MSG_NOSIGNAL);
  }
  std::span<const std::byte> data_;
};

rm::task<> count_bytes(std::uint16_t port, std::size_t expected) {
  rm::tcp_listener listener = co_await listen_at_last(port);
  rm::tcp_stream peer = co_await listener.accept();
  std::vector<std::byte> buffer(1000);
  std::size_t got = 0;
  while (const std::size_t n = co_await peer.read_some(buffer)) got += n;
  if (got != expected) throw std::logic_error("bytes are missing");
}

program short_write_not_continued(bool has_bug) {
  return [has_bug](sim::world& world) {
    sim::host& server = world.host("server");
    server.start(count_bytes, echo_port, std::size_t{1000});
    world.host("client").start([has_bug, where = server.at(echo_port)]() -> rm::task<> {
      rm::tcp_stream stream = co_await connect_at_last(where);
      const std::vector<std::byte> data(1000);
      if (has_bug) {
        co_await send_once_op(stream.handle(), data);
      } else {
        co_await stream.write_all(data);
      }
      stream.shutdown_write();
    });
  };
}

// A buffer that is given to somebody else while the kernel may still write to it.

class buffer_shelf {
 public:
  std::vector<std::byte>& take() {
    if (free_.empty()) {
      all_.emplace_back(64);
      free_.push_back(&all_.back());
    }
    std::vector<std::byte>& one = *free_.back();
    free_.pop_back();
    return one;
  }
  void give_back(std::vector<std::byte>& one) { free_.push_back(&one); }

 private:
  std::deque<std::vector<std::byte>> all_;
  std::vector<std::vector<std::byte>*> free_;
};

class shelf_receive_op : public rm::receive_op {
 public:
  shelf_receive_op(rm::fd& socket, buffer_shelf& shelf, std::vector<std::byte>*& mine, bool has_bug)
      : receive_op(socket, *mine), shelf_(shelf), mine_(mine), has_bug_(has_bug) {}
  rm::cancel_result await_cancel(rm::cancel_reason why) noexcept {
    const rm::cancel_result answer = io_op::await_cancel(why);
    if (has_bug_ && mine_) shelf_.give_back(*std::exchange(mine_, nullptr));
    return answer;
  }
  /// A result that came all the same is dropped with its buffer.
  bool await_must_resume() const noexcept { return mine_ && receive_op::await_must_resume(); }

 private:
  buffer_shelf& shelf_;
  std::vector<std::byte>*& mine_;
  bool has_bug_;
};

rm::task<> read_own_letter(rm::tcp_stream& stream, buffer_shelf& shelf, sim::world& world, bool has_bug) {
  std::optional<std::byte> letter;
  for (;;) {
    std::vector<std::byte>* mine = &shelf.take();
    std::optional<std::size_t> got;
    {
      shelf_receive_op receive(stream.handle(), shelf, mine, has_bug);
      got = co_await rm::move_on_after(std::chrono::microseconds(world.random().below(300)), std::move(receive));
    }
    if (got && mine) {
      if (*got == 0) {
        shelf.give_back(*mine);
        co_return;
      }
      co_await rm::sleep_for(200us);  // it works on what it has got
      for (const std::byte each : std::span(*mine).first(*got)) {
        if (!letter) letter = each;
        if (each != *letter) throw std::logic_error("bytes of another connection");
      }
    }
    if (mine) shelf.give_back(*mine);
  }
}

program buffer_given_up_early(bool has_bug) {
  return [has_bug, shelf = kept<buffer_shelf>()](sim::world& world) {
    sim::host& server = world.host("server");
    server.start([&world, has_bug, shelf]() -> rm::task<> {
      rm::tcp_listener listener = co_await listen_at_last(echo_port);
      std::vector<rm::tcp_stream> peers;
      for (int i = 0; i < 3; ++i) {
        rm::tcp_stream peer = co_await listener.accept();
        peers.push_back(std::move(peer));
      }
      rm::nursery readers;
      co_await readers.run([&]() -> rm::task<> {
        for (rm::tcp_stream& peer : peers) {
          readers.start(read_own_letter, std::ref(peer), std::ref(*shelf), std::ref(world), has_bug);
        }
        co_return;
      });
    });
    for (int number = 0; number < 3; ++number) {
      world.host("client " + std::to_string(number))
          .start([&world, number, where = server.at(echo_port)]() -> rm::task<> {
            rm::tcp_stream stream = co_await connect_at_last(where);
            const std::string letters(20, static_cast<char>('a' + number));
            for (int round = 0; round < 40; ++round) {
              co_await stream.write_all(letters);
              co_await rm::sleep_for(std::chrono::microseconds(world.random().below(400)));
            }
          });
    }
  };
}

// The answer to a cancel that is taken for its target's.

class hasty_kernel final : public support::forwarding_kernel {
 public:
  using forwarding_kernel::forwarding_kernel;
  int enter(unsigned to_submit, bool wait, std::optional<rm::duration> timeout) override {
    const rm::ring_arrays& all = arrays();
    for (unsigned index = 0; index < to_submit; ++index) {
      const io_uring_sqe& entry = all.sqes[(*all.sq_head + index) & (all.sq_entries - 1)];
      if (entry.opcode == IORING_OP_ASYNC_CANCEL) {
        targets_[entry.user_data] = entry.addr;
      } else {
        in_flight_.insert(entry.user_data);
      }
    }
    const unsigned before = *all.cq_tail;
    const int result = forwarding_kernel::enter(to_submit, wait, timeout);
    for (unsigned index = before; index != *all.cq_tail; ++index) look_at(all.cqes[index & (all.cq_entries - 1)]);
    return result;
  }

 private:
  void look_at(io_uring_cqe& entry) {
    if ((entry.user_data & 1) != 0) {
      const __u64 target = targets_[entry.user_data];
      if (in_flight_.erase(target) == 0) return;
      taken_.insert(target);
      entry.user_data = target;
      entry.res = -ECANCELED;
    } else if (taken_.erase(entry.user_data) != 0 && !in_flight_.contains(entry.user_data)) {
      entry.user_data = 1;  // that of a cancel that there was not
      entry.res = 0;
    } else {
      in_flight_.erase(entry.user_data);
    }
  }
  std::map<__u64, __u64> targets_;  ///< of each cancel, by its own user_data
  std::set<__u64> in_flight_;
  std::set<__u64> taken_;
};

rm::task<> read_all_in_turns(sim::world& world, std::vector<std::byte>& buffer, std::size_t expected) {
  rm::tcp_listener listener = co_await listen_at_last(echo_port);
  rm::tcp_stream peer = co_await listener.accept();
  for (std::size_t got = 0;;) {
    const auto limit = std::chrono::microseconds(world.random().below(500));
    const std::optional<std::size_t> n = co_await rm::move_on_after(limit, peer.read_some(buffer));
    if (!n) continue;
    if (*n == 0) {
      if (got != expected) throw std::logic_error("bytes are missing");
      co_return;
    }
    for (std::size_t at = 0; at < *n; ++at) {
      if (buffer[at] != static_cast<std::byte>((got + at) % 251)) throw std::logic_error("bytes are missing");
    }
    got += *n;
  }
}

program cancel_taken_for_target(bool has_bug) {
  return [has_bug, buffer = std::make_shared<std::vector<std::byte>>(50)](sim::world& world) {
    if (has_bug) {
      world.wrap_kernels(
          [](std::unique_ptr<rm::kernel> plain) { return std::make_unique<hasty_kernel>(std::move(plain)); });
    }
    sim::host& server = world.host("server");
    server.start([&world, buffer]() -> rm::task<> {
      auto reading = read_all_in_turns(world, *buffer, 2000);
      co_await std::move(reading);
    });
    world.wrap_kernels({});
    world.host("client").start([&world, where = server.at(echo_port)]() -> rm::task<> {
      rm::tcp_stream stream = co_await connect_at_last(where);
      std::vector<std::byte> data(2000);
      for (std::size_t at = 0; at < data.size(); ++at) data[at] = static_cast<std::byte>(at % 251);
      for (std::size_t at = 0; at < data.size(); at += 50) {
        co_await stream.write_all(std::span(data).subspan(at, 50));
        co_await rm::sleep_for(std::chrono::microseconds(world.random().below(500)));
      }
      stream.shutdown_write();
    });
  };
}

// An accepted socket that nobody closes when its accept was cancelled.

class forgetful_accept_op : public rm::io_op {
 public:
  explicit forgetful_accept_op(rm::fd& listener) noexcept : io_op(listener) {}
  rm::cancel_result await_cancel(rm::cancel_reason why) noexcept {
    was_asked_ = true;
    return io_op::await_cancel(why);
  }
  /// Who was cancelled is not told of what came all the same.
  bool await_must_resume() const noexcept { return !was_asked_; }
  rm::fd await_resume() const { return rm::fd(result_or_throw("accept")); }

 private:
  void prepare(io_uring_sqe& entry) noexcept override {
    io_uring_prep_accept(&entry, descriptor(), nullptr, nullptr, SOCK_CLOEXEC);
  }
  bool was_asked_ = false;
};

program socket_leaked_on_cancel(bool has_bug) {
  return [has_bug](sim::world& world) {
    sim::host& server = world.host("server");
    server.start([&world, &server, has_bug]() -> rm::task<> {
      rm::fd listener = plain_listener();
      const int before = server.descriptors();
      for (int round = 0; round < 50; ++round) {
        const auto limit = std::chrono::microseconds(world.random().below(300));
        rm::nursery inner;  // a cancel from outside: what comes all the same is dropped
        co_await inner.run([&]() -> rm::task<> {
          inner.start([&]() -> rm::task<> {
            try {
              if (has_bug) {
                const rm::fd accepted = co_await forgetful_accept_op(listener);
              } else {
                const rm::fd accepted = co_await rm::accept_op(listener);
              }
            } catch (const std::system_error&) {
            }
          });
          co_await rm::sleep_for(limit);
          inner.cancel();
        });
      }
      if (server.descriptors() != before) throw std::logic_error("an accepted socket was left open");
    });
    world.host("client").start_background([where = server.at(echo_port)]() -> rm::task<> {
      for (;;) {
        const rm::tcp_stream stream = co_await connect_at_last(where);
        co_await rm::sleep_for(100us);
      }
    });
  };
}

// A multishot operation that has ended by itself and is not begun again.

class accept_all_op : public rm::io_op {
 public:
  accept_all_op(rm::fd& listener, bool has_bug) noexcept : io_op(listener), has_bug_(has_bug) {}
  ~accept_all_op() override { rm::ring::current().cancel_and_wait(*this); }
  using io_op::start_in_background;
  std::deque<rm::fd> accepted;

 private:
  void prepare(io_uring_sqe& entry) noexcept override {
    io_uring_prep_multishot_accept(&entry, descriptor(), nullptr, nullptr, SOCK_CLOEXEC);
  }
  void completed(std::int32_t result, std::uint32_t, bool more) noexcept override {
    if (result >= 0) accepted.emplace_back(result);
    const bool goes_on = result >= 0 ? !has_bug_ : result != -ECANCELED;
    if (!more && goes_on) resubmit();
  }
  bool has_bug_;
};

program multishot_not_begun_again(bool has_bug) {
  return [has_bug](sim::world& world) {
    sim::host& server = world.host("server");
    server.start_background([has_bug]() -> rm::task<> {
      rm::fd listener = plain_listener();
      accept_all_op all(listener, has_bug);
      all.start_in_background();
      rm::nursery clients;
      co_await clients.run([&]() -> rm::task<> {
        for (;;) {
          while (!all.accepted.empty()) {
            clients.start(echo_one, rm::tcp_stream(std::move(all.accepted.front())));
            all.accepted.pop_front();
          }
          co_await rm::sleep_for(10ms);
        }
      });
    });
    for (int number = 0; number < 4; ++number) {
      world.host("client " + std::to_string(number))
          .start(echo_client, server.at(echo_port), number, std::size_t{20}, rm::duration(20s));
    }
  };
}

// A wake-up that is lost between two turns: what tells of it is cleared after the look and not before.

class late_clearing_kernel final : public support::forwarding_kernel {
 public:
  using forwarding_kernel::forwarding_kernel;
  void clear_poll_descriptor() noexcept override { shall_clear_ = true; }
  rm::time_point now() noexcept override {
    const rm::time_point time = forwarding_kernel::now();
    if (std::exchange(shall_clear_, false)) forwarding_kernel::clear_poll_descriptor();
    return time;
  }

 private:
  bool shall_clear_ = false;
};

program wake_lost(bool has_bug) {
  return [has_bug](sim::world& world) {
    if (has_bug) {
      world.wrap_kernels(
          [](std::unique_ptr<rm::kernel> plain) { return std::make_unique<late_clearing_kernel>(std::move(plain)); });
    }
    sim::host& server = world.host("server");
    server.start_background(serve_echo, echo_port);
    for (int number = 0; number < 3; ++number) {
      world.host("client " + std::to_string(number)).start([number, where = server.at(echo_port)]() -> rm::task<> {
        rm::tcp_stream stream = co_await connect_at_last(where);
        for (int round = 0; round < 200; ++round) co_await exchange(stream, number, 50);
      });
    }
  };
}

// A timer that fires although what it was for is over.

class watchdog : public rm::timer {
 public:
  explicit watchdog(rm::cancel_scope*& current) noexcept : timer(&fire), current_(current) {}

 private:
  static void fire(timer& self) noexcept {
    if (rm::cancel_scope* const scope = static_cast<watchdog&>(self).current_) scope->cancel();
  }
  rm::cancel_scope*& current_;
};

program timer_not_disarmed(bool has_bug) {
  return [has_bug](sim::world& world) {
    sim::host& server = world.host("server");
    server.start_background(serve_echo, echo_port);
    world.host("client").start([&world, has_bug, where = server.at(echo_port)]() -> rm::task<> {
      constexpr rm::duration limit = 300ms;
      rm::tcp_stream stream = co_await connect_at_last(where);
      rm::cancel_scope* current = nullptr;
      std::deque<watchdog> watchdogs;
      rm::loop& here = rm::loop::current();
      std::optional<std::string> wrong;
      for (int round = 0; round < 30 && !wrong; ++round) {
        rm::cancel_scope scope;
        current = &scope;
        watchdog& watch = watchdogs.emplace_back(current);
        const rm::duration before = world.age();
        here.arm(watch, here.now() + limit);
        auto request = exchange(stream, round, 20);
        const bool is_done = co_await scope.run(std::move(request));
        current = nullptr;
        if (!has_bug && watch.is_armed()) here.disarm(watch);
        if (!is_done && world.age() - before < limit) wrong = "a request was cut off before its limit";
        if (!is_done) break;
        co_await rm::sleep_for(20ms);
      }
      for (watchdog& each : watchdogs) {
        if (each.is_armed()) here.disarm(each);
      }
      if (wrong) throw std::logic_error(*wrong);
    });
  };
}

}  // namespace

TEST_CASE("a short write that is not continued is found") { check_found(short_write_not_continued); }
TEST_CASE("a buffer that is given up before its operation has ended is found") { check_found(buffer_given_up_early); }
TEST_CASE("a cancel's answer that is taken for its target's is found") { check_found(cancel_taken_for_target); }
TEST_CASE("an accepted socket that leaks when its accept is cancelled is found") {
  check_found(socket_leaked_on_cancel);
}
TEST_CASE("a multishot operation that is not begun again is found") { check_found(multishot_not_begun_again); }
TEST_CASE("a wake-up that is lost between two turns is found") { check_found(wake_lost); }
TEST_CASE("a timer that fires when its task is done with it is found") { check_found(timer_not_disarmed); }

TEST_CASE("a failure is made smaller: to the one fault that it takes") {
  const program has_bug = short_write_not_continued(true);
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const sim::options how = usual(seed).stream_capacity(65536).fault(sim::fault::short_write, 200);
    const sim::shrunk_failure smaller = sim::shrink(seed, how, has_bug);
    if (smaller.text.empty()) continue;
    REQUIRE(smaller.faults.size() == 1);
    CHECK(smaller.faults[0].kind == sim::fault::short_write);
    CHECK_THROWS_AS(sim::run(seed, smaller.how, has_bug), sim::failure);
    return;
  }
  FAIL("nothing has failed");
}
