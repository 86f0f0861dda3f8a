// How what a kernel answers is written into a transcript.
#pragma once

#include <string>

#include <ringmill/io/address.hpp>
#include <ringmill/io/unix_address.hpp>

namespace conformance {

/// "-ECONNRESET" is "ECONNRESET"; anything else its number.
std::string answer_text(int result);
/// Of poll(2): "IN|HUP".
std::string events_text(unsigned events);
/// The one of the two that `family` says. A port is "port" if it is not 0, a local address only said to be one of its
/// kind.
std::string address_text(int family, const ringmill::address& internet, const ringmill::unix_address& local);
/// "SO_ERROR"; "option" for one without a name here.
const char* option_name(int level, int option);

}  // namespace conformance
