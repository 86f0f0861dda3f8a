#include <doctest/doctest.h>

#include <ringmill/runtime/error.hpp>

TEST_CASE("a timeout is not a system error: it cannot be taken for ETIMEDOUT") {
  try {
    throw ringmill::timeout_error();
  } catch (const std::runtime_error& error) {
    CHECK(std::string(error.what()) == "timed out");
  }
}
