// Bugs that are there on purpose, in what stands between a host and its workers: each must be found within a hundred
// seeds, and nothing without it.
#include <doctest/doctest.h>
#include <liburing.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include <ringmill/io/ops.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/io/sim/search.hpp>
#include <ringmill/io/sim/world.hpp>
#include <ringmill/offload/channel.hpp>
#include <ringmill/offload/channel_protocol.hpp>
#include <ringmill/offload/detail/input_ring.hpp>
#include <ringmill/offload/zygote_link.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/forwarding_kernel.hpp"
#include "pool_program.hpp"
#include "seeds.hpp"

namespace rm = ringmill;
namespace sim = ringmill::sim;
using namespace std::chrono_literals;
using namespace sim_tests;
namespace offload = ringmill::detail;

namespace {

// A wake-up that is lost: the host waits for a change of what is there when it is armed, and not of what it has taken.

class late_arming_kernel final : public support::forwarding_kernel {
 public:
  late_arming_kernel(std::unique_ptr<rm::kernel> plain, bool has_bug) noexcept
      : forwarding_kernel(std::move(plain)), has_bug_(has_bug) {}
  int enter(unsigned to_submit, bool wait, std::optional<rm::duration> timeout) override {
    for (int look = 0; look < 40; ++look) now();  // a microsecond, in which workers go on
    const rm::ring_arrays& all = arrays();
    for (unsigned index = 0; index < to_submit; ++index) {
      io_uring_sqe& entry = all.sqes[(*all.sq_head + index) & (all.sq_entries - 1)];
      if (!has_bug_ || entry.opcode != rm::futex_wait_op::opcode) continue;
      const auto* const word = reinterpret_cast<const std::uint32_t*>(static_cast<std::uintptr_t>(entry.addr));
      entry.off = std::atomic_ref(*const_cast<std::uint32_t*>(word)).load();
    }
    return forwarding_kernel::enter(to_submit, wait, timeout);
  }

 private:
  bool has_bug_;
};

rm::task<> call_now_and_then(sim::world& world) {
  const call_book book;
  rm::process_pool pool(rm::pool_options().workers(2).start_timeout(1h));
  for (int round = 0; round < 30; ++round) {
    const int id = call_book::current().next_id();
    const int answer = co_await pool.run<&square>(id, static_cast<int>(world.random().below(20)));
    if (answer != id * id) throw std::logic_error("a wrong value");
  }
}

program worker_wake_lost(bool has_bug) {
  return [has_bug](sim::world& world) {
    sim::simulate_workers(world);
    world.wrap_kernels([has_bug](std::unique_ptr<rm::kernel> plain) {
      return std::make_unique<late_arming_kernel>(std::move(plain), has_bug);
    });
    world.host("one").start([&world] { return call_now_and_then(world); });
  };
}

// A small host of one worker, on the channel's own protocol, which does one thing wrong.

enum class mistake { none, gives_arguments_back_early, takes_an_answer_twice, sleeps_without_a_look };

class small_host {
 public:
  static constexpr std::size_t capacity = 4096;

  explicit small_host(mistake wrong) : wrong_(wrong), zygote_(offload::zygote_process::start()) {
    rm::ipc_calls& calls = rm::ring::current().backend().ipc();
    request_memory_ = rm::fd(calls.make_memory("requests", offload::page_size + capacity));
    response_memory_ = rm::fd(calls.make_memory("responses", offload::output_places::large_offset + capacity));
    error_ = rm::fd(calls.make_event());
    bell_ = rm::fd(calls.make_event());
    if (!request_memory_ || !response_memory_ || !error_ || !bell_) throw std::runtime_error("no memory");
    requests_ = offload::mapping(request_memory_.number(), offload::page_size + capacity, true);
    responses_ = offload::mapping(response_memory_.number(), offload::output_places::large_offset + capacity, false);
    responses_.make_writable(offload::page_size);
    protocol_.emplace(*reinterpret_cast<offload::request_page*>(requests_.data()),
                      *reinterpret_cast<offload::response_page*>(responses_.data()), 1U,
                      offload::output_places(capacity));
    const std::array<int, 4> descriptors = {request_memory_.number(), response_memory_.number(), error_.number(),
                                            bell_.number()};
    offload::zygote_message wanted;
    wanted.has_doorbell = 1;
    if (!zygote_.spawn(wanted, descriptors)) throw std::runtime_error("no worker");
  }

  /// Posts `count` calls, as many at a time as there is room for, and checks their answers.
  rm::task<> run(int count) {
    const auto last = static_cast<std::uint32_t>(count);
    while (answered_ < last) {
      while (posted_ < last && post()) continue;
      protocol_->publish();
      if (take_all()) continue;
      for (int look = 0; look < 20; ++look) rm::ring::current().backend().now();  // half a microsecond of other things
      protocol_->announce_sleep();
      if (wrong_ == mistake::sleeps_without_a_look || !protocol_->has_answer()) {
        co_await rm::readable(bell_);
        std::uint64_t rings = 0;
        rm::ring::current().backend().ipc().read_at_once(bell_.number(), &rings, sizeof rings);
      }
    }
  }

 private:
  static std::tuple<int, int> arguments_of(std::uint32_t number) {
    return {static_cast<int>(number), static_cast<int>(number % 10)};
  }

  bool post() {
    const std::tuple<int, int> arguments = arguments_of(posted_ + 1);
    const std::size_t size = rm::encoded_size(arguments);
    const bool is_early = wrong_ == mistake::gives_arguments_back_early;
    const std::optional<std::size_t> at = is_early ? std::optional<std::size_t>(0) : input_.find(size);
    if (!at || protocol_->in_flight() == 2) return false;
    if (!is_early) input_.take(*at, size);
    const std::size_t offset = offload::page_size + *at;
    rm::encode(std::span(requests_.data() + offset, size), arguments);
    protocol_->stage(offload::registration<&square>::id(),
                     {static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(size)});
    ++posted_;
    return true;
  }

  /// False: there was none.
  bool take_all() {
    bool any = false;
    while (const auto answer = protocol_->take()) {
      any = true;
      if (answer->status == offload::response_status::ready) {
        protocol_->done_reading();
        continue;
      }
      take(*answer);
      if (wrong_ == mistake::takes_an_answer_twice && protocol_->has_answer()) take(*answer);
      protocol_->done_reading();
      if (wrong_ != mistake::gives_arguments_back_early) input_.give_back();
    }
    return any;
  }

  void take(const offload::checked_answer& answer) {
    const auto number = static_cast<int>(++answered_);
    const std::span<const std::byte> bytes(responses_.data() + answer.where.offset, answer.where.length);
    if (rm::decode<int>(bytes) != number * number) throw std::logic_error("a wrong value");
  }

  mistake wrong_;
  offload::zygote_process zygote_;
  rm::fd request_memory_;
  rm::fd response_memory_;
  rm::fd error_;
  rm::fd bell_;
  offload::mapping requests_;
  offload::mapping responses_;
  std::optional<offload::host_protocol<offload::shared_memory>> protocol_;
  offload::input_ring input_{capacity};
  std::uint32_t posted_ = 0;
  std::uint32_t answered_ = 0;
};

template <mistake Wrong>
program small_host_that(bool has_bug) {
  return [has_bug](sim::world& world) {
    sim::simulate_workers(world);
    world.host("one").start([has_bug]() -> rm::task<> {
      const call_book book;
      small_host host(has_bug ? Wrong : mistake::none);
      co_await host.run(100);
    });
  };
}

/// For programs that lose their only worker, or do not start one, by no fault of theirs.
sim::options alive(std::uint64_t seed) {
  return usual(seed)
      .fault(sim::fault::no_process, 0)
      .fault(sim::fault::process_crash, 0)
      .fault(sim::fault::process_hang, 0)
      .fault(sim::fault::worker_lie, 0);
}

}  // namespace

TEST_CASE("a wake-up by a worker that is lost is found") { check_found(worker_wake_lost, alive); }
TEST_CASE("arguments that are overwritten before the worker has read them are found") {
  check_found(small_host_that<mistake::gives_arguments_back_early>, alive);
}
TEST_CASE("an answer that is taken twice is found") {
  check_found(small_host_that<mistake::takes_an_answer_twice>, alive);
}
TEST_CASE("a host that goes to sleep without a look at the answers is found") {
  check_found(small_host_that<mistake::sleeps_without_a_look>, alive);
}
