// For tests of a server whose client does not wait for answers.
#pragma once

#include <doctest/doctest.h>
#include <liburing.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ringmill/io/http/server.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/forwarding_kernel.hpp"
#include "../support/kernels.hpp"
#include "http_peers.hpp"

namespace support {

namespace rm = ringmill;
namespace http = ringmill::http;

/// Notes how many bytes each send was given.
class send_counting_kernel : public forwarding_kernel {
 public:
  send_counting_kernel(std::unique_ptr<rm::kernel> behind, std::vector<std::size_t>& sends)
      : forwarding_kernel(std::move(behind)), sends_(sends) {}
  int enter(unsigned to_submit, bool wait, std::optional<rm::duration> timeout) override {
    const rm::ring_arrays& shared = arrays();
    for (unsigned i = 0; i < to_submit; ++i) {
      const io_uring_sqe& entry = shared.sqes[(*shared.sq_tail - to_submit + i) & (shared.sq_entries - 1)];
      if (entry.opcode == IORING_OP_SEND || entry.opcode == IORING_OP_SENDMSG) sends_.push_back(entry.len);
    }
    return forwarding_kernel::enter(to_submit, wait, timeout);
  }

 private:
  std::vector<std::size_t>& sends_;
};

/// Serves while `body(client)` runs, with a client that is connected; then cancels the server.
inline rm::task<> with_client(http::server& server, std::function<rm::task<>(rm::tcp_stream&)> body) {
  auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
  rm::nursery both;
  co_await both.run([&]() -> rm::task<> {
    both.start([&]() -> rm::task<> { return server.serve(listener); });
    const rm::address where = listener.local();
    rm::tcp_stream client = co_await rm::tcp_stream::connect(where);
    rm::task<> running = body(client);
    co_await std::move(running);
    both.cancel();
  });
  CHECK(server.connections() == 0);
}

/// In virtual time, in worlds in which nothing goes wrong.
inline void in_virtual_time(std::function<rm::task<>()> body) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    rm::run_on(simulated_kernel(seed).make(), body());
  }
}

inline std::string get(std::string_view path, std::string_view fields = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

/// The bodies of these responses, each of which has a Content-Length; what is left at the end as it is.
inline std::vector<std::string> bodies(std::string_view text) {
  std::vector<std::string> found;
  while (!text.empty()) {
    const std::size_t end = text.find("\r\n\r\n");
    const std::size_t length = text.find("Content-Length: ");
    if (end == text.npos || length > end) break;
    const std::size_t size = std::stoul(std::string(text.substr(length + 16, 10)));
    found.emplace_back(text.substr(end + 4, size));
    text.remove_prefix(std::min(text.size(), end + 4 + size));
  }
  if (!text.empty()) found.emplace_back(text);
  return found;
}

/// Until what has come ends so.
inline rm::task<std::string> read_until(rm::tcp_stream& stream, std::string_view end) {
  std::string text;
  std::array<char, 65536> buffer;
  while (!text.ends_with(end)) {
    const std::size_t n = co_await stream.read_some(std::as_writable_bytes(std::span(buffer)));
    if (n == 0) throw std::runtime_error("the stream has ended behind: " + text);
    text.append(buffer.data(), n);
  }
  co_return text;
}

inline rm::task<http::response> path(http::request message) { co_return http::response(200, message.target); }

}  // namespace support
