"""Verbatims: what customers said, in their own words, by score, area, issue or a word."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from regard.errors import Refusal, UnknownName
from regard.findings import Finding
from regard.listening.rules import NAMED, rule_of
from regard.questions import question
from regard.signals.ask import Ask
from regard.wording import Words, count, number, quote

CLASSES = {"low": -1, "middle": 0, "high": 1}
KINDS = ("answer", "review", "contact")


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What one customer said once."""

    verbatim: Annotated[str, Meta(description="In their own words; the subject line where there are none.")]
    name: Annotated[str, Meta(description="Name of the customer.")] = ""
    customer: Annotated[str, Meta(description="Id of the customer.")] = ""
    score: Annotated[float | None, Meta(description="The score given with it.")] = None
    group: Annotated[str, Meta(description="What the score counts as: detractor, satisfied, low.")] = ""
    metric: Annotated[str, Meta(description="nps, csat, ces, stars or the company's own.")] = ""
    kind: Annotated[str, Meta(description="answer, review or contact.")] = ""
    place: Annotated[str, Meta(description="The survey or channel.")] = ""
    part: Annotated[str, Meta(description="The part of the experience it is about.")] = ""
    area: Annotated[str, Meta(description="Area of a contact.")] = ""
    issue: Annotated[str, Meta(description="Issue of a contact.")] = ""
    slice: Annotated[str, Meta(description="Value of the chosen dimension.")] = ""
    at: Annotated[datetime | None, Meta(description="When, UTC.")] = None


class Verbatims(Finding, frozen=True, kw_only=True):
    """What customers said."""

    n: Annotated[int, Meta(description="Verbatims that fit.")] = 0
    customers: Annotated[int, Meta(description="Customers who said them.")] = 0
    q: Annotated[str, Meta(description="The words searched for.")] = ""
    rows: Annotated[tuple[Said, ...], Meta(description="The latest of them.")] = ()


@question(title="Verbatims", needs=("answer|review|contact",))
def verbatims(
    *,
    ask: Ask,
    q: Annotated[str, Meta(description="Words to search for, in any case.")] = "",
    group: Annotated[str, Meta(description="low, middle or high, or by name: detractor, promoter, satisfied.")] = "",
    metric: Annotated[str, Meta(description="nps, csat, ces, stars or your own; default all.")] = "",
    survey: Annotated[str, Meta(description="One survey or channel only.")] = "",
    part: Annotated[str, Meta(description="One part of the experience only.")] = "",
    area: Annotated[str, Meta(description="One area of contacts only.")] = "",
    issue: Annotated[str, Meta(description="One issue of contacts only.")] = "",
    kind: Annotated[str, Meta(description="answer, review or contact; default all.")] = "",
    slice: Annotated[str, Meta(description="One slice of the chosen grouping only.")] = "",  # noqa: A002
    limit: Annotated[int, Meta(description="How many to show.", ge=1, le=1000)] = 50,
) -> Verbatims:
    """What do customers say, in their own words?"""
    if not any(ask.count(k) for k in KINDS):
        raise Refusal(
            "Nothing customers said has been received yet.",
            hint="Import answers, reviews or contacts with a verbatim column: regard import FILE.",
        )
    if kind and kind not in KINDS:
        raise UnknownName("kind of verbatim", kind, KINDS, where="kind")
    named, metric = _class(group, metric)
    rows = ask.rows(
        "verbatims.sql", q=q.strip(), **{"class": named}, metric=metric.lower(), survey=survey, part=part, area=area,
        issue=issue, kind=kind, slice=slice, most=limit,
    )  # fmt: skip
    n, customers = (rows[0]["total"], rows[0]["customers"]) if rows else (0, 0)
    return Verbatims(
        answer=_sentence(ask, rows, n, customers, q=q, group=group), n=n, customers=customers, q=q,
        rows=tuple(_said(r) for r in rows),
        next_step="" if rows else "Widen the period, or take a filter away.",
        evidence=ask.evidence(n=n, customers=customers, kind="counted", method="All that fit, newest first."),
    )  # fmt: skip


def _class(group: str, metric: str) -> tuple[str, str]:
    """low, middle or high, by the class's own name too; a name belongs to its metric.

    Raises:
        UnknownName: No such class.
    """
    wanted = group.strip().lower()
    if wanted in CLASSES or not wanted:
        return wanted, metric
    for rule in NAMED.values():
        for i, name in enumerate(("low", "middle", "high")):
            if wanted in {rule.classes[i], f"{rule.classes[i]}s"} and metric.lower() in {"", rule.metric}:
                return name, metric or rule.metric
    names = [*CLASSES, *(c for r in NAMED.values() for c in r.classes)]
    raise UnknownName("group of scores", group, set(names), where="group")


def _said(row: dict[str, Any]) -> Said:
    group = rule_of(row["metric"]).classes[CLASSES[row["class"]] + 1] if row["class"] else ""
    return Said(
        verbatim=row["verbatim"], name=row["name"] or "", customer=row["id"] or "", score=row["score"], group=group,
        metric=row["metric"], kind=row["kind"], place=row["place"], part=row["part"], area=row["area"],
        issue=row["issue"], slice="" if row["slice"] == "all" else row["slice"], at=row["at"],
    )  # fmt: skip


def _sentence(ask: Ask, rows: list[dict[str, Any]], n: int, customers: int, *, q: str, group: str) -> str:
    about = f" with {quote(q, 40)}" if q.strip() else ""
    who = f" from {group.strip().lower()} scores" if group.strip().lower() in CLASSES else ""
    who = f" from {rows[0]['class'] and _said(rows[0]).group}s" if group and not who and rows else who
    if not rows:
        return f"Nobody said anything{about}{who} here."
    words = Words(ask.declarations.called, ask.declarations.called_many)
    newest = rows[0]
    name = newest["name"] or newest["id"] or "somebody"
    heard = f"{count(n, 'verbatim')}{who}{about} by {words.count(customers)}"
    return f"{heard}; the latest, by {name}: {quote(newest['verbatim'], 120)}" if n else number(n)
