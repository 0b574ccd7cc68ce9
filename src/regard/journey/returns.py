"""Who comes back: the cohorts of a period, how each is seen again, and two sets of cohorts held against each other.

A customer begins once, with the first such step in the whole log, so those of two periods or two groups are different
people, and each is one voice at each distance.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import numpy as np

from regard.errors import BadInput, Refusal
from regard.journey.stepnames import several
from regard.periods import midnight, parse_day, zone_of
from regard.statistics.comparisons import holm
from regard.statistics.estimates import LEVEL, Estimate
from regard.statistics.proportions import difference, wilson
from regard.steps.columns import EVER, NEVER, Selection
from regard.steps.returning import By, Returning, calendar, returning
from regard.steps.within import first_done

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from zoneinfo import ZoneInfo

    from numpy.typing import NDArray

    from regard.periods import Period
    from regard.signals.ask import Ask
    from regard.signals.stepscope import Stepped
    from regard.steps.columns import Truths, Whole

TOLD = {"came-back": "Came back", "stayed-away": "Did not come back"}
"""The customers of a cell, for customers/list."""
MOST, FARTHEST = 60, 30
"""Cohorts told at once, and how many periods each is followed."""
LEAST = 10
"""Fewest customers whose share is told."""
OURS = ("message", "promise", "subscription")
"""Steps that happen to customers: by themselves they are no sign that somebody is there."""


@dataclass(frozen=True, kw_only=True)
class Back:
    """What is asked: who begins, and what counts as being there again.

    Attributes:
        each: What a cohort and a distance are measured in.
        start: Names that begin.
        back: Names that count as being there.
    """

    each: By
    start: tuple[str, ...]
    back: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Cohorts:
    """Those who began in a period's days, weeks or months, and when they were there again.

    Attributes:
        days: (m,) first day of each cohort.
        began: (m,) customers.
        seen: (m, p) of them, there so many later; column 0 is the cohort's own time.
        over: (m, p) whether that time was over when the log ends.
        edges: (p + 1,) microseconds between the periods.
        found: What leads to the customers.
    """

    days: tuple[date, ...]
    began: Whole
    seen: Whole
    over: Truths
    edges: Whole
    found: Returning

    @property
    def customers(self) -> int:
        """Customers of all cohorts."""
        return int(self.began.sum())

    @property
    def lags(self) -> int:
        """How many later periods there are to look at, over or not."""
        return min(int(self.seen.shape[1]) - 1, FARTHEST)

    def at(self, lag: int) -> tuple[int, int]:
        """Customers there so many later, of all whose time is over."""
        if lag > self.lags:
            return 0, 0
        over = self.over[:, lag]
        return int(self.seen[over, lag].sum()), int(self.began[over].sum())


def theirs(names: Sequence[str]) -> tuple[str, ...]:
    """Steps that customers take themselves: not what we write, promise or renew."""
    return tuple(n for n in names if not any(n == o or n.startswith(f"{o}: ") for o in OURS))


def cohorts(ask: Ask, stepped: Stepped, period: Period, asked: Back, selection: Selection) -> Cohorts:
    """The cohorts that begin in a period, followed to the end of the log.

    Args:
        ask: Whose zone and week hold.
        stepped: The steps.
        period: Days in which cohorts begin: whole weeks and months only.
        asked: Who begins, and what counts.
        selection: Whose steps; its times are not used.

    Raises:
        BadInput: More cohorts than can be told.
        Refusal: No whole week or month begins in the period.
    """
    zone = zone_of(ask.scope.zone)
    end = ended(ask, stepped, zone)
    days, edges = calendar(
        period.first, max(_local(end, zone), period.first), by=asked.each, zone=zone,
        week_start=ask.declarations.week_start,
    )  # fmt: skip
    early = int(days[0] < period.first)  # that week or month began before the period: it is no cohort of it
    days, edges = days[early:], edges[early:]
    m = sum(d <= period.last for d in days)
    if not m:
        raise Refusal(
            f"No whole {asked.each} begins in this period.",
            hint=f"Choose a longer period, or a time shorter than a {asked.each}.",
        )
    if m > MOST:
        raise BadInput(
            f"This period has {m} {asked.each}s; {MOST} are told at once.", where="each",
            hint="Choose week or month, or a shorter period.",
        )  # fmt: skip
    days, edges = days[: m + FARTHEST], edges[: m + FARTHEST + 1]
    found = returning(
        stepped.steps, (days, edges), began=asked.start, again=asked.back, selection=replace(selection, end=end)
    )
    return Cohorts(days=tuple(days[:m]), began=found.began[:m], seen=found.seen[:m], over=found.complete[:m],
                   edges=edges, found=found)  # fmt: skip


def ended(ask: Ask, stepped: Stepped, zone: ZoneInfo) -> int:
    """Until when the log is known: the end of its last day where that day has passed, else its last moment."""
    end = stepped.now.end or 0
    day = _local(end, zone)
    if day < ask.view.today:
        passed = midnight(day + timedelta(days=1), zone) - datetime(1970, 1, 1)
        end = max(end, passed // timedelta(microseconds=1) - 1)
    return end


def _local(at: int, zone: ZoneInfo) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).astimezone(zone).date()


def beginnings(stepped: Stepped, names: tuple[str, ...], selection: Selection) -> list[tuple[Whole, Whole]]:
    """Per slice, the place of each customer who ever took one of some steps, and the row of the first."""
    ever = replace(selection, since=EVER, until=NEVER)
    rows = first_done(stepped.steps, names, selection=ever)
    return [(who, row[who]) for row, who in zip(rows, [np.flatnonzero(row >= 0) for row in rows], strict=True)]


def groups(stepped: Stepped, by: str, names: tuple[str, ...], selection: Selection) -> list[tuple[str, Selection]]:
    """Customers by a label as it was when they began: the largest groups first, those without a label left aside."""
    begun = beginnings(stepped, names, selection)
    values = stepped.steps[0].labels[by].values if stepped.steps else ()
    code = [each.labels[by].codes[row] for each, (_, row) in zip(stepped.steps, begun, strict=True)]
    size = sum((np.bincount(c, minlength=len(values)) for c in code), np.zeros(len(values), np.int64))
    size[:1] = 0
    found = []
    for value in np.argsort(-size, kind="stable")[: int(np.count_nonzero(size))].tolist():
        masks = []
        for each, (who, _), own in zip(stepped.steps, begun, code, strict=True):
            mask = np.zeros(len(each.customers), np.bool_)
            mask[who[own == value]] = True
            masks.append(mask)
        found.append((values[value], replace(selection, customers=masks)))
    return found


@dataclass(frozen=True, kw_only=True)
class Beside:
    """One distance, held against the same of others.

    Attributes:
        now: Share there again, with its interval.
        against: The same of those compared with; none where they are too few.
        change: Now less the others.
        adjusted: p-value, corrected for all distances and groups; NaN where not compared.
    """

    now: Estimate
    against: Estimate | None
    change: Estimate | None
    adjusted: float


def beside(pairs: Sequence[tuple[tuple[int, int], tuple[int, int]]], *, level: float = LEVEL) -> list[Beside]:
    """Shares held against shares of other customers, all together.

    The difference of two independent shares, each with Wilson's interval; p-values corrected by Holm (1979), which
    holds whatever the shares of the same customers at several distances have to do with each other.

    Args:
        pairs: Of each distance: (there, of how many) and the same of those compared with.
        level: Confidence of the intervals.
    """
    made = []
    for (hits, n), (hits0, n0) in pairs:
        one, other = wilson(hits, n, level=level, least=LEAST), wilson(hits0, n0, level=level, least=LEAST)
        change = None if one.refused or other.refused else difference(one, other)
        made.append((one, None if other.refused else other, change))
    adjusted = holm([np.nan if c is None else c.p for *_, c in made])
    return [Beside(now=a, against=b, change=c, adjusted=float(p)) for (a, b, c), p in zip(made, adjusted, strict=True)]


def those(
    back: Cohorts, begun: Sequence[tuple[Whole, Whole]], stepped: Stepped, cell: tuple[date | None, int], *, there: bool
) -> NDArray[np.int64]:
    """The customers of one cohort, or of all, who were there so many periods later, or were not by the end of it.

    Args:
        back: The cohorts.
        begun: From `beginnings`, of the same customers.
        stepped: The steps.
        cell: First day of the cohort, all whose time is over where None; and how many periods later.
        there: Those who were; else those who were not.

    Raises:
        BadInput: There is no such cohort or distance.
    """
    day, lag = cell
    if not 0 <= lag <= back.lags or (day is not None and day not in back.days):
        raise BadInput("There is no such cohort in this period.", where="cohort", hint="Follow the link of a cell.")
    which = [back.days.index(day)] if day is not None else np.flatnonzero(back.over[:, lag]).tolist()
    parts = [np.zeros(0, np.int64)]
    for i in which:
        came = back.found.behind(i, lag) if i + lag < len(back.edges) - 1 else parts[0]
        if there:
            parts.append(came)
            continue
        for each, (who, row) in zip(stepped.steps, begun, strict=True):
            at = each.times[row]
            own = each.customers[who[(at >= back.edges[i]) & (at < back.edges[i + 1])]]
            parts.append(np.setdiff1d(own, came, assume_unique=True))
    return np.sort(np.concatenate(parts))


def asked_for(stepped: Stepped, each: By, start: str, back: str) -> Back:
    """What is asked, from the names a person gave; what customers do themselves where none is given.

    Raises:
        UnknownName: A name is no step of the log.
    """
    own = theirs(stepped.steps[0].names) if stepped.steps else ()
    return Back(
        each=each, start=several(stepped, start, where="start") or own, back=several(stepped, back, where="back") or own
    )


def written(day: date | None, each: str, lag: int) -> str:
    """A cell as a link gives it: week 2026-08-31 + 3; without a day, all cohorts."""
    return f"{each} {day.isoformat() if day else 'all'} + {lag}"


def behind_cell(ask: Ask, who: str, path: str, cohort: str) -> NDArray[np.int64]:
    """Ids of the customers of one cell of journey/retention in the period, ascending.

    Args:
        ask: The slice.
        who: came-back or stayed-away.
        path: What begins → what counts as being there, names with commas between; empty for what customers do.
        cohort: As `written` writes it.

    Raises:
        BadInput: It is not written so.
        UnknownName: A step is none of the log's.
    """
    found = re.fullmatch(r"(day|week|month) (all|\d{4}-\d\d-\d\d) \+ (\d{1,2})", cohort.strip())
    if found is None:
        raise BadInput(f"{cohort!r} is no cohort.", where="cohort", hint="Write it like week 2026-08-31 + 3.")
    stepped = ask.steps()
    start, _, back = path.replace("->", "→").partition("→")
    asked = asked_for(stepped, cast("By", found[1]), start, back)
    cell = (None if found[2] == "all" else parse_day(found[2], where="cohort"), int(found[3]))
    made = cohorts(ask, stepped, ask.scope.period, asked, stepped.now)
    begun = beginnings(stepped, asked.start, stepped.now)
    return those(made, begun, stepped, cell, there=who == "came-back")
