"""Unhappy: the money in orders that customers scored low, by seller, category, region or any dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from regard import wording
from regard.errors import Refusal
from regard.figures.bars import GroupBar, group_bars
from regard.findings import Caution, Finding
from regard.listening.counted import metric_of
from regard.listening.rules import LOW, Rule, classes, rule_of
from regard.questions import question
from regard.signals.ask import Ask
from regard.statistics.proportions import wilson
from regard.wording import count, listed, money, percent

if TYPE_CHECKING:
    from regard.figures.figure import Figure


class UnhappyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One slice's orders with a low score."""

    slice: Annotated[str, Meta(description="Value of the chosen dimension; 'all' is everything.")]
    amount: Annotated[float, Meta(description="Value of the orders with a low score, in the company's currency.")] = 0.0
    weighted: Annotated[float | None, Meta(description="The same, each order standing for its weight.")] = None
    orders: Annotated[int, Meta(description="Orders with a low score.")] = 0
    scored: Annotated[int, Meta(description="Orders with any score.")] = 0
    share: Annotated[float | None, Meta(description="Share of the scored orders with a low score.")] = None
    low: Annotated[float | None, Meta(description="Lower end of its 95 % interval.")] = None
    high: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None
    total: Annotated[float, Meta(description="Value of all scored orders.")] = 0.0


class Unhappy(Finding, frozen=True, kw_only=True):
    """What low scores have to do with money."""

    metric: Annotated[str, Meta(description="The metric whose low scores count.")] = ""
    rule: Annotated[str, Meta(description="Which scores are low.")] = ""
    currency: Annotated[str, Meta(description="Currency of the amounts.")] = ""
    amount: Annotated[float | None, Meta(description="Value of the orders with a low score.")] = None
    share: Annotated[float | None, Meta(description="That as a share of the value of all scored orders.")] = None
    rows: Annotated[tuple[UnhappyRow, ...], Meta(description="By slice, the dearest first.")] = ()


@question(title="Unhappy orders", needs=("answer|review", "order"))
def unhappy(
    *,
    ask: Ask,
    metric: Annotated[str, Meta(description="nps, csat, ces, stars or your own; default the declared one.")] = "",
) -> Unhappy:
    """Which orders with a low score cost us most, and where are they?"""
    name = metric_of(ask, metric, "")
    rule = rule_of(name)
    rows = ask.rows("unhappy.sql", metric=name)
    if not rows:
        raise Refusal(
            "No score of this period is about an order.",
            hint="Map the order's key to the column about of answers or reviews, or widen the period.",
        )
    low = _low(rule, rows)
    weights = any((r["weight"] or 0) != r["orders"] for r in rows)
    names = sorted({r["slice"] for r in rows})
    sliced = [_row(n, [(r, at) for r, at in zip(rows, low, strict=True) if r["slice"] == n], weights) for n in names]
    total = _row("all", list(zip(rows, low, strict=True)), weights)
    cut = sorted(sliced, key=lambda r: (-(r.amount if r.weighted is None else r.weighted), r.slice))
    cut = cut if ask.scope.by else []
    return Unhappy(
        answer=_sentence(ask, total, cut, rule), metric=name, rule=rule.text, currency=ask.declarations.currency,
        amount=total.amount, share=total.amount / total.total if total.total else None, rows=(total, *cut),
        facts=_facts(ask, total, cut), cautions=_cautions(rows, weights=weights),
        next_step="" if ask.scope.by else "Cut it with --by seller, category or a dimension of your own.",
        evidence=ask.evidence(
            n=total.scored, kind="counted", method="Orders with their lowest score; amounts at the dated rate.",
            complete="orders without a score are not in it",
        ),
    )  # fmt: skip


def _low(rule: Rule, rows: list[dict[str, Any]]) -> list[bool]:
    score, first, last = (
        np.array([np.nan if r[n] is None else float(r[n]) for r in rows]) for n in ("score", "scale_min", "scale_max")
    )
    return [bool(c == LOW) for c in classes(rule, score, first, last)]


def _row(name: str, rows: list[tuple[dict[str, Any], bool]], weights: bool) -> UnhappyRow:  # noqa: FBT001
    bad = [r for r, low in rows if low]
    orders, scored = sum(r["orders"] for r in bad), sum(r["orders"] for r, _ in rows)
    share = wilson(orders, scored)
    return UnhappyRow(
        slice=name, amount=sum(r["amount"] or 0.0 for r in bad),
        weighted=sum(r["weighted"] or 0.0 for r in bad) if weights else None, orders=orders, scored=scored,
        share=share.value, low=share.low, high=share.high, total=sum(r["amount"] or 0.0 for r, _ in rows),
    )  # fmt: skip


def _sentence(ask: Ask, total: UnhappyRow, cut: list[UnhappyRow], rule: Rule) -> str:
    write = ask.declarations.currency
    what = f"{count(total.orders, 'order')} worth {money(total.amount, write)} got a low score"
    share = percent(total.amount / total.total) if total.total else "none"
    whole = f"{what}, {share} of the value scored with {rule.name}"
    if cut and cut[0].amount:
        return f"{whole}; most is with {cut[0].slice}: {money(cut[0].amount, write)}."
    return f"{whole}."


def _facts(ask: Ask, total: UnhappyRow, cut: list[UnhappyRow]) -> tuple[str, ...]:
    write = ask.declarations.currency
    top = [f"{r.slice} {money(r.amount, write)}" for r in cut[:3] if r.amount]
    found = [f"Most at stake by {ask.scope.by}: {listed(top)}"] if top else []
    if total.weighted is not None:
        found.append(f"Weighted to stand for all orders: {money(total.weighted, write)}")
    when = wording.period(ask.scope.since, ask.scope.until, ask.scope.zone)
    return (*found, f"{count(total.scored, 'order')} have a score from {when}")[:3]


def _cautions(rows: list[dict[str, Any]], *, weights: bool) -> tuple[Caution, ...]:
    unknown = sum(r["unknown"] or 0 for r in rows)
    told = {
        "at_stake": "Value at stake, not money lost: some who score low buy again.",
        "no_rate": unknown and f"{count(unknown, 'line')} in a currency without a declared rate are left out.",
        "weighted": weights and "Slices are in order of their weighted value; shares of orders are not weighted.",
    }
    return tuple(Caution(code=code, text=text) for code, text in told.items() if text)


def figure(finding: Unhappy) -> Figure | None:
    """Share of low scores by slice with its interval, the money at the end of the row."""
    cut = [r for r in finding.rows[1:] if r.share is not None][:15]
    if not cut:
        return None
    bars = [
        GroupBar(label=r.slice, value=r.share, low=r.low, high=r.high, note=money(r.amount, finding.currency))
        for r in cut
    ]
    return group_bars(bars, title=finding.answer, reference=finding.rows[0].share, reference_text="all", write=percent)
