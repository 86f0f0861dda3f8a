"""What the checks of sources share: where the tree is, which headers it has, and a compiler that only checks syntax.

meson gives the compiler in CXX and the build folder (where the generated version.hpp lies) in BUILD_ROOT. By hand, without
either, g++ and build/release are taken.
"""
import os
import pathlib
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD_ROOT", ROOT / "build" / "release"))
LAYERS = ("runtime", "io", "offload")

LANGUAGE = shlex.split(os.environ.get("CXX", "g++")) + ["-std=c++20", f"-I{ROOT}/include", f"-I{BUILD}/include"]
COMPILER = LANGUAGE + [
    "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror", "-Wno-missing-field-initializers"]


def public_headers():
    """Every header of the library that is not under a folder named detail, relative to the root."""
    headers = (path.relative_to(ROOT) for layer in LAYERS for path in (ROOT / layer).rglob("*.hpp"))
    return sorted(header for header in headers if "detail" not in header.parts)


def compile_text(text, arguments=()):
    """Compiles `text` as one source file. Gives what the compiler says against it, or an empty string."""
    run = subprocess.run([*COMPILER, *arguments, "-x", "c++", "-"], input=text, text=True, capture_output=True)
    return "" if run.returncode == 0 else run.stderr or f"{COMPILER[0]} ended with {run.returncode}"


def precompile(header):
    """Makes what GCC takes instead of `header` when it is told `-include header`. Gives a list of complaints."""
    run = subprocess.run([argument for argument in COMPILER if argument != "-fsyntax-only"] +
                         ["-x", "c++-header", str(header), "-o", f"{header}.gch"], text=True, capture_output=True)
    return [run.stderr] if run.returncode else []


def preprocess(text):
    """The lines of `text` after preprocessing, without the blank ones and the line markers."""
    run = subprocess.run(LANGUAGE + ["-E", "-x", "c++", "-"], input=text, text=True, capture_output=True)
    lines = (line.strip() for line in run.stdout.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def in_parallel(function, items):
    """Gives function(item) of each, in order; as many at a time as there are cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, items))


def compile_all(units, arguments=()):
    """Compiles {name: text}, each with `arguments` for the compiler. Gives a list of complaints."""
    answers = in_parallel(lambda text: compile_text(text, arguments), units.values())
    return [f"{name} does not compile alone:\n{answer}" for name, answer in zip(units, answers) if answer]


def finish(complaints, what):
    """Prints the complaints, or `what` was found in order, and ends the program."""
    for complaint in complaints:
        print(complaint)
    if not complaints:
        print(f"{what}: in order")
    sys.exit(1 if complaints else 0)
