// The other side of server.hpp: a request with a time limit for each try, and as many tries as it takes.
//
//   kv::client store(server);
//   const std::int64_t hits = co_await store.add("hits", 1);   // counted once, whatever the network does meanwhile
#pragma once

#include <cstdint>
#include <optional>
#include <ringmill/ringmill.hpp>
#include <string>

namespace kv {

namespace rm = ringmill;

/// One request at a time. When a call throws, it is not known whether it was carried out; the next may be made.
class client {
 public:
  /// Its name is drawn from the loop: inside of one, it is to be made.
  explicit client(const rm::address& server, unsigned most_tries = 20);

  /// Each throws what the last try has thrown.
  rm::task<std::optional<std::string>> get(std::string key);
  rm::task<> set(std::string key, std::string value);
  rm::task<std::int64_t> add(std::string key, std::int64_t amount);

 private:
  rm::task<std::string> ask(std::string what);
  rm::task<std::string> try_once(const std::string& request);

  rm::address server_;
  rm::retry_policy policy_;
  std::string name_;
  std::uint64_t number_ = 0;
  rm::tcp_stream stream_;  // connected, and nothing on its way; or none
};

}  // namespace kv
