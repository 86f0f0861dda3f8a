// The main() of the tests of offload/: workers are this program started again, so process_init comes first.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <ringmill/offload/process_init.hpp>

int main(int argc, char** argv) {
  ringmill::process_init(argc, argv);
  return doctest::Context(argc, argv).run();
}
