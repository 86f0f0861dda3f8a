#include <ringmill/io/detail/left_children.hpp>

#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace ringmill::detail {

namespace {

constinit std::mutex mutex;
std::vector<fd> left;

bool is_gone(const fd& child) noexcept {
  siginfo_t ended{};
  const int result =
      waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(child.number()), &ended, WEXITED | WNOHANG);
  return result == 0 ? ended.si_pid != 0 : errno == ECHILD;
}

}  // namespace

void leave_child(fd handle) noexcept {
  const std::lock_guard lock(mutex);
  try {
    left.push_back(std::move(handle));
  } catch (const std::bad_alloc&) {
  }
}

void reap_left_children() noexcept {
  const std::lock_guard lock(mutex);
  std::erase_if(left, is_gone);
}

}  // namespace ringmill::detail
