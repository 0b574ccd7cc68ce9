"""One customer: who they are, what they are worth, what waits for us, and everything said and done in one timeline."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from regard import wording
from regard.errors import BadInput, UnknownName
from regard.figures import Figure, TimelineMark, timeline
from regard.findings import Caution, Finding
from regard.periods import midnight, zone_of
from regard.questions import question
from regard.signals.ask import Ask
from regard.signals.rates import currencies, rate_at

LANES = ("did", "said", "asked", "bought", "promised", "met trouble", "we wrote", "we did")
FACTOR = {"month": 12, "quarter": 4, "year": 1}


class TimelineRow(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was said, done, met or promised."""

    at: Annotated[str, Meta(description="When, in the company's zone.")]
    lane: Annotated[str, Meta(description="did, said, asked, bought, promised, met trouble, we wrote, we did.")]
    what: Annotated[str, Meta(description="What, in a few words; events of one sitting are one row.")]
    words: Annotated[str, Meta(description="In the customer's own words, or the subject, reason or answer.")] = ""
    amount: Annotated[float | None, Meta(description="Score, money or failures, whichever the lane tells.")] = None
    unit: Annotated[str, Meta(description="Metric of the score or currency of the money.")] = ""
    state: Annotated[str, Meta(description="State: open, kept, late, broken, solved, as the lane has it.")] = ""
    key: Annotated[str, Meta(description="Key of the record.")] = ""
    instant: Annotated[str, Meta(description="When, UTC, to the second.")] = ""
    until: Annotated[str, Meta(description="When it ended or fell due, UTC, to the second.")] = ""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Something that waits for us."""

    what: Annotated[str, Meta(description="contact or promise.")]
    about: Annotated[str, Meta(description="Area and issue, or what was promised.")]
    words: Annotated[str, Meta(description="Subject, own words, or what it is about.")]
    since: Annotated[str, Meta(description="Since when.")]
    due: Annotated[str, Meta(description="Promised for; empty for contacts.")]
    overdue: Annotated[bool, Meta(description="Whether what was promised is past due.")]
    key: Annotated[str, Meta(description="Key of the record.")]


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A person of the account, or the account of the person."""

    id: Annotated[str, Meta(description="Id.")]
    name: Annotated[str, Meta(description="Name, if known.")]
    role: Annotated[str, Meta(description="Role in the account.")]
    email: Annotated[str, Meta(description="Mail address.")]
    account: Annotated[str, Meta(description="Account they belong to.")]


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """A contract as it stands."""

    contract: Annotated[str, Meta(description="Its id.")]
    plan: Annotated[str, Meta(description="What is subscribed to.")]
    state: Annotated[str, Meta(description="active or ended.")]
    amount: Annotated[float | None, Meta(description="Amount per billing period, in its own currency.")]
    every: Annotated[str, Meta(description="Billing period.")]
    currency: Annotated[str, Meta(description="Its currency.")]
    since: Annotated[str, Meta(description="First record of it.")]
    changed: Annotated[str, Meta(description="Last record of it.")]
    reason: Annotated[str, Meta(description="Last reason recorded.")]


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """A label of the customer."""

    name: Annotated[str, Meta(description="Name of the label.")]
    value: Annotated[str, Meta(description="Its value now.")]


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """Money of one month."""

    month: Annotated[str, Meta(description="YYYY-MM.")]
    ordered: Annotated[float | None, Meta(description="Orders less refunds, in the company's currency.")]


class Customer(Finding, frozen=True, kw_only=True):
    """One customer's record."""

    id: Annotated[str, Meta(description="The customer's id.")] = ""
    name: Annotated[str, Meta(description="Name.")] = ""
    kind: Annotated[str, Meta(description="account or person.")] = ""
    partner: Annotated[str, Meta(description="Partner through whom they came.")] = ""
    labels: Annotated[tuple[Label, ...], Meta(description="Labels as they are now.")] = ()
    value: Annotated[float | None, Meta(description="What they are worth, as declared.")] = None
    currency: Annotated[str, Meta(description="Currency of value and months.")] = ""
    since: Annotated[str, Meta(description="First signal.")] = ""
    last_seen: Annotated[str, Meta(description="Last signal.")] = ""
    last_score: Annotated[float | None, Meta(description="Last score given, as given.")] = None
    last_metric: Annotated[str, Meta(description="Its metric.")] = ""
    total: Annotated[int | None, Meta(description="Rows of the timeline there are; the table shows the newest.")] = None
    rows: Annotated[tuple[TimelineRow, ...], Meta(description="The timeline, newest first.")] = ()
    waiting: Annotated[
        tuple[Waiting, ...], Meta(description="Open contacts and promises, the longest waiting first.")
    ] = ()
    people: Annotated[tuple[Person, ...], Meta(description="The people of the account.")] = ()
    contracts: Annotated[tuple[Contract, ...], Meta(description="Contracts as they stand.")] = ()
    months: Annotated[tuple[Month, ...], Meta(description="What they ordered, by month.")] = ()
    merged: Annotated[tuple[str, ...], Meta(description="Ids that were merged into this customer.")] = ()


@question(title="One customer", needs=("event|order|subscription|contact|answer",))
def customer(
    *,
    ask: Ask,
    id: Annotated[  # noqa: A002 (what people call it)
        str, Meta(description="Id of the customer, of a person or account, a mail address, or the name.")
    ],
    limit: Annotated[
        int,
        Meta(
            description="Rows of the timeline: so many of what they did and we wrote, as many of all else.",
            ge=1,
            le=100_000,
        ),
    ] = 60,
    lane: Annotated[str, Meta(description="Only this lane of the timeline.")] = "",
) -> Customer:
    """Who is this customer, and what have they lived with us?"""
    if lane and lane not in LANES:
        raise UnknownName("lane", lane, LANES, where="lane")
    hash_ = _found(ask, id.strip())
    today = midnight(ask.view.last_day() + timedelta(days=1), zone_of(ask.scope.zone))
    given = {"customer": hash_, "today": today}
    who = ask.rows("customer_who.sql", **given, worth_days=ask.declarations.value.days)
    told = ask.rows("customer_timeline.sql", **given, lane=lane, most=limit)
    waiting = ask.rows("customer_open.sql", **given)
    details = ask.rows("list_details.sql", customers=[hash_])[0]
    labels = ask.rows("customer_labels.sql", **given)
    return _finding(ask, today, details, labels[0]["labels"] if labels else None, who, told, waiting)


def _found(ask: Ask, text: str) -> int:
    """The customer meant; exactly one.

    Raises:
        UnknownName: Nobody; the nearest are suggested.
        BadInput: Several; their ids are listed.
    """
    found = ask.rows("customer_find.sql", id=text) if text else []
    if not found:
        near = ask.rows("customer_near.sql", id=text)
        holding = [f"{r['id']} ({r['text']})" for r in near if r["holds"] and r["id"] != r["text"]]
        if text and holding:
            hint = f"Give the id of one who is called so: {wording.listed(holding, most=5)}."
            raise BadInput(f"Nobody is called {text!r} in full.", where="id", hint=hint)
        raise UnknownName("customer", text, [r["text"] for r in near], where="id")
    if len(found) > 1:
        ids = wording.listed([f"{r['id']} ({r['name']})" for r in found], most=6)
        raise BadInput(f"{len(found)} customers are called {text!r}.", where="id", hint=f"Give the id of one: {ids}.")
    return int(found[0]["customer"])


def _finding(  # noqa: PLR0917 - the parts in the order they were read
    ask: Ask,
    today: datetime,
    details: dict[str, Any],
    labels: str | None,
    who: list[dict[str, Any]],
    told: list[dict[str, Any]],
    waiting: list[dict[str, Any]],
) -> Customer:
    zone = ask.scope.zone
    contracts = [r for r in who if r["row"] == "contract"]
    value = _worth(ask, today, who)
    finding = Customer(
        answer="",
        id=details["id"] or "",
        name=details["name"] or details["id"] or "unknown",
        kind=details["kind"] or "",
        partner=details["partner"] or "",
        labels=_labels(labels),
        value=value,
        currency=ask.declarations.currency,
        since=wording.day(details["first_at"], zone),
        last_seen=wording.day(details["last_at"], zone),
        last_score=details["score"],
        last_metric=details["metric"] or "",
        total=told[0]["total"] if told else 0,
        rows=tuple(_row(r, zone) for r in told),
        waiting=tuple(_waits(r, today, zone) for r in waiting),
        people=tuple(
            sorted((_person(r) for r in who if r["row"] == "person"), key=lambda p: (p.role != "decision maker", p.id))
        ),
        contracts=tuple(_contract(r, zone) for r in contracts),
        months=tuple(Month(month=r["a"], ordered=r["x"]) for r in who if r["row"] == "month"),
        merged=tuple(r["a"] for r in who if r["row"] == "merged" and r["a"]),
    )
    shown, total = len(finding.rows), finding.total or 0
    cut = (Caution(code="cut_off", text=_cut(finding)),)
    return msgspec.structs.replace(
        finding,
        answer=_sentence(ask, finding),
        cautions=cut if total > shown else (),
        facts=_facts(finding),
        evidence=ask.evidence(
            n=total, customers=1, complete="everything in the log that carries one of this customer's ids"
        ),
    )


def _cut(found: Customer) -> str:
    """Which rows are left out; what they did is many, all else is telling."""
    shown = f"{wording.number(len(found.rows))} of {wording.number(found.total)} rows are shown"
    return f"{shown}: the newest of what they did and we wrote, and the newest of all else."


def _worth(ask: Ask, today: datetime, who: list[dict[str, Any]]) -> float | None:
    declared = ask.declarations
    if declared.value.kind == "trailing":
        return float(next((r["x"] for r in who if r["row"] == "orders"), None) or 0.0)
    if declared.value.kind is None:
        return None
    rates = {name: rate_at(declared, name, today) for name in currencies(declared)}
    total = 0.0
    for row in who:
        if row["row"] == "contract" and row["b"] != "end":
            rate = 1.0 if not declared.currency else rates.get(row["e"])
            total += (row["x"] or 0.0) * FACTOR.get(row["d"] or "", 0) * (rate or 0.0)
    return total


def _labels(text: str | None) -> tuple[Label, ...]:
    try:
        found = msgspec.json.decode(text) if text else {}
    except msgspec.DecodeError:
        return ()
    if not isinstance(found, dict):
        return ()
    return tuple(Label(name=str(k), value=str(v)) for k, v in sorted(found.items()))


def _row(row: dict[str, Any], zone: str) -> TimelineRow:
    what = wording.title(row["what"] or "")
    if row["lane"] == "did" and row["n"] > 1:
        took = (row["until"] - row["at"]).total_seconds()
        others = f", mostly {wording.title(row['what'])}" if row["names"] > 1 else f": {wording.title(row['what'])}"
        what = f"{wording.count(row['n'], 'event')} in {wording.duration(max(took, 1))}{others}"
    elif row["currency"] == "failures":
        what = f"{_watched(what)} failed {_so_often(row['amount'])}"
    elif row["n"] > 1:
        what = f"{what} ({wording.number(row['n'])})"
    return TimelineRow(
        at=wording.moment(row["at"], zone),
        lane=row["lane"],
        what=what,
        words=row["words"] or "",
        amount=row["amount"],
        unit=row["currency"] or "",
        state=row["state"] or "",
        key=row["key"] or "",
        instant=row["at"].isoformat(timespec="seconds") if row["at"] else "",
        until=row["until"].isoformat(timespec="seconds") if row["until"] else "",
    )


def _watched(name: str) -> str:
    """What a reading watches: of `oven_link_ok`, the oven link."""
    return re.sub(r" (ok|success|successful|succeeded|good)$", "", name, flags=re.IGNORECASE)


def _so_often(n: float) -> str:
    return {1.0: "once", 2.0: "twice"}.get(n) or wording.times(n)


def _waits(row: dict[str, Any], today: datetime, zone: str) -> Waiting:
    return Waiting(
        what=row["what"],
        about=row["about"] or "",
        words=row["words"] or "",
        since=wording.day(row["since"], zone),
        due=wording.moment(row["due"], zone) if row["due"] else "",
        overdue=bool(row["due"] and row["due"] < today),
        key=row["key"],
    )


def _person(row: dict[str, Any]) -> Person:
    return Person(
        id=row["a"] or "", name=row["b"] or "", role=row["c"] or "", email=row["d"] or "", account=row["e"] or ""
    )


def _contract(row: dict[str, Any], zone: str) -> Contract:
    return Contract(
        contract=row["a"] or "",
        plan=row["c"] or "",
        state="ended" if row["b"] == "end" else "active",
        amount=row["x"],
        every=row["d"] or "",
        currency=row["e"] or "",
        since=wording.day(row["at"], zone),
        changed=wording.day(row["until"], zone),
        reason=row["f"] or "",
    )


def _sentence(ask: Ask, found: Customer) -> str:
    worth = ""
    if found.value is not None:
        per = " a year" if ask.declarations.value.kind == "recurring" else ""
        worth = f", worth {wording.money(found.value, found.currency)}{per}"
    wait = f"; {wording.count(len(found.waiting), 'thing')} open with us" if found.waiting else ""
    return f"{found.name}: with us since {found.since}, last seen {found.last_seen}{worth}{wait}."


def _facts(found: Customer) -> tuple[str, ...]:
    told = []
    late = [w for w in found.waiting if w.overdue]
    if late:
        told.append(
            f"{wording.count(len(late), 'promise')} past due: {wording.listed([w.about for w in late], most=3)}."
        )
    voice = next((r for r in found.rows if r.lane == "said" and r.words), None)
    if voice:
        scored = f", {_scored(voice.amount, voice.unit)}" if voice.amount is not None else ""
        told.append(f"{wording.quote(voice.words)} ({voice.at.partition(',')[0]}{scored})")
    if found.people and found.kind == "account":
        names = [f"{p.name or p.id}{f' ({p.role})' if p.role else ''}" for p in found.people]
        told.append(f"We know {wording.listed(names, most=3)} there.")
    return tuple(told[:3])


def _scored(score: float, metric: str) -> str:
    """A score with its metric: `NPS 9`, `4 stars`."""
    number = wording.number(score)
    return wording.count(score, "star") if metric == "stars" else f"{metric.upper()} {number}".lstrip()


def figure(finding: Customer) -> Figure | None:
    """The timeline in lanes."""
    if not finding.rows:
        return None
    marks = [
        TimelineMark(
            lane=row.lane,
            at=_instant(row.instant),
            until=_instant(row.until) if row.until and row.lane != "promised" else None,
            label="" if row.lane in {"did", "we wrote"} else row.what,
            tone="bad" if row.lane == "met trouble" or row.state in {"broken", "late", "open"} else "",
            tip=": ".join(x for x in (row.at, row.what, wording.truncated(row.words, 120)) if x),
        )
        for row in finding.rows
        if row.instant
    ]
    lanes = [lane for lane in LANES if any(m.lane == lane for m in marks)]
    return timeline(marks, lanes, title=finding.answer, begins=_begins(finding))


def _begins(found: Customer) -> dict[str, str]:
    """Lanes whose older marks are left out, with the month they begin: an empty lane must not read as nothing done."""
    oldest = next((r for r in reversed(found.rows) if r.lane == "did" and r.instant), None)
    cut = (found.total or 0) > len(found.rows) and oldest and oldest.instant > found.rows[-1].instant
    return {"did": f"since {wording.month(_instant(oldest.instant), year=True)}"} if oldest and cut else {}


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
