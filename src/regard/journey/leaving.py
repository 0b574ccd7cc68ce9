"""Those who were lost, each beside like customers who stayed, and what both did before: dealt into two halves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regard.signals.silences import SILENT, silences
from regard.signals.tenures import TERMS, Stays, stays
from regard.statistics import risksets
from regard.statistics.atrisk import Sets
from regard.statistics.motifs import Half, who_took
from regard.steps.within import rows_within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regard.signals.ask import Ask
    from regard.signals.stepscope import Stepped
    from regard.statistics.risksets import RiskSets

Whole = NDArray[np.int64]
Truths = NDArray[np.bool_]
DAY = 86_400_000_000
MOST_LOSSES = 3_000
"""Losses looked at; of more, so many are drawn."""
CONTROLS = 4
TRIED = 40
"""Like ones looked at for each, of whom those who had been there about as long are kept."""
BAND = 0.25
"""Tenures this far apart, as a share of that of the one who was lost, still count as alike."""
OVER = "subscription: end"
"""The step that is the leaving itself."""


@dataclass(frozen=True, kw_only=True)
class Windows:
    """What some people did, each in a stretch of time: one after the other, immediate repeats as one.

    Attributes:
        codes: (n,) what.
        whose: (n,) number of the person, ascending.
        times: (n,) microseconds UTC; of a repeated step, its last.
        failed: (n,) whether an error was met there, or at an immediate repeat.
    """

    codes: Whole
    whose: Whole
    times: Whole
    failed: Truths

    def last_of(self, gram: tuple[int, ...]) -> tuple[Whole, Whole, Truths]:
        """Whoever did some steps in a row, when they last had, and whether that met an error."""
        size, n = len(gram), len(self.codes) - len(gram) + 1
        if n <= 0:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.bool_)
        here = self.whose[:n] == self.whose[size - 1 :]
        for k, code in enumerate(gram):
            here &= self.codes[k : k + n] == code
        at = np.flatnonzero(here)
        last = np.flatnonzero(np.append(np.diff(self.whose[at]) > 0, np.True_)) if len(at) else at
        at = at[last]
        failed = np.zeros(len(at), np.bool_)
        for k in range(size):
            failed |= self.failed[at + k]
        return self.whose[at], self.times[at + size - 1], failed


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """Those lost beside like ones, in two halves, and who is here.

    Attributes:
        base: Every stay.
        halves: The half that finds and the half that confirms.
        windows: What the members of each half's sets did.
        lost: Losses there were in the time looked at.
        drawn: Losses looked at.
        quiet: Days of silence before the moment one is looked at; 0 under contract.
    """

    base: Stays
    halves: tuple[Half, Half]
    windows: tuple[Windows, Windows]
    lost: int
    drawn: int
    quiet: float


def leaving(ask: Ask, stepped: Stepped, *, window: int, lead: int, back: int) -> Leaving:
    """Find everybody lost, and like customers of the same moment who stayed.

    Customers are dealt into two halves, and compared within their half only. Both sides had been there for the whole
    of the window, and about as long; under contract, those of one billing period, and a renewal not made with renewals
    made. Without contracts a silence for good is set beside silences that began at the same time and ended.

    Args:
        ask: The scope; its end is when one looks back from.
        stepped: The steps.
        window: Microseconds that are looked at.
        lead: Microseconds right before that are left out.
        back: Days of losses.
    """
    rng = np.random.default_rng(ask.seed)
    silent = ask.declarations.base.lost in SILENT
    quiet = silences(ask) if silent else None
    base = quiet.stays if quiet is not None else stays(ask)
    every, who = np.unique(base.customer, return_inverse=True)
    half = (rng.permutation(len(every)) % 2)[who.reshape(-1)]
    chosen = np.flatnonzero((base.left > base.until - back) & (base.left <= base.until))
    lost, room = len(chosen), window + lead
    if lost > MOST_LOSSES:
        chosen = np.sort(rng.choice(chosen, MOST_LOSSES, replace=False))
    grace = quiet.grace if quiet is not None else 0.0
    room += int(grace * DAY)
    begun = min((int(s.times[rows].min()) for s in stepped.steps if len(rows := s.firsts)), default=0)
    found, shown = [], []
    for side in (0, 1):
        if quiet is None:
            sets = _of_contracts(base, np.flatnonzero(half == side), chosen, seed=ask.seed)
        else:
            sets = _of_silences(ask, np.flatnonzero(half[quiet.stay] == side), chosen)
        able = _able(base, stepped, sets, room=room, begun=begun)
        alike = _alike(base, sets, able, room=room)
        seen = windows(stepped, base.customer[alike.person], alike.at - room, alike.at - lead)
        found.append(Half(sets=alike, codes=seen.codes, whose=seen.whose))
        shown.append(seen)
    return Leaving(
        base=base, halves=(found[0], found[1]), windows=(shown[0], shown[1]), lost=lost, drawn=len(chosen), quiet=grace
    )


def _of_contracts(base: Stays, own: Whole, chosen: Whole, *, seed: int) -> RiskSets:
    """Of one half, by number of the stay."""
    _, like = np.unique(base.every.astype(str), return_inverse=True)
    term = np.array([TERMS.get(str(e), 0.0) for e in base.every])
    sets = risksets.of_stays(
        base.since[own], base.left[own], np.flatnonzero(np.isin(own, chosen)), like=like.reshape(-1)[own],
        term=term[own], controls=TRIED, seed=seed,
    )  # fmt: skip
    return replace(sets, row=own[sets.row])


def _of_silences(ask: Ask, own: Whole, chosen: Whole) -> RiskSets:
    quiet, most = silences(ask), ask.declarations.base.days
    for_good = ~(quiet.back - quiet.last <= most) & np.isin(quiet.stay, chosen)
    sets = risksets.of_pauses(
        quiet.last[own], quiet.back[own], np.flatnonzero(for_good[own]), who=quiet.stays.customer[quiet.stay[own]],
        grace=quiet.grace, most=most, controls=TRIED, seed=ask.seed,
    )  # fmt: skip
    return replace(sets, row=quiet.stay[own][sets.row])


def _able(base: Stays, stepped: Stepped, sets: RiskSets, *, room: int, begun: int) -> Truths:
    """Who was there, and seen, for the whole stretch before, and is taken for a person."""
    at, since = _micros(sets.at), _micros(base.since[sets.row])
    able: Truths = (at - room >= since) & (at - room >= begun)
    if stepped.now.customers is not None:
        part, place = _places(stepped, base.customer[sets.row])
        for k, mask in enumerate(stepped.now.customers):
            mine = part == k
            able[mine] &= mask[place[mine]]
    return able


def _alike(base: Stays, sets: RiskSets, able: Truths, *, room: int) -> Sets:
    """Sets of those lost and the first few like ones who had been there about as long."""
    at = _micros(sets.at)
    tenure = at - _micros(base.since[sets.row])
    first = np.flatnonzero(sets.lost)
    case = first[np.searchsorted(sets.sets[first], sets.sets)] if len(first) else first
    near = np.abs(tenure - tenure[case]) <= np.maximum(BAND * tenure[case], room)
    keep = able & able[case] & (sets.lost | near)
    alone = np.bincount(sets.sets[keep], minlength=len(first))[sets.sets] < 2
    early = int((sets.lost & ~able).sum())
    # Of each set the one who was lost stands first: number its members from there, and take the first few.
    kept = np.flatnonzero(keep & ~alone)
    start = np.flatnonzero(sets.lost[kept])
    order = np.arange(len(kept)) - start[np.cumsum(sets.lost[kept]) - 1] if len(kept) else kept
    kept = kept[order <= CONTROLS]
    _, number = np.unique(sets.sets[kept], return_inverse=True)
    return Sets(
        person=sets.row[kept], at=at[kept], case=sets.lost[kept], number=number.reshape(-1), early=early,
        alone=int((sets.lost & able & alone).sum()),
    )  # fmt: skip


def _micros(days: NDArray[np.float64]) -> Whole:
    return np.rint(days * DAY).astype(np.int64)


def _places(stepped: Stepped, customers: Whole) -> tuple[Whole, Whole]:
    """In which slice each customer's steps are, and where; -1 where there are none."""
    part, place = np.full(len(customers), -1), np.zeros(len(customers), np.int64)
    for k, each in enumerate(stepped.steps):
        if len(each.customers):
            at = np.minimum(np.searchsorted(each.customers, customers), len(each.customers) - 1)
            here = each.customers[at] == customers
            part[here], place[here] = k, at[here]
    return part, place


def windows(stepped: Stepped, customers: Whole, since: Whole, until: Whole) -> Windows:
    """What customers did between two moments each; the end of a contract is no step here.

    Args:
        stepped: The steps; those its filters leave out are as if they had not been.
        customers: (p,) whose.
        since: (p,) from when, included.
        until: (p,) to when, not included.
    """
    part, place = _places(stepped, customers)
    none = np.zeros(0, np.int64)
    whose, codes, times, failed = [none], [none], [none], [np.zeros(0, np.bool_)]
    for i in np.flatnonzero(part >= 0).tolist():
        each = stepped.steps[part[i]]
        rows = each.rows_of(int(place[i]))
        low, high = np.searchsorted(each.times[rows], [since[i], until[i]])
        own = rows[low:high]
        own = own if stepped.now.rows is None else own[stepped.now.rows[part[i]][own]]
        codes.append(each.codes[own].astype(np.int64))
        times.append(each.times[own])
        failed.append(each.failed[own])
        whose.append(np.full(len(codes[-1]), i))
    columns = np.concatenate(whose), np.concatenate(codes), np.concatenate(times), np.concatenate(failed)
    return _closed(*columns, stepped)


def _closed(whose: Whole, codes: Whole, times: Whole, failed: Truths, stepped: Stepped) -> Windows:
    """Without the steps that are the leaving, those of equal time in the order of names, immediate repeats as one."""
    names = np.array(stepped.steps[0].names if stepped.steps else ())
    rank, keep = np.argsort(np.argsort(names)), np.flatnonzero((names != OVER)[codes])
    keep = keep[np.lexsort((rank[codes[keep]], times[keep], whose[keep]))]
    whose, codes, times, failed = whose[keep], codes[keep], times[keep], failed[keep]
    if not len(codes):
        return Windows(codes=codes, whose=whose, times=times, failed=failed)
    fresh = np.append(np.True_, (codes[1:] != codes[:-1]) | (whose[1:] != whose[:-1]))
    first = np.flatnonzero(fresh)
    last = np.append(first[1:], len(codes)) - 1
    return Windows(
        codes=codes[first], whose=whose[first], times=times[last],
        failed=np.logical_or.reduceat(failed, first),
    )  # fmt: skip


def took_lately(stepped: Stepped, grams: Sequence[tuple[int, ...]], window: int) -> tuple[Whole, Truths]:
    """Customers with a step in the stretch before the end of the period, ascending, and which of some paths each took.

    Args:
        stepped: The steps.
        grams: Paths, as codes of steps in a row.
        window: Microseconds before the end of the period.
    """
    since, until = stepped.now.until - window, stepped.now.until
    ids, parts = [np.zeros(0, np.int64)], []
    lately = rows_within(stepped.steps, selection=replace(stepped.now, since=since, until=until))
    for each, (at, owner) in zip(stepped.steps, lately, strict=True):
        people, whose = np.unique(owner, return_inverse=True)
        seen = _closed(whose.reshape(-1), each.codes[at].astype(np.int64), each.times[at], each.failed[at], stepped)
        ids.append(each.customers[people])
        parts.append(who_took(seen.codes, seen.whose, grams, people=len(people)))
    every = np.concatenate(ids)
    order = np.argsort(every, kind="stable")
    took = np.concatenate([np.zeros((0, len(grams)), np.bool_), *parts])
    return every[order], took[order]
