#include <ringmill/io/sim/detail/object.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <ringmill/io/sim/detail/sim_kernel.hpp>

namespace ringmill::sim::detail {

transfer::transfer(std::span<const iovec> parts, int flags) noexcept : parts_(parts), flags_(flags) {
  for (const iovec& part : parts) size_ += part.iov_len;
}

void transfer::allow_message(const msghdr& message) noexcept {
  constexpr std::size_t header = CMSG_LEN(0);
  const std::size_t room = message.msg_controllen;
  wants_message = true;
  most_descriptors = message.msg_control && room > header ? (room - header) / sizeof(int) : 0;
}

void transfer::put(std::size_t at, std::span<const std::byte> bytes) const noexcept {
  at += skipped_;
  for (const iovec& part : parts_) {
    if (bytes.empty()) return;
    if (at >= part.iov_len) {
      at -= part.iov_len;
      continue;
    }
    const std::size_t count = std::min(part.iov_len - at, bytes.size());
    std::memcpy(static_cast<std::byte*>(part.iov_base) + at, bytes.data(), count);
    bytes = bytes.subspan(count);
    at = 0;
  }
}

std::vector<std::byte> transfer::get(std::size_t count) const {
  std::vector<std::byte> bytes;
  bytes.reserve(count);
  std::size_t at = skipped_;
  for (const iovec& part : parts_) {
    if (bytes.size() == count) break;
    if (at >= part.iov_len) {
      at -= part.iov_len;
      continue;
    }
    const std::size_t here = std::min(part.iov_len - at, count - bytes.size());
    const auto* const start = static_cast<const std::byte*>(part.iov_base) + at;
    bytes.insert(bytes.end(), start, start + here);
    at = 0;
  }
  return bytes;
}

int object::receive(transfer&) { return -EINVAL; }
int object::send(transfer&) { return -EINVAL; }
int object::accept(std::shared_ptr<object>&) { return -EOPNOTSUPP; }
int object::connect(const socket_name&, bool) { return -EOPNOTSUPP; }
int object::bind(const socket_name&) { return -ENOTSOCK; }
int object::listen(int) { return -ENOTSOCK; }
int object::shutdown(int) { return -ENOTSOCK; }
int object::set_option(int, int, std::span<const std::byte>) { return -ENOTSOCK; }
int object::get_option(int, int, std::span<std::byte>, socklen_t&) { return -ENOTSOCK; }
int object::local_name(socket_name&) const { return -ENOTSOCK; }
int object::peer_name(socket_name&) const { return -ENOTSOCK; }

void object::changed() {
  if (!waiters_.empty()) owner_.try_again(std::exchange(waiters_, {}));
}

}  // namespace ringmill::sim::detail
