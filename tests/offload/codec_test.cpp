#include <doctest/doctest.h>

#include <limits>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <ringmill/offload/codec.hpp>

namespace rm = ringmill;

namespace {

template <class T>
std::vector<std::byte> encoded(const T& value) {
  std::vector<std::byte> bytes(rm::encoded_size(value));
  REQUIRE(rm::encode(std::span(bytes), value) == bytes.size());
  return bytes;
}

template <class T>
T round_trip(const T& value) {
  return rm::decode<T>(encoded(value));
}

}  // namespace

TEST_CASE("values, strings, vectors, pairs, tuples, optionals and maps survive a round trip") {
  CHECK(round_trip(42) == 42);
  CHECK(round_trip(true) == true);
  CHECK(round_trip(std::string("text\0more", 9)) == std::string("text\0more", 9));
  CHECK(round_trip(std::vector<double>{1.5, 2.5}) == std::vector<double>{1.5, 2.5});
  CHECK(round_trip(std::vector<bool>{true, false, true}) == std::vector<bool>{true, false, true});
  using nested = std::map<std::string, std::vector<std::pair<int, std::optional<std::string>>>>;
  const nested value = {{"a", {{1, "one"}, {2, std::nullopt}}}, {"b", {}}};
  CHECK(round_trip(value) == value);
  const std::tuple<int, std::string, std::vector<std::string>> mixed(7, "x", {"y", "z"});
  CHECK(round_trip(mixed) == mixed);
}

TEST_CASE("a count that the bytes cannot hold is refused before anything is allocated") {
  std::vector<std::byte> bytes = encoded(std::string("abc"));
  const std::uint64_t huge = std::numeric_limits<std::uint64_t>::max() / 2;
  std::memcpy(bytes.data(), &huge, sizeof huge);
  CHECK_THROWS_AS(rm::decode<std::string>(bytes), rm::protocol_error);
  CHECK_THROWS_AS(rm::decode<std::vector<std::uint64_t>>(bytes), rm::protocol_error);
}

TEST_CASE("every prefix of a payload is refused, and so are bytes left over") {
  using type = std::vector<std::pair<std::string, std::optional<std::vector<int>>>>;
  const type value = {{"first", std::vector<int>{1, 2, 3}}, {"second", std::nullopt}};
  std::vector<std::byte> bytes = encoded(value);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_THROWS_AS(rm::decode<type>(std::span(bytes).first(size)), rm::protocol_error);
  }
  bytes.push_back(std::byte{0});
  CHECK_THROWS_AS(rm::decode<type>(bytes), rm::protocol_error);
}

TEST_CASE("changed bytes do no harm") {
  using type = std::vector<std::pair<std::string, std::optional<std::vector<int>>>>;
  const type value = {{"first", std::vector<int>{1, 2, 3}}, {"second", std::nullopt}};
  const std::vector<std::byte> bytes = encoded(value);
  std::mt19937 random(7);
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> changed = bytes;
    for (int i = 0; i < 3; ++i) changed[random() % changed.size()] = static_cast<std::byte>(random());
    try {
      (void)rm::decode<type>(changed);
    } catch (const rm::protocol_error&) {
      ++refused;
    }
  }
  CHECK(refused > 1000);
}

TEST_CASE("what a worker writes cannot refer to a pool's buffers: only a worker has those to look at") {
  // A block that begins with this length, and an offset, lies there.
  const std::vector<std::byte> forged =
      encoded(std::pair<std::uint64_t, std::uint64_t>(rm::detail::lies_in_buffer | 8, 0));
  CHECK_THROWS_AS(rm::decode<std::string>(forged), rm::protocol_error);
  CHECK_THROWS_AS(rm::decode<std::string_view>(forged), rm::protocol_error);
  CHECK_THROWS_AS(rm::decode<std::vector<int>>(forged), rm::protocol_error);
  CHECK_THROWS_AS(rm::decode<std::vector<std::string>>(forged), rm::protocol_error);
  CHECK_THROWS_AS(rm::decode<std::span<const double>>(forged), rm::protocol_error);
}

TEST_CASE("a vector whose bytes lie anywhere is read, aligned or not") {
  const std::vector<std::uint64_t> value = {1, 2, 3};
  const std::vector<std::byte> bytes = encoded(value);
  for (std::size_t shift = 0; shift < 8; ++shift) {
    std::vector<std::byte> moved(shift);
    moved.insert(moved.end(), bytes.begin(), bytes.end());
    CHECK(rm::decode<std::vector<std::uint64_t>>(std::span(moved).subspan(shift)) == value);
  }
}
