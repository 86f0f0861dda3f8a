#include "web/entities.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace web {
namespace {

struct entity {
  std::string_view name;
  std::uint16_t code_point;
  bool bare = false;  // also known without its semicolon
};

// Sorted by name (bytes), for the binary search.
// clang-format off
constexpr std::array<entity, 295> entities = {{
    {"AElig", 0xC6, true}, {"AMP", 0x26, true}, {"Aacute", 0xC1, true}, {"Acirc", 0xC2, true}, {"Agrave", 0xC0, true},
    {"Alpha", 0x391}, {"Aring", 0xC5, true}, {"Atilde", 0xC3, true}, {"Auml", 0xC4, true}, {"Beta", 0x392},
    {"COPY", 0xA9, true}, {"Ccedil", 0xC7, true}, {"Chi", 0x3A7}, {"Dagger", 0x2021}, {"Delta", 0x394},
    {"DiacriticalGrave", 0x60}, {"ETH", 0xD0, true}, {"Eacute", 0xC9, true}, {"Ecirc", 0xCA, true},
    {"Egrave", 0xC8, true}, {"Epsilon", 0x395}, {"Eta", 0x397}, {"Euml", 0xCB, true}, {"GT", 0x3E, true},
    {"Gamma", 0x393}, {"Hat", 0x5E}, {"Iacute", 0xCD, true}, {"Icirc", 0xCE, true}, {"Igrave", 0xCC, true},
    {"Iota", 0x399}, {"Iuml", 0xCF, true}, {"Kappa", 0x39A}, {"LT", 0x3C, true}, {"Lambda", 0x39B}, {"Mu", 0x39C},
    {"NewLine", 0xA}, {"Ntilde", 0xD1, true}, {"Nu", 0x39D}, {"OElig", 0x152}, {"Oacute", 0xD3, true},
    {"Ocirc", 0xD4, true}, {"Ograve", 0xD2, true}, {"Omega", 0x3A9}, {"Omicron", 0x39F}, {"Oslash", 0xD8, true},
    {"Otilde", 0xD5, true}, {"Ouml", 0xD6, true}, {"Phi", 0x3A6}, {"Pi", 0x3A0}, {"Prime", 0x2033}, {"Psi", 0x3A8},
    {"QUOT", 0x22, true}, {"REG", 0xAE, true}, {"Rho", 0x3A1}, {"Scaron", 0x160}, {"Sigma", 0x3A3},
    {"THORN", 0xDE, true}, {"Tab", 0x9}, {"Tau", 0x3A4}, {"Theta", 0x398}, {"Uacute", 0xDA, true},
    {"Ucirc", 0xDB, true}, {"Ugrave", 0xD9, true}, {"UnderBar", 0x5F}, {"Upsilon", 0x3A5}, {"Uuml", 0xDC, true},
    {"VerticalLine", 0x7C}, {"Xi", 0x39E}, {"Yacute", 0xDD, true}, {"Yuml", 0x178}, {"Zeta", 0x396},
    {"aacute", 0xE1, true}, {"acirc", 0xE2, true}, {"acute", 0xB4, true}, {"aelig", 0xE6, true},
    {"agrave", 0xE0, true}, {"alefsym", 0x2135}, {"alpha", 0x3B1}, {"amp", 0x26, true}, {"and", 0x2227},
    {"ang", 0x2220}, {"apos", 0x27}, {"aring", 0xE5, true}, {"ast", 0x2A}, {"asymp", 0x2248}, {"atilde", 0xE3, true},
    {"auml", 0xE4, true}, {"bdquo", 0x201E}, {"beta", 0x3B2}, {"brvbar", 0xA6, true}, {"bsol", 0x5C},
    {"bull", 0x2022}, {"cap", 0x2229}, {"ccedil", 0xE7, true}, {"cedil", 0xB8, true}, {"cent", 0xA2, true},
    {"chi", 0x3C7}, {"circ", 0x2C6}, {"clubs", 0x2663}, {"colon", 0x3A}, {"comma", 0x2C}, {"commat", 0x40},
    {"cong", 0x2245}, {"copy", 0xA9, true}, {"crarr", 0x21B5}, {"cup", 0x222A}, {"curren", 0xA4, true},
    {"dArr", 0x21D3}, {"dagger", 0x2020}, {"darr", 0x2193}, {"deg", 0xB0, true}, {"delta", 0x3B4}, {"diams", 0x2666},
    {"divide", 0xF7, true}, {"dollar", 0x24}, {"eacute", 0xE9, true}, {"ecirc", 0xEA, true}, {"egrave", 0xE8, true},
    {"empty", 0x2205}, {"emsp", 0x2003}, {"ensp", 0x2002}, {"epsilon", 0x3B5}, {"equals", 0x3D}, {"equiv", 0x2261},
    {"eta", 0x3B7}, {"eth", 0xF0, true}, {"euml", 0xEB, true}, {"euro", 0x20AC}, {"excl", 0x21}, {"exist", 0x2203},
    {"fnof", 0x192}, {"forall", 0x2200}, {"frac12", 0xBD, true}, {"frac14", 0xBC, true}, {"frac34", 0xBE, true},
    {"frasl", 0x2044}, {"gamma", 0x3B3}, {"ge", 0x2265}, {"grave", 0x60}, {"gt", 0x3E, true}, {"hArr", 0x21D4},
    {"harr", 0x2194}, {"hearts", 0x2665}, {"hellip", 0x2026}, {"iacute", 0xED, true}, {"icirc", 0xEE, true},
    {"iexcl", 0xA1, true}, {"igrave", 0xEC, true}, {"image", 0x2111}, {"infin", 0x221E}, {"int", 0x222B},
    {"iota", 0x3B9}, {"iquest", 0xBF, true}, {"isin", 0x2208}, {"iuml", 0xEF, true}, {"kappa", 0x3BA},
    {"lArr", 0x21D0}, {"lambda", 0x3BB}, {"lang", 0x27E8}, {"laquo", 0xAB, true}, {"larr", 0x2190}, {"lbrace", 0x7B},
    {"lbrack", 0x5B}, {"lceil", 0x2308}, {"lcub", 0x7B}, {"ldquo", 0x201C}, {"le", 0x2264}, {"lfloor", 0x230A},
    {"lowast", 0x2217}, {"lowbar", 0x5F}, {"loz", 0x25CA}, {"lpar", 0x28}, {"lrm", 0x200E}, {"lsaquo", 0x2039},
    {"lsqb", 0x5B}, {"lsquo", 0x2018}, {"lt", 0x3C, true}, {"macr", 0xAF, true}, {"mdash", 0x2014},
    {"micro", 0xB5, true}, {"midast", 0x2A}, {"middot", 0xB7, true}, {"minus", 0x2212}, {"mu", 0x3BC},
    {"nabla", 0x2207}, {"nbsp", 0xA0, true}, {"ndash", 0x2013}, {"ne", 0x2260}, {"ni", 0x220B}, {"not", 0xAC, true},
    {"notin", 0x2209}, {"nsub", 0x2284}, {"ntilde", 0xF1, true}, {"nu", 0x3BD}, {"num", 0x23}, {"oacute", 0xF3, true},
    {"ocirc", 0xF4, true}, {"oelig", 0x153}, {"ograve", 0xF2, true}, {"oline", 0x203E}, {"omega", 0x3C9},
    {"omicron", 0x3BF}, {"oplus", 0x2295}, {"or", 0x2228}, {"ordf", 0xAA, true}, {"ordm", 0xBA, true},
    {"oslash", 0xF8, true}, {"otilde", 0xF5, true}, {"otimes", 0x2297}, {"ouml", 0xF6, true}, {"para", 0xB6, true},
    {"part", 0x2202}, {"percnt", 0x25}, {"period", 0x2E}, {"permil", 0x2030}, {"perp", 0x22A5}, {"phi", 0x3C6},
    {"pi", 0x3C0}, {"piv", 0x3D6}, {"plus", 0x2B}, {"plusmn", 0xB1, true}, {"pound", 0xA3, true}, {"prime", 0x2032},
    {"prod", 0x220F}, {"prop", 0x221D}, {"psi", 0x3C8}, {"quest", 0x3F}, {"quot", 0x22, true}, {"rArr", 0x21D2},
    {"radic", 0x221A}, {"rang", 0x27E9}, {"raquo", 0xBB, true}, {"rarr", 0x2192}, {"rbrace", 0x7D}, {"rbrack", 0x5D},
    {"rceil", 0x2309}, {"rcub", 0x7D}, {"rdquo", 0x201D}, {"real", 0x211C}, {"reg", 0xAE, true}, {"rfloor", 0x230B},
    {"rho", 0x3C1}, {"rlm", 0x200F}, {"rpar", 0x29}, {"rsaquo", 0x203A}, {"rsqb", 0x5D}, {"rsquo", 0x2019},
    {"sbquo", 0x201A}, {"scaron", 0x161}, {"sdot", 0x22C5}, {"sect", 0xA7, true}, {"semi", 0x3B}, {"shy", 0xAD, true},
    {"sigma", 0x3C3}, {"sigmaf", 0x3C2}, {"sim", 0x223C}, {"sol", 0x2F}, {"spades", 0x2660}, {"sub", 0x2282},
    {"sube", 0x2286}, {"sum", 0x2211}, {"sup", 0x2283}, {"sup1", 0xB9, true}, {"sup2", 0xB2, true},
    {"sup3", 0xB3, true}, {"supe", 0x2287}, {"szlig", 0xDF, true}, {"tau", 0x3C4}, {"there4", 0x2234},
    {"theta", 0x3B8}, {"thetasym", 0x3D1}, {"thinsp", 0x2009}, {"thorn", 0xFE, true}, {"tilde", 0x2DC},
    {"times", 0xD7, true}, {"trade", 0x2122}, {"uArr", 0x21D1}, {"uacute", 0xFA, true}, {"uarr", 0x2191},
    {"ucirc", 0xFB, true}, {"ugrave", 0xF9, true}, {"uml", 0xA8, true}, {"upsih", 0x3D2}, {"upsilon", 0x3C5},
    {"uuml", 0xFC, true}, {"verbar", 0x7C}, {"vert", 0x7C}, {"weierp", 0x2118}, {"xi", 0x3BE}, {"yacute", 0xFD, true},
    {"yen", 0xA5, true}, {"yuml", 0xFF, true}, {"zeta", 0x3B6}, {"zwj", 0x200D}, {"zwnj", 0x200C},
}};
// clang-format on
static_assert(std::is_sorted(entities.begin(), entities.end(), [](auto& a, auto& b) { return a.name < b.name; }));

constexpr std::size_t longest_name = 16;
constexpr std::size_t longest_bare_name = 6;

// What numeric references to 0x80-0x9F mean: the characters of windows-1252 at these places.
constexpr std::array<std::uint16_t, 32> windows_1252 = {0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                                        0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,   0x017D, 0x8F,
                                                        0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                                        0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

constexpr char32_t replacement = 0xFFFD;

const entity* find_entity(std::string_view name) {
  auto at = std::lower_bound(entities.begin(), entities.end(), name,
                             [](const entity& left, std::string_view right) { return left.name < right; });
  return at != entities.end() && at->name == name ? at : nullptr;
}

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

void append_utf8(std::string& out, char32_t c) {
  auto trail = [&](int shift) { out += static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    trail(0);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    trail(6);
    trail(0);
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    trail(12);
    trail(6);
    trail(0);
  }
}

// Both readers get `raw` from behind the ampersand on and return how much of it belongs to the reference, 0 for none.

std::size_t read_numeric(std::string_view raw, std::string& out) {
  std::size_t at = 1;  // behind '#'
  int base = 10;
  if (at < raw.size() && (raw[at] == 'x' || raw[at] == 'X')) {
    base = 16;
    ++at;
  }
  const std::size_t first = at;
  char32_t value = 0;
  for (; at < raw.size() && digit_value(raw[at]) < base; ++at)
    value =
        std::min<char32_t>(value * static_cast<char32_t>(base) + static_cast<char32_t>(digit_value(raw[at])), 0x110000);
  if (at == first) return 0;
  if (at < raw.size() && raw[at] == ';') ++at;

  if (value == 0 || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) value = replacement;
  if (value >= 0x80 && value <= 0x9F) value = windows_1252[value - 0x80];
  append_utf8(out, value);
  return at;
}

std::size_t read_named(std::string_view raw, reference_context context, std::string& out) {
  std::size_t run = 0;
  while (run < raw.size() && run <= longest_name && is_alphanumeric(raw[run])) ++run;
  const char behind = run < raw.size() ? raw[run] : ' ';

  if (behind == ';') {
    if (const entity* known = find_entity(raw.substr(0, run))) {
      append_utf8(out, known->code_point);
      return run + 1;
    }
  }
  // Without a semicolon an attribute decodes only a name that is not followed by '=' or more of a word.
  if (context == reference_context::attribute && (behind == '=' || run > longest_bare_name)) return 0;
  const std::size_t shortest = context == reference_context::attribute ? run : 2;
  for (std::size_t length = std::min(run, longest_bare_name); length >= shortest && length > 0; --length) {
    const entity* known = find_entity(raw.substr(0, length));
    if (!known || !known->bare) continue;
    append_utf8(out, known->code_point);
    return length;
  }
  return 0;
}

}  // namespace

std::string decode_references(std::string_view raw, reference_context context) {
  constexpr std::string_view special("&\r\0", 3);
  std::string out;
  out.reserve(raw.size());
  while (true) {
    const std::size_t plain = std::min(raw.find_first_of(special), raw.size());
    out += raw.substr(0, plain);
    if (plain == raw.size()) return out;
    const char c = raw[plain];
    raw.remove_prefix(plain + 1);
    if (c == '\0') {
      append_utf8(out, replacement);
    } else if (c == '\r') {
      if (!raw.starts_with('\n')) out += '\n';
    } else {
      const std::size_t used = raw.starts_with('#') ? read_numeric(raw, out) : read_named(raw, context, out);
      if (used == 0) out += '&';
      raw.remove_prefix(used);
    }
  }
}

}  // namespace web
