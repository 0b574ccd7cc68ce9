"""Disruptions in words: the sentence, the rows, what would have been seen, what to know, and what to do."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from regard import wording
from regard.findings import Caution
from regard.reliability import disruption_rows as asked
from regard.reliability.cubed import DAY, WEEK
from regard.reliability.disrupted import GREEN
from regard.statistics.peeling import least_seen
from regard.statistics.proportions import wilson
from regard.wording import Words, count, listed, money, number, percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from regard.reliability.behind_subsets import Found
    from regard.reliability.disrupted import Look, Subset
    from regard.signals.ask import Ask

METHOD = (
    "Scan over all combinations against their own past at the mix of now (Kulldorff 1997), customers counted once a "
    "period, overdispersion and weekday season from history, null drawn with shared shocks; named by a mixed model; "
    "beginning by a change-point (Smith 1975)."
)
NOW = {DAY: "last 24 hours", WEEK: "last 7 days"}
SIZES = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000)
MOST_POINTS, CHART = 3, 30
EVERYBODY = "everybody"


def told(where: Mapping[str, Sequence[str]]) -> str:
    """A subset as words: region Iberia and device phone or tablet."""
    if not where:
        return EVERYBODY
    return " and ".join(f"{name} {listed(list(values), last='or')}" for name, values in where.items())


def filters(where: Mapping[str, Sequence[str]]) -> list[str]:
    """A subset as filters of any question."""
    return [f"{name}={value}" for name, values in where.items() for value in values]


def sentence(ask: Ask, found: Found, groups: Sequence[Sequence[Subset]]) -> str:
    """The largest cause, or that there is none and what would have been seen."""
    able = [look for look in found.looked if not look.refused]
    if not able:
        return f"Nothing can be told about disruptions yet: {refusal(found.looked)}."
    if not groups:
        looks = count(len({x.met.name for x in able}), "indicator")
        over = [s for s in found.subsets if s.over]
        ended = f"What had disrupted {told(over[0].where)} is over. " if over else ""
        day = wording.day(found.seen.end - timedelta(seconds=1), ask.scope.zone)
        return f"{ended}Nothing we can see is disrupted on {day}, by {looks}. {would(ask, able)}".strip()
    first = groups[0][0]
    value = found.people.worth_of([int(c) for c in first.hit])
    worth = f"They are worth {stake(ask, value)}, and the" if value else "The"
    state = "is green" if first.green else "is red, too"
    more = f" {wording.sentence(count(len(groups) - 1, 'further cause'))} besides." if len(groups) > 1 else ""
    return (
        f"{wording.sentence(people(ask, first))} {trouble(first)} since {wording.day(first.since, ask.scope.zone)}, "
        f"where {usual(first)} would be usual. {worth} total {state}.{more}"
    )


def people(ask: Ask, one: Subset) -> str:
    """Who: 41 of 44 bakeries with region Overseas and version 5.1."""
    words = Words(ask.declarations.called, ask.declarations.called_many)
    whole = words.count(len(one.customers))
    of = f"{number(len(one.hit))} of {whole}"
    return f"{of} with {told(one.where)}" if one.where else f"{of} of every kind"


def trouble(one: Subset) -> str:
    """What is off course, to be read after who."""
    what = wording.plainly(one.met.name)
    return f"had a promise broken ({what})" if one.met.promise else f"are not served well by “{what}”"


def usual(one: Subset) -> str:
    """How many of them would be disrupted as usual."""
    if one.due < 0.5:
        return "hardly any"
    return number(one.due, 0 if one.due >= 10 else 1)


def stake(ask: Ask, value: float) -> str:
    """What some customers are worth, in words."""
    currency, worth = ask.declarations.currency, ask.declarations.value
    span = "a year" if worth.kind == "recurring" else f"of the last {count(worth.days, 'day')}"
    return f"{money(value, currency)} {span}"


def rows(ask: Ask, found: Found, rate: float) -> Iterator[asked.DisruptionRow]:
    """Every subset, the largest cause first, its other indicators beside it; those that are over last."""
    placed = [(n, one) for n, group in enumerate(found.causes, start=1) for one in group]
    placed += [(0, one) for one in found.subsets if one.over]
    for cause, one in placed:
        n, hit, ratio = len(one.customers), len(one.hit), one.ratio
        share = wilson(hit, n)
        same = [wording.plainly(s.met.name) for c, s in placed if c == cause and c and s is not one]
        yield asked.DisruptionRow(
            subset=told(one.where), indicator=wording.plainly(one.met.name), disrupted=hit, customers=n,
            rate=share.value, rate_low=share.low, rate_high=share.high, usual=one.usual, times=_finite(ratio),
            times_low=_finite(one.low), times_high=_finite(one.high), since=wording.day(one.since, ask.scope.zone),
            since_between=_between(ask, one), value=found.people.worth_of([int(c) for c in one.hit]),
            total="green" if one.green else "red", over=one.over, now=NOW[one.counted.days],
            months=_months(found, one, rate), also=listed(same), instead=listed([told(o) for o in one.others]),
            worse_within=listed([f"{d} {v}" for d, v, _ in one.worse]),
            where=tuple(filters(one.where)), cause=cause,
        )  # fmt: skip


def _between(ask: Ask, one: Subset) -> str:
    low, high = (wording.day(d, ask.scope.zone) for d in (one.since_low, one.since_high))
    return low if low == high else f"{low} and {high}"


def _months(found: Found, one: Subset, rate: float) -> float | None:
    """How many months apart chance alone would show one so clear, over all that was looked at."""
    level = next((x.level for x in found.looked if x.met is one.met and x.days == one.counted.days), None)
    return None if not level or one.p <= 0 else level / one.p / rate


def certainty(found: Found, one: Subset) -> str:
    """How sure it is, in a sentence."""
    months = _months(found, one, 1.0) or 1.0
    often = "less than once in ten years" if months > 120 else f"about once in {count(round(months), 'month')}"
    return (
        f"Usual would be {usual(one)}. Chance alone would show one so clear {often}, over all combinations of "
        f"{len(found.seen.met)} indicators; at most one false alarm a month is accepted."
    )


def least(able: Sequence[Look]) -> Iterator[asked.LeastRow]:
    """What would have been seen, by size of the subset."""
    for look in able:
        if look.cube is None or look.found is None or look.past is None:
            continue
        for each in least_seen(look.cube, look.past, look.found.first, sizes=SIZES):
            seen = each.ratio * each.due if math.isfinite(each.ratio) else None
            yield asked.LeastRow(
                indicator=wording.plainly(look.met.name), now=NOW[look.days], customers=round(each.total),
                usual=each.due, seen_from=seen, times=_finite(each.ratio),
            )  # fmt: skip


def would(ask: Ask, able: Sequence[Look]) -> str:
    """The smallest disruption that would have been seen, in the look with most customers."""
    found: list[tuple[float, int, asked.LeastRow]] = []
    for look in able:
        told_ = [r for r in least([look]) if r.seen_from is not None]
        if told_ and look.counted is not None:
            row = min(told_, key=lambda r: abs(math.log(r.customers / 50)))
            found.append((float(look.counted.past.total.sum()), -look.days, row))
    if not found:
        return "Too few try anything for a disruption of part of them to be seen."
    row = max(found, key=lambda f: (f[0], f[1]))[2]
    seen, often = math.ceil(row.seen_from or 0), "hardly any" if row.usual < 0.5 else number(row.usual, 1)
    words = Words(ask.declarations.called, ask.declarations.called_many)
    return (
        f"Had {number(seen)} of {words.count(row.customers)} not been served well by “{row.indicator}”, where {often} "
        f"would be usual, it would have been seen within {'a day' if row.now == NOW[DAY] else 'a week'}."
    )


def looked(looks: Sequence[Look], found: Sequence[Subset]) -> Iterator[asked.LookRow]:
    """Every look: its total, why it changed, and whether anything was found."""
    for look in looks:
        name, now = wording.plainly(look.met.name), NOW[look.days]
        if look.refused or look.found is None or look.counted is None or look.past is None:
            yield asked.LookRow(indicator=name, now=now, refused=look.refused)
            continue
        past, change = look.counted.past, look.found.change
        share = wilson(float(past.bad.sum()), float(past.total.sum()))
        yield asked.LookRow(
            indicator=name, now=now, customers=int(past.total.sum()), disrupted=int(past.bad.sum()), rate=change.now,
            rate_low=share.low, rate_high=share.high,
            before=change.now - change.mix - change.rate, mix=change.mix, service=change.rate,
            total="green" if change.p > GREEN else "red",
            found=sum(s.met is look.met and s.counted is look.counted for s in found), p=look.found.first.p,
            combinations=len(look.cube) if look.cube is not None else None, periods=len(past.past_bad),
            season=look.season,
        )  # fmt: skip


def points(ask: Ask, found: Sequence[Subset]) -> Iterator[asked.DisruptionPoint]:
    """The largest subsets over time."""
    for one in found[:MOST_POINTS]:
        for age, n, bad in one.series[-CHART:]:
            day = one.end - timedelta(days=age + 1)
            share = wilson(bad, n) if n else None
            yield asked.DisruptionPoint(
                subset=told(one.where), indicator=wording.plainly(one.met.name), since=day >= one.since, customers=n,
                day=wording.day(day, ask.scope.zone), disrupted=bad, rate=share.value if share else None,
                low=share.low if share else None, high=share.high if share else None,
            )  # fmt: skip


def refusal(looks: Sequence[Look]) -> str:
    """Why nothing can be told, from the look that is nearest to it."""
    if not looks:
        return "no attempt and no promise lies in the thirteen weeks before"
    look = max(looks, key=lambda x: (len(x.met.total), -x.days))
    return f"{wording.plainly(look.met.name)}: {look.refused}"


def next_step(found: Found, groups: Sequence[Sequence[Subset]]) -> str:
    """What to do."""
    if groups:
        return advice(groups[0][0])
    if any(look.refused for look in found.looked) and all(look.refused for look in found.looked):
        return "Ask again when more days have come in, or widen what counts as an attempt."
    return ""


def advice(one: Subset) -> str:
    """What to do about a subset."""
    if not one.where:
        return "Look at what changed for everybody, and say so on a page that all can see."
    return f"Write to those with {told(one.where)} before they write to you, and look at what changed for them."


def facts(
    ask: Ask, found: Found, groups: Sequence[Sequence[Subset]], changed: Sequence[asked.ChangedRow]
) -> Iterator[str]:
    """When it began, what else changed then, what it may be instead, why the total moved."""
    for group in groups[:1]:
        one = group[0]
        yield (
            f"It began between {_between(ask, one)} (95 %)."
            if " and " in _between(ask, one)
            else (f"It began on {_between(ask, one)} (95 %).")
        )
        same = [c for c in changed if c.subset == told(one.where)]
        if len(group) > 1 or same:
            yield " ".join(also(group, same))
        if one.others:
            yield f"The data cannot rule out that it is {listed([told(o) for o in one.others], last='or')} instead."
    for row in looked(found.looked, found.subsets):
        if row.mix is not None and abs(row.mix) > 0.02 and abs(row.mix) > abs(row.service or 0.0):
            yield (
                f"{row.indicator}, {row.now}: the share not served went from {percent(row.before)} to "
                f"{percent(row.rate)} because other {ask.declarations.called_many} tried, not because of the service."
            )


def also(group: Sequence[Subset], changed: Sequence[asked.ChangedRow]) -> Iterator[str]:
    """What else changed then, a sentence each."""
    others = [f"“{wording.plainly(s.met.name)}”" for s in group[1:]]
    if others:
        yield f"Mostly the same are not served well by {listed(others)}."
    for each in changed[:4]:
        if each.kind == "first seen":
            yield f"{wording.sentence(each.what)} was first seen on {each.when}."
        elif each.when:
            yield f"“{each.what}” was on {each.when}."
        else:
            thing = f"Errors at “{each.what}”" if each.kind == "errors" else f"Contacts about “{each.what}”"
            yield f"{thing}: {number(each.since, 1)} of them a day since, {number(each.before, 1)} before."


def cautions(ask: Ask, found: Found) -> Iterator[Caution]:
    """What to know before leaning on it."""
    if ask.scope.by:
        yield Caution(code="by_is_not_needed", text=f"All combinations are searched; the grouping by {ask.scope.by} is "
                      "not needed.")  # fmt: skip
    short = sorted({x.met.name for x in found.looked} - {x.met.name for x in found.looked if not x.refused})
    if short:
        yield Caution(code="not_looked_at", text=f"Too short a past or too few customers to be looked at: "
                      f"{listed([wording.plainly(s) for s in short], most=4)}.")  # fmt: skip
    if found.seen.left_out:
        yield Caution(code="dimensions_left_out", text=f"Not searched, too many values or dimensions: "
                      f"{listed(found.seen.left_out)}.")  # fmt: skip
    for met in found.seen.met:
        if met.unknown > 0.05:
            yield Caution(code="nobody", text=f"{wording.plainly(met.name)}: {percent(met.unknown)} of the attempts "
                          "carry no customer and count among nobody.")  # fmt: skip
        if met.heaviest > 1:
            yield Caution(code="sampled", text=f"{wording.plainly(met.name)}: attempts are a sample, so some who met a "
                          "failure count as served.")  # fmt: skip
    if any(one.weight < 0.5 for group in found.causes for one in group):
        yield Caution(code="name_unsure", text="What the customers share is named as well as the counts allow; look at "
                      "the other names beside it.")  # fmt: skip


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
