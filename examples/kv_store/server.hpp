// A key-value store over TCP. A request is a line, and so is its answer:
//
//   CLIENT NUMBER get KEY           VALUE, or none
//   CLIENT NUMBER set KEY VALUE     ok
//   CLIENT NUMBER add KEY AMOUNT    the sum; what is not there, or no number, counts as 0
//
// A client whose connection breaks cannot know whether its request was carried out. So it asks again with the same
// number, and the store, which keeps the last answer that each client got, does nothing twice. For that a client has
// one request at a time, counts them from 1, and has a name that nobody else has.
#pragma once

#include <cstdint>
#include <map>
#include <ringmill/ringmill.hpp>
#include <string>

namespace kv {

namespace rm = ringmill;

class store {
 public:
  store() = default;
  /// Without `knows_repetitions` it carries out what it is asked, however often: a bug that a test has to find.
  explicit store(bool knows_repetitions) : knows_repetitions_(knows_repetitions) {}

  /// The answer to a line, both without their ends.
  std::string answer(const std::string& request);

 private:
  struct session {
    std::uint64_t number = 0;
    std::string answer;
  };
  std::string carry_out(const std::string& verb, const std::string& key, const std::string& value);

  std::map<std::string, std::string> values_;
  std::map<std::string, session> sessions_;  // one for each client that ever came
  bool knows_repetitions_ = true;
};

/// Answers whoever connects, until it is cancelled. A connection that breaks is its client's affair.
rm::task<> serve(rm::tcp_listener& listener, store& data);

}  // namespace kv
