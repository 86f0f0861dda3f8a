#!/usr/bin/env python3
"""What must not compile does not, and the compiler's words say why.

Each file of tests/compile_fail begins with a line `// expect: TEXT`, or several where compilers word it differently: one
of the texts stands in what the compiler says.
"""
import re
import syntax

EXPECTED = re.compile(r"^// expect: (.*)$", re.MULTILINE)


def complaint_about(path):
    text = path.read_text(encoding="utf-8")
    said = syntax.compile_text(text)
    if not said:
        return f"{path.name} compiles"
    if any(words in said for words in EXPECTED.findall(text)):
        return None
    return f"{path.name} does not compile, but not for its reason:\n{said}"


files = sorted((syntax.ROOT / "tests" / "compile_fail").glob("*.cpp"))
syntax.finish([words for words in syntax.in_parallel(complaint_about, files) if words],
              f"{len(files)} programs that must not compile")
