#include <ringmill/offload/error.hpp>

#include <string.h>
#include <sys/wait.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace ringmill {

namespace {

std::string describe_death(pid_t pid, int wait_status, const std::string& output, bool quarantined) {
  std::string text;
  if (quarantined) text = "not run, since it was at its worker's death more than once; last time ";
  text += "worker " + std::to_string(pid);
  if (WIFSIGNALED(wait_status)) {
    const char* name = sigabbrev_np(WTERMSIG(wait_status));
    text += name ? std::string(" died of SIG") + name : " died of signal " + std::to_string(WTERMSIG(wait_status));
  } else {
    text += " exited with status " + std::to_string(WEXITSTATUS(wait_status));
  }
  text += " while running its task";
  // Its last words are most likely about this.
  const std::size_t end = output.find_last_not_of('\n');
  if (end == std::string::npos) return text;
  const std::size_t before = output.rfind('\n', end);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  return text + ", having said: " + output.substr(begin, std::min<std::size_t>(end + 1 - begin, 200));
}

std::string describe_excess(std::string_view what, std::size_t size, std::size_t capacity) {
  const char* option = what == "arguments" ? "input_capacity"
                       : what == "results" ? "output_capacity"
                                           : "buffer_capacity";
  const std::string whose =
      what == "buffer" ? "a buffer of a pool takes " : "the " + std::string(what) + " of a task take ";
  return whose + std::to_string(size) + " bytes, more than the " + std::to_string(capacity) +
         " shared with a worker: raise pool_options::" + option;
}

}  // namespace

worker_crashed::worker_crashed(pid_t pid, int wait_status, const process_usage& usage, std::string output,
                               bool quarantined)
    : std::runtime_error(describe_death(pid, wait_status, output, quarantined)),
      pid_(pid),
      wait_status_(wait_status),
      usage_(usage),
      output_(std::move(output)),
      quarantined_(quarantined) {}

deadline_exceeded::deadline_exceeded(bool was_running)
    : timeout_error(was_running ? "a task ran longer than its run_timeout: its worker was killed"
                                : "a task waited for a worker longer than its queue_timeout"),
      was_running_(was_running) {}

int worker_crashed::signal() const noexcept { return WIFSIGNALED(wait_status_) ? WTERMSIG(wait_status_) : 0; }
int worker_crashed::exit_status() const noexcept { return WIFEXITED(wait_status_) ? WEXITSTATUS(wait_status_) : -1; }

circuit_open::circuit_open(std::size_t deaths, std::chrono::nanoseconds retry_after, worker_crashed last)
    : pool_unavailable("not run, since its function was at the death of " + std::to_string(deaths) +
                       " workers; the last time " + last.what()),
      retry_after_(retry_after),
      last_(std::move(last)) {}

payload_too_large::payload_too_large(const char* which, std::size_t size, std::size_t capacity)
    : std::runtime_error(describe_excess(which, size, capacity)), size_(size), capacity_(capacity) {}

}  // namespace ringmill
