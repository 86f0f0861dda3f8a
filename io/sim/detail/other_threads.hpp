// There are no threads in a simulation; but a program that has one may be waiting for it in a simulated kernel.
#pragma once

#include <atomic>

namespace ringmill::sim::detail {

/// Before a kernel says that nothing can happen any more: waits, in real time and for a second at most, until another
/// thread has woken it. Did one?
bool wait_for_another_thread(const std::atomic<unsigned>& wakes) noexcept;

}  // namespace ringmill::sim::detail
