// What the kernel does with sockets: multishot operations, provided buffers, short sends, signals.
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "../support/sockets.hpp"
#include "raw_ring.hpp"

namespace rm = ringmill;
using kernel_test::raw_ring;
using kernel_test::saw;
using support::ends;

TEST_CASE("kernel: a multishot accept goes on as long as it says so: one completion for each client") {
  raw_ring ring;
  const rm::fd listener = support::listening_socket();
  io_uring_sqe* const entry = ring.entry(1);
  io_uring_prep_multishot_accept(entry, listener.number(), nullptr, nullptr, SOCK_CLOEXEC);
  ring.tag(entry);
  ring.submit();
  std::vector<rm::fd> held;
  std::vector<rm::fd> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(support::client_of(listener));
  for (const auto& one : ring.collect(3)) {
    REQUIRE(one.result >= 0);
    CHECK(one.has_more());
    held.emplace_back(one.result);
  }
}

TEST_CASE("kernel: a multishot accept without a free descriptor ends at once") {
  raw_ring ring;
  const rm::fd listener = support::listening_socket();
  const rm::fd client = support::client_of(listener);
  const support::no_more_descriptors shortage;  // before: the limit of the time of the submission counts
  io_uring_sqe* const entry = ring.entry(1);
  io_uring_prep_multishot_accept(entry, listener.number(), nullptr, nullptr, SOCK_CLOEXEC);
  ring.tag(entry);
  const auto last = ring.collect(1);
  REQUIRE(last.size() == 1);
  CHECK(last[0].result == -EMFILE);
  CHECK_FALSE(last[0].has_more());
}

TEST_CASE("kernel: a multishot receive whose buffers are used up ends with ENOBUFS, and its data is kept") {
  raw_ring ring;
  const ends both = ends::of_sockets();
  constexpr unsigned count = 2;
  constexpr unsigned size = 4;
  std::array<char, count * size> memory{};
  io_uring_buf_reg registration{};
  void* place = nullptr;
  REQUIRE(::posix_memalign(&place, 4096, 4096) == 0);
  std::memset(place, 0, 4096);
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(place);
  registration.ring_entries = count;
  registration.bgid = 7;
  REQUIRE(io_uring_register_buf_ring(ring.get(), &registration, 0) == 0);
  auto* const buffers = static_cast<io_uring_buf_ring*>(place);
  for (unsigned i = 0; i < count; ++i) {
    io_uring_buf_ring_add(buffers, memory.data() + i * size, size, static_cast<unsigned short>(i),
                          io_uring_buf_ring_mask(count), static_cast<int>(i));
  }
  io_uring_buf_ring_advance(buffers, count);
  const auto start = [&] {
    io_uring_sqe* const entry = ring.entry(1);
    io_uring_prep_recv_multishot(entry, both.left.number(), nullptr, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = 7;
    ring.tag(entry);
    ring.submit();
  };
  start();
  support::write_text(both.right, "aaaabbbbcccc");
  const auto done = ring.collect(3);
  REQUIRE(done.size() == 3);
  CHECK(done[0].result == 4);
  CHECK(done[0].has_more());
  CHECK(done[1].result == 4);
  CHECK(done[2].result == -ENOBUFS);
  CHECK_FALSE(done[2].has_more());
  io_uring_buf_ring_add(buffers, memory.data(), size, 0, io_uring_buf_ring_mask(count), 0);
  io_uring_buf_ring_advance(buffers, 1);
  start();
  const auto rest = ring.collect(1);
  REQUIRE(rest.size() == 1);
  CHECK(rest[0].result == 4);
  CHECK(std::string(memory.data(), 4) == "cccc");
  io_uring_unregister_buf_ring(ring.get(), 7);
  std::free(place);
}

TEST_CASE("kernel: a send without MSG_WAITALL may take a part only, one with it takes all") {
  for (const bool wait_for_all : {false, true}) {
    raw_ring ring;
    const ends both = ends::of_sockets();
    std::vector<char> data(8 << 20);
    io_uring_sqe* const entry = ring.entry(1);
    io_uring_prep_send(entry, both.left.number(), data.data(), data.size(),
                       MSG_NOSIGNAL | (wait_for_all ? MSG_WAITALL : 0));
    ring.tag(entry);
    ring.submit();
    std::vector<kernel_test::completion> done;
    for (int i = 0; i < 10'000 && done.empty(); ++i) {
      done = ring.collect(1, 1);
      if (done.empty() || wait_for_all) support::drain(both.right);
    }
    REQUIRE(done.size() == 1);
    if (wait_for_all) {
      CHECK(done[0].result == static_cast<int>(data.size()));
    } else {
      saw("a send of 8 MiB without MSG_WAITALL takes", std::to_string(done[0].result) + " bytes");
    }
  }
}

TEST_CASE("kernel: a write to a socket that is gone raises SIGPIPE, a send with MSG_NOSIGNAL does not") {
  for (const bool is_write : {true, false}) {
    const pid_t child = fork();
    if (child == 0) {
      signal(SIGPIPE, SIG_DFL);
      io_uring ring{};
      if (io_uring_queue_init(8, &ring, 0) != 0) _exit(98);
      ends both = ends::of_sockets();
      both.right.reset();
      io_uring_sqe* const entry = io_uring_get_sqe(&ring);
      if (is_write) {
        io_uring_prep_write(entry, both.left.number(), "x", 1, 0);
      } else {
        io_uring_prep_send(entry, both.left.number(), "x", 1, MSG_NOSIGNAL);
      }
      io_uring_cqe* done = nullptr;
      io_uring_submit_and_wait(&ring, 1);
      io_uring_wait_cqe(&ring, &done);
      _exit(done->res == -EPIPE ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    const bool signalled = WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE;
    if (is_write) {
      saw("a write to a socket whose peer is gone", signalled ? "SIGPIPE" : "EPIPE only");
    } else {
      CHECK(status == 0);
    }
  }
}

namespace {

/// A TCP connection that takes much from `left`, of which `right` has room for `receive_buffer` bytes, about.
class narrow_ends {
 public:
  explicit narrow_ends(int receive_buffer) {
    const rm::fd listener = support::listening_socket();
    const int send_buffer = 1 << 20;
    setsockopt(listener.number(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    left = support::client_of(listener);
    support::checked(::fcntl(left.number(), F_SETFL, 0), "fcntl");  // no O_NONBLOCK
    setsockopt(left.number(), SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    right = rm::fd(support::checked(::accept(listener.number(), nullptr, nullptr), "accept"));
  }
  rm::fd left;
  rm::fd right;
};

}  // namespace

TEST_CASE("kernel: a send without a copy completes twice; the second time when the peer has the bytes, or a reset") {
  for (const bool is_reset : {false, true}) {
    raw_ring ring;
    if (io_uring_probe* const probe = io_uring_get_probe_ring(ring.get())) {
      const bool is_there = io_uring_opcode_supported(probe, IORING_OP_SEND_ZC) != 0;
      io_uring_free_probe(probe);
      if (!is_there) return saw("a send without a copy", "not there");
    }
    const narrow_ends both(16384);
    std::vector<char> data(256 << 10);
    io_uring_sqe* const entry = ring.entry(1);
    io_uring_prep_send_zc(entry, both.left.number(), data.data(), data.size(), MSG_NOSIGNAL | MSG_WAITALL, 0);
    ring.tag(entry);
    const auto accepted = ring.collect(2, 200);
    REQUIRE(accepted.size() == 1);
    CHECK(accepted[0].result == static_cast<int>(data.size()));
    CHECK(accepted[0].has_more());
    if (is_reset) {
      io_uring_sqe* const cancel = ring.entry(2);
      io_uring_prep_cancel64(cancel, 1, 0);
      ring.tag(cancel);
      const auto answer = ring.collect(2, 200);
      REQUIRE(answer.size() == 1);
      CHECK(answer[0].tag == 2);
      CHECK(answer[0].result == -ENOENT);  // a cancel does not give the buffer back
      const sockaddr nobody{AF_UNSPEC, {}};
      CHECK(::connect(both.left.number(), &nobody, sizeof nobody) == 0);
    } else {
      std::vector<char> got(data.size());
      for (std::size_t have = 0; have < got.size();) {  // MSG_WAITALL comes back short at times
        const int size = static_cast<int>(::recv(both.right.number(), got.data(), got.size(), 0));
        REQUIRE(size > 0);
        have += static_cast<std::size_t>(size);
      }
    }
    const auto freed = ring.collect(1);
    REQUIRE(freed.size() == 1);
    CHECK(freed[0].tag == 1);
    CHECK(freed[0].flags == IORING_CQE_F_NOTIF);
  }
}

TEST_CASE("kernel: an accept without a free descriptor fails at once, client or not") {
  raw_ring ring;
  const rm::fd listener = support::listening_socket();
  const support::no_more_descriptors shortage;
  io_uring_sqe* const entry = ring.entry(1);
  io_uring_prep_accept(entry, listener.number(), nullptr, nullptr, 0);
  ring.tag(entry);
  const auto done = ring.collect(1, 500);
  saw("accept without a free descriptor and without a client", done.empty() ? "waits" : "EMFILE at once");
  if (!done.empty()) CHECK(done[0].result == -EMFILE);
}

TEST_CASE("kernel: a splice to a Unix socket without room waits for it, after some pages at most") {
  raw_ring ring;
  const ends both = ends::of_sockets();
  support::fill(both.left);
  const ends pipe = ends::of_pipe();
  constexpr std::size_t pages = 32;
  support::checked(::fcntl(pipe.right.number(), F_SETPIPE_SZ, 1 << 20), "fcntl");
  const std::string page(4096, 'x');
  for (std::size_t i = 0; i < pages; ++i) support::write_text(pipe.right, page);
  io_uring_sqe* const entry = ring.entry(1);
  io_uring_prep_splice(entry, pipe.left.number(), -1, both.left.number(), -1, pages * 4096, 0);
  ring.tag(entry);
  CHECK(ring.collect(1, 200).empty());
  io_uring_sqe* const cancel = ring.entry(2);
  io_uring_prep_cancel64(cancel, 1, 0);
  ring.tag(cancel);
  for (const auto& one : ring.collect(2)) {
    if (one.tag != 1) continue;
    saw("what a full Unix socket takes of a splice",
        one.result > 0 ? std::to_string(one.result) + " bytes" : "nothing");
    CHECK(one.result < static_cast<int>(pages * 4096));
  }
}
