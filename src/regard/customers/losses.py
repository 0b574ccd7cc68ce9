"""Money behind dissatisfied customers: the value of orders scored low, and who has more than their share of it.

What is lost most is ranked by the plain sum. Whether a slice does worse than the whole is another question: its share
of low orders is drawn towards the overall one by how little it tells and tested with all slices accounted for
(`statistics.excess`), so that a seller of three orders does not lead by chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta

from regard import wording
from regard.errors import Refusal
from regard.figures import Figure, GroupBar, group_bars
from regard.findings import Caution, Finding, Interval
from regard.questions import question
from regard.signals.ask import Ask
from regard.signals.voices import Count
from regard.statistics.excess import Excess, excess

CLAIMED = 0.05


class LossRow(msgspec.Struct, frozen=True, kw_only=True):
    """Order value scored low in one slice."""

    slice: Annotated[str, Meta(description="The slice: a seller, category, state.")]
    low_value: Annotated[
        float, Meta(description="Value of orders scored low; weighted where the log is a weighted sample.")
    ]
    low_value_unweighted: Annotated[float | None, Meta(description="The same without weights, where weights differ.")]
    low_share: Annotated[float | None, Meta(description="Of the value of scored orders, the share scored low.")]
    excess_value: Annotated[
        float | None,
        Meta(description="More low value than the overall rate explains, after shrinkage; negative: less."),
    ]
    beyond_chance: Annotated[
        bool,
        Meta(description="Whether the rate of low orders is above the whole's, all slices accounted for (q ≤ 0.05)."),
    ]
    low_rate: Annotated[float | None, Meta(description="Of the scored orders, the share scored low, as observed.")]
    shrunk_rate: Annotated[
        float | None, Meta(description="That share drawn towards the whole's by how little the slice tells.")
    ]
    shrunk_interval: Annotated[Interval | None, Meta(description="Interval of the shrunk rate, as a share.")]
    q: Annotated[float | None, Meta(description="p-value with all slices accounted for; none under 5 scored orders.")]
    least_rate: Annotated[
        float | None,
        Meta(description="Smallest rate that would be called beyond chance in four of five cases; none: not tested."),
    ]
    low_orders: Annotated[int, Meta(description="Orders scored low.")]
    low_customers: Annotated[int, Meta(description="Customers who scored an order low, each once.")]
    rated_orders: Annotated[int, Meta(description="Orders with a score.")]
    orders: Annotated[int, Meta(description="Orders.")]
    customers: Annotated[int, Meta(description="Customers who ordered.")]
    value: Annotated[float, Meta(description="Value of all orders, scored or not.")]


class Losses(Finding, frozen=True, kw_only=True):
    """Money behind dissatisfied customers."""

    low_value: Annotated[float | None, Meta(description="Value of orders scored low.")] = None
    low_value_unweighted: Annotated[
        float | None, Meta(description="The same without weights, where weights differ.")
    ] = None
    low_share: Annotated[float | None, Meta(description="Of the value of scored orders, the share scored low.")] = None
    low_share_before: Annotated[
        float | None, Meta(description="Share of that value scored low in the period compared with.")
    ] = None
    rated_share: Annotated[
        float | None, Meta(description="Of the value of all orders, the share that carries a score.")
    ] = None
    currency: Annotated[str, Meta(description="Currency of every value.")] = ""
    counted_by: Annotated[str, Meta(description="What weighs: voices (orders), customers or value.")] = "value"
    scored_by: Annotated[str, Meta(description="order or customer: whose score an order goes by.")] = ""
    slices: Annotated[int | None, Meta(description="Slices compared; the table shows the first of them.")] = None
    rows: Annotated[tuple[LossRow, ...], Meta(description="Slices, most first.")] = ()


@question(title="Losses", needs=("order", "answer|review"))
def losses(
    *,
    ask: Ask,
    low: Annotated[
        float | None,
        Meta(description="Highest score that counts as low; empty takes the metric's rule: 2 of 5 stars, 6 of NPS."),
    ] = None,
    metric: Annotated[str, Meta(description="Only scores of this metric; empty takes all about orders.")] = "",
    of: Annotated[
        Literal["", "order", "customer"],
        Meta(
            description="order: by the score of the order; customer: by the latest score its customer gave; "
            "empty: by order, or by customer where no order was scored."
        ),
    ] = "",
    rank: Annotated[
        Literal["value", "excess"], Meta(description="Most lost first, or most beyond what the overall rate explains.")
    ] = "value",
    limit: Annotated[int, Meta(description="Rows shown.", ge=1, le=10_000)] = 50,
    count: Annotated[
        Count, Meta(description="What weighs: voices (orders), customers (each once), or value (of the orders).")
    ] = "value",
) -> Losses:
    """Where do we lose most: how much of what customers spent went with a low score, by seller, category or region?"""
    for unit in [of] if of else ["order", "customer"]:
        counted = ask.rows("losses.sql", low=low, metric=metric, of=unit, count=count)
        whole = {r["period"]: r for r in counted if r["slice"] is None}
        now = whole.get("now")
        if now and now["rated"]:
            break
    else:
        raise Refusal(
            "No order of this period has been scored.",
            hint="Import reviews or answers whose `about` is the order's key, or choose another period. "
            "Why customers under contract leave: regard customers reasons.",
        )
    slices = [r for r in counted if r["slice"] is not None and r["period"] == "now"] if ask.scope.by else []
    rows = _rows(slices, now, rank, count)
    found = _finding(ask, now, whole.get("before"), rows, rank=rank, limit=limit, by=count)
    return msgspec.structs.replace(found, scored_by=unit)


def _rows(slices: list[dict[str, Any]], now: dict[str, Any], rank: str, by: Count) -> list[LossRow]:
    # Trials in units of the heaviest row: a slice of light rows may owe its rate to heavy ones that were not drawn.
    size = np.array([(s["rated_weight"] or 0.0) / now["heaviest"] for s in slices])
    rate = np.array([(s["low_weight"] or 0.0) / s["rated_weight"] if s["rated_weight"] else 0.0 for s in slices])
    found = excess(rate * size, size, overall=(now["low_weight"] or 0.0) / now["rated_weight"]) if slices else None
    share = (now["low_value"] or 0.0) / now["rated_value"] if now["rated_value"] else 0.0
    rows = [_row(s, found, i, share, weighted=now["weighted"]) for i, s in enumerate(slices) if found]
    if rank == "excess":
        return sorted(rows, key=lambda r: (not r.beyond_chance, -(r.excess_value or 0.0), r.slice))
    return sorted(rows, key=lambda r: (-_amount(r, by), -r.low_value, r.slice))


def _amount(row: LossRow, by: Count) -> float:
    """What a slice lost, by what counts."""
    return {"voices": float(row.low_orders), "customers": float(row.low_customers), "value": row.low_value}[by]


def _row(part: dict[str, Any], found: Excess, i: int, share: float, *, weighted: bool) -> LossRow:
    rated = part["rated_value"] or 0.0
    some = bool(part["rated"])
    q = float(found.q[i])
    # The shrunk rate over the overall one says how much worse; the overall share of value says how much that is.
    ratio = float(found.shrunk[i]) / found.overall if some and found.overall > 0 else 1.0
    return LossRow(
        slice=part["slice"],
        low_value=part["low_value"] or 0.0,
        low_value_unweighted=(part["low_value_rows"] or 0.0) if weighted else None,
        low_share=(part["low_value"] or 0.0) / rated if rated else None,
        excess_value=rated * share * (ratio - 1.0) if some else None,
        beyond_chance=q <= CLAIMED,
        low_rate=float(found.share[i]) if some else None,
        shrunk_rate=float(found.shrunk[i]) if some else None,
        shrunk_interval=Interval(float(found.low[i]), float(found.high[i])) if some else None,
        q=q if np.isfinite(q) else None,
        least_rate=float(found.least[i]) if np.isfinite(found.least[i]) else None,
        low_orders=part["low"],
        low_customers=part["low_customers"],
        rated_orders=part["rated"],
        orders=part["orders"],
        customers=part["customers"],
        value=part["value"] or 0.0,
    )


def _finding(
    ask: Ask,
    now: dict[str, Any],
    before: dict[str, Any] | None,
    rows: list[LossRow],
    *,
    rank: str,
    limit: int,
    by: Count,
) -> Losses:
    currency = ask.declarations.currency
    share = _share(now["low_value"], now["rated_value"])
    return Losses(
        answer=_sentence(ask, now, rows, rank, by),
        counted_by=by,
        low_value=now["low_value"] or 0.0,
        low_value_unweighted=(now["low_value_rows"] or 0.0) if now["weighted"] else None,
        low_share=share,
        low_share_before=_share(before["low_value"], before["rated_value"]) if before else None,
        rated_share=_share(now["rated_value"], now["value"]),
        currency=currency,
        slices=len(rows) if rows else None,
        rows=tuple(rows[:limit]),
        next_step="" if ask.scope.by else "Cut it: by seller, category or a dimension such as region.",
        facts=_facts(ask, now, rows),
        cautions=tuple(_cautions(now, rows, limit)),
        evidence=ask.evidence(
            n=now["orders"],
            customers=now["customers"],
            kind="estimated" if rows else "counted",
            method="Order value by the latest score of the order; slices shrunk by beta-binomial empirical Bayes, "
            "tested against the whole with the false discovery rate held at 5 %.",
            complete=f"{wording.percent(_share(now['rated_value'], now['value']))} of the order value carries a score",
        ),
    )


def _share(part: float | None, whole: float | None) -> float | None:
    return (part or 0.0) / whole if whole else None


def _sentence(ask: Ask, now: dict[str, Any], rows: list[LossRow], rank: str, by: Count) -> str:
    currency = ask.declarations.currency
    text = _whole(ask, now, by)
    if rank == "excess" and rows and rows[0].beyond_chance:
        more = wording.money(rows[0].excess_value, currency)
        return f"{text}; {_named(ask, rows[0])} has {more} more than its share."
    if rank == "value" and rows and _amount(rows[0], by) > 0:
        most = wording.money(rows[0].low_value, currency) if by == "value" else wording.number(_amount(rows[0], by))
        return f"{text}; the most with {_named(ask, rows[0])}: {most}."
    return f"{text}."


def _whole(ask: Ask, now: dict[str, Any], by: Count) -> str:
    if by == "value":
        share = wording.percent(_share(now["low_value"], now["rated_value"]))
        money = wording.money(now["low_value"] or 0.0, ask.declarations.currency)
        return f"{money} went with a low score, {share} of what was scored"
    share = wording.percent(_share(now["low_weight"], now["rated_weight"]))
    if by == "voices":
        return f"{wording.count(now['low'], 'order')} went with a low score, {share} of those scored"
    words = wording.Words(ask.declarations.called, ask.declarations.called_many)
    who = f"{words.count(now['low_customers'])} of {wording.number(now['rated_customers'])} gave a low score"
    return f"{who}; each counted once, {share} of what they scored was scored low"


def _named(ask: Ask, row: LossRow) -> str:
    """The slice with its dimension before it: an id alone says nothing."""
    dimension = ask.declarations.dimension(ask.scope.by)
    return f"{(dimension.title if dimension and dimension.title else wording.title(ask.scope.by)).lower()} {row.slice}"


def _facts(ask: Ask, now: dict[str, Any], rows: list[LossRow]) -> tuple[str, ...]:
    rows_only = " in rows of the sample" if now["weighted"] else ""
    scored = wording.count(now["rated"], "scored order")
    found = [f"{wording.number(now['low'])} of {scored} were scored low{rows_only}."]
    if rows:
        worse = sorted((r for r in rows if r.beyond_chance), key=lambda r: -(r.excess_value or 0.0))
        names = wording.listed([r.slice for r in worse], most=3)
        tested = sum(r.q is not None for r in rows)
        told = f"Worse than the whole beyond chance: {names or 'none'}"
        needed = sorted(r.least_rate for r in rows if r.least_rate is not None)
        seen = f", where a usual one is told from {wording.percent(needed[len(needed) // 2])} on" if needed else ""
        found.append(f"{told}; {wording.number(tested)} of {wording.number(len(rows))} tested{seen}.")
    if now["weighted"]:
        rowwise = wording.money(now["low_value_rows"] or 0.0, ask.declarations.currency)
        found.append(f"Weighted to the whole the sample stands for; the rows alone hold {rowwise}.")
    return tuple(found)


def _cautions(now: dict[str, Any], rows: list[LossRow], limit: int) -> Iterator[Caution]:
    if now["rated"] < now["orders"]:
        yield Caution(
            code="unscored",
            text=f"{wording.number(now['orders'] - now['rated'])} of {wording.count(now['orders'], 'order')} "
            "have no score and count as neither.",
        )
    if now["unvalued"]:
        yield Caution(
            code="value_unknown",
            text=f"{wording.count(now['unvalued'], 'order line')} left out of the money: no amount or exchange rate.",
        )
    if now["weighted"]:
        yield Caution(code="weighted", text="The log is a weighted sample: money is weighted, counts are rows.")
    if len(rows) > limit:
        yield Caution(code="cut_off", text=f"The first {limit} of {wording.number(len(rows))} slices are shown.")
    yield Caution(
        code="not_lost_yet",
        text="This is money that met a low score, not money known to be lost; some of these customers stay.",
    )


def figure(finding: Losses) -> Figure | None:
    """The shrunk share of low orders of the first slices, with the share of the whole."""
    if not finding.rows:
        return None
    bars = [
        GroupBar(
            label=r.slice,
            value=r.shrunk_rate,
            low=r.shrunk_interval.low if r.shrunk_interval else None,
            high=r.shrunk_interval.high if r.shrunk_interval else None,
            text=wording.percent(r.shrunk_rate),
            note=wording.money(r.low_value, finding.currency),
            marked="bad" if r.beyond_chance else "",
        )
        for r in finding.rows[:15]
    ]
    return group_bars(bars, title=finding.answer, write=wording.percent)
