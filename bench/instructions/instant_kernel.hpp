// A kernel behind the seam that does everything at once: what is sent is gone, what is received is there, and whoever
// connects is accepted. What a server does on it is the server alone, and the same each time.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "../../tests/support/forwarding_kernel.hpp"

namespace bench {

class instant_kernel final : public support::forwarding_kernel {
 public:
  /// Accepts `connections`; `message` comes `messages` times, in answer to receives of whichever socket, then the end
  /// of every stream.
  instant_kernel(std::size_t connections, std::string_view message, std::size_t messages);

  const ringmill::ring_arrays& arrays() const noexcept override { return arrays_; }
  ringmill::time_point now() noexcept override { return ringmill::time_point(std::chrono::hours(1)); }
  ringmill::duration wall_clock() noexcept override { return std::chrono::hours(24); }
  int enter(unsigned to_submit, bool wait, std::optional<ringmill::duration> timeout) override;

 private:
  void answer(const io_uring_sqe& asked);
  int receive(const io_uring_sqe& asked) noexcept;
  void cancel(const io_uring_sqe& asked);
  void complete(std::uint64_t user_data, int result) noexcept;

  std::size_t to_accept_;
  std::string_view message_;
  std::size_t messages_;
  std::vector<std::uint64_t> waiting_;  ///< user_data of what never completes by itself
  std::vector<io_uring_sqe> sqes_;
  std::vector<io_uring_cqe> cqes_;
  unsigned sq_head_ = 0, sq_tail_ = 0, sq_flags_ = 0, cq_head_ = 0, cq_tail_ = 0;
  ringmill::ring_arrays arrays_;
};

}  // namespace bench
