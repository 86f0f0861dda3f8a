#!/usr/bin/env python3
"""Includes only run down: runtime <- io <- offload <- examples, tests, bench."""
import re
import syntax

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
ABOVE_THE_LIBRARY = ("examples", "tests", "bench", "web", "crawl")


def complaints_about(layer):
    above = syntax.LAYERS[syntax.LAYERS.index(layer) + 1:] + ABOVE_THE_LIBRARY
    for path in sorted((syntax.ROOT / layer).rglob("*.[hc]pp")):
        for name in INCLUDE.findall(path.read_text(encoding="utf-8")):
            # <ringmill/io/url.hpp>, or a path that goes there by itself: "../io/url.hpp"
            folders = name.split("/")[:-1]
            if any(folder in above for folder in folders) or name == "ringmill/ringmill.hpp":
                yield f"{path.relative_to(syntax.ROOT)} includes {name}, which lies above {layer}"


syntax.finish([complaint for layer in syntax.LAYERS for complaint in complaints_about(layer)], "layers")
