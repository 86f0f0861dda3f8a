// Serves the demo site on three loopback addresses.
#pragma once

#include <cstdint>
#include <vector>

#include <ringmill/io/http/server.hpp>
#include <ringmill/io/tcp.hpp>
#include <ringmill/runtime/task.hpp>

#include "crawl/demo_site.hpp"

namespace crawl {

class demo_server {
 public:
  /// Binds the same free port on all of demo_site::hosts.
  demo_server();

  /// Serves until it is cancelled.
  ringmill::task<> serve();
  const demo_site& site() const { return site_; }
  std::uint16_t port() const { return port_; }

 private:
  ringmill::task<ringmill::http::response> answer(ringmill::http::request request);

  std::uint16_t port_ = 0;
  std::vector<ringmill::tcp_listener> listeners_;
  demo_site site_;
  ringmill::http::server server_;
};

}  // namespace crawl
