// The simulated kernel's control calls, and its descriptors.
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <utility>

#include <ringmill/io/sim/detail/datagram_socket.hpp>
#include <ringmill/io/sim/detail/packet_socket.hpp>
#include <ringmill/io/sim/detail/pipe.hpp>
#include <ringmill/io/sim/detail/sim_kernel.hpp>
#include <ringmill/io/sim/detail/stream_socket.hpp>

namespace ringmill::sim::detail {

namespace {

constexpr std::size_t most_descriptors = 20'000;
constexpr int type_mask = 0xf;
constexpr unsigned most_entries_of_a_buffer_ring = 32768;

/// As socket(2) finds it: 0, or a negated errno.
int check_kind(int domain, int type, int protocol) noexcept {
  if (domain == AF_UNIX && protocol != 0 && protocol != PF_UNIX) return -EPROTONOSUPPORT;
  if (type != SOCK_STREAM && type != SOCK_DGRAM) return -ESOCKTNOSUPPORT;
  const int only = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
  return domain == AF_UNIX || protocol == 0 || protocol == only ? 0 : -EPROTONOSUPPORT;
}

std::span<const std::byte> bytes_of(const void* value, socklen_t length) noexcept {
  return {static_cast<const std::byte*>(value), length};
}

}  // namespace

std::shared_ptr<object> sim_kernel::object_of(int fd) const noexcept {
  if (fd < first_descriptor) return nullptr;
  const auto index = static_cast<std::size_t>(fd - first_descriptor);
  return index < descriptors_.size() ? descriptors_[index] : nullptr;
}

/// The lowest number that is free.
int sim_kernel::install(std::shared_ptr<object> what) {
  if (is_dead_) return -ECANCELED;
  const auto free = std::find(descriptors_.begin(), descriptors_.end(), nullptr);
  const auto index = static_cast<std::size_t>(free - descriptors_.begin());
  if (index >= most_descriptors) return -EMFILE;
  if (free == descriptors_.end()) descriptors_.emplace_back();
  descriptors_[index] = std::move(what);
  return first_descriptor + static_cast<int>(index);
}

bool sim_kernel::is_full() const noexcept {
  return descriptors_.size() >= most_descriptors &&
         std::find(descriptors_.begin(), descriptors_.end(), nullptr) == descriptors_.end();
}

int sim_kernel::descriptors() const noexcept {
  return static_cast<int>(std::count_if(descriptors_.begin(), descriptors_.end(),
                                        [](const std::shared_ptr<object>& each) { return each != nullptr; }));
}

int sim_kernel::socket(int domain, int type, int protocol) {
  if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX) return -EAFNOSUPPORT;
  if (const int result = check_kind(domain, type & type_mask, protocol); result < 0) return result;
  if (!is_dead_ && around_->happens(fault::no_descriptor, host_)) return -EMFILE;
  std::shared_ptr<object> made;
  if ((type & type_mask) == SOCK_STREAM) {
    made = std::make_shared<stream_socket>(*this, domain, SOCK_STREAM);
  } else {
    made = std::make_shared<datagram_socket>(*this, domain, SOCK_DGRAM);
  }
  made->set_non_blocking((type & SOCK_NONBLOCK) != 0);
  return install(std::move(made));
}

int sim_kernel::socket_pair(int domain, int type, int, int* ends) {
  if (domain != AF_UNIX) return -EOPNOTSUPP;
  if (is_dead_) return -ECANCELED;
  std::pair<std::shared_ptr<object>, std::shared_ptr<object>> made;
  if ((type & type_mask) == SOCK_STREAM) {
    made = stream_socket::pair(*this, domain);
  } else if ((type & type_mask) == SOCK_DGRAM) {
    made = datagram_socket::pair(*this);
  } else if ((type & type_mask) == SOCK_SEQPACKET) {
    made = packet_socket::pair(*this);
  } else {
    return -EINVAL;
  }
  made.first->set_non_blocking((type & SOCK_NONBLOCK) != 0);
  made.second->set_non_blocking((type & SOCK_NONBLOCK) != 0);
  ends[0] = install(std::move(made.first));
  ends[1] = install(std::move(made.second));
  return 0;
}

int sim_kernel::pipe(int* ends) {
  if (is_dead_) return -ECANCELED;
  auto made = make_pipe(*this);
  ends[0] = install(std::move(made.first));
  ends[1] = install(std::move(made.second));
  return 0;
}

int sim_kernel::event_counter(std::uint64_t start) {
  auto made = std::make_shared<detail::event_counter>(*this);
  made->add(start);
  return install(std::move(made));
}

int sim_kernel::bind(int fd, const sockaddr* address, socklen_t length) {
  const auto what = object_of(fd);
  return what ? what->bind(socket_name(address, length)) : -EBADF;
}

int sim_kernel::listen(int fd, int backlog) {
  const auto what = object_of(fd);
  return what ? what->listen(backlog) : -EBADF;
}

int sim_kernel::connect(int fd, const sockaddr* address, socklen_t length) {
  const auto what = object_of(fd);
  if (!what) return -EBADF;
  const int result = what->connect(socket_name(address, length), false);
  return result == object::would_block ? -EINPROGRESS : result;
}

int sim_kernel::set_non_blocking(int fd, bool on) {
  const auto what = object_of(fd);
  if (!what) return -EBADF;
  what->set_non_blocking(on);
  return 0;
}

int sim_kernel::send_message(int fd, const msghdr& message, int flags) {
  const auto what = object_of(fd);
  if (!what) return -EBADF;
  if (!what->is_socket()) return -ENOTSOCK;
  transfer from(std::span(message.msg_iov, message.msg_iovlen), flags);
  if (const int result = take_descriptors_of(message, from); result < 0) return result;
  const int result = what->send(from);
  return result == object::would_block ? -EAGAIN : result;
}

int sim_kernel::receive_message(int fd, msghdr& message, int flags) {
  const auto what = object_of(fd);
  if (!what) return -EBADF;
  if (!what->is_socket()) return -ENOTSOCK;
  transfer into(std::span(message.msg_iov, message.msg_iovlen), flags);
  into.allow_message(message);
  const int result = what->receive(into);
  if (result >= 0) give_message(message, into);
  return result == object::would_block ? -EAGAIN : result;
}

int sim_kernel::set_option(int fd, int level, int option, const void* value, socklen_t length) {
  const auto what = object_of(fd);
  return what ? what->set_option(level, option, bytes_of(value, length)) : -EBADF;
}

int sim_kernel::get_option(int fd, int level, int option, void* value, socklen_t* length) {
  const auto what = object_of(fd);
  if (!what) return -EBADF;
  return what->get_option(level, option, std::span(static_cast<std::byte*>(value), *length), *length);
}

int sim_kernel::local_address(int fd, sockaddr* address, socklen_t* length) {
  const auto what = object_of(fd);
  if (!what) return -EBADF;
  socket_name name;
  const int result = what->local_name(name);
  if (result == 0) name.copy_to(address, length);
  return result;
}

int sim_kernel::peer_address(int fd, sockaddr* address, socklen_t* length) {
  const auto what = object_of(fd);
  if (!what) return -EBADF;
  socket_name name;
  const int result = what->peer_name(name);
  if (result == 0) name.copy_to(address, length);
  return result;
}

int sim_kernel::shutdown(int fd, int how) {
  const auto what = object_of(fd);
  if (!what) return -EBADF;
  if (what->is_socket() && (how < SHUT_RD || how > SHUT_RDWR)) return -EINVAL;
  return what->shutdown(how);
}

int sim_kernel::close(int fd) noexcept {
  if (is_dead_) return 0;
  if (!object_of(fd)) return -EBADF;
  // The number is free before anyone hears of the end.
  const auto closed = std::exchange(descriptors_[static_cast<std::size_t>(fd - first_descriptor)], nullptr);
  return 0;
}

namespace {

bool is_path(const std::string& unix_name) noexcept { return !unix_name.empty() && !unix_name.starts_with('\0'); }
std::string key_of_file(std::uint64_t inode) { return "file " + std::to_string(inode); }

}  // namespace

int sim_kernel::bind_unix(const socket_name& name, class socket& who) {
  std::string key = name.unix_name();
  if (is_path(key)) {
    std::uint64_t inode = 0;
    if (const int result = files_.make_socket_file(key, inode); result < 0) return result;
    key = key_of_file(inode);
  }
  return unix_names_.emplace(std::move(key), &who).second ? 0 : -EADDRINUSE;
}

void sim_kernel::unbind_unix(const class socket& who) noexcept {
  std::erase_if(unix_names_, [&who](const auto& entry) { return entry.second == &who; });
}

class socket* sim_kernel::find_unix(const socket_name& name, int& error) {
  std::string key = name.unix_name();
  if (is_path(key)) {
    std::uint64_t inode = 0;
    error = files_.find_socket_file(key, inode);
    if (error < 0) return nullptr;
    key = key_of_file(inode);
  }
  const auto found = unix_names_.find(key);
  error = found == unix_names_.end() ? -ECONNREFUSED : 0;
  return error < 0 ? nullptr : found->second;
}

socket_name sim_kernel::next_unix_name() {
  char digits[8];
  std::snprintf(digits, sizeof digits, "%05x", ++unix_names_given_);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::copy_n(digits, 5, name.sun_path + 1);
  return socket_name(reinterpret_cast<const sockaddr*>(&name), offsetof(sockaddr_un, sun_path) + 6);
}

bool sim_kernel::has_address(const address& where) const {
  const address plain = unmapped(where);
  return is_loopback(plain) || is_unspecified(plain) || plain.host() == address_;
}

address sim_kernel::address_towards(const address& peer) const {
  if (is_loopback(peer) || address_.empty()) return *address::parse(peer.is_v6() ? "::1" : "127.0.0.1", 0);
  return *address::parse(address_, 0);
}

int sim_kernel::register_buffer_ring(io_uring_buf_ring* ring, unsigned entries, unsigned group) {
  if (!std::has_single_bit(entries) || entries > most_entries_of_a_buffer_ring) return -EINVAL;
  if (buffer_groups_.contains(group)) return -EEXIST;
  buffer_groups_[group] = buffer_group{ring, entries, ring->tail};
  return 0;
}

int sim_kernel::unregister_buffer_ring(unsigned group) noexcept { return buffer_groups_.erase(group) ? 0 : -ENOENT; }

}  // namespace ringmill::sim::detail
