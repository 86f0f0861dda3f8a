#!/usr/bin/env python3
"""Adds up the tests of the given build folders and closes with `N passed, N failed, N skipped`.

A doctest program counts as its test cases, any other test of meson's as one. A test that is skipped says so itself: a
doctest case by a line `SKIPPED: reason`, another one by exit code 77 and a last line with the reason.
"""
import json
import re
import sys

CASES = re.compile(r"\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed \|\s*(\d+) skipped")
passed = failed = skipped = 0

for folder in sys.argv[1:]:
    with open(f"{folder}/meson-logs/testlog.json", encoding="utf-8") as log:
        tests = [json.loads(line) for line in log if line.strip()]
    for test in tests:
        output = test.get("stdout", "")
        reasons = re.findall(r"SKIPPED: .*", output)
        cases = CASES.search(output)
        if test["result"] == "SKIP":
            skipped += 1
            last = output.strip().splitlines()
            reasons.append(f"SKIPPED: {last[-1] if last else 'no reason given'}")
        elif cases:
            passed += int(cases[1]) - len(reasons)
            failed += int(cases[2])
            skipped += len(reasons)
            if test["result"] != "OK" and int(cases[2]) == 0:
                failed += 1  # all cases passed, but the program did not end well: a leak, a sanitizer's report
        elif test["result"] == "OK":
            passed += 1
        else:
            failed += 1
        for reason in reasons:
            print(f"{folder}: {test['name']}: {reason}")
        if test["result"] not in ("OK", "SKIP"):
            print(f"{folder}: {test['name']}: {test['result']}")

print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(1 if failed or not passed else 0)
