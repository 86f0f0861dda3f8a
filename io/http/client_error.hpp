// What can go wrong with a request before a byte is sent, and how long things may take.
#pragma once

#include <cstdint>
#include <string>
#include <system_error>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/error.hpp>

namespace ringmill::http {

/// A std::error_code of the category "http.client".
enum class client_error {
  invalid_url = 1,
  unsupported_scheme,  ///< anything but http
  unresolved_host,     ///< no address is known for the name
  too_many_redirects,
  invalid_redirect,  ///< to what is no URL, or not an http one
};

RINGMILL_API const std::error_category& client_category() noexcept;
inline std::error_code make_error_code(client_error error) noexcept {
  return std::error_code(static_cast<int>(error), client_category());
}

/// Which of a client's time limits was over.
enum class client_phase : std::uint8_t { connect, head, total };

/// Thrown by a client whose time limit was over; the text names the server and the limit.
class RINGMILL_API client_timeout : public timeout_error {
 public:
  client_timeout(client_phase when, const std::string& what) : timeout_error(what), phase_(when) {}
  client_phase phase() const noexcept { return phase_; }

 private:
  client_phase phase_;
};

}  // namespace ringmill::http

template <>
struct std::is_error_code_enum<ringmill::http::client_error> : std::true_type {};
