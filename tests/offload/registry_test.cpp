#include <doctest/doctest.h>

#include <ringmill/offload/exception_codec.hpp>
#include <ringmill/offload/registry.hpp>

#include <array>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace rm = ringmill;
namespace detail = ringmill::detail;

int with_linkage(int number) { return number; }
static int static_one(int number) { return number; }
namespace of_registry {
int LARGE_NAME(int number) { return number; }
static int static_one(int number) { return number; }
}  // namespace of_registry

namespace {

int add(int a, int b) { return a + b; }
double add(double a, double b) { return a + b; }
constexpr int (*add_ints)(int, int) = &add;
constexpr double (*add_doubles)(double, double) = &add;

class custom_error : public std::out_of_range {
 public:
  using std::out_of_range::out_of_range;
};

/// Throws it, sends it through bytes, and gives what comes out.
template <class Exception>
std::exception_ptr there_and_back(const Exception& error, std::size_t room = 4096) {
  std::vector<std::byte> memory(room);
  std::size_t size = 0;
  try {
    throw error;
  } catch (...) {
    size = detail::encode_current_exception(memory);
  }
  return detail::decode_exception(std::span<const std::byte>(memory).first(size));
}

template <class Expected>
std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Expected& known) {
    CHECK(typeid(known) == typeid(Expected));
    return known.what();
  }
}

TEST_CASE("a function is found by its number, and overloads have two") {
  const auto ints = detail::registration<add_ints>::id();
  const auto doubles = detail::registration<add_doubles>::id();
  CHECK(ints != doubles);
  CHECK(static_cast<bool>(detail::find_in_registry(ints)));
  CHECK_FALSE(static_cast<bool>(detail::find_in_registry(ints + 1)));
  CHECK_NOTHROW(detail::check_registry());
}

TEST_CASE("a function has another number under a name of its own") {
  constexpr auto by_name = rm::named_function<"sum of two", add_ints>;
  CHECK(detail::registration<by_name>::id() != detail::registration<add_ints>::id());
  CHECK(detail::registration<by_name>::id() == detail::hash_bytes("sum of two"));
  CHECK(static_cast<bool>(detail::find_in_registry(detail::registration<by_name>::id())));
}

TEST_CASE("by the name of a type one sees whether two modules mean the same function by it") {
  const auto is_of_one_module = [](const std::type_info& type) { return detail::is_of_one_module(type.name()); };
  CHECK_FALSE(is_of_one_module(typeid(detail::carrier<&with_linkage>)));
  CHECK_FALSE(is_of_one_module(typeid(detail::carrier<&of_registry::LARGE_NAME>)));
  CHECK(is_of_one_module(typeid(detail::carrier<add_ints>)));  // in an unnamed namespace
  CHECK(is_of_one_module(typeid(detail::carrier<&static_one>)));
  CHECK(is_of_one_module(typeid(detail::carrier<&of_registry::static_one>)));
}

TEST_CASE("a call reads its arguments from bytes and writes its result") {
  const std::tuple<int, int> arguments(20, 22);
  std::array<std::byte, 64> in;
  std::array<std::byte, 64> out;
  const std::size_t size = rm::encode(std::span<std::byte>(in), arguments);
  detail::result_writer result(out);
  detail::find_in_registry(detail::registration<add_ints>::id())(std::span(in).first(size), result);
  CHECK(rm::decode<int>(std::span(out).first(result.size())) == 42);
}

TEST_CASE("standard exceptions come back as themselves") {
  CHECK(text_of<std::runtime_error>(there_and_back(std::runtime_error("plain"))) == "plain");
  CHECK(text_of<std::invalid_argument>(there_and_back(std::invalid_argument("argument"))) == "argument");
  CHECK(text_of<std::out_of_range>(there_and_back(std::out_of_range("range"))) == "range");
  CHECK_THROWS_AS(std::rethrow_exception(there_and_back(std::bad_alloc())), std::bad_alloc);
  const std::system_error missing(ENOENT, std::generic_category(), "open x");
  CHECK(text_of<std::system_error>(there_and_back(missing)) == std::string(missing.what()));
}

TEST_CASE("other exceptions come back with the name of their type") {
  try {
    std::rethrow_exception(there_and_back(custom_error("mine")));
  } catch (const rm::remote_error& error) {
    CHECK(error.type().find("custom_error") != std::string::npos);
    CHECK(std::string(error.what()) == "mine");
  }
  try {
    std::rethrow_exception(there_and_back(42));
  } catch (const rm::remote_error& error) {
    CHECK(error.type() == "int");
  }
}

TEST_CASE("an exception's text is cut to the room there is") {
  const std::string text(100'000, 'x');
  CHECK(text_of<std::runtime_error>(there_and_back(std::runtime_error(text), 1 << 20)).size() == 64 * 1024);
  CHECK(text_of<std::runtime_error>(there_and_back(std::runtime_error(text), 256)).size() == 64);
  CHECK_THROWS_AS(std::rethrow_exception(there_and_back(std::runtime_error(text), 4)), rm::remote_error);
}

}  // namespace
