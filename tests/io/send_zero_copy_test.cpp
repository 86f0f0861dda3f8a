#include <doctest/doctest.h>

#include <liburing.h>

#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <ringmill/io/send_zero_copy.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/connection.hpp"
#include "../support/forwarding_kernel.hpp"
#include "../support/kernels.hpp"
#include "../support/sockets.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::on_each_kernel;

namespace {

/// A connection with room for all of `held` at the client, and for little of it at the server: as long as that does not
/// read, a send without a copy is accepted at once, and its buffer held. With a receive buffer of 4 KiB it would go on
/// at 10 KB a second (docs/design/ring.md).
class narrow_connection {
 public:
  static constexpr std::size_t held = 256 << 10;

  rm::task<> make() {
    auto listener = rm::tcp_listener::bind("127.0.0.1", 0,
                                           rm::tcp_listener_options().streams(rm::tcp_options().receive_buffer(16384)));
    const rm::address where = listener.local();
    const rm::tcp_connect_options options = rm::tcp_connect_options().stream(rm::tcp_options().send_buffer(1 << 20));
    client = co_await rm::tcp_stream::connect(where, options);
    server = co_await listener.accept();
  }

  rm::tcp_stream client;
  rm::tcp_stream server;
};

/// What was read until the end, and the error if there was one.
class read_result {
 public:
  std::string text;
  std::error_code error;
};

rm::task<read_result> read_all(rm::tcp_stream& from) {
  read_result got;
  std::string buffer(65536, '\0');
  try {
    while (const std::size_t n = co_await from.read_some(std::as_writable_bytes(std::span(buffer)))) {
      got.text.append(buffer, 0, n);
    }
  } catch (const std::system_error& error) {
    got.error = error.code();
  }
  co_return got;
}

rm::task<std::error_code> send(rm::tcp_stream& to, std::string_view text) {
  try {
    co_await to.write_all_zero_copy(text);
  } catch (const std::system_error& error) {
    co_return error.code();
  }
  co_return std::error_code();
}

/// The kernel has accepted all bytes of a send, and holds their buffer.
rm::task<> buffer_is_held() {
  for (int turn = 0; turn < 2000; ++turn) {
    if (rm::dump_tasks().find("the end of a send without a copy") != std::string::npos) co_return;
    co_await rm::sleep_for(1ms);
  }
  FAIL("the kernel holds no buffer: " << rm::dump_tasks());
}

bool has_only(const std::string& text, char what) { return text.find_first_not_of(what) == std::string::npos; }

bool is_broken(const std::error_code& error) {
  return error == std::errc::connection_reset || error == std::errc::broken_pipe;
}

/// Linux before 6.0.
class kernel_that_copies final : public support::forwarding_kernel {
 public:
  using forwarding_kernel::forwarding_kernel;
  bool supports(unsigned opcode) const noexcept override {
    return opcode != IORING_OP_SEND_ZC && behind().supports(opcode);
  }
};

}  // namespace

TEST_CASE("a send without a copy: all bytes arrive, and the buffer may be used again after the await") {
  on_each_kernel([]() -> rm::task<> {
    for (const std::size_t size : {std::size_t{1}, std::size_t{65'536}, std::size_t{5'000'003}}) {
      CAPTURE(size);
      support::connected both;
      co_await support::make_connection(both);
      rm::nursery children;
      read_result got;
      co_await children.run([&]() -> rm::task<> {
        children.start([&]() -> rm::task<> { got = co_await read_all(both.server); });
        std::string buffer(size, 'a');
        co_await both.client.write_all_zero_copy(std::string_view());
        co_await both.client.write_all_zero_copy(buffer);
        buffer.assign(size, 'b');
        co_await both.client.write_all_zero_copy(buffer);
        buffer.assign(size, 'c');
        co_await both.client.write_all("end");
        both.client.shutdown_write();
      });
      const bool is_right = got.text == std::string(size, 'a') + std::string(size, 'b') + "end";
      CHECK(is_right);
      CHECK_FALSE(got.error);
    }
  });
}

TEST_CASE("a send without a copy comes back when the kernel has let go of the buffer, and not before") {
  on_each_kernel([]() -> rm::task<> {
    narrow_connection both;
    co_await both.make();
    const std::string buffer(narrow_connection::held, 'a');
    bool is_back = false;
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.start([&]() -> rm::task<> {
        co_await both.client.write_all_zero_copy(buffer);
        is_back = true;
      });
      co_await buffer_is_held();
      CHECK_FALSE(is_back);
      std::string got(narrow_connection::held, '\0');
      for (std::size_t have = 0; have < got.size();) {
        have += co_await both.server.read_some(std::as_writable_bytes(std::span(got)).subspan(have));
      }
      const bool is_right = got == buffer;
      CHECK(is_right);
    });
    CHECK(is_back);
  });
}

TEST_CASE("a send without a copy that is cancelled while the peer does not read ends, and resets the connection") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    // The second is more than the kernel accepts at once: the first completion is still to come.
    for (const std::size_t size : {narrow_connection::held, std::size_t{16} << 20}) {
      CAPTURE(size);
      narrow_connection both;
      co_await both.make();
      std::string buffer(size, 'a');
      const std::string_view bytes = buffer;
      rm::nursery children;
      co_await children.run([&]() -> rm::task<> {
        children.start([&]() -> rm::task<> { co_await both.client.write_all_zero_copy(bytes); });
        if (size == narrow_connection::held) {
          co_await buffer_is_held();
        } else {
          co_await rm::sleep_for(5ms);
        }
        children.cancel();
      });
      CHECK(rm::ring::current().in_flight() == 0);
      buffer.assign(size, 'b');
      const read_result got = co_await read_all(both.server);
      CHECK(got.text.size() < size);
      CHECK(has_only(got.text, 'a'));
      CHECK(got.error == std::errc::connection_reset);
    }
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a task that reads from a connection which a cancelled send without a copy has reset is told") {
  on_each_kernel([]() -> rm::task<> {
    narrow_connection both;
    co_await both.make();
    const std::string buffer(narrow_connection::held, 'a');
    read_result got;
    rm::nursery readers;
    co_await readers.run([&]() -> rm::task<> {
      readers.start([&]() -> rm::task<> { got = co_await read_all(both.client); });
      rm::nursery writers;
      co_await writers.run([&]() -> rm::task<> {
        writers.start([&]() -> rm::task<> { co_await both.client.write_all_zero_copy(buffer); });
        co_await buffer_is_held();
        writers.cancel();
      });
    });
    CHECK(got.text.empty());
    CHECK(got.error == std::errc::connection_reset);
  });
}

TEST_CASE("a send without a copy that is cancelled before the kernel has seen it ends, too") {
  on_each_kernel([]() -> rm::task<> {
    narrow_connection both;
    co_await both.make();
    const std::string buffer(65536, 'a');
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.start([&]() -> rm::task<> { co_await both.client.write_all_zero_copy(buffer); });
      co_await rm::yield();  // the child has prepared its entry; nothing has been submitted
      children.cancel();
    });
    CHECK(rm::ring::current().in_flight() == 0);
  });
}

TEST_CASE("closing the handle of a send without a copy ends it, and blocks for no peer") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    for (const std::size_t size : {narrow_connection::held, std::size_t{16} << 20}) {
      CAPTURE(size);
      narrow_connection both;
      co_await both.make();
      std::string buffer(size, 'a');
      std::error_code error;
      rm::nursery children;
      co_await children.run([&]() -> rm::task<> {
        children.start([&]() -> rm::task<> { error = co_await send(both.client, buffer); });
        if (size == narrow_connection::held) {
          co_await buffer_is_held();
        } else {
          co_await rm::sleep_for(5ms);
        }
        both.client.close();
        buffer.assign(size, 'b');
      });
      CHECK(error == std::errc::operation_canceled);
      const read_result got = co_await read_all(both.server);
      CHECK(has_only(got.text, 'a'));
      CHECK(got.error == std::errc::connection_reset);
    }
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a peer that resets the connection fails a send without a copy, as it does others") {
  on_each_kernel([]() -> rm::task<> {
    narrow_connection both;
    co_await both.make();
    const std::string buffer(16 << 20, 'a');
    std::error_code error;
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.start([&]() -> rm::task<> { error = co_await send(both.client, buffer); });
      co_await rm::sleep_for(5ms);
      both.server.set(rm::tcp_options().reset_at_close());
      both.server.close();
    });
    CHECK(is_broken(error));
    const std::error_code later = co_await send(both.client, "more");
    CHECK(is_broken(later));
  });
}

TEST_CASE("a peer that resets the connection gives back a buffer that the kernel has accepted") {
  on_each_kernel([]() -> rm::task<> {
    narrow_connection both;
    co_await both.make();
    const std::string buffer(narrow_connection::held, 'a');
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.start([&]() -> rm::task<> { co_await both.client.write_all_zero_copy(buffer); });
      co_await buffer_is_held();
      both.server.set(rm::tcp_options().reset_at_close());
      both.server.close();
    });
    const std::error_code later = co_await send(both.client, "more");
    CHECK(is_broken(later));
  });
}

TEST_CASE("a socket that cannot send without a copy is sent one") {
  on_each_kernel([]() -> rm::task<> {
    support::ends sockets = support::ends::of_sockets();
    const std::string text(10'000, 'a');
    co_await rm::send_zero_copy_op(sockets.left, std::as_bytes(std::span(text)));
    std::string got(20'000, '\0');
    const std::size_t size = co_await rm::receive_op(sockets.right, std::as_writable_bytes(std::span(got)));
    CHECK(got.substr(0, size) == text);
  });
}

TEST_CASE("where the kernel knows no send without a copy, it comes back as soon as the bytes have been copied") {
  const auto body = []() -> rm::task<> {
    narrow_connection both;
    co_await both.make();
    std::string buffer(narrow_connection::held, 'a');
    co_await rm::with_timeout(10s, both.client.write_all_zero_copy(buffer));  // the peer has not read
    buffer.assign(buffer.size(), 'b');
    both.client.shutdown_write();
    const read_result got = co_await read_all(both.server);
    const bool is_right = got.text == std::string(narrow_connection::held, 'a');
    CHECK(is_right);
  };
  for (const auto& factory : support::all_kernels()) {
    CAPTURE(factory.name());
    rm::run_on(std::make_unique<kernel_that_copies>(factory.make()), body());
  }
}

TEST_CASE("a strict ring sends without a copy, too") {
  const auto body = []() -> rm::task<> {
    narrow_connection both;
    co_await both.make();
    const std::string buffer(narrow_connection::held, 'a');
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.start([&]() -> rm::task<> { co_await both.client.write_all_zero_copy(buffer); });
      co_await buffer_is_held();
      children.cancel();
    });
  };
  on_each_kernel(body, rm::ring_options().strict());
}
