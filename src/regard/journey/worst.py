"""The moment that hurts most, beyond chance: lower scores, more who leave or more errors than the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regard import wording
from regard.statistics.comparisons import benjamini_hochberg
from regard.statistics.estimates import two_sided
from regard.statistics.excess import excess

if TYPE_CHECKING:
    from regard.journey.map import MapRow

CLAIMED = 0.05


@dataclass(frozen=True, kw_only=True)
class Worst:
    """A moment or stage that is worse than the rest.

    Attributes:
        weight: How much worse, in standard deviations of what is compared; the largest is the worst.
        p: One-sided p-value against the rest.
    """

    stage: str
    moment: str
    reason: str
    weight: float
    p: float

    @property
    def name(self) -> str:
        """The moment within its stage, as people would say it."""
        return f"“{self.moment}” ({self.stage})" if self.moment else self.stage


def worst_moment(rows: list[MapRow], *, within: int) -> Worst | None:
    """The worst place of a journey, or None where nothing stands out with all comparisons accounted for.

    Compared are scores asked at places (per metric, against the mean of the other places), the share who leave at
    stages and errors per signal. The false discovery rate is held over all of them together; among those beyond chance
    the largest standardised difference wins.

    Args:
        rows: The total's stages and moments.
        within: Days a customer has to get further, for the reason.
    """
    found = [*_scores(rows), *_drops(rows, within), *_errors(rows)]
    if not found:
        return None
    q = benjamini_hochberg(np.array([w.p for w in found]))
    clear = [w for w, adjusted in zip(found, q, strict=True) if adjusted <= CLAIMED and w.weight > 0]
    return max(clear, key=lambda w: w.weight) if clear else None


def _scores(rows: list[MapRow]) -> Iterator[Worst]:
    asked = [r for r in rows if r.score_from == "asked" and r.moment and r.score is not None and r.score_interval]
    for metric in dict.fromkeys(r.metric for r in asked):
        same = [r for r in asked if r.metric == metric]
        for row in same:
            rest = [r for r in same if r is not row]
            if not rest:
                continue
            score, error, n = _figures(row)
            others = [_figures(r) for r in rest]
            weights = np.array([o[2] for o in others], float)
            mean = float(np.average([o[0] for o in others], weights=weights))
            spread = float(np.sqrt(np.average([o[1] ** 2 for o in others], weights=weights) / len(others)))
            gap, noise = mean - score, float(np.hypot(error, spread))
            p = two_sided(gap / noise) / 2 if gap > 0 and noise > 0 else 1.0
            reason = f"{_shown(metric, score)} against {_shown(metric, mean)} elsewhere, {wording.count(n, 'answer')}"
            yield Worst(stage=row.stage, moment=row.moment, reason=reason, weight=gap / (error * n**0.5 or 1), p=p)


def _figures(row: MapRow) -> tuple[float, float, int]:
    ends = row.score_interval
    assert ends is not None  # noqa: S101 - chosen by the caller
    return row.score or 0.0, max((ends.high - ends.low) / 3.92, 1e-9), row.answers


def _shown(metric: str, score: float) -> str:
    name = metric.upper() if len(metric) <= 4 else metric
    return f"{name} {wording.signed(score) if metric == 'nps' else wording.number(round(score, 2))}"


def _drops(rows: list[MapRow], within: int) -> Iterator[Worst]:
    # Who gets no further but keeps coming has not left: stages differ in how long they last.
    stages = [r for r in rows if not r.moment and r.gone is not None and r.judged]
    n = np.array([r.judged or 0 for r in stages], float)
    share = np.array([r.gone or 0.0 for r in stages])
    for i, row in enumerate(stages):
        rest = np.arange(len(stages)) != i
        if not rest.any() or not n[rest].sum():
            continue
        usual = float(np.average(share[rest], weights=n[rest]))
        p = float(excess([share[i] * n[i]], [n[i]], overall=min(max(usual, 0.01), 0.99)).p[0])
        reason = (
            f"{wording.percent(share[i])} of those who come for the first time leave: no further within "
            f"{wording.count(within, 'day')} and not seen again, against {wording.percent(usual)} elsewhere"
        )
        yield Worst(stage=row.stage, moment="", reason=reason, weight=_units(share[i], usual), p=p)


def _errors(rows: list[MapRow]) -> Iterator[Worst]:
    places = [r for r in rows if r.moment and r.signals and r.error_rate is not None]
    # One customer's errors come in bunches: trials are counted at the effective number of events.
    n = np.array([r.signals / r.error_spread for r in places], float)
    rate = np.array([r.error_rate or 0.0 for r in places])
    signals = np.array([r.signals for r in places], float)
    if not rate.any():
        return
    for i, row in enumerate(places):
        rest = np.arange(len(places)) != i
        if not rest.any():
            continue
        usual = float(np.average(rate[rest], weights=signals[rest]))
        p = float(excess([rate[i] * n[i]], [n[i]], overall=min(max(usual, 1e-4), 0.99)).p[0])
        shown, rest_shown = wording.percent(rate[i]), wording.percent(usual)
        reason = f"{shown} of what customers do there meets an error, against {rest_shown} elsewhere"
        yield Worst(stage=row.stage, moment=row.moment, reason=reason, weight=_units(rate[i], usual), p=p)


def _units(share: float, usual: float) -> float:
    """Cohen's h: how far two shares are apart, on a scale where a given distance is equally hard to see anywhere."""
    return float(2 * np.arcsin(np.sqrt(share)) - 2 * np.arcsin(np.sqrt(usual)))
