// The ring itself: what is asked of it when its arrays are too small.
#include <doctest/doctest.h>

#include <poll.h>

#include <array>
#include <functional>
#include <system_error>
#include <vector>

#include <ringmill/io/ops.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/kernels.hpp"
#include "../support/sockets.hpp"

namespace rm = ringmill;
using support::ends;

namespace {

rm::task<> await_a_byte(rm::fd& socket) {
  std::array<std::byte, 1> buffer;
  co_await rm::receive_op(socket, buffer);
}

/// Watches in the background until it dies.
class watch : public rm::poll_op {
 public:
  explicit watch(int descriptor) : poll_op(descriptor, POLLIN) { start_in_background(); }
  ~watch() override { owner().cancel_and_wait(*this); }

 private:
  void completed(std::int32_t, std::uint32_t, bool) noexcept override {}
};

rm::ring_options tiny() { return rm::ring_options().entries(8).completion_entries(16); }

}  // namespace

TEST_CASE("a watch ends while more operations than the submission array holds wait in front of its cancel") {
  const auto body = []() -> rm::task<> {
    ends both = ends::of_sockets();
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      {
        const watch until_here(both.right.number());
        co_await rm::yield();
        for (int i = 0; i < 100; ++i) group.start(await_a_byte, std::ref(both.left));
        co_await rm::yield();  // they start, none completes, and then the watch ends
      }
      group.cancel();
    });
  };
  support::on_each_kernel(body, tiny());
}

TEST_CASE("a host's loop hands over all operations at once, more than the submission array holds") {
  for (const auto& factory : support::all_kernels()) {
    ends both = ends::of_sockets();
    rm::ring below(factory.make(tiny()));
    const rm::ring_scope scope(below);
    rm::loop here(below);
    const rm::loop::attachment mine(here);
    constexpr int count = 100;
    for (int i = 0; i < count; ++i) here.detach(await_a_byte, std::ref(both.left));
    here.run_once(rm::time_point::min());
    here.run_once(rm::time_point::min());
    // The host goes to sleep now: nothing calls it back before something has happened.
    CHECK(below.statistics().submitted >= count);
    here.shutdown();
  }
}
