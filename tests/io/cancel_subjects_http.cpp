// The HTTP client and server. The other side is a socket that is spoken to by plain calls.
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <string>
#include <string_view>

#include <ringmill/io/http/client.hpp>
#include <ringmill/io/http/server.hpp>
#include <ringmill/io/tcp.hpp>
#include <ringmill/runtime/sleep.hpp>

#include "../support/sockets.hpp"
#include "cancel_subjects.hpp"

namespace support {

namespace {

namespace rm = ringmill;
namespace http = ringmill::http;
using namespace std::chrono_literals;

/// Takes connections and says nothing by itself.
class silent_server {
 public:
  silent_server() : url("http://" + address_of(listener).to_string() + "/") {}

  /// The client may have gone meanwhile, or never come: it does not hear of it then.
  void answer(std::string_view text) {
    if (!plain::wait_until_ready(listener.number(), POLLIN)) return;
    peer = rm::fd(checked(plain::accept(listener.number()), "accept"));
    plain::send(peer.number(), text.data(), text.size(), MSG_NOSIGNAL);
  }

  rm::fd listener = listening_socket();
  rm::fd peer;
  std::string url;
  http::client client;
};

rm::task<> get(silent_server& here) { const http::response page = co_await here.client.get(here.url); }

/// A server, and somebody who has said `request` to it.
class served {
 public:
  explicit served(std::string_view request) {
    server.route("GET", "/", [](http::request) -> rm::task<http::response> {
      co_await rm::sleep_for(1h);
      co_return http::response(200, "");
    });
    server.route("GET", "/at-once",
                 [](http::request) -> rm::task<http::response> { co_return http::response(200, ""); });
    write_text(client, request);
  }
  rm::tcp_listener listener{listening_socket()};
  rm::fd client = client_of(listener.handle());
  http::server server;
};

class served_silence : public served {
 public:
  served_silence() : served("") {}
};
class served_half : public served {
 public:
  served_half() : served("GET / HTTP/1.1\r\nHost: x") {}
};
class served_whole : public served {
 public:
  served_whole() : served("GET / HTTP/1.1\r\nHost: x\r\n\r\n") {}
};
class served_two : public served {
 public:
  served_two() : served("GET /at-once HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n") {}
};

rm::task<> serve(served& here) { co_await here.server.serve(here.listener); }

template <class Served>
io_subject_maker serving(std::string name) {
  return waiting_in_steps<Served>(
      std::move(name), [](Served& here) -> rm::task<> { co_await serve(here); }, nullptr,
      [](Served& here) { here.listener.close(); });
}

}  // namespace

io_subject_list http_subjects() {
  return {
      waiting_in_steps<silent_server>(
          "http::client::get", get,
          [](silent_server& here) { here.answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"); }),
      waiting_in_steps<silent_server>("http::client::get of what ends with its connection", get,
                                      [](silent_server& here) {
                                        here.answer("HTTP/1.1 200 OK\r\n\r\nhi");
                                        plain::shutdown(here.peer.number(), SHUT_WR);
                                      }),
      serving<served_silence>("http::server::serve a silent client"),
      serving<served_half>("http::server::serve half a request"),
      serving<served_whole>("http::server::serve while a handler runs"),
      serving<served_two>("http::server::serve while a handler runs behind a response"),
  };
}

}  // namespace support
