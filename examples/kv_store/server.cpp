#include "kv_store/server.hpp"

#include <cstdlib>
#include <sstream>

namespace kv {

std::string store::answer(const std::string& request) {
  std::istringstream words(request);
  std::string client, verb, key, value;
  std::uint64_t number = 0;
  if (!(words >> client >> number >> verb >> key)) return "error: not a request";
  words >> value;
  session& last = sessions_[client];
  // It was on its way for longer than its client has waited: on a connection that is given up, so nobody reads this.
  if (number < last.number) return "error: there was a later request";
  if (number > last.number || !knows_repetitions_) last = {number, carry_out(verb, key, value)};
  return last.answer;
}

std::string store::carry_out(const std::string& verb, const std::string& key, const std::string& value) {
  if (verb == "get") {
    const auto found = values_.find(key);
    return found == values_.end() ? "none" : found->second;
  }
  if (verb == "set") return values_[key] = value, "ok";
  if (verb != "add") return "error: get, set or add, not " + verb;
  std::string& sum = values_[key];
  return sum = std::to_string(std::atoll(sum.c_str()) + std::atoll(value.c_str()));
}

namespace {

rm::task<> serve_one(rm::tcp_stream peer, store& data) {
  try {
    rm::buffered_reader reader(peer);
    for (std::string line;;) {
      const bool is_there = co_await reader.read_line(line);
      if (!is_there) co_return;
      const std::string answer = data.answer(line) + '\n';
      co_await peer.write_all(answer);
    }
  } catch (const std::exception&) {  // it broke, or what came is no line
  }
}

}  // namespace

rm::task<> serve(rm::tcp_listener& listener, store& data) {
  rm::nursery clients;
  co_await clients.run([&]() -> rm::task<> {
    for (;;) clients.start(serve_one, co_await listener.accept(), std::ref(data));
  });
}

}  // namespace kv
