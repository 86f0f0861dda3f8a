// The zygote: this program started a second time, single-threaded, which does nothing but fork workers and reap them.
//
// The host is never forked: that would stop its loop for 17 ms per GiB of memory, and copy locks that other threads
// hold.
#pragma once

namespace ringmill::detail {

/// This program.
inline constexpr const char* zygote_program = "/proc/self/exe";
/// The descriptor of the zygote's socket, which it gets as its standard input.
inline constexpr int zygote_socket = 3;
/// argv[0] and argv[1] of the zygote; argv[2] is the host's pid. `ps` shows the first.
inline constexpr const char* zygote_name = "ringmill-zygote";
inline constexpr const char* worker_name = "ringmill-worker";  // as long as the other: it is written over it
inline constexpr const char* zygote_marker = "--ringmill-zygote";

/// Serves the socket until the host hangs up or dies. `arguments` as main() got them.
[[noreturn]] void zygote_main(char** arguments) noexcept;

}  // namespace ringmill::detail
