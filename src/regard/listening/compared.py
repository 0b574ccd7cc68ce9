"""The score cut and compared: over time, by slice, and a change split into who answered and what they answered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from regard.listening.counted import LEAST, Answers, change_of, enough, score_of
from regard.periods import Period, grain, midnight, zone_of
from regard.statistics.changes import Sample, decompose
from regard.statistics.comparisons import benjamini_hochberg
from regard.statistics.estimates import Estimate, refusal

if TYPE_CHECKING:
    from datetime import datetime

    from regard.signals.ask import Ask
    from regard.statistics.changes import Decomposition

MOST_GROUPS = 60
MOST_DIMENSIONS = 6
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One slice's score now and before."""

    name: str
    now: Answers
    before: Answers
    score: Estimate
    earlier: Estimate
    change: Estimate
    q: float
    shrunk: float


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """One point of the trend."""

    first: date
    answers: Answers
    score: Estimate


def window(ask: Ask) -> tuple[Period, datetime]:
    """The days a trend shows: the period, three times as many before it, and the period compared with."""
    period, compared = ask.scope.period, ask.scope.compared
    first = min(compared.first, period.first - timedelta(days=3 * period.days))
    months = period.whole_months()
    if months:
        first = min(compared.first, Period(first, period.last).first.replace(day=1))
    shown = Period(max(first, date(1900, 1, 1)), period.last)
    return shown, midnight(shown.first, zone_of(ask.scope.zone))


def trend(answers: Answers, shown: Period) -> tuple[str, list[Bucket]]:
    """The score by day, week, month or quarter: the finest in which a usual bucket has enough answers.

    Returns:
        The grain and its buckets in time order; those with too few answers have a refused score.
    """
    finest = grain(shown)
    grains = ["day", "week", "month", "quarter"]
    for name in grains[grains.index(finest) :]:
        keys = _keys(answers, name)
        found, counts = np.unique(keys, return_counts=True)
        if name == "quarter" or (len(counts) and np.median(counts) >= 2 * LEAST):
            return name, [_bucket(answers.at(keys == key), int(key)) for key in found]
    return finest, []


def _keys(answers: Answers, name: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    if name == "quarter":
        months = answers.month.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        return (months // 3 * 3).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return np.asarray({"day": answers.day, "week": answers.week, "month": answers.month}[name], dtype=np.int64)


def _bucket(answers: Answers, key: int) -> Bucket:
    return Bucket(first=EPOCH + timedelta(days=key), answers=answers, score=told(answers))


def told(answers: Answers) -> Estimate:
    """The score, refused when the answers are too few."""
    why = enough(answers)
    return refusal(why, n=len(answers)) if why else score_of(answers)


def slices(answers: Answers) -> list[Slice]:
    """Every slice's score and change, largest first; q holds the false discovery rate over the slices' changes."""
    found = []
    now, before = answers.of("now"), answers.of("before")
    for name in np.unique(np.concatenate([now.slice, before.slice])):
        a, b = now.at(now.slice == name), before.at(before.slice == name)
        change = refusal("too few answers", n=len(a) + len(b)) if enough(a) or enough(b) else change_of(a, b)
        found.append(
            Slice(
                name=str(name), now=a, before=b, score=told(a), earlier=told(b), change=change, q=np.nan, shrunk=np.nan
            )
        )
    q = benjamini_hochberg([s.change.p for s in found])
    drawn = _shrunk([s.score for s in found])
    found = [replace(s, q=float(q[i]), shrunk=drawn[i]) for i, s in enumerate(found)]
    return sorted(found, key=lambda s: (-len(s.now), s.name))


def _shrunk(scores: list[Estimate]) -> list[float]:
    """Slices' scores drawn to their mean by how little they tell: empirical Bayes, DerSimonian and Laird (1986)."""
    told_at = [i for i, s in enumerate(scores) if not s.refused and s.error > 0]
    out = [float("nan")] * len(scores)
    if len(told_at) < 3:
        return out
    value = np.array([scores[i].value for i in told_at])
    precise = np.array([1 / scores[i].error ** 2 for i in told_at])
    centre = float(np.average(value, weights=precise))
    excess = float((precise * (value - centre) ** 2).sum()) - (len(value) - 1)
    between = max(excess / float(precise.sum() - (precise**2).sum() / precise.sum()), 0.0)
    centre = float(np.average(value, weights=1 / (between + 1 / precise)))
    for place, i in enumerate(told_at):
        keep = between / (between + 1 / precise[place])
        out[i] = centre + keep * (value[place] - centre)
    return out


def also(ask: Ask) -> tuple[str, ...]:
    """The dimensions a change may be split by, where none was chosen."""
    return () if ask.scope.by else tuple(d.name for d in ask.declarations.dimensions)[:MOST_DIMENSIONS]


def split(ask: Ask, answers: Answers) -> tuple[str, Decomposition | None, int]:
    """The change split by the chosen dimension, else by the one whose mix moved the score most.

    Returns:
        The dimension, its decomposition, and how many dimensions were tried; none where nothing can be split.
    """
    both = answers.at((answers.period == "now") | (answers.period == "before"))
    if enough(both.of("now")) or enough(both.of("before")):
        return "", None, 0
    if ask.scope.by:
        return ask.scope.by, decomposed(both), 1
    best: tuple[str, Decomposition | None] = ("", None)
    tried = 0
    cuts = dict(zip(ask.scope.also, both.slices.T, strict=True)) | {"survey": both.survey}
    for name, slice_ in cuts.items():
        if not 2 <= len(np.unique(slice_)) <= MOST_GROUPS:
            continue
        tried += 1
        found = decomposed(replace(both, slice=slice_))
        if best[1] is None or abs(found.mix.value) > abs(best[1].mix.value):
            best = (name, found)
    return *best, tried


def decomposed(answers: Answers) -> Decomposition:
    """The change between before and now, split by the answers' slice."""
    now, before = answers.of("now"), answers.of("before")
    return decompose(
        Sample(values=before.value, groups=before.slice, clusters=before.customer, weights=before.weight),
        Sample(values=now.value, groups=now.slice, clusters=now.customer, weights=now.weight),
    )
