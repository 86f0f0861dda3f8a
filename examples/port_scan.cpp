// Which TCP ports are open?  port_scan [--anywhere] [ADDRESS [FIRST [LAST]]]
//
// 127.0.0.1 and all ports by default. To ask a host for its ports is a thing to do to one's own: an address that is not
// a loopback one takes --anywhere.
#include <charconv>
#include <cstdio>
#include <optional>
#include <ringmill/ringmill.hpp>
#include <string_view>
#include <vector>

namespace rm = ringmill;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t at_once = 256;  // connections in flight
constexpr auto patience = 1s;         // for a host that does not say no

/// Does somebody listen there? No answer in time, and every error, is a no.
rm::task<bool> is_open(rm::address where) {
  try {
    auto connect = rm::tcp_stream::connect(where, rm::tcp_connect_options().stream(rm::tcp_options().reset_at_close()));
    const auto stream = co_await rm::move_on_after(patience, std::move(connect));
    // Loopback connects a port to itself when it is the one that was chosen to come from.
    co_return stream && stream->local().port() != where.port();
  } catch (const std::system_error&) {
    co_return false;
  }
}

rm::task<> scan(std::string host, unsigned first, unsigned last) {
  std::vector<bool> open(last + 1);
  unsigned next = first;
  const auto worker = [&]() -> rm::task<> {
    while (next <= last) {
      const unsigned port = next++;
      const bool answered = co_await is_open(*rm::address::parse(host, static_cast<std::uint16_t>(port)));
      open[port] = answered;
    }
  };
  rm::nursery workers;
  co_await workers.run([&]() -> rm::task<> {
    for (std::size_t i = 0; i < at_once && first + i <= last; ++i) workers.start(std::ref(worker));
    co_return;
  });
  for (unsigned port = first; port <= last; ++port) {
    if (open[port]) std::printf("%u\n", port);
  }
}

std::optional<unsigned> parse_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0 || port > 65535) return std::nullopt;
  return port;
}

int usage(const char* what) {
  std::fprintf(stderr, "%s\nusage: port_scan [--anywhere] [ADDRESS [FIRST [LAST]]]\n", what);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string_view> words(argv + 1, argv + argc);
  const bool anywhere = !words.empty() && words.front() == "--anywhere";
  if (anywhere) words.erase(words.begin());
  if (words.size() > 3) return usage("too many words");

  const std::string_view host = words.empty() ? "127.0.0.1" : words[0];
  const std::optional<rm::address> parsed = rm::address::parse(host, 0);
  if (!parsed) return usage("not an IP address");
  if (!anywhere && !rm::is_loopback(*parsed))
    return usage("not an address of this host: for your own others, --anywhere");

  const auto first = words.size() > 1 ? parse_port(words[1]) : 1;
  const auto last = words.size() > 2 ? parse_port(words[2]) : words.size() > 1 ? first : 65535;
  if (!first || !last || *first > *last) return usage("ports are numbers from 1 to 65535, the lower one first");
  return rm::run_main(scan(std::string(host), *first, *last));
}
