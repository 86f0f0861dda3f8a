// What a child starts with: program, arguments, environment, descriptors, streams.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <ringmill/io/process.hpp>
#include <ringmill/io/run_process.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/children.hpp"
#include "../support/kernels.hpp"
#include "../support/scratch.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::has_no_children;
using support::on_each_kernel;
using support::read_some_text;
using support::shell;
using support::sleeper;

namespace {

rm::task<std::string> output_of(rm::process_options options) {
  rm::finished_process result = co_await rm::run_process(std::move(options));
  CHECK(result.status.is_success());
  CHECK(result.error_output == "");
  co_return std::move(result.output);
}

/// What `spawn` says when it cannot.
std::system_error error_of(const rm::process_options& options) {
  try {
    rm::process::spawn(options);
  } catch (const std::system_error& error) {
    return error;
  }
  FAIL("it was spawned");
  throw std::logic_error("not reached");
}

}  // namespace

TEST_CASE("a program that cannot be started is an exception of spawn, which names it") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    const support::scratch folder;
    const std::string text_file = folder / "text";
    support::make_file(text_file, "no program\n");

    const std::system_error missing = error_of(rm::process_options("no-such-program"));
    CHECK(missing.code() == std::errc::no_such_file_or_directory);
    support::contains(missing.what(), "spawn no-such-program");
    CHECK(error_of(rm::process_options(text_file)).code() == std::errc::permission_denied);

    rm::process_options nowhere("true");
    nowhere.working_directory("/no/such/folder");
    support::contains(error_of(nowhere).what(), "spawn true: its working directory /no/such/folder");

    rm::process_options closed("true");
    closed.standard_output(rm::redirection::descriptor(12345));
    const std::system_error no_stream = error_of(closed);
    CHECK(no_stream.code() == std::errc::bad_file_descriptor);
    support::contains(no_stream.what(), "spawn true: its standard streams");
    co_return;
  });
  CHECK(has_no_children());
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("options that make no sense are refused before anything is started") {
  rm::process_options options("true");
  CHECK_THROWS_AS(options.environment("", "x"), std::invalid_argument);
  CHECK_THROWS_AS(options.environment("A=B", "x"), std::invalid_argument);
  CHECK_THROWS_AS(options.environment("A", std::string("x\0y", 3)), std::invalid_argument);
  CHECK_THROWS_AS(rm::process::spawn(rm::process_options("")), std::invalid_argument);
  CHECK_THROWS_AS(rm::process::spawn(rm::process_options("true").argument(std::string("a\0b", 3))),
                  std::invalid_argument);
  CHECK_THROWS_AS(
      rm::process::spawn(rm::process_options("true").standard_output(rm::redirection::to_standard_output())),
      std::invalid_argument);
  CHECK_THROWS_AS(rm::process::spawn(rm::process_options("true").standard_output(rm::redirection::descriptor(-1))),
                  std::invalid_argument);
  CHECK(has_no_children());
}

TEST_CASE("arguments arrive as they are, without a shell") {
  on_each_kernel([]() -> rm::task<> {
    rm::process_options options("printf");
    options.arguments({"%s|", "a b", "$HOME", "", "*", "\"'"});
    const std::string text = co_await output_of(options);
    CHECK(text == "a b|$HOME||*|\"'|");
  });
}

TEST_CASE("the environment is the parent's with changes, or made from nothing") {
  on_each_kernel([]() -> rm::task<> {
    setenv("RINGMILL_TEST_A", "old", 1);
    setenv("RINGMILL_TEST_B", "old", 1);
    setenv("RINGMILL_TEST_C", "kept", 1);
    rm::process_options changed = shell("echo $RINGMILL_TEST_A,${RINGMILL_TEST_B-none},$RINGMILL_TEST_C");
    changed.environment("RINGMILL_TEST_A", "new").remove_environment("RINGMILL_TEST_B");
    const std::string of_changed = co_await output_of(changed);
    CHECK(of_changed == "new,none,kept\n");

    rm::process_options only("env");
    only.clear_environment().environment("A", "1=2").environment("A", "3=4");
    const std::string of_only = co_await output_of(only);
    CHECK(of_only == "A=3=4\n");
  });
}

TEST_CASE("the working directory is the one that was asked for") {
  on_each_kernel([]() -> rm::task<> {
    const support::scratch folder;
    rm::process_options options("pwd");
    options.working_directory(folder.path());
    const std::string text = co_await output_of(options);
    CHECK(text == std::filesystem::canonical(folder.path()).string() + "\n");
  });
}

TEST_CASE("a child gets its three streams and no other descriptor of the parent, with or without close-on-exec") {
  on_each_kernel([]() -> rm::task<> {
    const rm::fd leaky(dup(STDERR_FILENO));
    const rm::fd high(fcntl(STDERR_FILENO, F_DUPFD, 700));
    // `ls` itself opens the folder, as the lowest free number.
    const std::string text = co_await output_of(rm::process_options("ls").argument("/proc/self/fd"));
    CHECK(text == "0\n1\n2\n3\n");
  });
}

TEST_CASE("a child starts with no signal blocked and none ignored, whatever the parent does") {
  on_each_kernel([]() -> rm::task<> {
    const rm::signal_set signals({SIGHUP, SIGUSR1});
    const auto before = signal(SIGPIPE, SIG_IGN);
    rm::process_options options("grep");
    options.arguments({"-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status"});
    const std::string text = co_await output_of(options);
    signal(SIGPIPE, before);
    support::contains(text, "SigBlk:\t0000000000000000");
    support::contains(text, "SigIgn:\t0000000000000000");
  });
}

TEST_CASE("a megabyte goes through a child's pipes and comes back") {
  on_each_kernel([]() -> rm::task<> {
    std::string text(1 << 20, 'x');
    for (std::size_t i = 0; i < text.size(); i += 4093) text[i] = static_cast<char>('a' + i % 26);
    const rm::finished_process result =
        co_await rm::run_process(rm::process_options("cat"), rm::collect_options().input(text));
    CHECK(result.status.is_success());
    CHECK(result.output == text);
  });
}

TEST_CASE("standard streams: apart, together, into nothing, into a descriptor, crosswise") {
  on_each_kernel([]() -> rm::task<> {
    const std::string both = "echo out; echo error >&2";
    const rm::finished_process apart = co_await rm::run_process(shell(both));
    CHECK(apart.output == "out\n");
    CHECK(apart.error_output == "error\n");

    rm::process_options joined = shell(both);
    joined.standard_error(rm::redirection::to_standard_output());
    const rm::finished_process together = co_await rm::run_process(joined);
    CHECK(together.output == "out\nerror\n");
    CHECK(together.error_output == "");

    rm::process_options half = shell(both);
    half.standard_output(rm::redirection::null());
    const rm::finished_process without = co_await rm::run_process(half);
    CHECK(without.output == "");
    CHECK(without.error_output == "error\n");

    std::array<int, 2> ends{};
    REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
    rm::fd reader(ends[0]);
    rm::fd writer(ends[1]);
    rm::process_options crosswise = shell("echo to the pipe >&2; echo still here");
    crosswise.standard_error(rm::redirection::descriptor(writer.number()));
    const std::string rest = co_await output_of(crosswise);
    CHECK(rest == "still here\n");
    writer.reset();
    std::array<char, 64> buffer{};
    const std::size_t n = co_await rm::read_op(reader, std::as_writable_bytes(std::span(buffer)));
    CHECK(std::string(buffer.data(), n) == "to the pipe\n");
  });
}

TEST_CASE("standard descriptors of the parent may change places in the child") {
  on_each_kernel([]() -> rm::task<> {
    rm::process_options options("readlink");
    options.arguments({"/proc/self/fd/0", "/proc/self/fd/2"});
    options.standard_input(rm::redirection::descriptor(2)).standard_error(rm::redirection::descriptor(0));
    const std::string text = co_await output_of(options);
    CHECK(text == std::filesystem::read_symlink("/proc/self/fd/2").string() + "\n" +
                      std::filesystem::read_symlink("/proc/self/fd/0").string() + "\n");
  });
}

TEST_CASE("a stream that was not asked for as a pipe is refused") {
  on_each_kernel([]() -> rm::task<> {
    rm::process child = rm::process::spawn(rm::process_options("true"));
    CHECK_THROWS_AS(child.standard_input(), std::logic_error);
    CHECK_THROWS_AS(child.standard_output(), std::logic_error);
    CHECK_THROWS_AS(child.standard_error(), std::logic_error);
    co_await child.wait();
  });
}

TEST_CASE("writing to a child that does not read is an error, and raises no signal") {
  on_each_kernel([]() -> rm::task<> {
    rm::process_options options = shell("exec <&-; echo closed; exec sleep 1000");
    options.standard_input(rm::redirection::pipe()).standard_output(rm::redirection::pipe());
    rm::process child = rm::process::spawn(options);
    const std::string said = co_await read_some_text(child.standard_output());
    CHECK(said == "closed\n");
    std::error_code code;
    try {
      co_await child.standard_input().write_all("nobody reads this");
    } catch (const std::system_error& error) {
      code = error.code();
      support::contains(error.what(), "write");
    }
    CHECK(code == std::errc::broken_pipe);
  });
}

TEST_CASE("a write that waits for room, and a read that waits for bytes, can be cancelled or closed") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    rm::process_options options = sleeper();
    options.standard_input(rm::redirection::pipe());
    rm::process child = rm::process::spawn(options);
    const std::string ready = co_await read_some_text(child.standard_output());
    CHECK(ready == "ready\n");
    const std::string much(1 << 20, 'x');
    const bool written = co_await rm::move_on_after(2ms, child.standard_input().write_all(much));
    CHECK_FALSE(written);
    const std::optional<std::string> read = co_await rm::move_on_after(2ms, read_some_text(child.standard_output()));
    CHECK_FALSE(read);

    int ended = 0;
    const auto note_the_end = [&](auto&& operation) -> rm::task<> {
      try {
        co_await operation();
      } catch (const std::system_error& error) {
        if (error.code() == std::errc::operation_canceled) ++ended;
      }
    };
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start(note_the_end, [&] { return child.standard_input().write_all(much); });
      all.start(note_the_end, [&] { return read_some_text(child.standard_output()); });
      co_await rm::sleep_for(1ms);
      child.standard_input().close();
      child.standard_output().close();
    });
    CHECK(ended == 2);
  });
  CHECK(has_no_children());
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a session of its own has no terminal and is a group as well") {
  on_each_kernel([]() -> rm::task<> {
    rm::process_options options = sleeper();
    rm::process child = rm::process::spawn(options.new_session());
    CHECK(getsid(child.id()) == child.id());
    CHECK(getpgid(child.id()) == child.id());
    co_return;
  });
}

TEST_CASE("a hundred children at a time, each with its own output") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    std::vector<rm::task<std::string>> all;
    for (int i = 0; i < 100; ++i) all.push_back(output_of(rm::process_options("echo").argument(std::to_string(i))));
    const std::vector<std::string> texts = co_await rm::when_all(std::move(all));
    for (int i = 0; i < 100; ++i) CHECK(texts[static_cast<std::size_t>(i)] == std::to_string(i) + "\n");
  });
  CHECK(has_no_children());
  CHECK(support::open_descriptors() == before);
}
