"""Items held back: kept in state, listed, repaired, discarded, each still counted in the batch it came with.

An item is held back where it cannot be stored as it is and somebody can say what to do: a message id known with other
content, a time in the future. It is kept in the transaction that counts it. The count ``held_back`` of a batch that
stands is always the number of its items that are open.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow.parquet as pq
from sqlalchemy import func, insert, select, update

from regard.errors import BadInput, UnknownName
from regard.settings import Settings
from regard.store import coded, tables
from regard.store.state import now_text, read_meta, write_meta

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from sqlalchemy import Connection

    from regard.store.state import State

OPEN, REPLAYED, DISCARDED, UNDONE = "held", "replayed", "discarded", "undone"
MOST = Settings.held_items
"""Open items of one source at most, unless a setting says otherwise."""

CONFLICT = "id_conflict"
CONFLICT_WHY = "This message id is known with other content."
TAKEN_OVER = "held.taken_over"
AT_ONCE = 500
"""Ids named in one statement."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """An item to be held back.

    Attributes:
        source: Where it came from.
        format: Who reads it again: row, native, segment or posthog.
        code: Why, as a word: id_conflict, future, ...
        reason: Why, as a sentence for people.
        item: The item as sent, scrubbed, a JSON object. Of a row: its ``kind`` and columns, times in ISO 8601.
        at: When it was received, UTC, ISO 8601.
    """

    source: str
    format: str
    code: str
    reason: str
    item: str
    at: str


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A held-back item as kept; ``changed`` is its repaired text, ``outcome`` what became of it when it was settled."""

    id: int
    batch: int
    source: str
    at: str
    format: str
    code: str
    reason: str
    item: str
    changed: str | None
    state: str
    outcome: str | None
    settled: str | None
    by: str | None

    @property
    def text(self) -> str:
        """The item as it would be replayed: repaired where it was."""
        return self.changed if self.changed is not None else self.item


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Open items of one source held back for one reason."""

    source: str
    code: str
    reason: str
    items: int
    repaired: int
    first_at: str
    last_at: str


# ---------------------------------------------------------------------- keeping


def keep(connection: Connection, batch: int, items: Sequence[Held], *, most: int = MOST) -> int:
    """Keep items in a writing transaction, which the caller also counts them in.

    Args:
        connection: A writing transaction.
        batch: The batch they came with.
        items: In the order they came.
        most: Open items of one source at most.

    Returns:
        How many were kept, the first ones of each source; the caller counts the others as refused.
    """
    room: dict[str, int] = {}
    rows = []
    for item in items:
        if item.source not in room:
            room[item.source] = most - _open_items(connection, item.source)
        if room[item.source] > 0:
            room[item.source] -= 1
            rows.append({"batch": batch, "state": OPEN, **msgspec.structs.asdict(item)})
    if rows:
        connection.execute(insert(tables.held), rows)
    return len(rows)


def _open_items(connection: Connection, source: str) -> int:
    held = tables.held.c
    found = select(func.count()).where(held.state == OPEN, held.source == source)
    return int(connection.execute(found).scalar_one())


def of_rows(kind: str, table: pa.Table, *, source: str, at: str) -> list[Held]:
    """Rows of one kind as items held back for a message id known with other content."""
    return [
        Held(source=source, format="row", code=CONFLICT, reason=CONFLICT_WHY, item=_row_text(kind, row), at=at)
        for row in coded.plain(table).to_pylist()
    ]


def _row_text(kind: str, row: Mapping[str, Any]) -> str:
    return msgspec.json.encode({"kind": kind, **{k: v for k, v in row.items() if v is not None}}).decode()


def take_over(state: State, directory: Path) -> None:
    """Bring in what earlier versions kept as files, ``held-*.parquet``; each file once, then it is gone."""
    for path in sorted(directory.glob("held-*.parquet")):
        try:
            table = pq.read_table(path, partitioning=None)
            about = json.loads(table.schema.metadata[b"regard"])
        except (OSError, ValueError, KeyError, TypeError):
            path.replace(path.with_name(path.name + ".damaged"))
            continue
        with state.writing() as connection:
            _take_over(connection, path.name, table, about)
        path.unlink()


def _take_over(connection: Connection, name: str, table: pa.Table, about: Mapping[str, Any]) -> None:
    done = json.loads(read_meta(connection, TAKEN_OVER, "[]"))
    batches = tables.batches.c
    row = connection.execute(select(batches.started, batches.undone).where(batches.id == about["batch"])).first()
    if row is None or name in done:
        return  # of no batch, or committed before the file could be removed
    state = OPEN if row.undone is None else UNDONE
    found = of_rows(about["kind"], table, source=about["source"], at=row.started)
    if found:
        kept = [{"batch": about["batch"], "state": state, **msgspec.structs.asdict(item)} for item in found]
        connection.execute(insert(tables.held), kept)
    write_meta(connection, TAKEN_OVER, json.dumps([*done, name]))


# ---------------------------------------------------------------------- looking


def groups(connection: Connection) -> list[Group]:
    """Open items by source and reason, the largest group first."""
    held = tables.held.c
    columns = (
        held.source,
        held.code,
        func.max(held.reason).label("reason"),
        func.count().label("items"),
        func.count(held.changed).label("repaired"),
        func.min(held.at).label("first_at"),
        func.max(held.at).label("last_at"),
    )
    found = select(*columns).where(held.state == OPEN).group_by(held.source, held.code)
    rows = connection.execute(found.order_by(func.count().desc(), held.source, held.code)).mappings()
    return [Group(**row) for row in rows]


def count(connection: Connection) -> int:
    """How many items are open."""
    return int(connection.execute(select(func.count()).where(tables.held.c.state == OPEN)).scalar_one())


def listed(
    connection: Connection,
    *,
    source: str = "",
    code: str = "",
    batch: int = 0,
    state: str = OPEN,
    after: int = 0,
    limit: int = 100,
) -> list[Item]:
    """Items in the order they came.

    Args:
        connection: A state connection.
        source: Only of this source.
        code: Only held back for this reason.
        batch: Only of this batch.
        state: held, replayed, discarded or undone; empty for all.
        after: Only items after this id: the last one of the page before.
        limit: At most so many.
    """
    held = tables.held.c
    statement = select(tables.held).where(held.id > after).order_by(held.id).limit(limit)
    wanted = ((held.source, source), (held.code, code), (held.batch, batch), (held.state, state))
    for column, value in wanted:
        if value:
            statement = statement.where(column == value)
    return [Item(**row) for row in connection.execute(statement).mappings()]


def one(connection: Connection, item: int) -> Item:
    """One item.

    Raises:
        UnknownName: There is none with that id.
    """
    held = tables.held
    row = connection.execute(select(held).where(held.c.id == item)).mappings().first()
    if row is None:
        known = connection.execute(select(held.c.id).where(held.c.state == OPEN).limit(1000)).scalars()
        raise UnknownName("held-back item", str(item), [str(k) for k in known])
    return Item(**row)


def several(connection: Connection, items: Sequence[int]) -> list[Item]:
    """Items by their ids, ascending; ids nobody has are passed over."""
    held = tables.held
    found: list[Item] = []
    for start in range(0, len(items), AT_ONCE):
        here = held.c.id.in_(list(items[start : start + AT_ONCE]))
        found += [Item(**row) for row in connection.execute(select(held).where(here)).mappings()]
    return sorted(found, key=lambda item: item.id)


def ids_of(connection: Connection, *, source: str = "", code: str = "") -> list[int]:
    """The ids of every open item, or of those of a source or reason."""
    held = tables.held.c
    statement = select(held.id).where(held.state == OPEN).order_by(held.id)
    for column, value in ((held.source, source), (held.code, code)):
        if value:
            statement = statement.where(column == value)
    return list(connection.execute(statement).scalars())


# ---------------------------------------------------------------------- settling


def repair(connection: Connection, item: int, *, changed: str | None) -> Item:
    """Keep a repaired text beside the item as sent; None takes the repair back. Returns the item as it then is.

    Raises:
        UnknownName: There is no such item.
        BadInput: It is settled already.
    """
    found = one(connection, item)
    if found.state != OPEN:
        raise BadInput(f"Item {item} is {found.state}; it cannot be repaired.", where=f"item {item}", hint=_NEXT)
    connection.execute(update(tables.held).where(tables.held.c.id == item).values(changed=changed))
    return msgspec.structs.replace(found, changed=changed)


def discard(connection: Connection, items: Sequence[int], *, by: str = "") -> list[int]:
    """Refuse open items for good; those settled already are passed over. Returns the ids discarded."""
    return settle(connection, dict.fromkeys(items, "refused"), state=DISCARDED, by=by)


def settle(connection: Connection, outcomes: Mapping[int, str], *, state: str = REPLAYED, by: str = "") -> list[int]:
    """Give open items their final outcome and move them in the counts of their batches.

    Args:
        connection: A writing transaction.
        outcomes: Id to stored, duplicate or refused.
        state: replayed or discarded.
        by: Who.

    Returns:
        The ids settled: those that were open.
    """
    settled = []
    for outcome in sorted(set(outcomes.values())):
        values = {"state": state, "outcome": outcome, "settled": now_text(), "by": by}
        ids = [i for i, o in outcomes.items() if o == outcome]
        settled += _move(connection, ids, was=OPEN, values=values, from_="held_back", to=outcome)
    return sorted(settled)


def bring_back(connection: Connection, items: Sequence[int]) -> list[int]:
    """Take discarding back: the items are open again. Returns their ids."""
    values = {"state": OPEN, "outcome": None, "settled": None, "by": None}
    return sorted(_move(connection, items, was=DISCARDED, values=values, from_="refused", to="held_back"))


def undone(connection: Connection, batch: int) -> None:
    """With its batch, what was held back of it is taken back."""
    held = tables.held
    found = update(held).where(held.c.batch == batch, held.c.state == OPEN)
    connection.execute(found.values(state=UNDONE, settled=now_text()))


def _move(
    connection: Connection, items: Sequence[int], *, was: str, values: Mapping[str, Any], from_: str, to: str
) -> list[int]:
    """Items in one state into another, and their number from one count of their batches to another."""
    held, batches = tables.held, tables.batches
    moved: list[int] = []
    counts: dict[int, int] = {}
    for start in range(0, len(items), AT_ONCE):
        here = held.c.id.in_(list(items[start : start + AT_ONCE]))
        changed = update(held).where(here, held.c.state == was).values(**values).returning(held.c.id, held.c.batch)
        for id_, batch in connection.execute(changed).all():
            moved.append(id_)
            counts[batch] = counts.get(batch, 0) + 1
    for batch, n in counts.items():
        down, up = batches.c[from_], batches.c[to]
        connection.execute(update(batches).where(batches.c.id == batch).values({down: down - n, up: up + n}))
    return moved


_NEXT = "See what is open: regard held"


def discarded_by(connection: Connection, entry: int) -> list[int]:
    """The items a discarding named, by its entry in the record.

    Raises:
        UnknownName: No discarding has that number.
    """
    record = tables.record.c
    found = select(record.arguments).where(record.id == entry, record.name == "discard_held")
    arguments = connection.execute(found).scalar()
    if arguments is None:
        raise UnknownName("discarding", str(entry), [])
    return ids_in(str(arguments))


def ids_in(arguments: str) -> list[int]:
    """The ids an entry of the record names; see `ids_text`."""
    items: list[int] = []
    for run in json.loads(arguments)["items"].split(", "):
        first, _, last = run.partition("-")
        items += range(int(first), int(last or first) + 1)
    return items


def ids_text(items: Iterable[int]) -> str:
    """Ids as the arguments of an act in the record: ranges, so that many stay short."""
    runs: list[list[int]] = []
    for item in sorted(items):
        if runs and item == runs[-1][1] + 1:
            runs[-1][1] = item
        else:
            runs.append([item, item])
    return json.dumps({"items": ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs)})
