"""`./dev bench`: how fast ringmill is, beside what could be written by hand and beside others, in one run.

    python3 bench/driver [NAME...] [--quick] [--rounds N] [--no-peers] [--wrk] [--output FOLDER]
    python3 bench/driver --documents
"""
import argparse
import pathlib
import resource
import signal
import sys

import documents
import machine
import questions
import results
import rounds
import table
from programs import ROOT


def parsed(words):
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0],
                                     epilog="names: " + ", ".join(questions.QUESTIONS))
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to measure; all if not said")
    parser.add_argument("--quick", action="store_true", help="a first look in two minutes: figures are rough")
    parser.add_argument("--rounds", type=int, help="of each comparison; 8 for servers if not said")
    parser.add_argument("--no-peers", action="store_true", help="only ringmill and what is written by hand")
    parser.add_argument("--wrk", action="store_true", help="HTTP load from wrk instead of examples/http_load")
    parser.add_argument("--output", type=pathlib.Path, default=None, help="where the .json and .svg go; bench/results, or "
                        "build/bench with --quick, if not said")
    parser.add_argument("--documents", action="store_true", help="measures nothing: draws what is in bench/results, and writes "
                        "it into README.md and bench/README.md")
    parser.add_argument("--check", action="store_true", help="only look at the arguments")
    chosen = parser.parse_args(words)
    for name in chosen.names:
        if name not in questions.QUESTIONS:
            parser.error(f"nothing to measure by the name of {name}; there are: {', '.join(questions.QUESTIONS)}")
    if chosen.rounds is not None and chosen.rounds < 1:
        parser.error("--rounds takes a number from 1")
    return chosen


def tell(text):
    """What is being measured, for those who wait at a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def answer(name, effort, here, folder):
    """Measures, prints, writes. Gives whether there are figures."""
    question = questions.QUESTIONS[name](effort)
    if isinstance(question, questions.Measures):
        tell(name)
        lines, besides, failures = question.lines(effort)
        tell("")
        print(table.of_lines(question.title, lines, besides, failures), flush=True)
        results.write(folder, name, results.of_lines(question, lines, besides, failures, here, effort))
        return bool(lines)
    count = effort.rounds or (min(2, question.rounds) if effort.is_quick else question.rounds)
    found = rounds.ask(question, count, lambda subject: tell(f"{name}: {subject}"))
    tell("")
    print(table.of_answer(found), flush=True)
    results.write(folder, name, results.of_answer(found, here, effort))
    return any(row.rounds for row in found.rows)


def main(words):
    chosen = parsed(words)
    if chosen.check:
        return 0
    if chosen.documents:
        documents.update(chosen.output or ROOT / "bench/results")
        return 0
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # also where a shell has them ignored, in the background
        signal.signal(ending, lambda number, _: sys.exit(128 + number))  # and the servers are ended on the way out
    effort = questions.Effort(chosen.quick, chosen.rounds, not chosen.no_peers, "wrk" if chosen.wrk else "http_load")
    folder = chosen.output or (ROOT / "build/bench" if chosen.quick else ROOT / "bench/results")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # connections, here and in the servers
    here = machine.describe()
    print(f"{here['processor']}, {here['cores']} cores, Linux {here['kernel']}, {here['date']}, {here['commit']}")
    print(", ".join(f"{name} {version}" for name, version in here["versions"].items()))
    if here["load_before"] > 0.5:
        print(f"This machine does something else (load {here['load_before']}): figures are worth less.")
    if chosen.quick:
        print("Quick: few and short rounds, good for a first look only.")
    code = 0
    for name in chosen.names or (questions.CORE if chosen.quick else questions.QUESTIONS):
        print(flush=True)
        try:
            code |= not answer(name, effort, here, folder)
        except rounds.Failed as failure:
            print(f"{name}: {failure}", file=sys.stderr)
            code = 1
    print(f"\nWritten to {folder}.")
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
