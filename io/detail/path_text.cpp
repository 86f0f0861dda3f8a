#include <ringmill/io/detail/path_text.hpp>

#include <array>
#include <cstdint>
#include <stdexcept>

#include <ringmill/io/detail/calls.hpp>
#include <ringmill/io/ring.hpp>

namespace ringmill::detail {

std::string checked_path(const char* who, std::string path) {
  if (path.find('\0') != std::string::npos) throw std::invalid_argument(std::string(who) + ": a zero byte in the path");
  return path;
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string random_name() {
  static constexpr char letters[] = "abcdefghijklmnopqrstuvwxyz234567";  // 32: each takes five bits
  std::array<std::uint8_t, 15> bytes{};
  or_throw(ring::current().backend().random(bytes.data(), bytes.size()), "getrandom");
  std::string name;
  for (const std::uint8_t byte : bytes) name += letters[byte % 32];
  return name;
}

}  // namespace ringmill::detail
