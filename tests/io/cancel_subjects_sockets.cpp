// UDP and Unix sockets, descriptors that go over them included.
#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <tuple>

#include <ringmill/io/udp.hpp>
#include <ringmill/io/unix_datagram.hpp>
#include <ringmill/io/unix_socket.hpp>

#include "../support/sockets.hpp"
#include "cancel_subjects.hpp"

namespace support {

namespace {

namespace rm = ringmill;

/// A message of one byte, with one descriptor.
void send_descriptor(int socket, int descriptor) {
  char byte = 'x';
  iovec part{&byte, 1};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof descriptor)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const note = CMSG_FIRSTHDR(&message);
  note->cmsg_level = SOL_SOCKET;
  note->cmsg_type = SCM_RIGHTS;
  note->cmsg_len = CMSG_LEN(sizeof descriptor);
  std::memcpy(CMSG_DATA(note), &descriptor, sizeof descriptor);
  checked(static_cast<int>(plain::sendmsg(socket, message, 0)), "sendmsg");
}

/// Sends until the other side has no more room.
void fill_datagrams(int socket) {
  while (plain::send(socket, "x", 1, MSG_DONTWAIT) > 0) {
  }
}
void drain_datagrams(int socket) {
  std::array<char, 4096> buffer{};
  while (plain::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT) > 0) {
  }
}

rm::fd raw_client_of(const rm::unix_address& where) {
  rm::fd socket(checked(plain::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC), "socket"));
  checked(plain::connect(socket.number(), where.data(), where.size()), "connect");
  return socket;
}

class two_udp_sockets {
 public:
  rm::udp_socket near = rm::udp_socket::bind("127.0.0.1", 0);
  rm::udp_socket far = rm::udp_socket::bind("127.0.0.1", 0);
};

class two_streams {
 public:
  two_streams() { std::tie(near, far) = rm::unix_stream::pair(); }
  rm::unix_stream near;
  rm::unix_stream far;
  ends passed = ends::of_pipe();
};

class full_stream : public two_streams {
 public:
  full_stream() {
    rm::fd borrowed(near.native_handle());
    fill(borrowed);
    borrowed.release();
  }
};

class stream_server {
 public:
  explicit stream_server(int backlog = 4096)
      : listener(rm::unix_listener::bind(rm::unix_address(), rm::unix_bind_options().backlog(backlog))) {}
  rm::unix_listener listener;
  rm::fd client;
};

/// Its backlog has room for one, who is there.
class full_stream_server : public stream_server {
 public:
  full_stream_server() : stream_server(0) { client = raw_client_of(listener.local()); }
};

class two_datagram_sockets {
 public:
  two_datagram_sockets() { std::tie(near, far) = rm::unix_datagram::pair(); }
  rm::unix_datagram near;
  rm::unix_datagram far;
  ends passed = ends::of_pipe();
};

class full_datagram_socket : public two_datagram_sockets {
 public:
  full_datagram_socket() { fill_datagrams(near.native_handle()); }
};

/// One that does not know the other.
class bound_datagram_sockets {
 public:
  rm::unix_datagram near = rm::unix_datagram::bind(rm::unix_address());
  rm::unix_datagram far = rm::unix_datagram::bind(rm::unix_address());
};

class full_bound_datagram_socket : public bound_datagram_sockets {
 public:
  full_bound_datagram_socket() {
    const rm::unix_address where = far.local();
    while (plain::sendto(near.native_handle(), "x", 1, MSG_DONTWAIT, where.data(), where.size()) > 0) {
    }
  }
};

constexpr auto close_near = [](auto& here) { here.near.close(); };
/// Lets the other side read what fills the way.
constexpr auto make_room = [](auto& here) { drain_datagrams(here.far.native_handle()); };
constexpr auto answer = [](auto& here) {
  checked(static_cast<int>(plain::send(here.far.native_handle(), "x", 1, 0)), "send");
};
constexpr auto answer_with_descriptor = [](auto& here) {
  send_descriptor(here.far.native_handle(), here.passed.left.number());
};

constexpr auto send_stream_descriptor = [](auto& here) -> rm::task<> {
  const std::array<int, 1> descriptors = {here.passed.left.number()};
  co_await here.near.send_with_descriptors("x", descriptors);
};
constexpr auto send_datagram_descriptor = [](auto& here) -> rm::task<> {
  const std::array<int, 1> descriptors = {here.passed.left.number()};
  co_await here.near.send("x", descriptors);
};

io_subject_list udp_subjects() {
  return {
      waiting<two_udp_sockets>(
          "udp_socket::receive_from",
          [](two_udp_sockets& here) -> rm::task<> {
            std::array<std::byte, 16> buffer;
            co_await here.near.receive_from(buffer);
          },
          [](two_udp_sockets& here) {
            const rm::address where = here.near.local();
            checked(static_cast<int>(plain::sendto(here.far.native_handle(), "x", 1, 0, where.data(), where.size())),
                    "sendto");
          },
          close_near),
      ending<two_udp_sockets>(
          "udp_socket::send_to",
          [](two_udp_sockets& here) -> rm::task<> {
            const rm::address where = here.far.local();
            co_await here.near.send_to("x", where);
          },
          close_near),
      ending<two_udp_sockets>(
          "udp_socket::send_segments_to",
          [](two_udp_sockets& here) -> rm::task<> {
            const std::array<std::byte, 1000> data{};
            const rm::address where = here.far.local();
            co_await here.near.send_segments_to(data, 100, where);
          },
          close_near),
      ending<two_udp_sockets>("udp_socket::connect and send",
                              [](two_udp_sockets& here) -> rm::task<> {
                                const rm::address where = here.far.local();
                                rm::udp_socket connected = co_await rm::udp_socket::connect(where);
                                co_await connected.send("x");
                              }),
  };
}

io_subject_list unix_stream_subjects() {
  return {
      waiting<two_streams>(
          "unix_stream::read_some",
          [](two_streams& here) -> rm::task<> {
            std::array<std::byte, 16> buffer;
            co_await here.near.read_some(buffer);
          },
          answer_with_descriptor, close_near),
      waiting<full_stream>(
          "unix_stream::write_all", [](full_stream& here) -> rm::task<> { co_await here.near.write_all("x"); },
          make_room, close_near),
      waiting<two_streams>(
          "receive_with_descriptors",
          [](two_streams& here) -> rm::task<> {
            std::array<std::byte, 16> buffer;
            const rm::unix_message got = co_await here.near.receive_with_descriptors(buffer);
          },
          answer_with_descriptor, close_near),
      ending<two_streams>("send_with_descriptors", send_stream_descriptor, close_near),
      waiting_in_steps<full_stream>("send_with_descriptors without room", send_stream_descriptor, make_room,
                                    close_near),
      ending<two_streams>(
          "unix_stream::has_input", [](two_streams& here) -> rm::task<> { co_await here.near.has_input(); },
          close_near),
      waiting<stream_server>(
          "unix_listener::accept",
          [](stream_server& here) -> rm::task<> { const rm::unix_stream got = co_await here.listener.accept(); },
          [](stream_server& here) { here.client = raw_client_of(here.listener.local()); },
          [](stream_server& here) { here.listener.close(); }),
      ending<stream_server>("unix_stream::connect",
                            [](stream_server& here) -> rm::task<> {
                              const rm::unix_address where = here.listener.local();
                              const rm::unix_stream made = co_await rm::unix_stream::connect(where);
                            }),
      waiting<full_stream_server>(
          "unix_stream::connect in vain",
          [](full_stream_server& here) -> rm::task<> {
            const rm::unix_address where = here.listener.local();
            const rm::unix_stream made = co_await rm::unix_stream::connect(where);
          },
          [](full_stream_server& here) {
            const rm::fd first(checked(plain::accept(here.listener.native_handle()), "accept"));
          }),
  };
}

io_subject_list unix_datagram_subjects() {
  return {
      waiting<two_datagram_sockets>(
          "unix_datagram::receive_from",
          [](two_datagram_sockets& here) -> rm::task<> {
            std::array<std::byte, 16> buffer;
            const rm::unix_message got = co_await here.near.receive_from(buffer);
          },
          answer, close_near),
      waiting<two_datagram_sockets>(
          "unix_datagram::receive_from with descriptors",
          [](two_datagram_sockets& here) -> rm::task<> {
            std::array<std::byte, 16> buffer;
            const rm::unix_message got = co_await here.near.receive_from(buffer, 1);
          },
          answer_with_descriptor, close_near),
      ending<two_datagram_sockets>("unix_datagram::send", send_datagram_descriptor, close_near),
      waiting_in_steps<full_datagram_socket>("unix_datagram::send without room", send_datagram_descriptor, make_room,
                                             close_near),
      waiting_in_steps<full_bound_datagram_socket>(
          "unix_datagram::send_to without room",
          [](full_bound_datagram_socket& here) -> rm::task<> {
            const rm::unix_address where = here.far.local();
            co_await here.near.send_to("x", where);
          },
          make_room, close_near),
      ending<bound_datagram_sockets>("unix_datagram::connect",
                                     [](bound_datagram_sockets& here) -> rm::task<> {
                                       const rm::unix_address where = here.far.local();
                                       const rm::unix_datagram made = co_await rm::unix_datagram::connect(where);
                                     }),
  };
}

}  // namespace

io_subject_list socket_subjects() {
  io_subject_list all = udp_subjects();
  for (const auto list : {&unix_stream_subjects, &unix_datagram_subjects}) {
    for (io_subject_maker& one : list()) all.push_back(std::move(one));
  }
  return all;
}

}  // namespace support
