// Closed-loop load on a server: each connection sends, waits for the answer, and sends again. On raw io_uring, so that
// one core of it keeps one core of any server busy.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace bench {

struct load_figures {
  double requests;        ///< a second
  double server_cpu;      ///< microseconds of the server's CPU for each
  double server_busy;     ///< of one core
  double generator_busy;  ///< of one core
};

/// Had the server its core for itself? It is the slower side, so then it was busy nearly all the time; if it was not,
/// the generator's core did something else.
inline bool is_undisturbed(const load_figures& figures) { return figures.server_busy >= 0.85; }

/// `connections` to 127.0.0.1:`port`, each with one message of `bytes` under way at a time, for `seconds` after a short
/// warm-up. Throws std::runtime_error if the server does not answer as an echo does.
load_figures drive_echo(std::uint16_t port, pid_t server, std::size_t connections, std::size_t bytes, double seconds);

/// Connects and resets, sixteen at a time.
load_figures drive_accepts(std::uint16_t port, pid_t server, double seconds);

/// Microseconds of CPU that a process has used.
double cpu_of(pid_t process);

}  // namespace bench
