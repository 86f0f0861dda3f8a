// Character references of HTML ("&amp;", "&#x2F;") as section 13.2.5.72 and its neighbours of the HTML standard decode
// them.
//
// Known names: the 252 of HTML 4, with those that are legal without a semicolon, and every name of an ASCII character,
// for those are what hides in URLs ("javascript&colon;"). The other 1,900 names of the standard are deliberately not
// here: they name mathematical signs, and a link that holds one is left as it was written.
#pragma once

#include <string>
#include <string_view>

namespace web {

// Where a reference stands. An attribute leaves "&copy=1" and "&copyright" alone, because URLs look like that; text
// decodes the longest name that fits.
enum class reference_context { text, attribute };

// `raw` with its character references replaced, NUL as U+FFFD, and CR and CR LF as LF, as the standard's input
// preprocessing has it. Bytes that are not ASCII pass unchanged: `raw` may be in any ASCII-compatible encoding, what is
// decoded is added in UTF-8. The result has at most three times the size of `raw`. Linear time.
[[nodiscard]] std::string decode_references(std::string_view raw, reference_context context);

}  // namespace web
