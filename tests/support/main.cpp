// The main() of every test program. The workers of the tests of offload/ are the program started again: process_init
// comes first.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <ringmill/offload/process_init.hpp>

int main(int argc, char** argv) {
  ringmill::process_init(argc, argv);
  return doctest::Context(argc, argv).run();
}
