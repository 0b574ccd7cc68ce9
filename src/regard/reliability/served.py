"""Served: the share of customers served well, by each declared indicator; not the share of requests that went well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Meta

from regard import wording
from regard.errors import Refusal, UnknownName
from regard.figures.bars import GroupBar, group_bars
from regard.findings import Finding, Interval
from regard.questions import question
from regard.reliability.served_told import METHOD, cautions, facts, near_names, next_step, sentence
from regard.signals.ask import Ask
from regard.statistics.attempted import attempted
from regard.statistics.comparisons import benjamini_hochberg
from regard.statistics.estimates import Estimate, refusal
from regard.statistics.proportions import difference, linked_difference, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.figures.figure import Figure
    from regard.signals.declarations import Indicator

LEAST = 5
"""Fewest customers a share is told of."""

CLAIMED = 0.05
LISTED = 50


class ServedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One indicator in one slice: customers served well, and requests."""

    indicator: Annotated[str, Meta(description="What it is called.")]
    moment: Annotated[str, Meta(description="The moment of the journey it belongs to.")] = ""
    slice: Annotated[str, Meta(description="Value of the chosen dimension; 'all' is everybody.")] = "all"
    share: Annotated[
        float | None, Meta(description="Share of customers served well; empty where there are too few.")
    ] = None
    low: Annotated[float | None, Meta(description="Lower end of its 95 % interval.")] = None
    high: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None
    requests: Annotated[float | None, Meta(description="Share of requests that went well, of known customers.")] = None
    requests_low: Annotated[float | None, Meta(description="Lower end of its 95 % interval, by customers.")] = None
    requests_high: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None
    customers: Annotated[int, Meta(description="Customers who tried.")] = 0
    not_served: Annotated[int, Meta(description="Of them, those not served well.")] = 0
    attempts: Annotated[
        float, Meta(description="Their attempts; sampled ones count for as many as they stand for.")
    ] = 0.0
    before: Annotated[float | None, Meta(description="The share in the period compared with.")] = None
    change: Annotated[float | None, Meta(description="The share now less the share before.")] = None
    change_low: Annotated[float | None, Meta(description="Lower end of the change's 95 % interval.")] = None
    change_high: Annotated[float | None, Meta(description="Upper end of the change's 95 % interval.")] = None
    verdict: Annotated[
        str,
        Meta(description="Of all: on target, below target, cannot tell. Of a slice: worse or better than others."),
    ] = ""
    target: Annotated[float | None, Meta(description="Share of customers that should be served well.")] = None
    budget: Annotated[int | None, Meta(description="Customers the target allows not to be served well.")] = None
    left: Annotated[int | None, Meta(description="What is left of it; below nothing, it is overdrawn.")] = None
    value: Annotated[float | None, Meta(description="What those not served well are worth.")] = None
    unknown: Annotated[float | None, Meta(description="Share of attempts that carry no customer.")] = None
    q: Annotated[float | None, Meta(description="p of a slice like the others, all slices accounted for.")] = None


class NotServed(msgspec.Struct, frozen=True, kw_only=True):
    """One customer not served well."""

    name: Annotated[str, Meta(description="Who.")]
    id: Annotated[str, Meta(description="Id to look the customer up by.")]
    indicator: Annotated[str, Meta(description="What did not work for them.")]
    attempts: Annotated[float, Meta(description="How often they tried.")]
    failed: Annotated[float, Meta(description="How often it did not go well.")]
    error: Annotated[str, Meta(description="The error they met most often.")] = ""
    last: Annotated[str, Meta(description="When it last did not go well.")] = ""
    value: Annotated[float | None, Meta(description="What they are worth.")] = None


class Served(Finding, frozen=True, kw_only=True):
    """Who is served well, and who is not."""

    indicator: Annotated[str, Meta(description="The indicator the answer tells of: the one furthest below.")] = ""
    share: Annotated[float | None, Meta(description="Share of customers it served well.")] = None
    interval: Annotated[Interval | None, Meta(description="Its 95 % interval.")] = None
    requests: Annotated[float | None, Meta(description="Share of its requests that went well.")] = None
    not_served: Annotated[int | None, Meta(description="Customers it did not serve well.")] = None
    value: Annotated[float | None, Meta(description="What they are worth.")] = None
    currency: Annotated[str, Meta(description="Currency of the values.")] = ""
    rows: Annotated[tuple[ServedRow, ...], Meta(description="Each indicator, and its slices.")] = ()
    who: Annotated[tuple[NotServed, ...], Meta(description="Customers not served well, most valuable first.")] = ()


@dataclass(frozen=True, kw_only=True)
class Tried:
    """Customers of one indicator in one slice and period, one entry each."""

    customer: NDArray[np.int64]
    known: NDArray[np.bool_]
    total: NDArray[np.float64]
    good: NDArray[np.float64]
    served: NDArray[np.bool_]
    heaviest: float
    rows: int
    untimed: int

    @property
    def attempts(self) -> float:
        """Attempts of known customers."""
        return float(self.total[self.known].sum())

    @property
    def unknown(self) -> float | None:
        """Share of attempts that carry no customer."""
        whole = float(self.total.sum())
        return float(self.total[~self.known].sum()) / whole if whole else None


Key = tuple[int, bool, str, str]
"""Indicator, whole or slice, its name, period."""


@question(title="Served well", needs=("event|telemetry", "indicators"))
def served(
    *,
    ask: Ask,
    indicator: Annotated[str, Meta(description="Only this indicator.")] = "",
    moment: Annotated[str, Meta(description="Only indicators of this moment of the journey.")] = "",
    limit: Annotated[int, Meta(description="Customers listed.", ge=1, le=100_000)] = LISTED,
) -> Served:
    """Which share of our customers is served well, and who is not?

    A customer is served well when as large a share of their attempts as declared went well, in every stretch declared.
    """
    chosen = _chosen(ask, indicator, moment)
    tried = _read(ask, indicator=indicator, moment=moment)
    if not any(period == "now" for _, _, _, period in tried):
        raise Refusal(
            "No attempt of any indicator is in this period.", hint=near_names(ask, [one for _, one in chosen])
        )
    worth = _worth(ask, tried)
    rows = [row for number, one in chosen for row in _rows(number, one, tried, worth)]
    whole = [row for row in rows if row.slice == "all" and row.share is not None]
    worst = min(whole, key=lambda r: (r.share or 0) - (r.target or 1), default=None)
    found = Served(
        answer="", rows=tuple(rows), who=tuple(_who(ask, chosen, tried, worth, limit)),
        currency=ask.declarations.currency,
        cautions=tuple(cautions(ask, dict(chosen), tried, valued=worth is not None)),
        evidence=_evidence(ask, tried),
    )  # fmt: skip
    if worst is not None:
        found = msgspec.structs.replace(
            found, indicator=worst.indicator, share=worst.share, requests=worst.requests, not_served=worst.not_served,
            value=worst.value, interval=Interval(worst.low or 0.0, worst.high or 0.0),
        )  # fmt: skip
    return msgspec.structs.replace(
        found, answer=sentence(ask, worst, whole), facts=facts(ask, rows), next_step=next_step(ask, worst, found)
    )


def _chosen(ask: Ask, indicator: str, moment: str) -> list[tuple[int, Indicator]]:
    ask.need("indicators", "they say what working means, such as a checkout without an error.")
    every = ask.declarations.indicators
    if indicator and indicator not in {one.name for one in every}:
        raise UnknownName("indicator", indicator, [one.name for one in every], where="indicator")
    moments = {one.moment for one in every if one.moment}
    if moment and moment not in moments:
        raise UnknownName("moment with an indicator", moment, moments, where="moment")
    return [(n, one) for n, one in enumerate(every) if indicator in {"", one.name} and moment in {"", one.moment}]


def _read(ask: Ask, *, indicator: str, moment: str) -> dict[Key, Tried]:
    table = ask.table("served.sql", indicator=indicator, moment=moment, sliced=bool(ask.scope.by))
    columns = {n: table.column(n).to_numpy(zero_copy_only=False) for n in table.column_names if n != "customer"}
    customer = table.column("customer").fill_null(0).to_numpy()
    known = np.asarray(table.column("customer").is_valid().to_numpy(zero_copy_only=False))
    names = [columns[n] for n in ("no", "whole", "slice", "period")]
    if not len(table):
        return {}
    edges = np.flatnonzero(np.any([name[1:] != name[:-1] for name in (names[0], names[1], names[2])], axis=0)) + 1
    found: dict[Key, Tried] = {}
    for start, end in zip([0, *edges.tolist()], [*edges.tolist(), len(table)], strict=True):
        for period in ("now", "before"):
            at = np.arange(start, end)[names[3][start:end] == period]
            if len(at):
                key = (int(names[0][start]), bool(names[1][start]), str(names[2][start]), period)
                found[key] = _tried(columns, customer, known, at)
    return found


def _tried(columns: dict[str, Any], customer: Any, known: Any, at: NDArray[np.int64]) -> Tried:
    return Tried(
        customer=customer[at], known=known[at], total=columns["total"][at].astype(float),
        good=columns["good"][at].astype(float), served=columns["served"][at].astype(bool),
        heaviest=float(columns["heaviest"][at].max()), rows=int(columns["rows"][at].sum()),
        untimed=int(columns["untimed"][at].sum()),
    )  # fmt: skip


# ---------------------------------------------------------------------- rows


def _rows(number: int, one: Indicator, tried: dict[Key, Tried], worth: dict[int, float] | None) -> list[ServedRow]:
    """An indicator for everybody, then by slice, those with most customers not served well first."""
    whole = (number, True, "")
    if (*whole, "now") not in tried:
        return [ServedRow(indicator=one.name, moment=one.moment, target=one.target)]
    names = sorted({k[2] for k in tried if k[0] == number and not k[1] and k[3] == "now"})
    parts = [_row(one, name, tried, (number, False, name), worth) for name in names]
    against = [_against_others(tried[number, False, name, "now"], tried[*whole, "now"]) for name in names]
    chances = benjamini_hochberg([1.0 if e.refused or not np.isfinite(e.p) else e.p for e in against])
    rows = []
    for row, gap, chance in zip(parts, against, chances, strict=True):
        stands = not gap.refused and chance <= CLAIMED and len(names) > 1
        verdict = ("worse than the others" if gap.value < 0 else "better than the others") if stands else ""
        q = None if gap.refused or len(names) < 2 else float(chance)
        rows.append(msgspec.structs.replace(row, verdict=verdict, q=q))
    return [_row(one, "all", tried, whole, worth), *sorted(rows, key=lambda r: (-r.not_served, r.slice))]


def _row(
    one: Indicator, name: str, tried: dict[Key, Tried], key: tuple[int, bool, str], worth: dict[int, float] | None
) -> ServedRow:
    now, before = tried[*key, "now"], tried.get((*key, "before"))
    people, requests = _share(now), _requests(now)
    n, unserved = int(now.known.sum()), now.customer[now.known & ~now.served]
    change = _change(now, before)
    target = one.target if name == "all" else None
    budget = None if target is None or not n else int((1 - target) * n + 1e-9)
    return ServedRow(
        indicator=one.name, moment=one.moment, slice=name, customers=n, not_served=len(unserved), attempts=now.attempts,
        share=_number(people, people.value), low=_number(people, people.low), high=_number(people, people.high),
        requests=_number(requests, requests.value), requests_low=_number(requests, requests.low),
        requests_high=_number(requests, requests.high),
        before=None if before is None else _number(_share(before), _share(before).value),
        change=_number(change, change.value), change_low=_number(change, change.low),
        change_high=_number(change, change.high), verdict=_verdict(people, target), target=target, budget=budget,
        left=None if budget is None else budget - len(unserved), unknown=now.unknown,
        value=None if worth is None else float(sum(worth.get(c, 0.0) for c in unserved.tolist())),
    )  # fmt: skip


def _share(tried: Tried) -> Estimate:
    return share(tried.served[tried.known].astype(float), least=LEAST)


def _requests(tried: Tried) -> Estimate:
    """Share of requests that went well; customers, not requests, are independent."""
    return attempted(tried.good[tried.known], tried.total[tried.known], least=LEAST)


def _change(now: Tried, before: Tried | None) -> Estimate:
    if before is None:
        return refusal("nothing to compare with", n=0)
    sides = [(t.served[t.known].astype(float), t.customer[t.known]) for t in (now, before)]
    return linked_difference(*sides[0], *sides[1], least=LEAST)


def _against_others(part: Tried, whole: Tried) -> Estimate:
    """A slice against customers who are not in it."""
    others = whole.known & ~np.isin(whole.customer, part.customer[part.known])
    return difference(_share(part), share(whole.served[others].astype(float), least=LEAST))


def _number(estimate: Estimate, value: float) -> float | None:
    return None if estimate.refused or not np.isfinite(value) else float(value)


def _verdict(people: Estimate, target: float | None) -> str:
    if target is None or people.refused:
        return ""
    return "below target" if people.high < target else "on target" if people.low >= target else "cannot tell"


# ---------------------------------------------------------------------- who


def _unserved(tried: dict[Key, Tried], number: int) -> tuple[NDArray[np.int64], Tried | None]:
    now = tried.get((number, True, "", "now"))
    return (np.array([], dtype=np.int64), None) if now is None else (np.flatnonzero(now.known & ~now.served), now)


def _worth(ask: Ask, tried: dict[Key, Tried]) -> dict[int, float] | None:
    """What each customer not served well is worth; None where value is not declared or not recorded."""
    kind = ask.declarations.value.kind or ""
    if not kind or not ask.count("subscription" if kind == "recurring" else "order"):
        return None
    sets = [now.customer[at] for number in {k[0] for k in tried} for at, now in [_unserved(tried, number)] if now]
    ids = np.unique(np.concatenate(sets)) if sets else np.array([], dtype=np.int64)
    ask.keep("unserved", pa.table({"customer": pa.array(ids, pa.int64())}))
    found = ask.table("served_worth.sql")
    return dict(zip(found.column("customer").to_pylist(), found.column("value").to_pylist(), strict=True))


def _who(
    ask: Ask, chosen: list[tuple[int, Indicator]], tried: dict[Key, Tried], worth: dict[int, float] | None, limit: int
) -> list[NotServed]:
    """Customers not served well, most valuable first, then those who met most that did not go well."""
    met = []
    for number, one in chosen:
        at, now = _unserved(tried, number)
        if now is not None:
            failed = now.total[at] - now.good[at]
            met += [
                ((worth or {}).get(c, 0.0), f, t, c, number, one.name)
                for c, f, t in zip(now.customer[at].tolist(), failed.tolist(), now.total[at].tolist(), strict=True)
            ]
    met = sorted(met, key=lambda m: (-m[0], -m[1], m[3], m[4]))[:limit]
    ask.keep("shown", pa.table({
        "place": pa.array(range(len(met)), pa.int64()), "customer": pa.array([m[3] for m in met], pa.int64()),
        "no": pa.array([m[4] for m in met], pa.int32()),
    }))  # fmt: skip
    named = {row["place"]: row for row in ask.rows("served_who.sql")}
    return [
        NotServed(
            name=named[place]["name"] or "unknown", id=named[place]["id"] or "", indicator=m[5], attempts=m[2],
            failed=m[1], error=named[place]["error"] or "", value=None if worth is None else m[0],
            last=wording.moment(named[place]["last_at"], ask.scope.zone),
        )
        for place, m in enumerate(met)
    ]  # fmt: skip


def _evidence(ask: Ask, tried: dict[Key, Tried]) -> Any:
    now = [t for (_, whole, _, period), t in tried.items() if whole and period == "now"]
    total, known = sum(float(t.total.sum()) for t in now), sum(t.attempts for t in now)
    people = {c for t in now for c in t.customer[t.known].tolist()}
    told = f"{wording.percent(known / total)} of the attempts carry a known customer" if total else ""
    return ask.evidence(
        n=sum(t.rows for t in now), customers=len(people), kind="estimated", method=METHOD, complete=told
    )


def figure(finding: Served) -> Figure | None:
    """Customers served well and requests that went well, by indicator; of one indicator, by slice."""
    whole = [r for r in finding.rows if r.slice == "all" and r.share is not None]
    if not whole:
        return None
    sliced = [r for r in finding.rows if r.slice != "all" and r.indicator == finding.indicator and r.share is not None]
    bars = [bar for r in whole for bar in _pair(r)] if not sliced else [
        *_pair(next(r for r in whole if r.indicator == finding.indicator)), *(_bar(r, r.slice) for r in sliced[:20])
    ]  # fmt: skip
    targets = {r.target for r in whole if not sliced or r.indicator == finding.indicator}
    target = targets.pop() if len(targets) == 1 else None
    told = f"target {wording.percent(target)}" if target else ""
    return group_bars(bars, title=finding.answer, reference=target, reference_text=told, write=wording.percent)


def _pair(row: ServedRow) -> list[GroupBar]:
    requests = GroupBar(
        label="… of its requests", value=row.requests, low=row.requests_low, high=row.requests_high,
        note=wording.count(round(row.attempts), "request"),
    )  # fmt: skip
    return [_bar(row, row.indicator), requests]


def _bar(row: ServedRow, label: str) -> GroupBar:
    marked = {"below target": "bad", "worse than the others": "bad", "better than the others": "good"}
    return GroupBar(
        label=label, value=row.share, low=row.low, high=row.high, marked=marked.get(row.verdict, ""),
        note=f"{wording.number(row.not_served)} of {wording.number(row.customers)} not",
    )  # fmt: skip
