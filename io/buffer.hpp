// Reading into memory that the ring lends: a connection that waits needs no buffer of its own.
//
//   rm::task<> serve(rm::tcp_stream peer) {
//     for (;;) {
//       rm::lease got = co_await peer.read_lease();
//       if (got.empty()) co_return;                 // the end of the stream
//       co_await peer.write_all(got.bytes());
//     }                                             // given back here
//   }
//
// Which way to read: `read_some` into a buffer in the task is the fastest for a busy connection; with ten thousand that
// are mostly idle a buffer in each is forty megabytes, and this is some thirty bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <ringmill/io/io_op.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill {

namespace detail {
class buffer_pool;
}  // namespace detail

/// Bytes that were read, in a buffer of the ring's pool. Move-only; gives the buffer back when it dies, which must be
/// on its loop and before that ends (checked). Keep it as long as you need the bytes and no longer: who reads while all
/// buffers are lent gets memory of its own from malloc.
class RINGMILL_API lease {
 public:
  lease() noexcept = default;
  lease(lease&& other) noexcept { swap(other); }
  lease& operator=(lease&& other) noexcept {
    lease(std::move(other)).swap(*this);
    return *this;
  }
  ~lease() {
    if (data_) give_back();
  }

  std::span<std::byte> bytes() const noexcept { return {data_, size_}; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

 private:
  friend class detail::buffer_pool;
  static constexpr std::int32_t own_memory = -1;

  void swap(lease& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(index_, other.index_);
  }
  void give_back() noexcept;

  std::byte* data_ = nullptr;  ///< null: it holds no buffer
  std::uint32_t size_ = 0;
  std::int32_t index_ = own_memory;  ///< of the buffer in its pool
};

/// recv(2) into a buffer that the kernel takes from the ring's pool when bytes have come: gives the lease, an empty one
/// at the end of the stream.
class [[nodiscard]] RINGMILL_API receive_lease_op : public io_op {
 public:
  explicit receive_lease_op(fd& socket) noexcept;
  receive_lease_op(receive_lease_op&& other) noexcept : io_op(std::move(other)) {}
  ~receive_lease_op() override;
  bool await_suspend(waiter& who);
  lease await_resume();

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept override;
  std::byte* buffer_ = nullptr;  ///< with what came; before that, if all were lent, memory of its own to read to
};

}  // namespace ringmill
