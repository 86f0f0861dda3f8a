#include <ringmill/io/detail/read_buffer.hpp>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include <ringmill/io/stream.hpp>

namespace ringmill::detail {

read_buffer::read_buffer(std::size_t capacity)
    : data_(capacity == 0 ? nullptr : new std::byte[capacity]), capacity_(capacity) {
  if (capacity == 0) throw std::invalid_argument("buffered_reader: a buffer of 0 bytes");
}

std::span<std::byte> read_buffer::room() noexcept {
  if (begin_ > 0) {
    std::memmove(data_.get(), data_.get() + begin_, size());
    end_ = size();
    begin_ = 0;
  }
  return {data_.get() + end_, capacity_ - end_};
}

void read_buffer::arrived(std::size_t count) noexcept {
  end_ += count;
  if (count == 0) ended_ = true;
}

std::size_t read_buffer::move_to(std::span<std::byte> into) noexcept {
  const std::size_t count = std::min(size(), into.size());
  if (count > 0) std::memcpy(into.data(), data_.get() + begin_, count);
  consume(count);
  return count;
}

void some_goal::arrived(read_buffer& buffer, std::size_t count) noexcept {
  if (!goes_direct(buffer)) {
    buffer.arrived(count);
  } else if (count == 0) {
    buffer.end();
  } else {
    direct_ = count;
  }
}

view_goal::view_goal(const read_buffer& buffer, std::size_t count, bool exactly) : count_(count), exactly_(exactly) {
  if (count > buffer.capacity()) {
    throw std::invalid_argument("buffered_reader: " + std::to_string(count) + " bytes at once from a buffer of " +
                                std::to_string(buffer.capacity()) +
                                ": make a larger one, or read_exactly(rest) into memory of your own");
  }
}

std::span<const std::byte> view_goal::result(read_buffer& buffer) {
  const std::span<const std::byte> all = buffer.bytes();
  if (!exactly_) return all;
  if (all.size() < count_) throw end_of_stream_error(all.size(), count_);
  buffer.consume(count_);
  return all.first(count_);
}

bool fill_goal::is_met(read_buffer& buffer) noexcept {
  rest_ = rest_.subspan(buffer.move_to(rest_));
  return rest_.empty() || buffer.ended();
}

std::span<std::byte> fill_goal::room(read_buffer& buffer) noexcept {
  direct_ = rest_.size() >= buffer.capacity();
  return direct_ ? rest_ : buffer.room();
}

void fill_goal::arrived(read_buffer& buffer, std::size_t count) noexcept {
  if (!direct_) {
    buffer.arrived(count);
  } else if (count == 0) {
    buffer.end();
  } else {
    rest_ = rest_.subspan(count);
  }
}

void fill_goal::result(read_buffer&) {
  if (!rest_.empty()) throw end_of_stream_error(wanted_ - rest_.size(), wanted_);
}

bool skip_goal::is_met(read_buffer& buffer) noexcept {
  const std::uint64_t count = std::min<std::uint64_t>(buffer.size(), rest_);
  buffer.consume(static_cast<std::size_t>(count));
  rest_ -= count;
  return rest_ == 0 || buffer.ended();
}

void skip_goal::result(read_buffer&) {
  if (rest_ != 0)
    throw end_of_stream_error(static_cast<std::size_t>(wanted_ - rest_), static_cast<std::size_t>(wanted_));
}

until_goal::until_goal(const read_buffer& buffer, std::string_view delimiter, std::size_t limit, bool is_line)
    : delimiter_(delimiter), limit_(limit), is_line_(is_line) {
  if (delimiter.empty()) throw std::invalid_argument("buffered_reader::read_until: an empty delimiter");
  const std::size_t beside = delimiter.size() + is_line;
  const std::size_t possible = buffer.capacity() < beside ? 0 : buffer.capacity() - beside;
  if (limit == no_limit) limit_ = possible;
  if (limit_ > possible || buffer.capacity() < beside) {
    throw std::invalid_argument("buffered_reader: up to " + std::to_string(limit_) + " bytes and a delimiter of " +
                                std::to_string(beside) + " do not fit into a buffer of " +
                                std::to_string(buffer.capacity()) + ": make a larger one");
  }
}

bool until_goal::is_met(read_buffer& buffer) noexcept {
  const std::string_view text = buffer.text();
  const std::size_t overlap = delimiter_.size() - 1;  // a delimiter may have come in part
  const std::size_t from = scanned_ > overlap ? scanned_ - overlap : 0;
  const void* place = memmem(text.data() + from, text.size() - from, delimiter_.data(), delimiter_.size());
  if (place) {
    found_ = static_cast<std::size_t>(static_cast<const char*>(place) - text.data());
    return true;
  }
  scanned_ = text.size();
  return text.size() >= most() || buffer.ended();
}

std::optional<std::string_view> until_goal::look(const read_buffer& buffer) const {
  const std::string_view what = is_line_ ? "a line" : "what is read up to a delimiter";
  const std::string_view text = buffer.text();
  if (found_ == nowhere) {
    if (text.size() >= most()) throw too_long_error(what, limit_);
    if (text.empty()) return std::nullopt;
    throw end_of_stream_error(text.size(), is_line_ ? "the end of a line" : "the delimiter");
  }
  std::string_view part = text.substr(0, found_);
  if (is_line_ && part.ends_with('\r')) part.remove_suffix(1);
  if (part.size() > limit_) throw too_long_error(what, limit_);
  return part;
}

std::optional<std::string_view> until_goal::result(read_buffer& buffer) {
  const std::optional<std::string_view> part = look(buffer);
  if (part) drop(buffer);
  return part;
}

bool until_goal::copy_result(read_buffer& buffer, std::string& into) {
  const std::optional<std::string_view> part = look(buffer);
  if (!part) return false;
  into.assign(*part);  // first: if there is no memory for it, nothing is lost
  drop(buffer);
  return true;
}

}  // namespace ringmill::detail
