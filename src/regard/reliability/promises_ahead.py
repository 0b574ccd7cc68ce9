"""Promises about to break: what is open now, how likely it will be broken, told before the customer finds out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from regard import wording
from regard.errors import Refusal
from regard.figures.bars import GroupBar, group_bars
from regard.findings import Caution, Finding, Interval
from regard.journey.promises import zone_steps
from regard.questions import question
from regard.reliability.concerned import stake
from regard.reliability.detectors import Looking, detector
from regard.reliability.raised import Certainty, Raised, Who, key
from regard.signals.ask import Ask
from regard.statistics.landmarks import FEWEST, Foretold, Promised, breaking, foretold
from regard.wording import count, listed, percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from regard.figures.figure import Figure
    from regard.statistics.estimates import Estimate, Whole

MOST = 200
METHOD = (
    "Landmark: of past promises of the sort that were still open with so much time left, the share that broke; the "
    "odds of a group and of a customer shrunk (van Houwelingen 2007). Tried on the later 30 % of the past, learned on "
    "the rest."
)


class AboutToBreak(msgspec.Struct, frozen=True, kw_only=True):
    """An open promise that will likely be broken."""

    customer: Annotated[str, Meta(description="Who it was made to.")]
    id: Annotated[str, Meta(description="Their id.")]
    promise: Annotated[str, Meta(description="What was promised.")]
    about: Annotated[str, Meta(description="What it is about.")]
    due: Annotated[str, Meta(description="Until when it can be kept, in the company's zone.")]
    hours_left: Annotated[float, Meta(description="Hours until then.")]
    chance: Annotated[float, Meta(description="Chance that it will be broken, given that it is not kept by now.")]
    usual: Annotated[float, Meta(description="Share of all promises of the sort that broke.")]
    made: Annotated[str, Meta(description="When it was promised.")] = ""
    made_at: Annotated[datetime | None, Meta(description="The same as an instant, UTC.")] = None


class PromiseRule(msgspec.Struct, frozen=True, kw_only=True):
    """How well breaking is foretold, per sort of promise."""

    promise: Annotated[str, Meta(description="What was promised.")]
    open: Annotated[int, Meta(description="Open now, deadline ahead.")]
    raised: Annotated[int, Meta(description="Of them, those that will likely be broken.")]
    past: Annotated[int, Meta(description="Past promises it is told from.")]
    broken_share: Annotated[float | None, Meta(description="Share of those that broke.")] = None
    precision: Annotated[
        float | None, Meta(description="Share of those raised that broke, when tried on the later past.")
    ] = None
    precision_interval: Annotated[Interval | None, Meta(description="Its 95 % interval.")] = None
    recall: Annotated[
        float | None, Meta(description="Share of those that broke that were raised before the deadline.")
    ] = None
    recall_interval: Annotated[Interval | None, Meta(description="Its 95 % interval.")] = None
    lead_hours: Annotated[float | None, Meta(description="Half of those were raised this long before it.")] = None
    group: Annotated[str, Meta(description="The dimension whose values break most differently; empty: none.")] = ""
    refused: Annotated[str, Meta(description="Why nothing is told; empty when it is.")] = ""


class PromisesAhead(Finding, frozen=True, kw_only=True):
    """Promises about to break."""

    open: Annotated[int, Meta(description="Open promises whose deadline lies ahead.")] = 0
    raised: Annotated[int, Meta(description="Of them, those that will likely be broken.")] = 0
    customers: Annotated[int, Meta(description="Customers they were made to.")] = 0
    rules: Annotated[
        tuple[PromiseRule, ...], Meta(description="Per sort of promise, and how well it is foretold.")
    ] = ()
    rows: Annotated[tuple[AboutToBreak, ...], Meta(description="The most urgent first.")] = ()


@dataclass(frozen=True, kw_only=True)
class Told:
    """One sort of promise: its rule and what it says of the open ones."""

    rule: PromiseRule
    rows: tuple[AboutToBreak, ...]
    numbers: dict[str, int]


@question(title="Promises about to break", needs=("promise",))
def promises_ahead(
    *,
    ask: Ask,
    promise: Annotated[str, Meta(description="Only promises of this name, such as delivery.")] = "",
    chance: Annotated[float, Meta(description="Chance of breaking from which a promise is told.", gt=0, lt=1)] = 0.7,
    days: Annotated[int, Meta(description="Only those whose deadline is so many days ahead at most.", ge=1)] = 7,
) -> PromisesAhead:
    """Which open promises will likely be broken, so that the customer can be told before it happens?"""
    if not ask.count("promise"):
        raise Refusal("No promises have come in yet.", hint="Import what was promised for when, and when it was kept.")
    told = tell(ask, promise=promise, chance=chance, days=days)
    rows = sorted((r for t in told for r in t.rows), key=lambda r: (r.hours_left, -r.chance, r.id, r.about))
    rules = tuple(t.rule for t in told)
    open_ = sum(r.open for r in rules)
    learned = [r for r in rules if not r.refused]
    return PromisesAhead(
        answer=_sentence(open_, rows, rules),
        open=open_, raised=len(rows), rules=rules, rows=tuple(rows[:MOST]),
        customers=len(frozenset().union(*(t.numbers for t in told))) if told else 0,
        refused="" if learned or not rules else rules[0].refused,
        next_step=_next(rows, learned),
        facts=tuple(_facts(learned))[:3],
        cautions=tuple(_cautions(ask, rules)),
        evidence=ask.evidence(n=sum(r.past for r in rules) + open_, kind="estimated", method=METHOD),
    )  # fmt: skip


def tell(ask: Ask, *, promise: str = "", chance: float = 0.7, days: int = 7, now: datetime | None = None) -> list[Told]:
    """Every sort of promise with its rule, and the open ones that will likely be broken.

    Args:
        ask: What may be looked at.
        promise: Only this sort.
        chance: From which one is told.
        days: Days ahead.
        now: The moment of looking, UTC; default the end of the scope's period.
    """
    names = tuple(d.name for d in ask.declarations.dimensions if d.of == "customer")
    cut = replace(ask, scope=msgspec.structs.replace(ask.scope, also=names))
    now = now or ask.scope.until
    table = cut.table("promises_ahead.sql", kind=promise, now=now, **zone_steps(ask))
    columns = {n: table.column(n).to_pylist() for n in table.column_names}
    which = np.array(columns["promise"], dtype=str)
    return [
        _told({n: [v[i] for i in np.flatnonzero(which == name)] for n, v in columns.items()}, names, now=now,
              chance=chance, days=days, zone=ask.scope.zone)
        for name in sorted(set(which.tolist()))
    ]  # fmt: skip


@detector(title="Promises about to break", kinds=("promise",), needs=("promise",))
def about_to_break(*, looking: Looking) -> Iterator[Raised]:
    """Open promises that will likely be broken: one cause for each sort and day they fall due."""
    ask = looking.rows()
    now = looking.now.astimezone(UTC).replace(tzinfo=None)
    for told in tell(ask, now=now):
        days: dict[str, list[AboutToBreak]] = {}
        for row in sorted(told.rows, key=lambda r: r.hours_left):
            due = now + timedelta(hours=row.hours_left)
            days.setdefault(wording.day(due, ask.scope.zone), []).append(row)
        for day, rows in days.items():
            yield _raised(ask, told, day, rows, now)


def _raised(ask: Ask, told: Told, day: str, rows: list[AboutToBreak], now: datetime) -> Raised:
    rule, soon = told.rule, rows[0]
    people = list(dict.fromkeys(r.id for r in rows))
    numbers = [told.numbers[i] for i in people if i in told.numbers]
    called = wording.Words(ask.declarations.called, ask.declarations.called_many)
    names = listed(list(dict.fromkeys(r.customer for r in rows))[:3]) if len(people) <= 3 else ""
    tried = f", of those told so before {percent(rule.precision)} broke" if rule.precision is not None else ""
    return Raised(
        cause=key("promise", f"{rule.promise}:{day}"), kind="promise",
        who=Who(words=names or called.count(len(people)), count=len(people), customers=tuple(people)),
        what=f"will likely not get what was promised in time ({rule.promise}, due {day})",
        since=(now if soon.made_at is None else min(r.made_at or now for r in rows)).replace(tzinfo=UTC),
        at_stake=stake(ask, numbers), size=float(len(rows)),
        certainty=Certainty(
            words=f"Chance of breaking {percent(min(r.chance for r in rows))} and more{tried}.",
            chance=None if rule.precision is None else 1 - rule.precision,
        ),
        next_step=f"Tell them before {soon.due}: what is late, until when, and what you will do.",
        notice=f"What we promised you for {day} may come later than we said. We are sorry; we will tell you by when.",
        evidence={
            "question": "reliability/promises-ahead", "arguments": {"promise": rule.promise},
            "about": [r.about for r in rows[:50]], "precision": rule.precision, "recall": rule.recall,
        },
    )  # fmt: skip


def _told(
    part: dict[str, list[Any]], names: Sequence[str], *, now: datetime, chance: float, days: int, zone: str
) -> Told:
    at = now.replace(tzinfo=UTC).timestamp()
    made, deadline = np.array(part["made"], float), np.array(part["deadline"], float)
    kept = np.array([np.nan if v is None else v for v in part["kept"]], float)
    off = np.array([np.inf if v is None else v for v in part["withdrawn"]], float)
    who = np.array([-1 if v is None else v for v in part["customer"]], np.int64)
    due = (deadline < at) & (off > deadline)
    open_ = (deadline >= at) & (deadline < at + days * 86_400) & np.isnan(kept) & np.isinf(off)
    early = np.where(np.isnan(kept), -np.inf, deadline - kept)
    lead = np.maximum(deadline - made, 0.0)
    name, group = _grouping(part["slices"], names, due, early < 0)
    past = Promised(lead=lead, early=early, customer=who, group=group, due=deadline).where(due)
    left = (deadline - at)[open_] / np.maximum(lead[open_], 1e-9)
    chances = breaking(past, remaining=np.clip(left, 0, 1), customer=who[open_], group=group[open_])
    chosen = np.flatnonzero(open_)[np.nan_to_num(chances) >= chance]
    broken = float(past.broken.mean()) if len(past.lead) else float("nan")
    by = dict(zip(np.flatnonzero(open_).tolist(), chances.tolist(), strict=True))
    rows = tuple(
        AboutToBreak(
            customer=part["name"][i] or "unknown", id=part["id"][i] or "", promise=part["promise"][i],
            about=part["about"][i] or part["key"][i] or "", due=_moment(deadline[i], zone),
            made=_moment(made[i], zone),
            made_at=datetime.fromtimestamp(made[i], UTC).replace(tzinfo=None),
            hours_left=float((deadline[i] - at) / 3600), chance=by[int(i)], usual=broken,
        )
        for i in chosen
    )  # fmt: skip
    tried = foretold(past, chance=chance)
    rule = _rule(part["promise"][0], past, tried, open_=int(open_.sum()), raised=len(rows), group=name)
    return Told(rule=rule, rows=rows, numbers={part["id"][i] or "": int(who[i]) for i in chosen})


def _moment(at: float, zone: str) -> str:
    return wording.moment(datetime.fromtimestamp(at, UTC).replace(tzinfo=None), zone)


def _grouping(
    slices: list[list[str]], names: Sequence[str], due: NDArray[np.bool_], broken: NDArray[np.bool_]
) -> tuple[str, Whole]:
    """The declared dimension whose values break most differently beyond chance, and each row's value as a number."""
    best, chosen, name = 0.0, np.zeros(len(slices), np.int64), ""
    p = float(broken[due].mean()) if due.any() else 0.0
    if not 0 < p < 1:
        return name, chosen
    for k, dimension in enumerate(names):
        values, codes = np.unique([s[k] for s in slices], return_inverse=True)
        if not 2 <= len(values) <= 200:
            continue
        n = np.bincount(codes[due], minlength=len(values))
        bad = np.bincount(codes[due], weights=broken[due].astype(float), minlength=len(values))
        excess = (bad - n * p) ** 2 / np.maximum(n * p * (1 - p), 1e-9)
        # Pearson's statistic less its expectation and two of its standard deviations: nothing is chosen by chance.
        freedom = len(values) - 1
        gain = float(excess[n > 0].sum()) - freedom - 2 * np.sqrt(2 * freedom)
        if gain > best:
            best, chosen, name = gain, codes.reshape(-1).astype(np.int64), dimension
    return name, chosen


def _rule(name: str, past: Promised, tried: Foretold, *, open_: int, raised: int, group: str) -> PromiseRule:
    n = len(past.lead)
    return PromiseRule(
        promise=name, open=open_, raised=raised, past=n, group=group,
        broken_share=float(past.broken.mean()) if n else None,
        precision=_value(tried.precision), precision_interval=_ends(tried.precision),
        recall=_value(tried.recall), recall_interval=_ends(tried.recall),
        lead_hours=tried.lead / 3600 if np.isfinite(tried.lead) else None,
        refused=f"only {count(n, 'promise')} of the past; at least {FEWEST} are needed" if n < FEWEST else "",
    )  # fmt: skip


def _value(found: Estimate) -> float | None:
    return None if found.refused else found.value


def _ends(found: Estimate) -> Interval | None:
    return None if found.refused else Interval(found.low, found.high)


def _sentence(open_: int, rows: Sequence[AboutToBreak], rules: Sequence[PromiseRule]) -> str:
    if not open_:
        return "No promise is open whose deadline lies ahead."
    if not rows:
        return f"None of {count(open_, 'open promise')} is likely to be broken."
    sorts = listed([f"{r.raised} of {r.promise}" for r in sorted(rules, key=lambda r: -r.raised) if r.raised][:3])
    soon = rows[0]
    return (
        f"{wording.number(len(rows))} of {count(open_, 'open promise')} will likely be broken ({sorts}); "
        f"the next is due {soon.due}, for {soon.customer}."
    )


def _next(rows: Sequence[AboutToBreak], learned: Sequence[PromiseRule]) -> str:
    if rows:
        return "Write to the customers concerned before the deadline: what is late, until when, and what you will do."
    return "" if learned else "Bring in the promises of earlier months, with when they were kept."


def _facts(learned: Sequence[PromiseRule]) -> Iterator[str]:
    for rule in learned:
        if rule.precision is None or rule.recall is None:
            continue
        hours = f", half of them {wording.duration(rule.lead_hours * 3600)} before" if rule.lead_hours else ""
        yield (
            f"Tried on the later past, {rule.promise}: of those raised {percent(rule.precision)} broke; of those that "
            f"broke {percent(rule.recall)} had been raised{hours}."
        )


def _cautions(ask: Ask, rules: Sequence[PromiseRule]) -> Iterator[Caution]:
    if ask.scope.where:
        yield Caution(code="of_the_slice", text="Past and open promises are those of the slice in view.")
    weak = [r.promise for r in rules if r.precision is not None and r.precision < 0.5]
    if weak:
        yield Caution(
            code="often_wrong",
            text=f"Of {listed(weak)}, fewer than half of those raised broke when tried; ask for a higher chance.",
        )
    silent = [r.promise for r in rules if not r.refused and r.recall is not None and r.recall < 0.05]
    if silent:
        yield Caution(
            code="seldom_told",
            text=f"Of {listed(silent)} hardly any break can be told beforehand from when such promises were kept.",
        )


def figure(finding: PromisesAhead) -> Figure | None:
    """How likely the open promises are to break, the most urgent first."""
    if not finding.rows:
        return None
    return group_bars(
        [
            GroupBar(label=f"{r.customer}: {r.promise} {r.about}", value=r.chance, note=f"due {r.due}")
            for r in finding.rows[:15]
        ],
        title=finding.answer, write=percent,
    )  # fmt: skip
