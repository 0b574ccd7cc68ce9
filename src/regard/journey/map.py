"""The journey map: for every stage and moment who was there, how long they took, where they stopped, how it was.

One statement reads the log once (map.sql). Times and drop-off follow first arrivals ever: a stage people live in does
not look like one they stop at, and who gets no further but keeps coming does not look like one who left. Who has not
had the stated days yet is not judged; the median time comes from Kaplan and Meier's curve with those still on their
way cut off where the log ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from regard import wording
from regard.errors import Refusal
from regard.figures import Figure, StageMark, journey_band
from regard.figures.journey import Tone
from regard.findings import Caution, Finding, Interval
from regard.journey.worst import Worst, worst_moment
from regard.periods import midnight, zone_of
from regard.questions import question
from regard.signals.ask import Ask
from regard.signals.declarations import Declarations
from regard.statistics.durations import median_time
from regard.statistics.estimates import Estimate, around, too_few
from regard.statistics.proportions import mean, net_mean, share, wilson

DAY = 86_400.0


class MapRow(msgspec.Struct, frozen=True, kw_only=True):
    """One stage, or one moment of it."""

    stage: Annotated[str, Meta(description="The stage, in the order customers live them.")]
    moment: Annotated[str, Meta(description="The moment; empty for the stage as a whole.")]
    slice: Annotated[str, Meta(description="The slice; all for the total.")]
    customers: Annotated[int, Meta(description="Customers seen there in the period.")]
    score: Annotated[float | None, Meta(description="Score: NPS and CSAT in points, others as a mean.")] = None
    score_interval: Annotated[Interval | None, Meta(description="Interval of the score.")] = None
    score_before: Annotated[float | None, Meta(description="The score in the period compared with.")] = None
    gone: Annotated[
        float | None,
        Meta(
            description="Share of first arrivals with enough time who got no further and were not seen again after "
            "half of those days."
        ),
    ] = None
    gone_interval: Annotated[Interval | None, Meta(description="Interval of those gone, as a share.")] = None
    gone_before: Annotated[float | None, Meta(description="Share in the period compared with.")] = None
    judged: Annotated[int | None, Meta(description="First arrivals with enough time to be judged.")] = None
    troubled_share: Annotated[float | None, Meta(description="Of the customers there, the share that met an error.")]
    troubled_before: Annotated[float | None, Meta(description="Share that met an error in the period compared with.")]
    signals: Annotated[int, Meta(description="Signals there in the period.")]
    errors: Annotated[int, Meta(description="Events there that met an error.")]
    customers_before: Annotated[int, Meta(description="Customers seen there in the period compared with.")]
    contacts: Annotated[int, Meta(description="Contacts that belong there.")]
    error_rate: Annotated[float | None, Meta(description="Errors per signal there.")]
    error_spread: Annotated[float, Meta(description="How far errors come in bunches by customer: 1 is one at a time.")]
    arrived: Annotated[
        int | None, Meta(description="Customers who reached the stage for the first time in the period.")
    ] = None
    days_to_next: Annotated[
        float | None, Meta(description="Median days from there to the next stage or a later one.")
    ] = None
    days_interval: Annotated[Interval | None, Meta(description="Interval of that median.")] = None
    drop_off: Annotated[
        float | None,
        Meta(description="Share of first arrivals with enough time who did not get further within the days given."),
    ] = None
    drop_off_interval: Annotated[Interval | None, Meta(description="Interval of the drop-off, as a share.")] = None
    drop_off_before: Annotated[float | None, Meta(description="Share in the period compared with.")] = None
    score_from: Annotated[
        str,
        Meta(description="asked: answers to surveys of this place; seen: answers of customers who had been there."),
    ] = ""
    metric: Annotated[str, Meta(description="The metric of the score.")] = ""
    answers: Annotated[int, Meta(description="Answers, or for seen the customers, behind the score.")] = 0
    value: Annotated[float | None, Meta(description="Value at the end of the period of the customers seen there.")] = (
        None
    )


class JourneyMap(Finding, frozen=True, kw_only=True):
    """The journey, stage by stage."""

    worst_stage: Annotated[
        str, Meta(description="Stage of the moment that is worst beyond chance; empty if none is.")
    ] = ""
    worst_moment: Annotated[str, Meta(description="That moment; empty where the stage as a whole is meant.")] = ""
    worst_reason: Annotated[str, Meta(description="What makes it the worst, with its figures.")] = ""
    currency: Annotated[str, Meta(description="Currency of every value.")] = ""
    within_days: Annotated[
        int | None, Meta(description="Days a customer has to get further before counting as dropped.")
    ] = None
    rows: Annotated[
        tuple[MapRow, ...], Meta(description="Stages and their moments, in order; the total, then each slice.")
    ] = ()


@dataclass(frozen=True, kw_only=True)
class _Read:
    """What map.sql gave: counts by place, and the rows of arrivals and answers, with what it takes to tell them.

    Attributes:
        counts: (section, stage, moment, slice, period) to a row; moment -1 is the stage, slice '' the total.
        parts: (section, period) to the columns of rows that are no counts: flow, asked, seen.
    """

    counts: dict[tuple[str, int, int, str, str], dict[str, float]]
    parts: dict[tuple[str, str], dict[str, Any]]
    declared: Declarations
    within: int
    metric: str

    @property
    def last_stage(self) -> int:
        """The last stage anybody was seen at: from there nobody can be seen to go further."""
        return max((stage for section, stage, *_ in self.counts if section == "stage"), default=-1)

    def one(self, column: str, section: str, *, stage: int, moment: int = -1, part: str | None, period: str) -> float:
        """A figure of one place, 0 where there is none."""
        row = self.counts.get((section, stage, moment, part or "", period), {})
        figure = row.get(column, 0.0)
        return figure if np.isfinite(figure) else 0.0

    def of(
        self, section: str, *, stage: int, moment: int | None = None, part: str | None, period: str
    ) -> dict[str, Any] | None:
        """The rows of one place as columns; moment None takes the whole stage, part None every slice."""
        columns = self.parts.get((section, period))
        if columns is None:
            return None
        mask = columns["stage_no"] == stage
        if moment is not None:
            mask &= columns["moment_no"] == moment
        if part is not None:
            mask &= columns["slice"] == part
        return {name: values[mask] for name, values in columns.items()} if mask.any() else None


@question(title="Journey map", needs=("stages", "event|order|contact|subscription"))
def journey_map(
    *,
    ask: Ask,
    within: Annotated[
        int, Meta(description="Days a customer has to get from one stage to a later one.", ge=1, le=3650)
    ] = 30,
    metric: Annotated[str, Meta(description="Score of customers seen at a stage; empty takes the declared one.")] = "",
) -> JourneyMap:
    """Where along the journey does it hurt?"""
    ask.need("stages", "they say which signals belong to which part of the journey.")
    read = _read(ask, within, metric or ask.declarations.metric or "nps")
    if read.last_stage < 0:
        raise Refusal(
            "No signal of these two periods belongs to a declared stage.",
            hint="Compare the names in company.toml with those of your events, or choose another period.",
        )
    parts = sorted({part for section, _, _, part, _ in read.counts if section == "stage" and part})
    rows = [row for part in [None, *(parts if ask.scope.by else [])] for row in _rows(read, part)]
    return _finding(ask, read, rows)


def _read(ask: Ask, within: int, metric: str) -> _Read:
    declared, scope = ask.declarations, ask.scope
    last = midnight(ask.view.last_day() + timedelta(days=1), zone_of(scope.zone))
    currencies = list(dict.fromkeys(["", declared.currency, *(r.currency for r in declared.rates)]))
    table = ask.table(
        "map.sql",
        horizon=max(scope.until, last),
        worth=declared.value.kind or "",
        worth_days=declared.value.days,
        one_currency=not declared.currency,
        currencies=currencies,
        closing_rates=[_rate(declared, c, scope.until) for c in currencies],
        metric=metric,
        cut=bool(scope.by or scope.where),
        by=bool(scope.by),
        filtered=bool(scope.where),
    )
    counts, parts = _sorted_out(_columns(table))
    return _Read(counts=counts, parts=parts, declared=declared, within=within, metric=metric)


def _sorted_out(columns: dict[str, Any]) -> tuple[dict[Any, dict[str, float]], dict[tuple[str, str], dict[str, Any]]]:
    """Counts as a dict, rows of arrivals and answers as columns of their own."""
    figures = ("customers", "n", "failed", "contacts", "troubled", "x", "y")
    several = np.isin(columns["section"], ("flow", "asked", "seen"))
    counts = {}
    for i in np.flatnonzero(~several):
        key = tuple(columns[name][i] for name in ("section", "stage_no", "moment_no", "slice", "period"))
        counts[key] = {name: float(columns[name][i]) for name in figures}
    parts = {}
    for section in ("flow", "asked", "seen"):
        for period in ("now", "before"):
            mask = (columns["section"] == section) & (columns["period"] == period)
            if mask.any():
                parts[section, period] = {name: values[mask] for name, values in columns.items()}
    return counts, parts


def _columns(table: Any) -> dict[str, Any]:
    """Texts as objects with '' for null, ids and places whole with 0 and -1 for null, figures with NaN."""
    found = {name: table.column(name).fill_null("").to_numpy() for name in ("section", "slice", "period", "metric")}
    found |= {name: table.column(name).fill_null(-1).to_numpy() for name in ("stage_no", "moment_no")}
    found["customer"] = table.column("customer").fill_null(0).to_numpy()
    figures = ("customers", "n", "failed", "contacts", "troubled", "x", "y")
    return found | {name: table.column(name).cast("float64").fill_null(np.nan).to_numpy() for name in figures}


def _rate(declared: Declarations, currency: str, instant: datetime) -> float | None:
    if currency in {"", declared.currency}:
        return 1.0
    held = [r for r in declared.rates if r.currency == currency and datetime.fromisoformat(r.since) < instant]
    return max(held, key=lambda r: r.since).rate if held else None


def _rows(read: _Read, part: str | None) -> Iterator[MapRow]:
    for number, stage in enumerate(read.declared.stages):
        yield _stage(read, part, number)
        for place in range(len(stage.moments)):
            yield _moment(read, part, number, place)


def _counts(read: _Read, section: str, part: str | None, **where: Any) -> dict[str, Any]:
    def figure(column: str, period: str) -> int:
        return int(read.one(column, section, part=part, period=period, **where))

    now, before, signals = figure("customers", "now"), figure("customers", "before"), figure("n", "now")
    squares = read.one("y", section, part=part, period="now", **where)
    return {
        "slice": part or "all",
        "customers": now,
        "customers_before": before,
        "signals": signals,
        "errors": figure("failed", "now"),
        "troubled_share": figure("troubled", "now") / now if now else None,
        "troubled_before": figure("troubled", "before") / before if before else None,
        "contacts": figure("contacts", "now"),
        "error_rate": figure("failed", "now") / signals if signals else None,
        "error_spread": max(1.0, squares / figure("failed", "now")) if figure("failed", "now") else 1.0,
    }


def _stage(read: _Read, part: str | None, number: int) -> MapRow:
    worth = read.declared.value.kind is not None
    return MapRow(
        stage=read.declared.stages[number].name,
        moment="",
        **_counts(read, "stage", part, stage=number),
        **(_flow(read, part, number) if number < read.last_stage else {}),
        **_score(read, part, number, None),
        value=read.one("x", "worth", stage=number, part=part, period="now") if worth else None,
    )


def _moment(read: _Read, part: str | None, number: int, place: int) -> MapRow:
    stage = read.declared.stages[number]
    return MapRow(
        stage=stage.name,
        moment=stage.moments[place].name,
        **_counts(read, "moment", part, stage=number, moment=place),
        **_score(read, part, number, place),
    )


def _flow(read: _Read, part: str | None, number: int) -> dict[str, Any]:
    """Time to the next stage and drop-off of first arrivals."""
    now, earlier = (_flows(read, part, number, period) for period in ("now", "before"))
    took, had, _ = now
    median = median_time(np.where(np.isnan(took), had, took) / DAY, np.isfinite(took)) if len(took) else None
    drop, before = (dropped(*flows[:2], within=read.within) for flows in (now, earlier))
    left, left_before = (dropped(*flows, within=read.within) for flows in (now, earlier))
    return {
        "arrived": len(took),
        "days_to_next": median.value if median and not median.refused else None,
        "days_interval": _interval(median),
        "drop_off": None if drop.refused else drop.value,
        "drop_off_interval": _interval(drop),
        "drop_off_before": None if before.refused else before.value,
        "gone": None if left.refused else left.value,
        "gone_interval": _interval(left),
        "gone_before": None if left_before.refused else left_before.value,
        "judged": drop.n,
    }


def _flows(read: _Read, part: str | None, number: int, period: str) -> tuple[Any, Any, Any]:
    """Seconds from each first arrival to the next stage (NaN: none), to the end of the log, and to the last signal."""
    found = read.of("flow", stage=number, part=part, period=period)
    return (found["x"], found["y"], found["n"]) if found else (np.zeros(0), np.zeros(0), np.zeros(0))


def dropped(took: Any, had: Any, last: Any = None, *, within: int) -> Estimate:
    """Share of those with enough time who did not get further in it, with Wilson's interval; refused under 5.

    Args:
        took: Seconds to the next stage, NaN for none.
        had: Seconds until the log ends.
        last: Seconds until last seen anywhere: only those not seen after half the days count; None takes all.
        within: Days.
    """
    enough = had >= within * DAY
    late = np.isnan(took[enough]) | (took[enough] > within * DAY)
    if last is not None:
        late &= last[enough] < within * DAY / 2
    return wilson(float(late.sum()), float(enough.sum()), least=5)


def _score(read: _Read, part: str | None, number: int, place: int | None) -> dict[str, Any]:
    """The score asked at the place; for a stage without one, that of customers seen there."""
    asked = read.of("asked", stage=number, moment=place, part=part, period="now")
    if asked:
        names, sizes = np.unique(asked["metric"].astype(str), return_counts=True)
        metric = str(names[np.argmax(sizes)])
        earlier = read.of("asked", stage=number, moment=place, part=part, period="before")
        return _told(_asked(asked, metric), _asked(earlier, metric), "asked", metric)
    if place is not None:
        return {}
    now, before = (_seen(read, part, number, period) for period in ("now", "before"))
    return _told(now, before, "seen", read.metric) if now.n else {}


def _asked(found: dict[str, Any] | None, metric: str) -> Estimate:
    if found is None:
        return too_few(0, 5)
    same = found["metric"] == metric
    values = found["x"][same]
    given = {"clusters": found["customer"][same], "weights": found["y"][same]}
    if metric == "nps":
        return net_mean(values / 100, **given).times(100)
    if metric == "csat":
        return share(values > 50, **given).times(100)
    return mean(values, **given)


def _seen(read: _Read, part: str | None, number: int, period: str) -> Estimate:
    found = read.of("seen", stage=number, part=part, period=period)
    n = found["customers"] if found else np.zeros(0)
    if found is None or n.sum() < 5:
        return too_few(int(n.sum()), 5, of="customer")
    x, sd = found["x"], np.nan_to_num(found["y"])
    centre = float(np.average(x, weights=n))
    variance = float(np.sum((n - 1) * sd**2 + n * (x - centre) ** 2) / (n.sum() - 1))
    size = float(n.sum())
    ends = {"nps": (-100.0, 100.0), "csat": (0.0, 100.0)}.get(read.metric, (-np.inf, np.inf))
    error = float(np.sqrt(variance / size))
    return around(centre, error, n=int(size), freedom=size - 1, method="t interval of customers", within=ends)


def _told(now: Estimate, before: Estimate, source: str, metric: str) -> dict[str, Any]:
    return {
        "score": None if now.refused else now.value,
        "score_interval": _interval(now),
        "score_before": None if before.refused else before.value,
        "score_from": source,
        "metric": metric,
        "answers": now.n,
    }


def _interval(found: Estimate | None) -> Interval | None:
    if found is None or found.refused or not np.isfinite(found.high):
        return None
    return Interval(found.low, found.high)


def _finding(ask: Ask, read: _Read, rows: list[MapRow]) -> JourneyMap:
    total = [r for r in rows if r.slice == "all"]
    worst = worst_moment(total, within=read.within)
    n, unknown, placed = (
        int(read.one(column, "events", stage=-1, part=None, period="now")) for column in ("n", "failed", "contacts")
    )
    signals = sum(r.signals for r in total if not r.moment)
    return JourneyMap(
        answer=_sentence(ask, total, worst),
        worst_stage=worst.stage if worst else "",
        worst_moment=worst.moment if worst else "",
        worst_reason=worst.reason if worst else "",
        currency=ask.declarations.currency,
        within_days=read.within,
        rows=tuple(rows),
        facts=_facts(total),
        cautions=tuple(_cautions(ask, read, total, worst)),
        evidence=ask.evidence(
            n=signals,
            customers=max((r.customers for r in total), default=0),
            kind="estimated",
            method="One pass over the log; drop-off with Wilson's interval over first arrivals with enough time, "
            "median time by Kaplan and Meier, scores clustered by customer; the worst at 5 % false discoveries.",
            complete=f"{wording.percent(placed / n)} of the period's events belong to a moment, "
            f"{wording.percent(1 - unknown / n)} carry a known customer"
            if n
            else "no events in the period: stages are counted from other signals",
        ),
    )


def _sentence(ask: Ask, total: list[MapRow], worst: Worst | None) -> str:
    if worst:
        return f"It hurts most at {worst.name}: {worst.reason}."
    seen = sum(bool(r.customers) for r in total if not r.moment)
    words = wording.Words(ask.declarations.called, ask.declarations.called_many)
    told = "No part of the journey is worse than the rest beyond chance"
    return f"{told}; {words.several} were seen at {wording.count(seen, 'stage')}."


def _facts(total: list[MapRow]) -> tuple[str, ...]:
    found = []
    timed = [r for r in total if r.days_to_next is not None and r.days_interval]
    if timed:
        slow = max(timed, key=lambda r: r.days_to_next or 0.0)
        ends = slow.days_interval or Interval(0.0, 0.0)
        found.append(
            f"Slowest to get further from is {slow.stage}: "
            f"half do within {wording.duration((slow.days_to_next or 0) * DAY)} "
            f"({wording.between(ends.low, ends.high, lambda d: wording.duration(d * DAY))}).",
        )
    asking = sorted((r for r in total if not r.moment and r.contacts), key=lambda r: -r.contacts)
    if len(asking) > 1:
        found.append(f"Most ask for help at {asking[0].stage}: {wording.count(asking[0].contacts, 'contact')}.")
    return tuple(found)


def _cautions(ask: Ask, read: _Read, total: list[MapRow], worst: Worst | None) -> Iterator[Caution]:
    begins = read.one("x", "begins", stage=-1, part=None, period="now")
    first = datetime(1970, 1, 1) + timedelta(seconds=begins) if begins else None
    if first is not None and first > ask.scope.before_since - timedelta(days=read.within):
        yield Caution(
            code="short_log",
            text=f"The log begins on {wording.day(first, ask.scope.zone)}: some who count as arriving first "
            "may have been there before.",
        )
    empty = [r.stage for r in total if not r.moment and not r.customers]
    if empty:
        yield Caution(code="empty_stage", text=f"Nobody was seen at {wording.listed(empty, most=4)} in this period.")
    if worst is None:
        yield Caution(code="no_worst", text="With this many customers and answers, no moment stands out beyond chance.")
    if any(r.score_from == "seen" for r in total):
        yield Caution(
            code="score_of_seen",
            text="Stages without a survey of their own show the score of customers seen there before they answered: "
            "it is about everything they lived, not this stage alone.",
        )


def figure(finding: JourneyMap) -> Figure | None:
    """The journey as one band."""
    stages = [r for r in finding.rows if not r.moment and r.slice == "all"]
    if not any(r.customers for r in stages):
        return None
    return journey_band([_mark(finding, r) for r in stages], title=finding.answer)


def _mark(finding: JourneyMap, row: MapRow) -> StageMark:
    worst = row.stage == finding.worst_stage
    thousand = 1000 * row.contacts / row.customers if row.customers else 0.0
    score, ends = "", row.score_interval
    write = wording.signed if row.metric == "nps" else lambda value: wording.number(round(value, 1))
    if row.score is not None:
        score = f"{row.metric.upper() if len(row.metric) <= 4 else row.metric} {write(row.score)}"
    return StageMark(
        label=row.stage,
        volume=row.customers,
        drop=row.gone or 0.0,
        drop_text="" if row.gone is None else f"{wording.percent(row.gone)} of {wording.number(row.judged)} leave here",
        score_text=score,
        score_range=f"{write(ends.low)} to {write(ends.high)}" if score and ends else "",
        word="worst" if worst else "",
        tone="bad" if worst else _tone(row),
        contacts=thousand,
        contacts_text=f"{wording.number(round(thousand))} contacts per 1,000" if row.contacts else "",
    )


def _tone(row: MapRow) -> Tone:
    """Coloured only where the interval says it: NPS above or below zero, CSAT above 80 or below 60 of 100."""
    ends, cuts = row.score_interval, {"nps": (0.0, 0.0), "csat": (60.0, 80.0)}.get(row.metric)
    if ends is None or cuts is None:
        return "none"
    return "fairly-bad" if ends.high < cuts[0] else "fairly-good" if ends.low > cuts[1] else "middling"
