// How children end: waited for, killed, terminated, with their handle; alone and with their group.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <ringmill/io/process.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/children.hpp"
#include "../support/death.hpp"
#include "../support/kernels.hpp"
#include "../support/log_capture.hpp"
#include "../support/sockets.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::has_no_children;
using support::is_dead;
using support::on_each_kernel;
using support::read_some_text;
using support::shell;
using support::sleeper;
using support::until_dead;

namespace {

/// Says the number of a process of its group that ignores SIGTERM, before `then`.
rm::process_options deaf_grandchild(const std::string& then) {
  rm::process_options options = shell("trap '' TERM; sleep 1000 >&- & trap - TERM; echo $!; " + then);
  options.standard_output(rm::redirection::pipe());
  return options;
}

/// Ends after all that is made when it is first used.
std::optional<rm::process> of_static_duration;

/// Another process that traces a child, as long as this lives.
class debugger {
 public:
  explicit debugger(int child) {
    support::ends answer = support::ends::of_pipe();
    id_ = fork();
    if (id_ == 0) {
      const bool attached = ptrace(PTRACE_SEIZE, child, nullptr, nullptr) == 0;
      if (write(answer.right.number(), &attached, sizeof attached) != sizeof attached) _exit(1);
      for (;;) pause();
    }
    answer.right.reset();
    if (read(answer.left.number(), &attached_, sizeof attached_) != sizeof attached_) attached_ = false;
  }
  debugger(const debugger&) = delete;
  debugger& operator=(const debugger&) = delete;
  ~debugger() {
    ::kill(id_, SIGKILL);
    waitpid(id_, nullptr, 0);
  }
  bool is_attached() const noexcept { return attached_; }

 private:
  pid_t id_ = -1;
  bool attached_ = false;
};

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

TEST_CASE("whoever is told first of the end of a child: terminate and the handle's end leave nothing of its group") {
  on_each_kernel([]() -> rm::task<> {
    enum class way { wait_beside_terminate, wait_then_terminate, wait_then_kill, wait_then_destroy };
    for (const way how :
         {way::wait_beside_terminate, way::wait_then_terminate, way::wait_then_kill, way::wait_then_destroy}) {
      CAPTURE(static_cast<int>(how));
      const bool ends_by_itself = how != way::wait_beside_terminate;
      std::optional<rm::process> child =
          rm::process::spawn(deaf_grandchild(ends_by_itself ? "exit 3" : "wait").new_group());
      const int id = child->id();
      const std::string said = co_await read_some_text(child->standard_output());
      const int grandchild = std::stoi(said);
      if (how == way::wait_beside_terminate) {
        // Waits are in flight before and after that of terminate: one of them is told first.
        const auto ends =
            co_await rm::with_timeout(10s, rm::when_all(child->wait(), child->terminate(10s), child->wait()));
        CHECK(std::get<0>(ends).signal() == SIGTERM);
        CHECK(std::get<1>(ends).signal() == SIGTERM);
        CHECK(std::get<2>(ends).signal() == SIGTERM);
      } else {
        const rm::exit_status ended = co_await rm::with_timeout(10s, child->wait());
        CHECK(ended.code() == 3);
        CHECK(support::state_of(id) == 'Z');  // its number, the group's, is nobody else's
        CHECK_FALSE(is_dead(grandchild));
      }
      if (how == way::wait_then_terminate) {
        const rm::exit_status ended = co_await rm::with_timeout(10s, child->terminate(10s));
        CHECK(ended.code() == 3);
      }
      if (how == way::wait_then_kill) child->kill(SIGKILL);
      if (how == way::wait_then_destroy) child.reset();
      co_await rm::with_timeout(10s, until_dead(grandchild));
      CHECK((support::state_of(id) == 'Z') == (how == way::wait_then_kill));
    }
  });
  CHECK(has_no_children());
}

TEST_CASE("a terminate that is cancelled after others were told of the end leaves the group to the handle") {
  on_each_kernel([]() -> rm::task<> {
    std::optional<rm::process> child = rm::process::spawn(deaf_grandchild("wait").new_group());
    const std::string said = co_await read_some_text(child->standard_output());
    const int grandchild = std::stoi(said);
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start([&]() -> rm::task<> {
        co_await child->wait();
        all.cancel();
      });
      all.start([&]() -> rm::task<> { co_await child->terminate(10s); });
      co_return;
    });
    child.reset();
    co_await rm::with_timeout(10s, until_dead(grandchild));
  });
  CHECK(has_no_children());
}

TEST_CASE("a child that may not be killed does not hold up the end of its handle, and is reaped when it has ended") {
  if (getuid() != 0) {
    MESSAGE("skipped: only root can become somebody else");
    return;
  }
  // In a process of its own, which gives its user up. It says by its exit code which step failed.
  const pid_t tester = fork();
  if (tester == 0) {
    int failed = 0;
    const auto body = [&]() -> rm::task<> {
      const support::log_capture log;
      support::ends input = support::ends::of_pipe();
      rm::process_options options("cat");
      std::optional<rm::process> child =
          rm::process::spawn(options.standard_input(rm::redirection::descriptor(input.left.number())).new_group());
      input.left.reset();
      const int id = child->id();
      constexpr uid_t somebody = 65534;
      if (setresuid(somebody, somebody, somebody) < 0) failed = 1;
      child.reset();
      if (is_dead(id)) failed = 2;
      const std::string said = "process " + std::to_string(id) + " could not be killed with its handle: Operation not";
      if (log.text().find(said) == std::string::npos) failed = 3;
      input.right.reset();
      co_await rm::with_timeout(10s, until_dead(id));
      if (support::state_of(id) != 'Z') failed = 4;
      rm::process next = rm::process::spawn(rm::process_options("true"));
      if (support::state_of(id) != '\0') failed = 5;
      co_await next.wait();
    };
    try {
      rm::run(body());
    } catch (const std::exception&) {
      failed = 6;
    }
    _exit(failed);
  }
  int status = 0;
  REQUIRE(waitpid(tester, &status, 0) == tester);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("a debugger that holds the end of a child back: wait waits for it, the handle's end does not") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    const support::log_capture log;
    std::optional<rm::process> child = rm::process::spawn(sleeper());
    const int id = child->id();
    std::optional<debugger> holds(std::in_place, id);
    if (!holds->is_attached()) {
      MESSAGE("skipped: no process may be traced here");
      co_return;
    }
    child->kill(SIGKILL);
    co_await rm::with_timeout(10s, until_dead(id));
    const std::optional<rm::exit_status> told = co_await rm::move_on_after(20ms, child->wait());
    CHECK_FALSE(told);
    child.reset();
    support::contains(log.text(), "process " + std::to_string(id) + " could not be killed with its handle: it has not");
    CHECK(support::state_of(id) == 'Z');

    rm::process other = rm::process::spawn(sleeper());
    holds.emplace(other.id());
    CHECK(support::state_of(id) == 'Z');  // nobody holds it any more
    other.kill(SIGKILL);
    const auto let_go = [&]() -> rm::task<> {
      co_await rm::sleep_for(5ms);
      holds.reset();
    };
    const auto both = co_await rm::with_timeout(10s, rm::when_all(other.wait(), let_go()));
    CHECK(std::get<0>(both).signal() == SIGKILL);
  });
  CHECK(has_no_children());
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("the second that a killed child is given is one, however many signals come meanwhile") {
  static volatile std::sig_atomic_t alarms = 0;
  constexpr int enough = 30;
  struct sigaction before {};
  struct sigaction count {};
  count.sa_handler = [](int) {
    alarms = alarms + 1;
    const itimerval never{};
    if (alarms == enough) setitimer(ITIMER_REAL, &never, nullptr);
  };
  sigaction(SIGALRM, &count, &before);
  const auto kernel = rm::make_real_kernel();
  const rm::fd never_ends(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  REQUIRE(never_ends);
  const itimerval every_100_ms{{0, 100'000}, {0, 100'000}};
  setitimer(ITIMER_REAL, &every_100_ms, nullptr);
  kernel->processes().wait_a_second(never_ends.number());
  const itimerval never{};
  setitimer(ITIMER_REAL, &never, nullptr);
  sigaction(SIGALRM, &before, nullptr);
  CHECK(alarms < enough);
}

TEST_CASE("a process of static duration is killed at the end of the program") {
  const std::string said = support::output_of([] {
    dup2(STDERR_FILENO, STDOUT_FILENO);  // what the test has not written yet is not to be written twice
    const auto body = []() -> rm::task<> {
      rm::process_options options("sleep");
      options.argument("1000").standard_output(rm::redirection::null()).standard_error(rm::redirection::null());
      of_static_duration = rm::process::spawn(options);
      const std::string number = "child " + std::to_string(of_static_duration->id()) + "\n";
      if (write(STDERR_FILENO, number.data(), number.size()) < 0) _exit(1);
      co_return;
    };
    rm::run(body());
    exit(0);
  });
  support::contains(said, "it lived, and exited with 0");
  const std::size_t number = said.find("child ");
  REQUIRE(number != std::string::npos);
  CHECK(is_dead(std::stoi(said.substr(number + 6))));
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
