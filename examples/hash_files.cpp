// Hashes files on all cores and prints a line for each, in the order of the arguments: its FNV-1a hash, and its name.
// A file that cannot be read, or whose worker crashes, costs only its own line.
//   hash_files FILE...
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <ringmill/offload/map.hpp>
#include <ringmill/offload/process_pool.hpp>
#include <ringmill/ringmill.hpp>

namespace rm = ringmill;

/// Runs in a worker.
std::uint64_t hash_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot be opened");
  std::uint64_t hash = 0xcbf29ce484222325U;
  std::vector<char> block(1 << 16);
  do {
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    for (std::streamsize i = 0; i < file.gcount(); ++i) {
      hash = (hash ^ static_cast<unsigned char>(block[static_cast<std::size_t>(i)])) * 0x100000001b3U;
    }
  } while (file);
  if (file.bad()) throw std::runtime_error("cannot be read");
  return hash;
}

rm::task<int> hash_all(std::vector<std::string> paths) {
  rm::process_pool pool;
  int failed = 0;
  const auto show = [&](rm::completion<std::uint64_t> done) {
    const std::string& path = paths[done.index()];
    try {
      std::printf("%016llx  %s\n", static_cast<unsigned long long>(done.outcome().value()), path.c_str());
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s: %s\n", path.c_str(), error.what());
      ++failed;
    }
  };
  co_await pool.map_each<&hash_file>(paths, show);
  co_return failed == 0 ? 0 : 1;
}

int main(int argc, char** argv) {
  rm::process_init(argc, argv);
  if (argc < 2) {
    std::fprintf(stderr, "usage: hash_files FILE...\n");
    return 2;
  }
  return rm::run_main(hash_all(std::vector<std::string>(argv + 1, argv + argc)));
}
