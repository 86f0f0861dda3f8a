// A worker whose zygote has died: it was killed, nobody will report its death, and until then it may read what it was
// given.
#pragma once

#include <poll.h>

#include <cstdint>
#include <utility>

#include <ringmill/io/fd.hpp>
#include <ringmill/io/ops.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/offload/detail/shared_buffers.hpp>

namespace ringmill::detail {

/// Holds its buffers until its pidfd says that it is gone.
class late_reader final : private poll_op {
 public:
  late_reader(fd process, buffer_uses uses)
      : poll_op(process.number(), POLLIN), process_(std::move(process)), uses_(std::move(uses)) {
    start_in_background();
  }
  ~late_reader() override {
    if (is_in_flight()) owner().cancel_and_wait(*this);
  }
  bool is_gone() const noexcept { return !is_in_flight(); }

 private:
  /// Touches nothing of the pool but its buffers, so it may come while that is deaf.
  void completed(std::int32_t, std::uint32_t, bool) noexcept override { uses_.clear(); }

  fd process_;
  buffer_uses uses_;
};

}  // namespace ringmill::detail
