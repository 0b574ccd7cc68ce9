"""The outbox: messages are put there in the transaction of what they tell of, and leave it when they have arrived.

A message keeps its id through every try, so that a receiver can tell a repeat. Those of one topic to one receiver go in
order. What nobody took after the last try is dead: it stays, is shown, and can be sent again.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec
from sqlalchemy import func, insert, select, update

from regard.errors import UnknownName
from regard.store import tables

if TYPE_CHECKING:
    from sqlalchemy import Connection

WAITING, DELIVERED, DEAD = "waiting", "delivered", "dead"

BACKOFF = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
"""Seconds from one try to the next, as Standard Webhooks proposes: five seconds, then 5 and 30 minutes, 2, 5, 10, 14,
20 and 24 hours; a receiver that is down for three days still gets what it missed."""

MOST_TOLD = 12
"""Tries whose outcome is kept with a message."""


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One try to deliver a message."""

    at: str
    outcome: str
    seconds: float = 0.0


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message to one receiver."""

    id: str
    number: int
    receiver: str
    topic: str
    made: str
    body: str
    state: str
    due: str
    tries: int
    told: tuple[Try, ...]
    settled: str

    @property
    def type(self) -> str:
        """What it tells: alert.opened."""
        return str(json.loads(self.body).get("type", ""))

    @property
    def last(self) -> str:
        """How the last try went; empty before the first."""
        return self.told[-1].outcome if self.told else ""


def text(moment: datetime) -> str:
    """A moment as it is kept, so that texts are in the order of moments."""
    return moment.isoformat(timespec="microseconds")


def put(
    connection: Connection,
    *,
    receiver: str,
    topic: str,
    body: dict[str, Any],
    now: datetime,
    due: datetime | None = None,
) -> str:
    """Put a message in the outbox, inside the transaction of what it tells of.

    Args:
        connection: A writing transaction.
        receiver: Whose it is.
        topic: Messages of one topic arrive in order.
        body: What is sent: type, timestamp, data.
        now: When.
        due: When it is first tried; empty: at once.

    Returns:
        Its id.
    """
    number = int(connection.execute(select(func.max(tables.outbox.c.number))).scalar() or 0) + 1
    row = {
        "id": f"msg_{uuid4().hex}",
        "number": number,
        "receiver": receiver,
        "topic": topic,
        "made": text(now),
        "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        "state": WAITING,
        "due": text(due or now),
        "tries": 0,
        "told": "[]",
        "settled": "",
    }
    connection.execute(insert(tables.outbox).values(row))
    return str(row["id"])


def due(connection: Connection, *, now: datetime, limit: int = 200) -> list[Message]:
    """What can be tried now: of each topic and receiver the first that waits, if its time has come; of a digest all."""
    table, earlier = tables.outbox, tables.outbox.alias("earlier")
    before = select(earlier.c.id).where(
        earlier.c.state == WAITING,
        earlier.c.topic == table.c.topic,
        earlier.c.receiver == table.c.receiver,
        earlier.c.number < table.c.number,
    )
    to = tables.receivers.c
    on = select(to.name).where(to.state == "on")
    gathered = select(to.name).where(to.digest != "")
    statement = (
        select(table)
        .where(table.c.state == WAITING, table.c.due <= text(now), table.c.receiver.in_(on))
        .where(~before.exists() | table.c.receiver.in_(gathered))
        .order_by(table.c.number)
        .limit(limit)
    )
    return [_message(dict(row)) for row in connection.execute(statement).mappings()]


def listed(connection: Connection, *, receiver: str = "", state: str = "", limit: int = 50) -> list[Message]:
    """Messages, newest first."""
    table = tables.outbox
    statement = select(table).order_by(table.c.number.desc()).limit(limit)
    if receiver:
        statement = statement.where(table.c.receiver == receiver)
    if state:
        statement = statement.where(table.c.state == state)
    return [_message(dict(row)) for row in connection.execute(statement).mappings()]


def counts(connection: Connection) -> dict[str, dict[str, int]]:
    """Messages by receiver and state."""
    table = tables.outbox
    found: dict[str, dict[str, int]] = {}
    rows = connection.execute(
        select(table.c.receiver, table.c.state, func.count()).group_by(table.c.receiver, table.c.state)
    )
    for receiver, state, n in rows:
        found.setdefault(str(receiver), {})[str(state)] = int(n)
    return found


def one(connection: Connection, message: str) -> Message:
    """A message by its id.

    Raises:
        UnknownName: There is none.
    """
    table = tables.outbox
    row = connection.execute(select(table).where(table.c.id == message)).mappings().first()
    if row is None:
        known = connection.execute(select(table.c.id).order_by(table.c.number.desc()).limit(200)).scalars()
        raise UnknownName("message", message, [str(k) for k in known])
    return _message(dict(row))


def arrived(connection: Connection, message: Message, *, now: datetime, outcome: str, seconds: float = 0.0) -> None:
    """Keep that a message was taken."""
    _settle(
        connection, message, Try(at=text(now), outcome=outcome, seconds=seconds), state=DELIVERED, settled=text(now)
    )


def failed(
    connection: Connection,
    message: Message,
    *,
    now: datetime,
    outcome: str,
    seconds: float = 0.0,
    wait: float = 0.0,
    jitter: float = 0.0,
    last: bool = False,
) -> None:
    """Keep that a message was not taken, and when it is tried again; after the last time it is dead.

    Args:
        connection: A writing transaction.
        message: Which.
        now: When.
        outcome: Why, in words.
        seconds: How long it took.
        wait: Seconds the receiver asked to be left alone.
        jitter: Between −1 and 1: a tenth of the wait, more or less, so that not all come at once.
        last: Whether trying again cannot help.
    """
    told = Try(at=text(now), outcome=outcome, seconds=seconds)
    if last or message.tries >= len(BACKOFF):
        _settle(connection, message, told, state=DEAD, settled=text(now))
        return
    seconds_on = max(BACKOFF[message.tries] * (1 + jitter / 10), min(wait, BACKOFF[-1]))
    _settle(connection, message, told, state=WAITING, due=text(now + timedelta(seconds=seconds_on)))


def _settle(connection: Connection, message: Message, told: Try, **values: Any) -> None:
    tries = msgspec.json.encode((*message.told, told)[-MOST_TOLD:]).decode()
    changed = {"tries": message.tries + 1, "told": tries, **values}
    connection.execute(update(tables.outbox).where(tables.outbox.c.id == message.id).values(**changed))


def hasten(connection: Connection, receiver: str, *, now: datetime) -> None:
    """Have what waits for a receiver because it failed before tried at once: it has just taken something."""
    table = tables.outbox
    waits = (table.c.receiver == receiver, table.c.state == WAITING, table.c.tries > 0, table.c.due > text(now))
    connection.execute(update(table).where(*waits).values(due=text(now)))


def again(connection: Connection, message: str, *, now: datetime) -> Message:
    """Have a message sent once more under its own id, its tries beginning anew.

    Raises:
        UnknownName: There is none.
    """
    found = one(connection, message)
    values = {"state": WAITING, "due": text(now), "tries": 0, "settled": ""}
    connection.execute(update(tables.outbox).where(tables.outbox.c.id == found.id).values(**values))
    return one(connection, message)


def trial(receiver: str, body: dict[str, Any], *, now: datetime) -> Message:
    """A message that is tried once and kept nowhere."""
    row = {
        "id": f"msg_{uuid4().hex}", "number": 0, "receiver": receiver, "topic": "trial", "made": text(now),
        "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")), "state": WAITING, "due": text(now),
        "tries": 0, "told": "[]", "settled": "",
    }  # fmt: skip
    return _message(row)


def _message(row: dict[str, Any]) -> Message:
    return msgspec.convert(
        {**{str(name): value for name, value in row.items()}, "told": json.loads(row["told"])}, Message
    )
