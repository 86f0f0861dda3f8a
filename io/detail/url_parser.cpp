#include <ringmill/io/detail/url_parser.hpp>

#include <algorithm>
#include <utility>

#include <ringmill/io/detail/url_host.hpp>
#include <ringmill/io/detail/url_text.hpp>

namespace ringmill::detail {

namespace {

struct special_scheme {
  std::string_view name;
  std::uint16_t port;  // 0: none
};
constexpr special_scheme special_schemes[] = {{"http", 80}, {"https", 443}, {"ws", 80},
                                              {"wss", 443}, {"ftp", 21},    {"file", 0}};

bool is_drive_letter(std::string_view text) {
  return text.size() == 2 && is_ascii_alpha(text[0]) && (text[1] == ':' || text[1] == '|');
}

/// A drive letter, then nothing or the end of a segment.
bool starts_with_drive_letter(std::string_view text) {
  return is_drive_letter(text.substr(0, 2)) &&
         (text.size() == 2 || std::string_view("/\\?#").find(text[2]) != text.npos);
}

/// `path` is `/c:` and no more.
bool is_drive_path(std::string_view path) {
  return path.size() == 3 && path[2] == ':' && is_drive_letter(path.substr(1));
}

/// Length of the dot (`.`, `%2e`) in front of `text`, 0 if there is none.
std::size_t leading_dot(std::string_view text) {
  if (text.starts_with('.')) return 1;
  return text.starts_with("%2e") || text.starts_with("%2E") ? 3 : 0;
}

bool is_single_dot(std::string_view segment) {
  const std::size_t dot = leading_dot(segment);
  return dot != 0 && dot == segment.size();
}

bool is_double_dot(std::string_view segment) {
  const std::size_t dot = leading_dot(segment);
  return dot != 0 && is_single_dot(segment.substr(dot));
}

/// One function for each state of the standard, under its name, or for states that follow each other directly. `rest_`
/// is the input from the standard's pointer on. A function consumes what is its own and ends by calling the next one,
/// so the depth is that of the longest chain of states, whatever the input.
class parser {
 public:
  parser(std::string_view input, const url_parts* base) : rest_(input), base_(base) {}

  std::optional<url_parts> run() {
    if (!scheme_start()) return std::nullopt;
    return std::move(url_);
  }

 private:
  bool special() const { return is_special_scheme(url_.scheme); }
  bool is_slash(char c) const { return c == '/' || (c == '\\' && special()); }
  bool at_slash() const { return !rest_.empty() && is_slash(rest_.front()); }

  /// Takes the input up to the first character that `ends`.
  template <class Predicate>
  std::string_view take_until(Predicate ends) {
    const auto end = std::find_if(rest_.begin(), rest_.end(), ends);
    const std::string_view taken = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  bool scheme_start() {
    std::size_t end = 0;
    if (!rest_.empty() && is_ascii_alpha(rest_.front()))
      end = rest_.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    if (end == 0 || end == rest_.npos || rest_[end] != ':') return no_scheme();

    url_.scheme = rest_.substr(0, end);
    std::transform(url_.scheme.begin(), url_.scheme.end(), url_.scheme.begin(), ascii_lower);
    rest_.remove_prefix(end + 1);
    if (url_.scheme == "file") return file();
    if (special()) {
      // `http:a` is relative to a base of the same scheme, for reasons of history.
      if (base_ != nullptr && base_->scheme == url_.scheme && !rest_.starts_with("//")) return relative();
      return special_authority_slashes();
    }
    if (rest_.starts_with("//")) {
      rest_.remove_prefix(2);
      return authority();
    }
    if (rest_.starts_with('/')) return path_start();
    return opaque_path();
  }

  bool no_scheme() {
    if (base_ == nullptr || (base_->opaque_path && !rest_.starts_with('#'))) return false;
    url_.scheme = base_->scheme;
    if (base_->opaque_path) {
      url_.path = base_->path;
      url_.opaque_path = true;
      url_.query = base_->query;
      return query_and_fragment();
    }
    return url_.scheme == "file" ? file() : relative();
  }

  bool relative() {
    if (at_slash()) {
      rest_.remove_prefix(1);
      return relative_slash();
    }
    copy_authority();
    return relative_path();
  }

  bool relative_slash() {
    if (at_slash()) {
      if (special()) return special_authority_slashes();
      rest_.remove_prefix(1);
      return authority();
    }
    copy_authority();
    return path();
  }

  void copy_authority() {
    url_.username = base_->username;
    url_.password = base_->password;
    url_.host = base_->host;
    url_.port = base_->port;
  }

  /// The end of the relative state and of the file state: a path below the base's, or only a query or a fragment.
  bool relative_path() {
    url_.path = base_->path;
    if (rest_.empty() || rest_.front() == '#') {
      url_.query = base_->query;
      return query_and_fragment();
    }
    if (rest_.front() == '?') return query_and_fragment();
    // A drive letter is not below another drive.
    if (url_.scheme == "file" && starts_with_drive_letter(rest_))
      url_.path.clear();
    else
      shorten_path();
    return path();
  }

  /// A browser takes any number of slashes here, or none.
  bool special_authority_slashes() {
    take_until([](char c) { return c != '/' && c != '\\'; });
    return authority();
  }

  bool authority() {
    std::string_view text = take_until([this](char c) { return is_slash(c) || c == '?' || c == '#'; });
    if (const std::size_t at = text.rfind('@'); at != text.npos) {
      const std::string_view userinfo = text.substr(0, at);
      const std::size_t colon = userinfo.find(':');
      percent_encode(url_.username, userinfo.substr(0, colon), encode_set::userinfo);
      if (colon != userinfo.npos) percent_encode(url_.password, userinfo.substr(colon + 1), encode_set::userinfo);
      text.remove_prefix(at + 1);
      if (text.empty()) return false;
    }

    bool in_brackets = false;
    std::size_t host_end = 0;
    for (; host_end < text.size() && (in_brackets || text[host_end] != ':'); ++host_end) {
      if (text[host_end] == '[') in_brackets = true;
      if (text[host_end] == ']') in_brackets = false;
    }
    const bool has_port = host_end < text.size();
    if (host_end == 0 && (has_port || special())) return false;
    url_.host = parse_host(text.substr(0, host_end), special());
    if (!url_.host) return false;
    if (has_port && !port(text.substr(host_end + 1))) return false;
    return path_start();
  }

  bool port(std::string_view digits) {
    std::uint32_t value = 0;
    for (const char c : digits) {
      if (!is_ascii_digit(c)) return false;
      value = value * 10 + static_cast<std::uint32_t>(c - '0');
      if (value > 0xFFFF) return false;
    }
    const auto number = static_cast<std::uint16_t>(value);
    if (!digits.empty() && default_port(url_.scheme) != number) url_.port = number;
    return true;
  }

  bool file() {
    url_.host = "";
    const bool file_base = base_ != nullptr && base_->scheme == "file";
    if (at_slash()) {
      rest_.remove_prefix(1);
      if (at_slash()) {
        rest_.remove_prefix(1);
        return file_host();
      }
      if (file_base) {
        url_.host = base_->host;
        // `/x` stays on the drive of the base.
        const std::string drive = base_->path.substr(0, base_->path.find('/', 1));
        if (is_drive_path(drive) && !starts_with_drive_letter(rest_)) url_.path = drive;
      }
      return path();
    }
    if (!file_base) return path();
    url_.host = base_->host;
    return relative_path();
  }

  bool file_host() {
    const std::string_view whole = rest_;
    const std::string_view name = take_until([this](char c) { return is_slash(c) || c == '?' || c == '#'; });
    if (is_drive_letter(name)) {  // `file://c:/x` means `file:///c:/x`
      rest_ = whole;
      return path();
    }
    if (!name.empty()) {
      url_.host = parse_host(name, true);
      if (!url_.host) return false;
      if (*url_.host == "localhost") url_.host = "";
    }
    return path_start();
  }

  bool path_start() {
    if (at_slash())
      rest_.remove_prefix(1);
    else if (!special() && (rest_.empty() || rest_.front() == '?' || rest_.front() == '#'))
      return query_and_fragment();  // only here does a path stay empty
    return path();
  }

  /// Reads segments; the slash in front of the first one has been taken.
  bool path() {
    for (;;) {
      const std::string_view segment = take_until([this](char c) { return is_slash(c) || c == '?' || c == '#'; });
      const bool last = !at_slash();
      if (is_double_dot(segment)) {
        shorten_path();
        if (last) url_.path += '/';
      } else if (is_single_dot(segment)) {
        if (last) url_.path += '/';
      } else {
        const bool drive = url_.scheme == "file" && url_.path.empty() && is_drive_letter(segment);
        url_.path += '/';
        percent_encode(url_.path, segment, encode_set::path);
        if (drive) url_.path.back() = ':';
      }
      if (last) return query_and_fragment();
      rest_.remove_prefix(1);
    }
  }

  /// Drops the last segment, but never a drive.
  void shorten_path() {
    if (url_.scheme == "file" && is_drive_path(url_.path)) return;
    if (const std::size_t slash = url_.path.rfind('/'); slash != url_.path.npos) url_.path.resize(slash);
  }

  bool opaque_path() {
    url_.opaque_path = true;
    const std::string_view text = take_until([](char c) { return c == '?' || c == '#'; });
    percent_encode(url_.path, text, encode_set::control);
    // A space before a query or a fragment would be lost when they are taken away and the rest is parsed again.
    if (!rest_.empty() && url_.path.ends_with(' ')) url_.path.replace(url_.path.size() - 1, 1, "%20");
    return query_and_fragment();
  }

  bool query_and_fragment() {
    if (rest_.starts_with('?')) {
      rest_.remove_prefix(1);
      const std::string_view text = take_until([](char c) { return c == '#'; });
      percent_encode(url_.query.emplace(), text, special() ? encode_set::special_query : encode_set::query);
    }
    if (rest_.starts_with('#')) percent_encode(url_.fragment.emplace(), rest_.substr(1), encode_set::fragment);
    return true;
  }

  std::string_view rest_;
  const url_parts* base_;
  url_parts url_;
};

}  // namespace

std::optional<url_parts> parse_url(std::string_view input, const url_parts* base) { return parser(input, base).run(); }

bool is_special_scheme(std::string_view scheme) noexcept {
  return std::any_of(std::begin(special_schemes), std::end(special_schemes),
                     [scheme](const special_scheme& known) { return known.name == scheme; });
}

std::optional<std::uint16_t> default_port(std::string_view scheme) noexcept {
  for (const special_scheme& known : special_schemes)
    if (known.name == scheme && known.port != 0) return known.port;
  return std::nullopt;
}

}  // namespace ringmill::detail
