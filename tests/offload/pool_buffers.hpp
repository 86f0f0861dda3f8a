// What the tests of a pool's buffers share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include <ringmill/offload/pool_buffer.hpp>

#include "pool_support.hpp"

namespace of_buffers {

inline constexpr std::size_t block = 16 * 1024;  // the smallest that a buffer takes

inline std::size_t count_of(char letter, std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), letter));
}
inline std::uint64_t sum(std::span<const std::byte> bytes) {
  std::uint64_t all = 0;
  for (const std::byte one : bytes) all += std::to_integer<std::uint64_t>(one);
  return all;
}

inline ringmill::pool_options one_worker() { return ringmill::pool_options().workers(1).niceness(0); }

inline void fill(ringmill::pool_buffer& buffer, std::string_view text) {
  buffer.resize(text.size());
  std::memcpy(buffer.bytes().data(), text.data(), text.size());
}

}  // namespace of_buffers
