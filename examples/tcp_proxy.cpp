// A TCP proxy: connects each client to a target and copies both ways until both have ended.
//
//   tcp_proxy --listen 7000 --target 127.0.0.1:8080 --limit 100 --idle 60
//
// Ctrl-C ends it; it prints what it has done then.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <optional>
#include <ringmill/ringmill.hpp>
#include <string>

namespace rm = ringmill;

class settings {
 public:
  std::uint16_t port = 7000;
  std::string target;
  std::size_t most_clients = 1000;
  int idle_seconds = 60;
};

class statistics {
 public:
  std::uint64_t clients = 0;
  std::uint64_t failed = 0;
  rm::traffic bytes;

  void print() const {
    std::printf("%llu clients, %llu of them failed; %llu bytes to the target, %llu back\n",
                static_cast<unsigned long long>(clients), static_cast<unsigned long long>(failed),
                static_cast<unsigned long long>(bytes.there), static_cast<unsigned long long>(bytes.back));
  }
};

/// "127.0.0.1:8080", "[::1]:8080"
std::optional<rm::address> parse_target(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  char* end = nullptr;
  const unsigned long port = std::strtoul(text.c_str() + colon + 1, &end, 10);
  if (end == text.c_str() + colon + 1 || *end != '\0' || port == 0 || port > 65535) return std::nullopt;
  return rm::address::parse(host, static_cast<std::uint16_t>(port));
}

rm::task<> connect_and_copy(rm::tcp_stream& client, const rm::address& target, rm::duration idle, rm::traffic& bytes) {
  rm::tcp_stream server = co_await rm::with_timeout(std::chrono::seconds(10), rm::tcp_stream::connect(target));
  co_await rm::copy_both_ways(client, server, bytes, rm::copy_options().idle_timeout(idle));
}

/// What goes wrong with one client is said, and costs no other. Its place becomes free when this has ended.
rm::task<> serve_one(rm::tcp_stream client, [[maybe_unused]] rm::semaphore::permit place, const settings& how,
                     const rm::address& target, statistics& total) {
  ++total.clients;
  try {
    co_await connect_and_copy(client, target, std::chrono::seconds(how.idle_seconds), total.bytes);
  } catch (const std::exception& error) {  // of the network, or the idle timeout
    ++total.failed;
    std::fprintf(stderr, "a client: %s\n", error.what());
  }
}

rm::task<> proxy(const settings& how, const rm::address& target, statistics& total) {
  auto listener = rm::tcp_listener::bind("127.0.0.1", how.port);
  std::printf("listening on %s\n", listener.local().to_string().c_str());
  std::fflush(stdout);
  rm::semaphore places(how.most_clients);
  rm::nursery clients;
  co_await clients.run([&]() -> rm::task<> {
    for (;;) {
      rm::semaphore::permit place = co_await places.acquire();  // those for whom there is none wait in the backlog
      rm::tcp_stream client = co_await listener.accept();
      clients.start(serve_one, std::move(client), std::move(place), std::cref(how), std::cref(target), std::ref(total));
    }
  });
}

int main(int argc, char** argv) {
  settings how;
  CLI::App arguments("Connects each client to a target, and copies both ways.");
  arguments.add_option("--listen", how.port, "the port on 127.0.0.1; 0 lets the kernel choose one")
      ->capture_default_str();
  arguments.add_option("--target", how.target, "where to connect to: IP:PORT")->required();
  arguments.add_option("--limit", how.most_clients, "clients at a time; others wait")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  arguments.add_option("--idle", how.idle_seconds, "seconds after which a connection without traffic ends")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  try {
    arguments.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return arguments.exit(error) == 0 ? 0 : 2;
  }
  const std::optional<rm::address> target = parse_target(how.target);
  if (!target) {
    std::fprintf(stderr, "tcp_proxy: not IP:PORT: %s\n", how.target.c_str());
    return 2;
  }
  statistics total;
  const int code = rm::run_main(proxy(how, *target, total));
  total.print();
  return code;
}
