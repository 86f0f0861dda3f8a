// The end of a program in full swing.
#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <system_error>
#include <vector>

#include <ringmill/ringmill.hpp>
#include <ringmill/runtime/frame_memory.hpp>

#include "../support/kernels.hpp"
#include "../support/sockets.hpp"
#include "fault.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using fault::figure;

namespace {

constexpr int handles = 1'000;
constexpr int operations_each = 10;
const double allowed_seconds = fault::is_sanitized ? 5 : 1;

rm::task<> receive(rm::fd& socket) {
  std::array<std::byte, 16> buffer;
  try {
    for (;;) co_await rm::receive_op(socket, buffer);
  } catch (const std::system_error& error) {
    // Its handle was closed, or had been when it came back for more.
    const bool is_told =
        error.code() == std::errc::operation_canceled || error.code() == std::errc::bad_file_descriptor;
    CHECK(is_told);
  }
}

std::vector<support::ends> many_sockets() {
  std::vector<support::ends> all;
  for (int i = 0; i < handles; ++i) all.push_back(support::ends::of_sockets());
  return all;
}

/// Some of the operations complete while the others are stopped.
void write_to_some(const std::vector<support::ends>& all) {
  for (std::size_t i = 0; i < all.size(); i += 3) support::write_text(all[i].right, "x");
}

/// Starts them all and gives when the kernel has them.
rm::task<> start_all(rm::nursery& group, std::vector<support::ends>& all) {
  for (support::ends& both : all) {
    for (int i = 0; i < operations_each; ++i) group.start(receive, std::ref(both.left));
  }
  for (int i = 0; i < 3; ++i) co_await rm::yield();
  CHECK(rm::ring::current().in_flight() == handles * operations_each);
}

}  // namespace

TEST_CASE("the root is cancelled with 10,000 operations in flight") {
  const int before = support::open_descriptors();
  const auto frames_before = rm::current_frame_statistics().live;
  for (const auto& factory : support::all_kernels()) {
    fault::stopwatch watch;
    const auto root = [&]() -> rm::task<> {
      std::vector<support::ends> all = many_sockets();
      rm::nursery group;
      const auto body = [&]() -> rm::task<> {
        co_await start_all(group, all);
        write_to_some(all);
        watch = fault::stopwatch();
        rm::loop::current().cancel_root();
      };
      co_await group.run(body);
    };
    CHECK_THROWS_AS(rm::run_on(factory.make(), root()), rm::operation_cancelled);
    const double seconds = watch.seconds();
    figure("stop with %d operations in flight: %.0f ms, descriptors closed and memory freed", handles * operations_each,
           seconds * 1000);
    CHECK(seconds < allowed_seconds);
  }
  CHECK(support::open_descriptors() == before);
  CHECK(rm::current_frame_statistics().live == frames_before);
}

TEST_CASE("a thousand handles are closed with 10,000 operations in flight on them") {
  const int before = support::open_descriptors();
  support::on_each_kernel([]() -> rm::task<> {
    std::vector<support::ends> all = many_sockets();
    rm::nursery group;
    fault::stopwatch watch;
    const auto body = [&]() -> rm::task<> {
      co_await start_all(group, all);
      write_to_some(all);
      watch = fault::stopwatch();
      for (support::ends& both : all) both.left.reset();
      CHECK(rm::ring::current().in_flight() == 0);
    };
    co_await group.run(body);
    const double seconds = watch.seconds();
    figure("close of %d handles with %d operations in flight: %.0f ms", handles, handles * operations_each,
           seconds * 1000);
    CHECK(seconds < allowed_seconds);
  });
  CHECK(support::open_descriptors() == before);
}
