"""Contacts: what customers ask help with, by area and issue, and what is rising beyond chance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from regard import wording
from regard.errors import Refusal
from regard.figures.heat import Cell, heat_table
from regard.findings import Caution, Finding, Interval
from regard.listening.compared import window
from regard.listening.frequency import Active, Counts, active, counts, dispersion, rates, total
from regard.listening.past import Of, Past, beyond, past
from regard.listening.voices import amount, largest, lead, valued
from regard.periods import grain
from regard.questions import question
from regard.signals.ask import Ask
from regard.signals.voices import Count
from regard.statistics.durations import median_time
from regard.statistics.proportions import share
from regard.statistics.swings import LEAST_PAIRS
from regard.wording import Words, count, duration, listed, number, percent, quote, times

if TYPE_CHECKING:
    from regard.figures.figure import Figure
    from regard.statistics.estimates import Estimate
    from regard.statistics.rates import RateChange
    from regard.statistics.swings import Swings

SAID = 4
HEAT = (8, 6)


class ContactRow(msgspec.Struct, frozen=True, kw_only=True):
    """One cell of area and issue."""

    area: Annotated[str, Meta(description="What it is about.")]
    issue: Annotated[str, Meta(description="Type of issue.")] = ""
    n: Annotated[int, Meta(description="Contacts in the period.")] = 0
    rate: Annotated[float | None, Meta(description="Per 1,000 active customers and month.")] = None
    before: Annotated[float | None, Meta(description="The rate in the period compared with.")] = None
    ratio: Annotated[float | None, Meta(description="Rate now over rate before; empty where there was none.")] = None
    direction: Annotated[
        str, Meta(description="rising or falling beyond chance and beyond the cell's own swings before, else empty.")
    ] = ""
    least: Annotated[
        float | None,
        Meta(description="Smallest ratio that would be called rising in four of five cases, were it the only one."),
    ] = None
    swings: Annotated[
        float | None,
        Meta(description="By what factor the cell changes between periods by itself (a standard deviation)."),
    ] = None
    customers: Annotated[int, Meta(description="Customers who asked.")] = 0
    value: Annotated[float | None, Meta(description="What they are worth; only where value is counted.")] = None
    before_n: Annotated[int, Meta(description="Contacts in the period compared with.")] = 0
    low: Annotated[float | None, Meta(description="Lower end of its 95 % interval.")] = None
    high: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None
    ratio_low: Annotated[float | None, Meta(description="Lower end of its 95 % interval.")] = None
    ratio_high: Annotated[float | None, Meta(description="Upper end of its 95 % interval; empty where open.")] = None
    q: Annotated[float | None, Meta(description="p of no change, all cells accounted for (false discovery).")] = None
    year_ratio: Annotated[float | None, Meta(description="Rate now over that of the same days a year earlier.")] = None
    season: Annotated[bool, Meta(description="Rising, but no more than a year ago: perhaps the season.")] = False
    waited: Annotated[float | None, Meta(description="Median hours to the first answer, of those answered.")] = None
    solving: Annotated[float | None, Meta(description="Median hours to a solution, of those solved.")] = None
    reopened: Annotated[float | None, Meta(description="Share reopened, where known.")] = None


class SaidRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one customer said."""

    area: Annotated[str, Meta(description="What it is about.")]
    issue: Annotated[str, Meta(description="Type of issue.")] = ""
    verbatim: Annotated[str, Meta(description="In their own words; the subject line where there are none.")] = ""
    customer: Annotated[str, Meta(description="Id of the customer.")] = ""
    name: Annotated[str, Meta(description="Name of the customer.")] = ""
    at: Annotated[datetime | None, Meta(description="When, UTC.")] = None


class TimeRow(msgspec.Struct, frozen=True, kw_only=True):
    """How long customers wait, or how often it was not the end."""

    measure: Annotated[str, Meta(description="first answer (hours), solution (hours), reopened (share).")]
    now: Annotated[float | None, Meta(description="Median hours or share now; those still open are waiting on.")] = None
    low: Annotated[float | None, Meta(description="Lower end of its 95 % interval.")] = None
    high: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None
    before: Annotated[float | None, Meta(description="The same in the period compared with.")] = None
    n: Annotated[int, Meta(description="Contacts it rests on now.")] = 0


class SliceRow(msgspec.Struct, frozen=True, kw_only=True):
    """One slice of the chosen dimension."""

    slice: Annotated[str, Meta(description="Value of the dimension.")]
    n: Annotated[int, Meta(description="Contacts now.")] = 0
    before_n: Annotated[int, Meta(description="Contacts before.")] = 0
    rate: Annotated[float | None, Meta(description="Per 1,000 active customers and month.")] = None
    before: Annotated[float | None, Meta(description="The rate before.")] = None
    ratio: Annotated[float | None, Meta(description="Rate now over rate before.")] = None
    q: Annotated[float | None, Meta(description="p of no change, all slices accounted for.")] = None
    direction: Annotated[
        str, Meta(description="rising or falling beyond chance and beyond its own swings before, else empty.")
    ] = ""


class TrendRow(msgspec.Struct, frozen=True, kw_only=True):
    """Contacts of one cell in one bucket of time."""

    since: Annotated[date, Meta(description="First day of the bucket.")]
    area: Annotated[str, Meta(description="What it is about; 'all' for all.")] = ""
    issue: Annotated[str, Meta(description="Type of issue; 'all' for all.")] = ""
    n: Annotated[int, Meta(description="Contacts.")] = 0


class Contacts(Finding, frozen=True, kw_only=True):
    """What customers ask help with."""

    n: Annotated[int, Meta(description="Contacts in the period.")] = 0
    before_n: Annotated[int, Meta(description="Contacts in the period compared with.")] = 0
    active: Annotated[float | None, Meta(description="Active customers, on average over the period.")] = None
    rate: Annotated[float | None, Meta(description="Contacts per 1,000 active customers and month.")] = None
    interval: Annotated[Interval | None, Meta(description="Its interval.")] = None
    before: Annotated[float | None, Meta(description="The rate before.")] = None
    direction: Annotated[
        str, Meta(description="rising or falling beyond chance and beyond its own swings before, else empty.")
    ] = ""
    tested: Annotated[int, Meta(description="Cells tested for rising or falling.")] = 0
    earlier: Annotated[int, Meta(description="Earlier comparisons of the same kind that tell how cells swing.")] = 0
    season: Annotated[
        float | None,
        Meta(description="Share of a year-old change that is expected again; 0: none shows; empty: too little past."),
    ] = None
    untested: Annotated[str, Meta(description="Why nothing was tested; empty when something was.")] = ""
    grain: Annotated[str, Meta(description="day, week or month: the trend's buckets.")] = ""
    rows: Annotated[tuple[ContactRow, ...], Meta(description="Cells of area and issue, rising ones first.")] = ()
    times: Annotated[tuple[TimeRow, ...], Meta(description="Waiting, solving, reopening.")] = ()
    said: Annotated[tuple[SaidRow, ...], Meta(description="What customers said about the cells that stand out.")] = ()
    slices: Annotated[tuple[SliceRow, ...], Meta(description="By the chosen dimension.")] = ()
    trend: Annotated[tuple[TrendRow, ...], Meta(description="Over time: all, and the cells that stand out.")] = ()


@dataclass(frozen=True, kw_only=True)
class _Read:
    """Everything the finding is written from."""

    ask: Ask
    count: Count
    cells: Counts
    active: Active
    past: Past
    swings: Swings
    total: RateChange
    total_rate: Estimate

    @property
    def words(self) -> Words:
        return Words(self.ask.declarations.called, self.ask.declarations.called_many)

    @property
    def when(self) -> str:
        return wording.period(self.ask.scope.before_since, self.ask.scope.before_until, self.ask.scope.zone)


@question(title="Contacts", needs=("contact",))
def contacts(
    *,
    ask: Ask,
    count: Annotated[
        Count, Meta(description="What weighs: voices (contacts), customers (each once), or value (their worth).")
    ] = "voices",
) -> Contacts:
    """What do customers ask us for help with, and what is rising?"""
    cells = counts(ask)
    if not cells.now.sum() and not cells.before.sum():
        raise Refusal(
            "Nobody asked for help in this period, or no contacts have been received yet.",
            hint="Widen the period, or import tickets, calls or chats: regard import FILE.",
        )
    around = active(ask)
    before, whole = past(ask, around), total(ask)
    together = _against(whole, around, before, "all").changes
    read = _Read(
        ask=ask, count=count, cells=cells, active=around, past=before, swings=_against(cells, around, before, "cell"),
        total=together[0], total_rate=rates(whole, around)[0],
    )  # fmt: skip
    rows = largest(valued(ask, _rows(read), count), count)
    told = [r for r in rows if r.direction == "rising"][:SAID] or list(rows[:SAID])
    finding = Contacts(
        answer="", n=int(cells.now.sum()), before_n=int(cells.before.sum()),
        active=float(around.now) if around.known else None, rate=_rate(together[0].rate_now, around),
        interval=_interval(read.total_rate, around), before=_rate(together[0].rate_before, around),
        direction=together[0].direction, tested=_tested(read.swings), earlier=read.swings.pairs,
        season=_finite(read.swings.season), untested=read.swings.refused, rows=rows, next_step=_next_step(read),
        said=_said(ask, told), times=_times(ask), slices=_slices(read),
        cautions=_cautions(read, rows), evidence=_evidence(read),
    )  # fmt: skip
    name, trend = _trend(ask, [(r.area, r.issue) for r in told])
    return msgspec.structs.replace(
        finding, answer=_sentence(read, rows), facts=_facts(read, finding), grain=name, trend=trend
    )


def _against(cells: Counts, around: Active, before: Past, of: Of) -> Swings:
    return beyond(cells, around, before, of=of, dispersion=dispersion(cells))


def _tested(swings: Swings) -> int:
    return sum(bool(np.isfinite(c.q)) for c in swings.changes)


def _next_step(read: _Read) -> str:
    month = 30 * (LEAST_PAIRS + 1)
    if read.swings.refused and read.ask.scope.period.days > 30 and -read.past.begins >= month:
        return "Ask for a shorter period, such as 30d: the past then holds more of its kind."
    return ""


def _evidence(read: _Read) -> Any:
    method = (
        "Rates per active customer and month; exact Poisson intervals widened where customers ask more than once;"
        " changes by the exact conditional test"
    )
    if not read.swings.refused:
        method += (
            f", against each cell's own swings over {count(read.swings.pairs, 'earlier comparison')} of the same"
            " kind (its variance drawn to that of all cells, t distribution)"
        )
        if read.swings.season > 0:
            method += f", {percent(read.swings.season)} of the change a year earlier taken as the season"
    method += "; false discovery rate over all cells held at 5 %."
    return read.ask.evidence(
        n=int(read.cells.now.sum()), customers=None, kind="estimated", method=method,
        complete="tickets are counted once, by their latest version",
    )  # fmt: skip


def _rows(read: _Read) -> tuple[ContactRow, ...]:
    cells, around = read.cells, read.active
    own = rates(cells, around)
    found = []
    for i, change in enumerate(read.swings.changes):
        if not cells.now[i] and not cells.before[i]:
            continue
        year = _year_ratio(cells, around, i)
        ratio = change.ratio
        found.append(
            ContactRow(
                area=cells.area[i], issue=cells.issue[i], n=int(cells.now[i]), customers=int(cells.customers[i]),
                before_n=int(cells.before[i]), rate=_rate(change.rate_now, around),
                low=_rate(own[i].low, around), high=_rate(own[i].high, around),
                before=_rate(change.rate_before, around), ratio=_finite(ratio.value), ratio_low=_finite(ratio.low),
                ratio_high=_finite(ratio.high), q=_finite(change.q), direction=change.direction, year_ratio=year,
                season=change.direction == "rising" and year is not None and year < 1.15,
                waited=cells.waited[i], solving=cells.solving[i], reopened=cells.reopened[i],
                least=_finite(read.swings.least[i]) if np.isfinite(change.q) else None,
                swings=float(np.exp(read.swings.noise[i])) if np.isfinite(change.q) else None,
            )
        )  # fmt: skip
    return tuple(found)


def _year_ratio(cells: Counts, around: Active, i: int) -> float | None:
    if cells.year.sum() < 20 or not cells.year[i] or not around.year:
        return None
    return float(cells.now[i] / around.exposure("now") / (cells.year[i] / around.exposure("year")))


def _rate(value: float, around: Active) -> float | None:
    return _finite(value * 1000) if around.known else None


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _interval(estimate: Estimate, around: Active) -> Interval | None:
    if estimate.refused or not around.known:
        return None
    return Interval(low=estimate.low * 1000, high=estimate.high * 1000)


def _said(ask: Ask, told: list[ContactRow]) -> tuple[SaidRow, ...]:
    cells = [f"{r.area} · {r.issue}" for r in told]
    rows = ask.rows("contacts_said.sql", cells=cells)
    found = [
        SaidRow(
            area=r["area"], issue=r["issue"], verbatim=r["verbatim"], customer=r["id"] or "", name=r["name"] or "",
            at=r["at"],
        )
        for r in rows
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda r: cells.index(f"{r.area} · {r.issue}")))


def _times(ask: Ask) -> tuple[TimeRow, ...]:
    table = ask.table("contacts_times.sql")
    now = np.asarray(table.column("period").to_pylist(), dtype=str) == "now"
    found = []
    for measure, time, done in (("first answer", "waited", "answered"), ("solution", "solving", "solved")):
        hours = np.asarray(table.column(time).to_numpy(zero_copy_only=False), dtype=float) / 3600
        ended = np.asarray(table.column(done).to_numpy(zero_copy_only=False), dtype=bool)
        known = np.isfinite(hours) & (hours >= 0)
        sides = [median_time(hours[known & at], ended[known & at]) for at in (now, ~now)]
        if not sides[0].refused or not sides[1].refused:
            found.append(_time_row(measure, sides, int((known & now).sum())))
    again = np.asarray(table.column("reopened").to_numpy(zero_copy_only=False), dtype=float)
    who = table.column("customer").to_numpy()
    known = np.isfinite(again)
    if known.any():
        sides = [share(again[known & at], clusters=who[known & at]) for at in (now, ~now)]
        found.append(_time_row("reopened", sides, int((known & now).sum())))
    return tuple(found)


def _time_row(measure: str, sides: list[Estimate], n: int) -> TimeRow:
    now, before = sides
    return TimeRow(
        measure=measure, now=_finite(now.value), low=_finite(now.low), high=_finite(now.high),
        before=_finite(before.value), n=n,
    )  # fmt: skip


def _slices(read: _Read) -> tuple[SliceRow, ...]:
    ask, around = read.ask, read.active
    if not ask.scope.by:
        return ()
    cells = Counts.of_slices(ask.rows("contacts_slices.sql"))
    own = around.by_slice(cells.area) if ask.declarations.dimension(ask.scope.by) else around
    found = [
        SliceRow(
            slice=cells.area[i], n=int(cells.now[i]), before_n=int(cells.before[i]),
            rate=_rate(c.rate_now, around), before=_rate(c.rate_before, around), ratio=_finite(c.ratio.value),
            q=_finite(c.q), direction=c.direction,
        )
        for i, c in enumerate(_against(cells, own, read.past, "slice").changes)
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda r: (-r.n, r.slice)))


def _trend(ask: Ask, cells: list[tuple[str, str]]) -> tuple[str, tuple[TrendRow, ...]]:
    shown, first = window(ask)
    name = grain(shown)
    rows = ask.rows("contacts_trend.sql", grain=name, first=first)
    totals: dict[date, int] = {}
    found = []
    for row in rows:
        totals[row["since"]] = totals.get(row["since"], 0) + row["contacts"]
        if (row["area"], row["issue"]) in cells:
            found.append(TrendRow(since=row["since"], area=row["area"], issue=row["issue"], n=row["contacts"]))
    return name, (*(TrendRow(since=d, area="all", issue="all", n=n) for d, n in sorted(totals.items())), *found)


# --------------------------------------------------------------------------------------------------------- sentences


def _cell(row: ContactRow) -> str:
    if row.issue == "unknown":
        return f"“{row.area}”"
    return f"{row.area} ({row.issue})" if row.area != "unknown" else f"“{row.issue}”"


def _sentence(read: _Read, rows: tuple[ContactRow, ...]) -> str:
    people = wording.sentence(read.words.several)
    rising = [r for r in rows if r.direction == "rising" and not r.season]
    if rising:
        worst = rising[0]
        how = f"{times(worst.ratio)} as often as in {read.when}" if worst.ratio else f"and never did in {read.when}"
        more = f", and {count(len(rising) - 1, 'more cell')} rising" if len(rising) > 1 else ""
        return f"{people} ask for help with {_cell(worst)} {how}{more}."
    top = max(rows, key=lambda r: amount(r, read.count))
    of = lead(rows, read.count, read.words, read.ask.declarations.currency)
    told = f"{people} ask for help most with {_cell(top)}, {of}"
    if not read.cells.before.sum() or not read.active.months[1]:
        return f"{told}; nothing in {read.when} to compare with."
    if read.swings.refused:
        return f"{told}; what is rising cannot be told yet: {read.swings.refused}."
    return f"{told}; nothing is rising beyond its usual swings against {read.when}."


def _facts(read: _Read, finding: Contacts) -> tuple[str, ...]:
    found = []
    if finding.rate is not None and finding.interval is not None:
        low, high = (number(x) for x in (finding.interval.low, finding.interval.high))
        found.append(
            f"{number(finding.rate)} contacts per 1,000 active {read.words.several} and month ({low} to {high}), "
            f"{number(finding.before)} before"
        )
    if finding.tested:
        needed = sorted(r.least for r in finding.rows if r.least is not None)
        usual = f"; a usual one must rise {times(needed[len(needed) // 2])} to be told" if needed else ""
        cells, past_ones = count(finding.tested, "cell"), count(finding.earlier, "earlier comparison")
        found.append(f"{wording.sentence(cells)} tested against their own swings in {past_ones}{usual}")
    first = next((t for t in finding.times if t.measure == "first answer" and t.now is not None), None)
    if first and first.now is not None and first.low is not None and first.high is not None:
        ends = " to ".join(duration(x * 3600) for x in (first.low, first.high))
        earlier = f", {duration(first.before * 3600)} before" if first.before is not None else ""
        found.append(f"Half have a first answer within {duration(first.now * 3600)} ({ends}){earlier}")
    if finding.said:
        one = finding.said[0]
        found.append(f"{quote(one.verbatim)} — {one.name or one.customer or 'somebody'}")
    return tuple(found[:4])


def _cautions(read: _Read, rows: tuple[ContactRow, ...]) -> tuple[Caution, ...]:
    season = [_cell(r) for r in rows if r.season]
    unknown = sum(r.n for r in rows if r.area == "unknown" and r.issue == "unknown")
    told = {
        "active_unknown": read.active.how == "known"
        and f"Nothing says who is active: rates are per 1,000 {read.words.several} known by then.",
        "no_customers": not read.active.known
        and (
            f"No {read.words.several} were known by the end of the period before: counts are compared, not rates."
            if read.active.customers
            else "Contacts carry no customers: counts are compared, not rates."
        ),
        "short_log": read.active.begins is not None
        and read.active.begins > read.ask.scope.before_since
        and f"Contacts are known from {wording.day(read.active.begins, read.ask.scope.zone)} on: rates of "
        f"{read.when} are of the days since.",
        "too_little_past": bool(read.swings.refused)
        and f"Nothing is called rising or falling: {read.swings.refused}, to know how each cell swings by itself.",
        "season": season and f"Rising, but no more than a year ago, perhaps the season: {listed(season, most=3)}.",
        "unsorted": unknown and f"{count(unknown, 'contact')} carry neither area nor issue.",
    }
    return tuple(Caution(code=code, text=text) for code, text in told.items() if text)


def figure(finding: Contacts) -> Figure | None:
    """Area by issue: contacts per 1,000 active customers and month, rising ones marked."""
    if finding.refused or not finding.rows:
        return None
    areas, issues = (_largest(finding.rows, name, most) for name, most in zip(("area", "issue"), HEAT, strict=True))
    by = {(r.area, r.issue): r for r in finding.rows}
    cells = [[_drawn(by.get((area, issue))) for issue in issues] for area in areas]
    per = "Contacts" if finding.rate is None else "Contacts per 1,000 active customers and month"
    rising = "; ▲ rising beyond its own swings and chance" if any(r.direction == "rising" for r in finding.rows) else ""
    return heat_table(
        areas, issues, cells, title=finding.answer, alt=f"{per} by area and issue", legend=f"{per}{rising}."
    )


def _largest(rows: tuple[ContactRow, ...], name: str, most: int) -> list[str]:
    totals: dict[str, int] = {}
    for row in rows:
        bonus = 10**9 if row.direction == "rising" and not row.season else 0
        totals[getattr(row, name)] = totals.get(getattr(row, name), 0) + row.n + bonus
    return sorted(totals, key=lambda k: (-totals[k], k))[:most]


def _drawn(row: ContactRow | None) -> Cell:
    if row is None:
        return Cell(value=None)
    value = row.rate if row.rate is not None else float(row.n)
    text = number(value, 1) if row.rate is not None and value < 10 else number(round(value))
    return Cell(value=value, text=text, direction="" if row.season else row.direction)
