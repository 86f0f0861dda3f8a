// The simulated kernel's calls and operations on files: names and open files of its machine's disk, and pipes.
//
// Deliberately not here: what the disk answers (io/sim/memory_file_system.hpp), and reads and writes, which are those
// of any object (disk_file.hpp).
#pragma once

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>

#include <ringmill/io/kernel_calls.hpp>
#include <ringmill/io/sim/detail/object.hpp>
#include <ringmill/io/sim/memory_file_system.hpp>

struct io_uring_sqe;

namespace ringmill::sim::detail {

class sim_kernel;

class sim_files final : public file_calls {
 public:
  sim_files(sim_kernel& owner, std::shared_ptr<memory_file_system> disk) noexcept;

  int pipe(int* ends) override;
  int pipe_capacity(int pipe, int wanted) override;

  int open(int directory, const char* path, int flags) override;
  int unlink(int directory, const char* path, int flags) override;
  int read_directory(int directory, void* entries, std::size_t size) override;
  int status(const char* path, int flags, struct ::statx& found) override;
  int truncate(int fd, std::int64_t size) override;
  /// Its ring knows a write without SIGPIPE.
  int write_at_once(int, const void*, std::size_t) override { return -EOPNOTSUPP; }
  int set_mode(int fd, unsigned mode) override;
  int set_mode(const char* path, unsigned mode) override;

  int make_watch() override;
  int add_watch(int fd, const char* path, std::uint32_t events) override;
  int remove_watch(int fd, int watch) override;

  memory_file_system& disk() noexcept { return *disk_; }

  // The files that Unix sockets have.

  int make_socket_file(const std::string& path, std::uint64_t& inode);
  int find_socket_file(const std::string& path, std::uint64_t& inode);

  // Operations.

  /// By path: on no descriptor, or on that of a directory, which is looked for when the operation is tried.
  static bool is_on_path(unsigned opcode) noexcept;
  /// On an open file, beside reads and writes.
  static bool is_on_file(unsigned opcode) noexcept;
  /// One of `is_on_path`.
  int perform(const io_uring_sqe& entry);
  /// One of `is_on_file`.
  static int perform(const io_uring_sqe& entry, object& target);

 private:
  int open(int directory, const char* path, int flags, unsigned mode);
  int status(int directory, const char* path, int flags, struct ::statx& found);
  int rename(const io_uring_sqe& entry);
  int link(const io_uring_sqe& entry);

  sim_kernel& owner_;
  std::shared_ptr<memory_file_system> disk_;
};

}  // namespace ringmill::sim::detail
