// The descriptor that inotify_init(2) gives.
#pragma once

#include <poll.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <ringmill/io/sim/detail/environment.hpp>
#include <ringmill/io/sim/detail/file_watches.hpp>
#include <ringmill/io/sim/detail/object.hpp>
#include <ringmill/io/sim/detail/sim_kernel.hpp>

namespace ringmill::sim::detail {

class watch_queue final : public object {
 public:
  watch_queue(sim_kernel& owner, std::shared_ptr<memory_file_system> disk)
      : object(owner), disk_(std::move(disk)), watches_(*disk_) {
    watches_.when_heard([this] { changed(); });
    watches_.set_losses([this] { return this->owner().around().happens(fault::watch_overflow, this->owner().host()); });
  }

  file_watches& watches() noexcept { return watches_; }

  unsigned ready() const noexcept override { return watches_.has_events() ? POLLIN | POLLRDNORM : 0U; }
  int receive(transfer& into) override {
    if (!watches_.has_events()) return would_block;
    constexpr std::size_t most_at_once = 65'536;
    std::vector<std::byte> bytes(std::min(into.size(), most_at_once));
    const std::int64_t result = watches_.read(bytes);
    if (result > 0) into.put(0, std::span(bytes).first(static_cast<std::size_t>(result)));
    return static_cast<int>(result);
  }

 private:
  std::shared_ptr<memory_file_system> disk_;
  file_watches watches_;
};

}  // namespace ringmill::sim::detail
