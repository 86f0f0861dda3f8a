#include <ringmill/offload/worker_buffers.hpp>

#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <span>
#include <system_error>

#include <ringmill/offload/channel.hpp>
#include <ringmill/offload/codec.hpp>

namespace ringmill::detail {

namespace {
/// Never unmapped: a worker has no orderly end.
std::span<const std::byte> all_buffers;
}  // namespace

void map_buffers(int memory) {
  struct stat about {};
  if (fstat(memory, &about) < 0) {
    throw std::system_error(errno, std::generic_category(), "fstat of the pool's buffers");
  }
  static mapping here;
  here = mapping(memory, static_cast<std::size_t>(about.st_size), false);
  all_buffers = {here.data(), here.size()};
}

std::span<const std::byte> mapped_buffers() noexcept { return all_buffers; }

std::span<const std::byte> buffer_bytes(std::uint64_t offset, std::uint64_t count, std::size_t element_size) {
  const std::span<const std::byte> all = buffers_of_worker();
  if (offset > all.size() || count > (all.size() - offset) / element_size) {
    throw protocol_error("a view refers to a pool's buffers, and does not lie in them");
  }
  return all.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(count) * element_size);
}

}  // namespace ringmill::detail
