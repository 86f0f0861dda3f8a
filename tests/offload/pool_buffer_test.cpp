// Memory that is received into, and that workers read where it lies.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ringmill/offload/map.hpp>

#include "../support/scratch.hpp"
#include "pool_buffers.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::on_each_pool_kernel;

namespace of_buffers {

constexpr std::size_t megabyte = std::size_t{1} << 20;

double mean(std::span<const double> values) {
  double all = 0;
  for (const double one : values) all += one;
  return all / static_cast<double>(values.size());
}
std::string joined(const std::vector<std::string_view>& parts, std::string_view between) {
  std::string all;
  for (const std::string_view part : parts) (all.empty() ? all : all.append(between)).append(part);
  return all;
}
std::string copied(std::string text) { return text; }

/// Is it in the memory of the pool's buffers?
bool lies_in_buffers(std::string_view text) {
  std::ifstream maps("/proc/self/maps");
  const auto address = reinterpret_cast<std::uintptr_t>(text.data());
  for (std::string line; std::getline(maps, line);) {
    if (line.find("memfd:ringmill buffers") == std::string::npos) continue;
    std::uintptr_t from = 0;
    std::uintptr_t to = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx", &from, &to) == 2 && address >= from && address < to) return true;
  }
  return false;
}

void scribble(std::string_view text) { const_cast<char&>(text.front()) = '!'; }
/// What each way to a writable mapping says: 0 where it works.
std::vector<int> ways_to_write(std::string_view text) {
  auto* page = reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(text.data()) / 4096 * 4096);
  std::vector<int> errors;
  errors.push_back(mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0 ? 0 : errno);
  void* again = mremap(page, 0, 4096, MREMAP_MAYMOVE);  // of a shared mapping: a second one
  errors.push_back(again != MAP_FAILED && mprotect(again, 4096, PROT_READ | PROT_WRITE) == 0 ? 0 : errno);
  const int own_memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
  errors.push_back(pwrite(own_memory, "!", 1, static_cast<off_t>(reinterpret_cast<std::uintptr_t>(page))) == 1 ? 0
                                                                                                               : errno);
  close(own_memory);
  return errors;
}
/// Descriptors beside the three of every process: the futex or doorbell's, and what reads the folder itself.
std::vector<std::string> shared_descriptors() {
  std::vector<std::string> names;
  for (const auto& one : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code none;
    const std::string to = std::filesystem::read_symlink(one.path(), none).string();
    if (to.find("memfd") != std::string::npos) names.push_back(to);
  }
  return names;
}

std::size_t crash_once(std::string_view text, std::string_view marker) {
  if (unlink(std::string(marker).c_str()) == 0) raise(SIGSEGV);
  return count_of('x', text);
}
void crash(std::string_view) { std::abort(); }
namespace {

TEST_CASE("what a socket has received into a buffer is read by a worker where it lies") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    auto [here, there] = rm::unix_stream::pair();
    co_await here.write_all(std::string_view("one line\nand another\n"));
    rm::pool_buffer buffer = co_await pool.buffer(block);
    CHECK(buffer.size() == block);
    buffer.resize(co_await there.read_some(buffer.bytes()));
    CHECK(buffer.text() == "one line\nand another\n");
    const std::size_t lines = co_await pool.run<&count_of>('\n', buffer);
    CHECK(lines == 2);
    const bool in_place = co_await pool.run<&lies_in_buffers>(buffer);
    CHECK(in_place);
    const bool own_copy = co_await pool.run<&lies_in_buffers>(std::string(buffer.text()));
    CHECK_FALSE(own_copy);
  });
}

TEST_CASE("every view of a buffer crosses without a copy, alone or in a vector, of bytes or of numbers") {
  on_each_pool_kernel([]() -> rm::task<> {
    // An argument is copied only where it fits into this.
    rm::process_pool pool(one_worker().input_capacity(256));
    rm::pool_buffer buffer = co_await pool.buffer(megabyte);
    std::fill(buffer.bytes().begin(), buffer.bytes().end(), std::byte{3});
    const std::uint64_t all = co_await pool.run<&sum>(buffer);
    CHECK(all == 3 * megabyte);
    const std::uint64_t some = co_await pool.run<&sum>(buffer.bytes().subspan(5, 100'000));
    CHECK(some == 300'000);
    const std::vector<std::string_view> parts = {buffer.text().substr(10, 1000), "copied", buffer.text().substr(0, 0)};
    const std::string text = co_await pool.run<&joined>(parts, "+");
    CHECK(text == std::string(1000, '\3') + "+copied+");

    const std::span<double> numbers(reinterpret_cast<double*>(buffer.bytes().data()), 1000);
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<double>(i);
    const double middle = co_await pool.run<&mean>(std::span<const double>(numbers));
    CHECK(middle == 499.5);
    // Beyond the buffer's end, or in memory of one's own: copied, and so too large.
    const std::string own(1000, 'o');
    CHECK_THROWS_AS(co_await pool.run<&sum>(std::as_bytes(std::span<const char>(own))), rm::payload_too_large);
  });
}

TEST_CASE("a string, which is the function's own, is copied from a buffer as from anywhere") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    rm::pool_buffer buffer = co_await pool.buffer(100);
    fill(buffer, "text");
    const std::string text = co_await pool.run<&copied>(std::string(buffer.text()));
    CHECK(text == "text");
  });
}

TEST_CASE("map and map_each take views of a buffer") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(rm::pool_options().workers(2).input_capacity(64 * 1024));
    rm::pool_buffer buffer = co_await pool.buffer(4 * megabyte);
    std::fill(buffer.bytes().begin(), buffer.bytes().end(), std::byte{1});
    std::vector<std::span<const std::byte>> parts;
    for (std::size_t i = 0; i < 256; ++i) parts.push_back(buffer.bytes().subspan(i * block, block));
    const std::vector<std::uint64_t> sums = co_await pool.map<&sum>(parts);
    CHECK(sums == std::vector<std::uint64_t>(256, block));

    std::vector<rm::pool_buffer> buffers;
    for (int i = 0; i < 8; ++i) buffers.push_back(co_await pool.buffer(1000));
    for (rm::pool_buffer& one : buffers) std::fill(one.bytes().begin(), one.bytes().end(), std::byte{2});
    std::uint64_t all = 0;
    co_await pool.map_each<&sum>(buffers,
                                 [&all](rm::completion<std::uint64_t> done) { all += done.outcome().value(); });
    CHECK(all == 16'000);
  });
}

TEST_CASE("a worker cannot write a buffer: the attempt kills it alone, and no mapping can be made writable") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker().quarantine(0ms));
    rm::pool_buffer buffer = co_await pool.buffer(block);
    fill(buffer, "as it was received");
    bool has_died = false;  // of SIGSEGV, which a sanitizer turns into an exit
    try {
      co_await pool.run<&scribble>(buffer);
    } catch (const rm::worker_crashed& error) {
      has_died = error.signal() == SIGSEGV || error.exit_status() > 0;
    }
    CHECK(has_died);
    CHECK(buffer.text() == "as it was received");
    const std::vector<int> errors = co_await pool.run<&ways_to_write>(buffer);
    CHECK(errors == std::vector<int>{EACCES, EACCES, EIO});
    CHECK(buffer.text() == "as it was received");
    const std::vector<std::string> descriptors = co_await pool.run<&shared_descriptors>();
    CHECK(descriptors.empty());
  });
}

TEST_CASE("the bytes are there for the second try, and for the worker that replaces one") {
  on_each_pool_kernel([]() -> rm::task<> {
    const support::scratch folder;
    const std::string marker = folder / "marker";
    support::make_file(marker, "");
    rm::process_pool pool(one_worker().quarantine(0ms));
    rm::pool_buffer buffer = co_await pool.buffer(block);
    fill(buffer, "xxx");
    const std::size_t again = co_await pool.run<&crash_once>(rm::call_options().idempotent(), buffer, marker);
    CHECK(again == 3);
    support::make_file(marker, "");
    CHECK_THROWS_AS(co_await pool.run<&crash_once>(rm::call_options().at_most_once(), buffer, marker),
                    rm::worker_crashed);
    const std::size_t here = co_await pool.run<&count_of>('x', buffer);
    CHECK(here == 3);
    kill(support::parent_of((co_await support::all_workers(pool, 1)).at(0)), SIGKILL);  // the zygote
    co_await rm::sleep_for(5ms);
    const std::size_t after = co_await pool.run<&count_of>('x', buffer);
    CHECK(after == 3);
  });
}

TEST_CASE("calls are told apart by what is in a buffer, not by where it lies: another page there is not refused") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    rm::pool_buffer buffer = co_await pool.buffer(block);
    rm::pool_buffer other = co_await pool.buffer(block);
    const auto how = [&](rm::pool_buffer& what) -> rm::task<std::string> {
      try {
        co_await pool.run<&crash>(what);
      } catch (const rm::worker_crashed& error) {
        co_return error.is_quarantined() ? "refused" : "run";
      }
      co_return "no crash";
    };
    fill(buffer, "bad");
    fill(other, "bad");
    const std::string first = co_await how(buffer);
    const std::string second = co_await how(other);
    const std::string third = co_await how(buffer);
    CHECK(first + second + third == "runrunrefused");
    fill(buffer, "new");
    const std::string fourth = co_await how(buffer);
    CHECK(fourth == "run");
  });
}

}  // namespace

}  // namespace of_buffers
