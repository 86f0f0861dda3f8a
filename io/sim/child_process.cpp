#include <ringmill/io/sim/child_process.hpp>

#include <signal.h>

#include <algorithm>
#include <utility>

#include <ringmill/io/sim/detail/environment.hpp>
#include <ringmill/io/sim/detail/process.hpp>

namespace ringmill::sim {

int child_process::id() const noexcept { return process_.id(); }
const std::vector<std::string>& child_process::arguments() const noexcept { return process_.setup().arguments; }

std::optional<std::string> child_process::environment(std::string_view name) const {
  std::optional<std::string> found;
  for (const auto& [each, value] : process_.setup().environment) {
    if (each == name) found = value;
  }
  return found;
}

std::size_t child_process::read(std::span<std::byte> into) {
  if (read_ahead_.empty()) return process_.read(process_.setup().streams[0].get(), into);
  const std::size_t count = std::min(into.size(), read_ahead_.size());
  std::copy_n(std::as_bytes(std::span(read_ahead_)).begin(), count, into.begin());
  read_ahead_.erase(0, count);
  return count;
}

std::string child_process::read(std::size_t most) {
  std::string text(most, '\0');
  text.resize(read(std::as_writable_bytes(std::span(text))));
  return text;
}

std::optional<std::string> child_process::read_line() {
  for (;;) {
    const std::size_t end = read_ahead_.find('\n');
    if (end != std::string::npos) {
      std::string line = read_ahead_.substr(0, end);
      read_ahead_.erase(0, end + 1);
      return line;
    }
    std::string more(4096, '\0');
    more.resize(process_.read(process_.setup().streams[0].get(), std::as_writable_bytes(std::span(more))));
    if (more.empty() && read_ahead_.empty()) return std::nullopt;
    if (more.empty()) return std::exchange(read_ahead_, {});
    read_ahead_ += more;
  }
}

void child_process::write(std::string_view text) {
  process_.write(process_.setup().streams[1].get(), std::as_bytes(std::span(text)));
}
void child_process::write_error(std::string_view text) {
  process_.write(process_.setup().streams[2].get(), std::as_bytes(std::span(text)));
}
void child_process::close_output() noexcept { process_.close_stream(1); }

void child_process::sleep(duration length) { process_.sleep(length); }
void child_process::exit(int code) { process_.exit(detail::process_end::exited(code)); }
void child_process::die_of(int signal) { process_.exit(detail::process_end::killed(signal)); }

void child_process::ignore_signal(int number) { process_.ignore_signal(number); }
void child_process::handle_signal(int number) { process_.handle_signal(number); }

int child_process::wait_for_signal(duration most) {
  const time_point deadline = saturating_add(process_.around().now(), most);
  process_.step();
  for (;;) {
    if (const int number = process_.take_signal()) return number;
    if (process_.around().now() >= deadline) return 0;
    process_.park_until(deadline);
  }
}

}  // namespace ringmill::sim
