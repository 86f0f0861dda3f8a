// Pipes, splices, leases, several buffers at once; and what is built on streams: whole messages, lines, copies.
#include <fcntl.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include <ringmill/io/buffer.hpp>
#include <ringmill/io/buffered.hpp>
#include <ringmill/io/copy.hpp>
#include <ringmill/io/file.hpp>
#include <ringmill/io/pipe.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/io/splice.hpp>
#include <ringmill/io/stream.hpp>
#include <ringmill/io/tcp.hpp>
#include <ringmill/io/testing_stream.hpp>

#include "../support/scratch.hpp"
#include "../support/sockets.hpp"
#include "cancel_subjects.hpp"

namespace support {

namespace {

namespace rm = ringmill;
using namespace std::chrono_literals;

class empty_pipe {
 public:
  empty_pipe() { std::tie(reader, writer) = rm::make_pipe(); }
  rm::pipe_reader reader;
  rm::pipe_writer writer;
};

class full_pipe : public empty_pipe {
 public:
  full_pipe() { fill(writer.handle()); }
};

/// Its reads ask when there is something, since others have set the descriptor to O_NONBLOCK.
class empty_pipe_of_others : public empty_pipe {
 public:
  empty_pipe_of_others() { plain::set_non_blocking(reader.native_handle(), true); }
};

/// As on a kernel that cannot write without SIGPIPE.
class full_pipe_of_old : public full_pipe {
 public:
  full_pipe_of_old() { rm::detail::set_writes_without_signal(false); }
  ~full_pipe_of_old() { rm::detail::set_writes_without_signal(before_); }

 private:
  bool before_ = rm::detail::writes_without_signal();
};

/// Nothing comes from the one, and there is no room in the other.
class two_pipes {
 public:
  empty_pipe source;
  full_pipe sink;
};

/// Of two processes, both of which are this one; a Unix socket, which is filled sooner than one of TCP.
class connection {
 public:
  connection() {
    ends both = ends::of_sockets();
    near = rm::tcp_stream(std::move(both.left));
    far = rm::tcp_stream(std::move(both.right));
  }
  rm::tcp_stream near;
  rm::tcp_stream far;
};

class full_connection : public connection {
 public:
  full_connection() { fill(near.handle()); }
};

class connection_that_spoke : public connection {
 public:
  connection_that_spoke() { write_text(far.handle(), "first"); }
};

/// With something in it.
rm::file filled_file(const std::string& path, std::size_t size = 4096) {
  make_file(path, std::string(size, 'x'));
  return rm::file(rm::fd(checked(plain::open(path), "open")));
}

/// Of TCP: only there is something sent without a copy.
class two_tcp_ends {
 public:
  explicit two_tcp_ends(int receive_buffer = 128 << 10) {
    const rm::fd listener = listening_socket();
    set_buffer(listener, SO_RCVBUF, receive_buffer);
    near = rm::tcp_stream(client_of(listener));
    plain::set_non_blocking(near.native_handle(), false);
    set_buffer(near.handle(), SO_SNDBUF, 1 << 20);
    far = rm::tcp_stream(rm::fd(checked(plain::accept(listener.number()), "accept")));
  }

  rm::tcp_stream near;
  rm::tcp_stream far;

 private:
  static void set_buffer(const rm::fd& socket, int option, int size) {
    checked(plain::setsockopt(socket.number(), SOL_SOCKET, option, &size, sizeof size), "setsockopt");
  }
};

/// Its receiver has room for little, and its sender for `accepted` bytes: the kernel takes these at once and holds
/// their buffer, until the peer has read them.
class narrow_connection : public two_tcp_ends {
 public:
  static constexpr std::size_t accepted = 256 << 10;
  static constexpr std::size_t too_much = 8 << 20;

  narrow_connection() : two_tcp_ends(16384) {}
  /// Until all has come, or the connection is reset.
  void read_all() {
    std::string bytes(accepted, '\0');
    for (std::size_t have = 0; have < bytes.size();) {
      const ssize_t size = plain::recv(far.native_handle(), bytes.data(), bytes.size() - have, 0);
      if (size == 0 || (size < 0 && errno == ECONNRESET)) return;
      have += static_cast<std::size_t>(checked(static_cast<int>(size), "recv"));
    }
  }
};

rm::task<> send_without_copy(two_tcp_ends& here, std::size_t size) {
  const std::string bytes(size, 'x');
  co_await here.near.write_all_zero_copy(bytes);
}

/// A file, and no way to send all of it: Linux 6.1 puts up to 17 pages into a Unix socket that has no room. An empty
/// one takes it whole.
class file_to_send : public full_connection {
 public:
  const std::size_t too_much = simulated_kernel_here() ? 40 << 10 : 128 << 10;
  scratch directory;
  rm::file file = filled_file(directory / "file", too_much);
};

class file_to_splice : public full_pipe {
 public:
  scratch directory;
  rm::file file = filled_file(directory / "file");
};

/// Nothing comes.
class connection_in_memory {
 public:
  connection_in_memory() {
    std::tie(near, far) = rm::testing::connected_streams(rm::testing::memory_options().capacity(1));
  }
  rm::testing::memory_stream near;
  rm::testing::memory_stream far;
};

class two_connections {
 public:
  connection left;
  connection right;
};

constexpr auto speak = [](auto& here) { write_text(here.writer.handle(), "a line\n"); };
constexpr auto make_room_in_pipe = [](auto& here) { drain(here.reader.handle()); };
constexpr auto end_pipe = [](auto& here) { here.writer.close(); };
constexpr auto close_reader = [](auto& here) { here.reader.close(); };
constexpr auto close_writer = [](auto& here) { here.writer.close(); };
constexpr auto answer_stream = [](auto& here) { write_text(here.far.handle(), "x"); };
constexpr auto make_room_in_peer = [](auto& here) { drain(here.far.handle()); };
constexpr auto close_near_stream = [](auto& here) { here.near.close(); };

constexpr auto read_pipe = [](auto& here) -> rm::task<> {
  std::array<std::byte, 16> buffer;
  co_await here.reader.read_some(buffer);
};
constexpr auto write_pipe = [](auto& here) -> rm::task<> {
  const std::array<std::byte, 16> data{};
  co_await here.writer.write_all(data);
};
constexpr std::size_t most = 4096;

io_subject_list pipe_subjects() {
  io_subject_list all = {
      waiting<empty_pipe>("pipe_reader::read_some", read_pipe, speak, close_reader),
      waiting_in_steps<empty_pipe_of_others>("read a pipe of others", read_pipe, speak, close_reader),
      waiting_in_steps<full_pipe>("pipe_writer::write_all", write_pipe, make_room_in_pipe, close_writer),
      waiting<two_pipes>(
          "splice what has to come",
          [](two_pipes& here) -> rm::task<> {
            drain(here.sink.reader.handle());
            co_await rm::splice(here.source.reader, here.sink.writer, most);
          },
          [](two_pipes& here) { write_text(here.source.writer.handle(), "x"); },
          [](two_pipes& here) { here.sink.writer.close(); }),
      waiting<two_pipes>(
          "splice to where no room is",
          [](two_pipes& here) -> rm::task<> {
            write_text(here.source.writer.handle(), "x");
            co_await rm::splice(here.source.reader, here.sink.writer, most);
          },
          [](two_pipes& here) { drain(here.sink.reader.handle()); }, [](two_pipes& here) { here.sink.writer.close(); }),
      waiting<file_to_splice>(
          "splice a file",
          [](file_to_splice& here) -> rm::task<> { co_await rm::splice(here.file, here.writer, most); },
          make_room_in_pipe, close_writer),
      waiting_in_steps<file_to_send>(
          "send_file", [](file_to_send& here) -> rm::task<> { co_await rm::send_file(here.near, here.file); },
          make_room_in_peer, close_near_stream),
  };
  if (!simulated_kernel_here()) {  // which is never so old
    all.push_back(
        waiting_in_steps<full_pipe_of_old>("write a pipe as of old", write_pipe, make_room_in_pipe, close_writer));
  }
  return all;
}

io_subject_list connection_subjects() {
  rm::ring::current().use_buffers(1, 4096);  // who has the second lease gets memory of its own
  return {
      waiting<connection>(
          "read_lease", [](connection& here) -> rm::task<> { const rm::lease got = co_await here.near.read_lease(); },
          answer_stream, close_near_stream),
      waiting_in_steps<connection_that_spoke>(
          "read_lease when all are lent",
          [](connection_that_spoke& here) -> rm::task<> {
            const rm::lease first = co_await here.near.read_lease();
            const rm::lease second = co_await here.near.read_lease();
          },
          [](connection_that_spoke& here) {
            answer_stream(here);
            here.far.shutdown_write();  // the first may have taken the answer, too
          },
          close_near_stream),
      waiting_in_steps<full_connection>(
          "write_all of buffers",
          [](full_connection& here) -> rm::task<> {
            const std::array<rm::const_buffer, 2> parts = {rm::const_buffer("one"), rm::const_buffer("two")};
            co_await here.near.write_all(std::span<const rm::const_buffer>(parts));
          },
          make_room_in_peer, close_near_stream),
      waiting_in_steps<full_connection>(
          "write_all of a stream's buffers",
          [](full_connection& here) -> rm::task<> {
            const std::string one = "one";
            const std::string two = "two";
            co_await rm::write_all(here.near, one, two);
          },
          make_room_in_peer, close_near_stream),
  };
}

io_subject_list zero_copy_subjects() {
  io_subject_list all = {
      ending<two_tcp_ends>(
          "write_all_zero_copy", [](two_tcp_ends& here) { return send_without_copy(here, 4096); }, close_near_stream),
      waiting_in_steps<narrow_connection>(
          "write_all_zero_copy without room",
          [](narrow_connection& here) { return send_without_copy(here, narrow_connection::too_much); }, nullptr,
          close_near_stream),
  };
  if (!simulated_kernel_here()) {  // which copies
    all.push_back(waiting_in_steps<narrow_connection>(
        "write_all_zero_copy, of which the buffer is held",
        [](narrow_connection& here) { return send_without_copy(here, narrow_connection::accepted); },
        [](narrow_connection& here) { here.read_all(); }, close_near_stream));
  }
  return all;
}

io_subject_list buffered_subjects() {
  return {
      waiting_in_steps<empty_pipe>(
          "read_line",
          [](empty_pipe& here) -> rm::task<> {
            rm::buffered_reader reader(here.reader);
            co_await reader.read_line();
          },
          speak, close_reader),
      waiting_in_steps<empty_pipe>(
          "read_exactly of a buffered_reader",
          [](empty_pipe& here) -> rm::task<> {
            rm::buffered_reader reader(here.reader);
            co_await reader.read_exactly(4);
          },
          speak, close_reader),
      waiting_in_steps<full_pipe>(
          "flush",
          [](full_pipe& here) -> rm::task<> {
            rm::buffered_writer writer(here.writer);
            co_await writer.write("a line\n");
            co_await writer.flush();
          },
          make_room_in_pipe, close_writer),
      waiting_in_steps<empty_pipe>(
          "read_exactly",
          [](empty_pipe& here) -> rm::task<> {
            std::array<std::byte, 4> buffer;
            co_await rm::read_exactly(here.reader, buffer);
          },
          speak, close_reader),
      waiting_in_steps<empty_pipe>(
          "read_to_end",
          [](empty_pipe& here) -> rm::task<> { co_await rm::read_to_end(here.reader, std::size_t{4096}); }, end_pipe,
          close_reader),
  };
}

io_subject_list memory_subjects() {
  return {
      waiting_in_steps<connection_in_memory>(
          "memory_stream::read_some",
          [](connection_in_memory& here) -> rm::task<> {
            std::array<std::byte, 16> buffer;
            co_await here.near.read_some(buffer);
          },
          [](connection_in_memory& here) { here.far.shutdown_write(); }),
      waiting_in_steps<connection_in_memory>(
          "memory_stream::write_all",
          [](connection_in_memory& here) -> rm::task<> {
            const std::array<std::byte, 2> data{};  // one of them has room
            co_await here.near.write_all(data);
          },
          [](connection_in_memory& here) {
            std::array<std::byte, 1> buffer;
            here.far.read_some(buffer).await_ready();  // takes the byte at once
          }),
  };
}

io_subject_list copy_subjects() {
  return {
      waiting_in_steps<two_pipes>(
          "copy", [](two_pipes& here) -> rm::task<> { co_await rm::copy(here.source.reader, here.sink.writer); },
          [](two_pipes& here) { here.source.writer.close(); }, [](two_pipes& here) { here.source.reader.close(); }),
      waiting_in_steps<two_pipes>(
          "copy to where no room is",
          [](two_pipes& here) -> rm::task<> {
            write_text(here.source.writer.handle(), "x");
            here.source.writer.close();
            const auto options = rm::copy_options().idle_timeout(1h);
            co_await rm::copy(here.source.reader, here.sink.writer, options);
          },
          [](two_pipes& here) { drain(here.sink.reader.handle()); }, [](two_pipes& here) { here.sink.writer.close(); }),
      waiting_in_steps<two_connections>(
          "copy_both_ways",
          [](two_connections& here) -> rm::task<> { co_await rm::copy_both_ways(here.left.near, here.right.near); },
          [](two_connections& here) {
            here.left.far.close();
            here.right.far.close();
          },
          [](two_connections& here) { here.left.near.close(); }),
  };
}

}  // namespace

io_subject_list stream_subjects() {
  io_subject_list all = pipe_subjects();
  for (const auto list :
       {&connection_subjects, &zero_copy_subjects, &buffered_subjects, &memory_subjects, &copy_subjects}) {
    for (io_subject_maker& one : list()) all.push_back(std::move(one));
  }
  return all;
}

}  // namespace support
