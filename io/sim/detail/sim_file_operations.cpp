// What submission entries on files mean, as io_uring_enter(2) and the calls of the same names have it.
#include <fcntl.h>
#include <sys/stat.h>

#include <liburing.h>

#include <ringmill/io/detail/opcodes.hpp>
#include <ringmill/io/sim/detail/disk_file.hpp>
#include <ringmill/io/sim/detail/file_start.hpp>
#include <ringmill/io/sim/detail/sim_files.hpp>
#include <ringmill/io/sim/detail/sim_kernel.hpp>

namespace ringmill::sim::detail {

namespace {

template <class Type>
Type* pointer(__u64 address) noexcept {
  return reinterpret_cast<Type*>(static_cast<std::uintptr_t>(address));
}

int allocate(const io_uring_sqe& entry, const object& target) {
  const auto offset = static_cast<std::int64_t>(entry.off);
  const auto length = static_cast<std::int64_t>(entry.addr);
  if (const auto* const file = dynamic_cast<const disk_file*>(&target)) {
    return file->opened().allocate(static_cast<int>(entry.len), offset, length);
  }
  if (offset < 0 || length <= 0) return -EINVAL;
  return S_ISFIFO(target.mode()) ? -ESPIPE : -ENODEV;
}

}  // namespace

bool sim_files::is_on_path(unsigned opcode) noexcept {
  switch (opcode) {
    case IORING_OP_OPENAT:
    case IORING_OP_STATX:
    case IORING_OP_RENAMEAT:
    case IORING_OP_UNLINKAT:
    case IORING_OP_MKDIRAT:
    case IORING_OP_SYMLINKAT:
    case IORING_OP_LINKAT:
      return true;
    default:
      return false;
  }
}

bool sim_files::is_on_file(unsigned opcode) noexcept {
  return opcode == IORING_OP_FSYNC || opcode == IORING_OP_FALLOCATE || opcode == ringmill::detail::opcode_ftruncate;
}

int sim_files::perform(const io_uring_sqe& entry) {
  const auto* const path = pointer<const char>(entry.addr);
  switch (entry.opcode) {
    case IORING_OP_OPENAT:
      if (owner_.around().happens(fault::no_descriptor, owner_.host())) return -EMFILE;
      return open(entry.fd, path, static_cast<int>(entry.open_flags), entry.len);
    case IORING_OP_STATX:
      return status(entry.fd, path, static_cast<int>(entry.statx_flags), *pointer<struct ::statx>(entry.addr2));
    case IORING_OP_RENAMEAT:
      return rename(entry);
    case IORING_OP_UNLINKAT:
      return unlink(entry.fd, path, static_cast<int>(entry.unlink_flags));
    case IORING_OP_LINKAT:
      return link(entry);
    case IORING_OP_MKDIRAT: {
      const file_start from(owner_, entry.fd, path);
      return from.error() < 0 ? from.error() : disk_->make_directory(from.where(), entry.len);
    }
    case IORING_OP_SYMLINKAT: {
      const file_start from(owner_, entry.fd, pointer<const char>(entry.addr2));
      return from.error() < 0 ? from.error() : disk_->make_symlink(path, from.where());
    }
    default:
      return -EINVAL;
  }
}

int sim_files::rename(const io_uring_sqe& entry) {
  const file_start from(owner_, entry.fd, pointer<const char>(entry.addr));
  const file_start to(owner_, static_cast<int>(entry.len), pointer<const char>(entry.addr2));
  if (from.error() < 0) return from.error();
  if (to.error() < 0) return to.error();
  return disk_->rename(from.where(), to.where(), entry.rename_flags);
}

int sim_files::link(const io_uring_sqe& entry) {
  const file_start existing(owner_, entry.fd, pointer<const char>(entry.addr));
  const file_start added(owner_, static_cast<int>(entry.len), pointer<const char>(entry.addr2));
  if (existing.error() < 0) return existing.error();
  if (added.error() < 0) return added.error();
  if (entry.hardlink_flags != 0) return -EINVAL;  // neither follows links nor is for files without a name
  return disk_->link(existing.where(), added.where());
}

int sim_files::perform(const io_uring_sqe& entry, object& target) {
  if (entry.opcode == IORING_OP_FALLOCATE) return allocate(entry, target);
  auto* const file = dynamic_cast<disk_file*>(&target);
  if (!file) return -EINVAL;
  if (entry.opcode == IORING_OP_FSYNC) return file->opened().sync((entry.fsync_flags & IORING_FSYNC_DATASYNC) != 0);
  return file->opened().truncate(static_cast<std::int64_t>(entry.off));
}

}  // namespace ringmill::sim::detail
