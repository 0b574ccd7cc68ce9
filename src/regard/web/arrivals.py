"""What a worker does for the sources that send: who they are, their keys, and what came of them last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from regard.errors import UnknownName
from regard.signals import writers
from regard.sources import refusals
from regard.sources.remedies import remedy
from regard.store import latest
from regard.store.log import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from regard.store.latest import Told
    from regard.web.desk import Desk

BY = "page"


def operations(desk: Desk) -> dict[str, Callable[..., Any]]:
    """The operations by name."""
    own = Arrivals(desk)
    return {
        "senders": own.senders,
        "sender": own.sender,
        "turned_away": own.turned_away,
        "sender_add": own.add,
        "key_add": own.add_key,
        "key_move": own.move_key,
    }


class Arrivals:
    """Operations on sources that send, and their keys.

    Args:
        desk: Whose workspace it is.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def senders(self) -> list[dict[str, Any]]:
        """Every source that was added, with its counts, when it last sent and how many keys open it."""
        company = self._desk.workspace
        added = company.sources()
        outcomes = {row["source"]: row for row in company.ledger()}
        last = latest.told(company.inbox, [str(row["name"]) for row in added], most=0)
        return [_sender(row, outcomes.get(row["name"], {}), last[row["name"]]) for row in added]

    def sender(self, source: str) -> dict[str, Any]:
        """One source: its counts, its keys and its last items with what to change where one was not stored."""
        company = self._desk.workspace
        added = {str(row["name"]): row for row in company.sources()}
        if source not in added:
            raise UnknownName("source", source, list(added))
        outcomes = {row["source"]: row for row in company.ledger(source)}
        last = latest.told(company.inbox, [source])[source]
        told = _sender(added[source], outcomes.get(source, {}), last)
        items = [{**msgspec.structs.asdict(i), "change": remedy(i.outcome, i.code)} for i in last.items]
        return {**told, "items": items}

    def turned_away(self, zone: str, source: str = "") -> dict[str, Any]:
        """What was turned away in the last days; of a source alone what it may do something about."""
        found = refusals.told(self._desk.workspace.root, zone=zone)
        if source:
            found["rows"] = [row for row in found["rows"] if row["source"] == source or row["code"] in refusals.KEYS]
        return found

    def add(self, name: str, what: str = "") -> writers.Made:
        """Add a source; tells its key, this once."""
        return writers.add_source(self._desk.workspace, name=name, what=what, by=BY)

    def add_key(self, source: str) -> writers.Made:
        """Give a source another key; tells it, this once."""
        return writers.add_key(self._desk.workspace, source=source, by=BY)

    def move_key(self, key: int, *, restore: bool = False) -> writers.Key:
        """Take a key back, or let it in again."""
        move = writers.restore_key if restore else writers.revoke_key
        return move(self._desk.workspace, key=key, by=BY)


def _sender(row: dict[str, Any], outcomes: dict[str, Any], last: Told) -> dict[str, Any]:
    counts = {name: outcomes.get(name, 0) for name in OUTCOMES}
    keys = [{**msgspec.structs.asdict(k), "open": k.open} for k in row["keys"]]
    about = {"source": row["name"], "what": row["what"], "created": row["created"], "keys": keys}
    return {**about, **counts, "last_at": last.last_at, "minute": last.minute, "open": row["open"]}
