"""Disruptions: which customers are worse off than their own past now, though the total may be green.

Every declared indicator and every promise is searched over all combinations of the declared dimensions, by customers
and not by requests: the last 24 hours against the days before, and the last seven days against the weeks before.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from regard import wording
from regard.errors import BadInput, Refusal, UnknownName
from regard.figures.bars import GroupBar, group_bars
from regard.figures.line import Notch, Point, banded_line
from regard.questions import question
from regard.reliability import disruptions_told as words
from regard.reliability.behind_subsets import Found, people, since_then
from regard.reliability.concerned import LINGERS
from regard.reliability.cubed import DAY, WEEK, Read, ends, read
from regard.reliability.detectors import Looking, detector
from regard.reliability.disrupted import looks, subsets
from regard.reliability.disruption_rows import ChangedRow, DisruptedCustomer, Disruptions
from regard.reliability.raised import MOST_CUSTOMERS, AtStake, Certainty, Raised, Who, key
from regard.signals.ask import Ask
from regard.wording import percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regard.figures.figure import Figure
    from regard.reliability.disrupted import Subset

LISTED, MOST_TOLD = 50, 3
LENGTHS = {"": (DAY, WEEK), "day": (DAY,), "week": (WEEK,)}


@question(title="Disruptions", needs=("event|telemetry|promise",))
def disruptions(
    *,
    ask: Ask,
    indicator: Annotated[str, Meta(description="Only this indicator or promise.")] = "",
    dims: Annotated[
        str, Meta(description="Dimensions whose combinations are searched: region,version; empty: all declared.")
    ] = "",
    now: Annotated[
        Literal["", "day", "week"],
        Meta(description="What now is: the last 24 hours, the last 7 days, or (empty) both."),
    ] = "",
    depth: Annotated[int, Meta(description="Most dimensions that name a subset.", ge=1, le=5)] = 3,
    false_alarms: Annotated[
        float, Meta(description="False alarms a month that are accepted, over everything looked at.", gt=0, le=100)
    ] = 1.0,
    limit: Annotated[int, Meta(description="Customers listed.", ge=1, le=100_000)] = LISTED,
) -> Disruptions:
    """Who is disrupted now, though the total may be green: which customers, since when, and what is at stake?"""
    found = find(ask, indicator=indicator, dims=dims, lengths=LENGTHS[now], depth=depth, rate=false_alarms)
    groups = found.causes
    hit = sorted({int(c) for group in groups for one in group for c in one.hit})
    value = found.people.worth_of(hit)
    told = [look for look in found.looked if not look.refused]
    changed = tuple(row for group in groups[:MOST_TOLD] for row in _changed(ask, found, group[0]))
    return Disruptions(
        answer=words.sentence(ask, found, groups), found=len(groups), disrupted=len(hit) if told else None,
        value=value if groups else None, currency=ask.declarations.currency, stated=false_alarms,
        until=wording.moment(found.seen.end, ask.scope.zone),
        combinations=sum(len(x.cube) for x in told if x.cube is not None) if told else None,
        rows=tuple(words.rows(ask, found, false_alarms)), changed=changed,
        who=tuple(_who(found, groups, limit)), least=tuple(words.least(told)),
        looked=tuple(words.looked(found.looked, found.subsets)), points=tuple(words.points(ask, found.subsets)),
        refused="" if told else words.refusal(found.looked),
        next_step=words.next_step(found, groups), facts=tuple(words.facts(ask, found, groups, changed))[:3],
        cautions=tuple(words.cautions(ask, found)),
        evidence=ask.evidence(
            n=sum(len(m.total) for m in found.seen.met), kind="estimated", method=words.METHOD,
            customers=len({int(c) for m in found.seen.met for c in set(m.customer[m.age < WEEK].tolist())}),
        ),
    )  # fmt: skip


def find(ask: Ask, *, indicator: str = "", dims: str = "", lengths: tuple[int, ...] = (DAY, WEEK), depth: int = 3,
         rate: float = 1.0, moment: datetime | None = None) -> Found:  # fmt: skip
    """Look at every indicator and promise of the workspace.

    Args:
        ask: What may be looked at; its period's last day is now.
        indicator: Only this one.
        dims: Names of dimensions with commas between; empty takes all declared.
        lengths: Lengths of now in days: 1, 7 or both.
        depth: Most dimensions that name a subset.
        rate: False alarms a month that are accepted over all looks.
        moment: Nothing after this is looked at, UTC.

    Raises:
        UnknownName: No such indicator, promise or dimension.
        Refusal: Nothing to look at.
    """
    names = _dims(ask, dims)
    last = ask.rows("watch_end.sql")[0]["last"]
    due = ask.count("promise") > 0
    end = ends(ask.scope.until if last is None and due else last, ask.scope.until, moment)
    if end is None or not (ask.declarations.indicators or due):
        raise Refusal(
            "There is no indicator and no promise that could break.",
            hint="Declare an indicator (what is attempted, and when it went well), or import promises.",
        )
    seen = ask.view.once(
        ("disruptions", end, names, tuple(sorted(ask.scope.where.items()))),
        lambda: read(ask, dims=names, end=end, indicators=bool(ask.declarations.indicators), promises=due),
    )
    if indicator:
        chosen = tuple(m for m in seen.met if indicator in {m.name, wording.plainly(m.name)})
        if not chosen:
            raise UnknownName("indicator or promise", indicator, [m.name for m in seen.met], where="indicator")
        seen = Read(end=seen.end, dims=seen.dims, labels=seen.labels, met=chosen, left_out=seen.left_out)
    looked = looks(seen, lengths=lengths, depth=depth, rate=rate)
    held = subsets(seen, looked)
    return Found(seen=seen, looked=looked, subsets=held, people=people(ask, held))


def _dims(ask: Ask, given: str) -> tuple[str, ...]:
    declared = [d.name for d in ask.declarations.dimensions]
    if not given.strip():
        ask.need("dimensions", "they say what customers are cut by, such as region, plan and version.")
        return tuple(declared)
    names = tuple(dict.fromkeys(n.strip() for n in given.split(",") if n.strip()))
    for name in names:
        if name not in declared:
            raise UnknownName("dimension", name, declared, where="dims")
    if not names:
        raise BadInput("No dimension is named.", where="dims", hint="Such as --dims region,version.")
    return names


def _who(found: Found, groups: Sequence[Sequence[Subset]], limit: int) -> Iterator[DisruptedCustomer]:
    rows = [(one, int(c)) for group in groups for one in group[:1] for c in one.hit]
    rows.sort(key=lambda r: (-found.people.worth.get(r[1], 0.0), found.people.names.get(r[1], ("", ""))))
    for one, customer in rows[:limit]:
        name, id_ = found.people.names.get(customer, ("unknown", ""))
        own = (one.met.customer == customer) & (one.met.age < one.counted.days)
        total, good = float(one.met.total[own].sum()), float(one.met.good[own].sum())
        yield DisruptedCustomer(
            name=name, id=id_, subset=words.told(one.where), indicator=wording.plainly(one.met.name), attempts=total,
            failed=max(total - good, 0.0), value=found.people.worth.get(customer) if found.people.valued else None,
        )  # fmt: skip


def _changed(ask: Ask, found: Found, one: Subset) -> Iterator[ChangedRow]:
    for each in since_then(ask, found.seen, one):
        yield ChangedRow(
            subset=words.told(one.where), kind=each.kind, what=each.what, before=each.before, since=each.since,
            q=each.q, when=wording.day(each.when, ask.scope.zone) if each.when else "",
        )  # fmt: skip


@detector(
    title="Disrupted subsets", kinds=("disruption",), needs=("event|telemetry|promise", "dimensions"), lingers=LINGERS
)
def disrupted(*, looking: Looking) -> Iterator[Raised]:
    """Every subset of customers that is worse off than its own past: one cause for mostly the same customers."""
    ask = looking.rows()
    found = find(ask, moment=looking.now.astimezone(UTC).replace(tzinfo=None))
    told = [look for look in found.looked if not look.refused]
    if not told:
        raise Refusal(words.refusal(found.looked), hint="Ask again when more days have come in.")
    looking.say(words.would(ask, told) if not found.causes else "")
    for group in found.causes:
        yield _raised(ask, found, group)


def _raised(ask: Ask, found: Found, group: Sequence[Subset]) -> Raised:
    first, who = group[0], found.people
    ids = sorted((int(c) for c in first.hit), key=lambda c: (-who.worth.get(c, 0.0), who.names.get(c, ("", ""))))
    slice_ = {name: " or ".join(values) for name, values in first.where.items()}
    value = who.worth_of(ids)
    return Raised(
        cause=key("disruption", wording.plainly(first.met.name), slice_), kind="disruption",
        who=Who(words=words.people(ask, first), count=len(ids), slice=slice_,
                customers=tuple(who.names[c][1] for c in ids[:MOST_CUSTOMERS] if c in who.names)),
        what=words.trouble(first), since=first.since.replace(tzinfo=UTC),
        at_stake=None if not value else AtStake(words=words.stake(ask, value), amount=value,
                                                currency=ask.declarations.currency),
        certainty=Certainty(words=words.certainty(found, first), chance=None),
        also=tuple(words.also(group, tuple(_changed(ask, found, first))))[:5],
        next_step=words.advice(first),
        evidence={
            "question": "reliability/disruptions", "arguments": {"indicator": first.met.name},
            "where": words.filters(first.where), "disrupted": len(ids), "customers": len(first.customers),
            "expected": first.due, "since_low": first.since_low.isoformat(), "since_high": first.since_high.isoformat(),
        },
    )  # fmt: skip


def figure(finding: Disruptions) -> Figure | None:
    """The largest subset by day, with what was usual; where there is none, every indicator now."""
    if finding.rows and finding.points:
        first = finding.rows[0]
        own = [p for p in finding.points if (p.subset, p.indicator) == (first.subset, first.indicator)]
        shown = [Point(label=p.day.rpartition(" ")[0], value=p.rate, low=p.low, high=p.high) for p in own]
        usual = [Point(label=p.label, value=first.usual) for p in shown]
        begun = [i for i, p in enumerate(own) if p.since]
        events = [Notch(at=begun[0] - 0.5, label="began")] if begun and begun[0] else []
        alt = f"Share of {first.subset} not served well by {first.indicator}, by day."
        return banded_line(shown, title=finding.answer, alt=alt, before=usual, before_name="usual", events=events,
                           write=percent, write_axis=percent)  # fmt: skip
    last = words.NOW[WEEK] if any(x.now == words.NOW[WEEK] for x in finding.looked) else words.NOW[DAY]
    bars = [
        GroupBar(label=r.indicator, value=r.rate, low=r.rate_low, high=r.rate_high, note=f"before {percent(r.before)}",
                 marked="bad" if r.total == "red" else "")
        for r in finding.looked
        if r.rate is not None and r.now == last
    ]  # fmt: skip
    if not bars:
        return None
    return group_bars(bars, title=finding.answer, write=percent, alt=f"Share not served well by indicator, {last}.")
