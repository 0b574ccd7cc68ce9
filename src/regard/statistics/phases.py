"""What the hour or the weekday does to rates by leaf, told from earlier periods and shrunk to what they can tell."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from regard.statistics.cuboids import Cube
from regard.statistics.estimates import Floats, Whole
from regard.statistics.expectations import Past, expected_of, variance

CUT = 5.0
"""Standard deviations at which one earlier period is cut: an outage on a Tuesday is no season."""


@dataclass(frozen=True, kw_only=True)
class _Season:
    """One season of groups of leaves.

    Attributes:
        factors: (places, groups) logarithm of what the rate is a multiple of.
        spent: How many periods they cost.
        unsure: Variance of those of now that is left open, on average over what is expected.
    """

    factors: Floats
    spent: float
    unsure: float


@dataclass(frozen=True, kw_only=True)
class _Counts:
    """Of groups of leaves (the whole, or the values of one dimension): counts, their expectation and its variance.

    Attributes:
        seen, due, plain: (periods, groups).
    """

    seen: Floats
    due: Floats
    plain: Floats


def seasoned(cube: Cube, past: Past, phases: ArrayLike) -> Past:
    """The same counts with a season in what they lead to expect: of the whole, and of each value of each dimension.

    Each place in the season (Mondays, the hour from 9 to 10) has a factor on the rate of the whole, and each value one
    beyond it, multiplied. Factors are drawn towards one by empirical Bayes: by how much the places differ beyond what
    periods of one place differ among themselves. So a season that is not there, or that too short a past cannot tell,
    takes next to nothing out. Single periods are cut where they lie far from the others of their place. A place that
    only now has, or none has twice, has a factor of one.

    Args:
        cube: Leaves and cells.
        past: Counts now and earlier; what season it has is replaced.
        phases: (periods + 1,) or (periods + 1, seasons) place of each earlier period and, last, of now: one column for
            each season, such as hour of the day and day of the week; they are taken out one after the other. A now of
            several periods has a row for each; its factor is their mean.

    Returns:
        The same counts, with `season`, `spent` and `unsure`; all of `statistics.scan`, `naming` and `peeling` take it.
    """
    columns = np.asarray(phases, np.int64)
    columns = columns.reshape(len(columns), -1)
    before = len(past.past_bad)
    found = replace(past, season=None, spent=0.0, unsure=(0.0, 0.0))
    if before < 4:
        return found
    rate = expected_of(cube, found).rate
    logs = np.zeros((len(columns), len(rate)))
    whole: list[_Season] = []
    values: list[_Season] = []
    for column in columns.T:
        place = np.unique(column, return_inverse=True)[1]
        if len(np.unique(place[:before])) < 2:
            continue
        for d in (None, *range(cube.codes.shape[1])):
            code = np.zeros(len(rate), np.int64) if d is None else cube.codes[:, d]
            one = _told(past, rate * np.exp(logs[:before]), place, code, whole=d is None)
            (whole if d is None else values).append(one)
            logs += one.factors[place][:, code]
    if not logs.any():
        return found
    season = np.exp(logs[:before]) / np.exp(logs[before:]).mean(axis=0)
    unsure = sum(s.unsure for s in whole), sum(s.unsure for s in values) / max(1, cube.codes.shape[1])
    spent = min(max((s.spent for s in (*whole, *values)), default=0.0), before - 2.0)
    return replace(found, season=season, spent=spent, unsure=unsure)


def _told(past: Past, rates: Floats, place: Whole, code: Whole, *, whole: bool) -> _Season:
    """The factors of groups of leaves that have `rates` in the earlier periods, by empirical Bayes."""
    counts = _counted(past, rates, code, whole=whole)
    then, width = place[: len(past.past_bad)], int(place.max()) + 1
    by = np.zeros((width, len(then)))
    by[then, np.arange(len(then))] = 1.0
    many = by.sum(axis=1)[:, None]
    seen = _cut(counts, then, width)
    groups, due, plain = by @ seen, by @ counts.due, by @ counts.plain
    level = (groups + 0.5) / (due + 0.5)
    left = max(1.0, len(then) - float((many > 0).sum()))
    expected = counts.due * level[then]
    within = float(((seen - expected) ** 2).sum() / max(counts.plain.sum(), 1e-12)) * len(then) / left
    noise = max(1.0, within) * plain
    shares = noise / np.maximum(noise.sum(axis=0), 1e-12)
    over = float(((groups - due) ** 2 - noise * (1 - shares)).sum())
    base = float((due**2).sum())
    spread = max(0.0, over / base) if base > 0 else 0.0
    error = noise / np.maximum(due, 1e-9) ** 2
    weight = np.where(many > 1, spread / np.maximum(spread + error, 1e-12), 0.0)
    found = weight * np.log(level)
    centre = (found * due).sum(axis=0) / np.maximum(due.sum(axis=0), 1e-12)
    bought = float((weight * due).sum(axis=0).max(initial=0) / max(due.sum(axis=0).max(initial=0), 1e-12) * width)
    left_open = np.where(many > 1, weight * error, spread)[place[len(then) :]]
    share = due.sum(axis=0) / max(float(due.sum()), 1e-12)
    return _Season(factors=np.where(many > 1, found - centre, 0.0), spent=max(0.0, bought - 1),
                   unsure=float((left_open.mean(axis=0) * share).sum()))  # fmt: skip


def _counted(past: Past, rates: Floats, code: Whole, *, whole: bool) -> _Counts:
    """Counts of groups; those of values after the whole's ratio of the period and their own level are taken out."""
    groups = int(code.max(initial=0)) + 1
    by = np.zeros((len(code), groups))
    by[np.arange(len(code)), code] = 1.0
    due = past.past_total * rates
    rates = np.minimum(rates, 1 - 1e-6) if past.shares else rates
    plain = variance(rates, past.past_total, 0.0, shares=past.shares) @ by
    if not whole:
        due = due * (past.past_bad.sum(axis=1) / np.maximum(due.sum(axis=1), 1e-9))[:, None]
    seen, expected = past.past_bad @ by, due @ by
    own = (seen.sum(axis=0) + 2) / (expected.sum(axis=0) + 2)
    part = expected / np.maximum(expected.sum(axis=1, keepdims=True), 1e-9) if not whole else 0.0
    return _Counts(seen=seen, due=expected * own, plain=np.maximum(plain * own * (1 - part), 1e-9))


def _cut(counts: _Counts, then: Whole, width: int) -> Floats:
    """Counts with single periods cut where they lie far from the middle of their place."""
    ratio = (counts.seen + 0.5) / (counts.due + 0.5)
    middle = np.ones((width, ratio.shape[1]))
    many = np.bincount(then, minlength=width)
    for p in np.flatnonzero(many > 0):
        middle[p] = np.median(ratio[then == p], axis=0)
    off = (counts.seen - counts.due * middle[then]) / np.sqrt(counts.plain)
    left = len(then) / max(1.0, len(then) - float((many > 0).sum()))
    scale = max(1.0, 1.4826 * float(np.median(np.abs(off))) * float(np.sqrt(left)))
    return np.asarray(counts.due * middle[then] + np.clip(off, -CUT * scale, CUT * scale) * np.sqrt(counts.plain))
