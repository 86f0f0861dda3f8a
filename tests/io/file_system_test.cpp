#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include <ringmill/ringmill.hpp>

#include "../support/kernels.hpp"
#include "../support/scratch.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::contents_of;
using support::make_file;
using support::on_each_kernel;
using support::on_each_kernel_and_simulated;
using support::scratch;

namespace {

/// How an operation fails, in words.
template <class Operation>
rm::task<std::string> failure_of(Operation operation, std::errc expected) {
  try {
    co_await std::move(operation);
  } catch (const std::system_error& error) {
    CHECK(error.code() == expected);
    co_return error.what();
  }
  FAIL("it succeeded");
  co_return "";
}

}  // namespace

TEST_CASE("a rename replaces what is there, unless it shall not") {
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    const std::string a = here / "a";
    const std::string b = here / "b";
    make_file(a, "a");
    make_file(b, "b");
    const std::string text = co_await failure_of(rm::rename(a, b, rm::replacing::no), std::errc::file_exists);
    support::contains(text, "rename " + a + " to " + b);
    CHECK(contents_of(b) == "b");
    co_await rm::rename(a, b);
    CHECK(contents_of(b) == "a");
    CHECK(!std::filesystem::exists(a));
    co_await rm::rename(b, a, rm::replacing::no);
    CHECK(contents_of(a) == "a");
  });
}

TEST_CASE("files, directories and links are made and removed") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    co_await rm::create_directory(here.path() + "/d", 0700);
    rm::file_status found = co_await rm::status(here.path() + "/d");
    CHECK(found.is_directory());
    CHECK(found.mode() == 0700);
    std::string text = co_await failure_of(rm::create_directory(here.path() + "/d"), std::errc::file_exists);
    support::contains(text, "create directory " + (here.path() + "/d"));

    co_await rm::write_file_atomically(here.path() + "/d/file", "text");
    text = co_await failure_of(rm::remove_directory(here.path() + "/d"), std::errc::directory_not_empty);
    support::contains(text, "remove directory " + (here.path() + "/d"));
    text = co_await failure_of(rm::remove_file(here.path() + "/d"), std::errc::is_a_directory);
    support::contains(text, "remove file " + (here.path() + "/d"));

    co_await rm::create_symlink("d/file", here.path() + "/soft");
    found = co_await rm::status(here.path() + "/soft");
    CHECK(found.is_regular());
    found = co_await rm::symlink_status(here.path() + "/soft");
    CHECK(found.is_symlink());
    CHECK(found.size() == 6);
    co_await rm::create_hard_link(here.path() + "/d/file", here.path() + "/hard");
    const rm::file_status one = co_await rm::status(here.path() + "/hard");
    const rm::file_status other = co_await rm::status(here.path() + "/d/file");
    CHECK(one.links() == 2);
    CHECK(one.is_same_file(other));
    CHECK(!one.is_same_file(found));
    text = co_await failure_of(rm::create_hard_link(here.path() + "/missing", here.path() + "/x"),
                               std::errc::no_such_file_or_directory);
    support::contains(text, "create link " + (here.path() + "/x") + " to " + (here.path() + "/missing"));

    co_await rm::remove_file(here.path() + "/soft");
    co_await rm::remove_file(here.path() + "/d/file");
    co_await rm::remove_directory(here.path() + "/d");
    std::string content = co_await rm::read_file(here.path() + "/hard");
    CHECK(content == "text");
    text = co_await failure_of(rm::status(here.path() + "/d"), std::errc::no_such_file_or_directory);
    support::contains(text, "statx " + (here.path() + "/d"));
  });
}

TEST_CASE("a zero byte in a path is refused before anything is done") {
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    const std::string bad = here / std::string("a\0b", 3);
    CHECK_THROWS_AS((void)rm::status(bad), std::invalid_argument);
    CHECK_THROWS_AS((void)rm::rename("x", bad), std::invalid_argument);
    CHECK_THROWS_AS((void)rm::remove_file(bad), std::invalid_argument);
    CHECK_THROWS_AS((void)rm::create_directory(bad), std::invalid_argument);
    CHECK_THROWS_AS((void)rm::create_symlink(bad, "x"), std::invalid_argument);
    CHECK_THROWS_AS((void)rm::directory::open(bad), std::invalid_argument);
    CHECK_THROWS_AS(co_await rm::write_file_atomically(bad, "text"), std::invalid_argument);
    CHECK(std::filesystem::is_empty(here.path()));
  });
}

TEST_CASE("a listing has every name once, with its kind") {
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    std::set<std::string> expected;
    for (int i = 0; i < 3000; ++i) {  // several batches
      const std::string name = "a file with a name of some length " + std::to_string(i);
      make_file(here / name, "");
      expected.insert(name);
    }
    std::filesystem::create_directory(here / "directory");
    std::filesystem::create_symlink("nowhere", here / "link");
    REQUIRE(::mkfifo((here / "fifo").c_str(), 0600) == 0);
    expected.insert({"directory", "link", "fifo"});

    int other_turns = 0;
    bool done = false;
    const auto count = [&]() -> rm::task<> {
      while (!done) {
        co_await rm::yield();
        ++other_turns;
      }
    };
    std::vector<rm::directory_entry> entries;
    const auto list = [&]() -> rm::task<> {
      entries = co_await rm::list_directory(here.path());
      done = true;
    };
    co_await rm::when_all(list(), count());
    CHECK(other_turns >= 4);  // others ran between the batches

    std::set<std::string> names;
    for (const rm::directory_entry& entry : entries) {
      names.insert(entry.name());
      rm::file_kind kind = entry.kind();
      if (kind == rm::file_kind::unknown) {
        const rm::file_status found = co_await rm::symlink_status(here / entry.name());
        kind = found.kind();
        CHECK(found.inode() == entry.inode());
      }
      if (entry.name() == "directory") CHECK(kind == rm::file_kind::directory);
      if (entry.name() == "link") CHECK(kind == rm::file_kind::symlink);
      if (entry.name() == "fifo") CHECK(kind == rm::file_kind::fifo);
      if (entry.name()[0] == 'a') CHECK(kind == rm::file_kind::regular);
    }
    CHECK(names == expected);
    CHECK(names.size() == entries.size());
  });
}

TEST_CASE("an empty directory lists as empty, and what is no directory is an error") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    const std::vector<rm::directory_entry> entries = co_await rm::list_directory(here.path());
    CHECK(entries.empty());
    co_await rm::write_file_atomically(here.path() + "/file", "");
    const std::string text = co_await failure_of(rm::list_directory(here.path() + "/file"), std::errc::not_a_directory);
    support::contains(text, here.path() + "/file");
  });
}

TEST_CASE("a temporary file can be written and read, and has no name") {
  const int before = support::open_descriptors();
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    // Where O_TMPFILE is known, and where it may not be: /proc has no such files, nor others.
    rm::file made = co_await rm::create_temporary_file(here.path());
    co_await made.write_all("text");
    std::string text(4, '\0');
    co_await made.read_at(std::as_writable_bytes(std::span(text)), 0);
    CHECK(text == "text");
    const std::vector<rm::directory_entry> names = co_await rm::list_directory(here.path());
    CHECK(names.empty());
    const rm::file_status found = co_await made.status();
    CHECK(found.links() == 0);
    CHECK(found.mode() == 0600);
    rm::file elsewhere = co_await rm::create_temporary_file();
    CHECK(static_cast<bool>(elsewhere));
    co_await failure_of(rm::create_temporary_file(here.path() + "/missing"), std::errc::no_such_file_or_directory);
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a temporary directory goes with all that is in it") {
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    std::string path;
    {
      rm::temporary_directory first = co_await rm::temporary_directory::create("work-", here.path());
      const rm::temporary_directory other = co_await rm::temporary_directory::create("work-", here.path());
      path = first.path();
      CHECK(path.starts_with(here / "work-"));
      CHECK(path != other.path());
      const rm::file_status found = co_await rm::status(path);
      CHECK(found.mode() == 0700);
      co_await rm::create_directory(path + "/inner");
      make_file(path + "/inner/file", "text");
      const rm::temporary_directory moved = std::move(first);
      CHECK(std::filesystem::exists(path + "/inner/file"));
    }
    CHECK(std::filesystem::is_empty(here.path()));
    {
      rm::temporary_directory kept = co_await rm::temporary_directory::create("kept-", here.path());
      path = kept.keep();
    }
    CHECK(std::filesystem::exists(path));
  });
}

TEST_CASE("a temporary directory goes with more names than one listing gives, and links in it are not followed") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    std::filesystem::create_directory(here / "outside");
    make_file(here / "outside/file", "stays");
    {
      const rm::temporary_directory made = co_await rm::temporary_directory::create("work-", here.path());
      for (int i = 0; i < 2000; ++i) make_file(made.path() + "/a name of some length " + std::to_string(i), "");
      std::filesystem::create_directories(made.path() + "/a/b/c");
      std::filesystem::create_directory_symlink(here / "outside", made.path() + "/a/b/link");
    }
    CHECK(contents_of(here / "outside/file") == "stays");
    const std::vector<rm::directory_entry> left = co_await rm::list_directory(here.path());
    CHECK(left.size() == 1);
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("what is made for a cancelled task is removed") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    for (int turns = 0; turns < 20; ++turns) {
      rm::nursery all;
      co_await all.run([&]() -> rm::task<> {
        all.start([&]() -> rm::task<> {
          const rm::temporary_directory made = co_await rm::temporary_directory::create("work-", here.path());
          co_await rm::sleep_for(1h);
        });
        all.start([&]() -> rm::task<> {
          const rm::file made = co_await rm::create_temporary_file(here.path());
          co_await rm::sleep_for(1h);
        });
        for (int i = 0; i < turns; ++i) co_await rm::yield();
        all.cancel();
      });
    }
    CHECK(std::filesystem::is_empty(here.path()));
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a change of names that is cancelled is done or not, and nothing in between") {
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    for (int turns = 0; turns < 10; ++turns) {
      make_file(here / "a", "text");
      rm::nursery all;
      co_await all.run([&]() -> rm::task<> {
        all.start([&]() -> rm::task<> { co_await rm::rename(here / "a", here / "b"); });
        for (int i = 0; i < turns; ++i) co_await rm::yield();
        all.cancel();
      });
      const bool done = std::filesystem::exists(here / "b");
      CHECK(done != std::filesystem::exists(here / "a"));
      std::filesystem::remove(here / (done ? "b" : "a"));
    }
  });
}
