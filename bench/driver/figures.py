"""What is made of the samples of several rounds: medians, ratios within rounds, spreads. Pure functions.

A round is a dictionary: for each subject that took part a sample, or None if the sample does not count (the machine did
something else meanwhile, see load.py). A sample is a dictionary of figures.
"""
import dataclasses
import statistics


def spread(values):
    """The largest less the smallest, divided by the median: 0.05 is good, above 0.3 the machine was busy."""
    return (max(values) - min(values)) / statistics.median(values)


def ratio(ours, reference, is_rate):
    """How good `ours` is, if the reference is 1: more is better, for rates and for costs."""
    return ours / reference if is_rate else reference / ours


def ratios(rounds, subject, reference, figure, is_rate):
    """The ratios of those rounds in which both counted. Between rounds machines change speed; within one, less so."""
    return [ratio(each[subject][figure], each[reference][figure], is_rate)
            for each in rounds if each.get(subject) and each.get(reference)]


@dataclasses.dataclass
class Row:
    """One line of a table."""
    subject: str
    value: float | None    # median of the figure that the question is about; None if no round counted
    ratio: float | None    # median of the ratios to the reference within the rounds
    spread: float | None   # of those ratios
    rounds: int            # that counted
    dropped: int           # that did not
    others: dict           # medians of the other figures


def summarise(rounds, subject, reference, figure, is_rate):
    taken = [each[subject] for each in rounds if subject in each]
    counted = [sample for sample in taken if sample]
    if not counted:
        return Row(subject, None, None, None, 0, len(taken), {})
    medians = {key: statistics.median(sample[key] for sample in counted)
               for key in counted[0] if all(sample.get(key) is not None for sample in counted)}
    within = ratios(rounds, subject, reference, figure, is_rate)
    return Row(subject, medians.pop(figure), statistics.median(within) if within else None,
               spread(within) if within else None, len(counted), len(taken) - len(counted), medians)
