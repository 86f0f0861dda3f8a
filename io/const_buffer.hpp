// Bytes to be written, whether they come as a span or as text.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace ringmill {

/// Bytes of somebody else, from a span or from text, who keeps them until the await that uses them comes back.
class const_buffer {
 public:
  const_buffer() noexcept {}
  const_buffer(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}
  const_buffer(std::span<std::byte> bytes) noexcept : bytes_(bytes) {}
  const_buffer(std::string_view text) noexcept : bytes_(std::as_bytes(std::span(text))) {}
  const_buffer(const std::string& text) noexcept : const_buffer(std::string_view(text)) {}
  const_buffer(const char* text) noexcept : const_buffer(std::string_view(text)) {}
  template <std::size_t Size>
  const_buffer(std::span<std::byte, Size> bytes) noexcept : bytes_(bytes) {}
  template <std::size_t Size>
  const_buffer(std::span<const std::byte, Size> bytes) noexcept : bytes_(bytes) {}

  std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace ringmill
