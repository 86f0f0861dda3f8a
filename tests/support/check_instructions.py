#!/usr/bin/env python3
"""check_instructions.py PROGRAM: does bench/instructions.py notice what it should? Then runs it, as `meson test` wants it."""
import contextlib
import importlib.util
import io
import pathlib
import sys

FILE = pathlib.Path(__file__).resolve().parents[2] / "bench/instructions.py"
spec = importlib.util.spec_from_file_location("instructions", FILE)
instructions = importlib.util.module_from_spec(spec)
spec.loader.exec_module(instructions)


def said(found, committed):
    """The exit code and the words of a comparison."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = instructions.compare(found, committed)
    return code, out.getvalue()


code, words = said({"a": 102.0, "b": 99.0}, {"a": 100.0, "b": 100.0})
assert code == 0 and "+2.0%" in words, words
for more, says in ((104.0, "a takes 4.0% more instructions"), (95.0, "a takes 5.0% fewer instructions")):
    code, words = said({"a": more}, {"a": 100.0})
    assert code == 1 and says in words and "--update" in words, words
for found, committed, says in (({}, {"a": 1.0}, "a is gone"), ({"a": 1.0}, {}, "a is new")):
    code, words = said(found, committed)
    assert code == 1 and says in words, words
sys.argv = [str(FILE), *sys.argv[1:]]
sys.exit(instructions.main())
