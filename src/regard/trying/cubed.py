"""Rows of a person's file as counts by combination and period: one row per request or customer, or added up already."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from regard.errors import BadInput, Refusal
from regard.statistics.cuboids import Cube, cube, gathered
from regard.statistics.expectations import Past, in_units
from regard.statistics.phases import seasoned
from regard.trying.steps import Every, Steps, steps_of
from regard.wording import count, listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.trying.columns import Columns

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

MOST_DIMENSIONS, MOST_VALUES, MOST_LEAVES, MOST_PERIODS = 15, 2000, 100_000, 5000
MOST_COUNTS, MOST_HELD = 20_000_000, 6_000_000
"""Most counts of leaves by period, and of leaves by cuboid."""
FINE = 100
"""Periods from which on rows that nobody gathered are gathered."""
EPOCH = 100_000_000
"""Numbers from which on they may be seconds since 1970."""
SPANS: tuple[tuple[Every, float], ...] = (("day", 6.0), ("hour", 0.25), ("minute", 0.0))
"""What to gather by, and the days that must be spanned."""
EMPTY = "(empty)"


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A file cut by its dimensions.

    Attributes:
        dims: Names of the dimensions.
        labels: Of each dimension, its values' labels.
        cube: Leaves and cells.
        past: Counts now and earlier; None where expected values are given.
        actual, expected: (leaves,) amounts now, where expected values are given.
        periods: Labels of the periods, now the last; empty without times.
        unit: What a period is called.
        size: What one of the counts stands for, where amounts are counted in units.
        rows: Rows that were used.
        whole: Whether amounts are whole numbers.
        notes: What a reader must know of how it was read.
        customers: (leaves,) customers now, where a column names them; else rows.
        by_row: Whether each row is one of what is counted.
    """

    dims: tuple[str, ...]
    labels: tuple[NDArray[np.object_], ...]
    cube: Cube
    past: Past | None
    actual: Floats | None = None
    expected: Floats | None = None
    periods: tuple[str, ...] = ()
    unit: str = ""
    size: float = 1.0
    rows: int = 0
    whole: bool = True
    notes: tuple[str, ...] = ()
    by_row: bool = False

    def named(self, values: dict[int, tuple[int, ...]]) -> dict[str, str | tuple[str, ...]]:
        """Dimension to value, or to values where there are several."""
        found: dict[str, str | tuple[str, ...]] = {}
        for d, held in values.items():
            words = tuple(str(self.labels[d][v]) for v in held)
            found[self.dims[d]] = words[0] if len(words) == 1 else words
        return found


def told(subset: dict[str, str | tuple[str, ...]]) -> str:
    """A subset as words: plan Team and country Brazil or Chile."""
    if not subset:
        return "everything"
    return " and ".join(f"{d} {v if isinstance(v, str) else listed(v, last='or')}" for d, v in subset.items())


def of_shares(data: Columns, dims: tuple[str, ...], *, bad: str, total: str, customer: str, time: str, every: Every,
              from_: str, depth: int, season: int) -> Cut:  # fmt: skip
    """Bad ones of all, by period; now is the last period, or what begins at `from_`.

    Raises:
        UnknownName: A column that is not there.
        BadInput: More bad ones than there are, or below zero.
        Refusal: No times, or nothing to compare with.
    """
    codes, labels, held = _coded(data, dims)
    wrong, every_one = data.numbers(bad), data.numbers(total) if total else np.ones(len(data))
    good = held & np.isfinite(wrong) & np.isfinite(every_one)
    _within(data, bad, total, good & ((wrong < 0) | (wrong > every_one)))
    if not time:
        raise Refusal(
            "Without times nothing tells what to expect.",
            hint="Name the column of when with --time, so that earlier periods tell; or give --actual and --expected.",
        )
    steps, gathered_by = _steps(data, time, every)
    good &= steps.place >= 0
    codes, wrong, every_one = codes[good], wrong[good], every_one[good]
    when = _periods(steps, from_, good)
    place = when.place
    if customer:
        who, _ = data.codes(customer)
        codes, place, wrong, every_one = _by_customer(codes, place, wrong, who[good])
    return _counted(codes, labels, dims, replace(when, place=place), bad=wrong, total=every_one, depth=depth,
                    season=season, by_row=not total, notes=gathered_by)  # fmt: skip


def of_amounts(data: Columns, dims: tuple[str, ...], *, actual: str, expected: str, time: str, every: Every, from_: str,
               depth: int, season: int) -> Cut:  # fmt: skip
    """Amounts held against expected ones where a column gives them, else against earlier periods.

    Raises:
        UnknownName: A column that is not there.
        BadInput: Amounts below zero without expected ones.
        Refusal: Neither times nor expected amounts.
    """
    codes, labels, held = _coded(data, dims)
    seen = data.numbers(actual)
    good = held & np.isfinite(seen)
    if not expected and not time:
        raise Refusal(
            "Nothing tells what to expect.",
            hint="Name a column of expected amounts with --expected, or of when with --time.",
        )
    steps, gathered_by = _steps(data, time, every) if time else (None, ())
    if expected:
        due = data.numbers(expected)
        good &= np.isfinite(due)
        if steps is not None:
            place = _periods(steps, from_, steps.place >= 0).place
            good[steps.place >= 0] &= place == place.max()
            good &= steps.place >= 0
        return _given(codes[good], labels, dims, seen[good], due[good], depth=depth)
    assert steps is not None  # noqa: S101 refused above
    good &= steps.place >= 0
    if (seen[good] < 0).any():
        raise BadInput(
            f"{actual} holds amounts below zero; what varies by size cannot be told of them.", where="--actual",
            hint="Name a column of expected amounts with --expected, or amounts of zero and more.",
        )  # fmt: skip
    return _counted(codes[good], labels, dims, _periods(steps, from_, good), bad=seen[good], total=None, depth=depth,
                    season=season, by_row=False, notes=gathered_by)  # fmt: skip


def _coded(data: Columns, dims: tuple[str, ...]) -> tuple[Whole, tuple[NDArray[np.object_], ...], NDArray[np.bool_]]:
    if not dims or len(dims) > MOST_DIMENSIONS or len(set(dims)) < len(dims):
        raise BadInput(
            f"{count(len(dims), 'dimension')} cannot be searched: give one to {MOST_DIMENSIONS} columns, each once.",
            where="--dims", hint="--dims plan,country,version",
        )  # fmt: skip
    columns, labels = [], []
    for name in dims:
        code, words = data.codes(name)
        if len(words) > MOST_VALUES:
            raise BadInput(
                f"{name} has {len(words):,} values; a dimension has at most {MOST_VALUES:,}.", where="--dims",
                hint="Name columns that group, such as plan or country, not ones that number.",
            )  # fmt: skip
        if (code < 0).any():
            code, words = np.where(code < 0, len(words), code), np.append(words, EMPTY)
        columns.append(code)
        labels.append(words)
    return np.column_stack(columns).astype(np.int64), tuple(labels), np.ones(len(data), bool)


def _within(data: Columns, bad: str, total: str, off: NDArray[np.bool_]) -> None:
    if off.any():
        what = f"of {total}" if total else "(each row is one, where --total is not given)"
        raise BadInput(
            f"{count(int(off.sum()), 'row')} of {data.source} hold more {bad} than there are {what}, or fewer than "
            "none.", where="--bad", hint="Name the column of all with --total, or a column of yes and no.",
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _When:
    """Periods of rows.

    Attributes:
        place: (rows,) period of each row, now the last.
        labels: What periods are called.
        unit: What a period is.
        steps: Number of each earlier period's step, and of each step that belongs to now.
    """

    place: Whole
    labels: tuple[str, ...]
    unit: str
    steps: Whole

    @property
    def several(self) -> int:
        """How many steps now is made of."""
        return len(self.steps) - len(self.labels) + 1


def _periods(steps: Steps, from_: str, good: NDArray[np.bool_]) -> _When:
    """The period of each good row, now the last, and their labels; periods without rows are left out."""
    place = steps.place[good]
    every = np.unique(place)
    if from_:
        start = steps.at(from_)
        if not 0 < start < steps.count:
            raise BadInput(
                f"{from_} is not within the times of the file, or nothing lies before it.", where="--from",
                hint=f"Its periods go from {steps.label(0)} to {steps.label(steps.count - 1)}.",
            )  # fmt: skip
        place = np.minimum(place, start)
    kept, found = np.unique(place, return_inverse=True)
    if len(kept) < 2:
        raise Refusal(
            "All rows lie in one period; nothing tells what to expect.",
            hint="Bring earlier periods, or name a smaller step: --every day, --every hour.",
        )
    if len(kept) > MOST_PERIODS:
        raise BadInput(
            f"{len(kept):,} periods are more than the {MOST_PERIODS} that are searched.", where="--time",
            hint="Gather them: --every day, --every week.",
        )  # fmt: skip
    return _When(
        place=found.astype(np.int64), labels=tuple(steps.label(int(k)) for k in kept), unit=steps.unit, steps=every,
    )  # fmt: skip


def _by_customer(codes: Whole, place: Whole, wrong: Floats, who: Whole) -> tuple[Whole, Whole, Floats, Floats]:
    """A customer once per combination and period: bad where it was bad once."""
    found, _, ids = gathered(np.column_stack([codes, place, who + 1]))
    bad = np.zeros(len(found))
    np.maximum.at(bad, ids, (wrong > 0).astype(float))
    return found[:, : codes.shape[1]], found[:, -2], bad, np.ones(len(found))


def _steps(data: Columns, time: str, every: Every) -> tuple[Steps, tuple[str, ...]]:
    """Periods; rows at times of their own are gathered by day, hour or minute, as their span has it."""
    steps: Steps | None = None
    try:
        steps = steps_of(data, time, every)
    except Refusal:
        if every:
            raise
    if every or (steps is not None and (steps.unit not in {"step", "minute"} or (steps.rows > 0).sum() <= FINE)):
        assert steps is not None  # noqa: S101 asked for, or told
        return steps, ()
    if steps is not None and steps.of_numbers and steps.origin < EPOCH:
        return steps, ()
    when = data.times(time)
    known = when[~np.isnat(when)]
    days = float((known.max() - known.min()) / np.timedelta64(1, "D")) if len(known) else 0.0
    unit = next(u for u, least in SPANS if days >= least)
    return steps_of(data, time, unit), (f"Rows are gathered by {unit}; --every says otherwise.",)


def _searched(leaves: Whole, depth: int) -> tuple[Cube, tuple[str, ...]]:
    """Leaves and cells, so deep as fits."""
    many, wanted = leaves.shape[1], min(depth, leaves.shape[1])
    deep = wanted
    while deep > 1 and len(leaves) * sum(comb(many, k) for k in range(deep + 1)) > MOST_HELD:
        deep -= 1
    note = f"Combinations of up to {deep} dimensions are searched, not {wanted}: there would be too many."
    return cube(leaves, depth=deep), (note,) if deep < wanted else ()


def _leaves(codes: Whole) -> tuple[Whole, Whole]:
    leaves, _, ids = gathered(codes)
    if len(leaves) > MOST_LEAVES:
        raise BadInput(
            f"The dimensions have {len(leaves):,} combinations; at most {MOST_LEAVES:,} are searched.", where="--dims",
            hint="Leave out the dimension of most values.",
        )  # fmt: skip
    return leaves, ids


def _counted(
    codes: Whole, labels: tuple[NDArray[np.object_], ...], dims: tuple[str, ...], when: _When, *, bad: Floats,
    total: Floats | None, depth: int, season: int, by_row: bool, notes: tuple[str, ...],
) -> Cut:  # fmt: skip
    leaves, ids = _leaves(codes)
    many, width = len(when.labels), len(leaves)
    if many * width > MOST_COUNTS:
        raise BadInput(
            f"{many:,} periods of {width:,} combinations are too many.", where="--every",
            hint="Gather them: --every day, --every week; or leave out the dimension of most values.",
        )  # fmt: skip
    flat = when.place * width + ids
    seen = np.bincount(flat, bad, many * width).reshape(many, width).astype(float)
    if total is None:
        every_one = np.ones((many, width))
        every_one[-1] = when.several
    else:
        every_one = np.bincount(flat, total, many * width).reshape(many, width).astype(float)
    shares = total is not None
    past = Past(bad=seen[-1], total=every_one[-1], past_bad=seen[:-1], past_total=every_one[:-1], shares=shares)
    size = 1.0
    if not shares:
        if many < 4:
            raise Refusal(
                "Three earlier periods are needed to tell what amounts stray by themselves.",
                hint="Bring more of the past, a smaller --every, or a column of --expected amounts.",
            )
        past, size = in_units(past)
    whole, bounded = _searched(leaves, depth)
    past, note = _seasoned(whole, past, when, season)
    return Cut(
        dims=dims, labels=labels, cube=whole, past=past, periods=when.labels, unit=when.unit, size=size,
        rows=len(codes), notes=(*notes, *bounded, *((note,) if note else ())), by_row=by_row,
    )  # fmt: skip


def _seasoned(whole: Cube, past: Past, when: _When, season: int) -> tuple[Past, str]:
    """What now's hour or weekday leads to expect; what is asked for, else the usual ones that the past holds twice."""
    many = len(when.labels) - 1
    usual = {"hour": ((1, 24), (24, 7)), "day": ((1, 7),), "month": ((1, 12),), "quarter": ((1, 4),)}
    wanted = ((1, season),) if season else usual.get(when.unit, ())
    kept = [(step, length) for step, length in wanted if length > 1 and many >= 2 * step * length]
    if not kept:
        long = f"A season of {season} is not taken out: the past holds fewer than two of them."
        return past, long if season > 1 else ""
    phases = np.column_stack([when.steps // step % length for step, length in kept])
    found = seasoned(whole, past, phases)
    told_ = listed((f"{length} {when.unit}s" if step == 1 else "7 days" for step, length in kept), most=2)
    return found, f"A season of {told_} is taken out." if found.season is not None else ""


def _given(codes: Whole, labels: tuple[NDArray[np.object_], ...], dims: tuple[str, ...], seen: Floats, due: Floats, *,
           depth: int) -> Cut:  # fmt: skip
    _, ids = _leaves(codes)
    leaves, (actual, expected), _ = gathered(codes, seen, due)
    there = (actual != 0) | (expected != 0)
    if (expected < 0).any():
        raise BadInput("Expected amounts lie below zero.", where="--expected", hint="Give amounts of zero and more.")
    if there.sum() < 8:
        raise Refusal(
            f"Only {count(int(there.sum()), 'combination')} hold any amount; at least 8 are needed to tell what they "
            "stray by themselves.", hint="Add a dimension, or give earlier periods with --time.",
        )  # fmt: skip
    whole = bool((actual == np.round(actual)).all())
    searched, notes = _searched(leaves[there], depth)
    return Cut(
        dims=dims, labels=labels, cube=searched, past=None, actual=actual[there], expected=expected[there],
        rows=len(ids), whole=whole, notes=notes,
    )  # fmt: skip
