// Uses a type whose code is in the library, so that headers, link line and exported symbols all take part.
#include <exception>
#include <iostream>

#include <ringmill/runtime/error.hpp>
#include <ringmill/version.hpp>

static_assert(RINGMILL_VERSION == ringmill::version_number(0, 1, 0));

int main() {
  try {
    throw ringmill::timeout_error("the consumer's time is over");
  } catch (const std::exception& error) {
    std::cout << "ringmill " << ringmill::version << ": " << error.what() << '\n';
  }
}
