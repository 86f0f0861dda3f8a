// Bytes on the heap that are not cleared. As std::unique_ptr<char[]>, which would bring 6,200 lines into each header.
#pragma once

#include <cstddef>
#include <utility>

namespace ringmill::http::detail {

/// Move-only. What was moved from has none.
class block {
 public:
  block() noexcept {}
  explicit block(std::size_t size) : bytes_(new char[size]) {}
  block(block&& other) noexcept : bytes_(std::exchange(other.bytes_, nullptr)) {}
  block& operator=(block&& other) noexcept {
    block taken(std::move(other));
    std::swap(bytes_, taken.bytes_);
    return *this;
  }
  ~block() { delete[] bytes_; }

  char* get() const noexcept { return bytes_; }

 private:
  char* bytes_ = nullptr;
};

/// The size of the next block, when `needed` bytes do not fit into one of `size`: twice that, if this is enough, and no
/// more than `most`, in which they do fit.
constexpr std::size_t grown(std::size_t size, std::size_t needed, std::size_t most) noexcept {
  const std::size_t twice = size > most / 2 ? most : 2 * size;
  return needed > twice ? needed : twice;
}

}  // namespace ringmill::http::detail
