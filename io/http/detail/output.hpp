// Bytes on their way to a peer, as they are put together: room first, then plain copies into it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include <ringmill/io/http/detail/block.hpp>

namespace ringmill::http::detail {

/// Copies `text` to where `to` points; gives what is behind it. Of a literal the compiler knows the size.
inline char* put(char* to, std::string_view text) noexcept {
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

/// A string that can be written into before it is one: std::string clears its room first, or is asked for each piece.
class output {
 public:
  output() noexcept {}
  output(const output&) = delete;
  output& operator=(const output&) = delete;

  std::string_view text() const noexcept { return {bytes_.get(), size_}; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  /// Where the next bytes go, with room for `most` of them. `end_at` takes in those that were written.
  char* room(std::size_t most) {
    if (capacity_ - size_ < most) grow(most);
    return bytes_.get() + size_;
  }
  void end_at(const char* end) noexcept { size_ = static_cast<std::size_t>(end - bytes_.get()); }
  void append(std::string_view more) { end_at(put(room(more.size()), more)); }

  /// Keeps the memory, if it is no more than `most` bytes.
  void clear(std::size_t most) noexcept {
    size_ = 0;
    if (capacity_ <= most) return;
    bytes_ = block();
    capacity_ = 0;
  }

 private:
  void grow(std::size_t more) {
    const std::size_t wanted = grown(capacity_, size_ + more, SIZE_MAX);
    block larger(wanted);
    if (size_ > 0) std::memcpy(larger.get(), bytes_.get(), size_);
    bytes_ = std::move(larger);
    capacity_ = wanted;
  }

  block bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace ringmill::http::detail
