"""Progress: each measure against its own past, and whether it moved more than it always does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta

from regard.customers.movements import parameters
from regard.errors import Refusal
from regard.figures.behaviour import BehaviourRow, Stretch, behaviour_rows
from regard.findings import Caution, Finding
from regard.journey.promises import zone_steps
from regard.listening.counted import metric_of
from regard.listening.rules import rule_of
from regard.periods import add_months, midnight, zone_of
from regard.questions import question
from regard.signals.ask import Ask
from regard.signals.rates import currencies, rate_at
from regard.statistics.behaviour import LEAST, ORDINARY, Chart, alarms, chart, seasonable
from regard.statistics.comparisons import holm
from regard.wording import count, day, listed, month, number, percent, signed_percent

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from regard.figures.figure import Figure

MOST = {"month": 48, "week": 36}
FEW_ANSWERS = 10
SEEN = {"better": "good", "worse": "bad"}


class ProgressRow(msgspec.Struct, frozen=True, kw_only=True):
    """One measure against its own past."""

    measure: Annotated[str, Meta(description="What is measured.")]
    now: Annotated[float | None, Meta(description="The last whole month or week.")] = None
    usual: Annotated[float | None, Meta(description="Mean of the present stretch: what is usual now.")] = None
    low: Annotated[float | None, Meta(description="Lower natural limit: below it something has happened.")] = None
    high: Annotated[float | None, Meta(description="Upper natural limit.")] = None
    verdict: Annotated[str, Meta(description="better, worse, as ever, moved and back, or cannot tell.")] = ""
    since: Annotated[date | None, Meta(description="Since when, where it is better or worse.")] = None
    before: Annotated[float | None, Meta(description="What was usual before that.")] = None
    chance: Annotated[
        float | None,
        Meta(description="How often a stable measure shows as much, as a share; all measures accounted for."),
    ] = None
    points: Annotated[int, Meta(description="Whole months or weeks it is held against.")] = 0
    season: Annotated[
        float | None,
        Meta(description="What the time of the year adds to the last month; empty where no season was taken out."),
    ] = None
    carry: Annotated[
        float | None, Meta(description="Correlation of a point with the one before; reckoned with where it is marked.")
    ] = None
    told: Annotated[str, Meta(description="The verdict in words.")] = ""
    unit: Annotated[str, Meta(description="What one unit of it is.")] = ""
    name: Annotated[str, Meta(description="Its stable name.")] = ""


class PointRow(msgspec.Struct, frozen=True, kw_only=True):
    """One measure in one month or week."""

    name: Annotated[str, Meta(description="The measure.")]
    since: Annotated[date, Meta(description="First day.")]
    value: Annotated[float | None, Meta(description="The measure; empty where too little was seen.")] = None
    n: Annotated[int, Meta(description="What it rests on: answers, contacts, promises, customers.")] = 0
    low: Annotated[float | None, Meta(description="Lower natural limit.")] = None
    usual: Annotated[float | None, Meta(description="Mean of its stretch.")] = None
    high: Annotated[float | None, Meta(description="Upper natural limit.")] = None
    signal: Annotated[bool, Meta(description="Outside its limits, or where a shift begins.")] = False


class Progress(Finding, frozen=True, kw_only=True):
    """Each measure against its own past."""

    grain: Annotated[str, Meta(description="month or week: the points.")] = ""
    better: Annotated[int, Meta(description="Measures that are better than they were.")] = 0
    worse: Annotated[int, Meta(description="Measures that are worse.")] = 0
    rows: Annotated[tuple[ProgressRow, ...], Meta(description="The measures.")] = ()
    points: Annotated[tuple[PointRow, ...], Meta(description="Every point with its limits.")] = ()


@dataclass(frozen=True, kw_only=True)
class _Measure:
    """One measure over the buckets."""

    name: str
    title: str
    unit: str
    values: NDArray[np.float64]
    n: NDArray[np.int64]
    write: Callable[[float], str]
    up_is: Literal["better", "worse"]
    within: tuple[float, float] = (-np.inf, np.inf)


@question(title="Progress", needs=("answer|review|contact|promise|event|order|subscription",))
def progress(
    *,
    ask: Ask,
    grain: Annotated[
        Literal["", "month", "week"],
        Meta(description="The points: month or week; empty takes what the log is long enough for."),
    ] = "",
) -> Progress:
    """Are we better than we were: has any measure moved more than it always does?"""
    seen = [r for r in ask.rows("progress_begins.sql") if r["begins"] is not None]
    begins = {m: min(r["begins"] for r in seen if r["measure"] == m) for m in {r["measure"] for r in seen}}
    by_month = {r["month"]: r["n"] for r in seen if r["measure"] == "active"}
    if not begins or min(begins.values()) >= ask.scope.until:
        raise Refusal(
            "There is no past yet to hold anything against.",
            hint="Import what customers said, asked and did, or choose a later period.",
        )
    step, days = _buckets(ask, min(begins.values()), grain)
    active = [by_month.get(d, np.nan) for d in days[:-1]] if step == "month" else None
    measures = _measures(ask, days, begins, active) if len(days) > LEAST else []
    charts = [chart(m.values, period=12 if step == "month" else 0, seed=ask.seed) for m in measures]
    told = [(m, c) for m, c in zip(measures, charts, strict=True) if not c.refused]
    if not told:
        return _refused(ask, measures, charts, step, len(days) - 1)
    return _finding(ask, measures, charts, step, days)


def _buckets(ask: Ask, first: datetime, grain: str) -> tuple[str, list[date]]:
    """First days of whole months or weeks since the log begins, and the day after the last."""
    begin, end = first.date() + timedelta(days=1), ask.scope.period.last + timedelta(days=1)
    last = end.replace(day=1)
    months = [add_months(last, -i) for i in range(MOST["month"], -1, -1)]
    months = [d for d in months if d >= begin]
    if grain == "month" or (not grain and len(months) > 12):
        return "month", months
    monday = end - timedelta(days=end.weekday())
    weeks = [monday - timedelta(days=7 * i) for i in range(MOST["week"], -1, -1)]
    return "week", [d for d in weeks if d >= begin]


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """Reads measures over the buckets: their first instants and the end of the last."""

    ask: Ask
    at: list[datetime]
    begins: dict[str, datetime]

    def read(self, statement: str, column: str = "n", **more: Any) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """A column and the number of rows behind it, one per bucket."""
        starts = self.at[:-1]
        bounds = {"starts": starts, "first": starts[0], "latest": self.at[-1]}
        rows = {r["since"]: r for r in self.ask.rows(statement, **bounds, **more)}
        value = [float(rows[a][column]) if a in rows and rows[a][column] is not None else np.nan for a in starts]
        return np.array(value), np.array([rows[a]["n"] if a in rows else 0 for a in starts], np.int64)

    def score(self) -> _Measure:
        """The declared score."""
        metric = metric_of(replace(self.ask, package="regard.listening"), "", "")
        rule = rule_of(metric)
        value, n = self.read("progress_scores.sql", "value", metric=metric)
        ends = {"net": (-100.0, 100.0), "share": (0.0, 100.0), "mean": rule.scale}[rule.kind]
        return _Measure(
            name="score", title=f"Score ({rule.name})", unit=rule.unit, n=n,
            values=np.where(n >= FEW_ANSWERS, value, np.nan), write=rule.write, up_is="better", within=ends,
        )  # fmt: skip

    def contacts(self, active: NDArray[np.float64]) -> _Measure:
        """Contacts per 1,000 active customers, from the first contact on."""
        _, n = self.read("progress_contacts.sql")
        begun = np.array([a >= self.begins["contacts"] for a in self.at[:-1]])
        rate = np.where(begun & (active > 0), 1000 * n / np.where(active > 0, active, np.nan), np.nan)
        return _Measure(
            name="contacts", title=f"Contacts per 1,000 active {self.ask.declarations.called_many}", unit="contacts",
            values=rate, n=n, write=lambda v: number(v, 0), up_is="worse", within=(0.0, np.inf),
        )  # fmt: skip

    def promises(self) -> _Measure:
        """Share of promises kept."""
        value, n = self.read("progress_promises.sql", "value", **zone_steps(self.ask))
        return _Measure(
            name="promises", title="Promises kept", unit="percent", n=n,
            values=100 * np.where(n >= FEW_ANSWERS, value, np.nan), write=_percent, up_is="better", within=(0.0, 100.0),
        )  # fmt: skip


def _measures(ask: Ask, days: list[date], begins: dict[str, datetime], by_month: list[float] | None) -> list[_Measure]:
    at = [midnight(d, zone_of(ask.scope.zone)) for d in days]
    reader = _Reader(ask=ask, at=at, begins=begins)
    found = [reader.score()] if "score" in begins else []
    if by_month is None and "active" in begins:
        active, _ = reader.read("progress_active.sql")
    else:
        active = np.array(by_month if by_month is not None else [np.nan] * (len(at) - 1))
    if "contacts" in begins and "active" in begins:
        found.append(reader.contacts(active))
    if "promises" in begins:
        found.append(reader.promises())
    if "active" in begins:
        found.append(_changes("active", f"Growth of active {ask.declarations.called_many}", active, active))
    if ask.declarations.value.kind and ask.declarations.base.lost:
        people, value = _value(ask, at)
        # Contracts from before the log of what customers did are those that lasted: growth until then is made up.
        kept = np.array([a >= begins.get("active", a) for a in at[:-1]])
        found.append(_changes("value", "Growth of the base's value", np.where(kept, value, np.nan), people))
    return found


def _limits(m: _Measure, c: Chart, at: int) -> tuple[float, float, float]:
    """Lower limit, what is usual and upper limit of a point: with the time of its year, and cut at what is possible."""
    phase = next((p for p in c.phases if p.start <= at < p.stop), c.phases[-1])
    add = c.season[at] if c.season else 0.0
    low, high = m.within
    return max(phase.low + add, low), min(max(phase.centre + add, low), high), min(phase.high + add, high)


def _changes(name: str, title: str, level: NDArray[np.float64], n: NDArray[np.float64]) -> _Measure:
    """A stock by its change from one step to the next: what grows has no ordinary level, but an ordinary growth."""
    before = np.concatenate([[np.nan], level[:-1]])
    change = 100 * (level / np.where(before > 0, before, np.nan) - 1)
    return _Measure(
        name=name, title=title, unit="percent of the step before", values=change,
        n=np.nan_to_num(n).astype(np.int64), write=_signed_percent, up_is="better",
    )  # fmt: skip


def _value(ask: Ask, at: list[datetime]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Customers and value of the base at the end of each bucket."""
    ends = at[1:]
    quotes = [(a, c, rate_at(ask.declarations, c, a)) for a in ends for c in currencies(ask.declarations)]
    rows = replace(ask, package="regard.customers").rows(
        "ledger_trend.sql", **parameters(ask), instants=ends, latest=ends[-1],
        quote_instants=[q[0] for q in quotes], quote_currencies=[q[1] for q in quotes],
        quote_rates=[q[2] for q in quotes],
    )  # fmt: skip
    known = {r["instant"]: r for r in rows}
    people = np.array([float(known[e]["customers"]) for e in ends])
    return people, np.array([float(known[e]["value"]) for e in ends])


def _finding(ask: Ask, measures: list[_Measure], charts: list[Chart], step: str, days: list[date]) -> Progress:
    chances = holm([c.chance for c in charts])
    rows = tuple(_row(m, c, float(p), step, days[:-1]) for m, c, p in zip(measures, charts, chances, strict=True))
    changed = [r for r in rows if r.verdict in SEEN]
    return Progress(
        answer=_sentence(rows), grain=step, rows=rows,
        better=sum(r.verdict == "better" for r in rows), worse=sum(r.verdict == "worse" for r in rows),
        points=tuple(p for m, c in zip(measures, charts, strict=True) for p in _points(m, c, days)),
        facts=tuple(f"{r.measure}: {r.told}" for r in (*changed, *(r for r in rows if r.verdict == "cannot tell")))[:3],
        cautions=tuple(_cautions(ask, measures, charts, step)),
        evidence=ask.evidence(
            n=int(sum(m.n.sum() for m in measures)), kind="estimated",
            method=f"Process-behaviour chart (X-mR, Wheeler 1993) of whole {step}s; a signal is what a stable process"
            " of as many points shows at most 5 % of the time, all measures accounted for (Holm).",
            complete=f"{count(max(c.n for c in charts), 'whole ' + step)} up to {day(days[-1] - timedelta(days=1))}",
        ),
    )  # fmt: skip


def _row(m: _Measure, c: Chart, p: float, step: str, days: list[date]) -> ProgressRow:
    now = float(m.values[-1]) if np.isfinite(m.values[-1]) else None
    row = ProgressRow(measure=m.title, name=m.name, unit=m.unit, now=now, points=c.n)
    if c.refused:
        return msgspec.structs.replace(row, verdict="cannot tell", told=c.refused)
    newest = int(np.flatnonzero(np.isfinite(m.values))[-1])
    low, centre, high = _limits(m, c, newest)
    row = msgspec.structs.replace(
        row, usual=centre, low=low, high=high, chance=p, carry=c.carry if c.carried else None,
        season=c.season[newest] if c.season else None,
    )  # fmt: skip
    usual = f"{_usual(c, days[newest])} {m.write(centre)}, ordinarily {m.write(low)} to {m.write(high)}"
    if p > ORDINARY:
        return msgspec.structs.replace(row, verdict="as ever", told=f"as ever: {usual}")
    if c.shifts:
        before, since, centre = c.phases[-2].centre, days[c.shifts[-1]], c.phases[-1].centre
        apart = ", the time of the year taken out" if c.season else ""
        told = f"since {_named(since, step)}: {m.write(centre)} against {m.write(before)} before{apart}"
        verdict = _which(m, centre - before)
        return msgspec.structs.replace(row, verdict=verdict, since=since, before=before, told=f"{verdict} {told}")
    last = c.beyond[-1] if c.beyond else newest
    ordinary = _limits(m, c, last)[1]
    away, value, named = float(m.values[last]) - ordinary, m.write(float(m.values[last])), _named(days[last], step)
    if last != newest:
        told = f"{_which(m, away)} in {named} ({value}), back since: {usual}"
        return msgspec.structs.replace(row, verdict="moved and back", since=days[last], told=told)
    verdict = _which(m, away)
    told = f"{verdict} in {named}: {value}, {usual}"
    return msgspec.structs.replace(row, verdict=verdict, since=days[last], before=ordinary, told=told)


def _usual(c: Chart, day: date) -> str:
    return f"usually in {month(day)}" if c.season else "usually"


def _which(m: _Measure, change: float) -> str:
    other = "worse" if m.up_is == "better" else "better"
    return m.up_is if change > 0 else other


def _percent(value: float) -> str:
    return percent(value / 100)


def _signed_percent(value: float) -> str:
    return signed_percent(value / 100)


def _named(first: date, step: str) -> str:
    return month(first, year=True) if step == "month" else f"the week of {day(first)}"


def _points(m: _Measure, c: Chart, days: list[date]) -> list[PointRow]:
    found = []
    begin = next((i for i, v in enumerate(m.values) if np.isfinite(v)), len(m.values))
    for i, first in enumerate(days[:-1]):
        if i < begin:
            continue
        value = float(m.values[i])
        known = any(p.start <= i < p.stop for p in c.phases)
        low, usual, high = _limits(m, c, i) if known else (None, None, None)
        found.append(PointRow(
            name=m.name, since=first, value=value if np.isfinite(value) else None, n=int(m.n[i]),
            low=low, usual=usual, high=high, signal=c.signal and (i in c.beyond or i in c.shifts),
        ))  # fmt: skip
    return found


def _sentence(rows: tuple[ProgressRow, ...]) -> str:
    said = []
    for verdict in ("better", "worse"):
        names = [f"{_small(r.measure)} ({r.told.removeprefix(verdict).strip()})" for r in rows if r.verdict == verdict]
        if names:
            said.append(f"{verdict}: {listed(names)}")
    rest = [r for r in rows if r.verdict in {"as ever", "moved and back"}]
    if not said:
        held = listed([_small(r.measure) for r in rest])
        return f"Nothing has moved more than it always does: {held}."
    told = "; ".join(said)
    more = f"; as ever: {listed([_small(r.measure) for r in rest])}" if rest else ""
    return f"{told[:1].upper()}{told[1:]}{more}."


def _small(text: str) -> str:
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _cautions(ask: Ask, measures: list[_Measure], charts: list[Chart], step: str) -> list[Caution]:
    told = []
    carried = [m.title for m, c in zip(measures, charts, strict=True) if c.carried]
    longest = max(c.n for c in charts)
    if carried:
        told.append(Caution(
            code="carried_over",
            text=f"{listed(carried)}: a {step} carries over into the next, which is reckoned with; "
            "where it does so strongly, one in ten alarms may still be false.",
        ))  # fmt: skip
    told.append(Caution(
        code="textbook_rules",
        text=f"A point outside its limits is no signal by itself: over {longest} {step}s the textbook's rules ring on "
        f"pure chance in {percent(alarms(longest), 0)} of charts.",
    ))  # fmt: skip
    told += _of_the_year(measures, charts, step)
    if ask.scope.by:
        told.append(Caution(code="not_cut", text=f"Progress is not cut by {ask.scope.by}; filter by it with --where."))
    return told


def _of_the_year(measures: list[_Measure], charts: list[Chart], step: str) -> list[Caution]:
    """What is said of a yearly season: taken out, or not to be told."""
    if step == "week":
        why = "a yearly season is taken out of months only, and may look like a change by weeks."
        return [Caution(code="season", text=f"Points are weeks: {why}")]
    out = [m.title for m, c in zip(measures, charts, strict=True) if c.season]
    short = [
        m.title
        for m, c in zip(measures, charts, strict=True)
        if not (c.season or c.refused or seasonable(m.values, 12))
    ]
    told = []
    if out:
        told.append(Caution(
            code="season_out", text=f"{listed(out)}: what the time of the year adds, told from three years or more, is "
            "taken out before anything is called a change; limits move with it.",
        ))  # fmt: skip
    if short:
        told.append(Caution(
            code="season", text=f"{listed(short)}: a yearly season cannot be told from a change yet, and is not taken "
            "out: under three years of months without a gap.",
        ))  # fmt: skip
    return told


def _refused(ask: Ask, measures: list[_Measure], charts: list[Chart], step: str, whole: int) -> Progress:
    why = charts[0].refused if charts else f"only {count(max(whole, 0), 'whole ' + step)}; at least {LEAST} are needed"
    text = f"Whether anything has moved cannot be told: {why}."
    return Progress(
        answer=text, refused=text, grain=step,
        next_step="Import older signals, or ask by week with --grain week." if step == "month"
        else "Import older signals, or ask again in some weeks.",
        evidence=ask.evidence(n=int(sum(m.n.sum() for m in measures)), kind="refused"),
    )  # fmt: skip


def figure(finding: Progress) -> Figure | None:
    """One chart per measure: its line, its natural limits, its signals."""
    days = sorted({p.since for p in finding.points})
    if finding.refused or not days:
        return None
    rows = [_drawn(row, _all(finding, row.name, days), finding.grain) for row in finding.rows if row.points >= LEAST]
    ends = (_named(days[0], finding.grain), _named(days[-1], finding.grain))
    return behaviour_rows(
        rows, title=finding.answer, ends=ends,
        alt="Each measure over time with its natural limits; points that are signals are marked",
    )  # fmt: skip


def _all(finding: Progress, name: str, days: list[date]) -> list[PointRow]:
    known = {p.since: p for p in finding.points if p.name == name}
    return [known.get(d, PointRow(name=name, since=d)) for d in days]


def _drawn(row: ProgressRow, points: list[PointRow], step: str) -> BehaviourRow:
    stretches: list[Stretch] = []
    for i, p in enumerate(points):
        if p.usual is None or p.low is None or p.high is None:
            continue
        if stretches and stretches[-1].stop == i and stretches[-1].centre == p.usual:
            stretches[-1] = replace(stretches[-1], stop=i + 1)
        else:
            stretches.append(Stretch(start=i, stop=i + 1, centre=p.usual, low=p.low, high=p.high))
    write = _writer(row)
    return BehaviourRow(
        label=row.measure, values=[p.value for p in points], stretches=stretches,
        marked=[i for i, p in enumerate(points) if p.signal and row.verdict != "as ever"],
        last=write(row.now) if row.now is not None else "", verdict=row.told, tone=SEEN.get(row.verdict, ""),
        tips=[
            f"{_named(p.since, step)}: {write(p.value) if p.value is not None else 'too little seen'}" for p in points
        ],
    )  # fmt: skip


def _writer(row: ProgressRow) -> Callable[[float], str]:
    if row.name == "contacts":
        return lambda v: number(v, 0)
    if row.unit.startswith("percent"):
        return _signed_percent if row.unit.endswith("before") else _percent
    if row.unit == "points":
        return lambda v: rule_of("nps").write(v)
    return lambda v: number(v, 1)
