// The operations of io/ops.hpp.
#include <fcntl.h>
#include <poll.h>

#include <array>
#include <memory>

#include <ringmill/io/kernel_calls.hpp>
#include <ringmill/io/ops.hpp>
#include <ringmill/io/ring.hpp>

#include "../support/failing_memory.hpp"
#include "../support/scratch.hpp"
#include "../support/sockets.hpp"
#include "cancel_subjects.hpp"

namespace support {

namespace {

namespace rm = ringmill;

// Each operation as a task. A task's own parameters and buffers die with it, so that a completion that comes after a
// cancel was answered would be seen by the sanitizer.

rm::task<> receive(rm::fd& socket) {
  std::array<std::byte, 16> buffer;
  co_await rm::receive_op(socket, buffer);
}
rm::task<> look(rm::fd& socket) { co_await rm::has_input_op(socket); }
rm::task<> send(rm::fd& socket) {
  const std::array<std::byte, 16> data{};
  co_await rm::send_all_op(socket, data);
}
rm::task<> accept(rm::fd& listener) { const rm::fd accepted = co_await rm::accept_op(listener); }
rm::task<> connect(const rm::fd& listener) {
  rm::fd socket(checked(plain::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC), "socket"));
  const rm::fd connected = co_await rm::connect_op(std::move(socket), address_of(listener));
}
rm::task<> read(rm::fd& file) {
  std::array<std::byte, 16> buffer;
  co_await rm::read_op(file, buffer);
}
rm::task<> read_at_start(rm::fd& file) {
  std::array<std::byte, 16> buffer;
  co_await rm::read_op(file, buffer, 0);
}
rm::task<> write(rm::fd& file) {
  const std::array<std::byte, 16> data{};
  co_await rm::write_all_op(file, data);
}
rm::task<> write_at_start(rm::fd& file) {
  const std::array<std::byte, 16> data{};
  co_await rm::write_all_op(file, data, 0);
}
rm::task<> open(std::string path) { const rm::fd opened = co_await rm::open_op(path, O_RDONLY, 0); }
rm::task<> poll(rm::fd& handle) { co_await rm::poll_op(handle, POLLIN); }
rm::task<> receive_message(rm::fd& socket) {
  std::array<std::byte, 16> buffer;
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  co_await rm::receive_message_op(socket, message);
}
rm::task<> send_message(rm::fd& socket) {
  std::array<std::byte, 16> data{};
  iovec part{data.data(), data.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  co_await rm::send_message_op(socket, message);
}
rm::task<> wait_for_futex(const std::uint32_t& word) { co_await rm::futex_wait_op(&word, 0); }

// Their shapes.

using operation = rm::task<> (*)(rm::fd&);

io_subject subject_of(std::string name, std::function<rm::task<>()> wait, std::function<void()> complete,
                      std::function<void()> close) {
  io_subject made;
  made.name = std::move(name);
  made.wait = std::move(wait);
  made.complete = std::move(complete);
  made.close = std::move(close);
  return made;
}

/// One that ends when the other side writes.
io_subject reading(std::string name, ends (*make)(), operation wait) {
  const auto both = std::make_shared<ends>(make());
  return subject_of(
      std::move(name), [=] { return wait(both->left); }, [=] { write_text(both->right, "x"); },
      [=] { both->left.reset(); });
}

/// One that ends when the other side has read what fills the way.
io_subject writing(std::string name, ends (*make)(), operation wait) {
  const auto both = std::make_shared<ends>(make());
  fill(both->right);
  return subject_of(
      std::move(name), [=] { return wait(both->right); }, [=] { drain(both->left); }, [=] { both->right.reset(); });
}

class two_sockets {
 public:
  ends both = ends::of_sockets();
};

class open_listener {
 public:
  rm::fd listener = listening_socket();
  rm::fd client;
};

class full_listener {
 public:
  rm::fd listener = listening_socket(0);
  rm::fd first = client_of(listener);
  rm::fd second = client_of(listener);
};

class open_descriptor {
 public:
  scratch directory;
  std::string path = empty_file_at(directory / "file");
  rm::fd file{checked(plain::open(path), "open")};

 private:
  static std::string empty_file_at(std::string path) {
    make_file(path, "");
    return path;
  }
};

class futex_word {
 public:
  std::uint32_t value = 0;
};

}  // namespace

io_subject_list basic_subjects() {
  io_subject_list all = {
      [] { return reading("receive", &ends::of_sockets, &receive); },
      [] { return reading("recvmsg", &ends::of_sockets, &receive_message); },
      [] { return reading("poll", &ends::of_pipe, &poll); },
      [] { return reading("read a pipe", &ends::of_pipe, &read); },
      [] { return writing("send", &ends::of_sockets, &send); },
      [] { return writing("sendmsg", &ends::of_sockets, &send_message); },
      [] { return writing("write to a pipe", &ends::of_pipe, &write); },
      ending<two_sockets>(
          "a look", [](two_sockets& here) { return look(here.both.left); },
          [](two_sockets& here) { here.both.left.reset(); }),
      waiting<open_listener>(
          "accept", [](open_listener& here) { return accept(here.listener); },
          [](open_listener& here) { here.client = client_of(here.listener); },
          [](open_listener& here) { here.listener.reset(); }),
      ending<open_listener>("connect", [](open_listener& here) { return connect(here.listener); }),
      waiting<full_listener>(
          "connect in vain", [](full_listener& here) { return connect(here.listener); }, nullptr),
      ending<open_descriptor>(
          "read a file", [](open_descriptor& here) { return read_at_start(here.file); },
          [](open_descriptor& here) { here.file.reset(); }),
      ending<open_descriptor>(
          "write a file", [](open_descriptor& here) { return write_at_start(here.file); },
          [](open_descriptor& here) { here.file.reset(); }),
      ending<open_descriptor>("open", [](open_descriptor& here) { return open(here.path); }),
  };
  if (rm::ring::current().backend().supports(rm::futex_wait_op::opcode)) {
    all.push_back(waiting<futex_word>(
        "futex", [](futex_word& here) { return wait_for_futex(here.value); },
        [](futex_word& here) {
          here.value = 1;
          const failing_memory::pause no_failures;
          rm::ring::current().backend().ipc().wake(&here.value);
        }));
  }
  return all;
}

}  // namespace support
