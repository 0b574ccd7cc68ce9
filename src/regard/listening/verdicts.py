"""Scores in words: the verdict on a change, the sentence, the facts and the cautions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regard import wording
from regard.findings import Caution
from regard.signals.voices import Count
from regard.signals.voices import told as counted_as
from regard.wording import Words, between, count, listed, number, percent, signed

if TYPE_CHECKING:
    from regard.listening.compared import Slice
    from regard.listening.counted import Answers
    from regard.listening.rules import Rule
    from regard.listening.scores import Scores
    from regard.signals.ask import Ask
    from regard.statistics.changes import Decomposition
    from regard.statistics.estimates import Estimate


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Everything the finding is written from."""

    ask: Ask
    rule: Rule
    now: Answers
    before: Answers
    score: Estimate
    change: Estimate | None
    same: Estimate
    verdict: str
    split_by: str
    tried: int
    decomposition: Decomposition | None
    by: Count = "voices"

    @property
    def words(self) -> Words:
        """The company's own words."""
        return Words(self.ask.declarations.called, self.ask.declarations.called_many)

    @property
    def when(self) -> str:
        """The period compared with, in words."""
        return wording.period(self.ask.scope.before_since, self.ask.scope.before_until, self.ask.scope.zone)


def least_change(rule: Rule, scale: tuple[float, float]) -> float:
    """A change too small to care about: 5 points of NPS, 3 of a share, a fiftieth of a scale."""
    if rule.kind != "mean":
        return 5.0 if rule.kind == "net" else 3.0
    return (scale[1] - scale[0]) / 50 if np.isfinite(scale[0]) else 0.0


def verdict(change: Estimate | None, rule: Rule, scale: tuple[float, float]) -> str:
    """better, worse, about the same, cannot tell, or nothing to compare: what the change's interval allows to say."""
    if change is None or change.refused:
        return "nothing to compare"
    if change.low > 0:
        return "better"
    if change.high < 0:
        return "worse"
    step = least_change(rule, scale)
    return "about the same" if -step <= change.low and change.high <= step else "cannot tell"


def sentence(reading: Reading) -> str:
    """The answer, as a person would say it."""
    rule, score = reading.rule, reading.score
    ends = between(score.low, score.high, rule.write)
    told = f"{rule.name} {rule.write(score.value)}, {ends}"
    if rule.metric == "stars":
        told = f"{rule.write(score.value)} stars, {ends}"
    if reading.by != "voices":
        told += f", {counted_as(reading.by, reading.words)}"
    people = wording.sentence(reading.words.several)
    if reading.verdict in {"better", "worse"} and reading.change:
        return f"{people} feel {_size(reading)}{reading.verdict} than in {reading.when}: {told}."
    if reading.verdict == "about the same":
        return f"{people} feel about as they did in {reading.when}: {told}."
    if reading.verdict == "cannot tell":
        return f"Whether {reading.words.several} feel better or worse than in {reading.when} cannot be told: {told}."
    few = f"too few answered in {reading.when} to compare"
    return f"{people} give {told}; {few}." if rule.metric == "stars" else f"{told}; {few}."


def _size(reading: Reading) -> str:
    change = abs(reading.change.value) if reading.change else 0.0
    step = least_change(reading.rule, reading.now.scale)
    return "a little " if change < 2 * step else "much " if change > 6 * step else ""


def facts(reading: Reading, finding: Scores) -> tuple[str, ...]:
    """At most three supporting sentences: what the change is made of, the same customers, how many are heard."""
    found = []
    if (
        reading.change is not None
        and reading.decomposition is not None
        and finding.mix is not None
        and finding.rate is not None
    ):
        found.append(_split_fact(reading, finding.change or 0.0, finding.rate, finding.mix))
    if not reading.same.refused:
        found.append(_same_fact(reading))
    found.append(_heard_fact(reading, finding))
    return tuple(found[:3])


def _split_fact(reading: Reading, change: float, rate: float, mix: float) -> str:
    """The change with its interval and its two parts, with as many digits as it takes for them to add up."""
    write, whole = reading.rule.write_change, reading.rule.kind == "net"
    if whole and round(rate) + round(mix) != round(change):
        write = _tenths
    told = f"The change of {write(change)}"
    if reading.change and reading.verdict in {"cannot tell", "about the same"}:
        told += f" ({between(reading.change.low, reading.change.high, reading.rule.write_change)})"
    return f"{told}: {write(rate)} from what they answered, {write(mix)} from who answered (by {reading.split_by})"


def _tenths(value: float | None) -> str:
    return signed(value, 1)


def _same_fact(reading: Reading) -> str:
    same, write = reading.same, reading.rule.write_change
    told = f"{write(same.value)}, {between(same.low, same.high, write)}"
    if same.clear:
        who = f"The same {reading.words.several} changed their mind"
        return f"{who}: {number(same.n)} answered both times and moved by {told}"
    return f"{reading.words.count(same.n)} answered both times; whether they changed their mind cannot be told ({told})"


def _heard_fact(reading: Reading, finding: Scores) -> str:
    who = finding.evidence.customers or 0
    told = f"{count(finding.n, 'answer')} from {reading.words.count(who)}" if who else count(finding.n, "answer")
    nobody = int((~reading.now.known).sum())
    if who and nobody:
        told = (
            f"{count(finding.n - nobody, 'answer')} from {reading.words.count(who)}, {number(nobody)} from nobody known"
        )
    if finding.asked and finding.answered is not None:
        told += f"; {percent(finding.answered / finding.asked)} of the {number(finding.asked)} asked have answered"
    return told


def cautions(reading: Reading, answers: Answers, cut: list[Slice], *, counted: Count = "voices") -> tuple[Caution, ...]:
    """What to know before leaning on the score."""
    surveys = [s for s in np.unique(reading.now.survey) if s]
    hidden = [s for s in cut if s.score.refused]
    told = {
        "few_answers": len(reading.now) < 30
        and f"Only {count(len(reading.now), 'answer')}: the interval is wide, and one more can move the score.",
        "off_scale": answers.left_out
        and f"{count(answers.left_out, 'score')} could not be counted by the rule: off the scale, or on another scale.",
        "weighted": reading.now.weighted
        and counted == "voices"
        and "Answers are weighted to stand for everybody; weights cure only what they know of who did not answer.",
        "several_surveys": len(surveys) > 1
        and f"Several surveys are counted together ({listed(surveys, most=4)}); name one with --survey.",
        "split_chosen": reading.tried > 1
        and f"Of {reading.tried} dimensions tried, who answered moved the score most by {reading.split_by}.",
        "thin_slices": hidden and f"{count(len(hidden), 'slice')} with too few answers show no score.",
    }
    return tuple(Caution(code=code, text=text) for code, text in told.items() if text)
