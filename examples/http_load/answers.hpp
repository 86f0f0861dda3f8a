// What comes back on a connection, taken apart: HTTP responses, or the bytes that were sent.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "http_load/response_scanner.hpp"
#include "http_load/settings.hpp"

namespace http_load {

enum class answer {
  none,       ///< more has to come
  good,       ///< a whole one
  refused,    ///< a whole one, with a status that is an error
  malformed,  ///< the connection is of no more use
};

/// Of one connection, in order.
class answers {
 public:
  virtual ~answers() = default;
  /// Takes an answer, or what there is of it, from the front of `input`.
  virtual answer take(std::string_view& input) = 0;
  /// What the end of the connection makes of what has come.
  virtual answer end() = 0;
  /// Does the server close behind the last answer?
  virtual bool are_over() const noexcept = 0;
  /// Of the last answer; 0 if there is no such thing.
  virtual int status() const noexcept = 0;
};

class http_answers final : public answers {
 public:
  answer take(std::string_view& input) override { return judge(scanner_.scan(input)); }
  answer end() override { return judge(scanner_.end()); }
  bool are_over() const noexcept override { return !scanner_.keep_alive(); }
  int status() const noexcept override { return scanner_.status(); }

 private:
  answer judge(response_scanner::progress made) const noexcept {
    if (made == response_scanner::progress::incomplete) return answer::none;
    if (made == response_scanner::progress::malformed) return answer::malformed;
    return status() >= 200 && status() < 400 ? answer::good : answer::refused;
  }
  response_scanner scanner_;
};

class echo_answers final : public answers {
 public:
  /// `message` comes back again and again.
  explicit echo_answers(std::string_view message) noexcept : message_(message), missing_(message) {}

  answer take(std::string_view& input) override {
    const std::string_view expected = missing_.substr(0, input.size());
    if (!input.starts_with(expected)) return answer::malformed;
    input.remove_prefix(expected.size());
    missing_.remove_prefix(expected.size());
    if (!missing_.empty()) return answer::none;
    missing_ = message_;
    return answer::good;
  }
  answer end() override { return answer::malformed; }
  bool are_over() const noexcept override { return false; }
  int status() const noexcept override { return 0; }

 private:
  std::string_view message_;
  std::string_view missing_;
};

}  // namespace http_load
