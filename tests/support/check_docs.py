#!/usr/bin/env python3
"""Every ```cpp block of README.md and docs/**/*.md compiles.

- A block with `int main` is a whole program and must compile as it stands, its includes among it.
- Any other block stands behind the umbrella header, some of the standard library and `namespace rm = ringmill;`. It is
  taken as declarations, unless the line in front of it (blank lines aside) is one of these comments:

      <!-- body -->                            the block is the inside of a coroutine
      <!-- body: rm::tcp_stream& peer -->      the same, with parameters
      <!-- more: runtime/fiber.hpp -->         declarations that need a further header; may stand in front of `body`
      <!-- not compiled: REASON -->            pseudo code, or a program that is wrong on purpose
"""
import pathlib
import re
import tempfile
import syntax

PRELUDE = """#include <array>
#include <chrono>
#include <cstddef>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include <ringmill/ringmill.hpp>
"""
NAMES = "namespace rm = ringmill;\nusing namespace std::chrono_literals;\n"
BLOCK = re.compile(r"((?:<!--[^\n]*-->\s*)*)^```cpp\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!--\s*(body|more|not compiled)(?::\s*(.*?))?\s*-->")


def is_program(block):
    return re.search(r"\bint main\b", block) is not None


def source_of(comments, block, place):
    """The source text to compile for a block, behind the prelude if it is no program; None if it is not to be compiled."""
    line = f"#line {place[1]}\n"
    if "not compiled" in comments:
        print(f"{place[0]}:{place[1]} is not compiled: {comments['not compiled'] or 'no reason given'}")
        return None
    if is_program(block):
        return line + block
    more = "".join(f"#include <ringmill/{name}>\n" for name in comments.get("more", "").split())
    if "body" in comments:
        block = f"rm::task<> snippet({comments['body']}) {{\n{line}{block}co_return;\n}}\n"
    return more + NAMES + line + block


def compile_behind_prelude(units):
    """Compiles {name: text} with the prelude in front of each, which is parsed once for all of them."""
    with tempfile.TemporaryDirectory(prefix="ringmill-docs-") as folder:
        prelude = pathlib.Path(folder, "prelude.hpp")
        prelude.write_text(PRELUDE, encoding="utf-8")
        return syntax.precompile(prelude) or syntax.compile_all(units, ["-include", str(prelude)])


programs = {}
parts = {}
pages = [syntax.ROOT / "README.md", *sorted((syntax.ROOT / "docs").rglob("*.md"))]
for page in pages:
    text = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        place = (page.relative_to(syntax.ROOT), text.count("\n", 0, match.start(2)) + 1)
        source = source_of(dict(COMMENT.findall(match[1])), match[2], place)
        if source:
            (programs if is_program(match[2]) else parts)[f"{place[0]}:{place[1]}"] = source
syntax.finish(syntax.compile_all(programs) + compile_behind_prelude(parts),
              f"{len(programs) + len(parts)} code blocks on {len(pages)} pages")
