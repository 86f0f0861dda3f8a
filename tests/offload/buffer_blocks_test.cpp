// The allocator of a pool's buffers, compared with a list of what is lent.
#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <random>

#include <ringmill/offload/detail/buffer_blocks.hpp>

using ringmill::detail::buffer_blocks;

namespace {

TEST_CASE("blocks are powers of two, lie on multiples of their size, and never on one another") {
  for (const std::uint32_t units : {1U, 2U, 3U, 5U, 63U, 64U, 100U, 1000U}) {
    CAPTURE(units);
    buffer_blocks blocks(units);
    CHECK(blocks.largest_block() == std::bit_floor(units));
    std::map<std::uint32_t, std::uint32_t> lent;  // from, to
    std::mt19937 random(units);
    std::uint32_t in_use = 0;
    for (int step = 0; step < 20'000; ++step) {
      if (random() % 2 == 0) {
        const std::uint32_t wanted = 1 + static_cast<std::uint32_t>(random()) % (1U << random() % 8);
        const std::optional<std::uint32_t> block = blocks.take(wanted);
        if (!block) continue;
        const std::uint32_t size = blocks.size_of(*block);
        REQUIRE(size == std::bit_ceil(wanted));
        REQUIRE(*block % size == 0);
        REQUIRE(*block + size <= units);
        const auto next = lent.lower_bound(*block);
        if (next != lent.end()) REQUIRE(*block + size <= next->first);
        if (next != lent.begin()) REQUIRE(std::prev(next)->second <= *block);
        lent.emplace(*block, *block + size);
        in_use += size;
        const std::uint32_t any = *block + static_cast<std::uint32_t>(random()) % size;
        REQUIRE(blocks.block_of(any) == block);
      } else if (!lent.empty()) {
        auto one = lent.begin();
        std::advance(one, static_cast<std::ptrdiff_t>(random() % lent.size()));
        in_use -= one->second - one->first;
        REQUIRE(blocks.let_go(one->first));
        REQUIRE_FALSE(blocks.block_of(one->first).has_value());
        lent.erase(one);
      }
      REQUIRE(blocks.in_use() == in_use);
    }
    for (const auto& [from, to] : lent) blocks.let_go(from);
    // Put together again: all that was there at first is there at once.
    for (std::uint32_t left = units; left != 0; left -= std::bit_floor(left)) {
      CHECK(blocks.take(std::bit_floor(left)).has_value());
    }
    CHECK_FALSE(blocks.take(1).has_value());
  }
}

TEST_CASE("a block is free when its last holder has let go") {
  buffer_blocks blocks(4);
  const std::uint32_t block = blocks.take(3).value();
  blocks.hold(block);
  CHECK_FALSE(blocks.let_go(block));
  CHECK_FALSE(blocks.take(1).has_value());
  CHECK(blocks.let_go(block));
  CHECK(blocks.take(4).has_value());
}

TEST_CASE("what is wanted in vain takes nothing") {
  buffer_blocks none(0);
  CHECK(none.largest_block() == 0);
  CHECK_FALSE(none.take(1).has_value());
  CHECK_FALSE(none.block_of(0).has_value());
  buffer_blocks blocks(8);
  const std::uint32_t block = blocks.take(5).value();
  CHECK_FALSE(blocks.take(1).has_value());
  CHECK(blocks.let_go(block));
  CHECK_FALSE(blocks.take(9).has_value());
  CHECK(blocks.take(8).has_value());
}

}  // namespace
