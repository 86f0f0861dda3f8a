// URLs as browsers read them: parsing, resolution and serialisation after the WHATWG URL standard.
//
//     auto page = ringmill::url::parse("HTTP://example.com:80/a/b.html");
//     auto link = ringmill::url::parse("../c?d#e", &*page);       // http://example.com/c?d#e
//     send("GET " + std::string(link->request_target()));         // /c?d
//
// Every scheme is read, so `mailto:` and `javascript:` links are recognised for what they are. What is not here:
// - IDNA. The domain of a special URL must be ASCII (after percent-decoding): it is lower-cased, and `xn--` labels are
//   taken as they are. A domain with other characters is refused.
// - setters, and legacy encodings of the query: it is always UTF-8.
// Source: https://url.spec.whatwg.org/
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <ringmill/runtime/config.hpp>

namespace ringmill {

namespace detail {
struct url_parts;
}

/// A parsed URL: a value, held as its serialisation and the places of its components in it.
///
/// The views that accessors return point into the URL and live until it is assigned to, moved from or destroyed.
/// Serialising loses nothing: `parse(u.href()) == u` for every URL. Equal URLs have equal `href()`, so that is what to
/// hash or to sort by.
class RINGMILL_API url {
 public:
  /// Longest input, and longest serialisation, in bytes. Percent-encoding can make the one three times the other.
  static constexpr std::size_t max_length = 64 * 1024;

  /// Reads `input`, relative to `base` if there is one; nullopt where the standard says "failure", where either length
  /// is over `max_length`, and for domains that need IDNA. White space around the input is dropped, as are tabs and
  /// line ends in it; bytes that are not UTF-8 become U+FFFD.
  static std::optional<url> parse(std::string_view input, const url* base = nullptr);

  /// The whole URL, serialised.
  const std::string& href() const noexcept { return href_; }
  /// Lower case, without its colon.
  std::string_view scheme() const noexcept { return view(scheme_); }
  /// Percent-encoded; empty if there is none.
  std::string_view username() const noexcept { return view(username_); }
  std::string_view password() const noexcept { return view(password_); }
  /// A domain, `127.0.0.1`, `[::1]` (with its brackets), or empty: `file:///x` has an empty host, `mailto:x` none.
  std::string_view host() const noexcept { return view(host_); }
  bool has_host() const noexcept { return host_.exists(); }
  /// The port, unless it is the default one of the scheme: `http://h:80/` has none.
  std::optional<std::uint16_t> port() const noexcept { return port_; }
  /// The port to connect to: the one given, or else the default of the scheme; 0 if that has none (`file`, `mailto`).
  std::uint16_t effective_port() const noexcept;
  /// Percent-encoded. Begins with a slash in every special URL; is free text in an opaque one (`mailto:a@b`).
  std::string_view path() const noexcept { return view(path_); }
  /// True of `mailto:a@b` and the like, against which nothing but a fragment can be resolved.
  bool has_opaque_path() const noexcept { return opaque_path_; }
  /// Without the question mark. `http://h/?` has an empty query, `http://h/` none.
  std::optional<std::string_view> query() const noexcept;
  /// Without the number sign.
  std::optional<std::string_view> fragment() const noexcept;

  /// Path and query: what stands in the request line of HTTP.
  std::string_view request_target() const noexcept;
  /// `scheme://host[:port]` where the standard has a tuple origin (http, https, ws, wss, ftp, and blob URLs of the
  /// first two), else `null`. Two URLs that say `null` are not of the same origin.
  std::string origin() const;
  /// http, https, ws, wss, ftp or file.
  bool is_special() const noexcept;
  /// The same URL without `#fragment`: what a request is for, and what makes two links one page.
  url without_fragment() const;

  friend bool operator==(const url& left, const url& right) noexcept { return left.href_ == right.href_; }

 private:
  /// A piece of `href_`. Only the scheme stands at 0: another part that begins there does not exist.
  struct part {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
    bool exists() const noexcept { return begin != 0; }
  };

  url() = default;
  explicit url(const detail::url_parts& parts);
  detail::url_parts parts() const;

  std::string_view view(part which) const noexcept { return std::string_view(href_).substr(which.begin, which.size); }
  part append(std::string_view text);

  std::string href_;
  part scheme_, username_, password_, host_, path_, query_, fragment_;
  std::optional<std::uint16_t> port_;
  bool opaque_path_ = false;
};

}  // namespace ringmill
