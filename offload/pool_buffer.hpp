// pool_buffer: memory that a socket or a file is read into, and that a worker reads where it lies.
//
//   std::vector<std::string> extract_links(std::string_view html);   // an ordinary function
//
//   rm::pool_buffer page = co_await pool.buffer(64 * 1024);
//   page.resize(co_await peer.read_some(page.bytes()));
//   auto links = co_await pool.run<&extract_links>(page);
//
// The bytes go from the kernel into memory that the workers can read, and are not copied again: what crosses is where
// they lie. That holds for every view of a buffer that is an argument or part of one, wherever the function takes a
// std::string_view or a std::span of const elements: `page.text().substr(100)`, a std::vector<std::string_view> of its
// lines, the elements of a map(). A function that takes a std::string gets a copy as ever.
//
// All workers of a pool can read all of its buffers, and none can write them. Where one worker must not see what was
// meant for another, pass a view of memory of your own: that is copied to the one worker that runs the call.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include <ringmill/runtime/awaiter.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/parking.hpp>

namespace ringmill {

class process_pool;

namespace detail {

class buffer_awaiter;
class pool_core;
class shared_buffers;

/// Keeps the memory of a pool's buffers: the last one deletes it. (A std::shared_ptr would be 9,000 lines more in every
/// file that has a pool.)
class RINGMILL_API buffers_owner {
 public:
  buffers_owner() noexcept = default;
  /// The first.
  explicit buffers_owner(shared_buffers* made) noexcept;
  buffers_owner(const buffers_owner& other) noexcept;
  buffers_owner(buffers_owner&& other) noexcept : buffers_(std::exchange(other.buffers_, nullptr)) {}
  buffers_owner& operator=(buffers_owner other) noexcept {
    std::swap(buffers_, other.buffers_);
    return *this;
  }
  ~buffers_owner();

  explicit operator bool() const noexcept { return buffers_ != nullptr; }
  shared_buffers* get() const noexcept { return buffers_; }
  shared_buffers* operator->() const noexcept { return buffers_; }
  bool operator==(const buffers_owner&) const noexcept = default;

 private:
  shared_buffers* buffers_ = nullptr;
};

}  // namespace detail

/// Lent by a process_pool, and given back when it is destroyed. Move-only; for the thread of the pool's loop. May
/// outlive its pool.
///
/// A call borrows it: as with any view that is an argument, the bytes stay as they are until the call has ended. They
/// are there again for a call that runs a second time. What a worker may still read (it was just killed at a deadline)
/// is not lent anew before its process is gone.
class RINGMILL_API pool_buffer {
 public:
  /// Holds no memory.
  pool_buffer() noexcept = default;
  pool_buffer(pool_buffer&& other) noexcept;
  pool_buffer& operator=(pool_buffer&& other) noexcept;
  ~pool_buffer();

  explicit operator bool() const noexcept { return data_ != nullptr; }
  /// The bytes that it has now: at first as many as were asked for, whatever lay there before.
  std::size_t size() const noexcept { return size_; }
  /// The most that `resize` can give: at least what was asked for.
  std::size_t capacity() const noexcept { return capacity_; }
  /// To what was received, or more again: the bytes stay. Throws std::invalid_argument beyond the capacity.
  void resize(std::size_t size);

  std::span<std::byte> bytes() noexcept { return {data_, size_}; }
  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  std::string_view text() const noexcept { return {reinterpret_cast<const char*>(data_), size_}; }

  // As an argument: `pool.run<&function>(buffer)`. Not of one that is about to go.
  operator std::span<const std::byte>() const& noexcept { return bytes(); }
  operator std::string_view() const& noexcept { return text(); }
  operator std::span<const std::byte>() const&& = delete;
  operator std::string_view() const&& = delete;

 private:
  friend class detail::buffer_awaiter;
  friend class detail::pool_core;
  pool_buffer(detail::buffers_owner owner, std::span<std::byte> memory, std::size_t size) noexcept;
  void give_back() noexcept;

  detail::buffers_owner owner_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

namespace detail {

/// The awaiter of `process_pool::buffer`.
class [[nodiscard]] RINGMILL_API buffer_awaiter {
 public:
  buffer_awaiter(buffers_owner from, std::size_t size) noexcept;
  buffer_awaiter(buffer_awaiter&& other) noexcept;  // before it is awaited only
  ~buffer_awaiter();

  bool await_ready();
  bool await_suspend(waiter& who) noexcept;
  pool_buffer await_resume() noexcept;
  cancel_result await_cancel(cancel_reason) noexcept;
  bool await_must_resume() const noexcept { return static_cast<bool>(place_.granted); }
  void await_describe(task_writer& out) const;

 private:
  friend class shared_buffers;
  class place : public parked {
   public:
    std::size_t size = 0;
    buffers_owner from;
    pool_buffer granted;
  };
  /// False: there is none now.
  static bool grant(place& to) noexcept;

  place place_;
};

template <class T>
inline constexpr bool is_pool_buffer = std::is_same_v<std::remove_cvref_t<T>, pool_buffer>;

}  // namespace detail
}  // namespace ringmill
