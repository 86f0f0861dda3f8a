// An echo server and clients that check what they get: the program that most tests of the simulation run.
#pragma once

#include <array>
#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>

#include <ringmill/io/sim/world.hpp>
#include <ringmill/io/tcp.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/timeout.hpp>

namespace sim_tests {

namespace rm = ringmill;

inline constexpr std::uint16_t echo_port = 7;

inline rm::task<> echo_one(rm::tcp_stream peer) {
  try {
    std::array<std::byte, 300> buffer;
    while (const std::size_t n = co_await peer.read_some(buffer)) co_await peer.write_all(std::span(buffer).first(n));
  } catch (const std::system_error&) {  // the network or the client has ended it
  }
}

/// A listener, as soon as there is a descriptor for it.
inline rm::task<rm::tcp_listener> listen_at_last(std::uint16_t port) {
  for (;;) {
    try {
      co_return rm::tcp_listener::bind("0.0.0.0", port);
    } catch (const std::system_error&) {
    }
    co_await rm::sleep_for(std::chrono::milliseconds(1));
  }
}

inline rm::task<> serve_echo(std::uint16_t port) {
  rm::tcp_listener listener = co_await listen_at_last(port);
  rm::nursery clients;
  co_await clients.run([&]() -> rm::task<> {
    for (;;) {
      rm::tcp_stream peer = co_await listener.accept();
      clients.start(echo_one, std::move(peer));
    }
  });
}

/// What is the same for all echoes: byte `at` of client `number`.
inline char expected_byte(int number, std::size_t at) { return static_cast<char>('a' + (at * 7 + number) % 26); }

/// Sends `size` bytes and gets them back, whatever they are split into. Throws std::logic_error if they are others.
inline rm::task<> exchange(rm::tcp_stream& stream, int number, std::size_t size) {
  std::string sent(size, '\0');
  for (std::size_t at = 0; at < size; ++at) sent[at] = expected_byte(number, at);
  std::string got(size, '\0');
  std::exception_ptr broken;  // kept: with the reader's own it would be one error too many for the nursery, and logged
  rm::nursery both;
  co_await both.run([&]() -> rm::task<> {
    both.start([&]() -> rm::task<> {
      try {
        co_await stream.write_all(sent);
      } catch (const std::system_error&) {
        broken = std::current_exception();
        both.cancel();
      }
    });
    std::size_t have = 0;
    while (have < size) {
      const std::size_t n = co_await stream.read_some(std::as_writable_bytes(std::span(got)).subspan(have));
      if (n == 0) throw std::system_error(ECONNRESET, std::generic_category(), "the echo has ended");
      have += n;
    }
  });
  if (broken) std::rethrow_exception(broken);
  if (got != sent) throw std::logic_error("the echo differs from what was sent");
}

/// Tries until it has had its echo, with a limit of time for each try.
inline rm::task<> echo_client(rm::address server, int number, std::size_t size, rm::duration limit) {
  for (int tries = 1;; ++tries) {
    try {
      const auto once = [&]() -> rm::task<> {
        rm::tcp_stream stream = co_await rm::tcp_stream::connect(server);
        co_await exchange(stream, number, size);
      };
      co_await rm::with_timeout(limit, once());
      co_return;
    } catch (const rm::timeout_error&) {
    } catch (const std::system_error&) {
    }
    co_await rm::sleep_for(std::chrono::milliseconds(10) * tries);
  }
}

}  // namespace sim_tests
