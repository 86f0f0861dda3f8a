#include <ringmill/io/fd.hpp>

#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <ringmill/io/ring.hpp>

namespace ringmill {

void fd::take(fd& other) noexcept {
  RINGMILL_CHECK(other.in_flight_ == 0, "a handle was moved while an operation on it is in flight");
  number_ = std::exchange(other.number_, -1);
  loop_id_ = std::exchange(other.loop_id_, 0);
}

int fd::release() noexcept {
  RINGMILL_CHECK(in_flight_ == 0, "a descriptor was given away while an operation on it is in flight");
  loop_id_ = 0;
  return std::exchange(number_, -1);
}

void fd::begin(std::uint16_t loop_id) {
  if (number_ < 0) {
    throw std::system_error(EBADF, std::generic_category(), "the handle was closed before the operation on it began");
  }
  if (loop_id_ == 0) loop_id_ = loop_id;
  if (loop_id_ != loop_id) throw std::logic_error("a handle was used on another loop than the one it belongs to");
  if (closing_) throw std::logic_error("an operation was started on a handle that is being closed");
  constexpr unsigned most = (1U << 15) - 1;
  if (in_flight_ == most) throw std::logic_error("32767 operations are in flight on one handle");
  ++in_flight_;
}

void fd::end_in_flight() noexcept {
  if (in_flight_ == 0) return;
  RINGMILL_CHECK(loop_id_ == detail::this_thread.loop_id && ring::current_backend(),
                 "a handle was closed outside of its loop while an operation on it is in flight");
  closing_ = true;
  ring::current().end_all_on(*this);
  closing_ = false;
}

void fd::reset(int number) noexcept {
  end_in_flight();
  loop_id_ = 0;
  const int old = std::exchange(number_, number);
  if (old < 0) return;
  if (kernel* behind = ring::current_backend()) {
    behind->close(old);
    ring::current().descriptor_was_closed();
  } else {
    ::close(old);
  }
}

}  // namespace ringmill
