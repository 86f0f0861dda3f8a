#include "http_load/work.hpp"

#include <algorithm>
#include <limits>

#include <ringmill/io/http/message.hpp>

namespace http_load {

namespace {

std::string one_request(const settings& how) {
  std::string text;
  if (how.echo_bytes) {
    // Not all alike: what comes back shifted has to be noticed.
    for (std::size_t i = 0; i < *how.echo_bytes; ++i) text += static_cast<char>('a' + i % 23);
  } else {
    ringmill::http::request message("GET", how.target);
    message.fields.add("Host", how.host);
    ringmill::http::append_head(text, message);
  }
  return text;
}

ringmill::duration seconds(double length) noexcept {
  return ringmill::duration(static_cast<std::int64_t>(length * 1e9 + 0.5));
}

}  // namespace

work::work(const settings& given, measurement& into) : how(given), results(into) {
  const std::string request = one_request(how);
  request_size_ = request.size();
  for (std::size_t i = 0; i < how.pipeline; ++i) wire_ += request;
  to_send_ = to_answer_ = how.requests.value_or(std::numeric_limits<std::uint64_t>::max());
}

std::unique_ptr<answers> work::new_answers() const {
  if (how.echo_bytes) return std::make_unique<echo_answers>(wire(1));
  return std::make_unique<http_answers>();
}

std::size_t work::take_requests(std::size_t most) noexcept {
  const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(most, to_send_));
  to_send_ -= taken;
  return taken;
}

ringmill::time_point work::first_due(std::size_t connection, ringmill::time_point start) const noexcept {
  return start + seconds(static_cast<double>(connection) / *how.rate);
}

ringmill::duration work::interval() const noexcept { return seconds(static_cast<double>(how.connections) / *how.rate); }

}  // namespace http_load
