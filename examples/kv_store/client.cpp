#include "kv_store/client.hpp"

#include <cstdlib>
#include <stdexcept>

namespace kv {

using namespace std::chrono_literals;

client::client(const rm::address& server, unsigned most_tries)
    : server_(server),
      policy_(rm::retry_policy().attempts(most_tries).first_delay(50ms).largest_delay(1s).jitter(0.5)),
      name_(std::to_string(rm::loop::current().below().random())) {}

rm::task<std::optional<std::string>> client::get(std::string key) {
  const std::string answer = co_await ask("get " + key);
  if (answer == "none") co_return std::nullopt;
  co_return answer;
}

rm::task<> client::set(std::string key, std::string value) { co_await ask("set " + key + ' ' + value); }

rm::task<std::int64_t> client::add(std::string key, std::int64_t amount) {
  const std::string answer = co_await ask("add " + key + ' ' + std::to_string(amount));
  co_return std::atoll(answer.c_str());
}

rm::task<std::string> client::ask(std::string what) {
  // The number is drawn once, and all tries have the same.
  const std::string request = name_ + ' ' + std::to_string(++number_) + ' ' + what + '\n';
  const auto once = [&]() -> rm::task<std::string> { co_return co_await rm::with_timeout(1s, try_once(request)); };
  std::string answer = co_await rm::retry(policy_, once);
  if (answer.starts_with("error")) throw std::runtime_error("the server says: " + answer);
  co_return answer;
}

rm::task<std::string> client::try_once(const std::string& request) {
  rm::tcp_stream stream = std::move(stream_);  // dies with this try, unless the answer comes: none comes late
  if (!stream) stream = co_await rm::tcp_stream::connect(server_);
  co_await stream.write_all(request);
  std::string answer;
  {
    rm::buffered_reader reader(stream);
    const bool is_there = co_await reader.read_line(answer);
    if (!is_there) throw std::runtime_error("the server has closed the connection");
  }
  stream_ = std::move(stream);
  co_return answer;
}

}  // namespace kv
