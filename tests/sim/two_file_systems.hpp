// The same calls on Linux's file system, in a temporary folder, and on the one in memory: the answers must be the same.
#pragma once

#include <fcntl.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <ringmill/io/sim/detail/file_watches.hpp>
#include <ringmill/io/sim/memory_file_system.hpp>

#include "../support/scratch.hpp"

namespace support {

/// Both start in a folder so deep that no `..`, be it in a symbolic link, leads out of what they share.
class two_file_systems {
 public:
  explicit two_file_systems(std::uint64_t seed);
  two_file_systems(const two_file_systems&) = delete;
  two_file_systems& operator=(const two_file_systems&) = delete;
  ~two_file_systems();

  /// One random call. False if the answers differ, or what those hear who watch: `report` says how.
  bool step();
  /// Do both trees have the same names, kinds, contents, and files with several names? Closes all files first.
  bool compare_trees();
  const std::string& report() const noexcept { return report_; }
  std::size_t calls_that_succeeded() const noexcept { return succeeded_; }
  std::size_t events_seen() const noexcept { return events_; }

 private:
  struct open_pair {
    int real;
    ringmill::sim::memory_file_system::open_ptr simulated;
  };

  bool same(std::int64_t real, std::int64_t simulated);
  bool same_status(const struct ::statx& real, const struct ::statx& simulated);
  bool same_folder(int real, const std::string& path);
  bool same_file(int real_folder, const std::string& name, const std::string& path);

  bool call_something();
  bool open_something();
  bool close_something();
  bool use_open_file();
  bool read_something(open_pair& file);
  bool write_something(open_pair& file);
  bool change_name();
  bool rename_something();
  bool look_at_name();
  bool watch_something();
  bool same_events();

  std::uint64_t below(std::uint64_t end) { return random_() % end; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  std::string a_path();
  std::string a_target();
  void note(std::string call);

  std::mt19937_64 random_;
  scratch folder_;
  int real_ = -1;
  ringmill::sim::memory_file_system disk_;
  ringmill::sim::memory_file_system::open_ptr simulated_;
  int real_watches_ = -1;
  ringmill::sim::detail::file_watches watches_{disk_};
  std::size_t events_ = 0;
  std::vector<open_pair> files_;
  std::vector<std::string> history_;
  std::map<std::uint64_t, std::uint64_t> inodes_;  ///< of Linux, and ours
  std::map<std::uint64_t, std::uint64_t> room_;    ///< that ours take, in bytes
  std::string report_;
  std::size_t succeeded_ = 0;
};

}  // namespace support
