#include "two_file_systems.hpp"

#include <dirent.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <stdexcept>
#include <utility>

namespace support {

namespace sim = ringmill::sim;

namespace {

constexpr int depth = 64;
constexpr std::size_t most_open = 6;

std::int64_t or_errno(std::int64_t result) { return result < 0 ? -errno : result; }

unsigned umask_now() {
  const mode_t mask = ::umask(022);
  ::umask(mask);
  return mask;
}

std::string text_of(std::int64_t result) {
  return result < 0 ? std::string(strerrorname_np(static_cast<int>(-result))) : std::to_string(result);
}

/// The events that a read gave, one a line. Cookies are numbered anew for each read, which has both sides of a rename.
std::string events_in(const std::vector<std::byte>& bytes, std::int64_t size, std::size_t& count) {
  std::map<std::uint32_t, std::size_t> cookies = {{0, 0}};
  std::string text;
  inotify_event event{};
  for (std::int64_t at = 0; at < size; at += static_cast<std::int64_t>(sizeof event + event.len)) {
    std::memcpy(&event, bytes.data() + at, sizeof event);
    const std::string name = event.len > 0 ? reinterpret_cast<const char*>(bytes.data() + at + sizeof event) : "";
    const std::size_t cookie = cookies.emplace(event.cookie, cookies.size()).first->second;
    if (name.starts_with('#')) continue;  // Linux's name for an O_TMPFILE, by its number
    std::array<char, 20> kind{};
    std::snprintf(kind.data(), kind.size(), "%x", event.mask);
    text += "  watch " + std::to_string(event.wd) + ": " + kind.data() + " " + name + " of " +
            std::to_string(event.len) + ", " + std::to_string(cookie) + "\n";
    ++count;
  }
  return text;
}

std::set<std::string> names_in(const std::vector<std::byte>& entries, std::int64_t size) {
  std::set<std::string> names;
  std::uint16_t length = 0;
  for (std::int64_t at = 0; at < size; at += length) {
    const std::byte* const entry = entries.data() + at;
    std::memcpy(&length, entry + offsetof(dirent64, d_reclen), sizeof length);
    const auto type = static_cast<unsigned>(entry[offsetof(dirent64, d_type)]);
    names.insert(std::string(reinterpret_cast<const char*>(entry + offsetof(dirent64, d_name))) + " of type " +
                 std::to_string(type));
  }
  return names;
}

}  // namespace

two_file_systems::two_file_systems(std::uint64_t seed) : random_(seed), disk_([] { return ringmill::duration(0); }) {
  disk_.set_umask(umask_now());
  real_ = ::open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY);
  disk_.open("/", O_RDONLY | O_DIRECTORY, 0, simulated_);
  for (int i = 0; i < depth; ++i) {
    ::mkdirat(real_, "deeper", 0755);
    const int next = ::openat(real_, "deeper", O_RDONLY | O_DIRECTORY);
    ::close(std::exchange(real_, next));
    disk_.make_directory({"deeper", simulated_.get()}, 0755);
    sim::memory_file_system::open_ptr below;
    disk_.open({"deeper", simulated_.get()}, O_RDONLY | O_DIRECTORY, 0, below);
    simulated_ = below;
  }
  real_watches_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (real_ < 0 || real_watches_ < 0) throw std::runtime_error("no folder to compare in");
}

two_file_systems::~two_file_systems() {
  for (const open_pair& file : files_) ::close(file.real);
  ::close(real_watches_);
  ::close(real_);
}

void two_file_systems::note(std::string call) {
  for (const std::size_t length : {256U, 255U}) {
    const std::string name(length, 'n');
    for (std::size_t at = 0; (at = call.find(name)) != std::string::npos;) {
      call.replace(at, length, "n*" + std::to_string(length));
    }
  }
  history_.push_back(std::move(call));
}

bool two_file_systems::same(std::int64_t real, std::int64_t simulated) {
  if (real >= 0) ++succeeded_;
  if (real == simulated) return true;
  const std::size_t shown = std::min<std::size_t>(history_.size(), 60);
  for (auto call = history_.end() - static_cast<std::ptrdiff_t>(shown); call != history_.end(); ++call) {
    report_ += *call + "\n";
  }
  report_ += "Linux: " + text_of(real) + ", in memory: " + text_of(simulated);
  return false;
}

bool two_file_systems::same_status(const struct ::statx& real, const struct ::statx& simulated) {
  if (!same(real.stx_mode, simulated.stx_mode)) return false;
  if (S_ISDIR(real.stx_mode)) return true;  // their size and links are a matter of the file system
  return same(static_cast<std::int64_t>(real.stx_size), static_cast<std::int64_t>(simulated.stx_size)) &&
         same(real.stx_nlink, simulated.stx_nlink);
}

/// Few names, so that they meet; now and then one that is out of the ordinary.
std::string two_file_systems::a_path() {
  static const std::string names[] = {"a", "b", "c", "d"};
  static const std::string odd[] = {".", "..", "", std::string(255, 'n'), std::string(256, 'n')};
  std::string path;
  for (std::uint64_t parts = 1 + below(3); parts > 0; --parts) {
    path += one_in(12) ? odd[below(5)] : names[below(4)];
    if (parts > 1 || one_in(12)) path += one_in(10) ? "//" : "/";
  }
  while (!path.empty() && path.front() == '/') path.erase(0, 1);
  return path;
}

std::string two_file_systems::a_target() {
  const std::string path = a_path();
  return path.find("..") == path.rfind("..") ? path : "a";  // one level up at most
}

bool two_file_systems::step() { return (one_in(8) ? watch_something() : call_something()) && same_events(); }

bool two_file_systems::call_something() {
  switch (below(10)) {
    case 0:
    case 1:
      return open_something();
    case 2:
      return close_something();
    case 3:
    case 4:
    case 5:
      return use_open_file();
    case 6:
      return rename_something();
    case 7:
      return look_at_name();
    default:
      return change_name();
  }
}

bool two_file_systems::open_something() {
  if (files_.size() == most_open) return close_something();
  static constexpr int accesses[] = {O_RDONLY, O_WRONLY, O_RDWR};
  int flags = accesses[below(3)] | O_CLOEXEC;
  if (one_in(2)) flags |= O_CREAT;
  if (one_in(5)) flags |= O_EXCL & ((flags & O_CREAT) != 0 ? ~0 : 0);
  if (one_in(5)) flags |= O_TRUNC;
  if (one_in(5)) flags |= O_APPEND;
  if (one_in(6)) flags |= O_NOFOLLOW;
  if (one_in(6) && (flags & O_CREAT) == 0) flags |= O_DIRECTORY;
  if (one_in(10)) flags |= O_PATH;
  if (one_in(15)) flags = O_TMPFILE | O_RDWR | O_CLOEXEC;
  const auto mode = static_cast<unsigned>(0600 | below(0200));
  const std::string path = a_path();
  note("open " + path + " with 0" + std::to_string(flags) + " into file " + std::to_string(files_.size()));
  open_pair made{::openat(real_, path.c_str(), flags, mode), nullptr};
  const std::int64_t real = or_errno(made.real) < 0 ? -errno : 0;
  if (real == -EOPNOTSUPP) return true;  // not every file system has O_TMPFILE
  const int simulated = disk_.open({path, simulated_.get()}, flags, mode, made.simulated);
  const bool is_same = same(real, simulated);
  if (real == 0 && simulated == 0) {
    files_.push_back(std::move(made));
  } else if (real == 0) {
    ::close(made.real);
  }
  return is_same;
}

bool two_file_systems::close_something() {
  if (files_.empty()) return true;
  const std::size_t which = below(files_.size());
  note("close file " + std::to_string(which) + ", the last one takes its place");
  ::close(files_[which].real);
  files_[which] = files_.back();
  files_.pop_back();
  return true;
}

bool two_file_systems::use_open_file() {
  if (files_.empty()) return open_something();
  const std::size_t which = below(files_.size());
  open_pair& file = files_[which];
  const std::string of = " of file " + std::to_string(which);
  switch (below(8)) {
    case 0:
    case 1:
      note("read" + of);
      return read_something(file);
    case 2:
    case 3:
    case 4:
      note("write" + of);
      return write_something(file);
    case 5: {
      const auto size = static_cast<std::int64_t>(below(30000)) - 10;
      note("truncate" + of + " to " + std::to_string(size));
      return same(or_errno(::ftruncate(file.real, size)), file.simulated->truncate(size));
    }
    case 6: {
      const int mode = one_in(2) ? FALLOC_FL_KEEP_SIZE : 0;
      const auto offset = static_cast<std::int64_t>(below(20000)) - 10;
      const auto length = static_cast<std::int64_t>(below(9000));
      note("fallocate" + of);
      const std::int64_t real = or_errno(::fallocate(file.real, mode, offset, length));
      return real == -EOPNOTSUPP || same(real, file.simulated->allocate(mode, offset, length));
    }
    default: {
      note("fstat" + of);
      struct statx real {};
      struct statx simulated {};
      if (one_in(10)) {  // seldom, since it takes long
        history_.back() += " and fsync";
        if (!same(or_errno(::fsync(file.real)), file.simulated->sync(false))) return false;
      }
      return same(or_errno(::statx(file.real, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &real)),
                  file.simulated->status(simulated)) &&
             same_status(real, simulated);
    }
  }
}

bool two_file_systems::read_something(open_pair& file) {
  std::vector<std::byte> real(below(9000));
  std::vector<std::byte> simulated(real.size());
  const std::int64_t offset = one_in(2) ? -1 : static_cast<std::int64_t>(below(30000));
  const std::int64_t got = or_errno(offset < 0 ? ::read(file.real, real.data(), real.size())
                                               : ::pread(file.real, real.data(), real.size(), offset));
  if (!same(got, file.simulated->read(simulated, offset))) return false;
  history_.back() += " at " + std::to_string(offset) + ": the bytes differ";
  return same(1, real == simulated ? 1 : 0);
}

bool two_file_systems::write_something(open_pair& file) {
  std::vector<std::byte> data(one_in(8) ? 0 : below(9000));
  for (std::byte& one : data) one = static_cast<std::byte>(below(256));
  const std::int64_t offset = one_in(2) ? -1 : static_cast<std::int64_t>(below(20000));
  history_.back() += " " + std::to_string(data.size()) + " bytes at " + std::to_string(offset);
  const std::int64_t written = or_errno(offset < 0 ? ::write(file.real, data.data(), data.size())
                                                   : ::pwrite(file.real, data.data(), data.size(), offset));
  return same(written, file.simulated->write(data, offset));
}

bool two_file_systems::change_name() {
  const std::string path = a_path();
  const char* const name = path.c_str();
  const sim::path_from place(path, simulated_.get());
  switch (below(7)) {
    case 0:
    case 1:
      note("mkdir " + path);
      return same(or_errno(::mkdirat(real_, name, 0755)), disk_.make_directory(place, 0755));
    case 2:
      note("unlink " + path);
      return same(or_errno(::unlinkat(real_, name, 0)), disk_.unlink(place, 0));
    case 3:
      note("rmdir " + path);
      return same(or_errno(::unlinkat(real_, name, AT_REMOVEDIR)), disk_.unlink(place, AT_REMOVEDIR));
    case 4: {
      const std::string target = a_target();
      note("symlink " + path + " to " + target);
      return same(or_errno(::symlinkat(target.c_str(), real_, name)), disk_.make_symlink(target, place));
    }
    case 5: {
      const std::string added = a_path();
      note("link " + path + " as " + added);
      return same(or_errno(::linkat(real_, name, real_, added.c_str(), 0)),
                  disk_.link(place, {added, simulated_.get()}));
    }
    default:
      note("mknod of a socket " + path);
      return same(or_errno(::mknodat(real_, name, S_IFSOCK | 0644, 0)), disk_.make_node(place, S_IFSOCK | 0644));
  }
}

bool two_file_systems::rename_something() {
  static constexpr unsigned kinds[] = {0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_NOREPLACE | RENAME_EXCHANGE};
  const unsigned flags = kinds[below(6)];
  const std::string from = a_path();
  const std::string to = a_path();
  note("rename " + from + " to " + to + " with " + std::to_string(flags));
  return same(or_errno(::renameat2(real_, from.c_str(), real_, to.c_str(), flags)),
              disk_.rename({from, simulated_.get()}, {to, simulated_.get()}, flags));
}

bool two_file_systems::look_at_name() {
  const std::string path = a_path();
  const sim::path_from place(path, simulated_.get());
  switch (below(3)) {
    case 0: {
      const int flags = one_in(2) ? AT_SYMLINK_NOFOLLOW : 0;
      note("stat " + path);
      struct statx real {};
      struct statx simulated {};
      return same(or_errno(::statx(real_, path.c_str(), flags, STATX_BASIC_STATS, &real)),
                  disk_.status(place, flags, simulated)) &&
             same_status(real, simulated);
    }
    case 1: {
      note("readlink " + path);
      std::array<char, 600> real{};
      std::array<char, 600> simulated{};
      // An empty path is linkat's own special case: the link that the folder itself were.
      if (path.empty()) return true;
      return same(or_errno(::readlinkat(real_, path.c_str(), real.data(), real.size())),
                  disk_.read_link(place, simulated)) &&
             same(0, std::memcmp(real.data(), simulated.data(), real.size()));
    }
    default: {
      const auto mode = static_cast<unsigned>(0700 | below(0100));
      note("chmod " + path);
      return same(or_errno(::fchmodat(real_, path.c_str(), mode, 0)), disk_.set_mode(place, mode));
    }
  }
}

bool two_file_systems::watch_something() {
  if (one_in(4)) {
    const int watch = static_cast<int>(below(40));
    note("end watch " + std::to_string(watch));
    return same(or_errno(::inotify_rm_watch(real_watches_, watch)), watches_.remove(watch));
  }
  std::string path = a_path();
  if (path.empty() || path.find("..") != std::string::npos || one_in(4)) path = ".";
  const std::uint32_t flags[] = {0, 0, 0, IN_DONT_FOLLOW, IN_ONLYDIR, IN_MASK_ADD, IN_MASK_CREATE};
  const std::uint32_t events = (one_in(6) ? 1U << below(12) : std::uint32_t{IN_ALL_EVENTS}) | flags[below(7)];
  const std::string real = "/proc/self/fd/" + std::to_string(real_) + "/" + path;
  note("watch " + path + " for " + std::to_string(events));
  return same(or_errno(::inotify_add_watch(real_watches_, real.c_str(), events)),
              watches_.add({path, simulated_.get()}, events));
}

bool two_file_systems::same_events() {
  std::vector<std::byte> real(65536);
  std::vector<std::byte> simulated(real.size());
  std::size_t ignored = 0;
  const std::string told = events_in(real, ::read(real_watches_, real.data(), real.size()), events_);
  const std::string ours = events_in(simulated, watches_.read(simulated), ignored);
  if (told == ours) return true;
  history_.back() += " is told as:\n" + told + "and in memory as:\n" + ours;
  return same(0, 1);
}

bool two_file_systems::compare_trees() {
  while (!files_.empty()) close_something();
  if (!same_folder(::open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY), "")) return false;
  std::uint64_t room = 0;
  for (const auto& [inode, bytes] : room_) room += bytes;
  note("the room that is taken");
  return same(static_cast<std::int64_t>(room), static_cast<std::int64_t>(disk_.used()));
}

bool two_file_systems::same_folder(int real, const std::string& path) {
  std::vector<std::byte> entries(32768);
  sim::memory_file_system::open_ptr simulated;
  note("list " + path);
  const int listed = ::openat(real, ".", O_RDONLY | O_DIRECTORY);
  bool is_same = same(0, disk_.open(path + "/", O_RDONLY | O_DIRECTORY, 0, simulated));
  const std::set<std::string> names = names_in(entries, ::getdents64(listed, entries.data(), entries.size()));
  ::close(listed);
  if (is_same) {
    const int size = simulated->read_directory(entries);
    is_same = same(1, names == names_in(entries, size) ? 1 : 0) && same(0, simulated->read_directory(entries));
  }
  for (auto entry = names.begin(); is_same && entry != names.end(); ++entry) {
    const std::string name = entry->substr(0, entry->rfind(" of type "));
    if (name != "." && name != "..") is_same = same_file(real, name, path + "/" + name);
  }
  ::close(real);
  return is_same;
}

bool two_file_systems::same_file(int real_folder, const std::string& name, const std::string& path) {
  struct statx real {};
  struct statx simulated {};
  note("look at " + path);
  ::statx(real_folder, name.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &real);
  if (!same(0, disk_.status(path, AT_SYMLINK_NOFOLLOW, simulated))) return false;
  if (!same_status(real, simulated)) return false;
  const auto known = inodes_.emplace(real.stx_ino, simulated.stx_ino).first;
  if (!same(static_cast<std::int64_t>(known->second), static_cast<std::int64_t>(simulated.stx_ino))) return false;
  room_[simulated.stx_ino] = simulated.stx_blocks * 512;
  if (S_ISDIR(real.stx_mode)) return same_folder(::openat(real_folder, name.c_str(), O_RDONLY | O_DIRECTORY), path);
  if (!S_ISREG(real.stx_mode)) return true;
  std::vector<std::byte> bytes(real.stx_size);
  std::vector<std::byte> others(real.stx_size);
  const int file = ::openat(real_folder, name.c_str(), O_RDONLY);
  const std::int64_t got = or_errno(::pread(file, bytes.data(), bytes.size(), 0));
  ::close(file);
  sim::memory_file_system::open_ptr opened;
  return same(0, disk_.open(path, O_RDONLY, 0, opened)) && same(got, opened->read(others, 0)) &&
         same(1, bytes == others ? 1 : 0);
}

}  // namespace support
