// What a build with AddressSanitizer finds of the buffers that the kernel uses.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include <ringmill/io/detail/kernel_access.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/death.hpp"
#include "../support/kernels.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using support::contains;

namespace {

/// Says why, if the test has to be skipped.
bool is_checked() {
  const bool is = rm::detail::checks_kernel_access();
  if (!is) MESSAGE("skipped: the library was built without AddressSanitizer");
  return is;
}

/// What the child says and does that runs `body(client, server)`, with the two ends of a connection, on `kernel`.
template <class Body>
std::string output_on(const support::kernel_factory& kernel, Body body) {
  return support::output_of([&] {
    rm::run_on(kernel.make(), [&]() -> rm::task<> {
      auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
      const rm::address where = listener.local();
      rm::tcp_stream client = co_await rm::tcp_stream::connect(where);
      rm::tcp_stream server = co_await listener.accept();
      co_await body(client, server);
    }());
  });
}

using buffer = std::vector<std::byte>;

}  // namespace

TEST_CASE("AddressSanitizer: a receive into a buffer that is freed while it is in flight is caught") {
  if (!is_checked()) return;
  for (const support::kernel_factory& kernel : support::all_kernels()) {
    const std::string said = output_on(kernel, [](rm::tcp_stream& client, rm::tcp_stream& server) -> rm::task<> {
      std::optional<buffer> memory(64);
      rm::nursery children;
      co_await children.run([&]() -> rm::task<> {
        children.start([&]() -> rm::task<> { co_await server.read_some(*memory); });
        co_await rm::sleep_for(std::chrono::milliseconds(1));  // the kernel has it
        memory.reset();
        co_await client.write_all("into nothing");
      });
    });
    contains(said, "it lived, and exited with 1");
    contains(said, "ringmill: receive on fd ");
    contains(said, "the kernel writes to 64 bytes at ");
    contains(said, "It was given up while the operation was in flight");
    contains(said, "ERROR: AddressSanitizer: heap-use-after-free");
    contains(said, "freed by thread T0 here");
  }
}

TEST_CASE("AddressSanitizer: a receive into a buffer that was freed before it began is caught") {
  if (!is_checked()) return;
  for (const support::kernel_factory& kernel : support::all_kernels()) {
    const std::string said = output_on(kernel, [](rm::tcp_stream&, rm::tcp_stream& server) -> rm::task<> {
      std::optional<buffer> memory(64);
      rm::receive_op reading = server.read_some(*memory);
      memory.reset();
      co_await std::move(reading);
    });
    contains(said, "ringmill: receive on fd ");
    contains(said, "It was so before the operation began");
    contains(said, "ERROR: AddressSanitizer: heap-use-after-free");
  }
}

TEST_CASE("AddressSanitizer: a send of more than the buffer holds is caught before a byte of it is sent") {
  if (!is_checked()) return;
  for (const support::kernel_factory& kernel : support::all_kernels()) {
    const std::string said = output_on(kernel, [](rm::tcp_stream& client, rm::tcp_stream&) -> rm::task<> {
      const buffer memory(64);
      co_await client.write_all(std::span(memory.data(), 80));
    });
    contains(said, "ringmill: send on fd ");
    contains(said, "the kernel reads 80 bytes at ");
    contains(said, "ERROR: AddressSanitizer: heap-buffer-overflow");
  }
}

TEST_CASE("AddressSanitizer: what a message or a vector refers to is looked at, too") {
  if (!is_checked()) return;
  for (const support::kernel_factory& kernel : support::all_kernels()) {
    const std::string sending = output_on(kernel, [](rm::tcp_stream& client, rm::tcp_stream&) -> rm::task<> {
      std::optional<buffer> body(64);
      const rm::const_buffer parts[] = {std::string_view("head"), std::span<const std::byte>(*body)};
      body.reset();
      co_await client.write_all(parts);
    });
    contains(sending, "the kernel reads 64 bytes at ");
    contains(sending, "heap-use-after-free");

    const std::string datagram = output_on(kernel, [](rm::tcp_stream&, rm::tcp_stream&) -> rm::task<> {
      rm::udp_socket socket = rm::udp_socket::bind("127.0.0.1", 0);
      std::optional<buffer> memory(64);
      rm::receive_datagram_op receiving = socket.receive_from(*memory);
      memory.reset();
      co_await std::move(receiving);
    });
    contains(datagram, "ringmill: receive a datagram on fd ");
    contains(datagram, "heap-use-after-free");
  }
}

TEST_CASE("AddressSanitizer: a program that keeps its buffers is left alone") {
  if (!is_checked()) return;
  for (const support::kernel_factory& kernel : support::all_kernels()) {
    const std::string said = output_on(kernel, [](rm::tcp_stream& client, rm::tcp_stream& server) -> rm::task<> {
      buffer memory(64);
      co_await client.write_all("whole");
      const std::size_t got = co_await server.read_some(std::span(memory).first(5));
      if (got != 5) throw std::runtime_error("not all was read");
      // Cancelled in flight, then freed: the kernel has let go of it.
      auto other = std::optional<buffer>(64);
      co_await rm::move_on_after(std::chrono::milliseconds(1), [](rm::tcp_stream& from, buffer& into) -> rm::task<> {
        co_await from.read_some(into);
      }(server, *other));
      other.reset();
      co_await client.write_all("later");
      const std::size_t later = co_await server.read_some(memory);
      if (later != 5) throw std::runtime_error("not all was read");
    });
    contains(said, "it lived, and exited with 0");
    const bool is_quiet = said.find("ringmill:") == std::string::npos;
    CHECK(is_quiet);
  }
}
