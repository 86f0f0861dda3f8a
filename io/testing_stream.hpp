// For tests, a user's own too: a connection in memory, without a kernel, for code that takes any stream.
//
//   rm::task<> test() {
//     auto [client, server] = rm::testing::connected_streams();
//     rm::nursery all;
//     co_await all.run([&]() -> rm::task<> {
//       all.start(serve_one<rm::testing::memory_stream>, std::move(server));
//       co_await client.write_all("hel");
//       co_await rm::testing::all_blocked();  // the server has "hel", and waits
//       co_await client.write_all("lo\n");
//     });
//   }
//   rm::testing::run(test());                 // runtime/testing.hpp: what would hang throws deadlock_error
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include <ringmill/runtime/awaiter.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/shared_ptr.hpp>

namespace ringmill::testing {

/// How a connection in memory behaves. Setters chain.
class memory_options {
 public:
  memory_options() noexcept {}
  /// How many bytes lie in it, in each direction, before a writer waits for its peer to read. At least 1; 64 KiB.
  memory_options& capacity(std::size_t bytes) noexcept { return capacity_ = bytes, *this; }
  /// No read gives more, so that what belongs together comes in pieces. At least 1; no limit.
  memory_options& most_per_read(std::size_t bytes) noexcept { return most_per_read_ = bytes, *this; }

  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t most_per_read() const noexcept { return most_per_read_; }

 private:
  std::size_t capacity_ = 65536;
  std::size_t most_per_read_ = static_cast<std::size_t>(-1);
};

class memory_pipe;
class memory_stream;

/// Both ends of a new connection. Throws std::invalid_argument for options that are zero.
RINGMILL_API std::pair<memory_stream, memory_stream> connected_streams(
    const memory_options& options = memory_options());

/// One end. Behaves as a tcp_stream does: move-only; when it dies the peer reads the end, and its writes throw
/// std::errc::broken_pipe; one read and one write at a time, std::logic_error for a second; a write that is cancelled
/// may have written a part. Must not die while an operation on it is awaited (checked). Belongs to one loop.
class RINGMILL_API memory_stream {
 public:
  class [[nodiscard]] read_awaiter;
  class [[nodiscard]] write_awaiter;

  /// One without a peer, on which nothing can be done but to be assigned to.
  memory_stream() noexcept;
  memory_stream(memory_stream&& other) noexcept;
  memory_stream& operator=(memory_stream&& other) noexcept;
  ~memory_stream();

  /// co_await it: gives the number of bytes read, as soon as there is one; 0 is the end of the stream.
  read_awaiter read_some(std::span<std::byte> buffer) noexcept;
  /// co_await it: comes back when all of `data` lies in the connection, or was read.
  write_awaiter write_all(std::span<const std::byte> data) noexcept;
  write_awaiter write_all(std::string_view text) noexcept;

  /// No more will be written: the peer reads the end, after what is there. Does not suspend.
  void shutdown_write() noexcept;
  /// As if the network had failed: from now on, and for whoever waits, each read and write of both ends throws
  /// std::system_error with `code`. What lies in the connection is gone.
  void fail(std::errc code = std::errc::connection_reset) noexcept;

  /// Bytes that lie there for this end to read.
  std::size_t readable() const noexcept;
  explicit operator bool() const noexcept { return static_cast<bool>(in_); }

 private:
  friend std::pair<memory_stream, memory_stream> connected_streams(const memory_options& options);
  using pipe = std::shared_ptr<memory_pipe>;
  memory_stream(pipe in, pipe out) noexcept;
  void require_idle() const noexcept;
  void close() noexcept;

  pipe in_;
  pipe out_;
};

class RINGMILL_API memory_stream::read_awaiter {
 public:
  read_awaiter(memory_pipe* from, std::span<std::byte> buffer) noexcept : from_(from), buffer_(buffer) {}
  read_awaiter(const read_awaiter&) noexcept = default;
  bool await_ready();
  bool await_suspend(waiter& who);
  std::size_t await_resume() const;
  cancel_result await_cancel(cancel_reason) noexcept;
  bool await_must_resume() const noexcept { return true; }
  void await_describe(task_writer& out) const { out.text("read from memory", from_); }

 private:
  friend class memory_pipe;
  memory_pipe* from_;
  std::span<std::byte> buffer_;
  std::size_t count_ = 0;
  std::errc error_ = std::errc();
  waiter* who_ = nullptr;
};

class RINGMILL_API memory_stream::write_awaiter {
 public:
  write_awaiter(memory_pipe* to, std::span<const std::byte> data) noexcept : to_(to), rest_(data) {}
  write_awaiter(const write_awaiter&) noexcept = default;
  bool await_ready();
  bool await_suspend(waiter& who);
  void await_resume() const;
  cancel_result await_cancel(cancel_reason) noexcept;
  bool await_must_resume() const noexcept { return true; }
  void await_describe(task_writer& out) const { out.text("write to memory", to_); }

 private:
  friend class memory_pipe;
  memory_pipe* to_;
  std::span<const std::byte> rest_;
  std::errc error_ = std::errc();
  waiter* who_ = nullptr;
};

}  // namespace ringmill::testing
