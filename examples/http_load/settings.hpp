// What a load is asked to be.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <ringmill/ringmill.hpp>

namespace http_load {

class settings {
 public:
  ringmill::address server;
  std::string host;    ///< for the field Host; empty for echo
  std::string target;  ///< of the requests; empty for echo
  std::size_t connections = 64;
  double duration = 10;                   ///< seconds
  double warmup = 0.5;                    ///< seconds
  double timeout = 10;                    ///< seconds
  std::optional<double> rate;             ///< requests a second of all connections together: an open loop
  std::size_t pipeline = 1;               ///< requests sent at once on a connection
  std::optional<std::size_t> echo_bytes;  ///< not HTTP: that many bytes, which come back
  std::optional<std::uint64_t> requests;  ///< end after that many
  std::optional<pid_t> server_process;
  bool json = false;
};

/// From the command line; ends the program, with 2, after saying what is wrong with it.
settings parse_settings(int argc, char** argv);

}  // namespace http_load
