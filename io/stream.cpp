#include <ringmill/io/stream.hpp>

#include <algorithm>

namespace ringmill {

namespace {

std::string bytes(std::size_t count) { return std::to_string(count) + (count == 1 ? " byte" : " bytes"); }

}  // namespace

end_of_stream_error::end_of_stream_error(std::size_t received, std::size_t wanted)
    : std::runtime_error("the stream ended after " + std::to_string(received) + " of " + bytes(wanted)),
      received_(received) {}

end_of_stream_error::end_of_stream_error(std::size_t received, std::string_view what)
    : std::runtime_error("the stream ended after " + bytes(received) + ", before " + std::string(what)),
      received_(received) {}

too_long_error::too_long_error(std::string_view what, std::size_t limit)
    : std::runtime_error(std::string(what) + " is longer than " + bytes(limit)), limit_(limit) {}

namespace detail {

text_tail::text_tail(std::string& text, std::size_t limit) : text_(text), size_(text.size()) {
  constexpr std::size_t least = 4096;  // and then as much as there is already: the text doubles
  text_.resize(size_ + std::min(limit - size_, std::max(least, size_)) + 1);
}

std::span<std::byte> text_tail::room() const noexcept {
  return std::as_writable_bytes(std::span(text_)).subspan(size_);
}

}  // namespace detail
}  // namespace ringmill
