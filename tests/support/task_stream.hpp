// A stream whose reads and writes are tasks, as those of TLS would be.
#pragma once

#include <cstddef>
#include <span>

#include <ringmill/io/stream.hpp>
#include <ringmill/io/testing_stream.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/task.hpp>

namespace support {

class task_stream {
 public:
  explicit task_stream(ringmill::testing::memory_stream& below) noexcept : below_(below) {}
  ringmill::task<std::size_t> read_some(std::span<std::byte> buffer) {
    co_await ringmill::yield();
    const std::size_t count = co_await below_.read_some(buffer);
    co_return count;
  }
  ringmill::task<> write_all(std::span<const std::byte> data) {
    co_await ringmill::yield();
    co_await below_.write_all(data);
  }

 private:
  ringmill::testing::memory_stream& below_;
};

static_assert(ringmill::stream<task_stream>);

}  // namespace support
