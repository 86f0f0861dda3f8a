// The harness of the conformance suite: small programs that every kernel has to answer alike.
//
// A scenario does things to a kernel through a `scene`, which writes down what came back: a transcript, a line for each
// answer. What the lines have to be stands beside it, taken from the man pages and from Linux, so that each kernel is
// checked against what is documented and not only against the others:
//
// (in namespace conformance, where `send` and `receive` are requests and not system calls)
//
//   TEST_CASE("tcp: bytes that are pending when the peer closes are read before the end") {
//     conforms(
//         [](scene& here) -> rm::task<> {
//           const connection both = co_await here.tcp();
//           co_await here.run(send(both.client, "hello"));
//           here.close(both.client);
//           co_await here.run(receive(both.server, 16));
//           co_await here.run(receive(both.server, 16));
//         },
//         {"send: 5", "close: 0", "receive: 5 \"hello\"", "receive: 0"});
//   }
//
// Nothing is asked of the operating system but through the kernel, and nothing depends on time. That something has
// happened is awaited; that something has not happened yet is asked only where nothing could have made it happen.
#pragma once

#include <doctest/doctest.h>

#include <initializer_list>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <ringmill/io/address.hpp>
#include <ringmill/io/kernel.hpp>
#include <ringmill/io/unix_address.hpp>
#include <ringmill/runtime/task.hpp>

#include "answers.hpp"
#include "raw_op.hpp"
#include "requests.hpp"

namespace conformance {

/// What came back, line by line: "send: 5", "connect: ECONNREFUSED".
class transcript {
 public:
  void add(const std::string& what, const std::string& answer) { lines_.push_back(what + ": " + answer); }
  const std::vector<std::string>& lines() const noexcept { return lines_; }

 private:
  std::vector<std::string> lines_;
};

/// Both ends of a connection that a client has made to a listener, which is closed.
class connection {
 public:
  connection(int client_end, int server_end) noexcept : client(client_end), server(server_end) {}
  int client;
  int server;
};

/// Two sockets that were made for each other.
class pair {
 public:
  pair(int left_end, int right_end) noexcept : left(left_end), right(right_end) {}
  int left;
  int right;
};

/// Both ends of a pipe.
class pipe_ends {
 public:
  pipe_ends(int read_end, int write_end) noexcept : reader(read_end), writer(write_end) {}
  int reader;
  int writer;
};

/// Not a failure: what a scenario is about is not there.
class skipped : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Where a scenario takes place: a ring on the kernel under test, with an empty directory. It closes all descriptors
/// and removes all files that the scenario has left.
class scene {
 public:
  scene(transcript& out, std::string directory) : out_(out), directory_(std::move(directory)) {}
  scene(const scene&) = delete;
  scene& operator=(const scene&) = delete;
  ~scene();

  // Operations.

  /// Hands it to the kernel, in the order of these calls.
  raw_op& start(request what);
  /// co_await it: waits for the last completion of `op`, and writes down that and those before it that are not yet
  /// there. Gives its result.
  rm::task<int> end_of(raw_op& op);
  /// co_await it: the same for the next completion of an operation that may have several.
  rm::task<int> next_of(raw_op& op);
  /// co_await it: starts it and waits for its end.
  rm::task<int> run(request what);
  /// co_await it: the kernel has begun all that was started before.
  rm::task<> settle();
  /// Writes down whether `op` has ended.
  void tell_state(const raw_op& op);
  /// Writes down the names of those two in the order in which they have ended.
  void tell_order(const raw_op& one, const raw_op& other);

  // Calls that the kernel answers at once. All write down what it answered.

  int socket(int domain, int type, int protocol = 0);
  int bind(int socket, const rm::address& where);
  int bind(int socket, const rm::unix_address& where);
  int listen(int socket, int backlog);
  int shutdown(int socket, int how);
  int close(int number);
  int set(int socket, int level, int option, int value);
  int get(int socket, int level, int option);
  /// The port is written as "port" if it is not 0.
  int local(int socket);
  int peer(int socket);

  void note(const std::string& what, const std::string& answer) { out_.add(what, answer); }
  void note(const std::string& what, bool is_so) { out_.add(what, is_so ? "yes" : "no"); }

  // What a scenario begins with. These write down nothing, and fail the test when they do not succeed.

  int tcp_socket(int domain = AF_INET, int flags = 0);
  /// On 127.0.0.1, and a port that the kernel has chosen.
  int tcp_listener(int backlog = 16);
  rm::task<connection> tcp();
  /// Bound to 127.0.0.1.
  int udp_socket(int flags = 0);
  int unix_socket(int type, int flags = 0);
  int unix_listener(const rm::unix_address& where, int backlog = 16);
  pair unix_pair(int type = SOCK_STREAM);
  pipe_ends pipe();
  /// With that content, opened with those flags as well as O_RDWR.
  rm::task<int> file(const std::string& name, const std::string& content, int flags = 0);
  /// The request succeeds.
  rm::task<int> quietly(request what);
  /// Sends until the kernel has room for no more: for Unix sockets, where this stays so. Gives the number of bytes.
  rm::task<int> fill(int socket);
  rm::task<int> fill_pipe(int writer);
  /// Reads as many bytes.
  rm::task<> drain(int socket, int bytes);

  rm::address address_of(int socket);
  /// An address of 127.0.0.1 where nobody listens, as far as this can be had.
  rm::address nobody();
  /// A free name.
  rm::unix_address unix_name();
  /// Of a file in the directory; it is removed at the end.
  std::string path(const std::string& name);

  /// Leaves the scenario, which counts as skipped, unless the kernel has the operation.
  void needs(unsigned opcode, const char* what) const;
  /// Leaves the scenario.
  [[noreturn]] static void skip(const std::string& why);
  rm::kernel& kernel();

  /// For the harness: makes the directory, and leaves nothing behind.
  rm::task<> set_up();
  rm::task<> clean_up();

 private:
  friend class raw_op;
  int checked(int result, const char* what) const;
  int adopt(int number);
  int tell(const char* what, int result);
  void tell_next(raw_op& op);

  transcript& out_;
  std::string directory_;
  std::vector<std::unique_ptr<raw_op>> operations_;
  std::set<int> owned_;
  std::vector<std::string> paths_;
  unsigned completions_ = 0;
  bool has_files_ = false;
};

using play = rm::task<> (*)(scene&);

/// Plays it on each kernel, on a large ring and a tiny one: the transcript has to be `expected`.
void conforms(play scenario, std::initializer_list<const char*> expected);

class bare_kernel;
/// The same for a kernel without a ring, of 8 submission and 16 completion entries (bare_kernel.hpp).
void conforms_bare(void (*scenario)(bare_kernel&, transcript&), std::initializer_list<const char*> expected);

}  // namespace conformance
