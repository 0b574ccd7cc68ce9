"""Weights from a file that says what the base looks like: one row a cell with its count, or one row a customer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from regard.errors import BadInput
from regard.findings import Caution
from regard.listening.standing import Known, stand
from regard.statistics.weighting import LEAST_CELL, Weights
from regard.trying.answered import Read
from regard.trying.columns import Columns, columns_of
from regard.wording import listed

COUNTS = ("n", "count", "customers", "base", "population", "people", "accounts", "members", "share", "weight")
NAMED = {"column", "value"}


@dataclass(frozen=True, kw_only=True)
class Weighted:
    """Answers that stand for the base.

    Attributes:
        read: What was read, with weights.
        weights: Those of now.
        size: Customers in the base; None where the file gives shares.
        text: How they were made, in a sentence.
        cautions: What to know of them.
    """

    read: Read
    weights: Weights
    size: float | None
    text: str
    cautions: tuple[Caution, ...]


def weighted(data: Columns, found: Read, census: str) -> Weighted:
    """The answers weighted to a base.

    Args:
        data: The table of answers.
        found: What was read of it.
        census: File that says how the base divides: columns named as in the table, and a count; or `column`, `value`
            and a count, one row a cell of one column; or one row a customer, without a count.

    Raises:
        BadInput: The file shares no column with the table, or holds no counts.
    """
    base = columns_of(census)
    tables = _tables(base, data)
    made = stand(found.answers, [_known(data, cells, found.row) for cells in tables])
    if made is None:
        raise BadInput("There is no answer to weight.", where="--weights-to", hint="Bring answers with scores.")
    total = float(sum(tables[0].counts))
    size = total if total > 1.5 and total > len(found.row) else None
    return Weighted(
        read=replace(found, answers=made.answers), weights=made.weights, size=size, text=made.text,
        cautions=made.cautions,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Cells:
    """One way the base divides: the columns, the labels of each cell, what it holds."""

    columns: tuple[str, ...]
    labels: list[tuple[str, ...]]
    counts: list[float]


def _tables(base: Columns, data: Columns) -> list[_Cells]:
    if set(base.names) >= NAMED:
        return _long(base)
    shared = tuple(n for n in base.names if n in data.names and n.casefold() not in COUNTS)
    if not shared:
        raise BadInput(
            f"{base.source} and {data.source} share no column.",
            where="--weights-to",
            hint=f"Give it headings as in {data.source}: {listed(data.names, most=8)}; and a column of counts, n.",
        )
    counts = _counts(base)
    joint: dict[tuple[str, ...], float] = {}
    for key, n in zip(zip(*(base.text(c) for c in shared), strict=True), counts, strict=True):
        label = tuple(str(k) for k in key)
        joint[label] = joint.get(label, 0.0) + float(n)
    cells = _Cells(columns=shared, labels=list(joint), counts=list(joint.values()))
    held = _held(data, cells)
    if len(shared) == 1 or min(held) >= LEAST_CELL:
        return [cells]
    return [_one(cells, i) for i in range(len(shared))]


def _long(base: Columns) -> list[_Cells]:
    names, labels, counts = base.text("column"), base.text("value"), _counts(base)
    return [
        _Cells(
            columns=(str(name),),
            labels=[(str(v),) for v in labels[names == name]],
            counts=[float(n) for n in counts[names == name]],
        )
        for name in dict.fromkeys(n for n in names if n is not None)
    ]


def _one(cells: _Cells, i: int) -> _Cells:
    summed: dict[tuple[str, ...], float] = {}
    for label, n in zip(cells.labels, cells.counts, strict=True):
        summed[label[i],] = summed.get((label[i],), 0.0) + n
    return _Cells(columns=(cells.columns[i],), labels=list(summed), counts=list(summed.values()))


def _counts(base: Columns) -> NDArray[np.float64]:
    name = next((n for word in COUNTS for n in base.names if n.casefold() == word), "")
    if not name:
        return np.ones(len(base))  # one row a customer
    counts = base.numbers(name)
    if not np.isfinite(counts).all() or (counts < 0).any() or counts.sum() <= 0:
        raise BadInput(
            f"{name} of {base.source} must hold a count in every row, and something in all.",
            where="--weights-to",
            hint="Correct it, or leave the column out where each row is one customer.",
        )
    return counts


def _held(data: Columns, cells: _Cells) -> list[int]:
    number = _numbers(data, cells)
    return [int(k) for k in np.bincount(number[number >= 0], minlength=len(cells.labels))]


def _numbers(data: Columns, cells: _Cells) -> NDArray[np.int64]:
    """The cell of every row of the table; -1 where the base does not know it."""
    place = {label: i for i, label in enumerate(cells.labels)}
    keys = zip(*(data.text(c) for c in cells.columns), strict=True)
    return np.array([place.get(tuple(str(k) for k in key), -1) for key in keys], dtype=np.int64)


def _known(data: Columns, cells: _Cells, rows: NDArray[np.int64]) -> Known:
    """The cells as the answers' labels and what the base holds of each."""
    names = [" ".join(label) for label in cells.labels]
    label = np.array([*names, ""], dtype=str)[_numbers(data, cells)[rows]]
    return Known(name=listed(cells.columns), label=label, base=dict(zip(names, cells.counts, strict=True)))
