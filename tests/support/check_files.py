#!/usr/bin/env python3
"""check_files.py FILE_COPY TAIL_FOLLOW: both examples from outside: what they write and print, and their exit codes."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

FILE_COPY, TAIL_FOLLOW = sys.argv[1:]


def check(what, condition, detail=""):
    assert condition, f"{what}: {detail}"
    print(f"ok: {what}")


def copy(*arguments):
    return subprocess.run([FILE_COPY, *map(str, arguments)], capture_output=True, text=True, timeout=30, check=False)


def check_copy(folder):
    source, target = folder / "source", folder / "target"
    for size, reads in ((0, 1), (1, 4), (256 * 1024, 4), (3_000_001, 1), (3_000_001, 7)):
        source.write_bytes(os.urandom(size))
        target.write_bytes(b"what was there before" * 1000)
        done = copy(source, target, reads)
        check(f"{size} bytes are copied with {reads} reads in flight, and their rate printed",
              done.returncode == 0 and target.read_bytes() == source.read_bytes()
              and re.fullmatch(rf"{size} bytes in [0-9.]+ s: ([0-9]+|-?nan) bytes/s\n", done.stdout),
              f"{done.stdout} {done.stderr}")
    done = copy(folder / "missing", target)
    check("a source that is not there is exit code 1, and named", done.returncode == 1 and "missing" in done.stderr, done.stderr)
    check("usage errors are exit code 2", copy().returncode == copy(source, target, 0).returncode == 2)


def append(path, text):
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)


def check_tail(folder):
    log = folder / "log"
    log.write_text("old line\n")
    program = subprocess.Popen([TAIL_FOLLOW, str(log)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    signal.alarm(30)  # a line that does not come ends this, rather than hanging it
    check("it says that it follows", program.stderr.readline() == f"following {log}\n")

    def expect(what, *lines):
        got = [program.stdout.readline() for _ in lines]
        check(what, got == [line + "\n" for line in lines], got)

    append(log, "one\ntwo\n")
    expect("what is appended is printed, and what was there is not", "one", "two")
    append(folder / "other", "not this one\n")
    log.rename(folder / "log.1")
    append(folder / "log.1", "the last of the old\n")
    append(log, "the first of the new\n")
    expect("a file that is rotated is printed to its end, then the new one", "the last of the old", "the first of the new")
    log.write_text("cut\n")
    expect("a file that is cut is printed from its beginning", "cut")
    log.unlink()
    append(log, "made again\n")
    expect("a file that is removed and made again is printed", "made again")
    (folder / "whole").write_text("moved here\n")
    (folder / "whole").rename(log)
    expect("a file that takes the name is printed", "moved here")
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=20)
    check("Ctrl-C is exit code 130, with nothing more", program.returncode == 130 and out == "" and err == "",
          f"{program.returncode} {out} {err}")

    for arguments, code in (([], 2), ([str(folder / "missing")], 1)):
        done = subprocess.run([TAIL_FOLLOW, *arguments], capture_output=True, text=True, timeout=20, check=False)
        check(f"exit code {code} for {len(arguments)} arguments", done.returncode == code, done.returncode)


with tempfile.TemporaryDirectory() as name:
    check_copy(pathlib.Path(name))
    check_tail(pathlib.Path(name))
