// Where the arguments of a call are written to. A view that lies in a buffer of the pool is written as its place there,
// by `codec` of views (offload/codec.hpp), if the sink knows places.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <ringmill/offload/codec.hpp>
#include <ringmill/offload/registry.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill::detail {

class shared_buffers;

/// Null: the pool has none, and everything is copied. `keep`: the call that is written will read the block.
RINGMILL_API std::optional<std::uint64_t> place_in(shared_buffers* buffers, const void* data, std::size_t size,
                                                   bool keep);

class argument_counter : public byte_counter {
 public:
  explicit argument_counter(shared_buffers* buffers) noexcept : buffers_(buffers) {}
  std::optional<std::uint64_t> place_of(const void* data, std::size_t size) const {
    return buffers_ ? place_in(buffers_, data, size, false) : std::nullopt;
  }

 private:
  shared_buffers* buffers_;
};

class argument_writer : public byte_writer {
 public:
  argument_writer(std::span<std::byte> memory, shared_buffers* buffers) noexcept
      : byte_writer(memory), buffers_(buffers) {}
  std::optional<std::uint64_t> place_of(const void* data, std::size_t size) const {
    return buffers_ ? place_in(buffers_, data, size, true) : std::nullopt;
  }

 private:
  shared_buffers* buffers_;
};

/// What the bytes are, wherever they lie: calls with the same arguments have the same hash.
class argument_hasher {
 public:
  void align(std::size_t) noexcept {}
  void bytes(const void* data, std::size_t size) noexcept {
    hash_ = hash_bytes({static_cast<const char*>(data), size}, hash_);
  }
  std::uint64_t hash() const noexcept { return hash_; }

 private:
  std::uint64_t hash_ = hash_bytes({});
};

template <class T>
std::size_t argument_size(shared_buffers* buffers, const T& arguments) {
  argument_counter counter(buffers);
  write_value(counter, arguments);
  return counter.size();
}
template <class T>
void write_argument(std::span<std::byte> memory, shared_buffers* buffers, const T& arguments) {
  argument_writer writer(memory, buffers);
  write_value(writer, arguments);
}
template <class T>
std::uint64_t hash_of_argument(const T& arguments) {
  argument_hasher hasher;
  write_value(hasher, arguments);
  return hasher.hash();
}

}  // namespace ringmill::detail
