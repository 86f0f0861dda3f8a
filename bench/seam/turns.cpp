// As many turns of a loop as it is told, each with one operation: what count.py counts the instructions of.
#include <cstdio>
#include <cstdlib>
#include <ringmill/io/ring.hpp>
#include <ringmill/ringmill.hpp>

namespace rm = ringmill;

namespace {

rm::task<> take_turns(int count) {
  auto [reader, writer] = rm::make_pipe();
  std::array<std::byte, 1> byte{};
  for (int i = 0; i < count; i += 2) {
    co_await writer.write_all(byte);
    co_await reader.read_some(byte);
  }
  std::printf("%llu\n", static_cast<unsigned long long>(rm::ring::current().statistics().enters));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: seam_turns TURNS\n");
    return 2;
  }
  rm::run(take_turns(std::atoi(argv[1])));
}
