#include <ringmill/offload/error.hpp>

#include <string.h>
#include <sys/wait.h>

namespace ringmill {

namespace {

std::string describe_death(pid_t pid, int wait_status) {
  std::string text = "worker " + std::to_string(pid);
  if (WIFSIGNALED(wait_status)) {
    const char* name = sigabbrev_np(WTERMSIG(wait_status));
    text += name ? std::string(" died of SIG") + name : " died of signal " + std::to_string(WTERMSIG(wait_status));
  } else {
    text += " exited with status " + std::to_string(WEXITSTATUS(wait_status));
  }
  return text + " while running its task";
}

}  // namespace

worker_crashed::worker_crashed(pid_t pid, int wait_status)
    : std::runtime_error(describe_death(pid, wait_status)), pid_(pid), wait_status_(wait_status) {}

int worker_crashed::signal() const noexcept { return WIFSIGNALED(wait_status_) ? WTERMSIG(wait_status_) : 0; }
int worker_crashed::exit_status() const noexcept { return WIFEXITED(wait_status_) ? WEXITSTATUS(wait_status_) : -1; }

payload_too_large::payload_too_large(const char* which, std::size_t size, std::size_t capacity)
    : std::runtime_error(
          std::string("the ") + which + " of a task take " + std::to_string(size) + " bytes, more than the " +
          std::to_string(capacity) +
          " shared with a worker: raise pool_options::" + (which[0] == 'a' ? "input_capacity" : "output_capacity")),
      size_(size),
      capacity_(capacity) {}

}  // namespace ringmill
