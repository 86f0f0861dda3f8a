#include "crawl/demo_server.hpp"

#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <ringmill/ringmill.hpp>

namespace crawl {

namespace rm = ringmill;

namespace {

/// A free port of the first address may be taken at another: then the next one is tried.
std::vector<rm::tcp_listener> bind_all() {
  for (int attempt = 0;; ++attempt) {
    std::vector<rm::tcp_listener> listeners;
    listeners.push_back(rm::tcp_listener::bind(demo_site::hosts[0], 0));
    const std::uint16_t port = listeners.front().port();
    try {
      for (std::size_t i = 1; i < demo_site::hosts.size(); ++i) {
        listeners.push_back(rm::tcp_listener::bind(demo_site::hosts[i], port));
      }
      return listeners;
    } catch (const std::system_error&) {
      if (attempt == 20) throw;
    }
  }
}

}  // namespace

demo_server::demo_server() : listeners_(bind_all()), site_(demo_site::make(listeners_.front().port())) {
  port_ = listeners_.front().port();
  server_.route("GET", "/*", [this](rm::http::request request) { return answer(std::move(request)); });
}

rm::task<> demo_server::serve() {
  rm::nursery all;
  co_await all.run([&]() -> rm::task<> {
    for (rm::tcp_listener& listener : listeners_) {
      all.start([this](rm::tcp_listener& one) -> rm::task<> { co_await server_.serve(one); }, std::ref(listener));
    }
    co_return;
  });
}

rm::task<rm::http::response> demo_server::answer(rm::http::request request) {
  const std::string_view host = request.fields.find("Host").value_or("");
  const demo_site::page* page = site_.find(host.substr(0, host.find(':')), request.target);
  if (!page) co_return rm::http::response(404, "no such page\n");
  co_await rm::sleep_for(page->delay);
  rm::http::response response(page->status, page->body);
  response.fields.set("Content-Type", page->content_type);
  if (!page->location.empty()) response.fields.set("Location", page->location);
  co_return response;
}

}  // namespace crawl
