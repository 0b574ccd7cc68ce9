"""Rows of alerts, their history and answers: kept, found, and forgotten with a customer. What they mean is decided
elsewhere; a cause has one open alert at most, which an index of the database holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from regard.store import tables
from regard.store.state import inserted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sqlalchemy import Connection

OPEN, ENDED = "open", "ended"
MOST = 500
"""Alerts listed at most."""

NAMING = ("opened", "grew", "reopened", "ended")
SILENCED = "What it said then is gone: a customer it concerned was erased."

Row = dict[str, Any]


def add(connection: Connection, row: Row) -> int:
    """Keep a new alert; returns its number."""
    return inserted(connection, tables.alerts, row)


def change(connection: Connection, alert: int, **values: Any) -> None:
    """Change columns of an alert."""
    connection.execute(update(tables.alerts).where(tables.alerts.c.id == alert).values(**values))


def one(connection: Connection, alert: int) -> Row | None:
    """An alert by its number, or None."""
    found = connection.execute(select(tables.alerts).where(tables.alerts.c.id == alert)).mappings().first()
    return None if found is None else _plain(found)


def open_of(connection: Connection, detector: str = "") -> list[Row]:
    """Open alerts, all or a detector's, as they were opened."""
    table = tables.alerts
    statement = select(table).where(table.c.state == OPEN).order_by(table.c.id)
    if detector:
        statement = statement.where(table.c.detector == detector)
    return [_plain(row) for row in connection.execute(statement).mappings()]


def ended(connection: Connection, *, after: str = "", limit: int = MOST) -> list[Row]:
    """Alerts that ended, after a moment, newest first."""
    table = tables.alerts
    statement = select(table).where(table.c.state == ENDED, table.c.ended >= after)
    return [_plain(row) for row in connection.execute(statement.order_by(table.c.ended.desc()).limit(limit)).mappings()]


def newest_of(connection: Connection, cause: str) -> Row | None:
    """The newest alert of a cause, or None."""
    table = tables.alerts
    found = connection.execute(select(table).where(table.c.cause == cause).order_by(table.c.id.desc()).limit(1))
    row = found.mappings().first()
    return None if row is None else _plain(row)


def tell(connection: Connection, alert: int, *, at: str, what: str, words: str) -> int:
    """Add to an alert's history; returns the entry's number."""
    return inserted(connection, tables.alert_events, {"alert": alert, "at": at, "what": what, "words": words})


def history(connection: Connection, alert: int) -> list[Row]:
    """An alert's history, oldest first."""
    table = tables.alert_events
    found = connection.execute(select(table).where(table.c.alert == alert).order_by(table.c.id))
    return [_plain(row) for row in found.mappings()]


def answers(connection: Connection, *, standing: bool = True) -> list[Row]:
    """Every answer given to an alert, oldest first; without those taken back where ``standing``."""
    table = tables.alert_answers
    statement = select(table).order_by(table.c.id)
    if standing:
        statement = statement.where(table.c.undone == "")
    return [_plain(row) for row in connection.execute(statement).mappings()]


def looked(connection: Connection, row: Row) -> None:
    """Keep how a detector's look went, in the place of the one before."""
    connection.execute(delete(tables.looks).where(tables.looks.c.detector == row["detector"]))
    connection.execute(insert(tables.looks).values(row))


def looks(connection: Connection) -> dict[str, Row]:
    """How each detector's last look went."""
    found = connection.execute(select(tables.looks)).mappings()
    return {str(row["detector"]): _plain(row) for row in found}


def _plain(row: Mapping[Any, Any]) -> Row:
    """A row under plain names: those of the database's own kind are no JSON."""
    return {str(name): value for name, value in row.items()}


def naming(connection: Connection, is_theirs: Callable[[str], bool]) -> list[Row]:
    """Alerts that name a customer, as they were opened."""
    rows = connection.execute(select(tables.alerts).order_by(tables.alerts.c.id)).mappings()
    return [_plain(row) for row in rows if any(is_theirs(c) for c in json.loads(row["raised"])["who"]["customers"])]


# ---------------------------------------------------------------------- forgetting


def forget(connection: Connection, is_theirs: Callable[[str], bool]) -> None:
    """Forget a customer in alerts, their history, their answers and what waits to be sent of them.

    An alert about them alone goes whole. From one that concerns others, too, their id goes.

    Args:
        connection: A writing transaction.
        is_theirs: Whether a text is an id of theirs.
    """
    gone = []
    for row in connection.execute(select(tables.alerts)).mappings().all():
        raised = json.loads(row["raised"])
        customers = raised["who"]["customers"]
        named = any(is_theirs(part) for part in _parts(row["cause"]))
        if named or (raised["who"]["count"] <= 1 and any(is_theirs(c) for c in customers)):
            gone.append(row["id"])
        elif any(is_theirs(c) for c in customers):
            change(connection, row["id"], raised=_text(_without(raised, is_theirs)))
            _silence(connection, row["id"])
    for alert in gone:
        _drop(connection, alert)
    for message in connection.execute(select(tables.outbox)).mappings().all():
        body, own = json.loads(message["body"]), tables.outbox.c.id == message["id"]
        left = _without(body, is_theirs)
        if left != body and body.get("data", {}).get("who", {}).get("count", 0) <= 1:
            connection.execute(delete(tables.outbox).where(own))  # it told of them alone, and by name
        elif left != body:
            connection.execute(update(tables.outbox).where(own).values(body=_text(left)))


def _silence(connection: Connection, alert: int) -> None:
    """Take the words out of an alert's history: when it began it may have been about them alone, and named them."""
    entries = tables.alert_events
    told = update(entries).where(entries.c.alert == alert, entries.c.what.in_(NAMING))
    connection.execute(told.values(words=SILENCED))


def _drop(connection: Connection, alert: int) -> None:
    connection.execute(delete(tables.outbox).where(tables.outbox.c.topic == topic(alert)))
    connection.execute(delete(tables.alert_answers).where(tables.alert_answers.c.alert == alert))
    connection.execute(delete(tables.alert_events).where(tables.alert_events.c.alert == alert))
    connection.execute(delete(tables.alerts).where(tables.alerts.c.id == alert))


def topic(alert: int) -> str:
    """What messages about an alert are kept under; those of one topic are sent in order."""
    return f"alert:{alert}"


def _parts(cause: str) -> Iterable[str]:
    """A cause's words: ids may stand between its colons, or behind an equals sign."""
    for part in (cause, *cause.replace(",", ":").split(":")):
        yield part
        yield part.partition("=")[2]


def _without(value: Any, is_theirs: Callable[[str], bool]) -> Any:
    if isinstance(value, dict):
        return {k: _without(v, is_theirs) for k, v in value.items()}
    if isinstance(value, list):
        return [_without(v, is_theirs) for v in value if not (isinstance(v, str) and is_theirs(v))]
    return "" if isinstance(value, str) and value and is_theirs(value) else value


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
