"""What is known of one customer, and how it is forgotten everywhere.

Erasing empties the customer's rows in the inbox, takes their lines out of uploads and refused rows, makes the kinds
they were in again, and drops the generations that still show them as soon as nobody reads them. Keyed hashes of the ids
stay, so that later copies are refused and a restored backup forgets again. An erasure that was interrupted is finished
at the next opening.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow.compute as pc
from sqlalchemy import select, text

from regard.errors import UnknownName
from regard.signals import settling
from regard.signals.settling import Progress
from regard.signals.shapes import FOLD, KNOWN
from regard.signals.views import read
from regard.store import alerts, backup, latest, log, merging, scrub, sealing, tables
from regard.store.arrivals import ERASED, ID_COLUMNS, erased_rows
from regard.store.recovery import ASIDE
from regard.store.state import now_text, read_meta, write_meta

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from regard.signals.workspace import Workspace
    from regard.store.heldback import Item

PENDING = "erasing"
UNTOLD = "erased.untold"
"""Word of state: an erasure is done, but for emptying the write-ahead log of what it said itself."""


@dataclass(frozen=True)
class Person:
    """A customer with every id that is theirs: (space, id), and the customer's hash."""

    customer: int
    ids: tuple[tuple[str, str], ...]


def find(workspace: Workspace, customer: str) -> Person:
    """Find a customer by any of their ids, in the settled log.

    Args:
        workspace: Where.
        customer: An id as sent; ``person:``, ``account:`` or ``anonymous:`` before it says which is meant.

    Raises:
        UnknownName: Nobody has that id; suggests near ones.
    """
    lease, generation = workspace.lake.lease()
    try:
        files = [f for f in generation.files if f.role == "known"] if generation else []
        folds = generation.of("derived", "fold") if generation else []
        sql = f"""
            WITH known AS ({read(workspace.lake, files, KNOWN)}), fold AS ({read(workspace.lake, folds, FOLD)}),
            whose AS (SELECT DISTINCT coalesce(f.target, k.hash) AS customer, k.space, k.id
                FROM known AS k LEFT JOIN fold AS f ON f.source = k.hash)
            SELECT customer, space, id FROM whose WHERE customer IN (
                SELECT customer FROM whose WHERE id = $id OR space || ':' || id = $id
            ) ORDER BY ALL"""
        with duckdb.connect() as connection:
            found = connection.execute(sql, {"id": customer}).fetchall()
            if not found and (aside := _aside(workspace, customer)):
                return aside
            if not found:
                every = read(workspace.lake, files, KNOWN)
                near = f"SELECT DISTINCT id, levenshtein(id, $id) FROM ({every}) ORDER BY 2, 1 LIMIT 50"
                names = [row[0] for row in connection.execute(near, {"id": customer}).fetchall()]
                raise UnknownName("customer", customer, names)
    finally:
        workspace.lake.release(lease)
    customers = sorted({row[0] for row in found})
    if len(customers) > 1:
        _say_which(customer, found)
    return Person(customers[0], tuple((row[1], row[2]) for row in found))


def _aside(workspace: Workspace, customer: str) -> Person | None:
    """Somebody who is known from items held back or bad rows alone."""
    space, _, id_ = customer.partition(":")
    named = space in scrub.SPACES and id_ != ""
    ids = ((space, id_),) if named else tuple((s, customer) for s in scrub.SPACES)
    known = scrub.items_of(workspace.inbox, ids) or scrub.in_bad_rows(workspace.inbox, ids)
    return Person(0, ids) if known else None


def _say_which(customer: str, found: list[tuple[int, str, str]]) -> None:
    named = [f"{space}:{id_}" for _, space, id_ in found if customer in {id_, f"{space}:{id_}"}]
    error = UnknownName("single customer", customer, named)
    error.hint = "Several have that id; say which: " + " or ".join(named)
    raise error


def erase(workspace: Workspace, customer: str) -> Iterator[Progress]:
    """Forget a customer everywhere, yielding progress.

    Args:
        workspace: Where.
        customer: Any of their ids.

    Raises:
        UnknownName: Nobody has that id.
        Busy: Somebody else is settling or adding signals, too long.
    """
    yield from settling.settle(workspace)
    try:
        person = find(workspace, customer)
    except UnknownName:
        if was_erased(workspace, customer):
            return  # interrupted, it was finished when the workspace was opened: running it again is no mistake
        raise
    with settling.settling(workspace):
        with workspace.inbox.appending(), workspace.state.writing() as connection:
            stones = scrub.bury(connection, person.ids)
            write_meta(connection, PENDING, json.dumps(person.ids))
            write_meta(connection, "position", str(log.position(connection) + 1))
        workspace.state.write_down("erase", json.dumps({"tombstones": stones}))
        yield from _forget(workspace)


def was_erased(workspace: Workspace, customer: str) -> bool:
    """Whether an id, as given to `find`, is that of a customer who was erased."""
    key = workspace.state.get("tombstone_key")
    named = {(space, customer) for space in ("person", "account", "anonymous")}
    if ":" in customer:
        space, _, id_ = customer.partition(":")
        named.add((space, id_))
    hashes = {scrub.tombstone(key, space, id_) for space, id_ in named}
    with workspace.state.reading() as connection:
        known = set(connection.execute(select(tables.tombstones.c.hash)).scalars())
    return bool(known & hashes)


def finish(workspace: Workspace) -> Iterator[Progress]:
    """Finish an erasure that was interrupted, or one a restored backup has yet to repeat."""
    if not pending(workspace):
        if workspace.state.get(UNTOLD):
            _empty_log(workspace)
        return
    with settling.settling(workspace):
        yield from _forget(workspace)


def pending(workspace: Workspace) -> bool:
    """Whether an erasure is unfinished."""
    with workspace.state.reading() as connection:
        unfinished = connection.execute(text("SELECT 1 FROM tombstones WHERE NOT done LIMIT 1")).first()
        return unfinished is not None or read_meta(connection, PENDING) != ""


def _forget(workspace: Workspace) -> Iterator[Progress]:
    inbox, root = workspace.inbox, workspace.root
    ids = [id_ for _, id_ in json.loads(workspace.state.get(PENDING) or "[]")]
    with inbox.appending():
        sealing.seal_held(inbox)  # items held back a moment ago are found with the others
        scrub.items(inbox, ids)
        with workspace.state.writing() as connection:
            alerts.forget(connection, scrub.theirs(connection, ids))
        scrub.files([root / "uploads"], ids)
        scrub.bad_rows(inbox, ids)
        for done, total in scrub.segments(inbox):
            yield Progress(done=done, total=total, what="erasing from the inbox")
        with workspace.state.writing() as connection:
            inbox.runs(connection)  # made again here, rather than by whoever takes the next signal in
    yield from settling.settle_held(workspace)
    sealing.emptied(inbox)
    places = (workspace.lake.directory.glob("*.damaged"), inbox.journal.glob("*.damaged"), root.glob("*.damaged"))
    for aside in chain(*places, root.glob(f"{ASIDE}/*")):
        aside.unlink()  # nobody can say whom it names
    with inbox.appending():
        inbox.sweep()
        with workspace.state.writing() as connection:
            latest.forget(connection)
        workspace.state.begin_log()  # what it told of rows before is gone, too
    inbox.merge_ids()
    scrub.done(inbox)
    with workspace.state.writing() as connection:
        write_meta(connection, PENDING, "")
        write_meta(connection, UNTOLD, "yes")
    _empty_log(workspace)
    backup.tell(workspace.state)


def _empty_log(workspace: Workspace) -> None:
    """Empty the write-ahead log of state, which still holds whom the erasure was about."""
    workspace.state.truncate_log()
    workspace.state.put(UNTOLD, "")


def export(workspace: Workspace, customer: str) -> dict[str, Any]:
    """Everything known of a customer: who they are, labels over time, every signal as sent.

    Args:
        workspace: Where; settled.
        customer: Any of their ids.
    """
    workspace.inbox.seal()
    person = find(workspace, customer)
    with workspace.connect() as (connection, position):
        rows = connection.execute("SELECT * FROM lake_customer WHERE customer = $c", {"c": person.customer})
        who = _dicts(rows)
        labels = _dicts(
            connection.execute(
                "SELECT since, until, labels FROM lake_standing WHERE customer = $c ORDER BY since",
                {"c": person.customer},
            )
        )
    return {
        "exported": now_text(),
        "position": position,
        "customer": who[0] if who else {},
        "ids": [{"space": space, "id": id_} for space, id_ in person.ids],
        "standing": labels,
        "signals": _signals(workspace, person),
        "held_back": [_item(i) for i in scrub.items_of(workspace.inbox, person.ids)],
        "alerts": _alerts(workspace, person),
    }


def _alerts(workspace: Workspace, person: Person) -> list[dict[str, Any]]:
    """Alerts that concerned the customer: when, and what was seen."""
    ids = {id_ for _, id_ in person.ids} | {f"{space}:{id_}" for space, id_ in person.ids}
    with workspace.state.reading() as connection:
        rows = alerts.naming(connection, ids.__contains__)
    return [
        {"opened": row["opened"], "ended": row["ended"], "kind": row["kind"], "what": json.loads(row["raised"])["what"]}
        for row in rows
    ]


def _item(item: Item) -> dict[str, Any]:
    told = {name: getattr(item, name) for name in ("id", "source", "at", "format", "reason", "state", "outcome")}
    return {**told, "item": item.item, "repaired": item.changed}


def _signals(workspace: Workspace, person: Person) -> dict[str, list[dict[str, Any]]]:
    """Every row as sent, per kind, in the order of the log."""
    key = "export"
    hashes = [scrub.tombstone(key, space, id_) for space, id_ in person.ids]
    found: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    with merging.paused(workspace.inbox), duckdb.connect() as engine:
        with workspace.state.reading() as connection:
            segments = log.segments(connection)
            alive = log.Liveness(connection)
        for segment in segments:
            if segment.batch in alive.undone:
                continue
            table = workspace.inbox.read(segment)
            hit = erased_rows(engine, table, key, hashes)
            if hit.any():
                rows = ({**row, "source": segment.source} for row in _plain(table.filter(hit)))
                at = segment.positions(table)[hit].tolist()
                found.setdefault(segment.kind, []).extend(zip(at, rows, strict=True))
    return {kind: [row for _, row in sorted(rows, key=itemgetter(0))] for kind, rows in found.items()}


def _plain(table: pa.Table) -> list[dict[str, Any]]:
    unsent = (*ID_COLUMNS, ERASED, log.POSITION, log.RECEIVED)
    table = table.drop_columns([c for c in unsent if c in table.column_names])
    for number, field in enumerate(table.schema):
        if str(field.type).startswith("timestamp"):
            table = table.set_column(number, field.name, pc.strftime(table[field.name], "%Y-%m-%dT%H:%M:%SZ"))
    return [{k: v for k, v in row.items() if v is not None} for row in table.to_pylist()]


def _dicts(result: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in result.description or []]
    return [
        {n: v.isoformat() if hasattr(v, "isoformat") else v for n, v in zip(names, row, strict=True)}
        for row in result.fetchall()
    ]
