// What a connection keeps between two messages: the memory of usual ones, and not that of its largest.
#pragma once

#include <cstddef>
#include <string>

#include <ringmill/io/http/message.hpp>

namespace ringmill::http::detail {

/// Of a body, or of a list of fields; lines have a limit of their own.
inline constexpr std::size_t most_kept = 16 * 1024;

/// Makes it empty. A larger piece of memory is given back.
inline void make_empty(std::string& text) noexcept {
  text.clear();
  // To assign an empty string would keep it.
  if (text.capacity() > most_kept) std::string().swap(text);
}
inline void make_empty(fields& list) noexcept {
  list.clear();
  if (list.capacity() > most_kept) list = fields();
}

}  // namespace ringmill::http::detail
