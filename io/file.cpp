#include <ringmill/io/file.hpp>

#include <fcntl.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <system_error>

#include <ringmill/io/detail/calls.hpp>
#include <ringmill/io/detail/path_text.hpp>
#include <ringmill/io/file_system.hpp>

namespace ringmill {

int file_options::flags() const {
  if (access_ == access::read && truncate_) throw std::invalid_argument("file_options: truncate() of a read-only file");
  if (access_ == access::read && append_) throw std::invalid_argument("file_options: append() to a read-only file");
  int flags = access_ == access::read ? O_RDONLY : access_ == access::write ? O_WRONLY : O_RDWR;
  if (create_) flags |= O_CREAT;
  if (new_) flags |= O_EXCL;
  if (truncate_) flags |= O_TRUNC;
  if (append_) flags |= O_APPEND;
  return flags;
}

file::open_awaiter file::open(std::string path, const file_options& options) {
  return open_awaiter(detail::checked_path("file::open", std::move(path)), options.flags(), options.mode());
}

std::int64_t file::checked(std::uint64_t value) {
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    throw std::invalid_argument("file: an offset or size beyond 2^63-1");
  }
  return static_cast<std::int64_t>(value);
}

task<std::uint64_t> file::size() {
  const file_status found = co_await status();
  co_return found.size();
}

task<std::string> read_file(std::string path, std::size_t limit) {
  const auto refuse = [&path](std::errc why, const std::string& more) {
    throw std::system_error(std::make_error_code(why), "read " + path + more);
  };
  const auto refuse_length = [&] {
    refuse(std::errc::file_too_large, ", more than " + std::to_string(limit) + " bytes");
  };
  file from = co_await file::open(path);
  const file_status found = co_await from.status();
  if (found.is_directory()) refuse(std::errc::is_a_directory, "");
  if (found.size() > limit) refuse_length();
  // Its size is but a hint: files of /proc have none, and others grow. One byte more finds the end without another
  // read.
  constexpr std::size_t least = 4096;
  constexpr std::size_t most_at_once = std::size_t{1} << 20;
  const auto hint = static_cast<std::size_t>(found.size());
  std::string text;
  std::size_t have = 0;
  for (;;) {
    if (have == text.size()) text.resize(have < hint ? hint + 1 : have + std::clamp(have, least, most_at_once));
    const std::size_t got = co_await from.read_some(std::as_writable_bytes(std::span(text)).subspan(have));
    if (got == 0) break;
    have += got;
    if (have > limit) refuse_length();
  }
  text.resize(have);
  co_return text;
}

namespace {

/// A file that is removed again unless it gets its name. By the system call itself: it may be a cancel that ends this.
class provisional_file {
 public:
  explicit provisional_file(std::string path) noexcept : path_(std::move(path)) {}
  provisional_file(const provisional_file&) = delete;
  provisional_file& operator=(const provisional_file&) = delete;
  ~provisional_file() {
    if (!kept_) detail::files().unlink(AT_FDCWD, path_.c_str(), 0);
  }
  void keep() noexcept { kept_ = true; }

 private:
  std::string path_;
  bool kept_ = false;
};

}  // namespace

task<> write_file_atomically(std::string path, std::string data, unsigned mode) {
  path = detail::checked_path("write_file_atomically", std::move(path));
  const std::string directory = detail::directory_of(path);
  // A name of its own rather than O_TMPFILE: linkat(2) cannot replace what has the name already.
  const std::string name_beside = directory + "/." + detail::random_name() + ".tmp";
  const file_options options = file_options::write_only().create_new().mode(mode);
  file to = co_await file::open(name_beside, options);
  provisional_file beside(name_beside);
  co_await to.write_all(data);
  co_await to.sync();
  co_await to.close();
  co_await rename(name_beside, path);
  beside.keep();
  co_await sync_directory(directory);
}

task<> sync_directory(std::string path) {
  open_op open(detail::checked_path("sync_directory", std::move(path)), O_RDONLY | O_DIRECTORY, 0);
  file directory(co_await std::move(open));
  co_await directory.sync();
}

}  // namespace ringmill
