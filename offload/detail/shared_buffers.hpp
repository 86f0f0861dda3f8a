// The memory of a pool's buffers: the host writes it, or has the kernel write it, and all workers read it where it
// lies.
//
// The third memory of a pool, beside the two of each worker's channel. It belongs to no worker, since a buffer is
// filled before anybody knows which one will be free. Sealed like the requests of a channel: nobody but this process
// can map it for writing, and nobody can shrink it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <ringmill/io/fd.hpp>
#include <ringmill/offload/channel.hpp>
#include <ringmill/offload/detail/buffer_blocks.hpp>
#include <ringmill/offload/pool_buffer.hpp>
#include <ringmill/runtime/parking.hpp>

namespace ringmill {
class ring;
}

namespace ringmill::detail {

/// Shared by the pool and its buffers, which may outlive it. For the loop's thread.
class shared_buffers {
 public:
  using block = buffer_blocks::number;

  /// `capacity` is rounded up to a multiple of 16 KiB. Pages are committed when they are first written. Throws
  /// std::invalid_argument for more than 64 GiB, and std::system_error.
  shared_buffers(std::size_t capacity, ring& on);
  ~shared_buffers();
  shared_buffers(const shared_buffers&) = delete;
  shared_buffers& operator=(const shared_buffers&) = delete;

  std::size_t owners = 0;  ///< buffers_owner counts itself

  /// For the workers.
  int descriptor() const noexcept { return memory_.number(); }

  std::size_t capacity() const noexcept { return mapping_.size(); }
  /// The most that one buffer can have.
  std::size_t largest() const noexcept { return blocks_.largest_block() * unit; }
  std::size_t in_use() const noexcept { return blocks_.in_use() * unit; }

  /// At least `size` bytes, more than none; an empty span if there is none now.
  std::span<std::byte> take(std::size_t size) noexcept;
  /// By the address that `take` gave: one holder less. What is free then goes to those who wait.
  void give_back(const std::byte* memory) noexcept;
  void let_go(block one) noexcept;

  // For those who wait.
  parking_list& waiters() noexcept { return waiters_; }
  void serve() noexcept;

  // For arguments.

  /// Where in the memory the bytes lie, if all of them are in one buffer.
  std::optional<std::uint64_t> place_of(const void* data, std::size_t size) const noexcept;
  /// The same, and keeps the block in mind for the next `buffer_uses::begin`.
  std::optional<std::uint64_t> note(const void* data, std::size_t size);
  void forget_noted() noexcept { noted_.clear(); }

 private:
  friend class buffer_uses;
  /// Smaller ones are as well copied: 16 KiB take half a microsecond.
  static constexpr std::size_t unit = std::size_t{16} << 10;

  shared_buffers(std::size_t rounded, fd memory, ring& on);

  fd memory_;
  mapping mapping_;
  buffer_blocks blocks_;
  parking_list waiters_;
  std::vector<block> noted_;
  ring& ring_;
  std::size_t uses_ = 0;  ///< by workers
};

/// Which calls of one worker read which blocks: they are held until the call was answered, or the process is gone,
/// however the task has ended.
class buffer_uses {
 public:
  buffer_uses() noexcept = default;
  buffer_uses(buffer_uses&& other) noexcept : memory_(other.memory_), uses_(std::move(other.uses_)) {}
  buffer_uses& operator=(const buffer_uses&) = delete;
  ~buffer_uses() { clear(); }

  bool empty() const noexcept { return uses_.empty(); }
  /// All blocks that were noted. Throws std::bad_alloc, and has changed nothing then.
  void begin(shared_buffers& memory, std::uint32_t sequence);
  void end(std::uint32_t sequence) noexcept;
  void clear() noexcept;

 private:
  struct use {
    std::uint32_t sequence;
    shared_buffers::block block;
  };
  void let_go(const use& one) noexcept;

  shared_buffers* memory_ = nullptr;
  std::vector<use> uses_;
};

}  // namespace ringmill::detail
