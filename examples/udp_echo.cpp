// A UDP echo server: each datagram goes back to where it came from.  udp_echo [PORT]
//
// Many that came together are received at once (UDP_GRO) and go back at once (UDP_SEGMENT).
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ringmill/ringmill.hpp>
#include <vector>

namespace rm = ringmill;

// For a client that listens no more, or that the network does not reach, there is nothing to be done.
rm::task<> answer(rm::udp_socket& socket, std::span<const std::byte> bytes, const rm::received_datagram& from) {
  try {
    if (from.count() > 1) {
      co_await socket.send_segments_to(bytes, from.segment_size, from.peer);
    } else {
      co_await socket.send_to(bytes, from.peer);
    }
  } catch (const std::system_error& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
}

rm::task<> serve(std::uint16_t port) {
  auto socket = rm::udp_socket::bind("127.0.0.1", port, rm::udp_options().coalesce());
  std::printf("listening on %s\n", socket.local().to_string().c_str());
  std::fflush(stdout);
  std::vector<std::byte> buffer(1 << 16);
  for (;;) {
    const rm::received_datagram got = co_await socket.receive_from(buffer);
    co_await answer(socket, got.bytes_in(buffer), got);
  }
}

int main(int argc, char** argv) {
  const int port = argc > 1 ? std::atoi(argv[1]) : 7000;
  return rm::run_main(serve(static_cast<std::uint16_t>(port)));
}
