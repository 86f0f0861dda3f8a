#include <ringmill/io/unix_address.hpp>

#include <cstring>
#include <stdexcept>

namespace ringmill {

namespace {

constexpr std::size_t most_name_bytes = sizeof(sockaddr_un::sun_path) - 1;

void check_length(std::string_view name, const char* what) {
  if (name.size() <= most_name_bytes) return;
  throw std::invalid_argument(std::string(what) + " of " + std::to_string(name.size()) +
                              " bytes, the kernel takes 107: " + std::string(name));
}

}  // namespace

unix_address unix_address::path(std::string_view path) {
  if (path.empty()) throw std::invalid_argument("unix_address: an empty path");
  if (path.find('\0') != std::string_view::npos) throw std::invalid_argument("unix_address: a path with a NUL in it");
  check_length(path, "unix_address: a path");
  unix_address made;
  path.copy(made.any_.sun_path, path.size());
  made.length_ = static_cast<socklen_t>(name_offset + path.size() + 1);  // with the NUL
  return made;
}

unix_address unix_address::abstract(std::string_view name) {
  check_length(name, "unix_address: an abstract name");
  unix_address made;
  name.copy(made.any_.sun_path + 1, name.size());
  made.length_ = static_cast<socklen_t>(name_offset + 1 + name.size());
  return made;
}

std::string_view unix_address::name_view() const noexcept {
  if (is_unnamed()) return {};
  const std::size_t length = length_ - name_offset;
  if (is_abstract()) return std::string_view(any_.sun_path + 1, length - 1);
  return std::string_view(any_.sun_path, ::strnlen(any_.sun_path, length));
}

std::string unix_address::name() const { return std::string(name_view()); }

std::string unix_address::to_string() const {
  if (is_unnamed()) return "(unnamed)";
  constexpr const char* digits = "0123456789abcdef";
  std::string text = is_abstract() ? "@" : "";
  for (const char c : name_view()) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      text += c;
    } else {
      text += {'\\', 'x', digits[byte / 16], digits[byte % 16]};
    }
  }
  return text;
}

bool unix_address::equals(const unix_address& other) const noexcept {
  return is_abstract() == other.is_abstract() && is_unnamed() == other.is_unnamed() && name_view() == other.name_view();
}

}  // namespace ringmill
