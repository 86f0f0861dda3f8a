// What the kernel does with the arrays of a ring: who may enter, what overflows, what is seen when.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <cstring>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <ringmill/io/detail/opcodes.hpp>
#include <ringmill/io/kernel.hpp>

#include "../support/sockets.hpp"
#include "raw_ring.hpp"

namespace rm = ringmill;
using kernel_test::raw_ring;
using kernel_test::saw;
using support::ends;

namespace {

void receive(raw_ring& ring, std::uint64_t tag, const rm::fd& socket, std::span<char> buffer) {
  io_uring_sqe* const entry = ring.entry(tag);
  io_uring_prep_recv(entry, socket.number(), buffer.data(), buffer.size(), 0);
  ring.tag(entry);
}

bool is_readable(int descriptor) {
  pollfd one{descriptor, POLLIN, 0};
  return ::poll(&one, 1, 0) == 1;
}

/// Puts one entry into the arrays of a kernel of ringmill's and gives its result.
int result_of(rm::kernel& behind, void (*fill)(io_uring_sqe&)) {
  const rm::ring_arrays& arrays = behind.arrays();
  io_uring_sqe& entry = arrays.sqes[*arrays.sq_tail & (arrays.sq_entries - 1)];
  std::memset(&entry, 0, sizeof entry);
  fill(entry);
  std::atomic_ref(*arrays.sq_tail).store(*arrays.sq_tail + 1, std::memory_order_release);
  behind.enter(1, true, std::nullopt);
  REQUIRE(std::atomic_ref(*arrays.cq_tail).load(std::memory_order_acquire) != *arrays.cq_head);
  const int result = arrays.cqes[*arrays.cq_head & (arrays.cq_entries - 1)].res;
  std::atomic_ref(*arrays.cq_head).store(*arrays.cq_head + 1, std::memory_order_release);
  return result;
}

}  // namespace

TEST_CASE("kernel: completions that overflow the array are kept, and come when it is entered") {
  raw_ring ring(64, 64);
  constexpr int count = 300;
  for (int i = 0; i < count; ++i) {
    ring.entry(static_cast<std::uint64_t>(i));
    if (i % 50 == 49) ring.submit();
  }
  const bool is_flagged = (*ring.get()->sq.kflags & IORING_SQ_CQ_OVERFLOW) != 0;
  saw("the array's overflow is flagged before it is entered for completions", is_flagged ? "yes" : "no");
  std::vector<bool> seen(count);
  for (const auto& one : ring.collect(count)) seen[one.tag] = true;
  for (const bool each : seen) CHECK(each);
}

TEST_CASE("kernel: with DEFER_TASKRUN a completion is not visible before the ring is entered, and the flags tell") {
  raw_ring ring;
  const ends both = ends::of_sockets();
  std::array<char, 8> buffer{};
  receive(ring, 1, both.left, buffer);
  ring.submit();
  support::write_text(both.right, "x");
  for (int i = 0; i < 1000 && !(*ring.get()->sq.kflags & IORING_SQ_TASKRUN); ++i) usleep(100);
  CHECK((*ring.get()->sq.kflags & IORING_SQ_TASKRUN) != 0);
  CHECK(io_uring_cq_ready(ring.get()) == 0);
  CHECK(io_uring_get_events(ring.get()) == 0);
  CHECK(io_uring_cq_ready(ring.get()) == 1);
}

TEST_CASE("kernel: a registered eventfd wakes who waits for it") {
  raw_ring ring;
  const rm::fd notify(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  REQUIRE(io_uring_register_eventfd(ring.get(), notify.number()) == 0);
  const ends both = ends::of_sockets();
  std::array<char, 8> buffer{};
  receive(ring, 1, both.left, buffer);
  ring.submit();
  CHECK_FALSE(is_readable(notify.number()));
  std::thread writer([&] {
    usleep(20'000);
    support::write_text(both.right, "x");
  });
  pollfd one{notify.number(), POLLIN, 0};
  CHECK(::poll(&one, 1, 2000) == 1);
  writer.join();
  pollfd itself{ring.descriptor(), POLLIN, 0};
  saw("the ring itself, polled after a completion that nobody has collected",
      ::poll(&itself, 1, 0) == 1 ? "readable" : "not readable");
  CHECK(ring.collect(1).size() == 1);
}

TEST_CASE("kernel: a ring of one issuer refuses another thread and a forked child") {
  raw_ring ring;
  ring.entry(1);
  CHECK(ring.collect(1).size() == 1);
  int from_thread = 0;
  std::thread([&] {
    from_thread = io_uring_enter(static_cast<unsigned>(ring.descriptor()), 0, 0, IORING_ENTER_GETEVENTS, nullptr);
  }).join();
  CHECK(from_thread == -EEXIST);
  const pid_t child = fork();
  if (child == 0) {
    const int result = io_uring_enter(static_cast<unsigned>(ring.descriptor()), 0, 0, IORING_ENTER_GETEVENTS, nullptr);
    _exit(result == -EEXIST ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
}

TEST_CASE("kernel: a forked child has no mapping of a ring that was not to be forked") {
  raw_ring ring;
  REQUIRE(io_uring_ring_dontfork(ring.get()) == 0);
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    const rlimit no_core{};
    setrlimit(RLIMIT_CORE, &no_core);
    const volatile unsigned* const head = ring.get()->cq.khead;
    _exit(*head == 0 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  const bool died = !(WIFEXITED(status) && WEXITSTATUS(status) <= 1);  // by the signal, or the sanitizer's report of it
  CHECK(died);
}

TEST_CASE("kernel: setup refuses flags that it does not know, so that one can ask for less") {
  io_uring_params parameters{};
  parameters.flags = 1U << 31;
  io_uring ring{};
  CHECK(io_uring_queue_init_params(8, &ring, &parameters) == -EINVAL);
  parameters = io_uring_params();
  parameters.flags = IORING_SETUP_DEFER_TASKRUN;  // not without SINGLE_ISSUER
  CHECK(io_uring_queue_init_params(8, &ring, &parameters) == -EINVAL);
  CHECK_NOTHROW(rm::make_real_kernel());
}

TEST_CASE("kernel: all that ringmill needs of a ring is there") {
  raw_ring ring;
  CHECK((ring.get()->features & IORING_FEAT_NODROP) != 0);
  CHECK((ring.get()->features & IORING_FEAT_EXT_ARG) != 0);
  CHECK((ring.get()->features & IORING_FEAT_SUBMIT_STABLE) != 0);
  const auto behind = rm::make_real_kernel();
  for (const unsigned opcode : rm::detail::used_opcodes) {
    if (behind->supports(opcode)) continue;
    CAPTURE(opcode);
    const bool is_newer_than_linux_6_1 = opcode > IORING_OP_SENDMSG_ZC;
    CHECK(is_newer_than_linux_6_1);
    saw("not supported here: opcode", std::to_string(opcode));
  }
  CHECK_FALSE(behind->supports(127));
}

TEST_CASE("kernel: a strict ring does what ringmill uses and refuses the rest") {
  const auto behind = rm::make_real_kernel(rm::ring_options().strict());
  CHECK(result_of(*behind, [](io_uring_sqe& entry) { entry.opcode = IORING_OP_NOP; }) == 0);
  CHECK(result_of(*behind, [](io_uring_sqe& entry) { io_uring_prep_madvise(&entry, nullptr, 0, 0); }) == -EACCES);
  CHECK(result_of(*behind, [](io_uring_sqe& entry) { io_uring_prep_epoll_ctl(&entry, 0, 0, 0, nullptr); }) == -EACCES);
  const auto open = rm::make_real_kernel();
  CHECK(result_of(*open, [](io_uring_sqe& entry) { io_uring_prep_epoll_ctl(&entry, -1, -1, 0, nullptr); }) != -EACCES);
}

TEST_CASE("kernel: rings of ordinary users are charged to RLIMIT_MEMLOCK") {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit small{64 * 1024, 64 * 1024};
    setrlimit(RLIMIT_MEMLOCK, &small);
    constexpr uid_t nobody = 65534;
    if (geteuid() == 0 && setuid(nobody) != 0) _exit(200);  // root is not charged
    io_uring ring{};
    _exit(-io_uring_queue_init(4096, &ring, 0));
  }
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  const int error = WEXITSTATUS(status);
  saw("a ring of 4096 entries with a RLIMIT_MEMLOCK of 64 KiB", error == 0 ? "made" : std::strerror(error));
  const bool is_known = error == 0 || error == ENOMEM || error == EPERM;
  CHECK(is_known);
}
