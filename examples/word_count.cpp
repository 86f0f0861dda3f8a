// Map and reduce: counts the words of files on all cores, a file at a time, and adds the counts up as they come.
// Prints the most frequent ones.
//   word_count [-n COUNT] FILE...
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ringmill/offload/map.hpp>
#include <ringmill/offload/process_pool.hpp>
#include <ringmill/ringmill.hpp>

namespace rm = ringmill;

using counts = std::map<std::string, std::uint64_t>;

/// Runs in a worker. A word is what lies between spaces and punctuation, in small letters.
counts count_words(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + ": cannot be opened");
  counts found;
  std::string word;
  for (char character = 0; file.get(character);) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte >= 0x80 || std::isalnum(byte)) {
      word.push_back(static_cast<char>(std::tolower(byte)));
    } else if (!word.empty()) {
      ++found[word];
      word.clear();
    }
  }
  if (!word.empty()) ++found[word];
  return found;
}

rm::task<> count_all(std::vector<std::string> paths, std::size_t most) {
  rm::process_pool pool;
  counts total;
  const auto add = [&](rm::completion<counts> done) {
    for (const auto& [word, count] : done.outcome().value()) total[word] += count;
  };
  // Which comes first makes no difference to a sum.
  co_await pool.map_each<&count_words>(paths, add, rm::map_options().as_completed());
  std::vector<std::pair<std::string, std::uint64_t>> sorted(total.begin(), total.end());
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  sorted.resize(std::min(sorted.size(), most));
  for (const auto& [word, count] : sorted) {
    std::printf("%llu %s\n", static_cast<unsigned long long>(count), word.c_str());
  }
}

int main(int argc, char** argv) {
  rm::process_init(argc, argv);
  int first = 1;
  int most = 20;
  if (argc > 2 && std::string_view(argv[1]) == "-n") {
    most = std::atoi(argv[2]);
    first = 3;
  }
  if (first >= argc || most <= 0) {
    std::fprintf(stderr, "usage: word_count [-n COUNT] FILE...\n");
    return 2;
  }
  return rm::run_main(count_all(std::vector<std::string>(argv + first, argv + argc), static_cast<std::size_t>(most)));
}
