"""Who came, stayed, moved and left between the two ends of a period: one state per customer at each end, from signals.

The ledger sums these; the list of customers shows them. Nothing here is a remainder: every line is counted on its own
from the states, and `Movements.lines` raises where they do not add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from regard.errors import Damaged
from regard.signals.rates import currencies, rate_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.signals.ask import Ask

COUNT_LINES = ("opening", "restated", "new", "returned", "moved in", "moved out", "lost", "closing")
LINES = (*COUNT_LINES[:-1], "grown", "shrunk", "exchange", "closing")
NEVER = datetime(2900, 1, 1)


@dataclass(frozen=True)
class Line:
    """One line of one slice: how many customers, what it does to the count, what it does to the value."""

    customers: int
    change: int
    value: float


@dataclass(frozen=True, kw_only=True)
class Movements:
    """One entry per customer who was in the base at an end of the period, or came and left in between.

    Attributes:
        table: As ledger.sql gives it, sorted by customer.
        labels: Names of the slices.
        opening_label, closing_label: Index into labels; -1 where the customer is outside the filters.
    """

    table: pa.Table
    labels: tuple[str, ...]
    opening_label: NDArray[np.int64]
    closing_label: NDArray[np.int64]

    def column(self, name: str) -> NDArray[Any]:
        """A column as an array; times as datetime64."""
        values: NDArray[Any] = self.table.column(name).to_numpy()
        return values

    def parts(self, *, sliced: bool) -> dict[str, list[tuple[NDArray[np.bool_], NDArray[np.int64], int, NDArray[Any]]]]:
        """Per line, who makes it: (mask, label index, effect on the count, value).

        Args:
            sliced: Whether a change of slice is a move; else only crossing the filters is.
        """
        start, end = self.opening_label, self.closing_label
        if not sliced:
            start, end = np.minimum(start, 0), np.minimum(end, 0)
        opened, closed = self.column("at_opening"), self.column("at_closing")
        before = self.column("known_before")
        opening, closing, exchange = self.column("opening"), self.column("closing"), self.column("exchange")
        leaving = self.column("leaving")
        first, last, both = opened & (start >= 0), closed & (end >= 0), opened & closed
        same = first & last & (start == end)
        came, passed = last & ~opened, ~opened & ~closed & (end >= 0)
        real = closing - opening - exchange
        grown = np.where(np.abs(real) < 1e-9 * np.maximum(1.0, np.abs(opening)), 0.0, real)
        stayed = last & both
        return {
            "opening": [(first, start, 1, opening)],
            "new": [(came & ~before, end, 1, closing), (passed & ~before, end, 1, leaving)],
            "returned": [(came & before, end, 1, closing), (passed & before, end, 1, leaving)],
            "moved in": [(stayed & ~same, end, 1, opening)],
            "moved out": [(first & both & ~same, start, -1, -opening)],
            "lost": [(first & ~closed, start, -1, -opening), (passed, end, -1, -leaving)],
            "grown": [(stayed & (grown > 0), end, 0, real)],
            "shrunk": [(stayed & (grown < 0), end, 0, real)],
            "exchange": [(stayed & (exchange != 0), end, 0, exchange)],
            "closing": [(last, end, 1, closing)],
        }

    def lines(self, *, sliced: bool = False) -> dict[str, dict[str, Line]]:
        """The ledger per slice ('all' for the total): line name to its figures, checked to add up.

        Raises:
            Damaged: Opening and lines do not make the closing.
        """
        size = max(len(self.labels), 1) if sliced else 1
        sums = {name: _summed(parts, size) for name, parts in self.parts(sliced=sliced).items()}
        names = self.labels if sliced else ("all",)
        ledgers = {
            label: {line: Line(int(n[i]), int(c[i]), float(v[i])) for line, (n, c, v) in sums.items()}
            for i, label in enumerate(names)
        }
        for label, ledger in ledgers.items():
            check(ledger, label)
        return ledgers

    def line_of(self) -> dict[str, NDArray[np.bool_]]:
        """Line name to the mask of the customers who make it, over the scope as a whole."""
        return {
            name: np.logical_or.reduce([mask for mask, *_ in parts]) for name, parts in self.parts(sliced=False).items()
        }


def _summed(
    parts: list[tuple[NDArray[np.bool_], NDArray[np.int64], int, NDArray[Any]]], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    people, change = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    value = np.zeros(size)
    for mask, label, effect, amounts in parts:
        n = np.bincount(label[mask], minlength=size)[:size]
        people += n
        change += effect * n
        value += np.bincount(label[mask], weights=amounts[mask], minlength=size)[:size]
    return people, change, value


def check(ledger: dict[str, Line], label: str) -> None:
    """Whether a ledger adds up, in count exactly and in value to the rounding of sums.

    Raises:
        Damaged: It does not.
    """
    inner = [line for name, line in ledger.items() if name != "closing"]
    count = sum(line.change for line in inner)
    value = sum(line.value for line in inner)
    closing = ledger["closing"]
    size = sum(abs(line.value) for line in inner) + 1.0
    if count != closing.change or abs(value - closing.value) > 1e-9 * size:
        raise Damaged(
            f"The base ledger of {label!r} does not add up: {count} against {closing.change} customers, "
            f"{value!r} against {closing.value!r} in value.",
            where="customers/ledger",
            hint="This is a defect of Regard, not of your data. Please report it with the scope and declarations.",
        )


def movements(
    ask: Ask, *, as_known: bool = False, live: tuple[str, ...] = (), only: list[int] | None = None
) -> Movements:
    """The movements of the scope's period.

    Args:
        ask: What may be looked at; base.lost must be declared.
        as_known: Leave out what happened before the period but came in after it began, from `live` sources.
        live: Sources that were already being received when the period began.
        only: Only these customers; None takes all.
    """
    table = ask.table(
        "ledger.sql",
        **parameters(ask),
        **rates(ask),
        as_known=as_known,
        live=list(live),
        everyone=only is None,
        only=only or [],
    ).combine_chunks()
    columns = [table.column(name).combine_chunks() for name in ("label_opening", "label_closing")]
    coded = pa.chunked_array([_flat(c) for c in columns]).dictionary_encode()
    names = coded.combine_chunks().dictionary.to_pylist() if len(table) else []
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.unify_dictionaries().combine_chunks()
    codes = _flat(coded).indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    order = np.argsort(np.array(names, dtype=object)) if names else np.zeros(0, dtype=np.int64)
    rank = np.append(np.argsort(order), -1).astype(np.int64)
    opening, closing = np.split(rank[codes], 2) if len(table) else (codes, codes)
    return Movements(table=table, labels=tuple(names[i] for i in order), opening_label=opening, closing_label=closing)


def _flat(array: Any) -> pa.Array:
    if not isinstance(array, pa.ChunkedArray):
        return array
    return array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)


def parameters(ask: Ask) -> dict[str, Any]:
    """What the statements of the base take from the declarations and the scope."""
    declared, scope = ask.declarations, ask.scope
    return {
        "lost": declared.base.lost or "",
        "days": declared.base.days,
        "worth": declared.value.kind or "",
        "worth_days": declared.value.days,
        "cut": bool(scope.by or scope.where),
        "by": bool(scope.by),
        "filtered": bool(scope.where),
        "one_currency": not declared.currency,
    }


def rates(ask: Ask) -> dict[str, Any]:
    """Exchange rates in force at the two ends of the period."""
    names = currencies(ask.declarations)
    return {
        "currencies": names,
        "opening_rates": [rate_at(ask.declarations, name, ask.scope.since) for name in names],
        "closing_rates": [rate_at(ask.declarations, name, ask.scope.until) for name in names],
    }
