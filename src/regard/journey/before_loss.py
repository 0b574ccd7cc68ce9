"""Paths before a loss: steps in a row that those who left had taken more often, or less, than like ones who stayed.

Found on one half of the customers, confirmed on the other, and corrected for all that were confirmed; only the second
half says how much. Who is here and took such a path lately is the list behind it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard.errors import Refusal
from regard.figures.ratios import RatioMark, ratio_dots
from regard.findings import Caution, Finding
from regard.journey.leaving import DAY, Leaving, leaving, took_lately
from regard.journey.stepnames import arrowed
from regard.periods import parse_span
from regard.questions import question
from regard.signals.ask import Ask
from regard.signals.silences import SILENT
from regard.statistics.motifs import METHOD, Motif, Motifs, confirmed, who_took
from regard.wording import Words, count, duration, listed, money, number, percent, times

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.figures import Figure
    from regard.signals.stepscope import Stepped

DRAWN = 12
SAME = 0.9
"""Share of those who took a path who took a wider one, from which on the two tell of the same people."""


class LossPath(msgspec.Struct, frozen=True, kw_only=True):
    """A path that stood out on the half that finds, and what the other half says of it."""

    path: Annotated[str, Meta(description="Steps one directly after another, repeats of a step as one.")]
    ratio: Annotated[
        float | None, Meta(description="How many times as often those who took it left, on the confirming half.")
    ] = None
    low: Annotated[float | None, Meta(description="Lower end of its interval.")] = None
    high: Annotated[float | None, Meta(description="Upper end; none where it is endless.")] = None
    adjusted: Annotated[float, Meta(description="p-value on the confirming half, corrected for all paths there.")]
    confirmed: Annotated[bool, Meta(description="Whether that is beyond chance, all paths together.")] = False
    leavers: Annotated[int, Meta(description="Of those who left and were compared, how many had taken it.")] = 0
    leavers_share: Annotated[float, Meta(description="Their share, on the confirming half.")] = 0.0
    others_share: Annotated[float, Meta(description="The same share of like ones who stayed.")] = 0.0
    days_before: Annotated[
        float | None, Meta(description="Median days from the path's last step to the loss, or to the last sign.")
    ] = None
    errors: Annotated[float | None, Meta(description="Share of those leavers who met an error on it.")] = None
    now: Annotated[int | None, Meta(description="Customers here who took it lately; told of confirmed paths.")] = None
    value: Annotated[float | None, Meta(description="What those are worth a year.")] = None
    found: Annotated[float | None, Meta(description="The ratio on the half that found it, which flatters.")] = None
    part_of: Annotated[
        str, Meta(description="A wider confirmed path that tells of the same people and says as much; empty for none.")
    ] = ""


class BeforeLoss(Finding, frozen=True, kw_only=True):
    """What customers do before they leave."""

    lost: Annotated[int | None, Meta(description="Customers lost in the time looked back.")] = None
    compared: Annotated[int | None, Meta(description="Of them, how many stand beside like ones who stayed.")] = None
    window: Annotated[str, Meta(description="How long before a loss is looked at.")] = ""
    lead: Annotated[str, Meta(description="How long right before it is left out.")] = ""
    looked: Annotated[int, Meta(description="Paths taken often enough to be looked at.")] = 0
    candidates: Annotated[int, Meta(description="Of them, how many were taken over to the half that confirms.")] = 0
    now: Annotated[int | None, Meta(description="Customers here who lately took any path that goes before a loss.")] = (
        None
    )
    value: Annotated[float | None, Meta(description="What they are worth a year.")] = None
    currency: Annotated[str, Meta(description="Currency of every value.")] = ""
    rows: Annotated[tuple[LossPath, ...], Meta(description="Paths, those beyond chance first.")] = ()


@question(title="Before a loss", needs=("base.lost", "event|order|contact|subscription"))
def before_loss(
    *,
    ask: Ask,
    window: Annotated[str, Meta(description="How long before a loss is looked at: 30d, 8w.")] = "60d",
    lead: Annotated[
        str, Meta(description="How long right before it is left out, since nothing can be done then: 1d, 2w.")
    ] = "1d",
    longest: Annotated[int, Meta(description="Most steps of a path.", ge=1, le=3)] = 3,
    back: Annotated[
        int, Meta(description="Days of losses that are looked at, up to the end of the period.", ge=30, le=3650)
    ] = 730,
    support: Annotated[
        float, Meta(description="Share of those compared who must have taken a path.", ge=0.002, le=0.5)
    ] = 0.02,
) -> BeforeLoss:
    """What do customers do before they leave, and who is on such a path now?"""
    ask.need("base.lost", "it says when a customer is lost.")
    whole = msgspec.structs.replace(ask.scope, by="")
    own = Ask(view=ask.view, scope=whole, package=ask.package, seed=ask.seed)
    room, last = parse_span(window, where="window") or 0, parse_span(lead, where="lead") or 0
    if not room:
        raise Refusal("How long before a loss?", hint="Give --window 60d.")
    stepped = own.steps()
    seen = leaving(own, stepped, window=room, lead=last, back=back)
    found = confirmed(*seen.halves, longest=longest, support=support, rng=np.random.default_rng(ask.seed))
    if found.refused:
        raise Refusal(
            f"Too few losses to tell: {found.refused.replace('ends', 'losses')}.",
            hint="Look further back with --back, at a shorter --window, or at all customers.",
        )
    here = _here(seen, stepped, found, room)
    return _finding(own, seen, found, here, stepped, (window, lead, bool(ask.scope.by)))


@dataclass(frozen=True, kw_only=True)
class _Here:
    """Customers of the base who took the risky paths lately: one column of `took` a path."""

    took: NDArray[np.bool_]
    value: NDArray[np.float64]
    of: dict[tuple[int, ...], int]


def _risky(row: Motif) -> bool:
    return row.confirmed and row.odds.value > 1


def _here(seen: Leaving, stepped: Stepped, found: Motifs, window: int) -> _Here:
    grams = [r.steps for r in found.rows if _risky(r)]
    ids, took = took_lately(stepped, grams, window)
    base = seen.base
    order = np.flatnonzero(base.here)
    order = order[np.argsort(base.customer[order], kind="stable")]
    stay, which = base.customer[order], np.zeros(len(ids), np.bool_)
    at = np.minimum(np.searchsorted(stay, ids), max(len(stay) - 1, 0))
    if len(stay):
        which = stay[at] == ids
    value = base.value[order[at[which]]] if len(stay) else np.zeros(0)
    return _Here(took=took[which], value=value, of={gram: j for j, gram in enumerate(grams)})


def _rows(seen: Leaving, stepped: Stepped, found: Motifs, here: _Here) -> tuple[LossPath, ...]:
    names = stepped.steps[0].names
    cases = [half.sets.case for half in seen.halves]
    made: list[LossPath] = []
    within = _within(seen, found)
    for row in found.rows:
        leavers, days, failed = 0, [], []
        for half, windows, case in zip(seen.halves, seen.windows, cases, strict=True):
            who, at, met = windows.last_of(row.steps)
            own = case[who]
            leavers += int(own.sum())
            days.append((half.sets.at[who[own]] - at[own]) / DAY - seen.quiet)
            failed.append(met[own])
        gone, bad = np.concatenate(days), np.concatenate(failed)
        told = not row.odds.refused
        place = here.of.get(row.steps)
        mine = None if place is None else here.took[:, place]
        made.append(LossPath(
            path=_named(row.steps, names), ratio=row.odds.value if told else None,
            low=row.odds.low if told else None,
            high=row.odds.high if told and math.isfinite(row.odds.high) else None,
            adjusted=row.adjusted, confirmed=row.confirmed, leavers=leavers, leavers_share=row.cases,
            others_share=row.others, days_before=float(np.median(gone)) if len(gone) else None,
            errors=float(bad.mean()) if len(bad) else None, now=None if mine is None else int(mine.sum()),
            value=None if mine is None else _worth(here.value[mine]),
            found=row.found if math.isfinite(row.found) else None, part_of=_named(within.get(row.steps, ()), names),
        ))  # fmt: skip
    return tuple(sorted(made, key=_rank))


def _named(steps: tuple[int, ...], names: tuple[str, ...]) -> str:
    return arrowed(tuple(names[c] for c in steps))


def _rank(row: LossPath) -> tuple[object, ...]:
    """What is beyond chance and says most first: by the end of the interval that is nearer to once."""
    risky = (row.ratio or 0.0) > 1
    return not row.confirmed, bool(row.part_of), not risky, -(row.low or 0.0) if risky else row.high or 0.0, row.path


def _within(seen: Leaving, found: Motifs) -> dict[tuple[int, ...], tuple[int, ...]]:
    """Paths that tell of nearly the same people as a wider confirmed one, and are not clearly further from once."""
    second = seen.halves[1]
    took = who_took(second.codes, second.whose, [r.steps for r in found.rows], people=len(second.sets.case))
    wide, within = took.sum(axis=0), {}
    order = sorted(range(len(found.rows)), key=lambda j: (-wide[j], len(found.rows[j].steps), found.rows[j].steps))
    for place, j in enumerate(order):
        row = found.rows[j]
        for other in (found.rows[k] for k in order[:place] if (took[:, k] & took[:, j]).sum() >= SAME * wide[j]):
            if not other.confirmed or other.steps in within:
                continue
            further = row.odds.low > other.odds.value if other.odds.value > 1 else row.odds.high < other.odds.value
            if not further:
                within[row.steps] = other.steps
                break
    return within


def _worth(values: NDArray[np.float64]) -> float | None:
    return float(np.nansum(values)) if np.isfinite(values).any() else None


def _finding(  # noqa: PLR0917  what was found, then how it was asked
    ask: Ask, seen: Leaving, found: Motifs, here: _Here, stepped: Stepped, asked: tuple[str, str, bool]
) -> BeforeLoss:
    window, lead, cut = asked
    rows = _rows(seen, stepped, found, here)
    any_ = here.took.any(axis=1) if here.took.shape[1] else np.zeros(len(here.took), np.bool_)
    risky = [r for r in rows if r.confirmed and (r.ratio or 0) > 1]
    worth = _worth(here.value[any_]) if risky else None
    compared = sum(found.sets)
    return BeforeLoss(
        answer=_answer(ask, seen, rows, (int(any_.sum()), worth), window), lost=seen.lost, compared=compared,
        window=window, lead=lead, looked=found.looked, candidates=len(rows), now=int(any_.sum()) if risky else None,
        value=worth, currency=ask.declarations.currency, rows=rows, facts=_facts(rows),
        cautions=_cautions(ask, seen, found, stepped, cut=cut),
        next_step="See who is on such a path now: the number in its row leads to them." if risky
        else "See what else goes before leaving: regard customers reasons.",
        evidence=ask.evidence(
            n=sum(len(h.sets.case) for h in seen.halves), kind="estimated", method=f"{METHOD[:1].upper()}{METHOD[1:]}.",
            customers=len(np.unique(np.concatenate([seen.base.customer[h.sets.person] for h in seen.halves]))),
        ),
    )  # fmt: skip


def _answer(ask: Ask, seen: Leaving, rows: tuple[LossPath, ...], now: tuple[int, float | None], window: str) -> str:
    words = Words(ask.declarations.called, ask.declarations.called_many)
    first = next((r for r in rows if r.confirmed and (r.ratio or 0) > 1), None)
    if first is None:
        less = next((r for r in rows if r.confirmed), None)
        base = f"No path goes before a loss beyond chance: {count(seen.lost, 'loss')} looked at"
        if less is None:
            return f"{base}, {count(len(rows), 'path')} tested."
        return f"{base}; those who did {less.path} left less often, {times(less.ratio)} as often."
    ends = f"{number(round(first.low or 0.0, 1))} to {number(round(first.high, 1))}" if first.high else "no upper end"
    here, worth = now
    money_ = f", worth {money(worth, ask.declarations.currency)} a year," if worth else ""
    have = "has" if here == 1 else "have"
    return (
        f"Those who did {first.path} left {times(first.ratio)} as often ({ends}); "
        f"{words.count(here)} of those here now{money_} {have} taken such a path in the last {_span(window)}."
    )


def _span(window: str) -> str:
    return duration((parse_span(window, where="window") or 0) / 1_000_000)


def _facts(rows: tuple[LossPath, ...]) -> tuple[str, ...]:
    first = next((r for r in rows if r.confirmed and (r.ratio or 0) > 1), None)
    if first is None:
        return ()
    days = first.days_before
    when = f"; half of them within {count(max(round(days), 1), 'day')} of leaving" if days is not None else ""
    text = (
        f"{percent(first.leavers_share)} of those who left had done it, and {percent(first.others_share)} of like ones "
        f"who stayed{when}."
    )
    told = [text]
    bad = max(
        (r for r in rows if r.confirmed and (r.ratio or 0) > 1 and r.leavers >= 10),
        key=lambda r: r.errors or 0,
        default=None,
    )
    if bad is not None and (bad.errors or 0) >= 0.1:
        told.append(f"{percent(bad.errors)} of the leavers who did {bad.path} met an error on it.")
    less = [r.path for r in rows if r.confirmed and (r.ratio or 1) < 1 and not r.part_of]
    if less:
        told.append(f"Those who stay more often do: {listed(less, most=3)}.")
    return tuple(told)


def _cautions(ask: Ask, seen: Leaving, found: Motifs, stepped: Stepped, *, cut: bool) -> tuple[Caution, ...]:
    text = (
        "What goes before leaving need not be its cause: who is unhappy may both take a path and leave. Proof needs a "
        "comparison that was declared."
    )
    told = [Caution(code="not_proof", text=text)]
    if seen.drawn < seen.lost:
        text = f"Of {count(seen.lost, 'loss')} {number(seen.drawn)} were drawn."
        told.append(Caution(code="sampled", text=text))
    if found.early or found.alone:
        text = (
            f"{count(found.early, 'loss')} came too soon after the start to look at, "
            f"{number(found.alone)} had nobody like them beside."
        )
        told.append(Caution(code="left_out", text=text))
    if ask.declarations.base.lost in SILENT:
        text = "A loss is a silence for good; those beside it fell silent at the same time and came back."
        told.append(Caution(code="by_silence", text=text))
    if cut:
        text = "Losses are too few to cut: look at one part alone with --where."
        told.append(Caution(code="not_cut", text=text))
    told += stepped.cautions()
    return tuple(told)


def figure(finding: BeforeLoss) -> Figure | None:
    """How many times as often those who took a path left, and who is on it now."""
    if not finding.rows:
        return None
    shown = [r for r in finding.rows if r.ratio is not None and not r.part_of][:DRAWN]
    hidden = sum(1 for r in finding.rows if r.part_of)
    legend = (
        "Dot and bar: times as often, with its interval, on the half that did not find the path. Coloured where it is "
        "beyond chance, all paths together; grey where it is not."
    )
    if hidden:
        legend += f" {count(hidden, 'path')} that say the same as one shown are in the table."
    return ratio_dots(
        [_mark(r, finding.currency) for r in shown], title=finding.answer, once="leave as often as others",
        column="here now, on this path" if any(r.now is not None for r in shown) else "", legend=legend,
    )  # fmt: skip


def _mark(row: LossPath, currency: str) -> RatioMark:
    ratio = row.ratio or 1.0
    note = ""
    if row.now is not None:
        note = number(row.now) + (f" · {money(row.value, currency)}" if row.value else "")
    ends = f"{number(round(row.low or 0.0, 1))} to {number(round(row.high, 1)) if row.high else 'any'}"
    return RatioMark(
        label=row.path, value=ratio, low=row.low or 0.001, high=row.high or 1000.0, text=f"{number(round(ratio, 1))}×",
        note=note, marked=("bad" if ratio > 1 else "good") if row.confirmed else "", key=row.path,
        tip=f"{row.path}: {times(ratio)} as often ({ends}), {count(row.leavers, 'leaver')} had done it"
        + (f"; {note} here now" if note else ""),
    )  # fmt: skip
