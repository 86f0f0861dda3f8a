// For figures that depend on what the process did before: memory that was freed is not given back to the system.
#pragma once

#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <stdexcept>

namespace bench {

/// What `function()` gives in a copy of this process: something that can be copied byte by byte.
template <class Function>
auto in_fresh_process(Function&& function) {
  decltype(function()) result{};
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("pipe failed");
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    malloc_trim(0);  // or what was freed before would be used again, and not be seen as growth
    try {
      result = function();
    } catch (const std::exception& error) {  // and not on into the rest of the program, which the parent runs
      std::fprintf(stderr, "%s\n", error.what());
      _exit(1);
    }
    _exit(write(ends[1], &result, sizeof result) == sizeof result ? 0 : 1);
  }
  close(ends[1]);
  const bool complete = read(ends[0], &result, sizeof result) == sizeof result;
  close(ends[0]);
  waitpid(child, nullptr, 0);
  if (!complete)
    throw std::runtime_error("a process that was measured ended without a result: is there enough memory?");
  return result;
}

/// Memory of this process that is in RAM. Exact to the page. /proc/self/statm was wrong by 80 KiB: the kernel counts on
/// each core by itself, and adds up later.
inline double resident_bytes() {
  unsigned long kilobytes = 0;
  std::FILE* const file = std::fopen("/proc/self/smaps_rollup", "r");
  // A line about the whole, then "Rss:    1234 kB".
  if (!file || std::fscanf(file, "%*[^\n] Rss: %lu kB", &kilobytes) != 1) {
    throw std::runtime_error("no Rss in /proc/self/smaps_rollup");
  }
  std::fclose(file);
  return static_cast<double>(kilobytes) * 1024;
}

}  // namespace bench
