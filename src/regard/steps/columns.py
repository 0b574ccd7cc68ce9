"""Steps as columns: whole customers, each one's steps in order of time, names and labels coded as small numbers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from regard.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Elsewhere = Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]
    """Takes work and pieces, gives the results in their order."""

Whole = NDArray[np.int64]
Codes = NDArray[np.uint16]
Truths = NDArray[np.bool_]
MOST_NAMES = 65_000
"""Names told apart; the rarest of more become `OTHER`."""
OTHER = "(other)"
EVER, NEVER = np.iinfo(np.int64).min, np.iinfo(np.int64).max
"""As bounds of time: no bound."""


@dataclass(frozen=True)
class Coded:
    """One label of each step.

    Attributes:
        codes: (n,) index into values; 0 where it is not known.
        values: What the codes mean; the first is "".
    """

    codes: Codes
    values: tuple[str, ...]


@dataclass(frozen=True)
class Later:
    """Where the steps of customers go on who did more since their rows were arranged.

    A customer's steps are the rows from their start to `stops`, then those from `tails` to `ends`; either may be none.
    Rows of no customer are not looked at. The second part always lies behind the first: rows ascend with time.

    Attributes:
        stops: (c,) row after the last of the first part.
        tails: (c,) first row of the second part.
        ends: (c,) row after its last; like `tails` where there is none.
    """

    stops: Whole
    tails: Whole
    ends: Whole


NOWHERE = np.zeros(0, np.int64)
"""Second parts of steps that have none."""


@dataclass(frozen=True)
class Steps:
    """The steps of some customers: whole customers, in order. Arrays may be mapped from files and are never written.

    Attributes:
        customers: (c,) their ids, ascending.
        starts: (c + 1,) where each one's steps begin; each one's end where the next begin, unless there is `later`.
        times: (r,) microseconds UTC, ascending within a customer; equal ones in the order of the log.
        codes: (r,) index into names.
        names: What the codes mean, the same for all slices of one log.
        failed: (r,) the customer met an error at this step.
        labels: Per dimension, the label of each step as it was then.
        later: Where steps lie in two parts; there are then rows that are nobody's.
        address: What opens these very steps again in another process, a function and its arguments; none where they
            are in memory alone.
        elsewhere: Does the work on pieces of these steps in place of this machine's threads, where there is one.
    """

    customers: Whole
    starts: Whole
    times: Whole
    codes: Codes
    names: tuple[str, ...]
    failed: Truths
    labels: Mapping[str, Coded] = field(default_factory=dict)
    later: Later | None = None
    address: tuple[Callable[..., Steps], tuple[Any, ...]] | None = field(default=None, repr=False, compare=False)
    elsewhere: Elsewhere | None = field(default=None, repr=False, compare=False)

    def __reduce__(self) -> Any:
        """Steps mapped from a file travel as where they are, not as what is in it."""
        if self.address is not None:
            return self.address
        kept = (self.customers, self.starts, self.times, self.codes, self.names, self.failed, self.labels, self.later)
        return Steps, kept

    @property
    def n(self) -> int:
        """How many steps; there may be more rows."""
        return len(self.times) if self.later is None else int(self.counts.sum())

    @property
    def counts(self) -> Whole:
        """(c,) how many steps each customer has."""
        found: Whole = np.diff(self.starts)
        if self.later is not None:
            found = self.later.stops - self.starts[:-1] + self.later.ends - self.later.tails
        return found

    @property
    def parts(self) -> tuple[Whole, Whole, Whole, Whole]:
        """Starts and stops of the customers' steps, and those of second parts, (0,) where nobody has one."""
        if self.later is None:
            return self.starts[:-1], self.starts[1:], NOWHERE, NOWHERE
        return self.starts[:-1], self.later.stops, self.later.tails, self.later.ends

    @property
    def lasts(self) -> Whole:
        """Rows of the last step of each customer who has one."""
        starts, stops, tails, ends = self.parts
        if not len(tails):
            return stops[stops > starts] - 1
        found: Whole = np.where(ends > tails, ends, stops)[(ends > tails) | (stops > starts)] - 1
        return found

    @property
    def firsts(self) -> Whole:
        """Rows of the first step of each customer who has one."""
        starts, stops, tails, ends = self.parts
        if not len(tails):
            return starts[stops > starts]
        found: Whole = np.where(stops > starts, starts, tails)[(ends > tails) | (stops > starts)]
        return found

    def rows_of(self, customer: int) -> Whole:
        """The rows of one customer's steps, by their place."""
        starts, stops, tails, ends = (part[customer : customer + 1] for part in self.parts)
        found = np.arange(starts[0], stops[0])
        return np.append(found, np.arange(tails[0], ends[0])) if len(tails) else found

    @property
    def rows(self) -> Whole:
        """(n,) the row of each step, customer after customer."""
        starts, stops, tails, ends = self.parts
        if not len(tails):
            return np.arange(len(self.times))
        lows, lengths = (
            np.ravel(np.column_stack([starts, tails])),
            np.ravel(np.column_stack([stops - starts, ends - tails])),
        )
        edges = np.cumsum(lengths)
        found: Whole = np.repeat(lows - (edges - lengths), lengths) + np.arange(edges[-1] if len(edges) else 0)
        return found

    def owners(self, rows: Whole) -> Whole:
        """The customer, as a place, of rows that are somebody's."""
        first: Whole = np.searchsorted(self.starts, rows, side="right") - 1
        if self.later is None or not len(self.customers):
            return first
        some = np.flatnonzero(self.later.ends > self.later.tails)
        order = some[np.argsort(self.later.tails[some])]
        second = (
            order[np.maximum(np.searchsorted(self.later.tails[order], rows, side="right") - 1, 0)]
            if len(some)
            else first
        )
        return np.where(rows < self.starts[-1], first, second)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which steps a question looks at.

    Attributes:
        since: First moment, included, microseconds UTC.
        until: Last moment, not included.
        customers: Per slice, (c,) which customers; all where None.
        rows: Per slice, (n,) which steps; others are as if they had not been; all where None.
        end: When the log was last written: what was not over by then is still open. The last step where None.
    """

    since: int = EVER
    until: int = NEVER
    customers: Sequence[Truths] | None = None
    rows: Sequence[Truths] | None = None
    end: int | None = None

    def __reduce__(self) -> Any:
        """Its masks stay behind: each piece of work that travels brings those it needs."""
        return partial(Selection, since=self.since, until=self.until, end=self.end), ()


EVERYTHING = Selection()


def closed_up(steps: Sequence[Steps], selection: Selection) -> tuple[tuple[Steps, ...], Selection]:
    """The same steps, each customer's in one part, and the same selection of them; copies of slices in two parts."""
    rows = [None if each.later is None else each.rows for each in steps]
    masks = selection.rows
    if masks is not None:
        masks = [mask if at is None else mask[at] for mask, at in zip(masks, rows, strict=True)]
    return tuple(each if at is None else _closed(each, at) for each, at in zip(steps, rows, strict=True)), replace(
        selection, rows=masks
    )


def _closed(steps: Steps, at: Whole) -> Steps:
    labels = {name: Coded(each.codes[at], each.values) for name, each in steps.labels.items()}
    starts = np.append(0, np.cumsum(steps.counts))
    return Steps(steps.customers, starts, steps.times[at], steps.codes[at], steps.names, steps.failed[at], labels)


def of_arrays(
    customer: Any, time: Any, name: Any, *, failed: Any = None, labels: Mapping[str, Any] | None = None
) -> Steps:
    """Steps from rows in any order, such as one file's; rows of equal time stay in the order given.

    Args:
        customer: (n,) whose; texts or whole numbers. Ids that are whole numbers are kept; texts become their rank
            among the ordered different texts.
        time: (n,) when: datetime64, or whole microseconds UTC.
        name: (n,) what was done: texts.
        failed: (n,) whether an error was met; never where None.
        labels: Per dimension, (n,) texts; None and "" are not known.

    Raises:
        BadInput: A row has no customer or no time.
    """
    ids, owner = _owners(customer)
    times = _times(time)
    order = np.lexsort((times, owner))
    owner = owner[order]
    codes, names = coded(name)
    starts = np.searchsorted(owner, np.arange(len(ids) + 1))
    met = np.zeros(len(owner), np.bool_) if failed is None else np.ascontiguousarray(failed, np.bool_)[order]
    made = {}
    for label, values in (labels or {}).items():
        found, texts = coded(values, unknown=True)
        made[label] = Coded(found[order], texts)
    return Steps(ids, starts, times[order], codes[order], names, met, made)


def coded(values: Any, *, unknown: bool = False) -> tuple[Codes, tuple[str, ...]]:
    """Texts as codes and the different texts in order.

    Args:
        values: (n,) texts; an Arrow array, a list or a numpy array.
        unknown: Code 0 is kept for None and ""; without it they are a name like any other.
    """
    array = _arrow(values)
    if not pa.types.is_dictionary(array.type):
        array = pc.fill_null(array.cast(pa.string()), "").dictionary_encode()
    indices = pc.fill_null(array.indices, -1).to_numpy(zero_copy_only=False)
    texts = [text or "" for text in array.dictionary.to_pylist()]
    counts = np.bincount(indices[indices >= 0], minlength=len(texts))
    kept = _most_frequent(texts, counts)
    if unknown or (indices < 0).any():
        kept |= {""}
    names = tuple(sorted(kept))
    place = {text: code for code, text in enumerate(names)}
    table = np.array([place.get(text, place.get(OTHER, 0)) for text in texts] + [place.get("", 0)], np.uint16)
    return table[indices], names


def _most_frequent(texts: list[str], counts: Whole) -> set[str]:
    used = {text for text, n in zip(texts, counts.tolist(), strict=True) if n}
    if len(used) <= MOST_NAMES:
        return used
    order = np.argsort(-counts, kind="stable")[:MOST_NAMES]
    return {texts[i] for i in order} | {OTHER}


def _arrow(values: Any) -> Any:
    array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _owners(customer: Any) -> tuple[Whole, Whole]:
    """The different customers, ascending, and the rank of each row's among them."""
    array = _arrow(customer)
    if array.null_count:
        raise BadInput(f"{array.null_count} rows have no customer.", hint="Leave them out, or fill the column.")
    if pa.types.is_integer(array.type):
        ids, owner = np.unique(array.to_numpy(), return_inverse=True)
        return ids.astype(np.int64), owner.astype(np.int64)
    array = array if pa.types.is_dictionary(array.type) else array.cast(pa.string()).dictionary_encode()
    used = np.unique(array.indices.to_numpy())
    texts = array.dictionary.take(pa.array(used))
    rank = np.empty(len(array.dictionary), np.int64)
    rank[used[pc.sort_indices(texts).to_numpy()]] = np.arange(len(used))
    return np.arange(len(used)), rank[array.indices.to_numpy()]


def _times(time: Any) -> Whole:
    values = np.asarray(time)
    if values.dtype.kind == "M":
        missing = int(np.isnat(values).sum())
        if missing:
            raise BadInput(f"{missing} rows have no time.", hint="Leave them out, or fill the column.")
        values = values.astype("datetime64[us]").astype(np.int64)
    return np.ascontiguousarray(values, np.int64)


def end_of(steps: Sequence[Steps], selection: Selection = EVERYTHING) -> int:
    """When the log was last written: the selection's word, or the last step there is; 0 for none."""
    if selection.end is not None:
        return selection.end
    last = [int(s.times[rows].max()) for s in steps if len(rows := s.lasts)]
    return max(last, default=0)


def codes_of(names: Sequence[str], wanted: Sequence[str]) -> Truths:
    """Which codes are any of some names, as (names,) truths; a name nobody has matches nothing."""
    asked = set(wanted)
    return np.array([name in asked for name in names], np.bool_)
