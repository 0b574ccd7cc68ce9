"""Silence: which customers answer when they are asked, and which say nothing at all, by slice and by worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard import wording
from regard.errors import Refusal
from regard.figures.bars import GroupBar, group_bars
from regard.findings import Caution, Finding, Interval
from regard.listening.counted import texts
from regard.listening.facts import floats
from regard.listening.reach import reaching
from regard.listening.tabled import finite, interval_of
from regard.questions import question
from regard.signals.ask import Ask
from regard.statistics.comparisons import benjamini_hochberg
from regard.statistics.estimates import Estimate
from regard.statistics.proportions import difference, share
from regard.wording import Words, between, count, money, percent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.figures.figure import Figure

LEAST = 20
CLAIMED = 0.05
BANDS = (("the top tenth by value", 0.9, 1.0), ("the next four tenths", 0.5, 0.9), ("the lower half", 0.0, 0.5))


class SilenceRow(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers and who is silent, in one slice or one band of value."""

    slice: Annotated[str, Meta(description="Value of the chosen dimension, or the band; 'all' is the whole base.")]
    response: Annotated[
        float | None, Meta(description="Share that answered, of those asked; of all, where that is unknown.")
    ] = None
    low: Annotated[float | None, Meta(description="Lower end of its 95 % interval.")] = None
    high: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None
    verdict: Annotated[str, Meta(description="quieter or louder than the others beyond chance, else empty.")] = ""
    silent: Annotated[float, Meta(description="Share of its customers who gave no answer, review or contact.")] = 0.0
    silent_value: Annotated[float | None, Meta(description="What those are worth, in the company's currency.")] = None
    customers: Annotated[int, Meta(description="Customers of the base in it.")] = 0
    asked: Annotated[int, Meta(description="Of them, those a survey was sent to.")] = 0
    answered: Annotated[int, Meta(description="Of those asked, those who answered since.")] = 0
    value: Annotated[float | None, Meta(description="What its customers are worth.")] = None
    q: Annotated[float | None, Meta(description="p of answering like the others, all rows accounted for.")] = None


class Silence(Finding, frozen=True, kw_only=True):
    """Who is not heard."""

    n: Annotated[int, Meta(description="Customers in the base.")] = 0
    asked: Annotated[int, Meta(description="Of them, those a survey was sent to in the period.")] = 0
    response: Annotated[float | None, Meta(description="Share of those asked who answered; of all if unknown.")] = None
    interval: Annotated[Interval | None, Meta(description="Its 95 % interval.")] = None
    measured: Annotated[str, Meta(description="of those asked; of all customers where nobody says who was.")] = ""
    silent: Annotated[float | None, Meta(description="Share of the base who said nothing at all.")] = None
    silent_value: Annotated[float | None, Meta(description="What they are worth.")] = None
    silent_value_share: Annotated[float | None, Meta(description="Their share of what the base is worth.")] = None
    currency: Annotated[str, Meta(description="Currency of the values.")] = ""
    rows: Annotated[tuple[SilenceRow, ...], Meta(description="The whole base and each slice.")] = ()
    bands: Annotated[tuple[SilenceRow, ...], Meta(description="The base by what customers are worth.")] = ()


@dataclass(frozen=True, kw_only=True)
class _Base:
    """The customers of the base, one entry each."""

    slice: NDArray[np.str_]
    value: NDArray[np.float64]
    asked: NDArray[np.bool_]
    answered: NDArray[np.bool_]
    spoken: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.value)

    @property
    def valued(self) -> bool:
        return bool(np.isfinite(self.value).any())

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Whose answer is waited for: those asked, or all where the log does not say who was."""
        return self.asked if self.asked.any() else np.ones(len(self), dtype=np.bool_)


@question(title="Silence", needs=("answer|review|contact",))
def silence(*, ask: Ask) -> Silence:
    """Who is not heard: which customers do not answer, and what are they worth?"""
    base = _read(ask)
    if len(base) < LEAST:
        raise Refusal(
            f"Only {count(len(base), 'customer')} in the base: too few to tell who is silent.",
            hint="Bring customers in with their orders or subscriptions, or widen the period.",
        )
    rows = _rows(base, {str(name): base.slice == name for name in np.unique(base.slice)})
    bands = _rows(base, _bands(base))
    whole = _row("all", base, np.ones(len(base), dtype=np.bool_))
    worth = float(np.nansum(base.value)) if base.valued else 0.0
    found = Silence(
        answer="", n=len(base), asked=int(base.asked.sum()), response=whole.response,
        interval=interval_of(_response(base, base.counted)), silent=whole.silent, silent_value=whole.silent_value,
        measured="of those asked" if base.asked.any() else "of all customers", currency=ask.declarations.currency,
        silent_value_share=whole.silent_value / worth if worth > 0 and whole.silent_value is not None else None,
        rows=(whole, *(rows if ask.scope.by and len(rows) > 1 else ())), bands=bands, cautions=_cautions(base),
        evidence=ask.evidence(n=len(base), customers=len(base), kind="estimated", method=_METHOD),
    )  # fmt: skip
    return msgspec.structs.replace(
        found, answer=_sentence(ask, found), facts=_facts(ask, found), next_step=_next(found)
    )


_METHOD = "Interval: Wilson, 95 %; a slice or band against the others, false discovery rate 5 %."


def _read(ask: Ask) -> _Base:
    kind = ask.declarations.value.kind or ""
    kind = kind if ask.count("subscription" if kind == "recurring" else "order") else ""
    table = reaching(ask, "answer").table("silence.sql", valued=bool(kind))
    masks = {
        n: np.asarray(table.column(n).to_numpy(zero_copy_only=False), dtype=np.bool_)
        for n in ("asked", "answered", "spoken")
    }
    return _Base(slice=texts(table, "slice"), value=floats(table, "value"), **masks)


def _bands(base: _Base) -> dict[str, NDArray[np.bool_]]:
    """The base by what customers are worth; equal values stand in the lower band."""
    if not base.valued or float(np.nanmax(base.value)) == float(np.nanmin(base.value)):
        return {}
    worth = np.nan_to_num(base.value)
    ranked = np.sort(worth)
    # Equal values stay together, in the band their middle falls in.
    place = (np.searchsorted(ranked, worth, "left") + np.searchsorted(ranked, worth, "right") - 1) / (2 * len(worth))
    bands = {name: (place >= low) & (place < high) for name, low, high in BANDS}
    return {name: at for name, at in bands.items() if at.sum() >= LEAST}


def _response(base: _Base, at: NDArray[np.bool_]) -> Estimate:
    return share(base.answered[at & base.counted].astype(float), least=LEAST)


def _rows(base: _Base, parts: dict[str, NDArray[np.bool_]]) -> tuple[SilenceRow, ...]:
    """Each part against the others, largest first for slices as they are named for bands."""
    against = [difference(_response(base, at), _response(base, ~at)) for at in parts.values()]
    q = benjamini_hochberg([1.0 if e.refused else e.p for e in against])
    rows = []
    for (name, at), gap, chance in zip(parts.items(), against, q, strict=True):
        stands = not gap.refused and chance <= CLAIMED
        verdict = ("quieter" if gap.value < 0 else "louder") if stands else ""
        told = None if gap.refused else float(chance)
        rows.append(msgspec.structs.replace(_row(name, base, at), verdict=verdict, q=told))
    return tuple(rows)


def _row(name: str, base: _Base, at: NDArray[np.bool_]) -> SilenceRow:
    found = _response(base, at)
    quiet = at & ~base.spoken
    return SilenceRow(
        slice=name, response=finite(found.value), low=finite(found.low), high=finite(found.high),
        silent=float(quiet.sum() / at.sum()), customers=int(at.sum()), asked=int((at & base.asked).sum()),
        answered=int((at & base.asked & base.answered).sum()),
        value=float(np.nansum(base.value[at])) if base.valued else None,
        silent_value=float(np.nansum(base.value[quiet])) if base.valued else None,
    )  # fmt: skip


def _sentence(ask: Ask, found: Silence) -> str:
    words = Words(ask.declarations.called, ask.declarations.called_many)
    quiet = f"{percent(found.silent)} of {words.count(found.n)} said nothing at all"
    if found.silent_value:
        quiet += f", worth {money(found.silent_value, found.currency)}"
        quiet += f" ({percent(found.silent_value_share)} of what the base is worth)"
    if found.response is None:
        return f"{wording.sentence(quiet)}; too few were asked to tell how many answer."
    ends = between(found.interval.low, found.interval.high, percent) if found.interval else ""
    of = found.measured if found.asked else f"of all {words.several}"
    return f"{percent(found.response)} {of} answer, {ends}; {quiet}."


def _facts(ask: Ask, found: Silence) -> tuple[str, ...]:
    told = []
    for row in (*found.bands, *found.rows[1:]):
        if row.verdict:
            name = row.slice if row in found.bands else f"{ask.scope.by} {row.slice}"
            more = "less" if row.verdict == "quieter" else "more"
            does = "answer" if name.endswith("tenths") else "answers"
            told.append(f"{wording.sentence(name)} {does} {more} than the others: {percent(row.response)}")
    return tuple(told[:3])


def _next(found: Silence) -> str:
    quiet = next((r for r in (*found.bands, *found.rows[1:]) if r.verdict == "quieter"), None)
    if quiet is None:
        return ""
    return f"Ask {quiet.slice} another way, such as by phone; until then weight the score to the base."


def _cautions(base: _Base) -> tuple[Caution, ...]:
    told = {
        "asked_unknown": not base.asked.any()
        and "Nobody recorded who was asked (messages with the survey as topic): shares are of all customers.",
        "value_unknown": not base.valued
        and "What a customer is worth is not declared, or not recorded: silence is told by count only.",
        "few_asked": 0 < int(base.asked.sum()) < 5 * LEAST and "Few were asked: the intervals are wide.",
    }
    return tuple(Caution(code=code, text=text) for code, text in told.items() if text)


def figure(finding: Silence) -> Figure | None:
    """Who answers, by band of value and by slice, with intervals."""
    bars = [
        GroupBar(
            label=r.slice, value=r.response, low=r.low, high=r.high, note=count(r.customers, "customer"),
            marked={"quieter": "bad", "louder": "good"}.get(r.verdict, ""),
        )
        for r in (*finding.bands, *finding.rows[1:])
        if r.response is not None
    ]  # fmt: skip
    if not bars:
        return None
    return group_bars(bars[:24], title=finding.answer, reference=finding.response, reference_text="all", write=percent)
