#include "cancel_subjects.hpp"

#include <linux/futex.h>
#include <poll.h>
#include <sys/syscall.h>

#include <array>
#include <filesystem>
#include <memory>

#include <ringmill/io/ops.hpp>
#include <ringmill/io/ring.hpp>

#include "../support/sockets.hpp"

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
  rm::fd socket(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
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

/// One that ends when the other side writes.
io_subject reading(std::string name, ends (*make)(), operation wait) {
  const auto both = std::make_shared<ends>(make());
  return {std::move(name), [=] { return wait(both->left); }, [=] { write_text(both->right, "x"); }, &both->left};
}

/// One that ends when the other side has read what fills the way.
io_subject writing(std::string name, ends (*make)(), operation wait) {
  const auto both = std::make_shared<ends>(make());
  fill(both->right);
  return {std::move(name), [=] { return wait(both->right); }, [=] { drain(both->left); }, &both->right};
}

io_subject looking() {
  const auto both = std::make_shared<ends>(ends::of_sockets());
  return {"a look", [=] { return look(both->left); }, nullptr, &both->left, false};
}

io_subject accepting() {
  class surroundings {
   public:
    rm::fd listener = listening_socket();
    rm::fd client;
  };
  const auto here = std::make_shared<surroundings>();
  const auto complete = [=] { here->client = client_of(here->listener); };
  return {"accept", [=] { return accept(here->listener); }, complete, &here->listener};
}

io_subject connecting() {
  const auto listener = std::make_shared<rm::fd>(listening_socket());
  return {"connect", [=] { return connect(*listener); }, nullptr, nullptr, false};
}

/// To one who has no room for another.
io_subject connecting_in_vain() {
  class surroundings {
   public:
    rm::fd listener = listening_socket(0);
    rm::fd first = client_of(listener);
    rm::fd second = client_of(listener);
  };
  const auto here = std::make_shared<surroundings>();
  return {"connect in vain", [=] { return connect(here->listener); }, nullptr, nullptr};
}

/// A file that dies with this.
class temporary_path {
 public:
  temporary_path() {
    std::string name = (std::filesystem::temp_directory_path() / "ringmill-XXXXXX").string();
    rm::fd made(checked(::mkstemp(name.data()), "mkstemp"));
    path_ = name;
  }
  ~temporary_path() { ::unlink(path_.c_str()); }
  temporary_path(const temporary_path&) = delete;
  temporary_path& operator=(const temporary_path&) = delete;
  const std::string& text() const noexcept { return path_; }

 private:
  std::string path_;
};

io_subject of_file(std::string name, operation wait) {
  const temporary_path path;
  const auto file = std::make_shared<rm::fd>(checked(::open(path.text().c_str(), O_RDWR | O_CLOEXEC), "open"));
  return {std::move(name), [=] { return wait(*file); }, nullptr, file.get(), false};
}

io_subject opening() {
  const auto path = std::make_shared<temporary_path>();
  return {"open", [=] { return open(path->text()); }, nullptr, nullptr, false};
}

io_subject waiting_for_futex() {
  const auto word = std::make_shared<std::uint32_t>(0);
  const auto complete = [=] {
    *word = 1;
    ::syscall(SYS_futex, word.get(), FUTEX_WAKE, 1, nullptr, nullptr, 0);
  };
  return {"futex", [=] { return wait_for_futex(*word); }, complete};
}

}  // namespace

std::vector<std::function<io_subject()>> all_io_subjects() {
  std::vector<std::function<io_subject()>> all = {
      [] { return reading("receive", &ends::of_sockets, &receive); },
      [] { return reading("recvmsg", &ends::of_sockets, &receive_message); },
      [] { return reading("poll", &ends::of_pipe, &poll); },
      [] { return reading("read a pipe", &ends::of_pipe, &read); },
      [] { return writing("send", &ends::of_sockets, &send); },
      [] { return writing("sendmsg", &ends::of_sockets, &send_message); },
      [] { return writing("write to a pipe", &ends::of_pipe, &write); },
      [] { return of_file("read a file", &read_at_start); },
      [] { return of_file("write a file", &write_at_start); },
      &looking,
      &accepting,
      &connecting,
      &connecting_in_vain,
      &opening,
  };
  if (rm::ring::current().backend().supports(rm::futex_wait_op::opcode)) all.push_back(&waiting_for_futex);
  return all;
}

}  // namespace support
