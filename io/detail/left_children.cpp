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

/// Never destroyed: a process of static duration may end after it.
union lasting {
  constexpr lasting() noexcept : children() {}
  ~lasting() {}
  std::vector<fd> children;
};

constinit std::mutex mutex;
constinit lasting left;

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
    left.children.push_back(std::move(handle));
  } catch (const std::bad_alloc&) {
  }
}

void reap_left_children() noexcept {
  const std::lock_guard lock(mutex);
  std::erase_if(left.children, is_gone);
}

}  // namespace ringmill::detail
