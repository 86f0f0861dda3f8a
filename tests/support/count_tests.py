#!/usr/bin/env python3
"""Adds up the tests of the given build folders and closes with `N passed, N failed, N skipped`.

A doctest program counts as its test cases, any other test of meson's as one. A test that is skipped says why: a doctest
case prints a line `SKIPPED: name: reason` (it has passed, for doctest), another program ends with 77 and a last line.
"""
import json
import re
import sys

CASES = re.compile(r"\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed \|\s*(\d+) skipped")
REASON = re.compile(r"^SKIPPED: (.*)", re.MULTILINE)


def count(test):
    """One entry of meson's log. Gives passed, failed, and the reasons of what was skipped."""
    output = test.get("stdout", "") + test.get("stderr", "")
    if test["result"] == "SKIP":
        return 0, 0, output.strip().splitlines()[-1:] or ["no reason given"]
    ended_well = test["result"] == "OK"
    cases = CASES.search(output)
    if not cases:  # no doctest program, or one that did not live to count
        return int(ended_well), int(not ended_well), []
    passed, failed, filtered = map(int, cases.groups())
    reasons = REASON.findall(output)
    if not ended_well and not failed:
        failed = 1  # every case passed, but the program ended badly: a leak, a sanitizer's report
    return passed - len(reasons), failed, reasons + ["switched off in the source"] * filtered


def read_log(folder):
    try:
        with open(f"{folder}/meson-logs/testlog.json", encoding="utf-8") as log:
            return [json.loads(line) for line in log if line.strip()]
    except FileNotFoundError:
        return [{"name": "meson test", "result": "did not run"}]


total_passed = total_failed = total_skipped = 0
for folder in sys.argv[1:]:
    for test in read_log(folder):
        name = f"{folder}: {test['name'].removeprefix('ringmill:')}"
        passed, failed, reasons = count(test)
        total_passed += passed
        total_failed += failed
        total_skipped += len(reasons)
        for reason in reasons:
            print(f"skipped: {name}: {reason}")
        if failed:
            print(f"failed: {name}: {failed} ({test['result']})")

print(f"{total_passed} passed, {total_failed} failed, {total_skipped} skipped")
sys.exit(1 if total_failed or not total_passed else 0)
