#include <doctest/doctest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <ringmill/io/process.hpp>
#include <ringmill/io/run_process.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/kernels.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::on_each_kernel;

namespace {

rm::process_options shell(std::string script) {
  rm::process_options options("sh");
  options.arguments({"-c", std::move(script)});
  return options;
}

rm::task<std::string> output_of(rm::process_options options) {
  rm::finished_process result = co_await rm::run_process(std::move(options));
  CHECK(result.status.is_success());
  CHECK(result.error_output == "");
  co_return std::move(result.output);
}

rm::task<std::string> read_some_text(rm::pipe_reader& from) {
  std::array<char, 256> buffer;
  const std::size_t n = co_await from.read_some(std::as_writable_bytes(std::span(buffer)));
  co_return std::string(buffer.data(), n);
}

/// Runs until it is killed, and has said so on its standard output.
rm::process_options sleeper(const std::string& before = "") {
  rm::process_options options = shell(before + "echo ready; exec sleep 1000");
  options.standard_output(rm::redirection::pipe());
  return options;
}

bool has_no_children() { return waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD; }

/// Is it gone, or waiting to be reaped by somebody else?
bool is_dead(int process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return true;
  return text.compare(text.rfind(')') + 2, 1, "Z") == 0;
}

rm::task<> until_dead(int process) {
  while (!is_dead(process)) co_await rm::sleep_for(1ms);
}

/// A folder that is gone afterwards.
class temporary_folder {
 public:
  temporary_folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ringmill-process-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()));
    path_ = pattern;
  }
  ~temporary_folder() { std::filesystem::remove_all(path_); }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

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

TEST_CASE("wait tells how a child ended: its code, or the signal that killed it") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    rm::process well = rm::process::spawn(shell("exit 0"));
    rm::process badly = rm::process::spawn(shell("exit 3"));
    rm::process killed = rm::process::spawn(shell("ulimit -c 0; kill -SEGV $$"));
    const rm::exit_status of_well = co_await well.wait();
    const rm::exit_status of_badly = co_await badly.wait();
    const rm::exit_status of_killed = co_await killed.wait();
    CHECK(of_well.is_success());
    CHECK(of_well.to_string() == "exited with 0");
    CHECK_FALSE(of_badly.is_success());
    CHECK(of_badly.code() == 3);
    CHECK_FALSE(of_badly.signal());
    CHECK(of_killed.signal() == SIGSEGV);
    CHECK_FALSE(of_killed.code());
    CHECK(of_killed.shell_code() == 128 + SIGSEGV);
    CHECK(of_killed.to_string() == "killed by SIGSEGV");
    CHECK(badly.status() == of_badly);
    const rm::exit_status again = co_await badly.wait();
    CHECK(again == of_badly);
  });
  CHECK(has_no_children());
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a program that cannot be started is an exception of spawn, which names it") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    const temporary_folder folder;
    const std::string text_file = (folder.path() / "text").string();
    std::ofstream(text_file) << "no program\n";

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
    const temporary_folder folder;
    rm::process_options options("pwd");
    options.working_directory(folder.path().string());
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

TEST_CASE("a wait that is cancelled, before its start or in flight, leaves the child alone") {
  on_each_kernel([]() -> rm::task<> {
    rm::process child = rm::process::spawn(sleeper());
    for (const auto patience : {0ms, 2ms}) {
      const std::optional<rm::exit_status> ended = co_await rm::move_on_after(patience, child.wait());
      CHECK_FALSE(ended);
    }
    CHECK_FALSE(child.status());
    const std::string said = co_await read_some_text(child.standard_output());
    CHECK(said == "ready\n");
    child.kill(SIGUSR1);
    const rm::exit_status ended = co_await child.wait();
    CHECK(ended.signal() == SIGUSR1);
    child.kill(SIGKILL);  // it has been waited for: nobody gets this
  });
}

TEST_CASE("several tasks may wait for one child") {
  on_each_kernel([]() -> rm::task<> {
    rm::process child = rm::process::spawn(sleeper());
    std::vector<rm::exit_status> ends;
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      for (int i = 0; i < 3; ++i) {
        all.start([&]() -> rm::task<> {
          const rm::exit_status ended = co_await child.wait();
          ends.push_back(ended);
        });
      }
      co_await rm::sleep_for(1ms);
      support::contains(rm::dump_tasks(), "the end of process " + std::to_string(child.id()));
      child.kill(SIGKILL);
    });
    CHECK(ends == std::vector(3, rm::exit_status::killed(SIGKILL, false)));
  });
}

TEST_CASE("a handle that dies with its child running kills and reaps it, and ends who waits for it") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    std::optional<rm::process> child = rm::process::spawn(sleeper());
    const int id = child->id();
    bool was_told = false;
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start([&]() -> rm::task<> {
        try {
          const rm::exit_status ended = co_await child->wait();
          was_told = ended.signal() == SIGKILL;
        } catch (const std::system_error& error) {
          was_told = error.code() == std::errc::operation_canceled;
        }
      });
      co_await rm::sleep_for(1ms);
      child.reset();
      CHECK(kill(id, 0) == -1);
      CHECK(errno == ESRCH);
    });
    CHECK(was_told);

    rm::process first = rm::process::spawn(sleeper());
    const int first_id = first.id();
    first = rm::process::spawn(sleeper());
    CHECK(is_dead(first_id));
    CHECK_FALSE(is_dead(first.id()));
  });
  CHECK(has_no_children());
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a child that somebody else has waited for is an error of wait, and no signal goes astray") {
  on_each_kernel([]() -> rm::task<> {
    rm::process child = rm::process::spawn(shell("exit 1"));
    REQUIRE(waitpid(child.id(), nullptr, 0) == child.id());
    child.kill(SIGKILL);
    std::error_code code;
    try {
      co_await child.wait();
    } catch (const std::system_error& error) {
      code = error.code();
      support::contains(error.what(), "wait for process " + std::to_string(child.id()));
    }
    CHECK(code == std::errc::no_child_process);
  });
}

TEST_CASE("terminate asks first, and kills what does not listen") {
  on_each_kernel([]() -> rm::task<> {
    rm::process polite = rm::process::spawn(sleeper());
    co_await read_some_text(polite.standard_output());
    const rm::exit_status of_polite = co_await polite.terminate(10s);
    CHECK(of_polite.signal() == SIGTERM);
    const rm::exit_status again = co_await polite.terminate(10s);
    CHECK(again == of_polite);

    rm::process deaf = rm::process::spawn(sleeper("trap '' TERM; "));
    co_await read_some_text(deaf.standard_output());
    const rm::exit_status of_deaf = co_await deaf.terminate(5ms);
    CHECK(of_deaf.signal() == SIGKILL);
  });
  CHECK(has_no_children());
}

TEST_CASE("a signal to a child with a group of its own reaches what it has started") {
  on_each_kernel([]() -> rm::task<> {
    for (const bool by_terminate : {false, true}) {
      rm::process_options options = shell("(trap '' TERM; exec sleep 1000) & echo $!; wait");
      options.standard_output(rm::redirection::pipe()).new_group();
      std::optional<rm::process> child = rm::process::spawn(options);
      CHECK(getpgid(child->id()) == child->id());
      const std::string said = co_await read_some_text(child->standard_output());
      const int grandchild = std::stoi(said);
      CHECK_FALSE(is_dead(grandchild));
      if (by_terminate) {
        const rm::exit_status ended = co_await child->terminate(1s);
        CHECK_FALSE(ended.is_success());
      } else {
        child.reset();
      }
      co_await rm::with_timeout(5s, until_dead(grandchild));
    }
  });
}

TEST_CASE("a child that has left the group of its own is killed and reaped all the same") {
  on_each_kernel([]() -> rm::task<> {
    rm::process_options options("perl");  // a shell cannot
    options.arguments({"-e", "setpgrp(0, getpgrp(getppid())); $| = 1; print 'ready'; sleep 1000"});
    options.standard_output(rm::redirection::pipe()).new_group();
    for (const bool by_terminate : {false, true}) {
      std::optional<rm::process> child = rm::process::spawn(options);
      const std::string said = co_await read_some_text(child->standard_output());
      CHECK(said == "ready");
      if (getpgid(child->id()) == child->id()) {
        MESSAGE("skipped: it may not enter this process's group (as where that has none of its own session)");
        co_return;
      }
      if (by_terminate) {
        const rm::exit_status ended = co_await rm::with_timeout(5s, child->terminate(5ms));
        CHECK(ended.signal() == SIGTERM);
      } else {
        child.reset();
      }
    }
  });
  CHECK(has_no_children());
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

TEST_CASE("the parent-death signal ends a child whose parent is killed") {
  std::array<int, 2> ends{};
  REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
  const pid_t parent = fork();
  if (parent == 0) {
    const auto body = [&]() -> rm::task<> {
      rm::process_options options("sleep");
      const rm::process child = rm::process::spawn(options.argument("1000").parent_death_signal(SIGKILL));
      const int id = child.id();
      if (write(ends[1], &id, sizeof id) == sizeof id) kill(getpid(), SIGKILL);
      co_return;
    };
    rm::run(body());
    _exit(1);
  }
  int id = 0;
  REQUIRE(read(ends[0], &id, sizeof id) == sizeof id);
  close(ends[0]);
  close(ends[1]);
  int status = 0;
  waitpid(parent, &status, 0);
  CHECK(WTERMSIG(status) == SIGKILL);
  const auto wait_for_the_end = [&]() -> rm::task<> { co_await rm::with_timeout(5s, until_dead(id)); };
  rm::run(wait_for_the_end());
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

TEST_CASE("run_process gives what a failing program said") {
  on_each_kernel([]() -> rm::task<> {
    const rm::finished_process result = co_await rm::run_process(shell("echo no >&2; exit 4"));
    CHECK(result.status.code() == 4);
    CHECK(result.error_output == "no\n");
    CHECK_THROWS_AS(co_await rm::run_process(rm::process_options("no-such-program")), std::system_error);
  });
}

TEST_CASE("run_process does not mind a program that reads only a part of its input") {
  on_each_kernel([]() -> rm::task<> {
    const rm::collect_options how = rm::collect_options().input(std::string(1 << 20, 'x'));
    const rm::finished_process result = co_await rm::run_process(shell("head -c 3"), how);
    CHECK(result.status.is_success());
    CHECK(result.output == "xxx");
  });
}

TEST_CASE("run_process ends a program that says more than it may") {
  on_each_kernel([]() -> rm::task<> {
    const rm::collect_options exactly = rm::collect_options().most_bytes(6);
    const rm::finished_process fits = co_await rm::run_process(shell("echo 12345"), exactly);
    CHECK(fits.output == "12345\n");
    std::string what;
    try {
      co_await rm::run_process(rm::process_options("yes"), exactly);
    } catch (const std::length_error& error) {
      what = error.what();
    }
    CHECK(what == "run_process yes: more than 6 bytes of output");
    const rm::collect_options unlimited = rm::collect_options().most_bytes(std::numeric_limits<std::size_t>::max());
    const rm::finished_process all = co_await rm::run_process(shell("echo all"), unlimited);
    CHECK(all.output == "all\n");
  });
  CHECK(has_no_children());
}

TEST_CASE("cancelling run_process ends the program: SIGTERM, and SIGKILL after the grace") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    const temporary_folder folder;
    const std::string note = (folder.path() / "note").string();
    const std::string started = (folder.path() / "started").string();
    const auto has_started = [&]() -> rm::task<> {
      while (!std::filesystem::exists(started)) co_await rm::sleep_for(1ms);
    };
    const auto run_until_started = [&](rm::process_options options, rm::collect_options how) -> rm::task<> {
      rm::nursery all;
      co_await all.run([&]() -> rm::task<> {
        all.start([&]() -> rm::task<> { co_await rm::run_process(options, how); });
        co_await rm::with_timeout(10s, has_started());
        all.cancel();
      });
      std::filesystem::remove(started);
      CHECK(has_no_children());
    };
    // It cleans up when it is asked to end. Its trap is set by then: it says when it has started.
    rm::process_options tidy =
        shell("trap 'echo ended >" + note + "; exit 0' TERM; : >" + started + "; while :; do sleep 0.01; done");
    co_await run_until_started(tidy, rm::collect_options());
    CHECK(std::filesystem::exists(note));
    std::filesystem::remove(note);
    co_await run_until_started(tidy, rm::collect_options().grace(rm::duration::max()));
    CHECK(std::filesystem::exists(note));

    rm::process_options deaf = shell("trap '' TERM; : >" + started + "; exec sleep 1000");
    co_await run_until_started(deaf, rm::collect_options().grace(5ms));
  });
  CHECK(has_no_children());
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a time limit ends what run_process runs") {
  on_each_kernel([]() -> rm::task<> {
    CHECK_THROWS_AS(co_await rm::with_timeout(5ms, rm::run_process(rm::process_options("sleep").argument("1000"))),
                    rm::timeout_error);
  });
  CHECK(has_no_children());
}
