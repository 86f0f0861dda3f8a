// Files: pages that are in memory already, so that what is measured is the way to them and not a disk.
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <string>
#include <vector>

#include <ringmill/ringmill.hpp>

#include "../limits/file_reader.hpp"
#include "measures.hpp"

namespace rm = ringmill;

namespace bench {
namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t pages = 4096;
constexpr std::size_t reads = 200'000;

/// A file without a name. In /var/tmp, which lies on a disk where /tmp is in memory: io_uring reads from the latter by
/// worker threads on older kernels.
class scratch_file {
 public:
  scratch_file() {
    std::string name = "/var/tmp/ringmill-bench-XXXXXX";
    file_ = rm::fd(mkstemp(name.data()));
    unlink(name.c_str());
    const std::vector<std::byte> filling(page, std::byte('x'));
    for (std::size_t i = 0; i < pages; ++i) {
      if (write(file_.number(), filling.data(), page) != page) throw std::runtime_error("cannot write to /var/tmp");
    }
  }
  int number() const { return file_.number(); }
  rm::fd copy() const { return rm::fd(dup(file_.number())); }

 private:
  rm::fd file_;
};

/// All over the file, without an order that could be foreseen.
std::uint64_t offset_of(std::size_t i) { return i * 2654435761 % pages * page; }

rm::task<double> read_pages(rm::fd of, std::size_t count) {
  rm::file file(std::move(of));
  std::array<std::byte, page> buffer;
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t got = co_await file.read_at(buffer, offset_of(i));
    if (got != page) throw std::runtime_error("a short read");
  }
  const std::chrono::duration<double, std::micro> length = std::chrono::steady_clock::now() - start;
  co_return length.count() / static_cast<double>(count);
}

double file_read(const effort& how) {
  const scratch_file scratch;
  return rm::run(read_pages(scratch.copy(), how.operations(reads)));
}

double file_read_limit(const effort& how) {
  const scratch_file scratch;
  limits::file_reader reader(scratch.number());
  std::array<std::byte, page> buffer;
  const std::size_t count = how.operations(reads);
  const double nanoseconds = nanoseconds_each(count, [&] {
    for (std::size_t i = 0; i < count; ++i) {
      if (reader.read(buffer, offset_of(i)) != page) throw std::runtime_error("a short read");
    }
  });
  return nanoseconds / 1000;
}

}  // namespace

std::vector<measure> file_measures() { return {{"file_read_4k", "us", file_read, file_read_limit, std::nullopt, 7}}; }

}  // namespace bench
