#!/usr/bin/env python3
"""Checks that a benchmark program runs and says what it should: `check_bench.py PROGRAM NAME...`.

Never looks at how long anything took: a test that depends on the speed of the machine fails on a slow one.
"""
import json
import subprocess
import sys

KEYS = {"bench": str, "unit": str, "value": float, "limit": float, "ratio": float, "rounds": int, "spread": float,
        "peers": dict}


def faults_of(line):
    try:
        figures = json.loads(line)
    except ValueError:
        return ["no JSON"]
    if not isinstance(figures, dict) or figures.keys() != KEYS.keys():
        return ["not exactly the keys " + ", ".join(KEYS)]
    if figures["unit"] == "ratio" and (figures["value"] != figures["ratio"] or figures["limit"] != 1):
        return ["in the unit ratio the value is not the ratio, or the limit not 1"]
    # A whole number is printed without a point.
    return [f"{key} is no {kind.__name__}" for key, kind in KEYS.items()
            if not isinstance(figures[key], (int, float) if kind is float else kind)]


def run(program, *arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)


def main(program, *names):
    errors = []
    done = run(program, "--quick", "--json")
    if done.returncode != 0:
        errors.append(f"it ended with {done.returncode}: {done.stderr}")
    lines = done.stdout.splitlines()
    for line in lines:
        errors += [f"{fault}: {line}" for fault in faults_of(line)]
    if not errors:
        found = [json.loads(line)["bench"] for line in lines]
        if sorted(found) != sorted(names):
            errors.append(f"measured {' '.join(sorted(found))}\ninstead of {' '.join(sorted(names))}")

    chosen = run(program, "--quick", "--json", names[0])
    if len(chosen.stdout.splitlines()) != 1:
        errors.append(f"asked for {names[0]} alone it prints:\n{chosen.stdout}{chosen.stderr}")
    table = run(program, "--quick", names[0])
    if table.returncode != 0 or names[0] not in table.stdout:
        errors.append(f"without --json there is no table:\n{table.stdout}{table.stderr}")
    rounds = run(program, "--quick", "--rounds", "3", "--json", names[0])
    if '"rounds":3,' not in rounds.stdout:
        errors.append(f"asked for 3 rounds it prints:\n{rounds.stdout}{rounds.stderr}")
    for arguments in (["no_such_measure"], ["--rounds"], ["--rounds", "0"], ["--rounds", "3x"]):
        misused = run(program, *arguments)
        if misused.returncode != 2 or "usage" not in misused.stderr:
            errors.append(f"{arguments} gives {misused.returncode} instead of 2 and the usage:\n{misused.stderr}")

    for error in errors:
        print(error, file=sys.stderr)
    if not errors:
        print(f"{len(names)} measures")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
