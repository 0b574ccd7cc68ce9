"""Attempts: what customers tried and whether it went well, by each declared indicator: the noun ``attempts``.

One row per event or measurement that an indicator speaks of: how many attempts it stands for (``total``) and how many
of them went well (``good``). Where another signal says that it went well, that one is a row with no attempt of its own.
Counts that run on are told by their differences, per series, from one point to the next; a series that starts anew, or
falls, counts from nothing. ``attempts_ever`` leaves the period open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regard.errors import BadInput, UnknownName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regard.signals.declarations import Declarations, Indicator

ATTEMPTS = "attempts"
ATTEMPTED = ("events", "telemetry")
"""The nouns attempts are read from."""


def _label(name: str) -> str:
    """SQL of a label; JSON is read only where the name stands in it, for most rows have none of these."""
    return f"""CASE WHEN contains(r.labels, '"{name}"') THEN json_extract_string(r.labels, '$."{name}"') END"""


_SPOKEN = "no, indicator, moment, needed, each, target, within, name, prefix, is_total, is_good"

_JOINED = """
SELECT r.kind, r.position, r.customer, r.occurred_at, r.slice, r.slices, r.period, r.day, r.week, r.month, r.weight,
       w.no, w.indicator, w.moment, w.needed, w.each, w.target, w.within, w.is_total, w.is_good, {own}
FROM ({noun}) AS r JOIN ({wanted}) AS w ON {match}"""

_EVENT = "r.error, r.duration AS took"

_TELEMETRY = """r.good, r.total, r.value, {form} AS form, {error} AS error, {series} AS series, {start} AS start,
       {counted} AS counted, {buckets} AS buckets""".format(
    error=_label("error"), form=_label("otel.metric"), series=_label("otel.series"), start=_label("otel.start"),
    counted=_label("otel.count"), buckets=_label("otel.buckets"),
)  # fmt: skip

_OUT = """kind, position, customer, occurred_at, slice, slices, period, day, week, month, weight, no, indicator, moment,
       needed, each, target, error"""

_OF_EVENTS = """
SELECT {out}, CASE WHEN is_total THEN 1.0 ELSE 0.0 END AS total,
       CASE WHEN is_good AND coalesce(error, '') = '' AND coalesce(took <= within, TRUE) THEN 1.0 ELSE 0.0 END AS good,
       within IS NOT NULL AND took IS NULL AS untimed
FROM ({joined})"""

# How many a row stands for, and how many of those were within the limit. A mean says nothing of each, so of a histogram
# its buckets are asked: those that end at or below the limit.
_BELOW = """list_sum(list_transform(list_filter(CAST(buckets AS JSON[]),
         lambda b: TRY_CAST(b->>0 AS DOUBLE) <= within), lambda b: TRY_CAST(b->>1 AS DOUBLE)))"""

_SIZED = """
SELECT *,
       CASE WHEN form IN ('sum', 'running sum') THEN value
            WHEN form = 'running histogram' THEN TRY_CAST(counted AS DOUBLE)
            WHEN form = 'gauge' THEN 1.0 ELSE coalesce(total, 1.0) END AS size,
       CASE WHEN form IN ('sum', 'running sum') THEN value
            WHEN form IN ('histogram', 'running histogram') AND within IS NOT NULL THEN coalesce({below}, 0.0)
            WHEN form = 'running histogram' THEN TRY_CAST(counted AS DOUBLE)
            WHEN form = 'histogram' THEN total
            WHEN within IS NOT NULL AND value > within THEN 0.0
            WHEN form = 'gauge' THEN 1.0
            ELSE coalesce(good, total, 1.0) END AS well
FROM ({joined})"""

_STEPPED = """
SELECT * REPLACE (
         CASE WHEN lag(size) OVER series IS NULL THEN CASE WHEN start > '0' THEN size ELSE 0.0 END
              WHEN size < lag(size) OVER series THEN size ELSE size - lag(size) OVER series END AS size,
         CASE WHEN lag(size) OVER series IS NULL THEN CASE WHEN start > '0' THEN well ELSE 0.0 END
              WHEN size < lag(size) OVER series THEN well ELSE greatest(well - lag(well) OVER series, 0.0) END AS well)
FROM ({sized}) WINDOW series AS (PARTITION BY no, is_total, is_good, series, start ORDER BY occurred_at, position)"""

_OF_TELEMETRY = """
SELECT {out}, CASE WHEN is_total THEN size ELSE 0.0 END AS total,
       CASE WHEN is_good AND (error IS NULL OR form IS NULL) THEN well ELSE 0.0 END AS good,
       within IS NOT NULL AND value IS NULL AND buckets IS NULL AS untimed
FROM ({sized}) WHERE size > 0"""


def attempts(
    events: str, telemetry: str, telemetry_ever: str, *, indicators: Sequence[Indicator], ever: bool = False
) -> str:
    """The definition of the noun ``attempts``.

    Columns: those of a noun (kind, position, customer, occurred_at, slice, slices, period, day, week, month, weight);
    of the indicator no, indicator, moment, needed, each and target; error; total and good, how many attempts the row is
    and how many of them went well, weight not counted in; untimed, where a limit of time is declared and none is told.

    Args:
        events: Definition of the events in view.
        telemetry: Definition of the telemetry.
        telemetry_ever: Definition of the telemetry of any period: a count that runs on is told by what came before.
        indicators: What is declared; without any there are no rows.
        ever: Whether the two are of any period.
    """
    exact, prefixes = _wanted(indicators, prefix=False), _wanted(indicators, prefix=True)

    def joined(noun: str, own: str, only: str = "") -> str:
        parts = [_JOINED.format(noun=noun, wanted=exact, own=own, match=f"r.name = w.name{only}")] if exact else []
        if prefixes:
            match = f"starts_with(r.name, w.name){only}"
            parts.append(_JOINED.format(noun=noun, wanted=prefixes, own=own, match=match))
        if not parts:
            nothing = _row(0, None, "", prefix=False, total=False, good=False)
            empty = f"SELECT * FROM (VALUES {nothing}) AS w ({_SPOKEN})"
            return _JOINED.format(noun=noun, wanted=empty, own=own, match="FALSE")
        return " UNION ALL ".join(parts)

    plain = _SIZED.format(joined=joined(telemetry, _TELEMETRY), below=_BELOW)
    only = """ AND contains(r.labels, '"otel.series"')"""
    running = _SIZED.format(joined=joined(telemetry_ever, _TELEMETRY, only), below=_BELOW)
    stepped = _STEPPED.format(sized=f"SELECT * FROM ({running}) WHERE series IS NOT NULL")
    within = "" if ever else " AND period IN ('now', 'before')"
    parts = [
        _OF_EVENTS.format(out=_OUT, joined=joined(events, _EVENT)),
        _OF_TELEMETRY.format(out=_OUT, sized=plain) + " AND series IS NULL",
        _OF_TELEMETRY.format(out=_OUT, sized=stepped) + within,
    ]
    return " UNION ALL ".join(parts)


def _wanted(indicators: Sequence[Indicator], *, prefix: bool) -> str:
    """The names indicators speak of, as a table; empty where there are none."""
    rows = []
    for number, one in enumerate(indicators):
        total, good = names_of(one.total), names_of(one.good)
        for name in dict.fromkeys((*total, *good)):
            if name.endswith("*") == prefix:
                is_good = name in good or not good
                rows.append(_row(number, one, name.removesuffix("*"), prefix=prefix, total=name in total, good=is_good))
    return f"SELECT * FROM (VALUES {', '.join(rows)}) AS w ({_SPOKEN})" if rows else ""


def _row(number: int, one: Indicator | None, name: str, *, prefix: bool, total: bool, good: bool) -> str:
    texts = [_quoted(x) for x in ((one.name, one.moment, one.each) if one else ("", "", ""))]
    target = "CAST(NULL AS DOUBLE)" if one is None or one.target is None else f"{one.target!r}::DOUBLE"
    within = "CAST(NULL AS DOUBLE)" if one is None or one.within is None else f"{one.within!r}::DOUBLE"
    needed = f"{(one.needed if one else 1.0)!r}::DOUBLE"
    told = (number, texts[0], texts[1], needed, texts[2], target, within, _quoted(name), prefix, total, good)
    return f"({', '.join(str(x) for x in told)})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''").replace("\0", "") + "'"


def names_of(text: str) -> tuple[str, ...]:
    """The names in an indicator's filter: ``checkout | POST /buy*``."""
    return tuple(name for part in text.split("|") if (name := part.strip()))


def speaks_of(indicator: Indicator, name: str) -> bool:
    """Whether an indicator speaks of a signal of that name."""
    wanted = (*names_of(indicator.total), *names_of(indicator.good))
    return any(name.startswith(w[:-1]) if w.endswith("*") else name == w for w in wanted)


def check_indicators(declared: Declarations) -> None:
    """Check that indicators can be told apart and belong where they say.

    Raises:
        BadInput: Two have the same name, one has none, or one names nothing as an attempt.
        UnknownName: One belongs to a moment that nobody declared; the nearest are suggested.
    """
    moments = [moment.name for stage in declared.stages for moment in stage.moments]
    seen: set[str] = set()
    for number, one in enumerate(declared.indicators, start=1):
        where = f"indicators, number {number}"
        if not one.name.strip():
            raise BadInput("An indicator has no name.", where=where, hint='Such as name = "Checkout works".')
        if one.name in seen:
            raise BadInput(f"Two indicators are called {one.name}.", where=where, hint="Call one of them otherwise.")
        seen.add(one.name)
        if not names_of(one.total) or "*" in names_of(one.total):
            hint = 'Such as total = "checkout", or "POST /checkout | POST /buy*".'
            raise BadInput(f"The indicator {one.name} does not say what an attempt is.", where=where, hint=hint)
        if one.moment and one.moment not in moments:
            raise UnknownName("moment", one.moment, moments, where=f"{where}, moment")
