// Children that could not be ended with their handle, and have no owner any more.
#pragma once

#include <ringmill/io/fd.hpp>

namespace ringmill::detail {

/// Keeps a child that runs on, by its pidfd, until it has ended and can be reaped. From any thread, as the next.
/// Without memory it will stay a zombie.
void leave_child(fd handle) noexcept;
/// Reaps those that have ended since; for whoever makes children or waits for one.
void reap_left_children() noexcept;

}  // namespace ringmill::detail
