"""Subjects that are measured in turn: A B A B, never all of one and then all of the other."""
import dataclasses
from collections.abc import Callable

import figures


class Disturbed(Exception):
    """The sample does not count: the machine did something else meanwhile."""


class Failed(Exception):
    """The subject cannot be measured; says why."""


@dataclasses.dataclass(frozen=True)
class Subject:
    name: str
    sample: Callable  # () -> dictionary of figures; raises Disturbed or Failed


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked of each subject, and what of its samples goes into the table."""
    name: str
    title: str
    subjects: list
    references: tuple       # ratios are to the first of these that is there
    figure: str             # the key in the samples
    unit: str
    is_rate: bool           # more is better
    columns: tuple = ()     # others of the samples: (key, heading)
    rounds: int = 8

    def reference(self):
        names = [subject.name for subject in self.subjects]
        return next((name for name in self.references if name in names), names[0])


@dataclasses.dataclass(frozen=True)
class Answer:
    question: Question
    reference: str
    rows: list
    failures: dict  # why a subject has no row


def ask(question, rounds, tell=lambda text: None):
    """Rounds until each subject has as many that count, at most twice as many. Every other round goes backwards, so that
    nobody always comes first after somebody else."""
    reference, taken, failures = question.reference(), [], {}
    for number in range(2 * rounds):
        lacking = [subject.name for subject in question.subjects if subject.name not in failures
                   and counted(taken, subject.name, reference) < rounds]
        if not lacking or reference in failures:
            break
        members = [subject for subject in question.subjects if subject.name in lacking or subject.name == reference]
        taken.append(one_round(members if number % 2 == 0 else members[::-1], failures, tell))
    rows = [figures.summarise(taken, subject.name, reference, question.figure, question.is_rate)
            for subject in question.subjects if subject.name not in failures]
    best_first = sorted(rows, key=lambda row: -(row.ratio or 0))
    return Answer(question, reference, best_first, failures)


def counted(rounds, subject, reference):
    return sum(1 for each in rounds if each.get(subject) and each.get(reference))


def one_round(subjects, failures, tell):
    samples = {}
    for subject in subjects:
        tell(subject.name)
        try:
            samples[subject.name] = subject.sample()
        except Disturbed:
            samples[subject.name] = None
        except Failed as failure:
            failures[subject.name] = str(failure)
    return samples
