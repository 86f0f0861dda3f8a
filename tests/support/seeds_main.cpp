// The main() of test programs that also run by seeds:
//
//   test_runtime --seeds 2000            each seed draws a test case and the world that it runs in
//   test_runtime --seeds 500001-600000
//   test_runtime --seed 17               that one alone
//
// What is in a seed's power is in by_seed.hpp. The last line says how many events that were, and how fast. What
// ringmill logs is shown only of a seed that fails, which is the last one.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <signal.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <ringmill/io/sim/random.hpp>
#include <ringmill/offload/process_init.hpp>
#include <ringmill/runtime/frame_memory.hpp>
#include <ringmill/runtime/log.hpp>

#include "by_seed.hpp"
#include "failing_memory.hpp"
#include "kernels.hpp"

namespace {

using support::harm;

/// What ringmill has logged since the seed began: shown when that has failed, as far as there is room. Nothing here may
/// need memory.
class kept_log {
 public:
  static void begin() noexcept {
    size_ = 0;
    ringmill::set_log_hook(&keep);  // again: a test case may have had one of its own
  }
  static std::string_view text() noexcept { return {text_.data(), size_}; }

 private:
  static void keep(ringmill::log_level, std::string_view line) noexcept {
    for (const std::string_view piece : {std::string_view("ringmill: "), line, std::string_view("\n")}) {
      const std::size_t taken = piece.copy(text_.data() + size_, text_.size() - size_);
      size_ += taken;
    }
  }
  static inline std::array<char, 20'000> text_{};
  static inline std::size_t size_ = 0;
};

/// What a crash says: which seed it was.
std::array<char, 400> current_run{};

void say_which_and_die(int signal) {
  const std::string_view log = kept_log::text();
  static_cast<void>(!::write(STDERR_FILENO, log.data(), log.size()));
  static_cast<void>(!::write(STDERR_FILENO, current_run.data(), std::strlen(current_run.data())));
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

class known_case {
 public:
  std::string name;
  std::string file;
};
std::vector<known_case> all_cases;

/// Hears of all test cases, and of nothing else.
class silent_reporter : public doctest::IReporter {
 public:
  explicit silent_reporter(const doctest::ContextOptions&) {}
  void report_query(const doctest::QueryData& found) override {
    for (unsigned i = 0; i < found.num_data; ++i) {
      all_cases.push_back(known_case{found.data[i]->m_name, found.data[i]->m_file.c_str()});
    }
  }
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_start(const doctest::TestCaseData&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {}
  void test_case_exception(const doctest::TestCaseException& what) override { error = what.error_string.c_str(); }
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}

  static inline std::string error;
};
REGISTER_REPORTER("silent", 1, silent_reporter);

/// They have threads, or what they do they do on Linux without asking for its kernel first (support::all_kernels, which
/// refuses).
constexpr std::array<std::string_view, 11> never_simulated = {
    "embed_test",       "kernel_access_test",  "lost_cancel_test", "loop_threads_test",
    "misuse_test",      "process_end_test",    "readiness_test",   "run_test",
    "signal_dump_test", "stall_watchdog_test", "stop_token_test",
};

std::string_view name_of(harm what) noexcept {
  switch (what) {
    case harm::none:
      return "nothing that it may notice";
    case harm::cancel:
      return "its root is cancelled";
    case harm::no_memory:
      return "an allocation fails";
  }
  return "";
}

class seeds_runner {
 public:
  explicit seeds_runner(std::string program)
      : program_(std::move(program)),
        loud_(context_of({"", "--no-intro", "--no-version", "--minimal"})),
        silent_(context_of({"", "--reporters=silent"})) {
    kept_log::begin();
    context_of({"", "--list-test-cases", "--reporters=silent"}).run();
    for (std::size_t number = 0; number < all_cases.size(); ++number) {
      if (is_simulated(number)) simulated_.push_back(number);
    }
  }

  bool run(std::uint64_t first, std::uint64_t last) {
    const auto start = std::chrono::steady_clock::now();
    bool has_passed = true;
    std::uint64_t seed = first;
    while (seed <= last && has_passed) has_passed = run_one(seed++);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    const auto events = static_cast<double>(events_);
    const std::string name = program_.substr(program_.rfind('/') + 1);
    std::printf("%-32s %8llu seeds %12.0f events %10.0f events a second %8.2f s\n", name.c_str(),
                static_cast<unsigned long long>(seed - first), events, events / took.count(), took.count());
    std::printf("of %zu test cases, and %zu more are not simulated; hash %016llx\n", simulated_.size(),
                all_cases.size() - simulated_.size(), static_cast<unsigned long long>(hash_));
    return has_passed;
  }

 private:
  static doctest::Context context_of(std::vector<const char*> arguments) {
    return doctest::Context(static_cast<int>(arguments.size()), arguments.data());
  }

  static bool passes(doctest::Context& context, std::size_t number) {
    silent_reporter::error.clear();
    context.setOption("first", static_cast<int>(number) + 1);
    context.setOption("last", static_cast<int>(number) + 1);
    return context.run() == 0;
  }

  /// It has run something in a simulated world, and nothing elsewhere.
  bool is_simulated(std::size_t number) {
    for (const std::string_view file : never_simulated) {
      if (all_cases[number].file.find(file) != std::string::npos) return false;
    }
    support::seeded_case here(0, harm::none);
    passes(silent_, number);
    return here.was_used() && silent_reporter::error.find(support::not_simulated().what()) == std::string::npos;
  }

  bool run_one(std::uint64_t seed) {
    const std::size_t number = simulated_[seed % simulated_.size()];
    const std::uint64_t drawn = ringmill::sim::detail::mix(seed) % 4;
    const harm what = drawn == 0 ? harm::cancel : drawn == 1 ? harm::no_memory : harm::none;
    std::snprintf(current_run.data(), current_run.size(), "seed %llu: %s (%s)\nrepeat it: %s --seed %llu\n",
                  static_cast<unsigned long long>(seed), all_cases[number].name.c_str(), name_of(what).data(),
                  program_.c_str(), static_cast<unsigned long long>(seed));
    ::alarm(most_seconds);
    kept_log::begin();
    const auto frames_before = ringmill::current_frame_statistics().live;
    const int descriptors_before = support::open_descriptors();
    support::single_allocations frames;
    if (what == harm::no_memory) ringmill::set_frame_memory(&frames);
    std::string complaint;
    {
      support::seeded_case here(seed, what);
      const bool passed = passes(what == harm::none ? loud_ : silent_, number);
      if (!passed && what == harm::none) complaint = "it has failed: " + silent_reporter::error;
      events_ += here.events();
      // Which allocation is the one that fails depends on the compiler: on the order in which it has arguments made.
      if (what != harm::no_memory) hash_ = ringmill::sim::detail::mix(hash_ ^ here.hash());
    }
    if (ringmill::current_frame_statistics().live != frames_before) complaint += " frames are left";
    if (support::open_descriptors() != descriptors_before) complaint += " descriptors are left";
    if (!complaint.empty()) {
      const std::string_view log = kept_log::text();
      std::printf("%.*s%s\n%s", static_cast<int>(log.size()), log.data(), complaint.c_str(), current_run.data());
      return false;  // and what is left would spoil the next
    }
    if (what == harm::no_memory) ringmill::set_frame_memory(nullptr);
    return true;
  }

  /// Real time: one that hangs says which it is, too.
  static constexpr unsigned most_seconds = 60;

  std::string program_;
  doctest::Context loud_;
  doctest::Context silent_;
  std::vector<std::size_t> simulated_;
  std::uint64_t events_ = 0;
  std::uint64_t hash_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  ringmill::process_init(argc, argv);
  for (int i = 1; i + 1 < argc; ++i) {
    const std::string_view option = argv[i];
    if (option != "--seeds" && option != "--seed") continue;
    for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM}) ::signal(signal, &say_which_and_die);
    char* end = argv[i + 1];
    std::uint64_t first = std::strtoull(end, &end, 10);
    std::uint64_t last = first;
    if (option == "--seeds" && *end != '-') first = 1;
    if (*end == '-') last = std::strtoull(end + 1, nullptr, 10);
    return seeds_runner(argv[0]).run(first, last) ? 0 : 1;
  }
  return doctest::Context(argc, argv).run();
}
