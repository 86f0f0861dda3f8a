#include <doctest/doctest.h>

#include <fcntl.h>
#include <liburing.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <ringmill/ringmill.hpp>

#include "../support/kernels.hpp"
#include "../support/scratch.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::bytes_of;
using support::on_each_kernel;

namespace {

rm::task<std::string> read_to_end(rm::pipe_reader& from) {
  std::string text;
  std::string buffer(65536, '\0');
  while (const std::size_t n = co_await from.read_some(bytes_of(buffer))) text.append(buffer, 0, n);
  co_return text;
}

rm::task<> write_and_close(rm::pipe_writer& to, const std::string& text) {
  co_await to.write_all(text);
  to.close();
}

/// Counts SIGPIPE while it lives; without it one would end the test.
class sigpipe_count {
 public:
  sigpipe_count() noexcept {
    seen = 0;
    before_ = ::signal(SIGPIPE, [](int) { seen = seen + 1; });
  }
  sigpipe_count(const sigpipe_count&) = delete;
  sigpipe_count& operator=(const sigpipe_count&) = delete;
  ~sigpipe_count() { ::signal(SIGPIPE, before_); }
  static inline volatile sig_atomic_t seen = 0;

 private:
  sighandler_t before_;
};

/// Runs a body with both ways to write without SIGPIPE: that of Linux 6.18, if this is one, and the other.
template <class Body>
void with_both_ways_to_write(Body body) {
  on_each_kernel(body);
  const bool known = rm::detail::writes_without_signal();
  rm::detail::set_writes_without_signal(false);
  on_each_kernel(body);
  rm::detail::set_writes_without_signal(known);
}

/// Puts a descriptor in the place of another one while it lives.
class in_place_of {
 public:
  in_place_of(int place, int descriptor) : place_(place), kept_(::fcntl(place, F_DUPFD_CLOEXEC, 3)) {
    ::dup2(descriptor, place);
  }
  in_place_of(const in_place_of&) = delete;
  in_place_of& operator=(const in_place_of&) = delete;
  ~in_place_of() {
    ::dup2(kept_, place_);
    ::close(kept_);
  }

 private:
  int place_;
  int kept_;
};

void set_nonblocking(int descriptor) { ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK); }

/// A write as a kernel before Linux 6.18 takes it: asked to raise no signal, it says that it does not know how.
class older_kernels_write : public rm::stream_write_all_op {
 public:
  using stream_write_all_op::stream_write_all_op;

 protected:
  void prepare(io_uring_sqe& entry) noexcept override {
    constexpr __kernel_rwf_t unknown = 0x40000000;
    stream_write_all_op::prepare(entry);
    if (entry.opcode == IORING_OP_WRITE && entry.rw_flags != 0) entry.rw_flags = unknown;
  }
};

}  // namespace

TEST_CASE("a MiB goes through a pipe, and its end is a read of zero") {
  with_both_ways_to_write([]() -> rm::task<> {
    auto [reader, writer] = rm::make_pipe();
    std::string text(1 << 20, 'x');
    for (std::size_t i = 0; i < text.size(); i += 4093) text[i] = static_cast<char>('a' + i % 26);
    const auto both = co_await rm::with_timeout(20s, rm::when_all(write_and_close(writer, text), read_to_end(reader)));
    CHECK(std::get<1>(both) == text);
  });
}

TEST_CASE("the ends of a pipe are not inherited, and are blocking ones for whoever gets them") {
  const auto [reader, writer] = rm::make_pipe();
  for (const int end : {reader.native_handle(), writer.native_handle()}) {
    CHECK((::fcntl(end, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((::fcntl(end, F_GETFL) & O_NONBLOCK) == 0);
  }
}

TEST_CASE("a write to a pipe whose reader has gone throws and raises no signal") {
  with_both_ways_to_write([]() -> rm::task<> {
    const sigpipe_count signals;
    auto [reader, writer] = rm::make_pipe();
    reader.close();
    std::error_code code;
    try {
      co_await writer.write_all("x");
    } catch (const std::system_error& error) {
      code = error.code();
      support::contains(error.what(), "write");
    }
    CHECK(code == std::errc::broken_pipe);
    CHECK(sigpipe_count::seen == 0);
  });
}

TEST_CASE("writes that find out together that the kernel is an older one all write") {
  const bool known = rm::detail::writes_without_signal();
  rm::detail::set_writes_without_signal(true);
  on_each_kernel([]() -> rm::task<> {
    auto [first_reader, first_writer] = rm::make_pipe();
    auto [second_reader, second_writer] = rm::make_pipe();
    const auto text = std::as_bytes(std::span("x", 1));
    co_await rm::when_all(older_kernels_write(first_writer.handle(), text),
                          older_kernels_write(second_writer.handle(), text));
    std::string got(2, '\0');
    const std::size_t from_first = co_await first_reader.read_some(bytes_of(got));
    const std::size_t from_second = co_await second_reader.read_some(bytes_of(got));
    CHECK(from_first == 1);
    CHECK(from_second == 1);
  });
  CHECK(!rm::detail::writes_without_signal());
  rm::detail::set_writes_without_signal(known);
}

TEST_CASE("a reader that goes while a write waits for it ends the write without a signal") {
  with_both_ways_to_write([]() -> rm::task<> {
    const sigpipe_count signals;
    for (const bool nonblocking : {false, true}) {
      auto [reader, writer] = rm::make_pipe();
      if (nonblocking) set_nonblocking(writer.native_handle());
      const std::string much(1 << 20, 'x');
      std::error_code code;
      const auto write = [&, &to = writer]() -> rm::task<> {
        try {
          co_await to.write_all(much);
        } catch (const std::system_error& error) {
          code = error.code();
        }
      };
      const auto leave = [&from = reader]() -> rm::task<> {
        co_await rm::sleep_for(2ms);
        from.close();
      };
      co_await rm::with_timeout(10s, rm::when_all(write(), leave()));
      CHECK(code == std::errc::broken_pipe);
    }
    CHECK(sigpipe_count::seen == 0);
  });
}

TEST_CASE("a pipe with several writers, which fill it under each other's hands, ends all of them with its reader") {
  with_both_ways_to_write([]() -> rm::task<> {
    const sigpipe_count signals;
    for (int round = 0; round < 8; ++round) {
      CAPTURE(round);
      auto [reader, writer] = rm::make_pipe();
      if (round % 2 == 1) set_nonblocking(writer.native_handle());
      const std::string text(70'000, 'x');
      int broken = 0;
      const auto write = [&, to = rm::output_stream(writer.native_handle())]() -> rm::task<> {
        try {
          for (;;) co_await to.write_all(text);
        } catch (const std::system_error& error) {
          broken += error.code() == std::errc::broken_pipe;
        }
      };
      const auto read_some_and_leave = [&, &from = reader]() -> rm::task<> {
        std::string buffer(4096, '\0');
        for (int i = 0; i < round / 2; ++i) co_await from.read_some(bytes_of(buffer));
        co_await rm::sleep_for(1ms);
        from.close();
      };
      std::vector<rm::task<>> all;
      for (int i = 0; i < 5; ++i) all.push_back(write());
      all.push_back(read_some_and_leave());
      co_await rm::with_timeout(20s, rm::when_all(std::move(all)));
      CHECK(broken == 5);
    }
    CHECK(sigpipe_count::seen == 0);
  });
}

TEST_CASE("a read that is cancelled before its start, at once or while it waits takes nothing out of the pipe") {
  on_each_kernel([]() -> rm::task<> {
    auto [reader, writer] = rm::make_pipe();
    std::string buffer(16, '\0');
    for (int turns = 0; turns < 6; ++turns) {
      rm::nursery all;
      co_await all.run([&, &from = reader]() -> rm::task<> {
        all.start([&]() -> rm::task<> { co_await from.read_some(bytes_of(buffer)); });
        for (int i = 0; i < turns; ++i) co_await rm::yield();
        if (turns == 5) co_await rm::sleep_for(1ms);
        all.cancel();
      });
      CHECK(rm::ring::current().in_flight() == 0);
    }
    co_await writer.write_all("later");
    const std::size_t got = co_await rm::with_timeout(5s, reader.read_some(bytes_of(buffer)));
    CHECK(buffer.substr(0, got) == "later");
  });
}

TEST_CASE("a write that waits for room is cancelled") {
  with_both_ways_to_write([]() -> rm::task<> {
    for (const bool nonblocking : {false, true}) {
      auto [reader, writer] = rm::make_pipe();
      if (nonblocking) set_nonblocking(writer.native_handle());
      const std::string much(1 << 20, 'x');
      CHECK_THROWS_AS(co_await rm::with_timeout(2ms, writer.write_all(much)), rm::timeout_error);
      CHECK(rm::ring::current().in_flight() == 0);
      writer.close();
      const std::string part = co_await read_to_end(reader);
      CHECK(part.size() < much.size());
    }
  });
}

TEST_CASE("closing an end ends what is in flight on it") {
  const int before = support::open_descriptors();
  with_both_ways_to_write([]() -> rm::task<> {
    auto [reader, writer] = rm::make_pipe();
    const std::string much(1 << 20, 'x');
    int ended = 0;
    const auto expect_end = [&ended](auto operation) -> rm::task<> {
      try {
        co_await std::move(operation);
      } catch (const std::system_error& error) {
        ended += error.code() == std::errc::operation_canceled;
      }
    };
    std::string buffer(16, '\0');
    auto [other_reader, other_writer] = rm::make_pipe();
    rm::nursery all;
    co_await all.run([&, &write_end = writer, &read_end = other_reader]() -> rm::task<> {
      all.start([&]() -> rm::task<> { co_await expect_end(write_end.write_all(much)); });
      all.start([&]() -> rm::task<> { co_await expect_end(read_end.read_some(bytes_of(buffer))); });
      co_await rm::sleep_for(1ms);
      write_end.close();
      read_end.close();
    });
    CHECK(ended == 2);
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a descriptor that somebody has set to O_NONBLOCK is read and written all the same, and stays so") {
  with_both_ways_to_write([]() -> rm::task<> {
    auto [reader, writer] = rm::make_pipe();
    set_nonblocking(reader.native_handle());
    set_nonblocking(writer.native_handle());
    std::string text(1 << 19, 'y');
    const auto both = co_await rm::with_timeout(20s, rm::when_all(read_to_end(reader), write_and_close(writer, text)));
    CHECK(std::get<0>(both) == text);
    CHECK((::fcntl(reader.native_handle(), F_GETFL) & O_NONBLOCK) != 0);
    auto [quiet_reader, quiet_writer] = rm::make_pipe();
    set_nonblocking(quiet_reader.native_handle());
    CHECK_THROWS_AS(co_await rm::with_timeout(2ms, quiet_reader.read_some(bytes_of(text))), rm::timeout_error);
  });
}

TEST_CASE("a terminal is read line by line, and a read that is cancelled leaves what is typed later") {
  const rm::fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!master || ::grantpt(master.number()) < 0 || ::unlockpt(master.number()) < 0) {
    MESSAGE("skipped: no pseudo terminals here");
    return;
  }
  const rm::fd terminal(::open(::ptsname(master.number()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(static_cast<bool>(terminal));
  on_each_kernel([&]() -> rm::task<> {
    const in_place_of standard(0, terminal.number());
    const int flags = ::fcntl(0, F_GETFL);
    std::string buffer(64, '\0');
    for (int i = 0; i < 3; ++i) {
      CHECK_THROWS_AS(co_await rm::with_timeout(2ms, rm::standard_input().read_some(bytes_of(buffer))),
                      rm::timeout_error);
    }
    REQUIRE(::write(master.number(), "two\nlines\n", 10) == 10);
    std::size_t got = co_await rm::with_timeout(5s, rm::standard_input().read_some(bytes_of(buffer)));
    CHECK(buffer.substr(0, got) == "two\n");
    got = co_await rm::with_timeout(5s, rm::standard_input().read_some(bytes_of(buffer)));
    CHECK(buffer.substr(0, got) == "lines\n");
    REQUIRE(::write(master.number(), "\x04", 1) == 1);  // Ctrl-D
    got = co_await rm::with_timeout(5s, rm::standard_input().read_some(bytes_of(buffer)));
    CHECK(got == 0);
    CHECK(::fcntl(0, F_GETFL) == flags);
  });
}

TEST_CASE("standard streams work for files, and their descriptors stay open") {
  const support::scratch here;
  support::make_file(here / "in", "from a file");
  with_both_ways_to_write([&]() -> rm::task<> {
    const rm::fd in(::open((here / "in").c_str(), O_RDONLY | O_CLOEXEC));
    const rm::fd out(::open((here / "out").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    const in_place_of standard_in(0, in.number());
    std::string buffer(64, '\0');
    const std::size_t got = co_await rm::standard_input().read_some(bytes_of(buffer));
    const std::size_t at_end = co_await rm::standard_input().read_some(bytes_of(buffer));
    CHECK(buffer.substr(0, got) == "from a file");
    CHECK(at_end == 0);
    {
      const in_place_of standard_error(2, out.number());
      const rm::output_stream to = rm::standard_error();
      co_await to.write_all("one ");
      co_await rm::standard_error().write_all("two");
      CHECK(::fcntl(2, F_GETFD) >= 0);
    }
    CHECK(support::contents_of(here / "out") == "one two");
    CHECK(::fcntl(0, F_GETFD) >= 0);
  });
}
