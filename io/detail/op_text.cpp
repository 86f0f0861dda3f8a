#include <ringmill/io/detail/op_text.hpp>

#include <ringmill/io/address.hpp>
#include <ringmill/io/ring.hpp>

namespace ringmill::detail {

std::string on_descriptor(const char* what, int descriptor) {
  return std::string(what) + " on fd " + std::to_string(descriptor);
}

std::string on_socket(const char* what, int socket) {
  std::string text = on_descriptor(what, socket);
  kernel* const backend = ring::current_backend();
  address peer;
  socklen_t length = address::capacity();
  if (!backend || backend->peer_address(socket, peer.data(), &length) < 0) return text;
  const bool is_ip = peer.data()->sa_family == AF_INET || peer.data()->sa_family == AF_INET6;
  return is_ip ? text + ", peer " + peer.to_string() : text;
}

}  // namespace ringmill::detail
