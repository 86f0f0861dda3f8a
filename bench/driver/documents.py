"""The results in words and pictures: draws what is in bench/results, and writes it into README.md and bench/README.md,
between two comments."""
import json
import re

import peers
import table
from programs import ROOT
from questions import QUESTIONS
from results import draw, is_compared

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
IN_SHORT = ("echo_64x64", "echo_4096x64", "echo_64x512", "http_hello", "http_pipelined", "sleepers", "idle", "mixed")
CALLS = {"round_trip_across": "A call into a worker process on another core, 64 bytes, which sleeps before",
         "round_trip_across_spinning": "The same call right after another one, as the worker looks for it first",
         "tasks_16x2": "One of many such calls: 16 callers, two workers", "payload_1mib": "A call with 1 MiB of arguments"}


def load_results(folder):
    found = {}
    for name in QUESTIONS:
        path = folder / f"{name}.json"
        if path.exists():
            found[name] = json.loads(path.read_text(encoding="utf-8"))
    return found


def own_row(result):
    return next((row for row in result["rows"] if row["subject"] == peers.OURS and row["ratio"]), None)


def relative(row, own):
    return row["ratio"] / own["ratio"]


def line(*cells):
    return f"| {' | '.join(cells)} |"


def heading(*cells):
    return [line(*cells), "|" + " --- |" * len(cells)]


def digits(value):
    return f"{value:.2f}" if value >= 0.1 else f"{value:.1g}"


def in_short(result):
    """A line: ringmill's figure, and the others' in relation to it."""
    own = own_row(result)
    if own is None:
        return None
    def cell(row):
        text = f"{row['subject']} {digits(relative(row, own))}"
        return f"**{text}**" if relative(row, own) > 1 else text
    hand = [digits(relative(row, own)) for row in result["rows"] if row["subject"] == peers.BY_HAND and row["ratio"]]
    others = [cell(row) for row in result["rows"] if row["ratio"] and row["subject"] != peers.BY_HAND
              and not row["subject"].startswith(peers.OURS)]
    return line(result["title"], f"{table.number(own['value'])} {own['unit']}", hand[0] if hand else "", ", ".join(others))


def of_calls(result):
    """Lines for calls into worker processes, of which all need microseconds."""
    lines = []
    for row in result["rows"]:
        if row["bench"] in CALLS:
            relation = {name: row["value"] / value for name, value in row["peers"].items()}
            others = [f"**{name} {digits(times)}**" if times > 1 else f"{name} {digits(times)}" for name, times in
                      sorted(relation.items(), key=lambda item: -item[1])]
            lines.append(line(CALLS[row["bench"]], f"{table.number(row['value'])} us", digits(1 / row["ratio"]), ", ".join(others)))
    return lines


def circumstances(results):
    """Machine, date, versions: of the oldest of them, since all are meant to be of one run."""
    oldest = min((result["machine"] for result in results.values()), key=lambda machine: machine["date"])
    versions = ", ".join(f"{name} {version}" for name, version in oldest["versions"].items())
    busy = max(result["machine"]["load_before"] for result in results.values())
    shared = f" Others used the machine meanwhile (load {busy})." if busy > 0.5 else ""
    kernel = oldest["kernel"].split("-")[0]
    return f"{oldest['date']}, {oldest['processor']}, {oldest['cores']} cores, Linux {kernel}; {versions}.{shared}"


def summary(results):
    lines = [text for name in IN_SHORT if name in results and (text := in_short(results[name]))]
    lines += of_calls(results["offload"]) if "offload" in results else []
    return "\n".join([*heading("", "ringmill", "by hand, if ringmill is 1", "others, likewise"), *lines, "", circumstances(results)])


def of_compared(result):
    known = {"cpu": "us of CPU", "p99": "p99, us", "rate": "requests/s", "seconds": "seconds", "alone": "p99 alone, us",
             "computed": "computed/s"}
    first = result["rows"][0] if result["rows"] else {"unit": ""}
    columns = [key for key in known if key in first]
    head = ["", first["unit"], f"ratio to {result['reference']}", "spread", *(known[key] for key in columns), "rounds, dropped"]
    lines = heading(*head)
    for row in result["rows"]:
        spread = "" if row["spread"] is None else f"{row['spread']:.2f}"
        ratio = "" if row["ratio"] is None else digits(row["ratio"])
        name = f"**{row['subject']}**" if row["subject"] == peers.OURS else row["subject"]
        lines.append(line(name, table.number(row["value"]), ratio, spread, *(table.number(row.get(key)) for key in columns),
                          f"{row['rounds']}, {row['dropped']}"))
    return "\n".join(lines + [""] + in_words(result))


def in_words(result):
    own = own_row(result)
    if own is None:
        return ["ringmill has no figure: the machine was too busy in each round."]
    ahead = [f"{row['subject']} ({relative(row, own):.2f}x)" for row in result["rows"]
             if row["ratio"] and relative(row, own) > 1 and row["subject"] != peers.BY_HAND
             and not row["subject"].startswith(peers.OURS)]
    missing = [f"{name} ({why})" for name, why in result["not_measured"].items()]
    return [(f"Ahead of ringmill: {', '.join(ahead)}." if ahead else "Nobody here is ahead of ringmill.")
            + (f" Not measured: {', '.join(missing)}." if missing else "")]


def of_measures(result):
    head = ["", "unit", "ringmill", "limit", "ratio", "spread", "others"]
    lines = heading(*head)
    for row in result["rows"]:
        others = ", ".join(f"{name} {table.number(value)}" for name, value in row["peers"].items())
        lines.append(line(f"`{row['bench']}`", row["unit"], table.number(row["value"]), table.number(row["limit"]),
                          f"{row['ratio']:.2f}", f"{row['spread']:.2f}", others))
    missing = [f"{name} ({why})" for name, why in result["not_measured"].items()]
    besides = table.in_words(result.get("besides", []))
    ahead = table.ahead_in(result["rows"])
    words = [f"Ahead of ringmill: {', '.join(ahead)}."] if ahead else []
    words += [f"Besides: {'; '.join(besides)}."] if besides else []
    words += [f"Not measured: {', '.join(missing)}."] if missing else []
    return "\n".join(lines + ([""] + words if words else []))


def in_full(results):
    parts = [circumstances(results)]
    for name, result in results.items():
        parts.append(f"### `{name}`\n\n![{result['title']}](results/{name}.svg)\n\n"
                     + (of_compared(result) if is_compared(result) else of_measures(result)))
    return "\n\n".join(parts)


def replaced(text, figures):
    """The text with the figures between the two comments."""
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"no place for figures: {BEGIN} ... {END}")
    return pattern.sub(lambda _: f"{BEGIN}\n{figures}\n{END}", text)


def update(folder):
    results = load_results(folder)
    if not results:
        raise ValueError(f"no results in {folder}: measure first")
    for name, result in results.items():
        draw(folder, name, result)
    for path, figures in ((ROOT / "README.md", summary(results)), (ROOT / "bench/README.md", in_full(results))):
        path.write_text(replaced(path.read_text(encoding="utf-8"), figures), encoding="utf-8")
