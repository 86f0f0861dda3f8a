// The limits and habits of an HTTP client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <ringmill/io/http/message_parser.hpp>
#include <ringmill/runtime/detail/chrono.hpp>
#include <ringmill/runtime/driver.hpp>

namespace ringmill::http {

/// Setters chain: `client_options().max_redirects(5).total_timeout(20s)`.
class client_options {
 public:
  client_options() {}
  /// Until the connection stands: 10 s.
  client_options& connect_timeout(duration limit) noexcept { return connect_timeout_ = limit, *this; }
  /// From the last byte of the request to the last of the response's head: 30 s.
  client_options& head_timeout(duration limit) noexcept { return head_timeout_ = limit, *this; }
  /// For all of it, redirects and the wait for a free connection included: 120 s.
  client_options& total_timeout(duration limit) noexcept { return total_timeout_ = limit, *this; }
  /// Connections to one host and port at a time, further requests wait: 8.
  client_options& connections_per_host(std::size_t count) noexcept { return connections_per_host_ = count, *this; }
  /// Idle connections kept, of all hosts together; 0 keeps none: 128.
  client_options& max_idle(std::size_t count) noexcept { return max_idle_ = count, *this; }
  /// How long an idle connection is kept: 30 s.
  client_options& idle_timeout(duration limit) noexcept { return idle_timeout_ = limit, *this; }
  /// Redirects to follow; with 0 they are given to the caller like any response: 0.
  client_options& max_redirects(std::size_t count) noexcept { return max_redirects_ = count, *this; }
  /// What a response may measure: its body 64 MiB, the rest as parser_limits has it.
  client_options& limits(const parser_limits& limits) noexcept { return limits_ = limits, *this; }
  /// The largest body, in bytes: 64 MiB.
  client_options& max_body(std::uint64_t bytes) noexcept { return limits_.body(bytes), *this; }
  /// "ringmill/0.1"; empty sends none.
  client_options& user_agent(std::string name) { return user_agent_ = std::move(name), *this; }
  /// `host` (lower case) is at `ip`, the text of an address; stands in for DNS. "localhost" is known.
  client_options& resolve(std::string host, std::string ip) {
    addresses_.insert_or_assign(std::move(host), std::move(ip));
    return *this;
  }

  duration connect_timeout() const noexcept { return connect_timeout_; }
  duration head_timeout() const noexcept { return head_timeout_; }
  duration total_timeout() const noexcept { return total_timeout_; }
  std::size_t connections_per_host() const noexcept { return connections_per_host_; }
  std::size_t max_idle() const noexcept { return max_idle_; }
  duration idle_timeout() const noexcept { return idle_timeout_; }
  std::size_t max_redirects() const noexcept { return max_redirects_; }
  const parser_limits& limits() const noexcept { return limits_; }
  const std::string& user_agent() const noexcept { return user_agent_; }
  const std::map<std::string, std::string, std::less<>>& addresses() const noexcept { return addresses_; }

 private:
  duration connect_timeout_ = std::chrono::seconds(10);
  duration head_timeout_ = std::chrono::seconds(30);
  duration total_timeout_ = std::chrono::seconds(120);
  std::size_t connections_per_host_ = 8;
  std::size_t max_idle_ = 128;
  duration idle_timeout_ = std::chrono::seconds(30);
  std::size_t max_redirects_ = 0;
  parser_limits limits_ = parser_limits().body(64 << 20);
  std::string user_agent_ = "ringmill/0.1";
  std::map<std::string, std::string, std::less<>> addresses_ = {{"localhost", "127.0.0.1"}};
};

}  // namespace ringmill::http
