"""Answers as text: a table for each, and in words who is ahead."""
import peers
from load import BUSY


def number(value):
    """Three or four digits, and what is large in groups of three."""
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if value >= 100 else f"{value:.3g}"


def lined_up(head, lines, words=(0,)):
    """Columns of `words` to the left, the others to the right."""
    widths = [max(len(row[i]) for row in [head, *lines]) for i in range(len(head))]

    def line(row):
        cells = [cell.ljust(widths[i]) if i in words else cell.rjust(widths[i]) for i, cell in enumerate(row)]
        return "  ".join(cells).rstrip()
    return "\n".join([line(head), *map(line, lines)])


def of_answer(answer):
    question = answer.question
    head = ["", question.unit, "ratio", "spread", *(heading for _, heading in question.columns), "rounds", "dropped"]
    lines = [[row.subject, number(row.value), "-" if row.ratio is None else f"{row.ratio:.2f}",
              "-" if row.spread is None else f"{row.spread:.2f}",
              *(number(row.others.get(key)) for key, _ in question.columns), str(row.rounds), str(row.dropped)]
             for row in answer.rows]
    text = [f"{question.title} (ratio: 1 is {answer.reference}, more is better)", lined_up(head, lines)]
    text += [f"not measured: {name}: {why}" for name, why in answer.failures.items()]
    text += remarks(answer)
    return "\n".join(text)


def remarks(answer):
    """Where others are ahead of ringmill, and where nothing can be said."""
    rows = {row.subject: row for row in answer.rows}
    own = rows.get(peers.OURS)
    if own is None or own.ratio is None:
        return ["Too busy a machine: no round counted for ringmill."] if own else []
    ahead = [f"{row.subject} ({row.ratio / own.ratio:.2f}x)" for row in answer.rows
             if row.ratio and row.ratio > own.ratio
             and row.subject != peers.BY_HAND and not row.subject.startswith(peers.OURS)]
    noisy = [row.subject for row in answer.rows if row.spread and row.spread > 0.3]
    idle = [row.subject for row in answer.rows if answer.question.figure == "rate" and row.others.get("server_busy", 1) < BUSY]
    text = [f"Ahead of ringmill: {', '.join(ahead)}." if ahead else "Nobody here is ahead of ringmill."]
    text += [f"Noisy, measure again: {', '.join(noisy)}."] if noisy else []
    text += [f"Not busy enough to say how many requests a server can answer: {', '.join(idle)}."] if idle else []
    return text


def in_words(lines):
    """What peers print that is no measure of ours."""
    return [f"{line['bench']}: {line['peer']} {number(line['value'])} {line['unit']}" for line in lines]


def ahead_in(lines):
    """Peers that need less than ringmill, or do more in a second, and where."""
    return [f"{name} in {line['bench']} ({number(value)} {line['unit']})" for line in lines
            for name, value in line["peers"].items()
            if (value > line["value"] if line["unit"].endswith(("/s", "ratio")) else value < line["value"])]


def of_lines(title, lines, besides=(), failures=None):
    """Measures of a program, each beside its limit."""
    head = ["", "unit", "ringmill", "limit", "ratio", "spread", "rounds", "others"]
    rows = [[line["bench"], line["unit"], number(line["value"]), number(line["limit"]), f"{line['ratio']:.2f}",
             f"{line['spread']:.2f}", str(line["rounds"]),
             ", ".join(f"{name} {number(value)}" for name, value in line["peers"].items())] for line in lines]
    ahead = ahead_in(lines)
    return "\n".join([f"{title} (ratio: 1 is the limit by hand, more is better)", lined_up(head, rows, (0, 1, 7))]
                     + [f"besides: {text}" for text in in_words(besides)]
                     + [f"not measured: {name}: {why}" for name, why in (failures or {}).items()]
                     + ([f"Ahead of ringmill: {', '.join(ahead)}."] if ahead else []))
