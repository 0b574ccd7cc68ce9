"""Renewals ahead: each customer's chance to renew, tried on later times than it was fitted to, with its reasons."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard import wording
from regard.customers.chances import Chances, chances
from regard.customers.panel import DAYS, Panel, next_due, panel
from regard.errors import Refusal
from regard.figures import Figure, GroupBar, group_bars
from regard.findings import Caution, Finding, Interval
from regard.questions import question
from regard.signals.ask import Ask
from regard.signals.tenures import Stays, stays
from regard.statistics.estimates import Floats, Whole
from regard.statistics.reliability import total_of

MOST_MOMENTS = 24
TALK = 20
"""Customers named to talk to first."""
MONTH = 31


class Renewal(msgspec.Struct, frozen=True, kw_only=True):
    """One customer who is under contract."""

    id: Annotated[str, Meta(description="The customer's id.")]
    name: Annotated[str, Meta(description="What they are called.")]
    chance: Annotated[float, Meta(description="Chance to be still there after the days ahead, as a share.")]
    interval: Annotated[Interval, Meta(description="Interval of that share.")]
    at_risk: Annotated[float | None, Meta(description="Value times the chance to leave, in the company's currency.")]
    value: Annotated[float | None, Meta(description="What they pay a year.")]
    why: Annotated[str, Meta(description="What goes with leaving and holds for them, strongest first.")]
    due: Annotated[date | None, Meta(description="Day of their next renewal.")]
    every: Annotated[str, Meta(description="How often they renew: month, quarter, year.")]
    months: Annotated[float, Meta(description="Months they have been there.")]
    talk: Annotated[bool, Meta(description="Whether they are among those to talk to this month.")]


class AheadSlice(msgspec.Struct, frozen=True, kw_only=True):
    """Renewals ahead of one slice."""

    slice: Annotated[str, Meta(description="The slice: region, plan.")]
    customers: Annotated[int, Meta(description="Customers under contract.")]
    leave: Annotated[float, Meta(description="Customers expected to leave in the days ahead.")]
    leave_interval: Annotated[Interval, Meta(description="Range their number will lie in.")]
    at_risk: Annotated[float, Meta(description="Money a year expected to leave.")]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Customers told about as much, on times the model never saw."""

    chance: Annotated[float, Meta(description="Mean chance to leave they were told, as a share.")]
    came: Annotated[float, Meta(description="Share that left.")]
    interval: Annotated[Interval, Meta(description="Interval of that share.")]
    customers: Annotated[int, Meta(description="Customers at those moments.")]


class Goes(msgspec.Struct, frozen=True, kw_only=True):
    """What goes with leaving."""

    fact: Annotated[str, Meta(description="What held in the 90 days before.")]
    ratio: Annotated[float, Meta(description="Odds ratio of leaving; above 1 goes with leaving.")]
    interval: Annotated[Interval, Meta(description="Its interval.")]
    p: Annotated[float, Meta(description="p-value against 1.")]
    customers: Annotated[int | None, Meta(description="Customers it holds for now; none where it is no yes or no.")] = (
        None
    )


class Renewals(Finding, frozen=True, kw_only=True):
    """Renewals ahead."""

    ahead: Annotated[int | None, Meta(description="Days ahead.")] = None
    customers: Annotated[int | None, Meta(description="Customers under contract.")] = None
    due: Annotated[int | None, Meta(description="Of them, those with a renewal within the days ahead.")] = None
    stay: Annotated[float | None, Meta(description="Customers expected to be still there afterwards.")] = None
    stay_interval: Annotated[Interval | None, Meta(description="Range their number will lie in.")] = None
    at_risk: Annotated[float | None, Meta(description="Money a year expected to leave.")] = None
    at_risk_interval: Annotated[Interval | None, Meta(description="Range that money will lie in.")] = None
    currency: Annotated[str, Meta(description="Currency of every value.")] = ""
    brier: Annotated[float | None, Meta(description="Mean squared error of the chances, on times never seen.")] = None
    brier_plain: Annotated[float | None, Meta(description="That of the plain rate of each kind of contract.")] = None
    gain: Annotated[float | None, Meta(description="Share of the plain rates' error that the chances save.")] = None
    slices: Annotated[tuple[AheadSlice, ...], Meta(description="By slice, when cut, most at risk first.")] = ()
    rows: Annotated[tuple[Renewal, ...], Meta(description="Customers, those most at risk by value first.")] = ()
    reliability: Annotated[tuple[Told, ...], Meta(description="Chances told against what came.")] = ()
    effects: Annotated[tuple[Goes, ...], Meta(description="What goes with leaving.")] = ()


@question(title="Renewals", needs=("subscription",))
def renewals(
    *,
    ask: Ask,
    ahead: Annotated[int, Meta(description="Days ahead.", ge=7, le=365)] = 30,
    limit: Annotated[int, Meta(description="Rows shown.", ge=1, le=10_000)] = 50,
) -> Renewals:
    """Who will renew in the days ahead, who may not and why, and whom do we talk to this month?"""
    found = stays(ask)
    first = found.watched + ahead
    moments = [found.until, *(found.until - ahead * k for k in range(1, MOST_MOMENTS + 1))]
    moments = [m for m in moments if m == found.until or m >= first]
    if not found.here.any() or len(moments) < 4:
        raise Refusal(
            "Too little time is known to tell renewals ahead.",
            hint="Import subscriptions with their starts, renewals and ends over at least four times the days ahead.",
        )
    shown = panel(ask, found, moments, float(ahead))
    told = chances(found, shown)
    return _finding(ask, found, shown, told, ahead=ahead, limit=limit)


def _finding(ask: Ask, found: Stays, shown: Panel, told: Chances, *, ahead: int, limit: int) -> Renewals:
    now = np.nonzero(shown.moment == 0)[0]
    stay, value = shown.stay[now], np.nan_to_num(found.value[shown.stay[now]])
    leave = total_of(told.left, np.ones(len(now)), told.slopes, told.covariance)
    slices = _slices(found, told, stay, value) if ask.scope.by else ()
    risk = total_of(told.left, value, told.slopes, told.covariance)
    rows = _rows(found, shown, told, now)
    here = len(now)
    paid = bool(np.isfinite(found.value[stay]).any())
    currency = ask.declarations.currency
    return Renewals(
        answer=_sentence(ask, rows, here, leave=leave, ahead=ahead, risk=risk[0] if paid else None),
        ahead=ahead, customers=here,
        due=int(shown.due[now].sum()), stay=here - leave[0], stay_interval=Interval(here - leave[2], here - leave[1]),
        at_risk=risk[0] if paid else None, at_risk_interval=Interval(risk[1], risk[2]) if paid else None,
        currency=currency,
        brier=told.tried.brier, brier_plain=told.tried.plain, gain=told.tried.gain, rows=tuple(rows[:limit]),
        slices=slices, reliability=_reliability(told), effects=tuple(_effects(shown, told, now)),
        facts=_facts(told, shown, now),
        cautions=tuple(_cautions(found, told, rows, limit)), next_step=_next(rows),
        evidence=ask.evidence(
            n=len(shown.stay), customers=here, kind="estimated",
            method=_method(told),
        ),
    )  # fmt: skip


def _method(told: Chances) -> str:
    if not told.used:
        return "Plain rates by billing period and whether a renewal falls due; a model of facts told no more."
    return (
        "Discrete-time hazard (logit, ridge) over customers at moments, facts of the 90 days before; fitted to "
        f"{told.moments[0]} moments, judged by Brier's score and reliability on the {told.moments[1]} after them."
    )


def _rows(found: Stays, shown: Panel, told: Chances, now: Whole) -> list[Renewal]:
    stay = shown.stay[now]
    value = found.value[stay]
    due = next_due(found, stay, shown.at[now])
    risk = told.left * np.nan_to_num(value, nan=0.0)
    order = np.lexsort((np.array(found.id)[stay].astype(str), -told.left, -risk))
    soon = (due - shown.at[now] <= MONTH) & (told.left > 0)
    talk = set(order[soon[order]][:TALK].tolist())
    why = _why(shown, told, now)

    def one(i: int) -> Renewal:
        known = bool(np.isfinite(value[i]))
        return Renewal(
            id=found.id[stay[i]], name=found.name[stay[i]] or found.id[stay[i]], chance=float(1 - told.left[i]),
            interval=Interval(float(1 - told.high[i]), float(1 - told.low[i])),
            at_risk=float(risk[i]) if known else None,
            value=float(value[i]) if known else None, why=why[i], due=_day(due[i]), every=str(found.every[stay[i]]),
            months=float(shown.tenure[now[i]]), talk=i in talk,
        )  # fmt: skip

    return [one(int(i)) for i in order]


def _slices(found: Stays, told: Chances, stay: Whole, value: Floats) -> tuple[AheadSlice, ...]:
    labels = np.array([found.slice[i] or "unknown" for i in stay])
    rows = []
    for label in np.unique(labels):
        mine = labels == label
        leave = total_of(told.left[mine], np.ones(int(mine.sum())), told.slopes[mine], told.covariance)
        rows.append(AheadSlice(
            slice=str(label), customers=int(mine.sum()), leave=leave[0], leave_interval=Interval(leave[1], leave[2]),
            at_risk=float(told.left[mine] @ value[mine]),
        ))  # fmt: skip
    return tuple(sorted(rows, key=lambda r: (-r.at_risk, r.slice)))


def _day(days: float) -> date:
    return date(1970, 1, 1) + timedelta(days=int(np.floor(days)))


def _why(shown: Panel, told: Chances, now: Whole) -> list[str]:
    """For each customer, the facts that hold for them and go with leaving, strongest first."""
    if not told.used:
        return [""] * len(now)
    beta = told.effects.beta
    pulls = [
        (float(beta[j]) * f.least, f.words, f.held[now])
        for j, f in enumerate(shown.facts)
        if beta[j] * max(f.least, 1.0) > np.log(1.1)
    ]
    pulls.sort(key=lambda p: -p[0])
    return [", ".join([words for _, words, held in pulls if held[i]][:3]) for i in range(len(now))]


def _sentence(
    ask: Ask, rows: list[Renewal], here: int, *, leave: tuple[float, float, float], ahead: int, risk: float | None
) -> str:
    low, high = (wording.number(round(v)) for v in leave[1:])
    who = f"{wording.number(here)} {ask.declarations.called_many}"
    going = f"about {wording.number(round(leave[0]))} ({low} to {high})"
    text = f"Of {who} {going} are expected to leave in the {ahead} days ahead"
    if risk is not None:
        text += f", {wording.money(risk, ask.declarations.currency)} a year with them"
    first = next((r for r in rows if r.talk), None)
    if first is None:
        return f"{text}."
    return f"{text}; talk first to {first.name}, {wording.percent(1 - first.chance)} likely to leave."


def _reliability(told: Chances) -> tuple[Told, ...]:
    tried = told.tried
    return tuple(
        Told(chance=float(t), came=c.value, interval=Interval(c.low, c.high), customers=int(n))
        for t, c, n in zip(tried.told, tried.came, tried.rows, strict=True)
    )


def _effects(shown: Panel, told: Chances, now: Whole) -> Iterator[Goes]:
    if told.effects.refused:
        return
    low, high = told.effects.interval()
    p = told.effects.p()
    words = {f.name: f.each or f.words for f in shown.facts}
    holds = {f.name: int(f.held[now].sum()) for f in shown.facts}
    order = np.argsort(p, kind="stable")
    for j in order:
        name = told.names[j]
        yield Goes(
            fact=words.get(name, {"tenure": "having been there longer"}.get(name, name)),
            ratio=float(np.exp(told.effects.beta[j])), interval=Interval(float(np.exp(low[j])), float(np.exp(high[j]))),
            p=float(p[j]), customers=holds.get(name),
        )  # fmt: skip


def _facts(told: Chances, shown: Panel, now: Whole) -> tuple[str, ...]:
    tried = told.tried
    told_, came = wording.number(round(tried.expected)), wording.number(tried.happened)
    second = (
        f"Tried on {wording.count(told.moments[1], 'later moment')} never fitted to: {told_} were expected to leave, "
        f"{came} did."
    )
    if told.used:
        gain = wording.percent(tried.gain)
        second = f"{second[:-1]}; the squared error of the chances is {gain} below that of plain rates."
    due = int(shown.due[now].sum())
    return (f"{wording.number(due)} of {wording.number(len(now))} come up for renewal in that time.", second)


def _cautions(found: Stays, told: Chances, rows: list[Renewal], limit: int) -> Iterator[Caution]:
    yield Caution(
        code="association", text="What goes with leaving is an association: it says whom to talk to, not what to cure."
    )
    if not told.used:
        yield Caution(
            code="plain_rates",
            text="What was known of customers told no more about who leaves than the kind of contract: plain rates "
            "are shown.",
        )
    if abs(told.tried.z) > 2.5:
        yield Caution(
            code="off_target",
            text="On the later moments more or fewer left than was told, beyond chance: leaving has changed.",
        )
    if found.headless:
        yield Caution(
            code="no_start", text=f"{wording.count(found.headless, 'stay')} without a known start are left out."
        )
    missing = int(np.isnan(found.value[found.here]).sum())
    if missing:
        yield Caution(code="no_value", text=f"{wording.count(missing, 'customer')} have no value that could be told.")
    if len(rows) > limit:
        yield Caution(code="cut_off", text=f"The first {limit} of {wording.number(len(rows))} customers are shown.")


def _next(rows: list[Renewal]) -> str:
    names = [r.name for r in rows if r.talk][:3]
    return f"Talk this month to {wording.listed(names)}: they are marked in the table." if names else ""


def figure(finding: Renewals) -> Figure | None:
    """What was told against what came, on times the model never saw."""
    if not finding.reliability:
        return None
    bars = [
        GroupBar(
            label=f"told {wording.percent(r.chance)}", value=r.came, low=r.interval.low, high=r.interval.high,
            text=wording.percent(r.came), note=wording.count(r.customers, "customer"),
            marked="" if r.interval.low <= r.chance <= r.interval.high else "bad",
        )
        for r in finding.reliability
    ]  # fmt: skip
    return group_bars(bars, title=finding.answer, write=wording.percent)


__all__ = ["DAYS", "Renewals", "figure", "renewals"]
