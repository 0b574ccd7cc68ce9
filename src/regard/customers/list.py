"""Show the customers: those behind any number, most valuable first, found by name or id."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from regard import wording
from regard.customers.movements import Movements, movements
from regard.errors import BadInput, MissingDeclaration, UnknownName
from regard.findings import Caution, Finding
from regard.journey.aftermath import TOLD as RUBBED
from regard.journey.aftermath import behind_friction
from regard.journey.behind import TOLD as WALKED
from regard.journey.behind import behind, behind_stage
from regard.journey.promises import zone_steps
from regard.journey.returns import TOLD as RETURNED
from regard.journey.returns import behind_cell
from regard.listening.reading import TOLD as READ
from regard.listening.reading import behind_views
from regard.questions import question
from regard.signals.ask import Ask

Who = Literal[
    "all", "base", "opening", "new", "returned", "moved in", "moved out", "lost", "grown", "shrunk", "exchange",
    "promoters", "passives", "detractors", "broken-promise", "promise-at-risk", "contacted", "waiting", "met-error",
    "ordered", "stage", "did", "walked", "reached", "took", "way", "lived", "came-back", "stayed-away",
    "asked-anyway", "did-not-ask", "met-friction",
]  # fmt: skip
LINES = ("opening", "new", "returned", "moved in", "moved out", "lost", "grown", "shrunk", "exchange")
STEPPED = WALKED | RETURNED | READ | RUBBED
"""Groups that are told by the steps their customers took."""
NEAR = 1000
"""Customers found by a search that are valued, at least."""

TOLD = {
    "all": "Known",
    "base": "In the base at the end of the period",
    "opening": "In the base when the period began",
    "new": "Came for the first time",
    "returned": "Came back",
    "moved in": "Moved in from another slice",
    "moved out": "Moved to another slice",
    "lost": "Left",
    "grown": "Stayed and grew",
    "shrunk": "Stayed and shrank",
    "exchange": "Worth something else by exchange rates",
    "promoters": "Gave a high score",
    "passives": "Gave a middling score",
    "detractors": "Gave a low score",
    "broken-promise": "Had a promise broken",
    "promise-at-risk": "Wait for something due in the next 3 days",
    "contacted": "Contacted us",
    "waiting": "Wait for a contact to be solved",
    "met-error": "Met an error",
    "ordered": "Ordered",
}


class CustomerLine(msgspec.Struct, frozen=True, kw_only=True):
    """One customer in a list."""

    name: Annotated[str, Meta(description="Name, or the id where none is known.")]
    id: Annotated[str, Meta(description="The customer's id.")]
    kind: Annotated[str, Meta(description="account or person.")]
    value: Annotated[
        float | None, Meta(description="Value at the end of the period; for who left, what they were worth.")
    ]
    since: Annotated[str, Meta(description="Day of the first signal.")]
    last_seen: Annotated[str, Meta(description="Day of the last signal.")]
    score: Annotated[float | None, Meta(description="Last score given, as given.")]
    metric: Annotated[str, Meta(description="The metric of that score.")]
    open_contacts: Annotated[int, Meta(description="Contacts not solved.")]
    partner: Annotated[str, Meta(description="Partner through whom they came.")] = ""


class CustomerList(Finding, frozen=True, kw_only=True):
    """The customers behind a number."""

    total: Annotated[int | None, Meta(description="How many there are; the table shows the first of them.")] = None
    value: Annotated[float | None, Meta(description="Value of all of them.")] = None
    currency: Annotated[str, Meta(description="Currency of every value.")] = ""
    rows: Annotated[tuple[CustomerLine, ...], Meta(description="Customers, closest match or most valuable first.")] = ()


@question(title="Customers", needs=("event|order|subscription|contact|answer",))
def customer_list(
    *,
    ask: Ask,
    who: Annotated[
        Who, Meta(description="Which customers: those of a ledger line, of a score, of a stage, or all.")
    ] = "all",
    q: Annotated[str, Meta(description="Only those whose name, mail or id holds this text.")] = "",
    stage: Annotated[str, Meta(description="For who = stage: name of the stage.")] = "",
    moment: Annotated[str, Meta(description="For who = stage: only this moment of it.")] = "",
    path: Annotated[
        str,
        Meta(
            description="For who = did, walked, reached, took, way: the step, or several: A → B; (stops) may end it. "
            "For came-back, stayed-away: what begins → what counts; for asked-anyway, did-not-ask: the article; for "
            "met-friction: error: STEP; for lived: the stage."
        ),
    ] = "",
    window: Annotated[
        str,
        Meta(
            description="For who = walked, reached: how long after the first step the others count; for took: how "
            "long before the end of the period; for way: as journey/variants was asked: 2h, 7d."
        ),
    ] = "",
    cohort: Annotated[
        str, Meta(description="For who = came-back, stayed-away: a cell of journey/retention: week 2026-08-31 + 3.")
    ] = "",
    start: Annotated[str, Meta(description="For who = way: the step journeys begin with; empty for any.")] = "",
    target: Annotated[str, Meta(description="For who = way: the step they end with; empty for any.")] = "",
    metric: Annotated[
        str, Meta(description="For promoters, passives and detractors: the metric; empty takes the declared one.")
    ] = "",
    limit: Annotated[int, Meta(description="Rows shown.", ge=1, le=1_000_000)] = 50,
    skip: Annotated[int, Meta(description="Rows passed over, to read on.", ge=0)] = 0,
) -> CustomerList:
    """Who are the customers behind this number?"""
    if who == "stage":
        _known_place(ask, stage, moment)
    rule, typed = ask.declarations.base.lost is not None, bool(q.strip()) and who == "all"
    moved = movements(ask) if rule and not typed else None
    if who in STEPPED:
        ids = _stepped(
            ask, who, {"path": path, "window": window, "cohort": cohort, "start": start, "target": target}, moved
        )
        seen = np.zeros(len(ids))
    else:
        given = {"stage": stage, "moment": moment, "metric": metric or ask.declarations.metric or "nps"}
        ids, seen = _group(ask, who, moved, given)
    ids, seen, rank = _searched(ask, q, ids, seen) if q.strip() else (ids, seen, np.zeros(len(ids), dtype=np.int64))
    total = len(ids)
    if rule and typed:
        # Who types a name waits for each letter: only the nearest are valued.
        near = np.sort(np.lexsort((ids, -seen, rank))[: max(limit + skip, NEAR)])
        ids, seen, rank = ids[near], seen[near], rank[near]
        moved = movements(ask, only=ids.tolist())
    values = _values(moved, ids, who)
    shown = np.lexsort((ids, -seen, -np.nan_to_num(values), rank))[skip : skip + limit]
    worth = ask.declarations.value.kind is not None and moved is not None
    rows = tuple(_lines(ask, ids[shown], values[shown], worth=worth))
    group = (
        f"{STEPPED[who]} {cohort or path}"
        if who in STEPPED
        else f"Seen at {stage}{': ' if moment else ''}{moment}"
        if who == "stage"
        else TOLD[who]
    )
    return _finding(ask, group, q, rows, total, float(np.nansum(values)) if worth and len(ids) == total else None)


def _stepped(ask: Ask, who: str, given: dict[str, str], moved: Movements | None) -> NDArray[Any]:
    """Ids of those told by the steps they took."""
    if who == "lived":
        return behind_stage(ask, given["path"])
    if who in RETURNED:
        return behind_cell(ask, who, given["path"], given["cohort"])
    if who in RUBBED:
        return behind_friction(ask, given["path"], given["window"])
    if who in READ:
        return behind_views(ask, who, given["path"], given["window"])
    ids = behind(ask, who, given["path"], given["window"], ends=(given["start"], given["target"]))
    if who == "took" and moved is not None:
        here = moved.column("customer")[moved.line_of()["closing"]]
        ids = np.intersect1d(ids, here, assume_unique=True)
    return ids


def _known_place(ask: Ask, stage: str, moment: str) -> None:
    stages = {s.name: s for s in ask.declarations.stages}
    if stage not in stages:
        raise UnknownName("stage", stage, stages, where="stage")
    moments = [m.name for m in stages[stage].moments]
    if moment and moment not in moments:
        raise UnknownName("moment", moment, moments, where="moment")


def _group(ask: Ask, who: str, moved: Movements | None, given: dict[str, str]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Ids of the group, sorted, and when each was last so."""
    if who in LINES or who == "base":
        if moved is None:
            raise MissingDeclaration("base.lost", "it says when a customer is lost.")
        mask = moved.line_of()["closing" if who == "base" else who]
        ids = moved.column("customer")[mask]
        return ids, np.zeros(len(ids))
    table = ask.table("list_groups.sql", who=who, **given, **zone_steps(ask))
    return table.column("customer").to_numpy(), table.column("at").cast("int64").fill_null(0).to_numpy().astype(float)


def _searched(ask: Ask, q: str, ids: NDArray[Any], seen: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    plain = "".join(c for c in unicodedata.normalize("NFD", q.strip()) if not unicodedata.combining(c)).lower()
    if not plain:
        raise BadInput(f"{q!r} holds nothing to search for.", where="q")
    table = ask.table("list_search.sql", q=plain)
    hits, rank = table.column("customer").to_numpy(), table.column("rank").to_numpy()
    both, here, there = np.intersect1d(ids, hits, assume_unique=True, return_indices=True)
    return both, seen[here], rank[there]


def _values(moved: Movements | None, ids: NDArray[Any], who: str) -> NDArray[Any]:
    """Value of each customer at the closing; for who left, at the opening or when they left."""
    values = np.full(len(ids), np.nan)
    if moved is None or not len(moved.table):
        return values
    known = moved.column("customer")
    worth = np.where(moved.column("at_closing"), moved.column("closing"), 0.0)
    if who in {"lost", "moved out", "opening"}:
        worth = np.where(moved.column("at_opening"), moved.column("opening"), moved.column("leaving"))
    at = np.searchsorted(known, ids)
    found = (at < len(known)) & (known[np.minimum(at, len(known) - 1)] == ids)
    values[found] = worth[at[found]]
    return values


def _lines(ask: Ask, ids: NDArray[Any], values: NDArray[Any], *, worth: bool) -> Iterator[CustomerLine]:
    if not len(ids):
        return
    zone = ask.scope.zone
    details = {r["customer"]: r for r in ask.rows("list_details.sql", customers=ids.tolist())}
    for customer, value in zip(ids.tolist(), values.tolist(), strict=True):
        if row := details.get(customer):
            yield CustomerLine(
                name=row["name"] or row["id"] or "unknown",
                id=row["id"] or "",
                kind=row["kind"] or "",
                value=float(value) if worth and np.isfinite(value) else None,
                since=wording.day(row["first_at"], zone),
                last_seen=wording.day(row["last_at"], zone),
                score=row["score"],
                metric=row["metric"] or "",
                open_contacts=row["waiting"],
                partner=row["partner"] or "",
            )


def _finding(  # noqa: PLR0917 - what was asked, then what was found
    ask: Ask, group: str, q: str, rows: tuple[CustomerLine, ...], total: int, value: float | None
) -> CustomerList:
    declared = ask.declarations
    words = wording.Words(declared.called, declared.called_many)
    named = f" called {wording.quote(q.strip(), 40)}" if q.strip() else ""
    money = f", worth {wording.money(value, declared.currency)}" if value else ""
    cautions = []
    if total > len(rows):
        cautions.append(Caution(code="cut_off", text=f"{wording.number(len(rows))} of {words.count(total)} are shown."))
    return CustomerList(
        answer=f"{group}: {words.count(total)}{named}{money}.",
        total=total,
        value=value,
        currency=declared.currency,
        rows=rows,
        cautions=tuple(cautions),
        next_step="" if total else "Widen the period or the filters, or search for fewer letters.",
        evidence=ask.evidence(
            n=total, customers=total, complete="signals without a known customer belong to nobody here"
        ),
    )
