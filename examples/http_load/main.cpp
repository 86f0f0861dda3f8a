// Loads an HTTP or an echo server and says how fast it answers (bench/README.md).  http_load --help
#include <sys/resource.h>

#include <cstdio>

#include <ringmill/ringmill.hpp>

#include "http_load/load.hpp"
#include "http_load/report.hpp"

namespace {

/// A connection each.
void allow_many_descriptors() {
  rlimit most{};
  getrlimit(RLIMIT_NOFILE, &most);
  most.rlim_cur = most.rlim_max;
  setrlimit(RLIMIT_NOFILE, &most);
}

}  // namespace

int main(int argc, char** argv) {
  const http_load::settings how = http_load::parse_settings(argc, argv);
  allow_many_descriptors();
  http_load::measurement results(how.server_process);
  http_load::load load(how, results);
  const int code = ringmill::run_main(load.run());
  load.finish();
  if (code == 1) return code;  // it has said why
  if (!results.has_started()) {
    std::fprintf(stderr, "http_load: ended in the warm-up, nothing was measured\n");
    return code;
  }
  http_load::print_report(how, results);
  constexpr int with_errors = 3;
  return code == 0 && results.errors() > 0 ? with_errors : code;
}
