"""Disconnects: customers whose use and whose score disagree, by number and by worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from scipy import special

from regard.errors import Refusal
from regard.figures.bars import GroupBar, group_bars
from regard.findings import Caution, Finding, Interval
from regard.listening.counted import metric_of
from regard.listening.facts import floats
from regard.listening.rules import HIGH, LOW, Rule, rule_of
from regard.questions import question
from regard.signals.ask import Ask
from regard.statistics.comparisons import benjamini_hochberg
from regard.statistics.estimates import quantile
from regard.wording import Words, between, count, money, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.figures.figure import Figure

LEAST = 30
CLAIMED = 0.05
SHOWN = 200
UNHAPPY, QUIET = "engaged but unhappy", "happy but gone quiet"


class DisconnectRow(msgspec.Struct, frozen=True, kw_only=True):
    """One customer whose use and score disagree."""

    name: Annotated[str, Meta(description="Name of the customer, or the id.")]
    how: Annotated[str, Meta(description="engaged but unhappy, or happy but gone quiet.")] = ""
    score: Annotated[float, Meta(description="The last score given in the period.")] = 0.0
    used: Annotated[int, Meta(description="Days of use in the period.")] = 0
    used_before: Annotated[int, Meta(description="Days of use in the period compared with.")] = 0
    value: Annotated[float | None, Meta(description="What they are worth, in the company's currency.")] = None
    id: Annotated[str, Meta(description="Id of the customer.")] = ""
    q: Annotated[float | None, Meta(description="p of using as before, all accounted for; of those gone quiet.")] = None


class GroupRow(msgspec.Struct, frozen=True, kw_only=True):
    """How many customers say one thing and do another."""

    how: Annotated[str, Meta(description="engaged but unhappy, or happy but gone quiet.")]
    customers: Annotated[int, Meta(description="How many.")] = 0
    of: Annotated[int, Meta(description="Of so many who are unhappy, or happy.")] = 0
    value: Annotated[float | None, Meta(description="What they are worth.")] = None


class Disconnects(Finding, frozen=True, kw_only=True):
    """Customers whose use and score disagree."""

    metric: Annotated[str, Meta(description="The metric of the scores.")] = ""
    n: Annotated[int, Meta(description="Customers with a score in the period, and use in it or before it.")] = 0
    agreement: Annotated[float | None, Meta(description="Rank correlation of score and days of use (Spearman).")] = None
    interval: Annotated[Interval | None, Meta(description="Its 95 % interval.")] = None
    typical: Annotated[float | None, Meta(description="Median days of use; engaged is who reaches it.")] = None
    currency: Annotated[str, Meta(description="Currency of the values.")] = ""
    groups: Annotated[tuple[GroupRow, ...], Meta(description="How many, of how many, worth how much.")] = ()
    rows: Annotated[tuple[DisconnectRow, ...], Meta(description="The customers, most valuable first.")] = ()


@dataclass(frozen=True, kw_only=True)
class _Met:
    """Customers with a score and use, one entry each."""

    rows: list[dict[str, Any]]
    score: NDArray[np.float64]
    group: NDArray[np.float64]
    used: NDArray[np.float64]
    before: NDArray[np.float64]
    value: NDArray[np.float64]


@question(title="Disconnects", needs=("answer|review", "event|order|telemetry"))
def disconnects(
    *,
    ask: Ask,
    metric: Annotated[str, Meta(description="nps, csat, ces, stars or your own; default the declared one.")] = "",
) -> Disconnects:
    """Which customers say one thing and do another: engaged but unhappy, or happy but gone quiet?"""
    name = metric_of(ask, metric, "")
    met = _read(ask, name)
    if len(met.rows) < LEAST:
        raise Refusal(
            f"Only {count(len(met.rows), 'customer')} gave a score and were seen using anything; {LEAST} are needed.",
            hint="Widen the period, or bring in events, orders or telemetry of the same customers.",
        )
    typical = float(np.median(met.used))
    unhappy = (met.group == LOW) & (met.used >= max(typical, 1.0))
    q = _fallen(ask, met)
    quiet = (met.group == HIGH) & (q <= CLAIMED)
    groups = (_group(UNHAPPY, met, unhappy, met.group == LOW), _group(QUIET, met, quiet, met.group == HIGH))
    agreement, interval = _agreement(met)
    found = Disconnects(
        answer="", metric=name, n=len(met.rows), agreement=agreement, interval=interval, typical=typical,
        currency=ask.declarations.currency, groups=groups, rows=_rows(met, unhappy, quiet, q),
        cautions=_cautions(ask, met),
        evidence=ask.evidence(n=len(met.rows), customers=len(met.rows), kind="estimated", method=_METHOD),
    )  # fmt: skip
    return msgspec.structs.replace(
        found, answer=_sentence(ask, found, rule_of(name)), facts=_facts(found), next_step=_next(found)
    )


_METHOD = (
    "Engaged: days of use at the median or above; gone quiet: fewer days of use than before beyond chance (exact "
    "conditional test), false discovery rate 5 %; agreement: Spearman's rank correlation, Fisher's interval."
)


def _read(ask: Ask, metric: str) -> _Met:
    kind = ask.declarations.value.kind or ""
    table = ask.table("disconnects.sql", metric=metric)
    value = floats(table, "value") if kind else np.full(len(table), np.nan)
    return _Met(
        rows=table.select(["id", "name"]).to_pylist(), score=floats(table, "score"), group=floats(table, "class"),
        used=floats(table, "used"), before=floats(table, "used_before"), value=value,
    )  # fmt: skip


def _fallen(ask: Ask, met: _Met) -> NDArray[np.float64]:
    """The q of using as before, one-sided: given all days of use, those now are binomial by the periods' length."""
    now, before = ask.scope.period.days, ask.scope.compared.days
    share = now / (now + before)
    every = np.maximum(met.used + met.before, 1).astype(np.int64)
    p = np.where(met.before > 0, special.bdtr(met.used, every, share), 1.0)
    happy = met.group == HIGH
    q = np.ones(len(p))
    q[happy] = benjamini_hochberg(p[happy])
    return q


def _agreement(met: _Met) -> tuple[float | None, Interval | None]:
    """Spearman's correlation of score and use; the interval on Fisher's scale (Fieller, Hartley, Pearson 1957)."""
    ranks = [_ranked(x) for x in (met.score, met.used)]
    if min(float(np.ptp(r)) for r in ranks) == 0:
        return None, None
    r = float(np.corrcoef(ranks[0], ranks[1])[0, 1])
    half = quantile(0.95) * 1.03 / np.sqrt(len(met.score) - 3)
    middle = np.arctanh(np.clip(r, -0.999999, 0.999999))
    return r, Interval(low=float(np.tanh(middle - half)), high=float(np.tanh(middle + half)))


def _ranked(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks, equal values sharing their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    found: NDArray[np.float64] = (ends - (counts - 1) / 2)[place]
    return found


def _group(how: str, met: _Met, at: NDArray[np.bool_], of: NDArray[np.bool_]) -> GroupRow:
    worth = float(np.nansum(met.value[at])) if np.isfinite(met.value).any() else None
    return GroupRow(how=how, customers=int(at.sum()), of=int(of.sum()), value=worth)


def _rows(
    met: _Met, unhappy: NDArray[np.bool_], quiet: NDArray[np.bool_], q: NDArray[np.float64]
) -> tuple[DisconnectRow, ...]:
    at = np.flatnonzero(unhappy | quiet)
    order = at[np.lexsort((at, -met.used[at], -np.nan_to_num(met.value[at])))][:SHOWN]
    return tuple(
        DisconnectRow(
            name=met.rows[i]["name"] or met.rows[i]["id"] or "unknown", id=met.rows[i]["id"] or "",
            how=UNHAPPY if unhappy[i] else QUIET, score=float(met.score[i]), used=int(met.used[i]),
            used_before=int(met.before[i]), value=float(met.value[i]) if np.isfinite(met.value[i]) else None,
            q=float(q[i]) if quiet[i] else None,
        )
        for i in order.tolist()
    )  # fmt: skip


def _sentence(ask: Ask, found: Disconnects, rule: Rule) -> str:
    words = Words(ask.declarations.called, ask.declarations.called_many)
    told = []
    for row, kind in zip(found.groups, (LOW, HIGH), strict=True):
        worth = f", worth {money(row.value, found.currency)}" if row.value else ""
        told.append(f"{number(row.customers)} of {count(row.of, rule.classes[kind + 1])} are {row.how}{worth}")
    return f"Of {words.count(found.n)} with a score and use, {told[0]}; {told[1]}."


def _facts(found: Disconnects) -> tuple[str, ...]:
    if found.agreement is None or found.interval is None:
        return ()
    ends = between(found.interval.low, found.interval.high, lambda v: number(v, 2))
    if found.interval.low > 0:
        return (f"Score and use go together: rank correlation {number(found.agreement, 2)} ({ends})",)
    if found.interval.high < 0:
        return (f"Who uses more scores lower: rank correlation {number(found.agreement, 2)} ({ends})",)
    return (f"Score and use do not visibly go together: rank correlation {number(found.agreement, 2)} ({ends})",)


def _next(found: Disconnects) -> str:
    if not found.rows:
        return ""
    return f"Ask {found.rows[0].name} first: regard customers customer --id {found.rows[0].id}."


def _cautions(ask: Ask, met: _Met) -> tuple[Caution, ...]:
    told = {
        "value_unknown": not np.isfinite(met.value).any()
        and "What a customer is worth is not declared (value.kind): the most used come first.",
        "unequal_periods": abs(ask.scope.period.days - ask.scope.compared.days) > 0.1 * ask.scope.period.days
        and "The periods are of unlike length; days of use are compared by it.",
    }
    return tuple(Caution(code=code, text=text) for code, text in told.items() if text)


def figure(finding: Disconnects) -> Figure | None:
    """How many say one thing and do another."""
    bars = [GroupBar(label=g.how, value=float(g.customers), note=f"of {number(g.of)}") for g in finding.groups]
    return group_bars(bars, title=finding.answer, write=number) if finding.n else None
