"""Paths before an end: steps in a row that go before it more often than chance, found on one half of the people and
confirmed on the other."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from regard.statistics.atrisk import Sets, at_risk, conditional_odds
from regard.statistics.estimates import LEVEL, Estimate, Floats, Whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CANDIDATES = 25
"""Most paths taken over to the half that confirms."""
ALIKE = 0.95
"""Paths that so nearly the same people took are one: the shorter stands."""
LEAST_SETS = 20
LEAST_PEOPLE = 10
DRAWS = 499
HINT = 1.5
"""How many standard errors a path must stand out on the first half to be worth confirming."""


@dataclass(frozen=True, kw_only=True)
class Lives:
    """What people did, and when they ended.

    Attributes:
        starts: Where each person's steps begin, shape (people + 1,).
        times: When each step was, ascending within a person, whole numbers in any unit.
        codes: What it was, from 0.
        begin: When each person began, in the same unit.
        end: When they ended, or the log did.
        ended: Whether they ended.
    """

    starts: Whole
    times: Whole
    codes: Whole
    begin: Whole
    end: Whole
    ended: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Half:
    """What the members of one half's sets did in their windows.

    Attributes:
        sets: Who is beside whom.
        codes: Codes of the members' steps, one member after the other, shape (n,).
        whose: Which member each is of, ascending, shape (n,).
    """

    sets: Sets
    codes: Whole
    whose: Whole


@dataclass(frozen=True, kw_only=True)
class Motif:
    """One path that was a candidate, and what the other half says of it.

    Attributes:
        steps: Codes of its steps in a row.
        cases: Share of the confirming half's cases that took it.
        others: Share of their controls.
        found: Its odds ratio on the half that found it, which flatters.
        odds: On the half that confirms, with its interval.
        adjusted: p-value corrected for all candidates.
        confirmed: Whether that is within the level.
    """

    steps: tuple[int, ...]
    cases: float
    others: float
    found: float
    odds: Estimate
    adjusted: float
    confirmed: bool


@dataclass(frozen=True, kw_only=True)
class Motifs:
    """All candidates, the clearest first.

    Attributes:
        rows: The candidates.
        sets: Matched sets of the half that finds and of the half that confirms.
        early: Ends left out: not there for the whole window before.
        alone: Ends left out: nobody at risk was like them.
        looked: Paths with enough support on the half that finds.
        support: Fewest members of the finding half's sets that must have taken a path.
        method: In a few words.
        refused: Why there is no answer; empty when there is one.
    """

    rows: tuple[Motif, ...]
    sets: tuple[int, int]
    early: int
    alone: int
    looked: int
    support: int
    method: str
    refused: str = ""


METHOD = (
    "case-control sets matched on calendar time and tenure, conditional odds ratios; found on one half of the people, "
    "confirmed on the other, permuted within sets, step-down maximum (Westfall and Young 1993)"
)


def before_end(
    lives: Lives,
    *,
    window: int,
    lead: int = 0,
    longest: int = 3,
    support: float = 0.02,
    controls: int = 4,
    seed: int = 0,
    level: float = LEVEL,
) -> Motifs:
    """Paths that go before an end.

    People are dealt into two halves. In each, everybody who ended is set beside people of the same half who were at
    risk at that moment and had been there about as long (`at_risk`), and what both did in the same stretch of calendar
    time before it is compared. Steps in a row (n-grams) that enough of the first half's members took and that stand out
    there are candidates; only the second half says what they are worth.

    Assumes that people do not act on each other, and tells what goes with an end, not what causes it: whoever is
    unhappy may both take a path and leave. Thin evidence: fewer than 20 sets in a half, refused.

    Args:
        lives: What they did.
        window: How long before an end is looked at, in the unit of times.
        lead: How long right before it is left out: steps that are the leaving itself.
        longest: Most steps of a path.
        support: Share of the members of the finding half's sets that must have taken a path; at least 10 people.
        controls: Controls for each case.
        seed: Seed of the halves, the controls and the permutations.
        level: Confidence; the chance of even one false path is 1 - level.
    """
    rng = np.random.default_rng(seed)
    half = rng.permutation(len(lives.begin)) % 2
    sides = [_side(lives, np.flatnonzero(half == h), window + lead, controls, rng) for h in (0, 1)]
    halves = [Half(sets=s, **_windows(lives, s, window, lead)) for s in sides]
    return confirmed(halves[0], halves[1], longest=longest, support=support, level=level, rng=rng)


def confirmed(
    first: Half,
    second: Half,
    *,
    rng: np.random.Generator,
    longest: int = 3,
    support: float = 0.02,
    level: float = LEVEL,
) -> Motifs:
    """Paths found on the sets of one half and confirmed on those of the other; as `before_end`, of given sets.

    Args:
        first: The half that finds.
        second: The half that confirms; nobody is in both.
        rng: The generator of the permutations.
        longest: Most steps of a path.
        support: Share of the first half's members that must have taken a path; at least 10 people.
        level: Confidence; the chance of even one false path is 1 - level.
    """
    sides = (first.sets, second.sets)
    number = tuple(int(s.case.sum()) for s in sides)
    empty = Motifs(
        rows=(), sets=(number[0], number[1]), early=sum(s.early for s in sides), alone=sum(s.alone for s in sides),
        looked=0, support=0, method=METHOD,
    )  # fmt: skip
    if min(number) < LEAST_SETS:
        few = f"only {min(number)} ends with others at risk beside them in a half; at least {LEAST_SETS} are needed"
        return replace(empty, refused=few)
    taken, keys = _paths(first, longest)
    least = max(LEAST_PEOPLE, math.ceil(support * len(first.sets.case)))
    chosen, looked = _candidates(taken, first.sets, least)
    grams = [keys[i] for i in chosen]
    took = who_took(second.codes, second.whose, grams, people=len(second.sets.case))
    rows = _confirmed(grams, (taken[:, chosen].toarray() > 0, took), sides, level=level, rng=rng)
    return replace(empty, rows=rows, looked=looked, support=least)


def _side(lives: Lives, people: Whole, seen: int, controls: int, rng: np.random.Generator) -> Sets:
    found = at_risk(lives.begin[people], lives.end[people], lives.ended[people], seen=seen, controls=controls, rng=rng)
    return replace(found, person=people[found.person])


def _windows(lives: Lives, sets: Sets, window: int, lead: int) -> dict[str, Whole]:
    """Codes of the members' steps in their windows, one member after the other, and whose each is."""
    found, whose = [], []
    for i, (person, at) in enumerate(zip(sets.person.tolist(), sets.at.tolist(), strict=True)):
        first, last = int(lives.starts[person]), int(lives.starts[person + 1])
        own = lives.times[first:last]
        low, high = np.searchsorted(own, [at - lead - window, at - lead])
        found.append(lives.codes[first + low : first + high])
        whose.append(np.full(high - low, i))
    none = np.zeros(0, np.int64)
    return {"codes": np.concatenate([none, *found]), "whose": np.concatenate([none, *whose])}


def _grams(codes: Whole, whose: Whole, size: int, base: int) -> tuple[Whole, Whole]:
    """Each run of so many steps of one member as one number, and whose it is."""
    last = len(codes) - size + 1
    if last <= 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    key = np.zeros(last, dtype=np.int64)
    for k in range(size):
        key = key * base + codes[k : k + last] + 1
    same = whose[:last] == whose[size - 1 :]
    return key[same], whose[:last][same]


def _paths(half: Half, longest: int) -> tuple[sparse.csc_array, list[tuple[int, ...]]]:
    """Which members took which paths, shape (members, paths), and the paths' codes."""
    codes, whose = half.codes, half.whose
    base = int(codes.max(initial=0)) + 2
    rows, columns = [], []
    names: list[tuple[int, ...]] = []
    for size in range(1, longest + 1):
        key, who = _grams(codes, whose, size, base)
        known, place = np.unique(key, return_inverse=True)
        rows.append(who)
        columns.append(place.reshape(-1) + len(names))
        names += [_codes(int(k), size, base) for k in known]
    shape = (len(half.sets.case), len(names))
    row, column = np.concatenate(rows), np.concatenate(columns)
    made = sparse.coo_array((np.ones(len(row)), (row, column)), shape=shape).tocsc()
    made.data[:] = 1.0
    return made, names


def _codes(key: int, size: int, base: int) -> tuple[int, ...]:
    return tuple(key // base ** (size - 1 - k) % base - 1 for k in range(size))


def who_took(codes: Whole, whose: Whole, grams: Sequence[tuple[int, ...]], *, people: int) -> NDArray[np.bool_]:
    """Who took which of some paths, shape (people, paths).

    Args:
        codes: Codes of steps, one person after the other, shape (n,).
        whose: Whose each is, from 0, ascending, shape (n,).
        grams: The paths, as codes of steps in a row.
        people: How many there are.
    """
    base = max([int(codes.max(initial=0)), *(c for gram in grams for c in gram)]) + 2
    found = np.zeros((people, len(grams)), dtype=bool)
    made: dict[int, tuple[Whole, Whole]] = {}
    for j, gram in enumerate(grams):
        if len(gram) not in made:
            made[len(gram)] = _grams(codes, whose, len(gram), base)
        key, who = made[len(gram)]
        wanted = 0
        for code in gram:
            wanted = wanted * base + code + 1
        found[who[key == wanted], j] = True
    return found


def _scores(took: Floats | sparse.csc_array, sets: Sets) -> tuple[Floats, Floats, Floats]:
    """Cases that took each path, how many chance gives, and its variance; took has shape (members, paths)."""
    number = int(sets.number.max()) + 1
    size = np.bincount(sets.number, minlength=number).astype(float)
    by = sparse.csr_array((np.ones(len(sets.number)), (sets.number, np.arange(len(sets.number)))))
    # Most members took few of the paths: what nobody of a set took is not written down.
    k = sparse.coo_array(by @ sparse.csr_array(took))
    wide, of = k.shape[1], size[k.row]
    seen: Floats = np.asarray(sparse.csr_array(took)[np.flatnonzero(sets.case)].sum(axis=0), float).ravel()
    chance: Floats = np.bincount(k.col, k.data / of, minlength=wide).astype(float)
    spread: Floats = np.bincount(k.col, k.data * (of - k.data) / of**2, minlength=wide).astype(float)
    return seen, chance, spread


def _candidates(taken: sparse.csc_array, sets: Sets, least: int) -> tuple[list[int], int]:
    """Paths with enough support that stand out on this half, the clearest first; how many had the support."""
    wide = np.asarray(taken.sum(axis=0)).ravel()
    able = np.flatnonzero((wide >= least) & (wide < taken.shape[0]))
    if not len(able):
        return [], 0
    seen, chance, spread = _scores(taken[:, able], sets)
    z = (seen - chance) / np.sqrt(np.maximum(spread, 1e-12))
    chosen: list[int] = []
    kept: list[Floats] = []
    for i in sorted(range(len(able)), key=lambda i: (-abs(z[i]), able[i])):
        if abs(z[i]) < HINT or len(chosen) == CANDIDATES:
            break
        own = taken[:, [able[i]]].toarray().ravel()
        if not any(_share(own, other) > ALIKE for other in kept):
            chosen.append(i)
            kept.append(own)
    return [int(able[i]) for i in chosen], len(able)


def _share(one: Floats, other: Floats) -> float:
    return float((one * other).sum() / max(float(np.maximum(one, other).sum()), 1.0))


def _confirmed(
    grams: list[tuple[int, ...]],
    both: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    sides: tuple[Sets, Sets],
    *,
    level: float,
    rng: np.random.Generator,
) -> tuple[Motif, ...]:
    """What the second half says of the candidates; `both` is who took them in either half, shape (members, paths)."""
    sets, (first, took) = sides[1], both
    if not grams:
        return ()
    adjusted = _adjusted(took.astype(float), sets, rng)
    rows = []
    for j, gram in enumerate(grams):
        odds = conditional_odds(took[:, j], sets, level=level)
        rows.append(
            Motif(
                steps=gram, cases=float(took[sets.case, j].mean()), others=float(took[~sets.case, j].mean()), odds=odds,
                found=conditional_odds(first[:, j], sides[0], level=level).value, adjusted=float(adjusted[j]),
                confirmed=bool(adjusted[j] <= 1 - level and not odds.refused),
            )
        )  # fmt: skip
    return tuple(sorted(rows, key=lambda r: (r.adjusted, 1.0 if r.odds.refused else r.odds.p, r.steps)))


def _adjusted(took: Floats, sets: Sets, rng: np.random.Generator) -> Floats:
    """Step-down p-values: in each set, anybody may as well have been the case."""
    seen, chance, spread = _scores(took, sets)
    error = np.sqrt(np.maximum(spread, 1e-12))
    size = np.abs(seen - chance) / error
    first = np.flatnonzero(np.r_[True, np.diff(sets.number) > 0])
    width = np.diff(np.r_[first, len(sets.number)])
    order = np.argsort(-size, kind="stable")
    over = np.zeros(len(size))
    some = max(1, int(2e6) // max(len(first) * len(size), 1))
    for begun in range(0, DRAWS, some):
        draws = min(some, DRAWS - begun)
        drawn = took[first + (rng.random((draws, len(first))) * width).astype(np.int64)].sum(axis=1)
        null = (np.abs(drawn - chance) / error)[:, order]
        over += (np.maximum.accumulate(null[:, ::-1], axis=1)[:, ::-1] >= size[order] - 1e-9).sum(axis=0)
    adjusted = np.empty_like(size)
    adjusted[order] = np.maximum.accumulate((1 + over) / (DRAWS + 1))
    return adjusted
