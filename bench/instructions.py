#!/usr/bin/env python3
"""Counts instructions of a request, a task, a call, and compares them with what is committed: a slow change without a
clock.

    bench/instructions.py [PROGRAM]            compares; fails where a count has grown or shrunk by more than 3 %
    bench/instructions.py --update [PROGRAM]   writes bench/instructions.json: commit it with the change that caused it
    bench/instructions.py --profile NAME [PROGRAM]   where the instructions of one scenario are, by function

PROGRAM is build/release/bench/instructions unless it is given. Counts are those of callgrind, in user space, of a release
build by the compiler that is named in the JSON file; with another one nothing is compared.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
COMMITTED = FOLDER / "instructions.json"
TOLERANCE = 0.03
SKIPPED = 77  # for meson
ABOVE_MAIN = ("(below main)", "__libc_start_main", "0x")
LINE = re.compile(r"^\s*([\d,]+) \(.*?\)\s+\S+?:(.*?)(?: \[.*\])?$")


def compiler():
    """GCC 12.2 for x86_64, say: of other ones the same code has other counts."""
    command = os.environ.get("CXX", "g++").split()[-1]
    is_clang = "clang" in command
    asked = "-dumpversion" if is_clang else "-dumpfullversion"
    version = subprocess.run([command, asked], capture_output=True, text=True).stdout.strip()
    return f"{'clang' if is_clang else 'GCC'} {'.'.join(version.split('.')[:2])} for {platform.machine()}"


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def dumps_of(program, folder):
    """Runs it. Gives its scenarios, and for each the files of its two runs."""
    # Meson has malloc fill what it gives and takes, and a server's buffer is more to fill than to use.
    environment = {name: value for name, value in os.environ.items() if name != "MALLOC_PERTURB_"}
    done = subprocess.run(["valgrind", "--quiet", "--tool=callgrind", "--dump-before=instructions_mark",
                           f"--callgrind-out-file={folder}/dump", program],
                          env=environment, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        sys.exit(f"{program} under valgrind: {done.returncode}\n{done.stdout}{done.stderr}")
    scenarios = []
    for at, line in enumerate(done.stdout.splitlines()):
        name, few, many = line.split()
        # Dump 1 is all that comes before the first scenario.
        scenarios.append((name, int(few), int(many), f"{folder}/dump.{2 * at + 2}", f"{folder}/dump.{2 * at + 3}"))
    return scenarios


def total(file):
    return int(re.search(r"^totals: (\d+)", pathlib.Path(file).read_text(), re.MULTILINE)[1])


def count(program):
    """Instructions of one time, of each scenario: what it takes to begin and to end cancels out."""
    with tempfile.TemporaryDirectory() as folder:
        return {name: round((total(after) - total(before)) / (many - few), 1)
                for name, few, many, before, after in dumps_of(program, folder)}


def by_function(file):
    table = subprocess.run(["callgrind_annotate", "--threshold=100", "--auto=no", file],
                           check=True, capture_output=True, text=True).stdout
    found = {}
    for match in filter(None, map(LINE.match, table.splitlines())):
        if match[2].startswith(ABOVE_MAIN):  # with all that they call
            continue
        found[match[2]] = found.get(match[2], 0) + int(match[1].replace(",", ""))
    return found


def profile(program, wanted):
    with tempfile.TemporaryDirectory() as folder:
        for name, few, many, before, after in dumps_of(program, folder):
            if name != wanted:
                continue
            start, whole = by_function(before), by_function(after)
            each = {function: (spent - start.get(function, 0)) / (many - few) for function, spent in whole.items()}
            for function, spent in sorted(each.items(), key=lambda item: -item[1]):
                if spent >= 0.5:
                    print(f"{spent:8.1f}  {function}")
            print(f"{sum(each.values()):8.1f}  in all")
            return
    sys.exit(f"no such scenario: {wanted}")


def compare(found, committed):
    """Gives the exit code."""
    changed = []
    for name in sorted(found.keys() | committed.keys()):
        if name not in found or name not in committed:
            changed.append(f"{name} is {'new' if name in found else 'gone'}")
            continue
        now, before = found[name], committed[name]
        ratio = now / before - 1
        mark = " <-" if abs(ratio) > TOLERANCE else ""
        print(f"{name:<24} {before:8.1f} -> {now:8.1f}  {ratio:+7.1%}{mark}")
        if mark:
            changed.append(f"{name} takes {abs(ratio):.1%} {'more' if ratio > 0 else 'fewer'} instructions than "
                           f"{COMMITTED.name} says")
    if changed:
        print("\n".join(["", *changed, "", "If that is meant, or the price of something that is worth it:",
                         "    bench/instructions.py --update", "and commit what it writes, with the reason. Where they are:",
                         "    bench/instructions.py --profile NAME"]))
    return 1 if changed else 0


def main():
    arguments = argparse.ArgumentParser(description="Counts instructions and compares them with the committed counts.")
    arguments.add_argument("program", nargs="?", default=str(FOLDER.parent / "build/release/bench/instructions"))
    arguments.add_argument("--update", action="store_true", help="commit to what is counted now")
    arguments.add_argument("--profile", metavar="NAME", help="where the instructions of this scenario are")
    given = arguments.parse_args()
    if not shutil.which("valgrind"):
        skip("valgrind is not installed (on Debian: apt-get install valgrind)")
    if given.profile:
        return profile(given.program, given.profile)
    if given.update:
        file = {"compiler": compiler(), "counts": count(given.program)}
        COMMITTED.write_text(json.dumps(file, indent=2) + "\n")
        print(f"wrote {COMMITTED}")
        return 0
    committed = json.loads(COMMITTED.read_text())
    if committed["compiler"] != compiler():
        skip(f"the committed counts are those of {committed['compiler']}, and this is {compiler()}")
    return compare(count(given.program), committed["counts"])


if __name__ == "__main__":
    sys.exit(main())
