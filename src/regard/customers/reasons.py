"""Why customers leave, by value: what they said, what was seen before they left, and what nobody knows.

A reason somebody gave is told as given. What was observed is told beside it, never in its place: how often a fact held
before customers left, against like ones who stayed at the same moment. Those of whom nothing is known stay unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from regard import wording
from regard.customers.panel import Panel, panel
from regard.errors import Refusal
from regard.figures import Figure, GroupBar, group_bars
from regard.findings import Caution, Finding, Interval
from regard.listening.staked import Staked, StakeRow, staked
from regard.questions import question
from regard.signals.ask import Ask
from regard.signals.silences import SILENT, silences
from regard.signals.tenures import UNKNOWN, Stays, stays
from regard.statistics.comparisons import benjamini_hochberg
from regard.statistics.estimates import Estimate, Whole, two_sided
from regard.statistics.matched import odds_ratio

MONTH = 30.0
MOST_MOMENTS = 24
CLAIMED = 0.05
SOURCES = {"stated": "stated", "observed": "observed", "inferred": "inferred"}


class LeavingReason(msgspec.Struct, frozen=True, kw_only=True):
    """One reason for leaving."""

    reason: Annotated[str, Meta(description="The reason as recorded; unknown where none was.")]
    known_from: Annotated[str, Meta(description="stated, observed, inferred, recorded without saying, or unknown.")]
    customers: Annotated[int, Meta(description="Customers who left for it.")]
    value: Annotated[float | None, Meta(description="What they paid a year.")]
    share: Annotated[float | None, Meta(description="Share of all value lost.")]
    seen_before: Annotated[
        int, Meta(description="Of them, those to whom something happened before that goes with leaving beyond chance.")
    ]


class SeenBefore(msgspec.Struct, frozen=True, kw_only=True):
    """A fact of the 90 days before, among those who left and like ones who stayed."""

    fact: Annotated[str, Meta(description="What held in the 90 days before the month they left in.")]
    leavers: Annotated[int, Meta(description="Customers who left and for whom it held.")]
    value: Annotated[float | None, Meta(description="What they paid a year.")]
    share: Annotated[
        float,
        Meta(description="Share of those who left for whom it held, of whole months."),
    ]
    stayers_share: Annotated[float, Meta(description="Share of like ones who stayed for whom it held.")]
    ratio: Annotated[float | None, Meta(description="Odds ratio within like ones; none where too few.")] = None
    interval: Annotated[Interval | None, Meta(description="Its interval.")] = None
    q: Annotated[float | None, Meta(description="p-value with all facts accounted for.")] = None
    beyond_chance: Annotated[bool, Meta(description="Whether it goes with leaving, all facts accounted for.")] = False
    unknown: Annotated[int, Meta(description="Customers who left for an unknown reason and for whom it held.")] = 0


class LeavingSlice(msgspec.Struct, frozen=True, kw_only=True):
    """Who left of one slice."""

    slice: Annotated[str, Meta(description="The slice: region, plan.")]
    customers: Annotated[int, Meta(description="Customers who left.")]
    value: Annotated[float, Meta(description="What they paid a year.")]
    reason: Annotated[str, Meta(description="The dearest reason on record; empty where there is none.")]
    unknown_share: Annotated[float | None, Meta(description="Share of that value without any reason on record.")]


class Reasons(Finding, frozen=True, kw_only=True):
    """Why customers leave."""

    lost: Annotated[int | None, Meta(description="Customers who left in the period.")] = None
    lost_value: Annotated[float | None, Meta(description="What they paid a year.")] = None
    stated_share: Annotated[float | None, Meta(description="Share of that value with a reason they stated.")] = None
    unknown_share: Annotated[float | None, Meta(description="Share of that value without any reason on record.")] = None
    silent_share: Annotated[
        float | None,
        Meta(
            description="Share of that value without a reason and without anything seen before that goes with leaving."
        ),
    ] = None
    currency: Annotated[str, Meta(description="Currency of every value.")] = ""
    rows: Annotated[tuple[LeavingReason, ...], Meta(description="Reasons, dearest first.")] = ()
    slices: Annotated[tuple[LeavingSlice, ...], Meta(description="By slice, when cut, dearest first.")] = ()
    seen: Annotated[tuple[SeenBefore, ...], Meta(description="What was seen before they left: an association.")] = ()
    stakes: Annotated[
        tuple[StakeRow, ...],
        Meta(description="Money a year at stake with what customers met, of the whole base; the parts add up."),
    ] = ()


@dataclass(frozen=True, kw_only=True)
class _Seen:
    name: str
    words: str
    ratio: Estimate
    q: float
    share: float
    stayers: float
    held: NDArray[np.bool_]
    """Over those who left, whether it held."""

    @property
    def clear(self) -> bool:
        return bool(self.q <= CLAIMED and self.ratio.value > 1)


@question(title="Reasons for leaving", needs=("subscription|order|event",))
def reasons(*, ask: Ask) -> Reasons:
    """Why do customers leave: what did they say, what was seen before, what is unknown, and what was it worth?"""
    if ask.declarations.base.lost in SILENT:
        return _silent(ask)
    found = stays(ask)
    begin, left = _left(ask, found)
    moments = [
        found.until - MONTH * k for k in range(1, min(int(np.ceil((found.until - begin) / MONTH)), MOST_MOMENTS) + 1)
    ]
    shown = panel(ask, found, moments, MONTH)
    cases = _cases(found, shown, left)
    seen = _seen(shown, found, cases) if len(shown.stay) else []
    return _finding(ask, found, left, cases, seen, held=_at_stake(ask))


def _left(ask: Ask, found: Stays) -> tuple[float, Whole]:
    """The first day of the period, and the stays that ended in it."""
    begin = found.until - (ask.scope.until - ask.scope.since).total_seconds() / 86_400
    left = np.nonzero((found.left > begin) & (found.left <= found.until))[0]
    if not len(left):
        raise Refusal("Nobody left in this period.", hint="Choose a longer period, such as --period 1y.")
    return begin, left


def _at_stake(ask: Ask) -> Staked | None:
    """What is at stake, from the one source of it; none where it is not declared when a customer is lost."""
    try:
        return staked(ask) if ask.declarations.base.lost else None
    except Refusal:
        return None


def _silent(ask: Ask) -> Reasons:
    """Customers without a contract: lost by silence as declared, looked at when they had just fallen silent."""
    found = silences(ask).stays
    _, left = _left(ask, found)
    held = _at_stake(ask)
    cases, seen = _before_silence(held, left) if held is not None else (np.full(len(left), -1), [])
    return _finding(ask, found, left, cases, seen, held=held)


def _before_silence(held: Staked, left: Whole) -> tuple[Whole, list[_Seen]]:
    """For each who was lost, their row among those looked at, and what they had met beside those who came back."""
    lost, others = np.flatnonzero(held.sets.lost), ~held.sets.lost & ~held.now
    place = np.full(len(held.base.left), -1)
    place[held.stay[lost]] = lost
    cases = place[left]
    known = cases >= 0
    logs = held.found.logs
    with np.errstate(invalid="ignore"):
        p = [two_sided(float(log.mean() / log.std(ddof=1))) for log in logs.T] if not held.refused else []
    out = []
    for j, (fact, q) in enumerate(zip(held.facts, benjamini_hochberg(np.array(p)), strict=bool(p))):
        had = np.zeros(len(left), bool)
        had[known] = fact.bad[cases[known]]
        out.append(_Seen(
            name=fact.name, words=fact.words[0], ratio=held.found.ratios[j], q=float(q), held=had,
            share=float(fact.bad[lost].mean()), stayers=float(fact.bad[others].mean()),
        ))  # fmt: skip
    return cases, sorted(out, key=lambda s: (not s.clear, s.q, s.name))


def _cases(found: Stays, shown: Panel, left: Whole) -> Whole:
    """For each who left, their row at the last moment before; -1 where there is none, as for who came that month."""
    place = np.full(len(found.id), -1)
    rows = np.nonzero(shown.left)[0]
    place[shown.stay[rows]] = rows
    return np.asarray(place[left])


def _seen(shown: Panel, found: Stays, cases: Whole) -> list[_Seen]:
    every = found.every[shown.stay].astype(str)
    band = np.searchsorted([6.0, 12.0, 24.0, 48.0], shown.tenure)
    keys = np.char.add(np.char.add(every, np.where(shown.due, "d", "n")), band.astype(str))
    _, stratum = np.unique(np.char.add(keys, shown.moment.astype(str)), return_inverse=True)
    ratios = [odds_ratio(shown.left, f.held, stratum.reshape(-1).astype(np.int64)) for f in shown.facts]
    q = benjamini_hochberg(np.array([r.p for r in ratios]))
    known = cases >= 0
    out = []
    for fact, ratio, one in zip(shown.facts, ratios, q, strict=True):
        held = np.zeros(len(cases), bool)
        held[known] = fact.held[cases[known]]
        mine = shown.left
        out.append(_Seen(
            name=fact.name, words=fact.words, ratio=ratio, q=float(one) if np.isfinite(one) else 1.0, held=held,
            share=float(fact.held[mine].mean()) if mine.any() else 0.0,
            stayers=float(fact.held[~mine].mean()),
        ))  # fmt: skip
    return sorted(out, key=lambda s: (not s.clear, s.q, s.name))


def _finding(
    ask: Ask, found: Stays, left: Whole, cases: Whole, seen: list[_Seen], *, held: Staked | None
) -> Reasons:  # fmt: skip
    value = np.nan_to_num(found.value[left])
    whole = float(value.sum())
    clear = [s for s in seen if s.clear]
    before = np.any([s.held for s in clear], axis=0) if clear else np.zeros(len(left), bool)
    names = np.array(found.reasons, dtype=object)[found.reason[left] - 1]
    unknown = names == UNKNOWN
    source = np.where(unknown, "unknown", [SOURCES.get(str(t).lower(), "recorded") for t in found.told[left]])
    rows = list(_rows(names, source, value, before))
    currency = ask.declarations.currency
    silent = ask.declarations.base.lost in SILENT

    def share(mask: NDArray[np.bool_]) -> float | None:
        return float(value[mask].sum()) / whole if whole > 0 else None

    return Reasons(
        answer=_sentence(ask, left, whole, rows, share(unknown)), lost=len(left), lost_value=whole,
        stated_share=share(source == "stated"), unknown_share=share(unknown), silent_share=share(unknown & ~before),
        currency=currency, rows=tuple(rows),
        slices=_slices(found, left, names, value) if ask.scope.by else (),
        seen=tuple(_told(s, value, unknown) for s in seen), stakes=held.rows() if held else (),
        facts=_facts(clear, unknown, before, share(unknown & ~before), silent=silent),
        cautions=tuple(_cautions(ask, cases, seen, held, silent=silent)),
        next_step="What to do first: regard leadership priorities." if silent
        else "Who may leave next: regard customers renewals.",
        evidence=ask.evidence(
            n=len(left), customers=len(np.unique(found.customer[left])), kind="estimated" if seen else "counted",
            method=_SILENT if silent else _CONTRACT,
            complete=f"{wording.percent(1 - float(unknown.mean()))} of those who left have a reason on record",
        ),
    )  # fmt: skip


_CONTRACT = (
    "Reasons as recorded at the end of the contract. Facts of the 90 days before, among those who "
    "left in the month after and like ones who stayed (same month, kind of contract and tenure): "
    "Mantel-Haenszel odds ratios, false discovery rate 5 %. What is at stake: listening/staked."
)
_SILENT = (
    "Lost by silence, as declared; reasons as recorded about that time. Facts of the 90 days before, looked at when "
    "somebody had just fallen silent, beside those whose silence began in the same fortnight and who came back: ratios "
    "by conditional logistic regression, shrunk, false discovery rate 5 %."
)


def _rows(
    names: NDArray[np.object_], source: NDArray[np.str_], value: NDArray[np.float64], before: NDArray[np.bool_]
) -> Iterator[LeavingReason]:
    whole = float(value.sum())
    pairs = sorted({(str(n), str(s)) for n, s in zip(names, source, strict=True)})
    made = []
    for name, known in pairs:
        mine = (names == name) & (source == known)
        sum_ = float(value[mine].sum())
        made.append(LeavingReason(
            reason=name, known_from=known, customers=int(mine.sum()), value=sum_,
            share=sum_ / whole if whole > 0 else None,
            seen_before=int((mine & before).sum()),
        ))  # fmt: skip
    yield from sorted(made, key=lambda r: (r.reason == UNKNOWN, -(r.value or 0.0), -r.customers, r.reason))


def _slices(
    found: Stays, left: Whole, names: NDArray[np.object_], value: NDArray[np.float64]
) -> tuple[LeavingSlice, ...]:
    labels = np.array([found.slice[i] or "unknown" for i in left])
    rows = []
    for label in np.unique(labels):
        mine = labels == label
        whole = float(value[mine].sum())
        sums = {str(n): float(value[mine & (names == n)].sum()) for n in names[mine] if n != UNKNOWN}
        rows.append(LeavingSlice(
            slice=str(label), customers=int(mine.sum()), value=whole,
            reason=max(sums, key=lambda n: (sums[n], n), default=""),
            unknown_share=float(value[mine & (names == UNKNOWN)].sum()) / whole if whole > 0 else None,
        ))  # fmt: skip
    return tuple(sorted(rows, key=lambda r: (-r.value, r.slice)))


def _told(s: _Seen, value: NDArray[np.float64], unknown: NDArray[np.bool_]) -> SeenBefore:
    some = not s.ratio.refused
    return SeenBefore(
        fact=s.words, leavers=int(s.held.sum()), value=float(value[s.held].sum()), share=s.share,
        stayers_share=s.stayers,
        ratio=s.ratio.value if some else None, interval=Interval(s.ratio.low, s.ratio.high) if some else None,
        q=s.q if some else None, beyond_chance=s.clear, unknown=int((s.held & unknown).sum()),
    )  # fmt: skip


def _sentence(ask: Ask, left: Whole, whole: float, rows: list[LeavingReason], unknown: float | None) -> str:
    who = f"{wording.number(len(left))} {ask.declarations.called if len(left) == 1 else ask.declarations.called_many}"
    text = f"{who} left with {wording.money(whole, ask.declarations.currency)} a year"
    first = next((r for r in rows if r.reason != UNKNOWN), None)
    if first is not None:
        text += f"; the dearest reason, {first.known_from}, is: {first.reason}, {wording.percent(first.share)} of it"
    return f"{text}; {wording.percent(unknown)} has no reason on record." if unknown else f"{text}."


def _facts(
    clear: list[_Seen],
    unknown: NDArray[np.bool_],
    before: NDArray[np.bool_],
    neither: float | None,
    *,
    silent: bool,
) -> tuple[str, ...]:
    out = []
    like = "like ones who came back" if silent else "like ones who stayed"
    if clear:
        named = [f"{s.words} ({wording.times(s.ratio.value)} the odds)" for s in clear]
        out.append(f"Seen before leaving more often than among {like}: {wording.listed(named, most=4)}.")
    else:
        out.append(f"Nothing was seen before leaving more often than among {like}, beyond chance.")
    if unknown.any():
        met = wording.number(int((unknown & before).sum()))
        out.append(
            f"Of {wording.number(int(unknown.sum()))} without a reason, {met} had met such a thing before; "
            f"{wording.percent(neither)} of the value lost has neither."
        )
    return tuple(out)


def _cautions(
    ask: Ask, cases: Whole, seen: list[_Seen], held: Staked | None, *, silent: bool
) -> Iterator[Caution]:  # fmt: skip
    yield Caution(
        code="association", text="What was seen before leaving is an association: it is not put in place of a reason."
    )
    if held is not None and held.refused:
        yield Caution(code="not_divided", text=f"What is at stake is not divided by what was met: {held.refused}.")
    if silent:
        days = wording.count(ask.declarations.base.days, "day")
        yield Caution(
            code="by_silence",
            text=f"Nobody said goodbye: lost is who was silent for {days}; what drove them off is looked for before "
            "they fell silent.",
        )
    late = int((cases < 0).sum())
    if late and silent:
        text = f"{wording.count(late, 'customer')} of those lost could not be looked at before they fell silent"
        sampled = held.sampled if held is not None else 0
        why = f": of {wording.number(sampled)} losses a sample is." if sampled else ": too early, or nobody to compare."
        yield Caution(code="sampled" if sampled else "too_soon", text=text + why)
    elif late:
        text = f"{wording.count(late, 'customer')} left so soon after they came that nothing before could be looked at."
        yield Caution(code="too_soon", text=text)
    thin = [s.words for s in seen if s.ratio.refused]
    if thin:
        yield Caution(code="thin", text=f"Too few to compare: {wording.listed(thin, most=4)}.")


def figure(finding: Reasons) -> Figure | None:
    """Reasons by value."""
    if not finding.rows:
        return None
    bars = [
        GroupBar(
            label=r.reason, value=r.value, text=wording.money(r.value, finding.currency),
            note=f"{wording.count(r.customers, 'customer')}, {r.known_from}",
        )
        for r in finding.rows[:15]
    ]  # fmt: skip
    return group_bars(bars, title=finding.answer)
