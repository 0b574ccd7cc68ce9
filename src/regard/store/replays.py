"""Items held back, through the front door again.

Items of one batch are classified, written, counted and settled in one transaction, in the batch they came with, so that
undoing it takes them along. Killed at any point, an item is either still held back or stored and counted, never both.
An item whose rows are in conflict with the log stays held back, whole.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from sqlalchemy import select

from regard.store import coded, heldback, ids, log, rows, tables
from regard.store.arrivals import Arrival, add_counts, batch_row
from regard.store.inbox import Batch
from regard.store.log import OUTCOMES, Outcome
from regard.store.state import now_text, write_down

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from regard.store.inbox import Inbox

Row = tuple[str, "Mapping[str, Any]"]
"""A kind of signal and the values of its columns, times as datetimes or microseconds in UTC."""

STAYS = "held_back"


@dataclass(frozen=True, kw_only=True)
class Again:
    """A held-back item, read: the rows it stands for, at least one; ``check`` is the hash of what was sent.

    Without a check, rows with a message id are compared by their columns.
    """

    id: int
    rows: tuple[Row, ...]
    check: int = 0


@dataclass(frozen=True)
class _Part:
    """Rows of one kind, and the item each belongs to."""

    arrival: Arrival
    item: NDArray[np.int64]

    def only(self, kept: NDArray[np.bool_]) -> _Part:
        return self if kept.all() else _Part(self.arrival.only(kept), self.item[kept])


def replay(inbox: Inbox, batch: int, items: Sequence[Again], *, by: str = "", record: str = "") -> dict[int, str]:
    """Bring items of one batch through the front door again.

    Args:
        inbox: Where.
        batch: The batch they came with.
        items: Read; those settled meanwhile are passed over.
        by: Who.
        record: The act to enter in the record, where anything was settled.

    Returns:
        Id to stored, duplicate, refused (somebody erased is named), or held_back where it stays so.

    Raises:
        BadInput: A value does not fit its column.
        Busy: Another process kept the inbox too long.
    """
    with inbox.appending():
        with inbox.state.reading() as connection:
            opened = Batch(inbox, batch, batch_row(connection, batch)["source"])
        parts = _parts(opened, items)
        with inbox.state.writing() as connection:
            outcomes, merged = _enter(connection, opened, parts, [i.id for i in items])
            settled = {i: o for i, o in outcomes.items() if o != STAYS}
            heldback.settle(connection, settled, by=by)
            if record and settled:
                write_down(connection, record, heldback.ids_text(settled), by=by)
        inbox.forget_runs(merged)
    return outcomes


def _parts(batch: Batch, items: Sequence[Again]) -> list[_Part]:
    found: dict[str, list[tuple[Mapping[str, Any], Again]]] = {}
    for item in items:
        for kind, row in item.rows:
            found.setdefault(kind, []).append((row, item))
    parts = []
    for kind, given in found.items():
        fitted, identity = _identified(batch, kind, [row for row, _ in given])
        check = np.array([item.check for _, item in given], np.uint64)
        given_check = (check != 0) & (identity.check != 0)
        identity = rows.Identities(identity.high, identity.low, np.where(given_check, check, identity.check))
        owners = np.array([item.id for _, item in given], np.int64)
        parts.append(_Part(Arrival(batch.inbox, batch, kind, fitted, identity), owners))
    return parts


def _identified(batch: Batch, kind: str, given: Sequence[Mapping[str, Any]]) -> tuple[pa.Table, rows.Identities]:
    schema = batch.inbox.schemas[kind]
    fitted = coded.coded(rows.fitted(kind, pa.Table.from_pylist(list(given), schema=schema), schema))
    ordinals = ids.Ordinals(batch.inbox.spill)
    identity = rows.identify(batch.engine, kind=kind, source=batch.source, table=fitted, ordinals=ordinals)
    ordinals.close()
    return fitted, identity


def _enter(
    connection: Connection, batch: Batch, parts: Sequence[_Part], items: Sequence[int]
) -> tuple[dict[int, str], list[str]]:
    """Outcome of each item that is still open, and runs of the index to remove after the commit."""
    held = tables.held.c
    there = set(
        connection.execute(select(held.id).where(held.batch == batch.id, held.state == heldback.OPEN)).scalars()
    )
    runs, received = batch.inbox.runs(connection), now_text()
    leave_out, stays = {i for i in items if i not in there}, set[int]()
    while True:
        kept = [part.only(~np.isin(part.item, list(leave_out))) for part in parts]
        kept = [part for part in kept if len(part.item)]
        found = [part.arrival.classified(connection, runs) for part in kept]
        conflicts = {int(i) for part, f in zip(kept, found, strict=True) for i in part.item[f.held]}
        if not conflicts:
            break
        leave_out |= conflicts
        stays |= conflicts
    fresh: list[ids.Ids] = []
    of_rows: Counter[str] = Counter()
    of_items: dict[int, str] = {}
    for part, classified in zip(kept, found, strict=True):
        outcome = np.full(len(part.item), "duplicate", dtype="U9")
        outcome[classified.new], outcome[classified.erased] = "stored", "refused"
        of_rows.update(outcome.tolist())
        for item, told in zip(part.item.tolist(), outcome.tolist(), strict=True):
            of_items[item] = _better(of_items.get(item), told)
        fresh.append(part.arrival.write(connection, runs, classified, received=received))
    _count_more(connection, batch.id, of_rows, of_items)
    new = ids.joined(fresh).sorted_newest() if fresh else ids.NONE
    merged = batch.inbox.remember(connection, new, until=log.position(connection)) if len(new) else []
    return {**of_items, **dict.fromkeys(stays, STAYS)}, merged


def _better(known: str | None, told: str) -> str:
    ranks = ("stored", "duplicate", "refused")
    return told if known is None or ranks.index(told) < ranks.index(known) else known


def _count_more(connection: Connection, batch: int, of_rows: Counter[str], of_items: Mapping[int, str]) -> None:
    """An item of several rows was received as one; its other rows are counted now."""
    more = of_rows - Counter(of_items.values())
    if more:
        told = {name: more[name] for name in OUTCOMES}
        add_counts(connection, batch, Outcome(**{**told, "received": more.total()}))


def known(inbox: Inbox, source: str, row: Row) -> dict[str, Any] | None:
    """What the log holds under the identity of a row: the other side of a conflict. None where there is nothing."""
    kind, values = row
    with inbox.appending():
        _, identity = _identified(Batch(inbox, 0, source), kind, [values])
        with inbox.state.writing() as connection:
            position, _ = ids.find(inbox.runs(connection), identity.high, identity.low)
            if position[0] < 0 or not log.Liveness(connection).stands(position)[0]:
                return None
        table = _row_at(inbox, int(position[0]))
    found = coded.plain(table).to_pylist()[0] if table is not None else {}
    return {k: v for k, v in found.items() if k in inbox.schemas[kind].names and v is not None}


def _row_at(inbox: Inbox, position: int) -> pa.Table | None:
    """The row at a position of the log; called while appending, so that no segment goes meanwhile."""
    with inbox.state.reading() as connection:
        near = [s for s in log.segments(connection, since=position) if s.first_position <= position]
    for segment in near:
        table = inbox.read(segment)
        at = np.flatnonzero(segment.positions(table) == position)
        if len(at):
            return table.slice(int(at[0]), 1)
    return None
