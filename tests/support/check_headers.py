#!/usr/bin/env python3
"""Every public header compiles alone, and names no third-party header: users need none of those to be installed."""
import re
import syntax

THIRD_PARTY = re.compile(r'^\s*#\s*include\s*[<"]((?:liburing|boost/|openssl/|fmt/)[^>"]*)', re.MULTILINE)


def third_party_includes(header):
    text = (syntax.ROOT / header).read_text(encoding="utf-8")
    return [f"{header} includes <{name}>, which belongs into a .cpp or under detail/" for name in THIRD_PARTY.findall(text)]


headers = syntax.public_headers()
names = [str(header) for header in headers] + ["ringmill.hpp", "version.hpp"]
complaints = [complaint for header in headers for complaint in third_party_includes(header)]
complaints += syntax.compile_all({name: f"#include <ringmill/{name}>\n" for name in names})
syntax.finish(complaints, f"{len(names)} headers")
