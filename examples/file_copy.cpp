// Copies a file with several reads in flight; prints how fast.  file_copy FROM TO [READS]
//
// To see how it is done: rm::copy_file(from, to) does the same, without the bytes coming into this process.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ringmill/ringmill.hpp>
#include <vector>

namespace rm = ringmill;

/// The bytes that are still to be copied: each reader takes the next chunk.
class chunks {
 public:
  static constexpr std::uint64_t size = std::uint64_t{256} << 10;
  explicit chunks(std::uint64_t length) noexcept : length_(length) {}
  bool empty() const noexcept { return next_ >= length_; }
  std::uint64_t take() noexcept { return std::exchange(next_, next_ + size); }

 private:
  std::uint64_t next_ = 0;
  std::uint64_t length_;
};

rm::task<> copy_chunk(rm::file& from, rm::file& to, std::uint64_t offset, std::span<std::byte> buffer) {
  while (!buffer.empty()) {
    const std::size_t got = co_await from.read_at(buffer, offset);
    if (got == 0) co_return;  // the end
    co_await to.write_all_at(buffer.first(got), offset);
    buffer = buffer.subspan(got);
    offset += got;
  }
}

rm::task<> copy_chunks(rm::file& from, rm::file& to, chunks& todo) {
  std::vector<std::byte> buffer(chunks::size);
  while (!todo.empty()) co_await copy_chunk(from, to, todo.take(), buffer);
}

rm::task<> copy(std::string from_path, std::string to_path, int reads) {
  rm::file from = co_await rm::file::open(from_path);
  const rm::file_status found = co_await from.status();
  const rm::file_options writing = rm::file_options::write_only().create().truncate().mode(found.mode());
  rm::file to = co_await rm::file::open(to_path, writing);

  const auto begin = std::chrono::steady_clock::now();
  chunks todo(found.size());
  rm::nursery readers;
  co_await readers.run([&]() -> rm::task<> {
    for (int i = 0; i < reads; ++i) readers.start(copy_chunks, std::ref(from), std::ref(to), std::ref(todo));
    co_return;
  });
  co_await to.close();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const auto bytes = static_cast<double>(found.size());
  std::printf("%.0f bytes in %.3f s: %.0f bytes/s\n", bytes, took.count(), bytes / took.count());
}

int main(int argc, char** argv) {
  const int reads = argc > 3 ? std::atoi(argv[3]) : 4;
  if (argc < 3 || argc > 4 || reads < 1) {
    std::fprintf(stderr, "usage: file_copy FROM TO [READS]\n");
    return 2;
  }
  return rm::run_main(copy(argv[1], argv[2], reads));
}
