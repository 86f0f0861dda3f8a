// What happened, in order: one record for each entry that was submitted and each completion, and what else the world
// decided. Two runs of one seed have the same.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <ringmill/runtime/driver.hpp>

namespace ringmill::sim::detail {

/// Records hold numbers only, and never an address: an operation is named by its number on its host.
class trace {
 public:
  enum class kind : std::uint8_t {
    submit,
    complete,
    fault,
    crash,
    cut,
    heal,
    note,
    process_begin,
    process_end,
    signal
  };

  explicit trace(bool is_whole) : is_whole_(is_whole) { records_.reserve(kept); }

  /// submit: an opcode, a descriptor, a length. complete: a result, flags. fault: its kind and index. cut and heal: two
  /// hosts. Of processes `number` is the pid; process_end: its wait status; signal: which.
  void add(time_point when, std::uint32_t host, kind what, std::uint64_t number, std::int64_t first = 0,
           std::int64_t second = 0, std::int64_t third = 0);

  void name_host(std::uint32_t host, std::string name);
  std::uint64_t hash() const noexcept { return hash_; }
  std::uint64_t count() const noexcept { return count_; }
  /// The last lines, oldest first.
  std::string text(std::size_t most_lines = 60) const;

 private:
  struct record {
    std::int64_t nanoseconds;
    std::uint32_t host;
    kind what;
    std::uint64_t number;
    std::int64_t first;
    std::int64_t second;
    std::int64_t third;
  };
  static constexpr std::size_t kept = 512;

  /// Counted from the oldest that is kept.
  const record& at(std::size_t index) const noexcept {
    return records_[is_whole_ ? index : (count_ - records_.size() + index) % kept];
  }
  void write_line(std::string& out, const record& line) const;

  bool is_whole_;
  std::uint64_t hash_ = 0;
  std::uint64_t count_ = 0;
  std::vector<record> records_;  ///< unless all are kept the newest takes the place of the oldest
  std::vector<std::string> names_;
};

}  // namespace ringmill::sim::detail
