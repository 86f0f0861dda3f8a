#!/usr/bin/env python3
"""Counts what the kernel seam costs: instructions in user space for each enter of the real kernel, with callgrind.

    bench/seam/count.py build/release/bench/seam_turns

The program runs with few turns and with many; start and end cancel out in the difference.
"""
import collections
import re
import subprocess
import sys
import tempfile

FEW, MANY = 1_000, 11_000
LINE = re.compile(r"^\s*([\d,]+) \(.*?\)\s+\S+?:(.*)$")
PARTS = {
    "ring::enter, above the seam": re.compile(r"ringmill::ring::enter\("),
    "real_kernel::enter, below it": re.compile(r"real_kernel::enter\("),
    "liburing's io_uring_enter": re.compile(r"io_uring_enter"),
}


def counts(program, turns):
    """Enters, and instructions of each part and of all."""
    with tempfile.NamedTemporaryFile() as out:
        valgrind = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={out.name}", program, str(turns)]
        enters = int(subprocess.run(valgrind, check=True, capture_output=True, text=True).stdout)
        table = subprocess.run(["callgrind_annotate", "--threshold=100", "--auto=no", out.name],
                               check=True, capture_output=True, text=True).stdout
    found = collections.Counter()
    for line in table.splitlines():
        match = LINE.match(line)
        if not match:
            continue
        number = int(match[1].replace(",", ""))
        found["all that the program does in a turn"] += number
        for name, part in PARTS.items():
            if part.search(match[2]):
                found[name] += number
    return enters, found


few_enters, few = counts(sys.argv[1], FEW)
many_enters, many = counts(sys.argv[1], MANY)
enters = many_enters - few_enters
print(f"{enters} enters for {MANY - FEW} turns; instructions for each:")
for name in [*PARTS, "all that the program does in a turn"]:
    print(f"  {name:<36} {(many[name] - few[name]) / enters:8.1f}")
