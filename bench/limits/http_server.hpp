// Hello over HTTP, by hand: it looks for the empty line that ends a request and parses nothing.
#pragma once

#include <string>
#include <string_view>

#include "ring_server.hpp"

namespace limits {

class hello {
 public:
  std::span<const char> operator()(std::span<const char> data) {
    std::size_t requests = 0;
    for (const char c : data) {
      matched_ = c == end_of_head[matched_] ? matched_ + 1 : c == end_of_head[0] ? 1 : 0;
      if (matched_ == end_of_head.size()) ++requests, matched_ = 0;
    }
    return std::span(answers()).first(std::min(requests, most) * response.size());
  }

 private:
  static constexpr std::string_view end_of_head = "\r\n\r\n";
  static constexpr std::string_view response =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
  static constexpr std::size_t most = 1024;  // that fit into the buffer of a connection, and more

  /// To as many requests as come at once.
  static const std::string& answers() {
    static const std::string all = [] {
      std::string text;
      for (std::size_t i = 0; i < most; ++i) text += response;
      return text;
    }();
    return all;
  }

  std::size_t matched_ = 0;  ///< of the end of a head, at the end of what has come so far
};

using http_server = ring_server<hello>;

}  // namespace limits
