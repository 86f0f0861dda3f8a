// HTTP messages as values: header fields, requests, responses, and their heads as text.
//
//   http::request request("GET", "/index.html");
//   request.fields.set("Host", "example.org");
//   std::string wire;
//   http::append_head(wire, request);
//
// No I/O here, and no framing: who sends a body sets Content-Length or Transfer-Encoding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <ringmill/io/http/detail/block.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill::http {

namespace detail {
class message_parser;
}

/// One header field. A view: good until the list that gave it is changed.
struct field {
  std::string_view name;
  std::string_view value;
};

/// Header fields in the order they were added; names compare without case, and may occur more than once. All of it lies
/// in one block of memory, as it is sent.
class RINGMILL_API fields {
 public:
  class iterator;

  fields() noexcept {}
  fields(const fields& other);
  fields(fields&& other) noexcept
      : block_(std::move(other.block_)),
        capacity_(std::exchange(other.capacity_, 0)),
        text_size_(std::exchange(other.text_size_, 0)),
        size_(std::exchange(other.size_, 0)) {}
  fields& operator=(const fields& other);
  fields& operator=(fields&& other) noexcept;
  ~fields() = default;

  /// Appends a field. Throws std::invalid_argument, naming the field, when the name is no token or the value has a CR,
  /// LF, NUL or other control character: what a caller passes on cannot smuggle in a field of its own.
  void add(std::string_view name, std::string_view value);
  /// As `add`, in place of all fields of that name.
  void set(std::string_view name, std::string_view value);
  /// Removes all fields of that name; how many there were.
  std::size_t erase(std::string_view name);
  /// Removes all, and keeps the memory.
  void clear() noexcept;

  /// The value of the first field of that name.
  std::optional<std::string_view> find(std::string_view name) const noexcept;
  bool contains(std::string_view name) const noexcept { return find(name).has_value(); }
  std::size_t count(std::string_view name) const noexcept;
  /// Is `token` among the comma-separated values of the fields of that name? Compares without case.
  bool contains_token(std::string_view name, std::string_view token) const noexcept;

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  /// Bytes of the memory that it has.
  std::size_t capacity() const noexcept { return capacity_; }
  /// As they stand in a head, each with ": " and the end of its line.
  std::string_view text() const noexcept { return {block_.get(), text_size_}; }
  field operator[](std::size_t index) const noexcept;
  iterator begin() const noexcept;
  iterator end() const noexcept;

 private:
  friend class detail::message_parser;
  struct entry {
    std::uint32_t begin;  ///< in the text: the name, ": ", the value
    std::uint32_t name_size;
    std::uint32_t value_size;
  };
  void add_checked(std::string_view name, std::string_view value);
  /// The same of a line as it stands in the list: NAME, ": ", VALUE, and the end of the line.
  void add_checked_line(std::string_view line, std::size_t name_size);
  detail::block make_room(std::size_t line);
  detail::block grow(std::size_t more);
  void note_added(std::size_t name_size, std::size_t value_size) noexcept;
  void swap(fields& other) noexcept;
  char* entry_at(std::size_t index) const noexcept { return block_.get() + capacity_ - (index + 1) * sizeof(entry); }
  entry entry_of(std::size_t index) const noexcept {
    entry found;
    std::memcpy(&found, entry_at(index), sizeof found);
    return found;
  }

  detail::block block_;  ///< the text grows from its beginning, entries from its end
  std::uint32_t capacity_ = 0;
  std::uint32_t text_size_ = 0;
  std::uint32_t size_ = 0;
};

class fields::iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = field;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = field;

  iterator() noexcept = default;
  iterator(const fields& owner, std::size_t index) noexcept : owner_(&owner), index_(index) {}
  field operator*() const noexcept { return (*owner_)[index_]; }
  iterator& operator++() noexcept { return ++index_, *this; }
  iterator operator++(int) noexcept { return iterator(*owner_, index_++); }
  friend bool operator==(const iterator& left, const iterator& right) noexcept { return left.index_ == right.index_; }

 private:
  const fields* owner_ = nullptr;
  std::size_t index_ = 0;
};

inline field fields::operator[](std::size_t index) const noexcept {
  const entry where = entry_of(index);
  const char* const name = block_.get() + where.begin;
  return {std::string_view(name, where.name_size), std::string_view(name + where.name_size + 2, where.value_size)};
}
inline fields::iterator fields::begin() const noexcept { return iterator(*this, 0); }
inline fields::iterator fields::end() const noexcept { return iterator(*this, size()); }

/// What a client asks for.
class request {
 public:
  request() = default;
  request(std::string with_method, std::string with_target)
      : method(std::move(with_method)), target(std::move(with_target)) {}

  std::string method = "GET";
  std::string target = "/";
  int version_minor = 1;  ///< HTTP/1.0 or HTTP/1.1
  http::fields fields;
  std::string body;
};

/// What a server answers.
class response {
 public:
  response() = default;
  explicit response(int with_status, std::string with_body = {}) : status(with_status), body(std::move(with_body)) {}

  int status = 200;
  std::string reason;  ///< as received; when sending, empty stands for reason_phrase(status)
  int version_minor = 1;
  http::fields fields;
  std::string body;
  std::string url;  ///< from a client: who answered in the end, without fragment
};

/// Appends the head, up to and with the empty line. Throws std::invalid_argument when the method is no token, the
/// target has a space or another character that a target cannot have, the reason a control character, or the status is
/// not in 100 to 999.
RINGMILL_API void append_head(std::string& out, const request& message);
RINGMILL_API void append_head(std::string& out, const response& message);

namespace detail {
/// Throws as `append_head` does.
void check_status_line(const response& message);
/// "HTTP/1.1 200 OK", of what was checked, and the end of the line, to where `to` points; gives what is behind it. It
/// takes no more than `most_of_status_line` bytes and those of `message.reason`.
char* put_status_line(char* to, int version_minor, const response& message) noexcept;
inline constexpr std::size_t most_of_status_line = 64;
}  // namespace detail

/// "Not Found" for 404; "Unknown" for what RFC 9110 does not name.
RINGMILL_API std::string_view reason_phrase(int status) noexcept;

}  // namespace ringmill::http
