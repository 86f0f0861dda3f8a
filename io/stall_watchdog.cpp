#include <ringmill/io/stall_watchdog.hpp>

#include <execinfo.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <ringmill/runtime/inspect.hpp>
#include <ringmill/runtime/log.hpp>
#include <ringmill/runtime/loop.hpp>
#include <ringmill/runtime/promise.hpp>

namespace ringmill {

namespace {

int question() noexcept { return SIGRTMAX - 1; }

/// Text of a fixed size, for a signal handler: what is too much is cut off.
class fixed_text {
 public:
  void clear() noexcept { size_ = 0; }
  void add(std::string_view text) noexcept { size_ += text.copy(bytes_.data() + size_, bytes_.size() - size_); }
  void add(std::uint_least32_t number) noexcept {
    std::array<char, 16> digits;
    const std::to_chars_result end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    add(std::string_view(digits.data(), static_cast<std::size_t>(end.ptr - digits.data())));
  }
  std::string_view view() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<char, 8192> bytes_;
  std::size_t size_ = 0;
};

void describe(fixed_text& out, const detail::promise_base& task) noexcept {
  if (const char* name = detail::name_of(task)) {
    out.add("\"");
    out.add(name);
    out.add("\" ");
  }
  if (task.where().line() == 0) {
    out.add("a task that has not awaited anything (see the backtrace)");
    return;
  }
  out.add(detail::function_of(task.where()));
  out.add(", whose last await was at ");
  out.add(task.where().file_name());
  out.add(":");
  out.add(task.where().line());
}

std::string milliseconds(duration length) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(length).count()) + " ms";
}

}  // namespace

class stall_watchdog::impl {
 public:
  impl(duration limit, report_function report)
      : loop_(loop::current()), limit_(limit), report_(std::move(report)), loop_thread_(current_thread_id()) {
    if (of_this_thread) throw std::logic_error("this thread has a stall_watchdog already");
    std::array<void*, 1> warm_up;
    backtrace(warm_up.data(), 1);  // the first call loads a library: not for a signal handler
    sem_init(&answered_, 0, 0);
    // The watchdog's own thread takes no signals.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      thread_ = std::thread([this] { watch(); });
    } catch (...) {
      pthread_sigmask(SIG_SETMASK, &before, nullptr);
      throw;
    }
    sigdelset(&before, question());
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    of_this_thread = this;
  }

  ~impl() {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    over_.notify_one();
    thread_.join();
    // A question that is still on its way must not meet the handler from before.
    sigset_t asked;
    sigemptyset(&asked);
    sigaddset(&asked, question());
    const timespec at_once{};
    while (sigtimedwait(&asked, nullptr, &at_once) > 0) continue;
    of_this_thread = nullptr;
    sem_destroy(&answered_);
  }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

 private:
  enum class stage { idle, asked, answering };
  static constexpr int most_awaiting = 32;

  static pid_t current_thread_id() noexcept { return static_cast<pid_t>(syscall(SYS_gettid)); }

  /// The signal's handler: one for all watchdogs of the process.
  class handler_use {
   public:
    handler_use() {
      const std::lock_guard lock(mutex);
      if (users++ > 0) return;
      struct sigaction action {};
      action.sa_handler = &answer_signal;
      action.sa_flags = SA_RESTART;
      sigaction(question(), &action, &before);
    }
    ~handler_use() {
      const std::lock_guard lock(mutex);
      if (--users == 0) sigaction(question(), &before, nullptr);
    }
    handler_use(const handler_use&) = delete;
    handler_use& operator=(const handler_use&) = delete;

   private:
    static inline std::mutex mutex;
    static inline int users = 0;
    static inline struct sigaction before {};
  };

  /// On the loop's thread, in the middle of anything: no allocation and no lock.
  static void answer_signal(int) {
    const int error = errno;
    if (of_this_thread) of_this_thread->answer();
    errno = error;
  }

  void answer() noexcept {
    stage expected = stage::asked;
    if (!stage_.compare_exchange_strong(expected, stage::answering)) return;
    text_.clear();
    addresses_count_ = 0;
    // It may have gone on since it was asked; then nothing is known.
    if (loop_.heartbeat() == asked_beat_) {
      const detail::promise_base* task = detail::this_thread.running;
      if (!task) {
        text_.add("no task: a posted function or a callback");
      } else {
        describe(text_, *task);
        for (int i = 0; (task = task->awaited_by()) && i < most_awaiting; ++i) {
          text_.add("\n  awaited by ");
          describe(text_, *task);
        }
      }
      addresses_count_ = backtrace(addresses_.data(), static_cast<int>(addresses_.size()));
    }
    sem_post(&answered_);
  }

  // From here on: on the watchdog's thread.

  void watch() {
    std::uint64_t seen = loop_.heartbeat();
    time_point since = std::chrono::steady_clock::now();
    bool reported = false;
    std::unique_lock lock(mutex_);
    while (!over_.wait_for(lock, limit_ / 4, [&] { return is_over_; })) {
      const std::uint64_t beat = loop_.heartbeat();
      const time_point now = std::chrono::steady_clock::now();
      if (beat != seen) {
        if (reported) say("the loop goes on, after a stall of " + milliseconds(now - since));
        seen = beat;
        since = now;
        reported = false;
      } else if (beat % 2 == 1 && !reported && now - since >= limit_) {
        const std::string who = ask(beat);
        reported = !who.empty();
        if (reported) say("the loop has been held for " + milliseconds(now - since) + " by " + who);
      }
    }
  }

  /// Who holds the loop; empty if nobody does any more.
  std::string ask(std::uint64_t beat) {
    asked_beat_ = beat;
    stage_ = stage::asked;
    syscall(SYS_tgkill, getpid(), loop_thread_, question());
    if (!await_answer()) {
      stage expected = stage::asked;
      if (stage_.compare_exchange_strong(expected, stage::idle)) return "something that lets no signal through";
      while (sem_wait(&answered_) != 0) continue;  // it is just answering
    }
    std::string text(text_.view());
    if (addresses_count_ > 0) text += backtrace_text();
    stage_ = stage::idle;
    return text;
  }

  bool await_answer() noexcept {
    timespec until{};
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    int result = 0;
    while ((result = sem_timedwait(&answered_, &until)) != 0 && errno == EINTR) continue;
    return result == 0;
  }

  std::string backtrace_text() const {
    std::string text;
    // The first two are the signal handler's.
    char** const names = backtrace_symbols(addresses_.data(), addresses_count_);
    for (int i = 2; names && i < addresses_count_; ++i) text += std::string("\n    ") + names[i];
    std::free(static_cast<void*>(names));
    return text;
  }

  void say(const std::string& text) {
    if (report_) {
      report_(text);
    } else {
      log(log_level::warning, text);
    }
  }

  [[gnu::tls_model("initial-exec")]] static constinit thread_local impl* of_this_thread;

  loop& loop_;
  const duration limit_;
  const report_function report_;
  const pid_t loop_thread_;

  // Of a question and its answer; the thread whose turn it is follows from `stage_` and `answered_`.
  std::atomic<stage> stage_ = stage::idle;
  std::uint64_t asked_beat_ = 0;
  fixed_text text_;
  std::array<void*, 48> addresses_{};
  int addresses_count_ = 0;
  sem_t answered_{};

  const handler_use handler_;
  std::mutex mutex_;
  std::condition_variable over_;
  bool is_over_ = false;
  std::thread thread_;
};

constinit thread_local stall_watchdog::impl* stall_watchdog::impl::of_this_thread = nullptr;

stall_watchdog::stall_watchdog(duration limit, report_function report)
    : impl_(std::make_unique<impl>(limit, std::move(report))) {}
stall_watchdog::~stall_watchdog() = default;

}  // namespace ringmill
