// A directory for the files of one test, removed afterwards; and looking at files from outside of ringmill.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

#include "plain_calls.hpp"

namespace support {

class scratch {
 public:
  scratch() { path_ = plain::make_temporary_directory(); }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  ~scratch() {
    if (is_simulated_) return;  // it goes with its kernel
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::string path() const { return path_.string(); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  bool is_simulated_ = simulated_kernel_here() != nullptr;
  std::filesystem::path path_;
};

inline std::string contents_of(const std::string& path) {
  std::ifstream from(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(from), std::istreambuf_iterator<char>()};
}

using plain::make_file;

}  // namespace support
