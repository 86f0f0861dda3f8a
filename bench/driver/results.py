"""Answers as files: bench/results/NAME.json and NAME.svg."""
import json

import plot


def of_answer(answer, machine, effort):
    """In the format of the bench programs, a line for each subject, with what else is known about it."""
    question = answer.question
    rows = [{"bench": question.name, "subject": row.subject, "unit": question.unit, "value": row.value, "ratio": row.ratio,
             "spread": row.spread, "rounds": row.rounds, "dropped": row.dropped, **row.others} for row in answer.rows]
    return {"question": question.name, "title": question.title, "reference": answer.reference, "is_rate": question.is_rate,
            "quick": effort.is_quick, "generator": effort.generator, "machine": machine, "rows": rows,
            "not_measured": answer.failures}


def of_lines(question, lines, besides, failures, machine, effort):
    return {"question": question.name, "title": question.title, "quick": effort.is_quick, "machine": machine, "rows": lines,
            "besides": besides, "not_measured": failures}


def is_compared(result):
    """Subjects on one question; else measures of a program."""
    return "reference" in result


def draw(folder, name, result):
    picture = plot.of_compared(result) if is_compared(result) else plot.of_measures(result)
    (folder / f"{name}.svg").write_text(picture, encoding="utf-8")


def write(folder, name, result):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    draw(folder, name, result)
