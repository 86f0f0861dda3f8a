#include "http_load/process_cpu.hpp"

#include <time.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace http_load {

namespace {

/// clock_getcpuclockid(3): unlike /proc/PID/stat, which counts in hundredths of a second.
std::optional<std::uint64_t> nanoseconds_of(pid_t process) noexcept {
  clockid_t clock{};
  timespec used{};
  if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &used) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(used.tv_nsec);
}

/// proc_pid_stat(5): the fourth field, behind a name in brackets that may hold anything.
std::optional<pid_t> parent_of(const std::filesystem::path& directory) {
  std::ifstream file(directory / "stat");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::size_t name_end = text.rfind(") ");
  if (name_end == text.npos || name_end + 4 >= text.size()) return std::nullopt;
  pid_t parent = 0;
  const char* const begin = text.data() + name_end + 4;  // the state is one letter
  if (std::from_chars(begin, text.data() + text.size(), parent).ec != std::errc()) return std::nullopt;
  return parent;
}

std::multimap<pid_t, pid_t> children_by_parent() {
  std::multimap<pid_t, pid_t> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    pid_t process = 0;
    const auto [rest, error] = std::from_chars(name.data(), name.data() + name.size(), process);
    if (error != std::errc() || *rest != '\0') continue;
    if (const auto parent = parent_of(entry.path())) all.emplace(*parent, process);
  }
  return all;
}

}  // namespace

std::optional<process_cpu> process_cpu::of(pid_t root) {
  if (!nanoseconds_of(root)) return std::nullopt;
  const std::multimap<pid_t, pid_t> children = children_by_parent();
  process_cpu found;
  std::vector<pid_t> to_visit{root};
  while (!to_visit.empty()) {
    const pid_t process = to_visit.back();
    to_visit.pop_back();
    if (const auto used = nanoseconds_of(process)) found.nanoseconds_[process] = *used;
    const auto [begin, end] = children.equal_range(process);
    for (auto child = begin; child != end; ++child) to_visit.push_back(child->second);
  }
  return found;
}

double process_cpu::seconds_since(const process_cpu& before) const noexcept {
  std::uint64_t sum = 0;
  for (const auto& [process, used] : nanoseconds_) {
    const auto earlier = before.nanoseconds_.find(process);
    sum += used - (earlier == before.nanoseconds_.end() ? 0 : earlier->second);
  }
  return static_cast<double>(sum) / 1e9;
}

double own_cpu_seconds() noexcept {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

}  // namespace http_load
