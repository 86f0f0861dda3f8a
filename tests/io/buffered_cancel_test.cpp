// Reads of a buffered_reader that are cancelled at every moment, and asked again.
#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ringmill/io/buffered.hpp>
#include <ringmill/io/testing_stream.hpp>
#include <ringmill/runtime/cancel_scope.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>

#include "../support/run.hpp"
#include "../support/task_stream.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using rm::testing::connected_streams;
using rm::testing::memory_options;
using rm::testing::memory_stream;
using support::task_stream;
using support::text_of;

namespace {

static_assert(rm::readable_stream<rm::buffered_reader<task_stream>>);

/// All that is left, by reads of three bytes.
template <class Reader>
rm::task<std::string> rest_of(Reader& reader) {
  std::string all;
  std::array<std::byte, 3> buffer;
  while (const std::size_t count = co_await reader.read_some(buffer)) all += text_of(std::span(buffer).first(count));
  co_return all;
}

/// What is sent in the tests of cancelling, and how it is read.
constexpr std::string_view sent = "ab\r\ncdefg";

/// Reads in some way, asked again whenever it is cut off, and gives what it read.
template <class Stream>
using read_function = std::function<rm::task<std::string>(rm::buffered_reader<Stream>&, rm::cancel_scope&)>;

template <class Stream>
class way_to_read {
 public:
  way_to_read(std::string_view expected, read_function<Stream> how) : gives(expected), read(std::move(how)) {}
  std::string_view gives;
  read_function<Stream> read;
};

template <class Stream>
std::vector<way_to_read<Stream>> all_ways() {
  using reader = rm::buffered_reader<Stream>;
  std::vector<way_to_read<Stream>> ways;
  ways.emplace_back("ab", [](reader& from, rm::cancel_scope& scope) -> rm::task<std::string> {
    std::string line;
    const std::optional<bool> done = co_await scope.run(from.read_line(line));
    if (!done) co_await from.read_line(line);
    co_return line;
  });
  ways.emplace_back("ab\r\nc", [](reader& from, rm::cancel_scope& scope) -> rm::task<std::string> {
    std::string part;
    const std::optional<bool> done = co_await scope.run(from.read_until("de", part));
    if (!done) co_await from.read_until("de", part);
    co_return part;
  });
  ways.emplace_back("ab\r\ncd", [](reader& from, rm::cancel_scope& scope) -> rm::task<std::string> {
    auto part = co_await scope.run(from.read_exactly(6));
    if (!part) part.emplace(co_await from.read_exactly(6));
    co_return std::string(text_of(*part));
  });
  ways.emplace_back("ab\r\ncdefg", [](reader& from, rm::cancel_scope& scope) -> rm::task<std::string> {
    std::string all(9, '\0');  // more than the buffer
    std::span<std::byte> rest = std::as_writable_bytes(std::span(all));
    const bool done = co_await scope.run(from.read_exactly(rest));
    if (!done) co_await from.read_exactly(rest);
    CHECK(rest.empty());
    co_return all;
  });
  ways.emplace_back("", [](reader& from, rm::cancel_scope& scope) -> rm::task<std::string> {
    std::uint64_t rest = 7;
    const bool done = co_await scope.run(from.skip(rest));
    if (!done) co_await from.skip(rest);
    CHECK(rest == 0);
    co_return std::string();
  });
  ways.emplace_back("", [](reader& from, rm::cancel_scope& scope) -> rm::task<std::string> {
    auto part = co_await scope.run(from.peek(5));
    if (!part) part.emplace(co_await from.peek(5));
    CHECK(text_of(*part).substr(0, 5) == sent.substr(0, 5));
    co_return std::string();
  });
  return ways;
}

/// What follows what was read: all bytes of `sent` once, but for delimiters and what is skipped.
constexpr std::string_view rests[] = {"cdefg", "fg", "efg", "", "fg", sent};

/// `sent` comes in two parts; the read is cut off after some turns of the loop, and asked again.
template <class Stream>
rm::task<> read_with_cancel(const way_to_read<Stream>& way, std::string_view rest, std::size_t split, int turns,
                            memory_stream& client, Stream& server) {
  rm::buffered_reader reader(server, 8);
  rm::cancel_scope scope;
  rm::nursery all;
  co_await all.run([&]() -> rm::task<> {
    all.start([&]() -> rm::task<> {
      co_await rm::yield();
      co_await client.write_all(sent.substr(0, split));
      for (int i = 0; i < 3; ++i) co_await rm::yield();
      co_await client.write_all(sent.substr(split));
      co_await rm::yield();
      client.shutdown_write();
    });
    all.start([&]() -> rm::task<> {
      for (int i = 0; i < turns; ++i) co_await rm::yield();
      scope.cancel();
    });
    const std::string got = co_await way.read(reader, scope);
    CHECK(got == way.gives);
    const std::string left = co_await rest_of(reader);
    CHECK(left == rest);
    CHECK(reader.at_end());
  });
}

}  // namespace

TEST_CASE("no byte is lost or given twice by a read that is cancelled at any moment and asked again") {
  const auto ways = all_ways<memory_stream>();
  for (std::size_t way = 0; way < ways.size(); ++way) {
    for (std::size_t split = 0; split <= sent.size(); ++split) {
      for (int turns = 0; turns < 14; ++turns) {
        for (const std::size_t most : {1, 3, 100}) {
          CAPTURE(way);
          CAPTURE(split);
          CAPTURE(turns);
          CAPTURE(most);
          auto ends = connected_streams(memory_options().most_per_read(most));
          support::run(read_with_cancel(ways[way], rests[way], split, turns, ends.first, ends.second));
        }
      }
    }
  }
}

TEST_CASE("the same over a stream whose reads are tasks") {
  const auto ways = all_ways<task_stream>();
  for (std::size_t way = 0; way < ways.size(); ++way) {
    for (std::size_t split = 0; split <= sent.size(); ++split) {
      for (int turns = 0; turns < 20; ++turns) {
        CAPTURE(way);
        CAPTURE(split);
        CAPTURE(turns);
        auto ends = connected_streams(memory_options().most_per_read(3));
        task_stream server(ends.second);
        support::run(read_with_cancel(ways[way], rests[way], split, turns, ends.first, server));
      }
    }
  }
}
