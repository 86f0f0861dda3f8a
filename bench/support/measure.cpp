#include "measure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <stdexcept>
#include <system_error>

namespace bench {

namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::string json(const std::string& name, const std::string& unit, const outcome& result) {
  std::string peers;
  for (const auto& [peer, value] : result.peers) {
    peers += fmt::format("{}\"{}\":{:.4g}", peers.empty() ? "" : ",", peer, value);
  }
  return fmt::format(
      R"({{"bench":"{}","unit":"{}","value":{:.4g},"limit":{:.4g},"ratio":{:.4g},"rounds":{},"spread":{:.2g},"peers":{{{}}}}})",
      name, unit, result.value, result.limit, result.ratio, result.rounds, result.spread, peers);
}

std::string table_head() {
  return fmt::format("{:<24} {:>6} {:>9} {:>9} {:>9} {:>7} {:>7}", "measure", "unit", "ringmill", "target", "limit",
                     "ratio", "spread");
}

/// A value, or "x 0.98": so much of the limit.
std::string target_text(const measure& what) {
  if (what.target) return fmt::format("{:.4g}", *what.target);
  return what.least_ratio ? fmt::format("x {:.2f}", *what.least_ratio) : "";
}

bool is_met(const measure& what, const outcome& result) {
  if (!what.target) return result.ratio >= *what.least_ratio;
  return what.is_rate ? result.value >= *what.target : result.value <= *what.target;
}

std::string table_line(const measure& what, const outcome& result) {
  std::string line = fmt::format("{:<24} {:>6} {:>9.4g} {:>9} {:>9.4g} {:>7.2f} {:>7.2f}", what.name, what.unit,
                                 result.value, target_text(what), result.limit, result.ratio, result.spread);
  if (what.target || what.least_ratio) line += is_met(what, result) ? "  met" : "  missed";
  for (const auto& [peer, value] : result.peers) line += fmt::format("  {} {:.4g}", peer, value);
  return line;
}

void print(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

int misused(const char* program, const std::vector<measure>& measures, std::string_view argument) {
  std::string text = fmt::format(
      "{0}: no such measure or option: {1}\nusage: {0} [--json] [--quick] [--rounds N] [NAME...]\n", program, argument);
  text += "  --json      a line for each measure instead of the table\n";
  text += "  --rounds N  of each measure, 1 to 1000, instead of what it takes for a good figure\n";
  text += "  --quick     few iterations: to see that it runs, the figures mean nothing\nmeasures:";
  for (const measure& one : measures) text += " " + one.name;
  std::fputs((text + "\n").c_str(), stderr);
  return 2;
}

}  // namespace

outcome run(const measure& what, const effort& how) {
  const std::size_t rounds = how.rounds(what.rounds);
  // Caches, branch predictors and free lists are warm in the first round too.
  what.ours(effort(true));
  what.limit(effort(true));
  std::vector<double> ours, limits, ratios;
  std::map<std::string, std::vector<double>> peers;
  for (std::size_t tried = 0; ratios.size() < rounds && tried < 2 * rounds; ++tried) {
    const double our = what.ours(how);
    const double least = what.limit(how);
    if (!(our > 0 && least > 0)) continue;  // disturbed, or too short for the clock
    const auto ratio_of = [&](double figure) { return what.is_rate ? figure / least : least / figure; };
    const auto told = [&](double figure) { return what.is_relative ? ratio_of(figure) : figure; };
    ours.push_back(told(our));
    limits.push_back(told(least));
    ratios.push_back(ratio_of(our));
    for (const auto& [name, peer] : what.peers) peers[name].push_back(told(peer(how)));
  }
  if (ratios.empty())
    throw std::runtime_error(what.name + ": the machine was too busy with other things in each round");
  const auto [smallest, largest] = std::minmax_element(ratios.begin(), ratios.end());
  const double ratio = median(ratios);
  outcome result{median(ours), median(limits), ratio, (*largest - *smallest) / ratio, ratios.size(), {}};
  for (const auto& [name, values] : peers) result.peers[name] = median(values);
  return result;
}

int run_program(int argc, char** argv, const std::vector<measure>& measures) {
  bool is_json = false, is_quick = false;
  std::size_t rounds = 0;
  std::vector<const measure*> chosen;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto named = std::find_if(measures.begin(), measures.end(), [&](auto& one) { return one.name == argument; });
    if (argument == "--json") {
      is_json = true;
    } else if (argument == "--quick") {
      is_quick = true;
    } else if (argument == "--rounds") {
      const std::string_view number = ++i < argc ? argv[i] : "";
      const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), rounds);
      if (error != std::errc() || end != number.data() + number.size() || rounds < 1 || rounds > 1000) {
        return misused(argv[0], measures, "--rounds " + std::string(number));
      }
    } else if (named != measures.end()) {
      chosen.push_back(&*named);
    } else {
      return misused(argv[0], measures, argument);
    }
  }
  if (chosen.empty()) {
    for (const measure& one : measures) chosen.push_back(&one);
  }
  if (!is_json) print(table_head());
  int code = 0;
  for (const measure* one : chosen) {
    try {
      const outcome result = run(*one, effort(is_quick, rounds));
      print(is_json ? json(one->name, one->unit, result) : table_line(*one, result));
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
      code = 1;
    }
  }
  return code;
}

}  // namespace bench
