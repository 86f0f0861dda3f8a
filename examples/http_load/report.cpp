#include "http_load/report.hpp"

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace http_load {

namespace {

constexpr std::array<std::pair<std::string_view, double>, 4> percentiles{
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}}};

std::string_view name_of(failure how) noexcept {
  switch (how) {
    case failure::connect:
      return "connect";
    case failure::closed:
      return "closed";
    case failure::malformed:
      return "malformed";
    case failure::timeout:
      return "timeout";
  }
  return "";
}

double microseconds(std::uint64_t nanoseconds) noexcept { return static_cast<double>(nanoseconds) / 1e3; }

double per_second(std::uint64_t count, const measurement& what) noexcept {
  return what.seconds() > 0 ? static_cast<double>(count) / what.seconds() : 0;
}

/// A figure that may not be known.
std::string json_number(std::optional<double> value, int digits) {
  return value ? fmt::format("{:.{}f}", *value, digits) : "null";
}

std::optional<double> divided(std::optional<double> by, double divisor) {
  if (!by || divisor <= 0) return std::nullopt;
  return *by / divisor;
}

std::string json(const measurement& what) {
  std::string out = fmt::format(
      R"({{"requests":{},"seconds":{:.6f},"requests_per_second":{:.1f},"errors":{},"bytes":{},"latency_us":{{)",
      what.requests, what.seconds(), per_second(what.requests, what), what.errors(), what.bytes);
  const bool has_any = what.latency.count() > 0;
  const auto latency = [&](std::uint64_t nanoseconds) {
    return json_number(has_any ? std::optional(microseconds(nanoseconds)) : std::nullopt, 1);
  };
  for (const auto& [name, share] : percentiles) {
    out += fmt::format(R"("{}":{},)", name, latency(what.latency.percentile(share)));
  }
  out += fmt::format(R"("max":{}}},"cpu_us_per_request":{},"server_busy":{},"generator_busy":{},)",
                     latency(what.latency.max()),
                     json_number(divided(what.server_cpu_seconds(), static_cast<double>(what.requests) / 1e6), 3),
                     json_number(divided(what.server_cpu_seconds(), what.seconds()), 3),
                     json_number(divided(what.own_cpu_seconds(), what.seconds()), 3));
  out += fmt::format(R"("generator_us_per_request":{},"unanswered":{},"statuses":{{)",
                     json_number(divided(what.own_cpu_seconds(), static_cast<double>(what.requests) / 1e6), 3),
                     what.unanswered);
  std::string_view comma;
  for (const auto& [status, count] : what.statuses) {
    out += fmt::format(R"({}"{}":{})", std::exchange(comma, ","), status, count);
  }
  out += R"(},"failures":{)";
  comma = "";
  for (const auto& [how, count] : what.failures) {
    out += fmt::format(R"({}"{}":{})", std::exchange(comma, ","), name_of(how), count);
  }
  return out + "}}\n";
}

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits;
}

/// In the unit that suits it.
std::string readable_time(std::uint64_t nanoseconds) {
  const auto value = static_cast<double>(nanoseconds);
  if (value < 1e6) return fmt::format("{:.1f} us", value / 1e3);
  if (value < 1e9) return fmt::format("{:.2f} ms", value / 1e6);
  return fmt::format("{:.2f} s", value / 1e9);
}

std::string readable_bytes(double bytes) {
  if (bytes < 1e6) return fmt::format("{:.1f} kB", bytes / 1e3);
  if (bytes < 1e9) return fmt::format("{:.1f} MB", bytes / 1e6);
  return fmt::format("{:.2f} GB", bytes / 1e9);
}

std::string describe(const settings& how) {
  const std::string kind = how.echo_bytes ? fmt::format("echo of {} bytes", *how.echo_bytes) : "GET " + how.target;
  const std::string pace =
      how.rate ? fmt::format("{:g} requests a second", *how.rate) : "each as fast as it is answered";
  return fmt::format("{} from {}, {} connections, {}{}", kind, how.server.to_string(), how.connections, pace,
                     how.pipeline > 1 ? fmt::format(", {} at once", how.pipeline) : "");
}

std::string table(const settings& how, const measurement& what) {
  std::string out = fmt::format("{}\n\n", describe(how));
  out += fmt::format("requests   {:>14}  {:>12} /s   in {:.2f} s\n", grouped(what.requests),
                     grouped(static_cast<std::uint64_t>(per_second(what.requests, what) + 0.5)), what.seconds());
  out += fmt::format("received   {:>14}  {:>12} /s\n", readable_bytes(static_cast<double>(what.bytes)),
                     readable_bytes(per_second(what.bytes, what)));
  out += fmt::format("errors     {:>14}\n", grouped(what.errors()));
  for (const auto& [status, count] : what.statuses) out += fmt::format("  status {} {:>14}\n", status, grouped(count));
  for (const auto& [kind, count] : what.failures)
    out += fmt::format("  {:<10} {:>12}\n", name_of(kind), grouped(count));
  if (!what.first_failure.empty()) out += fmt::format("  the first: {}\n", what.first_failure);
  if (what.unanswered > 0) {
    out +=
        fmt::format("unanswered {:>14}  were due before the end; how long they had waited by then is in the latency\n",
                    grouped(what.unanswered));
  }
  out += fmt::format("\nlatency    ");
  std::string values = "           ";
  if (what.latency.count() > 0) {
    for (const auto& [name, share] : percentiles) {
      out += fmt::format("{:>12}", name);
      values += fmt::format("{:>12}", readable_time(what.latency.percentile(share)));
    }
    out += fmt::format("{:>12}\n{}{:>12}\n", "max", values, readable_time(what.latency.max()));
  } else {
    out += "    nothing was answered\n";
  }
  const auto cpu = [&](std::string_view who, double seconds) {
    return fmt::format("{:<10} {:>11.2f} us a request, {:.0f} % of a core\n", who,
                       what.requests > 0 ? seconds * 1e6 / static_cast<double>(what.requests) : 0,
                       what.seconds() > 0 ? seconds / what.seconds() * 100 : 0);
  };
  out += '\n';
  if (what.server_cpu_seconds()) out += cpu("server", *what.server_cpu_seconds());
  return out + cpu("generator", what.own_cpu_seconds());
}

}  // namespace

void print_report(const settings& how, const measurement& what) {
  const std::string text = how.json ? json(what) : table(how, what);
  std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace http_load
