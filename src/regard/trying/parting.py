"""What goes with leaving: parts read from columns, their effects on the hazard, and what is at risk with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

from regard.findings import Caution, Interval
from regard.statistics import hazards, risksets
from regard.statistics.attributed import attributed
from regard.statistics.estimates import Estimate, Floats, Whole
from regard.statistics.foretold import foretold
from regard.statistics.stakes import MOST_PARTS, shapley
from regard.statistics.survival import Tenures
from regard.trying.churned import PartEffect, PartStake
from regard.trying.columns import Columns
from regard.trying.trials import Check
from regard.trying.valued import interval_of
from regard.wording import between, count, listed, number, percent

MONTH = 365.25 / 12
MOST_LEVELS = 8
SPANS = 10
CONTROLS = 12
"""Compared with each who left."""
SEED = 31
KNOWN_WHEN = (
    "Parts must have been known before they count: a column that tells what happened later makes anything look as if "
    "it kept customers. Give such a part as the day it began."
)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A column that may go with leaving.

    Attributes:
        name: The column.
        levels: Name of each of its columns in the model.
        x: Their values, NaN where unknown; empty for days: shape (n, levels).
        usual: What a typical customer has: shape (levels,).
        when: Tenure in months from which it held, for a column of days; NaN where it never did.
    """

    name: str
    levels: tuple[str, ...]
    x: Floats
    usual: Floats
    when: Floats | None = None


@dataclass(frozen=True, kw_only=True)
class Effects:
    """What was found, as it is told."""

    rows: tuple[PartEffect, ...] = ()
    stakes: tuple[PartStake, ...] = ()
    checks: tuple[Check, ...] = ()
    cautions: tuple[Caution, ...] = ()
    concordance: float | None = None
    loglik: float | None = None


@dataclass(frozen=True, kw_only=True)
class _Model:
    lived: Tenures
    rows: Whole
    x: Floats
    names: list[str]
    of: list[int]
    """Number of the part each column belongs to."""


def part(data: Columns, name: str, kept: Whole, began: Floats | None) -> Part:
    """A column as a part: days count from then on, texts by level against the most frequent, numbers as they are.

    Raises:
        UnknownName: There is no such column.
        BadInput: It does not hold what it seems to.
    """
    holds = data.holds(name)
    if holds == "time" and began is not None:
        when = data.times(name).astype("datetime64[D]")[kept]
        days = np.where(np.isnat(when), np.nan, when.astype(float))
        return Part(
            name=name, levels=(name,), x=np.zeros((len(kept), 0)), usual=np.zeros(1), when=(days - began) / MONTH
        )
    if holds in {"text", "email", "url", "time"}:
        codes, labels = data.codes(name)
        mine = codes[kept]
        times = np.bincount(mine[mine >= 0], minlength=len(labels))
        order = np.argsort(-times, kind="stable")[:MOST_LEVELS]
        shown = [k for k in order if times[k] > 0]
        x = (
            np.column_stack([np.where(mine < 0, np.nan, (mine == k).astype(float)) for k in shown[1:]])
            if len(shown) > 1
            else np.zeros((len(kept), 0))
        )
        return Part(name=name, levels=tuple(f"{name}: {labels[k]}" for k in shown[1:]), x=x, usual=np.zeros(x.shape[1]))
    values = data.numbers(name)[kept]
    known = values[np.isfinite(values)]
    two = len(np.unique(known)) == 2
    usual = float(known.min()) if two else float(np.median(known)) if len(known) else 0.0
    return Part(name=name, levels=(name,), x=values[:, None], usual=np.array([usual]))


def effects(lived: Tenures, parts: tuple[Part, ...], value: Floats, ahead: float, *, at: float) -> Effects:
    """Effects of the parts on the hazard, and what is at risk together with them."""
    if not parts:
        return Effects()
    known = np.all([np.isfinite(p.x).all(axis=1) for p in parts], axis=0)
    lost = int((~known).sum())
    text = f"{count(lost, 'customer')} without a value for every part are left out of their effects."
    cautions = [Caution(code="parts_missing", text=text)] if lost else []
    model = _model(lived, parts, known)
    cox = hazards.cox(model.lived, model.x)
    if cox.refused:
        text = f"What goes with leaving cannot be told: {cox.refused}."
        return Effects(cautions=(*cautions, Caution(code="parts_refused", text=text)))
    steady = hazards.proportional(model.lived, model.x, cox)
    monthly, stakes = _monthly(model, parts, value, ahead)
    stakes, untold = _with_shares(stakes, model, parts, value)
    cautions += untold
    cautions.append(Caution(code="known_when", text=KNOWN_WHEN))
    return Effects(
        rows=_rows(model, cox, steady, monthly), stakes=stakes, cautions=tuple(cautions),
        checks=(*_checks(cox, steady, monthly, model), *_told_before(model, at)),
        concordance=hazards.concordance(model.lived, model.x @ cox.beta), loglik=cox.loglik,
    )  # fmt: skip


def _rows(model: _Model, cox: hazards.Effects, steady: Floats, monthly: Floats | None) -> tuple[PartEffect, ...]:
    """Each part's hazard ratio, whether it holds over tenure, and what the monthly model says."""
    low, high = cox.interval()
    p = cox.p()
    ends = [Interval(low=float(np.exp(a)), high=float(np.exp(b))) for a, b in zip(low, high, strict=True)]
    return tuple(
        PartEffect(
            part=name, ratio=float(np.exp(cox.beta[j])), interval=ends[j], p=float(p[j]), steady=float(steady[j]),
            monthly=None if monthly is None else float(np.exp(monthly[j])),
        )
        for j, name in enumerate(model.names)
    )  # fmt: skip


def _with_shares(
    stakes: tuple[PartStake, ...], model: _Model, parts: tuple[Part, ...], value: Floats
) -> tuple[tuple[PartStake, ...], list[Caution]]:
    """What is at risk by part, with the shares of those who left; and why there are none, if so."""
    shares, refused = _shares(model, parts, value)
    told = [
        msgspec.structs.replace(s, share=shares[s.part].value, share_interval=interval_of(shares[s.part]))
        if s.part in shares
        else s
        for s in stakes
    ]
    text = f"Shares of those who left are not told: {refused}."
    return tuple(told), [Caution(code="shares_refused", text=text)] if refused else []


def _shares(model: _Model, parts: tuple[Part, ...], value: Floats) -> tuple[dict[str, Estimate], str]:
    """Of those who left, the share that goes with each part that holds or does not: the workspace's own division.

    Parts with more between are held still beside them. Nobody is told from when a column without days holds: it counts
    as if it had from the start.
    """
    yes = [j for j in range(model.x.shape[1]) if set(np.unique(model.x[:, j])) == {0.0, 1.0}]
    yes = [j for j in yes if parts[model.of[j]].levels == (model.names[j],) == (parts[model.of[j]].name,)]
    lived = model.lived
    if not yes:
        return {}, ""
    sets = risksets.of_spells(
        lived.entry, lived.exit, lived.ended > 0, who=model.rows, controls=CONTROLS, seed=SEED
    )  # fmt: skip
    rest = [j for j in range(model.x.shape[1]) if j not in yes and np.ptp(model.x[:, j]) > 0]
    scaled = model.x[:, rest] / np.maximum(model.x[:, rest].std(axis=0), 1e-12)
    worth = value[model.rows][sets.row]
    found = attributed(
        model.x[sets.row][:, yes] > 0, sets.sets, sets.lost, model.rows[sets.row], beside=scaled[sets.row],
        weight=worth if worth[sets.lost].sum() > 0 else None, seed=SEED,
    )  # fmt: skip
    if found.refused:
        return {}, found.refused
    return {parts[model.of[j]].name: found.shares[i] for i, j in enumerate(yes)}, ""


def _model(lived: Tenures, parts: tuple[Part, ...], known: np.ndarray) -> _Model:
    """Rows of tenure, cut where a part of days begins to hold."""
    rows = np.nonzero(known)[0]
    pieces = Tenures(
        entry=lived.entry[rows], exit=lived.exit[rows], ended=lived.ended[rows], reason=lived.reason[rows], left_out=0
    )
    timed: list[tuple[int, Floats]] = []
    for i, p in enumerate(parts):
        if p.when is not None:
            pieces, cut, had = hazards.split_at(pieces, p.when[rows])
            rows = rows[cut]
            timed = [(k, values[cut]) for k, values in timed] + [(i, had)]
    found = dict(timed)
    columns, names, of = [], [], []
    for i, p in enumerate(parts):
        block = found[i][:, None] if i in found else p.x[rows]
        columns.append(block)
        names += list(p.levels)
        of += [i] * block.shape[1]
    return _Model(lived=pieces, rows=rows, x=np.concatenate(columns, axis=1), names=names, of=of)


def _monthly(
    model: _Model, parts: tuple[Part, ...], value: Floats, ahead: float
) -> tuple[Floats | None, tuple[PartStake, ...]]:
    """The month-by-month model: its effects, and what is at risk by part."""
    pieces = hazards.person_periods(model.lived, 1.0)
    if len(pieces.customer) == 0:
        return None, ()
    span, edges = _spans(pieces)
    fit = hazards.discrete(pieces.ended, span, model.x[pieces.customer], exposed=pieces.exposed)
    if fit.refused:
        return None, ()
    last = np.ones(len(model.rows), bool)
    order = np.lexsort((model.lived.exit, model.rows))
    last[order[:-1]] = model.rows[order[1:]] != model.rows[order[:-1]]
    here = np.nonzero(last & (model.lived.ended == 0))[0]
    if len(parts) > MOST_PARTS or not len(here):
        return fit.beta, ()
    return fit.beta, _stakes(model, parts, here, fit=fit, edges=edges, value=value, ahead=ahead)


def _spans(pieces: hazards.Periods) -> tuple[Whole, Whole]:
    """Spans of tenure that hold at least five ends each, and the first month of each."""
    ends = np.sort(pieces.period[pieces.ended > 0])
    some = int(np.clip(len(ends) // 5, 1, SPANS))
    edges = np.unique(np.concatenate([[0], ends[(np.arange(1, some) * len(ends)) // some] + 1])).astype(np.int64)
    while len(edges) > 1 and not (ends >= edges[-1]).any():
        edges = edges[:-1]
    span: Whole = (np.searchsorted(edges, pieces.period, side="right") - 1).astype(np.int64)
    return span, edges


def _stakes(
    model: _Model,
    parts: tuple[Part, ...],
    here: Whole,
    *,
    fit: hazards.Effects,
    edges: Whole,
    value: Floats,
    ahead: float,
) -> tuple[PartStake, ...]:
    """Shapley parts of the chance to leave in the time ahead: as customers are, against as a typical one is."""
    months = max(round(ahead), 1)
    age = np.floor(model.lived.exit[here]).astype(np.int64)
    each = np.exp(fit.baseline)
    base = sum(each[np.searchsorted(edges, age + m, side="right") - 1] for m in range(months))
    usual = np.concatenate([p.usual for p in parts])
    pull = (model.x[here] - usual) * fit.beta
    by = np.column_stack(
        [pull[:, [j for j, k in enumerate(model.of) if k == i]].sum(axis=1) for i in range(len(parts))]
    )
    start = float(usual @ fit.beta)
    worth = value[model.rows[here]]

    def loss(these: tuple[int, ...]) -> float:
        return float(worth @ -np.expm1(-base * np.exp(start + by[:, list(these)].sum(axis=1))))

    found = shapley(loss, len(parts))
    rows = [PartStake(part=p.name, at_risk=float(v)) for p, v in zip(parts, found, strict=True)]
    rows.sort(key=lambda r: -abs(r.at_risk))
    return (*rows, PartStake(part="the rest", at_risk=loss(())))


def _checks(cox: hazards.Effects, steady: Floats, monthly: Floats | None, model: _Model) -> Iterator[Check]:
    yield Check(
        name="parts_converged", passed=True, value=cox.slope,
        text=f"The parts' model stands at a maximum: log partial likelihood {number(cox.loglik, 2)}.",
    )  # fmt: skip
    worst = float(steady.min()) * len(steady)
    broken = [n for n, s in zip(model.names, steady, strict=True) if s < 0.05]
    yield Check(
        name="steady", passed=worst >= 0.05, value=float(steady.min()),
        text="Every ratio stays the same over tenure as far as can be told." if worst >= 0.05
        else f"The ratio changes over tenure for {listed(broken, most=4)}: read it as an average.",
    )  # fmt: skip
    if monthly is not None:
        away = float(np.max(np.abs(monthly - cox.beta) / cox.error))
        yield Check(
            name="models_agree", passed=away < 1.0, value=away,
            text=f"The month-by-month model differs by at most {number(away, 2)} standard errors.",
        )  # fmt: skip


def _told_before(model: _Model, at: float) -> Iterator[Check]:
    """Whether chances told to customers the parts were not fitted to come true."""
    if len(np.unique(model.rows)) < len(model.rows):
        return  # parts of days cut customers into pieces, whose later ones nobody knew at the start
    found = foretold(model.lived, model.x, at)
    if found.refused:
        yield Check(name="foretold", passed=None, text=f"Whether it foretells could not be tried: {found.refused}.")
        return
    better = found.gain.low > 0
    text = f"Told to customers it was not fitted to, the chance to stay {number(round(at, 1))} months misses by "
    text += f"{number(found.brier, 3)} (Brier, those cut off made good), the curve of all by {number(found.plain, 3)}"
    text += f": {percent(found.gain.value)} less, {between(found.gain.low, found.gain.high, percent)}."
    yield Check(name="foretold", passed=better or None, value=found.gain.value, text=text)
    good = found.p >= 0.05
    yield Check(
        name="curve_comes_true", passed=good, value=found.p,
        text=f"Where in their own curve customers leave is {'even' if good else 'uneven'}, as it is of a right one"
        f"{'' if good else ' it would not be'} (p = {number(found.p, 3)}).",
    )  # fmt: skip
