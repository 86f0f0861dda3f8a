// How a Unix socket is bound to its address.
#pragma once

#include <optional>

#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// A path is a file, which outlives its process unless somebody removes it, and while it is there nobody can bind to
/// it: std::errc::address_in_use. Who removes it is said here; abstract names have no such file.
class unix_bind_options {
 public:
  unix_bind_options() noexcept {}

  /// Removes the file of a socket that nobody is behind any more, left by a process that was killed. Tried with a
  /// connect: one that is answered for stays, and its listener sees a client that is gone at once; what is no socket
  /// stays, too. Off by default. Two processes that do it at the same moment can take the address from each other:
  /// those hold a lock (flock(2)) on a file beside it.
  unix_bind_options& remove_stale_file(bool on = true) noexcept { return remove_stale_file_ = on, *this; }
  /// Leaves the file behind when the socket is closed. Else it is removed then, if there still is the very file that
  /// was made.
  unix_bind_options& keep_file(bool on = true) noexcept { return keep_file_ = on, *this; }
  /// The file's permissions, whatever the umask says. To connect to it or to send takes the right to write.
  unix_bind_options& mode(unsigned permissions) noexcept { return mode_ = permissions, *this; }
  /// Of a listener: connections that wait to be accepted; 4096 by default, capped by net.core.somaxconn. Who comes then
  /// waits in its connect.
  unix_bind_options& backlog(int connections) noexcept { return backlog_ = connections, *this; }

  bool remove_stale_file() const noexcept { return remove_stale_file_; }
  bool keep_file() const noexcept { return keep_file_; }
  std::optional<unsigned> mode() const noexcept { return mode_; }
  int backlog() const noexcept { return backlog_; }

 private:
  bool remove_stale_file_ = false;
  bool keep_file_ = false;
  std::optional<unsigned> mode_;
  int backlog_ = 4096;
};

}  // namespace ringmill
