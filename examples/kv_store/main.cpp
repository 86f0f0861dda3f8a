// A key-value store (server.hpp), and its client.
//
//   kv_store PORT                      serves on 127.0.0.1; with port 0 the kernel chooses one
//   kv_store PORT get KEY              asks it
//   kv_store PORT set KEY VALUE
//   kv_store PORT add KEY AMOUNT
//
// tests/examples/kv_store_test.cpp shows how a program like this is tested: in a simulated world, with all that goes
// wrong there.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "kv_store/client.hpp"
#include "kv_store/server.hpp"

namespace rm = ringmill;

namespace {

rm::task<> serve(std::uint16_t port) {
  auto listener = rm::tcp_listener::bind("127.0.0.1", port);
  std::printf("listening on %s\n", listener.local().to_string().c_str());
  std::fflush(stdout);
  kv::store data;
  co_await kv::serve(listener, data);
}

rm::task<> ask(std::uint16_t port, std::vector<std::string> words) {
  kv::client store(*rm::address::parse("127.0.0.1", port), 5);
  if (words[0] == "get") {
    const std::optional<std::string> value = co_await store.get(words[1]);
    std::printf("%s\n", value ? value->c_str() : "none");
  } else if (words[0] == "set") {
    co_await store.set(words[1], words[2]);
  } else {
    const std::int64_t sum = co_await store.add(words[1], std::atoll(words[2].c_str()));
    std::printf("%lld\n", static_cast<long long>(sum));
  }
}

bool is_request(const std::vector<std::string>& words) {
  if (words.size() == 2) return words[0] == "get";
  return words.size() == 3 && (words[0] == "set" || words[0] == "add");
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + (argc < 2 ? argc : 2), argv + argc);
  if (argc < 2 || !(words.empty() || is_request(words))) {
    std::fprintf(stderr, "usage: kv_store PORT [get KEY | set KEY VALUE | add KEY AMOUNT]\n");
    return 2;
  }
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  return rm::run_main(words.empty() ? serve(port) : ask(port, words));
}
