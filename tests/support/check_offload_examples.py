#!/usr/bin/env python3
"""check_offload_examples.py OFFLOAD_SUM HASH_FILES WORD_COUNT: the examples of the process pool from outside: what they
print, their exit codes, and that no worker stays."""
import collections
import pathlib
import random
import re
import subprocess
import sys
import tempfile

OFFLOAD_SUM, HASH_FILES, WORD_COUNT = sys.argv[1:]


def check(what, condition, detail=""):
    assert condition, f"{what}: {detail}"
    print(f"ok: {what}")


def run(*arguments):
    return subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True, timeout=60, check=False)


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def check_sum():
    done = run(OFFLOAD_SUM, 2)
    check("offload_sum adds up the same in workers", done.returncode == 0
          and re.match(r"2000000 squares: .* times as fast\nworst lag of the loop meanwhile: [0-9.]+ ms\n$", done.stdout), done)


def check_hashes(folder):
    contents = {f"file{i}": random.randbytes(size) for i, size in enumerate((0, 1, 65536, 65537, 200_000, 12, 13, 14))}
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    done = run(HASH_FILES, *(folder / name for name in contents))
    expected = "".join(f"{fnv1a(data):016x}  {folder / name}\n" for name, data in contents.items())
    check("hash_files prints a line for each file, in their order", done.returncode == 0 and done.stdout == expected, done)
    done = run(HASH_FILES, folder / "file1", folder / "missing", folder / "file2")
    check("a file that is missing costs its own line, and the exit code is 1",
          done.returncode == 1 and len(done.stdout.splitlines()) == 2
          and done.stderr == f"{folder / 'missing'}: cannot be opened\n", done)
    check("hash_files: usage errors are exit code 2", run(HASH_FILES).returncode == 2)


def check_words(folder):
    words = ["ring", "mill", "Queue", "a", "x1", "grüße"]
    total = collections.Counter()
    paths = []
    for number in range(20):
        chosen = random.choices(words, weights=(60, 50, 40, 30, 20, 10), k=500 * (number % 3))
        total.update(word.lower() for word in chosen)
        paths.append(folder / f"text{number}")
        paths[-1].write_text(random.choice((" ", ", ", "\n", "--")).join(chosen), encoding="utf-8")
    done = run(WORD_COUNT, "-n", 4, *paths)
    sorted_words = sorted(total.items(), key=lambda one: (-one[1], one[0].encode()))
    check("word_count adds up the counts of all files", done.returncode == 0
          and done.stdout == "".join(f"{count} {word}\n" for word, count in sorted_words[:4]), (done, sorted_words))
    done = run(WORD_COUNT, paths[0], folder / "missing")
    check("a file that is missing is exit code 1, and named", done.returncode == 1 and "missing: cannot be opened" in done.stderr, done)
    check("word_count: usage errors are exit code 2",
          run(WORD_COUNT).returncode == run(WORD_COUNT, "-n", 0, paths[0]).returncode == run(WORD_COUNT, "-n", 3).returncode == 2)


random.seed(1)
check_sum()
with tempfile.TemporaryDirectory() as name:
    check_hashes(pathlib.Path(name))
    check_words(pathlib.Path(name))
