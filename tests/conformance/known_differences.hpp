// Where a simulated kernel is known to answer otherwise than Linux. Each entry is a debt: the scenario runs on Linux
// only, says so, and is to be enabled again when the simulated kernel has learned it.
#pragma once

#include <array>
#include <string_view>

namespace conformance {

class known_difference {
 public:
  constexpr known_difference(std::string_view in, std::string_view what) noexcept : scenario(in), simulated(what) {}
  std::string_view scenario;
  std::string_view simulated;  ///< what it does there
};

inline constexpr std::array known_differences = {
    known_difference("accept: it waits on a non-blocking listener as well", "EAGAIN"),
    known_difference("accept: the backlog holds one more than was said, and a full one is no error for a Unix client",
                     "EINPROGRESS for a non-blocking client"),
    known_difference("accept: neither a connected socket nor one of datagrams can listen", "ENOTSOCK for datagrams"),
    known_difference("buffers: the number of entries is a power of two", "any number is taken"),
    known_difference("cancel: of all with one number, and how many there were", "no IORING_ASYNC_CANCEL_ALL"),
    known_difference("cancel: by descriptor, one or all", "no IORING_ASYNC_CANCEL_FD"),
    known_difference("flags: a TCP receive of no bytes waits for the first one, and leaves it", "it does not wait"),
    known_difference("flags: a receive waits on a non-blocking socket as well", "EAGAIN"),
    known_difference("flags: there are no urgent bytes on a socket that has none", "EAGAIN"),
    known_difference("socket: families, kinds and protocols that there are not", "protocols are not looked at"),
    known_difference("socket: it knows what it is", "SO_PROTOCOL is 0"),
    known_difference("bind: a length that is too short", "it is not looked at"),
    known_difference("options: what is set can be read", "a flag of 5 is not 1"),
    known_difference("options: those that there are not, and values that make no sense", "any are taken"),
    known_difference("half close: an unknown direction is refused", "it is taken"),
    known_difference("unix datagram: neither listens nor accepts", "ENOTSOCK for listen"),
};

}  // namespace conformance
