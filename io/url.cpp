#include <ringmill/io/url.hpp>

#include <ringmill/io/detail/url_parser.hpp>
#include <ringmill/io/detail/url_text.hpp>

namespace ringmill {

std::optional<url> url::parse(std::string_view input, const url* base) {
  if (input.size() > max_length) return std::nullopt;
  std::optional<detail::url_parts> base_parts;
  if (base != nullptr) base_parts = base->parts();
  const auto parts = detail::parse_url(detail::clean_url_input(input), base_parts ? &*base_parts : nullptr);
  if (!parts) return std::nullopt;
  url parsed(*parts);
  if (parsed.href_.size() > max_length) return std::nullopt;
  return parsed;
}

url::part url::append(std::string_view text) {
  const part where{static_cast<std::uint32_t>(href_.size()), static_cast<std::uint32_t>(text.size())};
  href_ += text;
  return where;
}

// Source: https://url.spec.whatwg.org/#url-serializing
url::url(const detail::url_parts& parts) : port_(parts.port), opaque_path_(parts.opaque_path) {
  scheme_ = append(parts.scheme);
  href_ += ':';
  if (parts.host) {
    href_ += "//";
    if (!parts.username.empty() || !parts.password.empty()) {
      username_ = append(parts.username);
      if (!parts.password.empty()) {
        href_ += ':';
        password_ = append(parts.password);
      }
      href_ += '@';
    }
    host_ = append(*parts.host);
    if (parts.port) href_ += ':' + std::to_string(*parts.port);
  } else if (!parts.opaque_path && parts.path.starts_with("//")) {
    href_ += "/.";  // else its first, empty segment would be read as the start of a host
  }
  path_ = append(parts.path);
  if (parts.query) {
    href_ += '?';
    query_ = append(*parts.query);
  }
  if (parts.fragment) {
    href_ += '#';
    fragment_ = append(*parts.fragment);
  }
}

detail::url_parts url::parts() const {
  detail::url_parts all;
  all.scheme = scheme();
  all.username = username();
  all.password = password();
  if (has_host()) all.host = host();
  all.port = port_;
  all.path = path();
  all.opaque_path = opaque_path_;
  all.query = query();
  all.fragment = fragment();
  return all;
}

std::uint16_t url::effective_port() const noexcept {
  return port_ ? *port_ : detail::default_port(scheme()).value_or(0);
}

std::optional<std::string_view> url::query() const noexcept {
  return query_.exists() ? std::optional(view(query_)) : std::nullopt;
}

std::optional<std::string_view> url::fragment() const noexcept {
  return fragment_.exists() ? std::optional(view(fragment_)) : std::nullopt;
}

std::string_view url::request_target() const noexcept {
  const part& last = query_.exists() ? query_ : path_;
  return view({path_.begin, last.begin + last.size - path_.begin});
}

// Source: https://url.spec.whatwg.org/#origin
std::string url::origin() const {
  if (scheme() == "blob") {
    const auto inner = parse(path());
    return inner && (inner->scheme() == "http" || inner->scheme() == "https") ? inner->origin() : "null";
  }
  if (!detail::default_port(scheme())) return "null";
  std::string text(scheme());
  text.append("://").append(host());
  if (port_) text += ':' + std::to_string(*port_);
  return text;
}

bool url::is_special() const noexcept { return detail::is_special_scheme(scheme()); }

url url::without_fragment() const {
  url copy = *this;
  if (fragment_.exists()) copy.href_.resize(fragment_.begin - 1);
  copy.fragment_ = part();
  return copy;
}

}  // namespace ringmill
