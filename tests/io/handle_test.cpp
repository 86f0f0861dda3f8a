// What all handles have in common: made empty, taken over, asked, closed; and that an operation is one on the handle,
// not on the number that it had when the operation was made. What is in flight on a handle is in fd_test.cpp.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <concepts>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>

#include <ringmill/ringmill.hpp>

#include "../support/error_of.hpp"
#include "../support/kernels.hpp"
#include "../support/scratch.hpp"
#include "../support/sockets.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::checked;
using support::error_of;
using support::on_each_kernel;
using support::scratch;

namespace {

template <class T>
concept handle =
    std::is_nothrow_default_constructible_v<T> && std::movable<T> && !std::copyable<T> &&
    std::constructible_from<T, rm::fd> && !std::convertible_to<rm::fd, T> && requires(T & object, const T& constant) {
  object.close();
  { object.handle() } -> std::same_as<rm::fd&>;
  { constant.native_handle() } -> std::same_as<int>;
  static_cast<bool>(constant);
};

static_assert(handle<rm::tcp_stream> && handle<rm::tcp_listener> && handle<rm::udp_socket>);
static_assert(handle<rm::unix_stream> && handle<rm::unix_listener> && handle<rm::unix_datagram>);
static_assert(handle<rm::pipe_reader> && handle<rm::pipe_writer>);
static_assert(handle<rm::file> && handle<rm::directory> && handle<rm::file_watch>);

using all_handles =
    std::tuple<rm::tcp_stream, rm::tcp_listener, rm::udp_socket, rm::unix_stream, rm::unix_listener, rm::unix_datagram,
               rm::pipe_reader, rm::pipe_writer, rm::file, rm::directory, rm::file_watch>;

/// Any descriptor.
rm::fd any_descriptor() { return rm::fd(checked(::open("/dev/null", O_RDWR | O_CLOEXEC), "open")); }

template <class Handle>
rm::task<> is_like_others() {
  Handle empty;
  CHECK_FALSE(empty);
  CHECK(empty.native_handle() == -1);

  rm::fd given = any_descriptor();
  const int number = given.number();
  Handle taken(std::move(given));
  CHECK(taken);
  CHECK(taken.native_handle() == number);
  CHECK(&taken.handle() == &std::as_const(taken.handle()));
  CHECK(taken.handle().number() == number);

  empty = std::move(taken);
  CHECK(empty.native_handle() == number);
  CHECK_FALSE(taken);

  for (int i = 0; i < 2; ++i) {  // closing what is closed does nothing
    if constexpr (std::same_as<Handle, rm::file>) {
      co_await empty.close();
    } else {
      empty.close();
    }
    CHECK_FALSE(empty);
    CHECK(empty.native_handle() == -1);
    CHECK(::fcntl(number, F_GETFD) == -1);
  }
}

template <class Op>
rm::task<std::error_code> error_in_time(Op op) {
  rm::task<std::error_code> one = error_of(std::move(op));
  const std::error_code code = co_await rm::with_timeout(5s, std::move(one));
  co_return code;
}

}  // namespace

TEST_CASE("all handles are empty at first, take a descriptor over, move, and close") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    const auto all = []<class... Handle>(const std::tuple<Handle...>*) -> rm::task<> {
      (co_await is_like_others<Handle>(), ...);
    };
    co_await all(static_cast<const all_handles*>(nullptr));
  });
  CHECK(support::open_descriptors() == before);
}

// An operation that was made before its handle was assigned anew, or closed.

namespace {

// Surroundings in which every operation on `handle` ends at once. A number that is no longer open would be EBADF.

class file_here {
 public:
  rm::fd& handle() { return file_; }

 private:
  scratch directory_;
  rm::fd file_{checked(::open((directory_ / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600), "open")};
};

/// A byte to read, and room to write.
class socket_here {
 public:
  socket_here() { support::write_text(ends_.right, "x"); }
  rm::fd& handle() { return ends_.left; }

 private:
  support::ends ends_ = support::ends::of_sockets();
};

/// Its own peer, and a datagram has come.
class udp_here {
 public:
  udp_here() : socket_(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket")) {
    const rm::address where = *rm::address::parse("127.0.0.1", 0);
    checked(::bind(socket_.number(), where.data(), where.size()), "bind");
    const rm::address bound = support::address_of(socket_);
    checked(::connect(socket_.number(), bound.data(), bound.size()), "connect");
    support::write_text(socket_, "x");
  }
  rm::fd& handle() { return socket_; }

 private:
  rm::fd socket_;
};

class listener_here {
 public:
  rm::fd& handle() { return listener_; }

 private:
  rm::fd listener_ = support::listening_socket();
  rm::fd client_ = support::client_of(listener_);
};

/// One pipe that has a byte.
class pipe_here {
 public:
  pipe_here() { support::write_text(ends.right, "x"); }
  rm::fd& handle() { return ends.left; }
  support::ends ends = support::ends::of_pipe();
};

std::array<std::byte, 16> space;
const std::array<std::byte, 1> one_byte{};
const std::array<std::span<std::byte>, 1> spaces = {space};
const std::array<std::span<const std::byte>, 1> parts = {one_byte};
const std::array<rm::const_buffer, 1> buffers = {rm::const_buffer(one_byte)};

template <class Here, class Make>
rm::task<> is_on_its_handle(const char* name, Make make) {
  CAPTURE(name);
  {
    Here old;
    Here fresh;
    auto op = make(old.handle());
    old.handle() = std::move(fresh.handle());
    const std::error_code code = co_await error_in_time(std::move(op));
    CHECK_FALSE(code);
    CHECK(old.handle().in_flight() == 0);
  }
  Here here;
  auto op = make(here.handle());
  here.handle().reset();
  const std::error_code code = co_await error_in_time(std::move(op));
  CHECK(code == std::errc::bad_file_descriptor);
}

rm::task<> files() {
  const auto on = [](const char* name, auto make) { return is_on_its_handle<file_here>(name, make); };
  co_await on("read", [](rm::fd& file) { return rm::read_op(file, space); });
  co_await on("read at", [](rm::fd& file) { return rm::read_op(file, space, 0); });
  co_await on("write", [](rm::fd& file) { return rm::write_all_op(file, one_byte); });
  co_await on("read vectored", [](rm::fd& file) { return rm::read_vectored_op(file, spaces); });
  co_await on("write vectored", [](rm::fd& file) { return rm::write_all_vectored_op(file, parts); });
  co_await on("sync", [](rm::fd& file) { return rm::sync_op(file, rm::sync_op::what::data); });
  co_await on("preallocate", [](rm::fd& file) { return rm::preallocate_op(file, 0, 4096); });
  co_await on("truncate", [](rm::fd& file) { return rm::truncate_op(file, 1); });
  co_await on("status", [](rm::fd& file) { return rm::status_op(file); });
}

rm::task<> sockets() {
  static msghdr message{};
  const auto on = [](const char* name, auto make) { return is_on_its_handle<socket_here>(name, make); };
  co_await on("receive", [](rm::fd& socket) { return rm::receive_op(socket, space); });
  co_await on("receive a lease", [](rm::fd& socket) { return rm::receive_lease_op(socket); });
  co_await on("send", [](rm::fd& socket) { return rm::send_all_op(socket, one_byte); });
  co_await on("send buffers", [](rm::fd& socket) { return rm::send_buffers_op(socket, buffers); });
  co_await on("poll", [](rm::fd& socket) { return rm::poll_op(socket, POLLIN); });
  co_await on("readable", [](rm::fd& socket) { return rm::readable(socket); });
  co_await on("writable", [](rm::fd& socket) { return rm::writable(socket); });
  co_await on("receive a message", [](rm::fd& socket) { return rm::receive_message_op(socket, message); });
  co_await on("send a message", [](rm::fd& socket) { return rm::send_message_op(socket, message); });
  co_await on("read a stream", [](rm::fd& socket) { return rm::stream_read_op(socket, space); });
  co_await on("write a stream", [](rm::fd& socket) { return rm::stream_write_all_op(socket, one_byte); });
  co_await on("receive descriptors",
              [](rm::fd& socket) { return rm::receive_unix_message_op(socket, space, 1, false); });
  co_await on("send descriptors",
              [](rm::fd& socket) { return rm::send_unix_message_op(socket, one_byte, {}, std::nullopt); });
  co_await is_on_its_handle<listener_here>("accept", [](rm::fd& listener) { return rm::accept_op(listener); });
}

rm::task<> datagrams() {
  const auto on = [](const char* name, auto make) { return is_on_its_handle<udp_here>(name, make); };
  co_await on("receive a datagram", [](rm::fd& socket) { return rm::receive_datagram_op(socket, space); });
  co_await on("send a datagram", [](rm::fd& socket) { return rm::send_datagram_op(socket, one_byte); });
  co_await on("send segments", [](rm::fd& socket) { return rm::send_segments_op(socket, one_byte, 1, std::nullopt); });
}

rm::task<> splices() {
  static std::optional<support::ends> other;
  other.emplace(support::ends::of_pipe());
  co_await is_on_its_handle<pipe_here>("splice from", [](rm::fd& from) {
    return rm::splice_op(from, rm::splice_op::own_position, other->right, rm::splice_op::own_position, 1);
  });
  support::write_text(other->right, "xx");
  co_await is_on_its_handle<socket_here>("splice to", [](rm::fd& to) {
    return rm::splice_op(other->left, rm::splice_op::own_position, to, rm::splice_op::own_position, 1);
  });
  other.reset();
}

}  // namespace

TEST_CASE("an operation whose handle is assigned anew before the await is one on the new descriptor; closed: EBADF") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    co_await files();
    co_await sockets();
    co_await datagrams();
    co_await splices();
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("bytes come from the descriptor that the handle has when the read is awaited") {
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    support::make_file(here / "old", "old");
    support::make_file(here / "new", "new");
    rm::file from = co_await rm::file::open(here / "old");
    std::array<char, 3> buffer{};
    auto read = from.read_some(std::as_writable_bytes(std::span(buffer)));
    from = co_await rm::file::open(here / "new");
    const std::size_t count = co_await std::move(read);
    CHECK(std::string_view(buffer.data(), count) == "new");
  });
}

TEST_CASE("an event comes from the watch that the handle has when it is awaited; closed: EBADF") {
  on_each_kernel([]() -> rm::task<> {
    const scratch old;
    const scratch fresh;
    auto watch = rm::file_watch::create();
    watch.add(old.path(), rm::file_change::created);
    support::make_file(old / "file", "");
    auto next = watch.next();
    watch = rm::file_watch::create();
    watch.add(fresh.path(), rm::file_change::created);
    support::make_file(fresh / "file", "");
    const rm::file_event event = co_await std::move(next);
    CHECK(event.full_path() == fresh / "file");

    support::make_file(fresh / "a", "");
    support::make_file(fresh / "b", "");
    co_await watch.next();
    watch.close();  // "b" has been read and is not taken: it goes, too
    auto after = watch.next();
    const std::error_code code = co_await error_in_time(std::move(after));
    CHECK(code == std::errc::bad_file_descriptor);
    CHECK_THROWS_AS(watch.add(fresh.path(), rm::file_change::created), std::system_error);
  });
}

// Descriptors that somebody else has made, as systemd does for a service that it starts.

namespace {

rm::fd bound_unix_socket(int type, const std::string& path) {
  const rm::unix_address where = rm::unix_address::path(path);
  rm::fd socket(checked(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0), "socket"));
  checked(::bind(socket.number(), where.data(), where.size()), "bind");
  return socket;
}

}  // namespace

TEST_CASE("a listener that was inherited accepts, and leaves its file") {
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    const std::string path = here / "socket";
    rm::fd inherited = bound_unix_socket(SOCK_STREAM, path);
    checked(::listen(inherited.number(), 8), "listen");
    rm::unix_listener listener(std::move(inherited));
    CHECK(listener.local() == rm::unix_address::path(path));
    auto [client, server] =
        co_await rm::when_all(rm::unix_stream::connect(rm::unix_address::path(path)), listener.accept());
    co_await client.write_all("hello");
    std::array<std::byte, 5> buffer;
    co_await rm::read_exactly(server, buffer);
    listener.close();
    CHECK(std::filesystem::exists(path));

    rm::tcp_listener tcp(support::listening_socket());
    const rm::address where = tcp.local();
    auto [there, back] = co_await rm::when_all(rm::tcp_stream::connect(where), tcp.accept());
    co_await there.write_all("hello");
    co_await rm::read_exactly(back, buffer);
  });
}

TEST_CASE("a datagram socket that was inherited receives, and leaves its file") {
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    const std::string path = here / "socket";
    std::array<std::byte, 16> buffer;
    {
      rm::unix_datagram receiver(bound_unix_socket(SOCK_DGRAM, path));
      rm::unix_datagram sender = co_await rm::unix_datagram::connect(rm::unix_address::path(path));
      co_await sender.send("hello");
      const rm::unix_message got = co_await receiver.receive_from(buffer);
      CHECK(got.size == 5);
    }
    CHECK(std::filesystem::exists(path));

    udp_here inherited;
    rm::udp_socket socket(std::move(inherited.handle()));
    const rm::received_datagram got = co_await socket.receive_from(buffer);
    CHECK(got.size == 1);
    CHECK(got.peer == socket.local());
  });
}

TEST_CASE("an open directory and an inotify descriptor can be taken over") {
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    support::make_file(here / "file", "");
    rm::directory from(rm::fd(checked(::open(here.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open")));
    const std::vector<rm::directory_entry> names = from.read_some();
    REQUIRE(names.size() == 1);
    CHECK(names.front().name() == "file");
    from = rm::directory(any_descriptor());
    try {
      from.read_some();
      FAIL("lists what is no directory");
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::not_a_directory);
      support::contains(error.what(), "read directory on fd " + std::to_string(from.native_handle()));
    }

    rm::fd inherited(checked(::inotify_init1(IN_CLOEXEC), "inotify_init"));
    checked(::inotify_add_watch(inherited.number(), here.path().c_str(), IN_CREATE), "inotify_add_watch");
    rm::file_watch watch(std::move(inherited));
    support::make_file(here / "new", "");
    const rm::file_event event = co_await rm::with_timeout(5s, watch.next());
    CHECK(event.name() == "new");
    CHECK(event.path().empty());
  });
}
