"""What a worker does for the page of alerts: stories, answers, a look now, and who is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from regard.delivery import outbox, receivers
from regard.delivery.receivers import add_receiver, resume_receiver, send_again, stop_receiver
from regard.delivery.sending import knock, send_due
from regard.findings import as_number
from regard.reliability import alerts
from regard.reliability.answering import answer_alert, undo_answer
from regard.reliability.rounds import look
from regard.sheets import csv_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from regard.web.desk import Desk

BY = "page"
MESSAGES = 30


def operations(desk: Desk) -> dict[str, Callable[..., Any]]:
    """The operations by name."""
    own = Watching(desk)
    return {
        "alerts": own.alerts,
        "alert": own.alert,
        "alert_names": own.names,
        "alerts_sheet": own.sheet,
        "alert_answer": own.answer,
        "alert_undo": own.undo,
        "alerts_look": own.look,
        "receivers": own.receivers,
        "receiver_add": own.add,
        "receiver_turn": own.turn,
        "receiver_try": own.knock,
        "message_again": own.again,
    }


class Watching:
    """Operations on alerts and receivers.

    Args:
        desk: Whose workspace it is.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def alerts(self) -> Any:
        """Everything that is off course now, what lately was, and who looks."""
        return alerts.read(self._desk.workspace)

    def alert(self, alert: int) -> Any:
        """One alert."""
        return alerts.one(self._desk.workspace, alert)

    def names(self, ids: list[str]) -> dict[str, str]:
        """What customers are called, as far as they have another name than their id."""
        rows = self._desk.view().connection.execute(
            "SELECT id, name FROM lake_customer WHERE id IN (SELECT unnest($ids)) AND name <> id", {"ids": ids}
        )
        return {str(id_): str(name) for id_, name in rows.fetchall()}

    def sheet(self) -> str:
        """Alerts as CSV, the same as the command line prints."""
        return csv_rows(alerts.COLUMNS, alerts.sheet(alerts.read(self._desk.workspace)))

    def answer(self, **given: Any) -> Any:
        """Answer an alert."""
        return answer_alert(self._desk.workspace, **given, by=BY)

    def undo(self, answer: int) -> Any:
        """Take an answer back."""
        return undo_answer(self._desk.workspace, answer=answer, by=BY)

    def look(self) -> dict[str, Any]:
        """Have every detector look now, and send what is due."""
        workspace = self._desk.workspace
        self._desk.opened.refresh()
        done = look(workspace, view=self._desk.opened.view, wait=30)
        send_due(workspace, wait=30)
        failed = [each.detector for each in done.looks if each.outcome == "failed"]
        return {"opened": done.opened, "ended": done.ended, "grew": done.grew, "failed": failed}

    def receivers(self) -> dict[str, Any]:
        """Who is told, with what became of messages to them, and the newest messages."""
        with self._desk.workspace.state.reading() as connection:
            found, counts = receivers.listed(connection), outbox.counts(connection)
            newest = outbox.listed(connection, limit=MESSAGES)
        return {
            "receivers": [{**_plain(r), "on": r.on, "messages": counts.get(r.name, {})} for r in found],
            "messages": [{**_plain(m), "body": "", "type": m.type, "last": m.last} for m in newest],
        }

    def add(self, **given: Any) -> Any:
        """Have somebody told of alerts."""
        return add_receiver(self._desk.workspace, **given, by=BY)

    def turn(self, name: str, *, on: bool) -> Any:
        """Send to a receiver again, or no more."""
        return (resume_receiver if on else stop_receiver)(self._desk.workspace, name=name, by=BY)

    def knock(self, name: str) -> dict[str, Any]:
        """Send a receiver one trial message."""
        with self._desk.workspace.state.reading() as connection:
            found = receivers.one(connection, name)
        reply = knock(self._desk.workspace, found)
        return {"taken": reply.taken, "words": reply.words}

    def again(self, message: str) -> Any:
        """Send a message once more; it goes with the next pass."""
        return send_again(self._desk.workspace, message=message, by=BY)


def _plain(found: msgspec.Struct) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(found, enc_hook=as_number)
    return plain
