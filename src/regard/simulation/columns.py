"""Arrays in, columns of signals out: texts by joining, picking from pools, tables with exactly a kind's columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regard.signals.kinds import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DAY = 86_400_000_000
HOUR = 3_600_000_000
TYPES = {
    "text": pa.string(),
    "number": pa.float64(),
    "whole": pa.int64(),
    "time": pa.timestamp("us", tz="UTC"),
    "truth": pa.bool_(),
}


def table(kind: str, columns: dict[str, Any]) -> pa.Table:
    """A table of that kind: times may be whole microseconds (-1: null), numbers may be NaN (null)."""
    wanted = {column.name: TYPES[column.type] for column in BY_NAME[kind].all_columns}
    arrays = {name: _typed(value, wanted[name]) for name, value in columns.items()}
    return pa.table(arrays)


def _typed(value: Any, type_: pa.DataType) -> pa.Array:
    if isinstance(value, pa.ChunkedArray):
        value = value.combine_chunks()
    if isinstance(value, pa.Array):
        return value if value.type == type_ else value.cast(type_)
    array = np.asarray(value)
    if pa.types.is_timestamp(type_):
        return pa.array(array.astype(np.int64), mask=array < 0).cast(pa.timestamp("us")).cast(type_)
    if pa.types.is_float64(type_):
        return pa.array(array.astype(np.float64), mask=np.isnan(array))
    return pa.array(array, type=type_)


def pick(values: Sequence[str] | pa.Array, index: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> pa.Array:
    """The values at these indices, null where not valid."""
    pool = values if isinstance(values, pa.Array) else pa.array(values, type=pa.string())
    taken = pa.array(np.asarray(index, dtype=np.int64), mask=None if valid is None else ~valid)
    return pool.take(taken)


def text(value: str, rows: int) -> pa.Array:
    """The same text in every row."""
    return pa.repeat(pa.scalar(value, type=pa.string()), rows)


def join(*parts: str | pa.Array | NDArray[Any], between: str = "") -> pa.Array:
    """Texts put together row by row; whole numbers are written out; a null anywhere makes the row null."""
    ready = [
        part if isinstance(part, str | pa.Array) else pa.array(np.asarray(part)).cast(pa.string()) for part in parts
    ]
    return pc.binary_join_element_wise(*ready, between)


def number_key(prefix: str, number: NDArray[Any], width: int) -> pa.Array:
    """Ids such as B000042: the prefix and the number, filled with zeros."""
    digits = pa.array(np.asarray(number, dtype=np.int64)).cast(pa.string())
    return pc.binary_join_element_wise(prefix, pc.utf8_lpad(digits, width, "0"), "")


def only(values: pa.Array, keep: NDArray[np.bool_]) -> pa.Array:
    """The values, null where not kept."""
    return pc.if_else(pa.array(keep), values, pa.scalar(None, type=values.type))


class Pool:
    """Groups of texts to pick from at random: one flat array with where each group starts and how many it holds."""

    def __init__(self, groups: Sequence[Sequence[str]]) -> None:
        self.texts = pa.array([text_ for group in groups for text_ in group], type=pa.string())
        self.sizes = np.array([len(group) for group in groups], dtype=np.int64)
        self.starts = np.concatenate(([0], np.cumsum(self.sizes)[:-1]))

    def pick(self, group: NDArray[Any], rng: np.random.Generator) -> pa.Array:
        """One text of each row's group."""
        at = self.starts[group] + (rng.random(len(group)) * self.sizes[group]).astype(np.int64)
        return self.texts.take(pa.array(at))


def choose(rng: np.random.Generator, shares: Sequence[float], rows: int) -> NDArray[np.int64]:
    """An index per row, drawn by these shares."""
    edges = np.cumsum(np.asarray(shares, dtype=np.float64))
    return np.minimum(np.searchsorted(edges / edges[-1], rng.random(rows), side="right"), len(edges) - 1)


def choose_each(rng: np.random.Generator, weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """An index per row, drawn by the row's own weights (rows × choices)."""
    edges = np.cumsum(weights, axis=1)
    draw = rng.random((len(weights), 1)) * edges[:, -1:]
    chosen: NDArray[np.int64] = np.minimum((draw >= edges).sum(axis=1), weights.shape[1] - 1)
    return chosen


def scatter(
    rng: np.random.Generator, rate: NDArray[Any], rows: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Points on a grid of (account, day) by its rates, in random order: as many as Poisson says, or exactly `rows`."""
    edges = np.cumsum(rate.ravel(), dtype=np.float64)
    total = float(edges[-1]) if edges.size else 0.0
    count = int(rng.poisson(total)) if rows is None else rows
    if total <= 0.0 or not count:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing
    at = np.minimum(np.searchsorted(edges, rng.random(count) * total, side="right"), edges.size - 1)
    return at // rate.shape[1], at % rate.shape[1]


def ordinal(account: NDArray[Any]) -> NDArray[np.int64]:
    """Which one of its account each row is, counted from 1 in the order of the rows."""
    order = np.argsort(account, kind="stable")
    ranked = account[order]
    first = np.searchsorted(ranked, ranked, side="left")
    result = np.empty(len(account), dtype=np.int64)
    result[order] = np.arange(len(account)) - first + 1
    return result


def happened(
    rows: NDArray[Any], times: NDArray[Any], *, who: NDArray[Any], at: NDArray[Any], back: int
) -> NDArray[np.int64]:
    """How many (rows, times) each (who, at) has in [at - back, at)."""
    span = np.int64(1) << 53
    keys = np.sort(rows.astype(np.int64) * span // 1024 + _small(times))
    low = np.searchsorted(keys, who.astype(np.int64) * span // 1024 + _small(at - back), side="left")
    high = np.searchsorted(keys, who.astype(np.int64) * span // 1024 + _small(at), side="left")
    return (high - low).astype(np.int64)


def _small(times: NDArray[Any]) -> NDArray[np.int64]:
    """Microseconds as milliseconds since 2010, never below zero: room for the account above them."""
    return np.maximum(np.asarray(times, dtype=np.int64) // 1000 - 1_262_304_000_000, 0)
