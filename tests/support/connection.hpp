// A TCP connection of which both ends are in the test.
#pragma once

#include <tuple>

#include <ringmill/io/tcp.hpp>
#include <ringmill/runtime/task.hpp>
#include <ringmill/runtime/when_all.hpp>

namespace support {

inline ringmill::task<ringmill::tcp_stream> connect_to(const ringmill::tcp_listener& listener) {
  const ringmill::address where = listener.local();
  ringmill::tcp_stream stream = co_await ringmill::tcp_stream::connect(where);
  co_return stream;
}

/// Both ends of a connection.
class connected {
 public:
  ringmill::tcp_stream client;
  ringmill::tcp_stream server;
};

inline ringmill::task<> make_connection(connected& both) {
  auto listener = ringmill::tcp_listener::bind("127.0.0.1", 0);
  std::tie(both.client, both.server) = co_await ringmill::when_all(connect_to(listener), listener.accept());
}

}  // namespace support
