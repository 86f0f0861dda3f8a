// Datagrams and lent buffers by seeds; and that the simulation finds out who uses them wrongly.
#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <ringmill/ringmill.hpp>

#include "seeds.hpp"

namespace rm = ringmill;
namespace sim = ringmill::sim;
using namespace std::chrono_literals;
using namespace sim_tests;

namespace {

// Streams that are read into memory of the ring, from where each piece goes on as a Unix datagram.

constexpr std::size_t bytes_of_stream = 300;
using stream_pair = std::pair<rm::unix_stream, rm::unix_stream>;

rm::task<> write_letters(sim::world& world, rm::unix_stream& stream, char letter) {
  for (std::size_t left = bytes_of_stream; left > 0;) {
    const std::string some(std::min<std::size_t>(left, 1 + world.random().below(40)), letter);
    co_await stream.write_all(some);
    left -= some.size();
    co_await rm::sleep_for(std::chrono::microseconds(world.random().below(300)));
  }
  stream.shutdown_write();
}

rm::task<> pass_on(sim::world& world, rm::unix_stream& stream, rm::unix_datagram& to, bool has_bug) {
  for (;;) {
    rm::lease piece = co_await rm::receive_lease_op(stream.handle());
    if (piece.empty()) co_return;
    co_await rm::sleep_for(std::chrono::microseconds(world.random().below(300)));
    for (bool is_sent = false; !is_sent;) {
      const auto limit = std::chrono::microseconds(world.random().below(2000));
      is_sent = co_await rm::move_on_after(limit, to.send(piece.bytes()));  // cut off, it has sent nothing
      if (has_bug) is_sent = true;
    }
  }
}

rm::task<> check_letters(rm::unix_datagram& from, std::size_t streams) {
  std::vector<std::byte> buffer(65536);
  std::map<std::byte, std::size_t> counts;
  for (std::size_t left = streams * bytes_of_stream; left > 0;) {
    const rm::unix_message got = co_await from.receive_from(buffer);
    for (std::size_t at = 0; at < got.size; ++at) {
      if (buffer[at] != buffer[0]) throw std::logic_error("two streams in one datagram");
      if (++counts[buffer[at]] > bytes_of_stream) throw std::logic_error("more than was sent");
    }
    left -= got.size;
  }
}

program leases_passed_on(bool has_bug) {
  return [has_bug](sim::world& world) {
    world.host("one").start([&world, has_bug]() -> rm::task<> {
      std::pair<rm::unix_datagram, rm::unix_datagram> messages = rm::unix_datagram::pair();
      std::vector<stream_pair> streams;
      for (int i = 0; i < 3; ++i) streams.push_back(rm::unix_stream::pair());
      rm::nursery all;
      co_await all.run([&]() -> rm::task<> {
        char letter = 'a';
        for (stream_pair& each : streams) {
          all.start(write_letters, std::ref(world), std::ref(each.first), letter++);
          all.start(pass_on, std::ref(world), std::ref(each.second), std::ref(messages.first), has_bug);
        }
        co_await check_letters(messages.second, streams.size());
      });
    });
  };
}

// Questions and answers by UDP, where either may be lost, late and doubled.

constexpr std::uint16_t square_port = 9;
using numbers = std::array<std::uint64_t, 2>;  // a question, and its answer

rm::task<> square_numbers() {
  auto socket = rm::udp_socket::bind("0.0.0.0", square_port);
  for (;;) {
    numbers one{};
    const std::span<std::byte> bytes = std::as_writable_bytes(std::span(one));
    const rm::received_datagram got = co_await socket.receive_from(bytes);
    if (got.full_size != bytes.size()) throw std::logic_error("a datagram of another size than was sent");
    one[1] = one[0] * one[0];
    co_await socket.send_to(bytes, got.peer);
  }
}

/// Nothing: no answer has come in time, or nobody listens yet.
rm::task<std::optional<numbers>> ask_once(rm::udp_socket& socket, std::uint64_t question) {
  numbers asked{question, 0};
  numbers answer{};
  try {
    co_await socket.send(std::as_bytes(std::span(asked)));
    const auto got = co_await rm::move_on_after(20ms, socket.receive_from(std::as_writable_bytes(std::span(answer))));
    if (!got) co_return std::nullopt;
  } catch (const std::system_error&) {
    co_return std::nullopt;
  }
  co_return answer;
}

program questions_by_udp(bool has_bug) {
  return [has_bug](sim::world& world) {
    sim::host& server = world.host("server");
    server.start_background(square_numbers);
    for (int number = 0; number < 2; ++number) {
      world.host("client " + std::to_string(number)).start([has_bug, where = server.at(square_port)]() -> rm::task<> {
        auto socket = co_await rm::udp_socket::connect(where);
        for (std::uint64_t question = 1; question <= 15;) {
          const std::optional<numbers> answer = co_await ask_once(socket, question);
          if (!answer) {
            co_await rm::sleep_for(1ms);
            continue;
          }
          const bool is_old = (*answer)[0] != question;
          if (is_old && !has_bug) continue;
          if ((*answer)[1] != question * question) throw std::logic_error("the answer to another question");
          ++question;
        }
      });
    }
  };
}

}  // namespace

TEST_CASE("what was read into lent buffers and sent on as datagrams arrives, all of it and unchanged") {
  const auto how = [](std::uint64_t seed) { return safety(seed).fault(sim::fault::no_descriptor, 0); };
  check_seeds("leases and Unix datagrams", 100, how, leases_passed_on(false));
}

TEST_CASE("questions by UDP get their own answers once faults have stopped") {
  const auto how = [](std::uint64_t seed) { return liveness(seed).fault(sim::fault::no_descriptor, 0); };
  check_seeds("questions by UDP", 300, how, questions_by_udp(false));
}

TEST_CASE("a datagram that is not sent again when its send was cut off is found") { check_found(leases_passed_on); }
TEST_CASE("an answer by UDP that is taken for another question's is found") { check_found(questions_by_udp); }
