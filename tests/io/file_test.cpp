#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string>
#include <system_error>
#include <vector>

#include <ringmill/ringmill.hpp>

#include "../support/kernels.hpp"
#include "../support/scratch.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::bytes_of;
using support::contents_of;
using support::on_each_kernel;
using support::on_each_kernel_and_simulated;
using support::scratch;

namespace {

const rm::file_options for_writing = rm::file_options::write_only().create();
const rm::file_options for_both = rm::file_options::read_write().create();

}  // namespace

TEST_CASE("what is written at a file's position is read again") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    const std::string path = here.path() + "/file";
    rm::file out = co_await rm::file::open(path, for_writing);
    co_await out.write_all("one, ");
    co_await out.write_all("two");
    co_await out.sync();
    co_await out.sync_data();
    std::string content = co_await rm::read_file(path);
    CHECK(content == "one, two");

    rm::file in = co_await rm::file::open(path);
    std::string text(5, '\0');
    const std::size_t first = co_await in.read_some(bytes_of(text));
    CHECK(first == 5);
    CHECK(text == "one, ");
    const std::size_t second = co_await in.read_some(bytes_of(text));
    CHECK(second == 3);
    const std::size_t at_end = co_await in.read_some(bytes_of(text));
    CHECK(at_end == 0);
  });
}

TEST_CASE("reads and writes with an offset leave the position alone, and many are in flight at once") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    rm::file both = co_await rm::file::open(here.path() + "/file", for_both);
    const auto write_one = [](rm::file& to, int number) -> rm::task<> {
      const std::string line = std::to_string(1000 + number);
      co_await to.write_all_at(line, static_cast<std::uint64_t>(number) * 4);
    };
    rm::nursery writers;
    co_await writers.run([&]() -> rm::task<> {
      for (int i = 0; i < 100; ++i) writers.start(write_one, std::ref(both), i);
      co_return;
    });
    std::string number(4, '\0');
    const std::size_t got = co_await both.read_at(bytes_of(number), 4 * 42);
    CHECK(got == 4);
    CHECK(number == "1042");
    co_await both.read_some(bytes_of(number));
    CHECK(number == "1000");
    const std::uint64_t size = co_await both.size();
    CHECK(size == 400);
  });
}

TEST_CASE("many parts are written in one go, and read into many buffers") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    rm::file both = co_await rm::file::open(here.path() + "/file", for_both);
    std::vector<std::string> texts;
    std::vector<std::span<const std::byte>> parts;
    std::string expected;
    for (int i = 0; i < 2500; ++i)
      texts.push_back(i % 7 ? std::to_string(i) : "");  // more than IOV_MAX, some of them empty
    for (const std::string& text : texts) {
      parts.push_back(bytes_of(text));
      expected += text;
    }
    co_await both.write_all_vectored(parts);
    std::string content = co_await rm::read_file(here.path() + "/file");
    CHECK(content == expected);

    std::string front(10, '\0');
    std::string back(20, '\0');
    const std::array<std::span<std::byte>, 2> buffers{bytes_of(front), bytes_of(back)};
    const std::size_t got = co_await both.read_vectored_at(buffers, 5);
    CHECK(got == 30);
    CHECK(front + back == expected.substr(5, 30));

    co_await both.write_all_vectored_at(std::span(parts).first(5), 3);
    const std::size_t nothing = co_await both.read_vectored({});
    CHECK(nothing == 0);
    content = co_await rm::read_file(here.path() + "/file");
    CHECK(content.substr(3, 10) == expected.substr(0, 4) + expected.substr(7, 6));
  });
}

TEST_CASE("a vectored write to a small pipe is carried on until all is there") {
  on_each_kernel([]() -> rm::task<> {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    rm::file reader{rm::fd(ends[0])};
    rm::file writer{rm::fd(ends[1])};
    std::string expected;
    std::vector<std::string> texts;
    for (int i = 0; i < 50; ++i)
      texts.push_back(std::string(static_cast<std::size_t>(7000 + i), static_cast<char>('a' + i % 26)));
    std::vector<std::span<const std::byte>> parts;
    for (const std::string& text : texts) {
      parts.push_back(bytes_of(text));
      expected += text;
    }
    std::string got;
    const auto read_all = [&]() -> rm::task<> {
      std::string buffer(5000, '\0');
      while (got.size() < expected.size()) {
        const std::size_t n = co_await reader.read_some(bytes_of(buffer));
        got.append(buffer, 0, n);
      }
    };
    co_await rm::with_timeout(10s, rm::when_all(writer.write_all_vectored(parts), read_all()));
    CHECK(got == expected);
  });
}

TEST_CASE("options do what open(2) says of them") {
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    const std::string path = here / "file";
    const auto code_of = [](std::string where, const rm::file_options& how) -> rm::task<std::error_code> {
      try {
        co_await rm::file::open(where, how);
      } catch (const std::system_error& error) {
        co_return error.code();
      }
      co_return std::error_code();
    };
    std::error_code code = co_await code_of(path, rm::file_options::write_only());
    CHECK(code == std::errc::no_such_file_or_directory);
    code = co_await code_of(path, rm::file_options::write_only().create_new().mode(0640));
    CHECK(!code);
    struct ::stat found {};
    REQUIRE(::stat(path.c_str(), &found) == 0);
    CHECK((found.st_mode & 07777) == 0640);
    code = co_await code_of(path, rm::file_options::write_only().create_new());
    CHECK(code == std::errc::file_exists);

    support::make_file(path, "old");
    rm::file end = co_await rm::file::open(path, rm::file_options::write_only().append());
    co_await end.write_all(" and new");
    CHECK(contents_of(path) == "old and new");
    rm::file emptied = co_await rm::file::open(path, rm::file_options::read_write().truncate());
    CHECK(contents_of(path).empty());
    CHECK((::fcntl(emptied.native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
  });
}

TEST_CASE("what cannot be is refused before anything is done") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    const std::string path = here.path() + "/file";
    const rm::file_options truncating = rm::file_options::read_only().truncate();
    const rm::file_options appending = rm::file_options::read_only().append();
    CHECK_THROWS_AS((void)rm::file::open(path, truncating), std::invalid_argument);
    CHECK_THROWS_AS((void)rm::file::open(path, appending), std::invalid_argument);
    CHECK_THROWS_AS((void)rm::file::open(path + std::string(1, '\0') + "x", for_writing), std::invalid_argument);
    rm::file both = co_await rm::file::open(path, for_both);
    std::array<std::byte, 4> buffer{};
    constexpr std::uint64_t too_far = std::uint64_t{1} << 63;
    CHECK_THROWS_AS((void)both.read_at(buffer, too_far), std::invalid_argument);
    CHECK_THROWS_AS((void)both.write_all_at(buffer, too_far), std::invalid_argument);
    CHECK_THROWS_AS((void)both.truncate(too_far), std::invalid_argument);
    CHECK_THROWS_AS((void)both.preallocate(0, too_far), std::invalid_argument);
  });
}

TEST_CASE("errors say what was attempted") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    const std::string path = here.path() + "/missing";
    try {
      co_await rm::file::open(path);
      FAIL("opened a file that is not there");
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::no_such_file_or_directory);
      support::contains(error.what(), "open " + path);
    }
    rm::file in = co_await rm::file::open(here.path() + "/file", rm::file_options::read_only().create());
    try {
      co_await in.write_all("x");
      FAIL("wrote to a file that is open for reading");
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::bad_file_descriptor);
      support::contains(error.what(), "write");
    }
  });
}

TEST_CASE("a file is made longer and shorter, and its space reserved") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    rm::file both = co_await rm::file::open(here.path() + "/file", for_both);
    co_await both.write_all("0123456789");
    co_await both.truncate(4);
    std::string content = co_await rm::read_file(here.path() + "/file");
    CHECK(content == "0123");
    co_await both.truncate(6);
    content = co_await rm::read_file(here.path() + "/file");
    CHECK(content == std::string("0123\0\0", 6));
    try {
      co_await both.preallocate(0, 100000);
      const rm::file_status found = co_await both.status();
      CHECK(found.size() == 100000);
      CHECK(found.allocated() >= 100000);
    } catch (const std::system_error& error) {
      if (error.code() != std::errc::operation_not_supported) throw;
      MESSAGE("skipped: the file system of the temporary files knows no fallocate(2)");
    }
  });
}

TEST_CASE("the status of an open file is what stat(2) says") {
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    rm::file out = co_await rm::file::open(here / "file", rm::file_options::write_only().create().mode(0600));
    co_await out.write_all("12345");
    const rm::file_status found = co_await out.status();
    struct ::stat raw {};
    REQUIRE(::stat((here / "file").c_str(), &raw) == 0);
    CHECK(found.is_regular());
    CHECK(found.size() == 5);
    CHECK(found.mode() == 0600);
    CHECK(found.inode() == raw.st_ino);
    CHECK(found.device() == raw.st_dev);
    CHECK(found.owner() == ::getuid());
    CHECK(found.links() == 1);
    CHECK(found.modified().time_since_epoch() ==
          std::chrono::seconds(raw.st_mtim.tv_sec) + std::chrono::nanoseconds(raw.st_mtim.tv_nsec));
  });
}

TEST_CASE("read_file gives all of a file, with or without a size, up to its limit") {
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    const std::string path = here / "file";
    std::string text(3'000'000, 'x');
    for (std::size_t i = 0; i < text.size(); i += 4093) text[i] = static_cast<char>('a' + i % 26);
    support::make_file(path, text);
    std::string got = co_await rm::read_file(path);
    CHECK(got == text);
    got = co_await rm::read_file(path, text.size());
    CHECK(got == text);
    try {
      co_await rm::read_file(path, text.size() - 1);
      FAIL("read more than the limit");
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::file_too_large);
      support::contains(error.what(), path + ", more than 2999999 bytes");
    }
    support::make_file(path, "");
    got = co_await rm::read_file(path);
    CHECK(got.empty());
    got = co_await rm::read_file("/proc/self/status");
    support::contains(got, "VmRSS");
    CHECK_THROWS_AS(co_await rm::read_file("/proc/self/status", 10), std::system_error);
    CHECK_THROWS_AS(co_await rm::read_file(here.path()), std::system_error);
  });
}

TEST_CASE("write_file_atomically replaces a file whole, and leaves nothing beside it") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    const std::string path = here.path() + "/file";
    const std::string text(100000, 'x');
    co_await rm::write_file_atomically(path, text, 0600);
    std::string content = co_await rm::read_file(path);
    CHECK(content == text);
    const rm::file_status first = co_await rm::status(path);
    CHECK(first.mode() == 0600);
    co_await rm::write_file_atomically(path, "short");
    content = co_await rm::read_file(path);
    CHECK(content == "short");
    const rm::file_status second = co_await rm::status(path);
    CHECK(!first.is_same_file(second));
    CHECK_THROWS_AS(co_await rm::write_file_atomically(here.path() + "/missing/file", "text"), std::system_error);
    CHECK_THROWS_AS(co_await rm::write_file_atomically(here.path(), "text"), std::system_error);  // a directory
    const std::vector<rm::directory_entry> left = co_await rm::list_directory(here.path());
    CHECK(left.size() == 1);
  });
}

TEST_CASE("a strict ring allows all of it") {
  const auto body = []() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    rm::file both = co_await rm::file::open(here.path() + "/file", for_both);
    const std::string text = "text";
    const std::array<std::span<const std::byte>, 1> parts{bytes_of(text)};
    co_await both.write_all("some ");
    co_await both.write_all_vectored(parts);
    co_await both.sync();
    co_await both.truncate(7);
    rm::file copy = co_await rm::file::open(here.path() + "/copy", for_writing);
    co_await rm::copy_file(both, copy);
    co_await copy.close();
    co_await rm::rename(here.path() + "/copy", here.path() + "/renamed");
    const std::string got = co_await rm::read_file(here.path() + "/renamed");
    CHECK(got == "some te");
    auto [reader, writer] = rm::make_pipe();
    co_await writer.write_all("x");
    std::string one(1, '\0');
    co_await reader.read_some(bytes_of(one));
    CHECK(one == "x");
  };
  on_each_kernel_and_simulated(body, rm::ring_options().strict());
}
