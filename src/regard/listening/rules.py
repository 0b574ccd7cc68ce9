"""The exact rules of the scores: which answers count as what, on which scales, and what the number is called.

NPS is the share of 9 and 10 less the share of 0 to 6, on a scale that ends with 10 (Reichheld 2003). CSAT is the share
of satisfied answers: the two highest of a 5-point scale (top-2 box); on other scales the highest of up to three points,
the two highest of up to seven, the three highest of up to eleven, at or above four fifths of longer ones. CES is the
mean agreement on a 7-point scale that it was easy (CES 2.0). Stars are a mean, with the share of the two lowest and the
two highest of five. A metric of the company's own is a mean on its scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from regard.wording import MINUS, NBSP, number, percent, signed

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

LOW, MIDDLE, HIGH = -1, 0, 1


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How one metric is counted.

    Attributes:
        metric: Its name in the log.
        name: What people call it.
        kind: net (share of high less share of low), share (of high), or mean.
        scale: Lowest and highest score where the log does not say.
        classes: What low, middle and high answers are called, one of each.
        text: The rule in a sentence.
    """

    metric: str
    name: str
    kind: Literal["net", "share", "mean"]
    scale: tuple[float, float]
    classes: tuple[str, str, str]
    text: str

    @property
    def unit(self) -> str:
        """What one unit of the score is."""
        return {"net": "points", "share": "percent", "mean": "points of the scale"}[self.kind]

    @property
    def factor(self) -> float:
        """From the mean of the counted values to the score: 100 for net and share."""
        return 1.0 if self.kind == "mean" else 100.0

    @property
    def write(self) -> Callable[[float | None], str]:
        """How the score is written: ``+29``, ``81 %``, ``5.42``."""
        if self.kind == "net":
            return signed
        if self.kind == "share":
            return lambda value: percent(None if value is None else value / 100)
        return lambda value: number(value, 2)

    @property
    def write_change(self) -> Callable[[float | None], str]:
        """How a change of the score is written: ``+3``, ``−2.1 points``, ``+0.12``."""
        if self.kind == "net":
            return signed
        if self.kind == "share":
            return lambda value: f"{signed(value, 1)}{NBSP}points"
        return lambda value: signed(value, 2)

    def plural(self, which: int) -> str:
        """What answers of a class are called: detractors."""
        name = self.classes[which + 1]
        return name if name.endswith("d") or " " in name else f"{name}s"


_NAMED = (
    Rule(
        metric="nps",
        name="NPS",
        kind="net",
        scale=(0, 10),
        classes=("detractor", "passive", "promoter"),
        text=f"Share of 9 and 10 (promoters) less share of 0 to 6 (detractors), from {MINUS}100 to +100.",
    ),
    Rule(
        metric="csat",
        name="CSAT",
        kind="share",
        scale=(1, 5),
        classes=("dissatisfied", "neither", "satisfied"),
        text="Share of satisfied answers: the two highest points of a 5-point scale.",
    ),
    Rule(
        metric="ces",
        name="CES",
        kind="mean",
        scale=(1, 7),
        classes=("hard", "neither", "easy"),
        text="Mean agreement that it was easy, on a scale from 1 to 7.",
    ),
    Rule(
        metric="stars",
        name="Stars",
        kind="mean",
        scale=(1, 5),
        classes=("low", "middle", "high"),
        text="Mean of the stars given; low is the two lowest, high the two highest of five.",
    ),
)
NAMED = {rule.metric: rule for rule in _NAMED}


def rule_of(metric: str) -> Rule:
    """The rule of a metric; one nobody named is a mean on its own scale."""
    found = NAMED.get(metric)
    if found:
        return found
    return Rule(
        metric=metric,
        name=metric.upper() if len(metric) <= 4 else metric.capitalize(),
        kind="mean",
        scale=(np.nan, np.nan),
        classes=("low", "middle", "high"),
        text="Mean of the scores given; low and high are the two ends of its scale (two points of five).",
    )


def classes(
    rule: Rule, score: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Each score's class: -1 low, 0 middle, 1 high; NaN where the score cannot be counted by the rule.

    Args:
        rule: The metric's rule.
        score: Scores as given.
        low: Lowest possible score of each, NaN where the log does not say.
        high: Highest possible.
    """
    low = np.where(np.isnan(low), rule.scale[0], low)
    high = np.where(np.isnan(high), rule.scale[1], high)
    found = np.full(len(score), np.nan)
    pairs = np.stack([low, high], axis=1)
    if len(pairs) and all(np.array_equal(ends, np.full(len(ends), ends[0]), equal_nan=True) for ends in (low, high)):
        pairs = pairs[:1]  # one scale throughout, which is quicker seen than sorted out
    for first, last in np.unique(pairs, axis=0):
        at = ((low == first) | (np.isnan(low) & np.isnan(first))) & ((high == last) | (np.isnan(high) & np.isnan(last)))
        found[at] = _on_scale(rule, score[at], float(first), float(last))
    return found


def _on_scale(rule: Rule, score: NDArray[np.float64], first: float, last: float) -> NDArray[np.float64]:
    if rule.metric == "nps":
        counted = np.where(score >= 9, HIGH, np.where(score <= 6, LOW, MIDDLE)).astype(float)
        valid = (last == 10) & (first in {0, 1}) & (score == np.round(score)) & (score >= first) & (score <= last)
        return np.where(valid, counted, np.nan)
    if np.isnan(first) or np.isnan(last):
        return np.where(np.isnan(score), np.nan, float(MIDDLE))
    bottom, top = _cuts(first, last)
    counted = np.where(score >= top, HIGH, np.where(score <= bottom, LOW, MIDDLE)).astype(float)
    return np.where((score >= first) & (score <= last), counted, np.nan)


def _cuts(first: float, last: float) -> tuple[float, float]:
    """Highest score that is low, lowest score that is high, on a scale of whole points."""
    points = last - first + 1
    if points > 11:
        return first + (last - first) / 5, last - (last - first) / 5
    width = 1 if points <= 3 else 2 if points <= 7 else 3
    return first + width - 1, last - width + 1


def values(rule: Rule, score: NDArray[np.float64], found: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each answer adds to the score's mean: -1, 0, 1 for net; 0 or 1 for share; the score for a mean."""
    if rule.kind == "net":
        return found
    if rule.kind == "share":
        return np.where(np.isnan(found), np.nan, (found == HIGH).astype(float))
    return np.where(np.isnan(found), np.nan, score)
