#include "scenario.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <system_error>

#include <ringmill/io/pipe.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/io/run.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../support/kernels.hpp"
#include "bare_kernel.hpp"
#include "known_differences.hpp"

namespace conformance {

namespace {

/// Not a failure: what a scenario is about is not there.
class skipped : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Counted per kernel, and printed at the end of the program.
class summary {
 public:
  ~summary() {
    for (const auto& [name, count] : scenarios_) {
      std::printf("conformance on %s: %d scenarios, %d of them skipped\n", name.c_str(), count, skipped_[name]);
    }
  }
  void count(const std::string& kernel) { ++scenarios_[kernel]; }
  void count_skipped(const std::string& kernel) { ++skipped_[kernel]; }

 private:
  std::map<std::string, int> scenarios_;
  std::map<std::string, int> skipped_;
} all;

/// What came of one scenario on one kernel.
class outcome {
 public:
  transcript lines;
  std::string skipped_because;
};

rm::task<> perform(play scenario, const std::string& directory, outcome& result) {
  constexpr auto longest = std::chrono::seconds(30);
  scene here(result.lines, directory);
  co_await here.set_up();
  try {
    co_await rm::with_timeout(longest, scenario(here));
  } catch (const skipped& why) {
    result.skipped_because = why.what();
  } catch (const std::exception& error) {
    result.lines.add("the scenario threw", error.what());
  }
  co_await here.clean_up();
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += "\n  " + line;
  return text;
}

std::string free_directory(bool simulated) {
  static int last = 0;
  const std::string name = "ringmill-conformance-" + std::to_string(::getpid()) + "-" + std::to_string(++last);
  return ((simulated ? "/tmp" : std::filesystem::temp_directory_path()) / name).string();
}

std::string address_text(int family, const rm::address& internet, const rm::unix_address& local) {
  if (family == AF_UNIX) return local.is_unnamed() ? "(unnamed)" : local.is_abstract() ? "(abstract)" : "(path)";
  const std::string port = internet.port() == 0 ? "0" : "port";
  return internet.is_v6() ? "[" + internet.host() + "]:" + port : internet.host() + ":" + port;
}

const char* option_name(int level, int option) {
  if (level == SOL_SOCKET) {
    switch (option) {
      case SO_ERROR:
        return "SO_ERROR";
      case SO_TYPE:
        return "SO_TYPE";
      case SO_DOMAIN:
        return "SO_DOMAIN";
      case SO_PROTOCOL:
        return "SO_PROTOCOL";
      case SO_ACCEPTCONN:
        return "SO_ACCEPTCONN";
      case SO_REUSEADDR:
        return "SO_REUSEADDR";
      case SO_REUSEPORT:
        return "SO_REUSEPORT";
      case SO_KEEPALIVE:
        return "SO_KEEPALIVE";
      case SO_BROADCAST:
        return "SO_BROADCAST";
      case SO_RCVBUF:
        return "SO_RCVBUF";
      case SO_SNDBUF:
        return "SO_SNDBUF";
      default:
        break;
    }
  }
  if (level == IPPROTO_TCP && option == TCP_NODELAY) return "TCP_NODELAY";
  if (level == IPPROTO_TCP && option == TCP_KEEPIDLE) return "TCP_KEEPIDLE";
  if (level == IPPROTO_TCP && option == TCP_USER_TIMEOUT) return "TCP_USER_TIMEOUT";
  if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY) return "IPV6_V6ONLY";
  return "option";
}

}  // namespace

std::string answer_text(int result) {
  if (result >= 0) return std::to_string(result);
  const char* const name = ::strerrorname_np(-result);
  return name ? name : std::to_string(result);
}

std::string events_text(unsigned events) {
  static constexpr std::array<std::pair<unsigned, const char*>, 7> names = {{{POLLIN, "IN"},
                                                                             {POLLPRI, "PRI"},
                                                                             {POLLOUT, "OUT"},
                                                                             {POLLERR, "ERR"},
                                                                             {POLLHUP, "HUP"},
                                                                             {POLLNVAL, "NVAL"},
                                                                             {POLLRDHUP, "RDHUP"}}};
  std::string text;
  for (const auto& [bit, name] : names) {
    if (events & bit) text += (text.empty() ? "" : "|") + std::string(name);
  }
  return text;
}

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

namespace {

/// Linux, and the simulated one by a few seeds: they all have to agree.
std::vector<support::kernel_factory> kernels_under_test() {
  std::vector<support::kernel_factory> all_of_them = support::all_kernels();
  constexpr std::uint64_t seeds = 5;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) all_of_them.push_back(support::simulated_kernel(seed));
  return all_of_them;
}

bool is_simulated(const support::kernel_factory& factory) { return factory.name().starts_with("simulated"); }

/// Those of Linux are told one by one: the suite has not said all that it should.
void count_skipped(const support::kernel_factory& factory, const std::string& why) {
  all.count_skipped(factory.name());
  if (is_simulated(factory)) return;
  std::printf("SKIPPED: %s: %s\n", doctest::getContextOptions()->currentTest->m_name, why.c_str());
}

/// Whether the running scenario is known to differ on that kernel.
bool is_left_out(const support::kernel_factory& factory) {
  if (!is_simulated(factory)) return false;
  const std::string_view name = doctest::getContextOptions()->currentTest->m_name;
  for (const known_difference& each : known_differences) {
    if (each.scenario != name) continue;
    count_skipped(factory, std::string(each.simulated));
    return true;
  }
  return false;
}

void compare(const transcript& lines, std::initializer_list<const char*> expected, const std::string& where) {
  const std::vector<std::string> wanted(expected.begin(), expected.end());
  INFO("on ", where, "; expected:", joined(wanted), "\nbut it was:", joined(lines.lines()));
  const bool agrees = lines.lines() == wanted;
  CHECK(agrees);
}

void ignore_broken_pipes() {
  // The error of a write that nobody reads is what counts here.
  [[maybe_unused]] static const auto before = ::signal(SIGPIPE, SIG_IGN);
}

}  // namespace

void conforms(play scenario, std::initializer_list<const char*> expected) {
  ignore_broken_pipes();
  const rm::ring_options large;
  const auto tiny = rm::ring_options().entries(8).completion_entries(16);
  for (const support::kernel_factory& factory : kernels_under_test()) {
    all.count(factory.name());
    if (is_left_out(factory)) continue;
    for (const rm::ring_options& options : {large, tiny}) {
      const int before = support::open_descriptors();
      outcome result;
      rm::run_on(factory.make(options), perform(scenario, free_directory(is_simulated(factory)), result));
      CHECK(support::open_descriptors() == before);
      if (!result.skipped_because.empty()) {
        count_skipped(factory, result.skipped_because);
        break;
      }
      compare(result.lines, expected, factory.name() + ", a ring of " + std::to_string(options.entries()) + " entries");
    }
  }
}

void conforms_bare(void (*scenario)(bare_kernel&, transcript&), std::initializer_list<const char*> expected) {
  const auto tiny = rm::ring_options().entries(8).completion_entries(16);
  for (const support::kernel_factory& factory : kernels_under_test()) {
    all.count(factory.name());
    if (is_left_out(factory)) continue;
    const int before = support::open_descriptors();
    transcript lines;
    {
      bare_kernel one(factory.make(tiny));
      scenario(one, lines);
    }
    CHECK(support::open_descriptors() == before);
    compare(lines, expected, factory.name());
  }
}

}  // namespace conformance
