"""Where people went next in two periods or groups: each a voice of one, all differences tested together.

A *choice* is a step on from a *place* (where somebody stood: a step, or the path so far) along a *way* (where they
went). Somebody who stood there often has one voice: the share of their choices that went that way. A way's share is the
mean of those voices, so neither heavy users nor the likeness of one person's steps make it look surer than it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from regard.statistics.estimates import LEVEL, Estimate, Floats, Whole, quantile, refusal, two_sided

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LEAST = 10
"""Fewest people who stood at a place, in either period, for its ways to be compared."""
TAKEN = 5
"""Fewest people who took a way, in both periods together, for it to be compared."""
EXACT = 20_000
"""Up to so many people labels are permuted; above, their limit is drawn, which is the same to the eye."""
DRAWS = 999
WAYS = 400
"""Most ways that are tested; the most taken are, the others are counted as left aside."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way on from one place, compared.

    Attributes:
        place: Code of the place.
        way: Code of the way.
        n_before: People who stood there before, or in the first group.
        n_now: People who stood there now, or in the second group.
        before: Mean share of their choices that went this way; NaN where nobody stood there.
        now: The same now.
        difference: Now less before, with its interval and its p-value before correction; refused where thin.
        adjusted: p-value corrected for all ways tested; NaN where not tested.
    """

    place: int
    way: int
    n_before: int
    n_now: int
    before: float
    now: float
    difference: Estimate
    adjusted: float


@dataclass(frozen=True, kw_only=True)
class Compared:
    """All ways, and how they were tested.

    Attributes:
        ways: Each way, in the order of place and way.
        people: People in either period.
        both: People in both.
        tested: Ways tested.
        thin: Ways not tested: too few people.
        p: The smallest corrected p-value: against "nothing changed anywhere"; NaN where nothing was tested.
        method: In a few words.
        refused: Why nothing was tested; empty when something was.
    """

    ways: tuple[Way, ...]
    people: int
    both: int
    tested: int
    thin: int
    p: float
    method: str
    refused: str = ""


def compare(
    who: ArrayLike,
    place: ArrayLike,
    way: ArrayLike,
    now: ArrayLike,
    *,
    times: ArrayLike | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = LEVEL,
    exact: int = EXACT,
) -> Compared:
    """Compare where people went in two periods or groups.

    The labels "before" and "now" are permuted as they may have fallen: people seen in both have their two sides swapped
    together, people seen in one have their labels shuffled among themselves. Each difference is divided by its standard
    error within each permutation, so that unequal numbers and spreads do no harm (Chung and Romano 2013, Annals of
    Statistics 41, 484-507), and p-values are corrected by the step-down maximum, which keeps the chance of even one
    false claim at the level while it uses how differences hang together (Westfall and Young 1993, Resampling-Based
    Multiple Testing, algorithm 4.1). Above `exact` people the permutations' normal limit is drawn (Hothorn, Bretz and
    Westfall 2008, Biometrical Journal 50, 346-363). Intervals are each way's own: score intervals of the two shares
    combined with their correlation (Newcombe 1998, Statistics in Medicine 17, 2635-2650, method 10; Zou and Donner
    2008), where a share of several choices counts as more than one answer by its smaller variance.

    Assumes independent people (give accounts as `who` where people of one act together). It tells that ways changed,
    not why: others may have come. Thin evidence: fewer than 10 people at a place in either period, or 5 on a way in
    both, are not tested; without any way left it refuses.

    Args:
        who: Whose choice it is, any labels, shape (n,).
        place: Code of where they stood, whole numbers.
        way: Code of where they went, whole numbers.
        now: Whether the choice is of now, or of the second group.
        times: How often it was made; None takes once a row.
        draws: Permutations.
        seed: Seed of the generator.
        level: Confidence of the intervals.
        exact: Most people whose labels are permuted.
    """
    table = _table(who, place, way, now, times)
    method = "shares by person, permuted labels, step-down maximum (Westfall and Young 1993)"
    if table is None:
        return Compared(ways=(), people=0, both=0, tested=0, thin=0, p=math.nan, method=method, refused="no choices")
    few, tested = table.few, table.tested
    raw, adjusted = np.full(len(few), np.nan), np.full(len(few), np.nan)
    if tested.any():
        rng = np.random.default_rng(seed)
        some = table.only(tested)
        seen = some.ratio(*some.sums())
        if table.people <= exact:
            null = some.permuted(draws, rng)
        else:
            null, method = some.limit(max(draws, 4999), rng), method.replace("permuted labels", "normal limit")
        raw[tested], adjusted[tested] = _p_values(seen, null)
        if table.people > exact:
            raw[tested] = [two_sided(t) for t in seen]
    ways = table.told(raw, adjusted, level, method)
    return Compared(
        ways=ways, people=table.people, both=int(table.both.sum()), tested=int(tested.sum()),
        thin=int(len(few) - tested.sum()), p=float(np.nanmin(adjusted)) if tested.any() else math.nan, method=method,
        refused="" if tested.any() else f"no way has {TAKEN} people, and {LEAST} at its place in either period",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Share:
    """One way on from one place: how many stood there, and the mean share of their choices that went this way."""

    place: int
    way: int
    n: int
    share: Estimate


def shares(
    who: ArrayLike, place: ArrayLike, way: ArrayLike, *, times: ArrayLike | None = None, level: float = LEVEL
) -> tuple[Share, ...]:
    """Where people go from each place, each a voice of one, in the order of place and way.

    The interval is Wilson's (1927), in which a share of several choices counts as more than one answer by its smaller
    variance. Assumes independent people. Arguments as for `compare`.
    """
    table = _table(who, place, way, np.ones(len(np.asarray(way)), bool), times)
    if table is None:
        return ()
    s, q, n, _, _ = table.sums()
    z, method, found = quantile(level), "share by person, Wilson", []
    for i in range(len(s)):
        middle, low, high = _score_ends(s[i] / n[i], _voices(s[i], q[i], n[i]), z)
        share = Estimate(
            value=float(s[i] / n[i]), low=low, high=high, error=(high - low) / (2 * z), centre=middle, n=int(n[i]),
            effective=float(n[i]), level=level, method=method,
        )  # fmt: skip
        found.append(Share(place=int(table.places[i]), way=int(table.ways[i]), n=int(n[i]), share=share))
    return tuple(found)


def _score_ends(share: float, worth: float, z: float) -> tuple[float, float, float]:
    """Middle and ends of the score interval of a share."""
    middle = (share + z * z / (2 * worth)) / (1 + z * z / worth)
    half = z * math.sqrt(share * (1 - share) / worth + z * z / (4 * worth**2)) / (1 + z * z / worth)
    return float(middle), float(max(middle - half, 0.0)), float(min(middle + half, 1.0))


def _p_values(seen: Floats, null: Floats) -> tuple[Floats, Floats]:
    """Raw and step-down corrected p-values of |seen|, shape (ways,), beside null ratios, shape (draws, ways)."""
    size, drawn = np.abs(seen), np.abs(null)
    slack = 1e-9 * np.maximum(size, 1.0)
    raw = (1 + (drawn >= size - slack).sum(axis=0)) / (len(drawn) + 1)
    order = np.argsort(-size, kind="stable")
    tail = np.maximum.accumulate(drawn[:, order[::-1]], axis=1)[:, ::-1]
    stepped = (1 + (tail >= (size - slack)[order]).sum(axis=0)) / (len(drawn) + 1)
    adjusted = np.empty_like(raw)
    adjusted[order] = np.maximum.accumulate(stepped)
    return raw, adjusted


@dataclass(frozen=True, kw_only=True)
class _Table:
    """Voices by person and way, in two periods.

    Attributes:
        y: (before, now) of voices, each sparse of shape (people, ways).
        linked: The same, of people who stood at the way's place in both periods alone.
        stood: (before, now) of who stood where, each sparse of shape (people, places).
        at: Place of each way, by its number.
        places: Codes of the ways' places.
        ways: Codes of the ways.
        all_people: Whether each person was there before, and now: two masks.
    """

    y: tuple[sparse.csr_array, sparse.csr_array]
    linked: tuple[sparse.csr_array, sparse.csr_array]
    stood: tuple[sparse.csr_array, sparse.csr_array]
    at: Whole
    places: Whole
    ways: Whole
    all_people: tuple[NDArray[np.bool_], NDArray[np.bool_]]

    @property
    def people(self) -> int:
        return len(self.all_people[0])

    @property
    def both(self) -> NDArray[np.bool_]:
        return self.all_people[0] & self.all_people[1]

    @cached_property
    def n(self) -> tuple[Floats, Floats]:
        """People who stood at each way's place, before and now."""
        return tuple(np.asarray(s.sum(axis=0), float).ravel()[self.at] for s in self.stood)  # type: ignore[return-value]

    @cached_property
    def few(self) -> NDArray[np.bool_]:
        before, now = (np.bincount(y.indices, minlength=y.shape[1]) for y in self.y)
        taken = before + now
        return (np.minimum(*self.n) < LEAST) | (taken < TAKEN)

    @cached_property
    def tested(self) -> NDArray[np.bool_]:
        """Ways with enough people; of very many the most taken, whichever period they were taken in."""
        taken = _column(self.y[0]) + _column(self.y[1])
        found = ~self.few
        if found.sum() > WAYS:
            found &= taken >= np.sort(taken[found])[-WAYS]
        return found

    def only(self, which: NDArray[np.bool_]) -> _Table:
        """The same with some ways only, and their places."""
        used, at = np.unique(self.at[which], return_inverse=True)
        return _Table(
            y=(self.y[0][:, which], self.y[1][:, which]), linked=(self.linked[0][:, which], self.linked[1][:, which]),
            stood=(self.stood[0][:, used], self.stood[1][:, used]), at=at.reshape(-1), places=self.places[which],
            ways=self.ways[which], all_people=self.all_people,
        )  # fmt: skip

    def sums(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Of now: voices, their squares, people by way; of people with both sides: voices now and before."""
        y1 = self.y[1]
        return _column(y1), _column(y1.multiply(y1)), self.n[1], _column(self.linked[1]), _column(self.linked[0])

    @cached_property
    def _met(self) -> Floats:
        """How many stood at a way's place in both periods, by way."""
        return _column(sparse.csr_array(self.stood[0].multiply(self.stood[1])))[self.at]

    def ratio(self, s1: Floats, q1: Floats, n1: Floats, b1: Floats, b0: Floats) -> Floats:
        """Differences over their standard errors; one pseudo voice for and one against steadies the variances."""
        s0, q0, n0 = (self._whole[0] - s1, self._whole[1] - q1, self._whole[2] - n1)
        cross, met = self._whole[3], self._whole[4]
        with np.errstate(invalid="ignore", divide="ignore"):
            m1, m0 = s1 / n1, s0 / n0
            spread = _variance(s1, q1, n1) / n1 + _variance(s0, q0, n0) / n0
            spread = spread - 2 * (cross - m1 * b0 - m0 * b1 + met * m1 * m0) / (n1 * n0)
            found = (m1 - m0) / np.sqrt(np.maximum(spread, 1e-12))
        return np.where(np.isfinite(found), found, 0.0)

    @cached_property
    def _whole(self) -> tuple[Floats, ...]:
        """What no permutation changes: voices, squares, people of both periods together, and what links the two."""
        y0, y1 = self.y
        squares = _column(y0.multiply(y0)) + _column(y1.multiply(y1))
        return _column(y0) + _column(y1), squares, self.n[0] + self.n[1], _column(y0.multiply(y1)), self._met

    def permuted(self, draws: int, rng: np.random.Generator) -> Floats:
        """Ratios under permuted labels, shape (draws, ways)."""
        (y0, y1), (z0, z1) = self.y, self.linked
        gone = sparse.hstack(
            [y0 - y1, y0.multiply(y0) - y1.multiply(y1), z0 - z1, self.stood[0] - self.stood[1]]
        ).tocsr()
        gone.eliminate_zeros()
        s1, q1, n1, b1, b0 = self.sums()
        k, found = len(self.at), np.empty((draws, len(self.at)))
        some = max(1, int(4e6) // max(self.people, 1))
        for first in range(0, draws, some):
            swapped = self._swaps(min(some, draws - first), rng)
            moved = np.asarray(swapped @ gone)
            linked = b1 + moved[:, 2 * k : 3 * k]
            found[first : first + len(swapped)] = self.ratio(
                s1 + moved[:, :k],
                q1 + moved[:, k : 2 * k],
                n1 + moved[:, 3 * k :][:, self.at],
                linked,
                b1 + b0 - linked,
            )
        return found

    def _swaps(self, draws: int, rng: np.random.Generator) -> Floats:
        """1 where a person's sides change places: by a coin where both are there, by a shuffle of labels elsewhere."""
        before, now = self.all_people
        both = before & now
        swapped = np.zeros((draws, self.people))
        swapped[:, both] = rng.integers(0, 2, (draws, int(both.sum())))
        label = now[~both].astype(float)
        shuffled = rng.permuted(np.broadcast_to(label, (draws, len(label))), axis=1)
        swapped[:, ~both] = np.abs(shuffled - label)
        return swapped

    def limit(self, draws: int, rng: np.random.Generator) -> Floats:
        """Ratios drawn from the normal with the correlation that the people's influences have."""
        k, n0, n1 = len(self.at), np.maximum(self.n[0], 1), np.maximum(self.n[1], 1)
        m0, m1 = _column(self.y[0]) / n0, _column(self.y[1]) / n1
        places = self.stood[0].shape[1]
        whole = sparse.hstack([self.y[1] @ sparse.diags_array(1 / n1) - self.y[0] @ sparse.diags_array(1 / n0),
                               self.stood[1], self.stood[0]]).tocsr()  # fmt: skip
        gram = np.asarray((whole.T @ whole).todense())
        pull = np.zeros((k + 2 * places, k))
        pull[np.arange(k), np.arange(k)] = 1
        pull[k + self.at, np.arange(k)] = -m1 / n1
        pull[k + places + self.at, np.arange(k)] = m0 / n0
        spread = pull.T @ gram @ pull
        size = np.sqrt(np.maximum(np.diag(spread), 1e-30))
        values, vectors = np.linalg.eigh(spread / np.outer(size, size))
        drawn = rng.standard_normal((draws, k)) * np.sqrt(np.maximum(values, 0.0))
        return np.asarray(drawn @ vectors.T)

    def told(self, raw: Floats, adjusted: Floats, level: float, method: str) -> tuple[Way, ...]:
        s1, q1, n1, b1, b0 = self.sums()
        s0, q0, n0 = self._whole[0] - s1, self._whole[1] - q1, self._whole[2] - n1
        m1, m0 = (np.divide(s, n, out=np.full(len(s), np.nan), where=n > 0) for s, n in ((s1, n1), (s0, n0)))
        linked = self._whole[3] - m1 * b0 - m0 * b1 + self._whole[4] * m1 * m0
        found = []
        for i in range(len(self.at)):
            n = int(n0[i] + n1[i])
            if self.few[i]:
                few = int(min(n0[i], n1[i]))
                why = f"only {few} people stood there; at least {LEAST} are needed"
                if few >= LEAST:
                    why = f"fewer than {TAKEN} people went this way"
                difference = refusal(why, n=n, method=method)
            else:
                sides = [(m1[i], _voices(s1[i], q1[i], n1[i])), (m0[i], _voices(s0[i], q0[i], n0[i]))]
                difference = _apart(sides, float(linked[i] / (n1[i] * n0[i])), n=n, level=level, p=float(raw[i]))
            found.append(
                Way(
                    place=int(self.places[i]), way=int(self.ways[i]), n_before=int(n0[i]), n_now=int(n1[i]),
                    before=float(m0[i]), now=float(m1[i]), difference=difference, adjusted=float(adjusted[i]),
                )
            )  # fmt: skip
        return tuple(found)


def _variance(s: Floats, q: Floats, n: Floats) -> Floats:
    """Variance of voices with one pseudo voice of 1 and one of 0."""
    return ((q + 1) - (s + 1) ** 2 / (n + 2)) / (n + 1)


def _voices(s: float, q: float, n: float) -> float:
    """How many yes-or-no answers so many voices are worth: more where a voice is a share of several choices."""
    middle = (s + 1) / (n + 2)
    spread = ((q + 1) / (n + 2) - middle**2) / (middle * (1 - middle))
    return float(n / min(max(spread, 0.05), 1.0))


def _apart(sides: list[tuple[float, float]], linked: float, *, n: int, level: float, p: float) -> Estimate:
    """Difference of two shares by their score intervals and their correlation."""
    z = quantile(level)
    ends, errors = [], []
    for share, worth in sides:
        ends.append(_score_ends(share, worth, z)[1:])
        errors.append(max(math.sqrt(share * (1 - share) / worth), 1e-9))
    (now, _), (before, _) = sides
    alike = min(max(linked / (errors[0] * errors[1]), -0.99), 0.99) if min(errors) > 1e-8 else 0.0
    down, up = now - ends[0][0], ends[0][1] - now
    down0, up0 = before - ends[1][0], ends[1][1] - before
    low = now - before - math.sqrt(max(down**2 - 2 * alike * down * up0 + up0**2, 0.0))
    high = now - before + math.sqrt(max(up**2 - 2 * alike * up * down0 + down0**2, 0.0))
    return Estimate(
        value=float(now - before), low=float(low), high=float(high), error=float((high - low) / (2 * z)),
        centre=float((high + low) / 2), n=n, effective=float(n), level=level, p=p,
        method="difference of shares by person, score intervals with their correlation",
    )  # fmt: skip


def _column(matrix: sparse.csr_array) -> Floats:
    return np.asarray(matrix.sum(axis=0), float).ravel()


def _table(who: ArrayLike, place: ArrayLike, way: ArrayLike, now: ArrayLike, times: ArrayLike | None) -> _Table | None:
    """Voices of the choices, summed by person, period and way."""
    later = np.asarray(now, bool)
    if not len(later):
        return None
    person = np.unique(np.asarray(who), return_inverse=True)[1].reshape(-1)
    spot, way_ = np.asarray(place, np.int64), np.asarray(way, np.int64)
    count = np.ones(len(later)) if times is None else np.asarray(times, float)
    codes, spot = np.unique(spot, return_inverse=True)
    names, way_ = np.unique(way_, return_inverse=True)
    pairs, item = np.unique(spot.reshape(-1) * len(names) + way_.reshape(-1), return_inverse=True)
    at, item, people = pairs // len(names), item.reshape(-1), int(person.max()) + 1
    sides = [
        _side(person[mask], item[mask], count[mask], at, (people, len(pairs), len(codes))) for mask in (~later, later)
    ]
    met = np.intersect1d(sides[0][3], sides[1][3], assume_unique=True)
    linked = []
    for row, column, voice, _ in sides:
        both = np.isin(row * len(codes) + at[column], met)
        linked.append(_sparse(row[both], column[both], voice[both], (people, len(pairs))))
    here = tuple(np.bincount(person[mask], minlength=people) > 0 for mask in (~later, later))
    return _Table(
        y=tuple(_sparse(r, c, v, (people, len(pairs))) for r, c, v, _ in sides),
        linked=(linked[0], linked[1]),
        stood=tuple(
            _sparse(key // len(codes), key % len(codes), np.ones(len(key)), (people, len(codes))) for *_, key in sides
        ),
        at=at, places=codes[at], ways=names[pairs % len(names)], all_people=(here[0], here[1]),
    )  # fmt: skip


def _side(
    person: Whole, item: Whole, count: Floats, at: Whole, shape: tuple[int, int, int]
) -> tuple[Whole, Whole, Floats, Whole]:
    """Of one period: person, way and voice of each that was taken, and who stood where as one number each."""
    _, ways, places = shape
    key, which = np.unique(person * ways + item, return_inverse=True)
    made = np.bincount(which.reshape(-1), count, minlength=len(key))
    row, column = key // ways, key % ways
    stood, where = np.unique(row * places + at[column], return_inverse=True)
    total = np.bincount(where.reshape(-1), made, minlength=len(stood))
    return row, column, made / total[where.reshape(-1)], stood


def _sparse(row: Whole, column: Whole, values: Floats, shape: tuple[int, int]) -> sparse.csr_array:
    return sparse.coo_array((values, (row, column)), shape=shape).tocsr()
