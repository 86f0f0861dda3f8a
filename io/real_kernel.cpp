#include <liburing.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include <ringmill/io/detail/linux_calls.hpp>
#include <ringmill/io/detail/opcodes.hpp>
#include <ringmill/io/fd.hpp>
#include <ringmill/io/kernel.hpp>
#include <ringmill/runtime/error.hpp>

namespace ringmill {

namespace {

using detail::or_errno;

std::string first_line_after(const char* path, const std::string& prefix) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, prefix.size(), prefix) == 0) return line.substr(prefix.size());
  }
  return {};
}

/// Why io_uring_setup failed, and what helps.
std::string diagnose(int error) {
  std::string text = "io_uring_setup: ";
  switch (error) {
    case ENOSYS:
      return text +
             "this kernel has no io_uring, or a sandbox hides it: Linux 6.1 or later is needed, with CONFIG_IO_URING";
    case EPERM: {
      const std::string disabled = first_line_after("/proc/sys/kernel/io_uring_disabled", "");
      if (disabled == "2" || (disabled == "1" && geteuid() != 0)) {
        return text + "switched off by sysctl kernel.io_uring_disabled=" + disabled +
               ": set it to 0 (sysctl -w kernel.io_uring_disabled=0)" +
               (disabled == "1" ? ", or join the group of kernel.io_uring_group" : "");
      }
      if (first_line_after("/proc/self/status", "Seccomp:\t") == "2") {
        return text +
               "blocked by a seccomp profile, as containers have by default: allow io_uring_setup, io_uring_enter and "
               "io_uring_register in it (Docker: --security-opt seccomp=PROFILE.json)";
      }
      return text + "not permitted; a security module may forbid it";
    }
    case ENOMEM: {
      rlimit limit{};
      getrlimit(RLIMIT_MEMLOCK, &limit);
      return text + "no memory for the ring: RLIMIT_MEMLOCK is " + std::to_string(limit.rlim_cur / 1024) +
             " KiB; raise it (ulimit -l) or ask for fewer entries";
    }
    case EMFILE:
    case ENFILE:
      return text + "no descriptor left: raise RLIMIT_NOFILE (ulimit -n)";
    default:
      return text + "failed";
  }
}

class real_kernel final : public kernel {
 public:
  explicit real_kernel(const ring_options& options) : wake_(::eventfd(0, EFD_CLOEXEC)) {
    if (!wake_) throw std::system_error(errno, std::generic_category(), "eventfd");
    set_up(options);
    io_uring_ring_dontfork(&ring_);  // a child that touched the mapping would corrupt it
    if (io_uring_register_ring_fd(&ring_) == 1) enter_flags_ = IORING_ENTER_REGISTERED_RING;
    // The indirection array stays at identity: entry i is always in slot i.
    const unsigned entries = *ring_.sq.kring_entries;
    for (unsigned index = 0; index < entries; ++index) ring_.sq.array[index] = index;
    arrays_.sq_head = ring_.sq.khead;
    arrays_.sq_tail = ring_.sq.ktail;
    arrays_.sq_flags = ring_.sq.kflags;
    arrays_.sq_entries = entries;
    arrays_.sqes = ring_.sq.sqes;
    arrays_.cq_head = ring_.cq.khead;
    arrays_.cq_tail = ring_.cq.ktail;
    arrays_.cq_entries = *ring_.cq.kring_entries;
    arrays_.cqes = ring_.cq.cqes;
  }
  ~real_kernel() override { io_uring_queue_exit(&ring_); }

  const ring_arrays& arrays() const noexcept override { return arrays_; }
  time_point now() noexcept override { return std::chrono::steady_clock::now(); }
  /// The coarse clock, of the last tick: some 5 ns instead of 30, for each response of a web server.
  duration wall_clock() noexcept override {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  }
  int random(void* bytes, std::size_t size) override {
    return or_errno(::getrandom(bytes, size, 0));  // up to 256 bytes never come in part
  }

  file_calls& files() noexcept override { return detail::linux_files(); }
  process_calls& processes() noexcept override { return detail::linux_processes(); }
  ipc_calls& ipc() noexcept override { return detail::linux_ipc(); }

  int enter(unsigned to_submit, bool wait, std::optional<duration> timeout) override {
    unsigned flags = enter_flags_ | IORING_ENTER_GETEVENTS;
    if (!wait || !timeout)
      return result_of(io_uring_enter(ring_.enter_ring_fd, to_submit, wait ? 1 : 0, flags, nullptr));
    const auto nanoseconds = timeout->count() > 0 ? timeout->count() : 0;
    __kernel_timespec until{.tv_sec = nanoseconds / 1'000'000'000, .tv_nsec = nanoseconds % 1'000'000'000};
    io_uring_getevents_arg argument{};
    argument.sigmask_sz = _NSIG / 8;
    argument.ts = reinterpret_cast<std::uintptr_t>(&until);
    flags |= IORING_ENTER_EXT_ARG;
    return result_of(io_uring_enter2(ring_.enter_ring_fd, to_submit, 1, flags, reinterpret_cast<sigset_t*>(&argument),
                                     sizeof argument));
  }

  void wake() noexcept override {
    add_one(wake_.number());
    // A host is told here and not by the ring: of the completions that the write of an eventfd brings about, Linux 6.18
    // tells it the first only (with DEFER_TASKRUN; measured 1 of 20).
    const int told = notify_number_.load(std::memory_order_acquire);
    if (told >= 0) add_one(told);
  }
  int wake_descriptor() const noexcept override { return wake_.number(); }
  // The ring itself would not do: with DEFER_TASKRUN a host that waits for it in epoll is not always woken.
  int poll_descriptor() override {
    if (!notify_) {
      fd made(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
      if (!made) throw std::system_error(errno, std::generic_category(), "eventfd");
      const int result = io_uring_register_eventfd(&ring_, made.number());
      if (result < 0) throw std::system_error(-result, std::generic_category(), "register an eventfd with the ring");
      notify_ = std::move(made);
      notify_number_.store(notify_.number(), std::memory_order_release);
    }
    return notify_.number();
  }
  void clear_poll_descriptor() noexcept override {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(notify_.number(), &count, sizeof count);
  }

  bool supports(unsigned opcode) const noexcept override { return opcode < supported_.size() && supported_[opcode]; }

  int register_buffer_ring(io_uring_buf_ring* ring, unsigned entries, unsigned group) override {
    io_uring_buf_reg request{};
    request.ring_addr = reinterpret_cast<std::uintptr_t>(ring);
    request.ring_entries = entries;
    request.bgid = static_cast<std::uint16_t>(group);
    return io_uring_register_buf_ring(&ring_, &request, 0);
  }
  int unregister_buffer_ring(unsigned group) noexcept override {
    return io_uring_unregister_buf_ring(&ring_, static_cast<int>(group));
  }

  int socket(int domain, int type, int protocol) override { return or_errno(::socket(domain, type, protocol)); }
  int socket_pair(int domain, int type, int protocol, int* ends) override {
    return or_errno(::socketpair(domain, type, protocol, ends));
  }
  int bind(int fd, const sockaddr* address, socklen_t length) override { return or_errno(::bind(fd, address, length)); }
  int listen(int fd, int backlog) override { return or_errno(::listen(fd, backlog)); }
  int connect(int fd, const sockaddr* address, socklen_t length) override {
    return or_errno(::connect(fd, address, length));
  }
  int set_option(int fd, int level, int option, const void* value, socklen_t length) override {
    return or_errno(::setsockopt(fd, level, option, value, length));
  }
  int get_option(int fd, int level, int option, void* value, socklen_t* length) override {
    return or_errno(::getsockopt(fd, level, option, value, length));
  }
  int local_address(int fd, sockaddr* address, socklen_t* length) override {
    return or_errno(::getsockname(fd, address, length));
  }
  int peer_address(int fd, sockaddr* address, socklen_t* length) override {
    return or_errno(::getpeername(fd, address, length));
  }
  int shutdown(int fd, int how) override { return or_errno(::shutdown(fd, how)); }
  int close(int fd) noexcept override { return or_errno(::close(fd)); }

 private:
  /// Asks for what is fastest, and for less where the kernel does not know it: what came last goes first.
  void set_up(const ring_options& options) {
    constexpr unsigned needed = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    constexpr unsigned linux_5_18 = needed | IORING_SETUP_SUBMIT_ALL;
    constexpr unsigned linux_5_19 = linux_5_18 | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_COOP_TASKRUN;
    constexpr unsigned linux_6_0 = linux_5_19 | IORING_SETUP_SINGLE_ISSUER;
    constexpr unsigned linux_6_1 =
        linux_5_18 | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    const unsigned asked = options.is_strict() ? IORING_SETUP_R_DISABLED : 0;
    int result = -EINVAL;
    for (const unsigned flags : {linux_6_1, linux_6_0, linux_5_19, linux_5_18, needed}) {
      io_uring_params parameters{};
      parameters.flags = flags | asked;
      parameters.cq_entries = options.completion_entries();
      result = io_uring_queue_init_params(options.entries(), &ring_, &parameters);
      if (result != -EINVAL) break;
    }
    if (result < 0) throw std::system_error(-result, std::generic_category(), diagnose(-result));
    probe();
    if (!options.is_strict()) return;
    try {
      restrict();
    } catch (...) {  // this is not made then, so its destructor does not do it
      io_uring_queue_exit(&ring_);
      throw;
    }
  }

  /// Only what ringmill uses from here on. By the system call itself: liburing 2.3 as Debian builds it does not export
  /// the functions for it.
  void restrict() {
    std::vector<io_uring_restriction> allowed;
    for (const unsigned opcode : detail::used_opcodes) {
      if (!supports(opcode)) continue;  // an older kernel refuses all for one that it does not know
      io_uring_restriction one{};
      one.opcode = IORING_RESTRICTION_SQE_OP;
      one.sqe_op = static_cast<std::uint8_t>(opcode);
      allowed.push_back(one);
    }
    for (const unsigned call :
         {IORING_REGISTER_PROBE, IORING_REGISTER_EVENTFD, IORING_UNREGISTER_EVENTFD, IORING_REGISTER_RING_FDS,
          IORING_UNREGISTER_RING_FDS, IORING_REGISTER_PBUF_RING, IORING_UNREGISTER_PBUF_RING}) {
      io_uring_restriction one{};
      one.opcode = IORING_RESTRICTION_REGISTER_OP;
      one.register_op = static_cast<std::uint8_t>(call);
      allowed.push_back(one);
    }
    io_uring_restriction flags{};
    flags.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
    flags.sqe_flags = IOSQE_BUFFER_SELECT | IOSQE_ASYNC;
    allowed.push_back(flags);
    call_register(IORING_REGISTER_RESTRICTIONS, allowed.data(), static_cast<unsigned>(allowed.size()));
    call_register(IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  }

  void call_register(unsigned call, void* argument, unsigned count) {
    if (::syscall(SYS_io_uring_register, ring_.ring_fd, call, argument, count) < 0) {
      throw std::system_error(errno, std::generic_category(), "restrict the ring");
    }
  }

  void probe() {
    io_uring_probe* answer = io_uring_get_probe_ring(&ring_);
    if (!answer) return;
    for (unsigned opcode = 0; opcode < supported_.size() && opcode < answer->ops_len; ++opcode) {
      supported_[opcode] = (answer->ops[opcode].flags & IO_URING_OP_SUPPORTED) != 0;
    }
    io_uring_free_probe(answer);
  }

  static void add_one(int eventfd) noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(eventfd, &one, sizeof one);
  }

  /// liburing's enter gives a negated errno already.
  static int result_of(int result) noexcept {
    RINGMILL_CHECK(result != -EEXIST, "a ring was used from another thread, or after a fork: one loop per thread");
    return result;
  }

  ::io_uring ring_{};
  unsigned enter_flags_ = 0;
  ring_arrays arrays_;
  fd wake_;
  fd notify_;                            ///< for a host's loop
  std::atomic<int> notify_number_ = -1;  ///< the same, for other threads
  std::array<bool, 128> supported_{};
};

}  // namespace

std::unique_ptr<kernel> make_real_kernel(const ring_options& options) { return std::make_unique<real_kernel>(options); }

}  // namespace ringmill
