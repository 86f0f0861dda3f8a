// A path as the calls ending in "at" have it: from the working directory, or from that of a descriptor.
#pragma once

#include <fcntl.h>

#include <cerrno>
#include <memory>
#include <string_view>

#include <ringmill/io/sim/detail/disk_file.hpp>
#include <ringmill/io/sim/detail/sim_kernel.hpp>

namespace ringmill::sim::detail {

class file_start {
 public:
  file_start(const sim_kernel& kernel, int directory, const char* path) : path_(path) {
    if (kernel.is_dead()) {
      error_ = -ECANCELED;
    } else if (directory != AT_FDCWD && !path_.starts_with('/')) {
      start_ = kernel.object_of(directory);
      file_ = dynamic_cast<const disk_file*>(start_.get());
      error_ = !start_ ? -EBADF : !file_ ? -ENOTDIR : 0;
    }
  }

  /// Negated; 0 if it can be gone from here.
  int error() const noexcept { return error_; }
  path_from where() const noexcept { return path_from(path_, file_ ? &file_->opened() : nullptr); }

 private:
  std::string_view path_;
  std::shared_ptr<object> start_;
  const disk_file* file_ = nullptr;
  int error_ = 0;
};

}  // namespace ringmill::sim::detail
