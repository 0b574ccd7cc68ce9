"""Watch: every indicator against its own past, with season and trend; what has left its usual range, and since when.

Watched are what the company declared as indicators, the share of steps that failed at each moment of the journey, the
measurements of the service, contacts by area, and promises broken. Each is held against its habit by
`statistics.watching`, whose limits share one rate of false alarms between them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from regard import wording
from regard.errors import Refusal
from regard.figures.multiples import Small, small_multiples
from regard.findings import Caution, Finding
from regard.journey.promises import zone_steps
from regard.questions import question
from regard.reliability.concerned import LINGERS, begins, concerned, stake, who
from regard.reliability.detectors import Looking, detector
from regard.reliability.lines import HOUR, Line, lines, months, spread_over
from regard.reliability.raised import Certainty, Raised, key
from regard.signals.ask import Ask
from regard.signals.attempts import speaks_of
from regard.statistics.watching import DAY, WEEK
from regard.wording import count, listed, number, percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regard.figures.figure import Figure
    from regard.statistics.watching import Alarm

YEARS = 2
SHOWN = 60
CHARTS = 30
WORDS = {
    "indicator": "gone wrong",
    "failed": "steps that failed",
    "measured": "not good",
    "contacts": "contacts",
    "promises": "promises broken",
}
OFF, BETTER, USUAL, SHORT = ORDER = ("off course", "better", "usual", "short past")
EVERY = {HOUR: "hour", DAY: "day", WEEK: "week"}
METHOD = (
    "Level, slope, hour and weekday followed by robust scores that never learn an incident; EWMA and single-value "
    "limits by run length and by the series' own tail (Lucas and Saccucci 1990; Hosking and Wallis 1987)."
)


class WatchRow(msgspec.Struct, frozen=True, kw_only=True):
    """One watched indicator."""

    indicator: Annotated[str, Meta(description="The declared indicator, moment, measurement, area or promise.")]
    watched: Annotated[str, Meta(description="What of it: steps that failed, not good, contacts, promises broken.")]
    verdict: Annotated[str, Meta(description="off course, better, usual, or why nothing can be said.")]
    side: Annotated[
        str, Meta(description="worse or better where it has left the usual; above or below where nobody can say.")
    ] = ""
    since: Annotated[str, Meta(description="Since when, most likely.")] = ""
    since_between: Annotated[str, Meta(description="The interval that holds its beginning, 95 %.")] = ""
    times_usual: Annotated[float | None, Meta(description="Seen since then over what was expected.")] = None
    last: Annotated[float | None, Meta(description="Last whole step; a share where watched is a share.")] = None
    usual: Annotated[float | None, Meta(description="What was expected of it.")] = None
    low: Annotated[float | None, Meta(description="Lower end of what one step may show without ringing.")] = None
    high: Annotated[float | None, Meta(description="Upper end.")] = None
    every: Annotated[str, Meta(description="Length of a step: hour, day or week.")] = ""
    steps: Annotated[int, Meta(description="Steps with a value that are its past.")] = 0
    seasons: Annotated[str, Meta(description="Seasons its past shows.")] = ""
    rang: Annotated[int, Meta(description="How often it rang in that past, rightly or not.")] = 0


class WatchPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One of the last steps of a watched indicator."""

    indicator: Annotated[str, Meta(description="As in the rows.")]
    watched: Annotated[str, Meta(description="As in the rows.")]
    at: Annotated[str, Meta(description="When the step began: UTC for hours, else the local day.")]
    value: Annotated[float | None, Meta(description="What was seen; empty where nothing was.")] = None
    usual: Annotated[float | None, Meta(description="What was expected.")] = None
    low: Annotated[float | None, Meta(description="Lower end of the usual range.")] = None
    high: Annotated[float | None, Meta(description="Upper end.")] = None
    off: Annotated[bool, Meta(description="Whether it belongs to what is off course now.")] = False


class Watch(Finding, frozen=True, kw_only=True):
    """What is watched, and what is off course."""

    watched: Annotated[int, Meta(description="Indicators with past enough to be watched.")] = 0
    off_course: Annotated[int, Meta(description="Of them, those off course now.")] = 0
    stated: Annotated[
        float | None, Meta(description="False alarms a month that are accepted, over all indicators.")
    ] = None
    rang_a_month: Annotated[
        float | None, Meta(description="How often a month anything rang in the past, rightly or not.")
    ] = None
    rows: Annotated[tuple[WatchRow, ...], Meta(description="What is off course first, then by name.")] = ()
    points: Annotated[tuple[WatchPoint, ...], Meta(description="The last steps of each, for the charts.")] = ()


@question(title="Watch", needs=("event|telemetry|contact|promise",))
def watch(
    *,
    ask: Ask,
    false_alarms: Annotated[
        float, Meta(description="False alarms a month that are accepted, over everything watched.", gt=0, le=100)
    ] = 1.0,
) -> Watch:
    """Is anything off course: which indicators have left what is usual for their hour and weekday, and since when?"""
    found = watched_lines(ask, false_alarms=false_alarms)
    if not found:
        raise Refusal(
            "Nothing that could be watched has come in yet.",
            hint="Send events or telemetry, import contacts or promises, or declare the journey's moments.",
        )
    able = [line for line in found if not line.found.refused]
    ordered = sorted(found, key=lambda x: (ORDER.index(verdict(x)), x.kind, x.name))
    off = [line for line in ordered if verdict(line) == OFF]
    rows = tuple(_row(line, ask.scope.zone) for line in ordered)
    spans = [months(line) for line in able]
    rang = sum(len(line.found.alarms) for line in able)
    return Watch(
        answer=_sentence(off, able, ask.scope.zone),
        watched=len(able), off_course=len(off), stated=false_alarms, rows=rows,
        rang_a_month=rang / max(spans) if spans and max(spans) > 0 else None,
        points=tuple(p for line in ordered[:CHARTS] if not line.found.refused for p in _points(line)),
        refused="" if able else "No indicator has a past long enough to be held against: 60 steps are needed.",
        next_step=_next(off) if able else "Ask again when more days have come in.",
        facts=_facts(able, rang, spans, false_alarms),
        cautions=tuple(_cautions(able, found)),
        evidence=ask.evidence(n=sum(x.found.steps for x in found), kind="estimated", method=METHOD),
    )  # fmt: skip


@detector(title="Watched indicators", kinds=("indicator",), needs=("event|telemetry|contact|promise",), lingers=LINGERS)
def off_course(*, looking: Looking) -> Iterator[Raised]:
    """Every watched indicator that is off course now, with the customers it went wrong for since it began."""
    ask = looking.rows()
    found = watched_lines(ask, false_alarms=1.0)
    for line in found:
        if verdict(line) == OFF and line.found.alarm:
            yield _raised(ask, line, len(found))


def _raised(ask: Ask, line: Line, watched: int) -> Raised:
    alarm = line.found.alarm
    assert alarm is not None  # noqa: S101 - only lines with one are told
    zone = ask.scope.zone
    since, ratio = begins(line, alarm.onset.step, zone), spread_over(line, alarm.onset.step)
    rows = concerned(ask, line, since)
    return Raised(
        cause=key("indicator", f"{line.kind}:{line.name}"), kind="indicator", who=who(rows), since=since,
        what=f"met {called(line)}, {wording.beside_usual(ratio)}", size=finite(ratio),
        at_stake=stake(ask, [int(r["customer"]) for r in rows]),
        certainty=Certainty(
            words=f"Chance alone rings at most once a month over all {number(watched)} watched; it began between "
            f"{when(line, alarm.onset.low, zone)} and {when(line, alarm.onset.high, zone)}."
        ),
        next_step="Look at what was released or changed when it began, and tell those concerned before they ask.",
        evidence={
            "question": "reliability/watch", "arguments": {}, "times_usual": finite(ratio), "chart": alarm.chart,
            "every": EVERY[line.step], "steps": line.found.steps,
        },
    )  # fmt: skip


def watched_lines(ask: Ask, *, false_alarms: float) -> tuple[Line, ...]:
    """Every watched series of the log up to the end of the scope's period."""
    last = ask.rows("watch_end.sql")[0]["last"]
    if last is None:
        return ()
    history = {"history": ask.scope.until - timedelta(days=366 * YEARS)}
    declared = ask.declarations.indicators
    # A measurement that an indicator speaks of is watched as that indicator, not twice.
    rows = ask.rows("watch.sql", **history)
    names = {r["name"] for r in rows if r["kind"] == "measured"}
    told = {name for name in names if any(speaks_of(one, name) for one in declared)}
    rows = [r for r in rows if r["kind"] != "measured" or r["name"] not in told]
    if declared:
        rows += ask.rows("watch_indicators.sql", **history)
    if ask.count("promise"):
        rows += ask.rows("watch_promises.sql", **history, **zone_steps(ask))
    return lines(rows, last=last, zone=ask.scope.zone, per_month=false_alarms)


def called(line: Line) -> str:
    """What an indicator is called in a sentence: Steps that failed at "Counts the croissants"."""
    name = wording.plainly(line.name)
    return {
        "indicator": f"“{name}” going wrong",
        "failed": f"steps that failed at “{name}”",
        "measured": f"{name}, not good" if line.measured == "share" else name,
        "contacts": f"contacts about {name}",
        "promises": f"{name} promises broken",
    }.get(line.kind, name)


def side(line: Line, alarm: Alarm) -> str:
    """Whether an alarm is for the worse: more failures, contacts or broken promises are; of means nobody can say."""
    if line.measured == "amount":
        return "above" if alarm.side > 0 else "below"
    return "worse" if alarm.side > 0 else "better"


def verdict(line: Line) -> str:
    """Whether it is off course, better, usual, or its past too short."""
    if line.found.refused:
        return SHORT
    if line.found.alarm is None:
        return USUAL
    return BETTER if side(line, line.found.alarm) == "better" else OFF


def when(line: Line, step: int, zone: str) -> str:
    """When a step began, in words."""
    return wording.moment(line.at(step), zone) if line.step == HOUR else wording.day(line.at(step).date())


def value_words(line: Line, value: float | None) -> str:
    """A value in its unit."""
    return percent(value) if line.measured == "share" else number(value)


def finite(value: float) -> float | None:
    """The number, or None where there is none."""
    return float(value) if np.isfinite(value) else None


def _row(line: Line, zone: str) -> WatchRow:
    found, alarm = line.found, line.found.alarm
    about: dict[str, Any] = {
        "indicator": wording.plainly(line.name), "watched": WORDS[line.kind], "steps": found.steps,
        "every": EVERY[line.step], "rang": len(found.alarms),
        "seasons": listed(found.seasons),
    }  # fmt: skip
    if found.refused:
        return WatchRow(verdict=found.refused, **about)
    if alarm:
        since = alarm.onset
        about |= {
            "side": side(line, alarm), "since": when(line, since.step, zone),
            "since_between": f"{when(line, since.low, zone)} and {when(line, since.high, zone)}",
            "times_usual": finite(spread_over(line, since.step)),
        }  # fmt: skip
    seen = np.flatnonzero(np.isfinite(line.shown))
    end = int(seen[-1]) if len(seen) else 0
    return WatchRow(
        verdict=verdict(line), last=finite(line.shown[end]), usual=finite(found.expected[end]),
        low=finite(found.low[end]), high=finite(found.high[end]), **about,
    )  # fmt: skip


def _points(line: Line) -> Iterator[WatchPoint]:
    begin, alarm = max(len(line.values) - SHOWN, 0), line.found.alarm
    first = alarm.onset.step if alarm else len(line.values)
    for i in range(begin, len(line.values)):
        yield WatchPoint(
            indicator=wording.plainly(line.name), watched=WORDS[line.kind],
            at=line.at(i).isoformat(timespec="minutes") if line.step == HOUR else line.at(i).date().isoformat(),
            value=finite(line.shown[i]), usual=finite(line.found.expected[i]), low=finite(line.found.low[i]),
            high=finite(line.found.high[i]), off=i >= first,
        )  # fmt: skip


def _sentence(off: Sequence[Line], able: Sequence[Line], zone: str) -> str:
    if not able:
        return "No indicator has a past long enough to be watched yet."
    if not off:
        return f"Nothing is off course: {count(len(able), 'indicator')} watched, all as is usual for their time."
    told = [_told(line, zone) for line in off[:2]]
    more = f"; {count(len(off) - 2, 'other')} besides" if len(off) > 2 else ""
    return f"{number(len(off))} of {count(len(able), 'indicator')} off course: {'; '.join(told)}{more}."


def _told(line: Line, zone: str) -> str:
    alarm = line.found.alarm
    assert alarm is not None  # noqa: S101 - only lines with one are told
    ratio = spread_over(line, alarm.onset.step)
    return f"{called(line)}, {wording.beside_usual(ratio)} since {when(line, alarm.onset.step, zone)}"


def _next(off: Sequence[Line]) -> str:
    if not off:
        return ""
    return "Look at who is concerned, and at what was released or changed when it began."


def _facts(able: Sequence[Line], rang: int, spans: Sequence[float], stated: float) -> tuple[str, ...]:
    if not able:
        return ()
    longest = max(spans)
    each = f"{number(stated)} a month" if stated != 1 else "one a month"
    better = [called(x) for x in able if verdict(x) == BETTER]
    told = (f"Better than usual: {listed(better[:3], last='and')}.",) if better else ()
    return (
        *told,
        f"False alarms accepted: {each} over all indicators; on quiet series of many kinds no more were measured.",
        f"Over {count(round(longest, 1), 'month')} anything rang {count(rang, 'time')}, rightly or not.",
    )


def _cautions(able: Sequence[Line], found: Sequence[Line]) -> Iterator[Caution]:
    wanders = [called(x) for x in able if x.found.wander > 0.05]
    if wanders:
        yield Caution(
            code="level_wanders",
            text=f"The level wanders by itself, so that only sudden changes can be told, of "
            f"{listed(wanders[:3])}{' and others' if len(wanders) > 3 else ''}.",
        )
    if any(x.found.alarms and x.found.alarms[-1].settled for x in able):
        yield Caution(
            code="new_habit", text="What lasted for two weeks and more is taken as the new habit, not as an incident."
        )
    wide = [called(x) for x in able if _any_value_is_usual(x)]
    if wide:
        yield Caution(
            code="too_few_a_step",
            text=f"So little happens in one step that any share of one is usual, and only several together can ring: "
            f"{listed(wide[:3])}{' and others' if len(wide) > 3 else ''}.",
        )
    short = [x for x in found if x.found.refused]
    if able and short:
        yield Caution(code="short_past", text=f"{count(len(short), 'indicator')} not watched: the past is too short.")
    yield Caution(
        code="no_holidays", text="Holidays are not known: an unannounced one is off course like anything unusual."
    )


def _any_value_is_usual(line: Line) -> bool:
    """Whether the last step's limits hold every share there can be."""
    seen = np.flatnonzero(np.isfinite(line.shown))
    if line.measured != "share" or not len(seen):
        return False
    return bool(line.found.low[seen[-1]] <= 0 and line.found.high[seen[-1]] >= 1)


def figure(finding: Watch) -> Figure | None:
    """What is watched, at a glance: each indicator's last steps within its usual range."""
    if not finding.points:
        return None
    by: dict[tuple[str, str], list[WatchPoint]] = {}
    for point in finding.points:
        by.setdefault((point.indicator, point.watched), []).append(point)
    rows = {(r.indicator, r.watched): r for r in finding.rows}
    return small_multiples(
        [_small(rows[key], points) for key, points in by.items()],
        title=finding.answer,
        ends=(f"the last {SHOWN} hours, days or weeks", "now"),
    )


def _small(row: WatchRow, points: list[WatchPoint]) -> Small:
    is_share = row.watched != "contacts" and (row.last is None or 0 <= row.last <= 1)
    off = [i for i, p in enumerate(points) if p.off]
    return Small(
        label=row.indicator if row.watched == "gone wrong" else f"{row.indicator}: {row.watched}",
        values=[p.value for p in points], low=[p.low for p in points], high=[p.high for p in points],
        since=off[0] if off else -1,
        last=percent(row.last) if is_share else number(row.last),
        verdict=f"{row.side} since {row.since}" if row.side else f"usual, by {row.every}",
        tone={"worse": "bad", "better": "good"}.get(row.side, ""),
    )  # fmt: skip
