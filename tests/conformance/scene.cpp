#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include <ringmill/io/pipe.hpp>
#include <ringmill/io/ring.hpp>

#include "answers.hpp"
#include "scenario.hpp"

namespace conformance {

void raw_op::prepare(io_uring_sqe& entry) noexcept { request_.fill(entry); }

void raw_op::completed(std::int32_t result, std::uint32_t flags, bool more) noexcept {
  seen_.emplace_back(result, flags, scene_.completions_++);
  if (request_.is_giving_descriptor() && result >= 0) scene_.owned_.insert(result);
  if (listener_ && (!more || seen_.size() >= wanted_)) std::exchange(listener_, nullptr)->wake();
}

// --- operations

scene::~scene() = default;

raw_op& scene::start(request what) {
  operations_.push_back(std::make_unique<raw_op>(*this, std::move(what)));
  operations_.back()->begin();
  return *operations_.back();
}

void scene::tell_next(raw_op& op) {
  const completion& one = op.seen_[op.told_++];
  out_.add(op.what().name(), op.what().text_of(one));
}

rm::task<int> scene::end_of(raw_op& op) {
  co_await op.end();
  while (op.told_ < op.seen().size()) tell_next(op);
  co_return op.last_result();
}

rm::task<int> scene::next_of(raw_op& op) {
  co_await op.until(op.told_ + 1);
  if (op.told_ == op.seen().size()) throw std::logic_error(op.what().name() + " has no other completion");
  tell_next(op);
  co_return op.seen()[op.told_ - 1].result;
}

rm::task<int> scene::run(request what) {
  raw_op& op = start(std::move(what));
  const int result = co_await end_of(op);
  co_return result;
}

rm::task<int> scene::quietly(request what) {
  raw_op& op = start(std::move(what));
  co_await op.end();
  co_return checked(op.last_result(), op.what().name().c_str());
}

rm::task<> scene::settle() { co_await quietly(nop()); }

void scene::tell_state(const raw_op& op) { out_.add(op.what().name(), op.is_in_flight() ? "pending" : "ended"); }

void scene::tell_order(const raw_op& one, const raw_op& other) {
  const bool is_first = one.seen().back().order < other.seen().back().order;
  const std::string first = is_first ? one.what().name() : other.what().name();
  out_.add("order", first + ", " + (is_first ? other.what().name() : one.what().name()));
}

// --- calls

int scene::checked(int result, const char* what) const {
  if (result < 0) throw std::system_error(-result, std::generic_category(), what);
  return result;
}

int scene::adopt(int number) {
  if (number >= 0) owned_.insert(number);
  return number;
}

int scene::tell(const char* what, int result) {
  out_.add(what, answer_text(result));
  return result;
}

int scene::socket(int domain, int type, int protocol) {
  const int made = adopt(kernel().socket(domain, type | SOCK_CLOEXEC, protocol));
  out_.add("socket", made >= 0 ? "a descriptor" : answer_text(made));
  return made;
}

int scene::bind(int socket, const rm::address& where) {
  return tell("bind", kernel().bind(socket, where.data(), where.size()));
}
int scene::bind(int socket, const rm::unix_address& where) {
  return tell("bind", kernel().bind(socket, where.data(), where.size()));
}
int scene::listen(int socket, int backlog) { return tell("listen", kernel().listen(socket, backlog)); }
int scene::shutdown(int socket, int how) { return tell("shutdown", kernel().shutdown(socket, how)); }

int scene::close(int number) {
  owned_.erase(number);
  return tell("close", kernel().close(number));
}

int scene::set(int socket, int level, int option, int value) {
  return tell(("set " + std::string(option_name(level, option))).c_str(),
              kernel().set_option(socket, level, option, &value, sizeof value));
}

int scene::get(int socket, int level, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  const int result = kernel().get_option(socket, level, option, &value, &length);
  const bool is_error = level == SOL_SOCKET && option == SO_ERROR && value > 0;
  out_.add(option_name(level, option), answer_text(result < 0 ? result : is_error ? -value : value));
  return value;
}

namespace {
template <class Ask>
std::string text_of_address(Ask ask) {
  rm::address internet;
  rm::unix_address local;
  socklen_t length = rm::unix_address::capacity();
  const int result = ask(local.data(), &length);
  if (result < 0) return answer_text(result);
  local.set_size(length);
  if (local.data()->sa_family == AF_UNIX) return address_text(AF_UNIX, internet, local);
  length = rm::address::capacity();
  ask(internet.data(), &length);
  return address_text(AF_INET, internet, local);
}
}  // namespace

int scene::local(int socket) {
  out_.add("local", text_of_address([&](sockaddr* into, socklen_t* length) {
             return kernel().local_address(socket, into, length);
           }));
  return 0;
}

int scene::peer(int socket) {
  out_.add("peer", text_of_address(
                       [&](sockaddr* into, socklen_t* length) { return kernel().peer_address(socket, into, length); }));
  return 0;
}

// --- beginnings

int scene::tcp_socket(int domain, int flags) {
  return adopt(checked(kernel().socket(domain, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), "socket"));
}

int scene::tcp_listener(int backlog) {
  const int made = tcp_socket();
  const rm::address where = *rm::address::parse("127.0.0.1", 0);
  checked(kernel().bind(made, where.data(), where.size()), "bind");
  checked(kernel().listen(made, backlog), "listen");
  return made;
}

rm::task<connection> scene::tcp() {
  const int listener = tcp_listener();
  const int client = tcp_socket();
  co_await quietly(connect(client, address_of(listener)));
  const int server = co_await quietly(accept(listener));
  owned_.erase(listener);
  kernel().close(listener);
  co_return connection(client, server);
}

int scene::udp_socket(int flags) {
  const int made = adopt(checked(kernel().socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | flags, 0), "socket"));
  const rm::address where = *rm::address::parse("127.0.0.1", 0);
  checked(kernel().bind(made, where.data(), where.size()), "bind");
  return made;
}

int scene::unix_socket(int type, int flags) {
  return adopt(checked(kernel().socket(AF_UNIX, type | SOCK_CLOEXEC | flags, 0), "socket"));
}

int scene::unix_listener(const rm::unix_address& where, int backlog) {
  const int made = unix_socket(SOCK_STREAM);
  checked(kernel().bind(made, where.data(), where.size()), "bind");
  checked(kernel().listen(made, backlog), "listen");
  return made;
}

pair scene::unix_pair(int type) {
  std::array<int, 2> ends{};
  checked(kernel().socket_pair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()), "socketpair");
  return pair(adopt(ends[0]), adopt(ends[1]));
}

pipe_ends scene::pipe() {
  if (!has_files_) skip("the kernel has neither files nor pipes");
  auto [reader, writer] = rm::make_pipe();
  return pipe_ends(adopt(reader.handle().release()), adopt(writer.handle().release()));
}

rm::task<int> scene::file(const std::string& name, const std::string& content, int flags) {
  const int made = co_await quietly(open(path(name), O_RDWR | O_CREAT | O_TRUNC));
  if (!content.empty()) co_await quietly(write(made, content, 0));
  if (flags == 0) co_return made;
  owned_.erase(made);
  kernel().close(made);
  const int again = co_await quietly(open(path(name), O_RDWR | flags));
  co_return again;
}

rm::task<int> scene::fill(int socket) {
  constexpr std::size_t block = 4096;
  int total = 0;
  for (std::size_t size = block; size > 0;) {
    raw_op& op = start(send_bytes(socket, size, MSG_DONTWAIT));
    co_await op.end();
    if (op.last_result() > 0) {
      total += op.last_result();
    } else {
      size /= 2;
    }
  }
  co_return total;
}

rm::task<int> scene::fill_pipe(int writer) {
  constexpr std::size_t room = 65536;  // pipe(7)
  const int written = co_await quietly(write_bytes(writer, room));
  co_return written;
}

rm::task<> scene::drain(int socket, int bytes) {
  while (bytes > 0) bytes -= co_await quietly(receive(socket, static_cast<std::size_t>(bytes)));
}

rm::address scene::address_of(int socket) {
  rm::address where;
  socklen_t length = rm::address::capacity();
  checked(kernel().local_address(socket, where.data(), &length), "getsockname");
  return where;
}

/// Bound, and not listening: so nobody else gets it.
rm::address scene::nobody() {
  const int made = tcp_socket();
  const rm::address where = *rm::address::parse("127.0.0.1", 0);
  checked(kernel().bind(made, where.data(), where.size()), "bind");
  return address_of(made);
}

rm::unix_address scene::unix_name() {
  static int last = 0;
  return rm::unix_address::abstract("ringmill-conformance-" + std::to_string(::getpid()) + "-" +
                                    std::to_string(++last));
}

std::string scene::path(const std::string& name) {
  if (!has_files_) skip("the kernel has no files");
  paths_.push_back(directory_ + "/" + name);
  return paths_.back();
}

void scene::needs(unsigned opcode, const char* what) const {
  if (!rm::ring::current().backend().supports(opcode)) skip(std::string("the kernel has no ") + what);
}

void scene::skip(const std::string& why) { throw skipped(why); }

rm::kernel& scene::kernel() { return rm::ring::current().backend(); }

// --- the harness

rm::task<> scene::set_up() {
  constexpr unsigned opcode_mkdirat = 37;
  has_files_ = kernel().supports(opcode_mkdirat);
  if (has_files_) co_await quietly(make_directory(directory_));
}

rm::task<> scene::clean_up() {
  for (const auto& op : operations_) rm::ring::current().cancel_and_wait(*op);
  for (const int number : owned_) kernel().close(number);
  if (!has_files_) co_return;
  paths_.insert(paths_.begin(), directory_);
  for (auto each = paths_.rbegin(); each != paths_.rend(); ++each) {
    co_await start(unlink(*each)).end();
    co_await start(unlink(*each, AT_REMOVEDIR)).end();
  }
}

}  // namespace conformance
