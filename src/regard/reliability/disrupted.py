"""Subsets that are disrupted now, over every indicator: found, named, dated, and gathered to one entry a cause."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from regard.reliability.cubed import DAY, LOOK_HOURS, WEEK, Counted, Met, Read, counted
from regard.statistics.calm import calm
from regard.statistics.cuboids import Cube, cube
from regard.statistics.expectations import Past
from regard.statistics.naming import counted as sums
from regard.statistics.onsets import Rise, rise
from regard.statistics.peeling import Disruption, Disruptions, disruptions, interval_of
from regard.statistics.phases import seasoned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from regard.statistics.naming import Named

    Whole = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

LOOKS_A_MONTH = {DAY: 30.4375 * 24 / LOOK_HOURS, WEEK: 30.4375 / 7 * 8}
"""Looks a month that count: four times a day the last 24 hours; of weeks that overlap about eight each stand for
themselves, however often is looked (Poisson clumps of a sliding window, Aldous 1989; measured, docs/calibration.md)."""
LEAST = {DAY: 14, WEEK: 4}
"""Earlier periods below which nothing is told."""
FEWEST = 20
"""Customers now and before below which nothing is told."""
LEAST_HIT = 3
"""Fewer disrupted customers than this are no subset: where hardly anything ever failed, any one would be."""
DRAWS, ROOM, MOST_DRAWS = 199, 2_000_000, 999
"""Draws of the null at least; combinations times draws that are affordable; draws at most."""
SEED = 20_261_127
GREEN = 0.05
ALIKE = 0.5
"""Share of the smaller's customers from which two findings are one cause."""
AS_MUCH = 0.5
"""Part of a subset's rise, as a logarithm, from which on the others, where they have risen too, are hit much alike."""
NONE_ELSE = 0.05
"""Share of all customers below which those outside a subset tell nothing: it is everybody."""
OVER = 0.01
"""Chance of so few in the last day, were it still going on, below which a disruption of the week is over."""


@dataclass(frozen=True, kw_only=True)
class Subset:
    """One disrupted subset.

    Attributes:
        met, counted: The indicator, and its customers by period.
        where: Dimension to the values it is named by.
        customers: Numbers of those in it now, and whether each is disrupted.
        bad: Which of them are disrupted.
        due: How many of them were to be expected.
        low, high: 95 % interval of the ratio.
        p: Chance of so clear a subset anywhere in this look, were nothing wrong.
        score: Nats by which its name explains what is seen.
        weight: How probable the name is among those tried.
        others: Names the data cannot rule out.
        worse: Values within it that are hit harder, and how many times what is expected.
        since, since_low, since_high: When it began, UTC, with a 95 % interval.
        series: Its days: days before the end, customers, disrupted.
        usual: Share that was to be expected.
        over: Whether the last day shows that it is over.
        green: Whether the indicator's total is within what it strays by itself.
        end: Where now ends, UTC.
    """

    met: Met
    counted: Counted
    where: dict[str, tuple[str, ...]]
    customers: Whole
    bad: Flags
    due: float
    low: float
    high: float
    p: float
    score: float
    weight: float
    others: tuple[dict[str, tuple[str, ...]], ...]
    worse: tuple[tuple[str, str, float], ...]
    since: datetime
    since_low: datetime
    since_high: datetime
    series: tuple[tuple[int, int, int], ...]
    usual: float
    over: bool
    green: bool
    end: datetime

    @property
    def hit(self) -> Whole:
        """Numbers of the customers disrupted now."""
        return self.customers[self.bad]

    @property
    def ratio(self) -> float:
        """Disrupted over expected."""
        return len(self.hit) / self.due if self.due > 0 else math.inf


@dataclass(frozen=True, kw_only=True)
class Look:
    """One indicator looked at with one length of now; or why it could not be.

    Attributes:
        met: The indicator.
        days: Length of now.
        refused: Why nothing can be told.
        counted, daily: Its customers by period, and by day.
        past: Those without season and without earlier incidents: what was held against what.
        season: Rate of now's weekday as a multiple of the average day's, where a season was taken out; else 1.
        cube, found: Combinations, and what was found among them.
        level: False alarms of this look, at most.
    """

    met: Met
    days: int
    level: float
    refused: str = ""
    counted: Counted | None = None
    daily: Counted | None = None
    cube: Cube | None = None
    found: Disruptions | None = None
    past: Past | None = None
    season: float = 1.0


def looks(seen: Read, *, lengths: Sequence[int], depth: int, rate: float) -> tuple[Look, ...]:
    """Look at every indicator with every length of now.

    Args:
        seen: What customers met.
        lengths: Lengths of now in days.
        depth: Most dimensions that name a subset.
        rate: False alarms a month that are accepted over all looks together, however often is looked.
    """
    each = rate / max(len(seen.met) * len(lengths), 1)
    oldest = max((int(met.age.max(initial=0)) for met in seen.met), default=0)
    found = []
    for met in seen.met:
        daily = counted(met, days=DAY, periods=oldest)
        for days in lengths:
            held = daily if days == DAY else counted(met, days=days, periods=oldest // days)
            found.append(_look(met, days, held, daily, depth=depth, level=min(0.2, each / LOOKS_A_MONTH[days])))
    return tuple(found)


def _look(met: Met, days: int, held: Counted | None, daily: Counted | None, *, depth: int, level: float) -> Look:
    refused = _refused(met, held, days)
    if refused or held is None:
        return Look(met=met, days=days, level=level, refused=refused)
    whole = cube(held.codes, depth=depth, naming=tuple(range(held.codes.shape[1] - 1)))
    past = calm(whole, seasoned(whole, held.past, held.phase)).past
    draws = int(np.clip(ROOM // max(len(whole), 1), DRAWS, MOST_DRAWS))
    found = disruptions(whole, past, level=level, replicas=draws, seed=SEED, rare=True)
    return Look(met=met, days=days, level=level, counted=held, daily=daily, cube=whole, found=found, past=past,
                season=_season(past))  # fmt: skip


def _season(past: Past) -> float:
    """What now's place in the season is a multiple of the average place."""
    if past.season is None:
        return 1.0
    due = past.past_total.sum()
    return float(due / max(float((past.past_total * past.season).sum()), 1e-12))


def _refused(met: Met, held: Counted | None, days: int) -> str:
    every = "day" if days == DAY else "week"
    if held is None:
        there = bool((met.age < days).any())
        return f"no earlier {every}; {LEAST[days]} are needed" if there else f"nobody tried in the last {every}"
    if len(held.past.past_bad) < LEAST[days]:
        return f"{len(held.past.past_bad)} earlier {every}s; {LEAST[days]} are needed"
    if held.past.total.sum() < FEWEST:
        return f"{int(held.past.total.sum())} customers tried in the last {every}; {FEWEST} are needed"
    if held.past.past_total.sum() < FEWEST * LEAST[days]:
        return f"too few tried in earlier {every}s"
    return ""


def subsets(seen: Read, looked: Sequence[Look]) -> tuple[Subset, ...]:
    """Every subset that rang, once: of the looks of one indicator the clearer name counts. Most people come first."""
    found = [one for look in looked for one in _subsets(seen, look)]
    found.sort(key=lambda s: (-s.score, s.counted.days, s.met.name))
    kept: list[Subset] = []
    for one in found:
        if not any(k.met is one.met and alike(k.hit, one.hit) and not _stands_out(one, k) for k in kept):
            kept.append(one)
    return tuple(sorted(kept, key=lambda s: (-len(s.hit), s.p, s.met.name)))


def _stands_out(one: Subset, whole: Subset) -> bool:
    """Whether a subset is hit far more than everybody is."""
    return bool(one.where) and not whole.where and one.ratio >= 2 * whole.ratio


def causes(found: Sequence[Subset]) -> tuple[tuple[Subset, ...], ...]:
    """Subsets gathered by cause: those of other indicators with mostly the same customers stand behind the largest."""
    groups: list[list[Subset]] = []
    for one in found:
        home = next((g for g in groups if alike(g[0].hit, one.hit)), None)
        if home is None:
            groups.append([one])
        else:
            home.append(one)
    return tuple(tuple(g) for g in groups)


def alike(one: Whole, other: Whole) -> bool:
    """Whether two findings concern mostly the same customers."""
    return len(np.intersect1d(one, other)) >= ALIKE * max(min(len(one), len(other)), 1)


def _subsets(seen: Read, look: Look) -> Iterator[Subset]:
    if look.found is not None:
        for each in look.found.found:
            one = _subset(seen, look, look.found, each)
            if len(one.hit) >= LEAST_HIT:
                yield one


def _subset(seen: Read, look: Look, found: Disruptions, each: Disruption) -> Subset:
    held, past = look.counted, look.past
    assert held is not None  # noqa: S101 only looks that found something are told
    assert past is not None  # noqa: S101
    named, expected = _as_everybody(past, found, each.named), found.expected
    low, high = interval_of(past, expected, named)
    ages, hits, tries = _daily(look, named)
    begun = rise(hits, tries)
    day = [seen.end - timedelta(days=int(ages[step]) + 1) for step in (begun.step, begun.low, begun.high)]
    there, hit = _people(held, named, period=0)
    due = named.due * int(hit.sum()) / max(named.seen, 1e-12)
    return Subset(
        met=look.met, counted=held, where=_where(seen, named.values), customers=there,
        bad=hit, due=due, low=low, high=high, p=each.alarm.p, score=named.score, weight=named.weight,
        others=tuple(_where(seen, o.values) for o in each.naming.alternatives[:3]) if named.values else (),
        worse=tuple(
            (seen.dims[x.dimension], str(seen.labels[x.dimension][x.value]), x.seen / x.due if x.due else math.inf)
            for x in each.naming.worse_within[:4]
            if x.dimension < len(seen.dims)
        ),
        since=day[0], since_low=day[1], since_high=day[2],
        over=look.days > DAY and _is_over(begun, float(hits[-1]), float(tries[-1])),
        series=tuple(_series(look, named)), usual=due / max(len(there), 1),
        green=found.change.p > GREEN, end=seen.end,
    )  # fmt: skip


def _as_everybody(past: Past, found: Disruptions, named: Named) -> Named:
    """The name; or nobody's in particular, where the total is red and those outside are hit much as those inside are.

    Of a shock of the whole the clearest subset is a large one that changes from day to day, and says less than that it
    is everybody.
    """
    if found.change.p > GREEN or named.ratio <= 1:
        return named
    every = np.ones_like(named.leaves)
    seen, usual, total = sums(past, found.expected, every)
    hit, due, others = sums(past, found.expected, ~named.leaves)
    by_chance = float(special.pdtrc(max(hit - 1, 0), due)) if hit > 0 and due > 0 else 1.0
    alone = by_chance > GREEN or math.log(hit / due) < AS_MUCH * math.log(named.ratio)
    if alone and others > NONE_ELSE * total:
        return named
    return replace(named, values={}, leaves=every, seen=seen, due=usual, total=total)


def _people(held: Counted, named: Named, *, period: int) -> tuple[Whole, Flags]:
    """The customers of a name in a period, each once, and whether each is disrupted in it."""
    own = (held.period == period) & _inside(held, named)[held.leaf]
    who, place = np.unique(held.customer[own], return_inverse=True)
    return who, np.bincount(place, held.bad[own], len(who)) > 0


def _inside(held: Counted, named: Named) -> Flags:
    """Which leaves a name holds."""
    inside = np.ones(len(held.codes), bool)
    for d, values in named.values.items():
        inside &= np.isin(held.codes[:, d], values)
    return inside


def _series(look: Look, named: Named) -> Iterator[tuple[int, int, int]]:
    """Customers of a name and those disrupted, by day, the oldest first; by week where days could not be counted."""
    held = look.daily or look.counted
    assert held is not None  # noqa: S101 only looks that found something are told
    for age in held.ages:
        who, bad = _people(held, named, period=int(age))
        yield int(age) * held.days, len(who), int(bad.sum())


def _where(seen: Read, values: dict[int, tuple[int, ...]]) -> dict[str, tuple[str, ...]]:
    return {seen.dims[d]: tuple(str(seen.labels[d][v]) for v in held) for d, held in sorted(values.items())}


def _daily(look: Look, named: Named) -> tuple[Whole, Floats, Floats]:
    """Of a name by day, now the last: days before now, disrupted, all. By week where days could not be counted."""
    held = look.daily or look.counted
    assert held is not None  # noqa: S101 only looks that found something are told
    inside = _inside(held, named)
    bad = np.append(held.past.past_bad[:, inside].sum(axis=1), held.past.bad[inside].sum())
    total = np.append(held.past.past_total[:, inside].sum(axis=1), held.past.total[inside].sum())
    return held.ages * held.days + held.days - 1, bad, total


def _is_over(since: Rise, bad: float, total: float) -> bool:
    """Whether a disruption of the week shows no more in its last day: far fewer than were it still going on."""
    if not math.isfinite(since.since) or total <= 0:
        return False
    return float(special.bdtr(math.floor(bad), round(total), since.since)) < OVER
