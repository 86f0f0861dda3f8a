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
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~block() { delete[] bytes_; }

  char* get() const noexcept { return bytes_; }

 private:
  char* bytes_ = nullptr;
};

}  // namespace ringmill::http::detail
