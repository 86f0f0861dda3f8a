// The state machine of the WHATWG URL standard: from text to components.
// Source: https://url.spec.whatwg.org/#concept-basic-url-parser
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringmill::detail {

/// The record that the standard calls a URL. All strings are serialised, that is percent-encoded.
struct url_parts {
  std::string scheme;
  std::string username, password;
  std::optional<std::string> host;
  std::optional<std::uint16_t> port;
  /// Either opaque text, or a list of segments, each with a slash in front: a segment holds none, so that `/a/b` is
  /// `[a, b]`, `/` is `[""]`, and the empty string is the empty list.
  std::string path;
  bool opaque_path = false;
  std::optional<std::string> query, fragment;
};

/// `input` is clean (see `clean_url_input`). nullopt is the failure of the standard.
std::optional<url_parts> parse_url(std::string_view input, const url_parts* base);

bool is_special_scheme(std::string_view scheme) noexcept;
/// nullopt for schemes without one, which are all but http, https, ws, wss and ftp.
std::optional<std::uint16_t> default_port(std::string_view scheme) noexcept;

}  // namespace ringmill::detail
