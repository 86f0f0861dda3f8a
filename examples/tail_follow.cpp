// Prints what is appended to a file, from its end on, and goes on with the new one when it is rotated, as tail -F does.
//   tail_follow FILE
#include <array>
#include <cstdio>
#include <optional>
#include <ringmill/ringmill.hpp>
#include <string>

namespace rm = ringmill;

/// The file that has the name now, and how far it was printed.
class followed {
 public:
  followed(rm::file opened, const rm::file_status& which) noexcept : file_(std::move(opened)), which_(which) {}

  /// Prints what is new in it; from its beginning, if it was cut.
  rm::task<> print_news() {
    const rm::file_status now = co_await file_.status();
    if (now.size() < printed_) printed_ = 0;
    std::array<std::byte, 16384> buffer;
    while (const std::size_t got = co_await file_.read_at(buffer, printed_)) {
      co_await rm::standard_output().write_all(std::span(buffer).first(got));
      printed_ += got;
    }
  }
  void skip_what_was_there() noexcept { printed_ = which_.size(); }
  bool is(const followed& other) const noexcept { return which_.is_same_file(other.which_); }

 private:
  rm::file file_;
  rm::file_status which_;  ///< as it was opened
  std::uint64_t printed_ = 0;
};

rm::task<std::optional<followed>> open_followed(std::string path) {
  std::optional<followed> opened;
  try {
    rm::file file = co_await rm::file::open(path);
    const rm::file_status which = co_await file.status();
    opened.emplace(std::move(file), which);
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::no_such_file_or_directory) throw;  // it comes again after a rotation
  }
  co_return opened;
}

rm::task<> follow(std::string path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string name = path.substr(slash + 1);

  // Of the directory, for a name that comes again; watched before the first look, so that nothing is missed in between.
  auto watch = rm::file_watch::create();
  watch.add(directory, rm::file_change::modified | rm::file_change::created | rm::file_change::moved_to);
  std::optional<followed> current = co_await open_followed(path);
  if (!current) throw std::runtime_error("tail_follow: no file " + path);
  current->skip_what_was_there();
  std::fprintf(stderr, "following %s\n", path.c_str());

  for (;;) {
    const rm::file_event event = co_await watch.next();
    if (event.name() != name && !event.has(rm::file_change::overflow)) continue;
    co_await current->print_news();  // the last lines of the old one, too
    std::optional<followed> now_there = co_await open_followed(path);
    if (!now_there || now_there->is(*current)) continue;
    current = std::move(now_there);
    co_await current->print_news();
  }
}

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: tail_follow FILE\n");
    return 2;
  }
  return rm::run_main(follow(argv[1]));
}
