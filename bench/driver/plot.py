"""Bars as SVG: one for each subject. Colours follow what the reader has chosen, light or dark; the card behind them is
why it can be read wherever it is shown."""
import html
import math

import peers
from table import number

WIDTH, LABELS, VALUES, BAR, GAP, TOP, BOTTOM = 760, 215, 165, 22, 10, 66, 22

STYLE = """
  svg { font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
  .card { fill: #ffffff; stroke: #d0d7de; }
  .title { font-size: 16px; font-weight: 600; fill: #1f2328; }
  .note { font-size: 12px; fill: #656d76; }
  .label, .value { font-size: 13px; fill: #1f2328; }
  .own { font-weight: 600; }
  .other { fill: #afb8c1; }
  .hand { fill: #d0d7de; }
  .ours { fill: #0a7d6c; }
  .line { stroke: #656d76; stroke-dasharray: 3 3; }
  @media (prefers-color-scheme: dark) {
    .card { fill: #0d1117; stroke: #30363d; }
    .title, .label, .value { fill: #e6edf3; }
    .note { fill: #8d96a0; }
    .other { fill: #57606a; }
    .hand { fill: #3d444d; }
    .ours { fill: #2cc4a9; }
    .line { stroke: #8d96a0; }
  }
"""


def width_of(length, lengths):
    """Of a bar, as a part of the room. Where the longest would hide the others, the scale is logarithmic."""
    longest, shortest = max(lengths), min(lengths)
    if not is_logarithmic(lengths):
        return length / longest
    least = 0.1  # of the shortest, so that it can be seen
    return least + (1 - least) * math.log(length / shortest) / math.log(longest / shortest)


def is_logarithmic(lengths):
    return max(lengths) > 200 * min(lengths)


def bars(title, note, items, mark=None):
    """SVG text. `items`: (label, length, text) each; `mark`: a length at which a dashed line is drawn."""
    items = [item for item in items if item[1]]
    lengths = [length for _, length, _ in items] + ([mark] if mark else []) or [1]
    if is_logarithmic(lengths):
        note = f"{note}. Logarithmic"
    room = WIDTH - LABELS - VALUES
    height = TOP + len(items) * (BAR + GAP) + BOTTOM - GAP
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
           f"<title>{html.escape(title)}</title>", f"<style>{STYLE}</style>",
           f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
           f'<text class="title" x="12" y="26">{html.escape(title)}</text>',
           f'<text class="note" x="12" y="46">{html.escape(note)}</text>']
    if mark:
        x = LABELS + width_of(mark, lengths) * room
        out.append(f'<line class="line" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{height - BOTTOM + 8}"/>')
    for i, (label, length, text) in enumerate(items):
        y = TOP + i * (BAR + GAP)
        is_own = label.startswith(peers.OURS) or mark is not None
        kind = "ours" if is_own else "hand" if label == peers.BY_HAND else "other"
        middle = y + BAR / 2 + 4.5
        width = max(2.0, width_of(length, lengths) * room)
        where = f'x="{WIDTH - 14}" text-anchor="end"' if mark else f'x="{LABELS + width + 8:.1f}"'
        bold = " own" if label == peers.OURS else ""
        out += [f'<text class="label{bold}" x="{LABELS - 10}" y="{middle}" text-anchor="end">{html.escape(label)}</text>',
                f'<rect class="{kind}" x="{LABELS}" y="{y}" width="{width:.1f}" height="{BAR}" rx="3"/>',
                f'<text class="value{bold}" {where} y="{middle}">{html.escape(text)}</text>']
    return "\n".join([*out, "</svg>\n"])


def note_of(machine, better):
    return f"{better}. {machine['cores']} cores, Linux {machine['kernel'].split('-')[0]}, {machine['date']}"


def of_compared(result):
    """`result`: what results.py makes of an answer, or has written."""
    items = [(row["subject"], row["value"], number(row["value"]) + (f"  ({row['ratio']:.2f})" if row["ratio"] else ""))
             for row in result["rows"]]
    better = "Longer is better" if result["is_rate"] else "Shorter is better"
    unit = result["rows"][0]["unit"] if result["rows"] else ""
    return bars(result["title"], note_of(result["machine"], f"{unit} (ratio to {result['reference']}). {better}"), items)


def of_measures(result):
    items = [(line["bench"], line["ratio"], f"{line['ratio']:.2f}  ({number(line['value'])} {line['unit']})")
             for line in result["rows"]]
    note = "The limit by hand is the dashed line: closer is better, beyond it is faster"
    return bars(result["title"], note_of(result["machine"], note), items, mark=1)
