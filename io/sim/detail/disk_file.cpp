#include <ringmill/io/sim/detail/disk_file.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <vector>

#include <ringmill/io/sim/detail/environment.hpp>
#include <ringmill/io/sim/detail/sim_kernel.hpp>

namespace ringmill::sim::detail {

namespace {

/// A fault: a part of it only.
void maybe_shorten(transfer& what, fault kind, const sim_kernel& owner) {
  environment& around = owner.around();
  if (what.size() < 2 || !around.happens(kind, owner.host())) return;
  what.limit(1 + around.random.below(what.size() - 1));
}

}  // namespace

int disk_file::receive(transfer& into) {
  maybe_shorten(into, fault::short_disk_read, owner());
  struct ::statx found {};
  opened_->status(found);
  // A program may ask for far more than there is.
  std::vector<std::byte> bytes(static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), found.stx_size)));
  const std::int64_t result = opened_->read(bytes, into.offset);
  if (result > 0) into.put(0, std::span(bytes).first(static_cast<std::size_t>(result)));
  return static_cast<int>(result);
}

int disk_file::send(transfer& from) {
  maybe_shorten(from, fault::short_disk_write, owner());
  return static_cast<int>(opened_->write(from.get(from.size()), from.offset));
}

}  // namespace ringmill::sim::detail
