// What a buffered_writer holds.
#pragma once

#include <cstddef>
#include <span>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/unique_ptr.hpp>

namespace ringmill::detail {

/// Bytes that wait to be written, in one block of memory.
class RINGMILL_API write_buffer {
 public:
  explicit write_buffer(std::size_t capacity);
  /// Logs a warning if something is left, unless there is a reason for that.
  ~write_buffer();
  write_buffer(const write_buffer&) = delete;
  write_buffer& operator=(const write_buffer&) = delete;

  std::size_t size() const noexcept { return size_; }
  std::span<const std::byte> bytes() const noexcept { return {data_.get(), size_}; }
  /// All of `data`, or nothing and false.
  bool append(std::span<const std::byte> data) noexcept;
  void clear() noexcept { size_ = 0; }

  /// Nobody knows how much of what it held, or of what was written past it, has been sent.
  void break_off() noexcept {
    broken_ = true;
    clear();
  }
  bool is_broken() const noexcept { return broken_; }
  /// Throws std::logic_error if it is broken.
  void require_intact() const;

 private:
  std::unique_ptr<std::byte[]> data_;
  std::size_t capacity_;
  std::size_t size_ = 0;
  int exceptions_;  ///< that were under way when it was made
  bool broken_ = false;
};

}  // namespace ringmill::detail
