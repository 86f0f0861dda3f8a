// A cancel whose interruption is lost on its way to the kernel's thread, as Linux 6.1 does it at times.
#include <doctest/doctest.h>

#include <liburing.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>

#include <ringmill/io/host_loop.hpp>
#include <ringmill/io/ops.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/forwarding_kernel.hpp"
#include "../support/kernels.hpp"
#include "../support/sockets.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::ends;

namespace {

/// Answers the first cancels with "is being interrupted", and does nothing.
class forgetful_kernel final : public support::forwarding_kernel {
 public:
  static constexpr int times = 3;
  using forwarding_kernel::forwarding_kernel;

  int enter(unsigned to_submit, bool wait, std::optional<rm::duration> timeout) override {
    const rm::ring_arrays& all = arrays();
    const unsigned head = *all.sq_head;
    for (unsigned i = 0; i < to_submit && lost_ < times; ++i) {
      io_uring_sqe& entry = all.sqes[(head + i) & (all.sq_entries - 1)];
      if (entry.opcode != IORING_OP_ASYNC_CANCEL) continue;
      tag_ = entry.user_data;
      io_uring_prep_nop(&entry);
      entry.user_data = tag_;
      ++lost_;
      ++unanswered_;
    }
    const int result = forwarding_kernel::enter(to_submit, wait, timeout);
    for (unsigned at = *all.cq_head; at != *all.cq_tail; ++at) {
      io_uring_cqe& answer = all.cqes[at & (all.cq_entries - 1)];
      if (unanswered_ == 0 || answer.user_data != tag_) continue;
      answer.res = -EALREADY;
      --unanswered_;
    }
    return result;
  }

 private:
  int lost_ = 0;
  int unanswered_ = 0;
  std::uint64_t tag_ = 0;
};

std::unique_ptr<rm::kernel> forgetful(const support::kernel_factory& factory) {
  return std::make_unique<forgetful_kernel>(factory.make());
}

rm::task<> receive_a_byte(rm::fd& socket) {
  std::array<std::byte, 1> buffer;
  co_await rm::receive_op(socket, buffer);
}

/// Cancels a receive that is in flight.
rm::task<> cancel_receive(rm::fd& socket) {
  const bool has_ended = co_await rm::move_on_after(1ms, receive_a_byte(socket));
  CHECK_FALSE(has_ended);
  CHECK(rm::ring::current().in_flight() == 0);
}

}  // namespace

TEST_CASE("a cancel that the kernel has lost is asked for again") {
  for (const support::kernel_factory& factory : support::all_kernels()) {
    CAPTURE(factory.name());
    ends both = ends::of_sockets();
    rm::run_on(forgetful(factory), cancel_receive(both.left));
  }
}

TEST_CASE("a cancel that the kernel has lost is asked for again by a close, which waits for the end") {
  const auto close_it = [](ends& both) -> rm::task<> {
    rm::nursery children;
    std::error_code error;
    co_await children.run([&]() -> rm::task<> {
      children.start([&]() -> rm::task<> {
        try {
          co_await receive_a_byte(both.left);
        } catch (const std::system_error& closed) {
          error = closed.code();
        }
      });
      for (int i = 0; i < 3; ++i) co_await rm::yield();
      both.left.reset();
    });
    CHECK(error == std::errc::operation_canceled);
  };
  for (const support::kernel_factory& factory : support::all_kernels()) {
    CAPTURE(factory.name());
    ends both = ends::of_sockets();
    rm::run_on(forgetful(factory), close_it(both));
  }
}

TEST_CASE("a cancel that the kernel has lost is asked for again in a host's loop, which is told when") {
  for (const support::kernel_factory& factory : support::all_kernels()) {
    CAPTURE(factory.name());
    ends both = ends::of_sockets();
    rm::host_loop tasks(forgetful(factory));
    bool is_over = false;
    tasks.detach([&]() -> rm::task<> {
      co_await cancel_receive(both.left);
      is_over = true;
    });
    while (!is_over) {
      pollfd wake{tasks.poll_fd(), POLLIN, 0};
      const int timeout = tasks.poll_timeout();
      REQUIRE(timeout >= 0);  // nothing else would wake it
      REQUIRE(::poll(&wake, 1, timeout) >= 0);
      tasks.run_once();
    }
  }
}
