#include "scenario.hpp"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <map>

#include <ringmill/io/run.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../support/kernels.hpp"
#include "bare_kernel.hpp"

namespace conformance {

namespace {

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
