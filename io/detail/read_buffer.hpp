// What a buffered_reader has read and nobody has taken yet, and what its reads want of that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/unique_ptr.hpp>

namespace ringmill::detail {

/// One block of memory; what is there lies in one piece, and moves to the front when room is asked for.
class RINGMILL_API read_buffer {
 public:
  explicit read_buffer(std::size_t capacity);

  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t size() const noexcept { return end_ - begin_; }
  std::span<const std::byte> bytes() const noexcept { return {data_.get() + begin_, size()}; }
  std::string_view text() const noexcept { return {reinterpret_cast<const char*>(data_.get()) + begin_, size()}; }
  /// The end of the stream was read.
  bool ended() const noexcept { return ended_; }

  /// The memory behind what is there. Views of what was there end here.
  std::span<std::byte> room() noexcept;
  /// So many bytes were put there, or none: the end of the stream.
  void arrived(std::size_t count) noexcept;
  void end() noexcept { ended_ = true; }
  /// Takes the first ones away; views of them stay valid until `room`.
  void consume(std::size_t count) noexcept { begin_ += count; }
  /// Moves as much as there is and fits; gives how much that was.
  std::size_t move_to(std::span<std::byte> into) noexcept;

 private:
  std::unique_ptr<std::byte[]> data_;
  std::size_t capacity_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool ended_ = false;
};

// The goals of reads. `is_met` looks whether more has to be read; `room` says where to, and `arrived` that it has come;
// `result` takes what was wanted, or throws.

class RINGMILL_API some_goal {
 public:
  explicit some_goal(std::span<std::byte> into) noexcept : into_(into) {}
  bool is_met(read_buffer& buffer) noexcept {
    return into_.empty() || direct_ > 0 || buffer.size() > 0 || buffer.ended();
  }
  std::span<std::byte> room(read_buffer& buffer) noexcept { return goes_direct(buffer) ? into_ : buffer.room(); }
  void arrived(read_buffer& buffer, std::size_t count) noexcept;
  std::size_t result(read_buffer& buffer) noexcept { return direct_ > 0 ? direct_ : buffer.move_to(into_); }

 private:
  bool goes_direct(const read_buffer& buffer) const noexcept { return into_.size() >= buffer.capacity(); }
  std::span<std::byte> into_;
  std::size_t direct_ = 0;
};

/// At least `count` bytes, which stay in the buffer, or are taken if `exactly`.
class RINGMILL_API view_goal {
 public:
  view_goal(const read_buffer& buffer, std::size_t count, bool exactly);
  bool is_met(read_buffer& buffer) noexcept { return buffer.size() >= count_ || buffer.ended(); }
  std::span<std::byte> room(read_buffer& buffer) noexcept { return buffer.room(); }
  void arrived(read_buffer& buffer, std::size_t count) noexcept { buffer.arrived(count); }
  std::span<const std::byte> result(read_buffer& buffer);

 private:
  std::size_t count_;
  bool exactly_;
};

/// Fills memory of the caller's, and takes what is filled off `rest`.
class RINGMILL_API fill_goal {
 public:
  explicit fill_goal(std::span<std::byte>& rest) noexcept : rest_(rest), wanted_(rest.size()) {}
  bool is_met(read_buffer& buffer) noexcept;
  std::span<std::byte> room(read_buffer& buffer) noexcept;
  void arrived(read_buffer& buffer, std::size_t count) noexcept;
  void result(read_buffer& buffer);

 private:
  std::span<std::byte>& rest_;
  std::size_t wanted_;
  bool direct_ = false;  ///< the read that is under way goes to the caller's memory
};

/// Drops bytes, and counts `rest` down by them.
class RINGMILL_API skip_goal {
 public:
  explicit skip_goal(std::uint64_t& rest) noexcept : rest_(rest), wanted_(rest) {}
  bool is_met(read_buffer& buffer) noexcept;
  std::span<std::byte> room(read_buffer& buffer) noexcept { return buffer.room(); }
  void arrived(read_buffer& buffer, std::size_t count) noexcept { buffer.arrived(count); }
  void result(read_buffer& buffer);

 private:
  std::uint64_t& rest_;
  std::uint64_t wanted_;
};

/// All before a delimiter, or before the end of a line.
class RINGMILL_API until_goal {
 public:
  /// Stands for: as much as the buffer holds.
  static constexpr std::size_t no_limit = static_cast<std::size_t>(-1);

  static until_goal line(const read_buffer& buffer, std::size_t limit) { return until_goal(buffer, "\n", limit, true); }
  until_goal(const read_buffer& buffer, std::string_view delimiter, std::size_t limit, bool is_line = false);

  bool is_met(read_buffer& buffer) noexcept;
  std::span<std::byte> room(read_buffer& buffer) noexcept { return buffer.room(); }
  void arrived(read_buffer& buffer, std::size_t count) noexcept { buffer.arrived(count); }
  /// A view that lasts until the next read; nothing at the end of the stream.
  std::optional<std::string_view> result(read_buffer& buffer);
  /// The same as a copy; false at the end.
  bool copy_result(read_buffer& buffer, std::string& into);

 private:
  std::optional<std::string_view> look(const read_buffer& buffer) const;
  void drop(read_buffer& buffer) const noexcept { buffer.consume(found_ + delimiter_.size()); }
  /// With so many bytes and no delimiter among them it is too long.
  std::size_t most() const noexcept { return limit_ + delimiter_.size() + is_line_; }

  static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);
  std::string_view delimiter_;
  std::size_t limit_;
  std::size_t scanned_ = 0;
  std::size_t found_ = nowhere;
  bool is_line_;
};

class RINGMILL_API until_copy_goal : public until_goal {
 public:
  until_copy_goal(const until_goal& what, std::string& into) noexcept : until_goal(what), into_(into) {}
  bool result(read_buffer& buffer) { return copy_result(buffer, into_); }

 private:
  std::string& into_;
};

}  // namespace ringmill::detail
