// Bytes as text, and text as bytes; and looking for what a text should say: a failure shows the whole text.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <span>
#include <string>

namespace support {

/// Bytes as text.
inline std::string text_of(std::span<const std::byte> bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

/// A text as bytes.
inline std::span<std::byte> bytes_of(std::string& text) { return std::as_writable_bytes(std::span(text)); }
inline std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

/// Checks that `part` occurs in `text`.
inline void contains(const std::string& text, const std::string& part) {
  CAPTURE(text);
  CAPTURE(part);
  const bool found = text.find(part) != std::string::npos;
  CHECK(found);
}

/// The first line of `text` in which `part` occurs; checks that there is one.
inline std::string line_with(const std::string& text, const std::string& part) {
  contains(text, part);
  const std::size_t at = text.find(part);
  if (at == std::string::npos) return {};
  const std::size_t begin = at == 0 ? std::string::npos : text.rfind('\n', at - 1);
  const std::size_t first = begin == std::string::npos ? 0 : begin + 1;
  return text.substr(first, text.find('\n', at) - first);
}

}  // namespace support
