// Addresses of Unix sockets (unix(7)).
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <string>
#include <string_view>

#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// A value: a path of the file system, an abstract name of the network namespace, or unnamed, as most clients are.
class RINGMILL_API unix_address {
 public:
  /// Unnamed. To bind to it lets the kernel choose an abstract name.
  unix_address() noexcept = default;
  /// Throws std::invalid_argument for an empty one, for more than 107 bytes, and for one with a NUL in it.
  static unix_address path(std::string_view path);
  /// Any bytes, 107 at most: NULs count, and "a" is another name than "a\0". There is no file, it goes with its socket,
  /// and there are no permissions: whoever is in the network namespace can connect. Throws std::invalid_argument.
  static unix_address abstract(std::string_view name);

  bool is_unnamed() const noexcept { return length_ <= name_offset; }
  bool is_abstract() const noexcept { return !is_unnamed() && any_.sun_path[0] == '\0'; }
  bool is_path() const noexcept { return !is_unnamed() && !is_abstract(); }
  /// The path, or the abstract name; empty if it has none.
  std::string name() const;
  /// "/run/service.socket", "@name" for an abstract one, "(unnamed)". What does not print comes as \x1f.
  std::string to_string() const;

  const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&any_); }
  sockaddr* data() noexcept { return reinterpret_cast<sockaddr*>(&any_); }
  /// The length that system calls want.
  socklen_t size() const noexcept { return length_; }
  /// After a system call has written to `data`: the length that it told.
  void set_size(socklen_t length) noexcept { length_ = length < capacity() ? length : capacity(); }
  /// The room that there is.
  static constexpr socklen_t capacity() noexcept { return sizeof(sockaddr_un); }

  friend bool operator==(const unix_address& left, const unix_address& right) noexcept { return left.equals(right); }

 private:
  bool equals(const unix_address& other) const noexcept;
  static constexpr socklen_t name_offset = offsetof(sockaddr_un, sun_path);
  std::string_view name_view() const noexcept;

  sockaddr_un any_{AF_UNIX, {}};
  socklen_t length_ = name_offset;
};

}  // namespace ringmill
