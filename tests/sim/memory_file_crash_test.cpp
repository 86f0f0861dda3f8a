#include <doctest/doctest.h>

#include <dirent.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ringmill/io/sim/memory_file_system.hpp>

namespace sim = ringmill::sim;
using disk = sim::memory_file_system;

namespace {

constexpr int most_seeds = 300;

ringmill::duration no_time() { return ringmill::duration(0); }

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

disk::open_ptr opened(disk& on, const std::string& path, int flags) {
  disk::open_ptr file;
  REQUIRE(on.open(path, flags, 0644, file) == 0);
  return file;
}

void write(disk& on, const std::string& path, std::string_view text) {
  const auto file = opened(on, path, O_CREAT | O_TRUNC | O_WRONLY);
  REQUIRE(file->write(bytes(text), -1) == static_cast<std::int64_t>(text.size()));
}

/// "(none)" if there is no such file.
std::string contents(disk& on, const std::string& path) {
  disk::open_ptr file;
  if (on.open(path, O_RDONLY, 0, file) < 0) return "(none)";
  std::string text(100'000, '\0');
  text.resize(static_cast<std::size_t>(file->read(std::as_writable_bytes(std::span(text)), 0)));
  return text;
}

void sync(disk& on, const std::string& path) { REQUIRE(opened(on, path, O_RDONLY)->sync(false) == 0); }

/// What is left by a crash after `body`, for many seeds; `look` puts it into words.
template <class Body, class Look>
std::set<std::string> outcomes(Body body, Look look) {
  std::set<std::string> all;
  for (int seed = 1; seed <= most_seeds; ++seed) {
    disk on(&no_time);
    body(on);
    std::mt19937_64 random(static_cast<std::uint64_t>(seed));
    on.crash([&] { return random(); });
    all.insert(look(on));
  }
  return all;
}

}  // namespace

TEST_CASE("what was synced, name and bytes, is there after a crash") {
  const auto left = outcomes(
      [](disk& on) {
        on.make_directory("/d", 0755);
        sync(on, "/");
        write(on, "/d/f", "text");
        sync(on, "/d/f");
        sync(on, "/d");
      },
      [](disk& on) { return contents(on, "/d/f"); });
  CHECK(left == std::set<std::string>{"text"});
}

TEST_CASE("a name whose directory was not synced may be lost, its bytes that were not may be torn between sectors") {
  const std::string text = std::string(512, 'a') + std::string(512, 'b') + std::string(100, 'c');
  const auto left = outcomes([&](disk& on) { write(on, "/f", text); }, [](disk& on) { return contents(on, "/f"); });
  std::set<std::string> possible = {"(none)", "", std::string(text.size(), '\0'), text};
  for (const std::size_t sectors : {1U, 2U}) {
    possible.insert(text.substr(0, sectors * 512) + std::string(text.size() - sectors * 512, '\0'));
  }
  CHECK(left == possible);
}

TEST_CASE("of an overwritten file the old or the new bytes are left, or a mixture") {
  const auto left = outcomes(
      [](disk& on) {
        write(on, "/f", "old");
        on.sync_all();
        opened(on, "/f", O_WRONLY)->write(bytes("new"), 0);
      },
      [](disk& on) { return contents(on, "/f"); });
  CHECK(left == std::set<std::string>{"old", "new"});  // a sector is not torn
}

TEST_CASE("the way to replace a file atomically leaves the old or the new one, whenever the machine stops") {
  const auto replace = [](disk& on, int steps) {
    write(on, "/f", "old");
    on.sync_all();
    if (steps > 0) write(on, "/tmp", "new");
    if (steps > 1) sync(on, "/tmp");
    if (steps > 2) REQUIRE(on.rename("/tmp", "/f", 0) == 0);
    if (steps > 3) sync(on, "/");
  };
  const auto look = [](disk& on) { return contents(on, "/f"); };
  for (int steps = 0; steps < 3; ++steps) {
    CHECK(outcomes([&](disk& on) { replace(on, steps); }, look) == std::set<std::string>{"old"});
  }
  CHECK(outcomes([&](disk& on) { replace(on, 3); }, look) == std::set<std::string>{"old", "new"});
  CHECK(outcomes([&](disk& on) { replace(on, 4); }, look) == std::set<std::string>{"new"});
}

TEST_CASE("a rename without a sync of the bytes before may leave an empty file") {
  const auto left = outcomes(
      [](disk& on) {
        write(on, "/f", "old");
        on.sync_all();
        write(on, "/tmp", "new");
        on.rename("/tmp", "/f", 0);
      },
      [](disk& on) { return contents(on, "/f"); });
  CHECK(left.count("") == 1);
  CHECK(left.count("old") == 1);
  CHECK(left.count("new") == 1);
}

TEST_CASE("a rename between directories is on the disk on both sides or on neither") {
  const auto left = outcomes(
      [](disk& on) {
        on.make_directory("/from", 0755);
        on.make_directory("/to", 0755);
        write(on, "/from/f", "text");
        on.sync_all();
        on.rename("/from/f", "/to/f", 0);
      },
      [](disk& on) { return contents(on, "/from/f") + " " + contents(on, "/to/f"); });
  CHECK(left == std::set<std::string>{"text (none)", "(none) text"});
}

TEST_CASE("syncing one of its directories puts a rename on the disk, with what it builds upon") {
  const auto left = outcomes(
      [](disk& on) {
        on.make_directory("/from", 0755);
        on.make_directory("/to", 0755);
        on.sync_all();
        write(on, "/from/f", "text");
        sync(on, "/from/f");
        on.rename("/from/f", "/to/f", 0);
        sync(on, "/to");
      },
      [](disk& on) { return contents(on, "/from/f") + " " + contents(on, "/to/f"); });
  CHECK(left == std::set<std::string>{"(none) text"});
}

TEST_CASE("a removed file may be there again after a crash, with the bytes that were synced") {
  const auto left = outcomes(
      [](disk& on) {
        write(on, "/f", "synced");
        on.sync_all();
        opened(on, "/f", O_WRONLY)->write(bytes("later "), 0);
        on.unlink("/f", 0);
      },
      [](disk& on) { return contents(on, "/f") + " " + std::to_string(on.used()); });
  CHECK(left == std::set<std::string>{"synced 4096", "(none) 0"});
}

TEST_CASE("directories that were moved into each other do not end up below themselves") {
  const auto left = outcomes(
      [](disk& on) {
        on.make_directory("/a", 0755);
        on.make_directory("/a/b", 0755);
        on.sync_all();
        REQUIRE(on.rename("/a/b", "/b", 0) == 0);
        REQUIRE(on.rename("/a", "/b/a", 0) == 0);
      },
      [](disk& on) {
        struct statx found {};
        std::string text;
        for (const char* path : {"/a", "/a/b", "/b", "/b/a"}) text += on.status(path, 0, found) == 0 ? "+" : "-";
        return text;
      });
  CHECK(left == std::set<std::string>{"++--", "+-+-", "--++"});
}

TEST_CASE("after a failed sync the bytes are readable, and a later sync that succeeds does not save them") {
  const auto left = outcomes(
      [](disk& on) {
        write(on, "/f", "old");
        on.sync_all();
        opened(on, "/f", O_WRONLY)->write(bytes("new"), 0);
        on.set_faults([](sim::disk_access what) { return what == sim::disk_access::sync ? EIO : 0; });
        CHECK(opened(on, "/f", O_RDONLY)->sync(true) == -EIO);
        on.set_faults(nullptr);
        CHECK(opened(on, "/f", O_RDONLY)->sync(true) == 0);
        CHECK(contents(on, "/f") == "new");
      },
      [](disk& on) { return contents(on, "/f"); });
  CHECK(left == std::set<std::string>{"old"});
}

TEST_CASE("a full disk takes what fits, then gives ENOSPC, and has room again when a file is gone") {
  disk on(&no_time);
  on.set_capacity(3 * 4096);
  write(on, "/first", std::string(4096, 'x'));
  const auto file = opened(on, "/second", O_CREAT | O_RDWR);
  const std::string text(10'000, 'y');
  CHECK(file->write(bytes(text), 100) == 2 * 4096 - 100);
  CHECK(file->write(bytes(text), 2 * 4096) == -ENOSPC);
  CHECK(file->write(bytes("over"), 0) == 4);  // takes no more room
  CHECK(file->allocate(0, 8192, 1) == -ENOSPC);
  CHECK(on.unlink("/first", 0) == 0);
  CHECK(file->write(bytes(text), 2 * 4096) == 4096);
  CHECK(on.unlink("/second", 0) == 0);
  CHECK(on.used() == 3 * 4096);  // it is open
}

TEST_CASE("a disk that fails says so, and nothing has changed") {
  disk on(&no_time);
  write(on, "/f", "text");
  const auto file = opened(on, "/f", O_RDWR);
  on.set_faults([](sim::disk_access) { return EIO; });
  std::byte one{};
  CHECK(file->read(std::span(&one, 1), 0) == -EIO);
  CHECK(file->write(std::span(&one, 1), 0) == -EIO);
  CHECK(file->truncate(0) == -EIO);
  CHECK(file->allocate(0, 0, 100) == -EIO);
  CHECK(on.unlink("/f", 0) == -EIO);
  CHECK(on.rename("/f", "/g", 0) == -EIO);
  CHECK(on.make_directory("/d", 0755) == -EIO);
  CHECK(on.make_symlink("f", "/s") == -EIO);
  CHECK(on.link("/f", "/g") == -EIO);
  CHECK(on.unlink("/missing", 0) == -ENOENT);
  on.set_faults(nullptr);
  CHECK(contents(on, "/f") == "text");
}

TEST_CASE("a file that is open lives on without a name, and takes no room when it is closed") {
  disk on(&no_time);
  write(on, "/f", "text");
  auto file = opened(on, "/f", O_RDWR);
  CHECK(on.unlink("/f", 0) == 0);
  CHECK(contents(on, "/f") == "(none)");
  std::string text(4, '\0');
  CHECK(file->read(std::as_writable_bytes(std::span(text)), 0) == 4);
  CHECK(text == "text");
  CHECK(on.used() == 4096);
  file.reset();
  CHECK(on.used() == 0);
}

TEST_CASE("times are those of the clock that was given") {
  ringmill::duration now = std::chrono::seconds(1000);
  disk on([&] { return now; });
  const auto file = opened(on, "/f", O_CREAT | O_RDWR);
  now += std::chrono::milliseconds(1500);
  file->write(bytes("text"), -1);
  now += std::chrono::seconds(1);
  on.set_mode("/f", 0600);
  struct statx found {};
  REQUIRE(on.status("/f", 0, found) == 0);
  CHECK(found.stx_atime.tv_sec == 1000);
  CHECK(found.stx_mtime.tv_sec == 1001);
  CHECK(found.stx_mtime.tv_nsec == 500'000'000);
  CHECK(found.stx_ctime.tv_sec == 1002);
  CHECK(found.stx_mode == (S_IFREG | 0600));
  CHECK(found.stx_blocks == 8);
}

TEST_CASE("a directory is read in pieces, in the order of names, while names go") {
  disk on(&no_time);
  for (const char* name : {"/c", "/a", "/d", "/b"}) write(on, name, "");
  const auto root = opened(on, "/", O_RDONLY | O_DIRECTORY);
  std::vector<std::string> names;
  alignas(dirent64) std::byte entry[48];
  CHECK(root->read_directory(std::span(entry, 8)) == -EINVAL);
  while (root->read_directory(std::span(entry, 24)) > 0) {
    names.emplace_back(reinterpret_cast<const char*>(entry + offsetof(dirent64, d_name)));
    if (names.back() == "a") on.unlink("/b", 0);
    if (names.back() == "c") on.unlink("/c", 0);
  }
  CHECK(names == std::vector<std::string>{".", "..", "a", "c", "d"});
}

TEST_CASE("the same calls and the same random numbers leave the same, bit by bit") {
  const auto run = [](std::uint64_t seed) {
    disk on(&no_time);
    std::mt19937_64 random(seed);
    for (int i = 0; i < 50; ++i) {
      write(on, "/" + std::to_string(random() % 10), std::string(random() % 20'000, static_cast<char>('a' + i % 26)));
      if (i % 7 == 0) sync(on, "/");
    }
    on.crash([&] { return random(); });
    std::string all;
    for (int i = 0; i < 10; ++i) all += contents(on, "/" + std::to_string(i));
    return all;
  };
  CHECK(run(1) == run(1));
  CHECK(run(1) != run(2));
}
