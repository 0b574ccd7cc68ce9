"""Sending: what waits in the outbox is tried, one sender at a time, and what came of each try is kept.

A try happens outside any transaction. Whoever is killed between a try and keeping its outcome tries again with the
same id: a receiver may see a message twice, and knows it by its id. One receiver that cannot be reached is not knocked
at for every message that waits for it; when it is back, what waits is sent a few
at a time.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from regard.delivery import mail, outbox, receivers, webhooks, words
from regard.delivery.webhooks import Reply
from regard.errors import BadInput
from regard.store import disk

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from regard.delivery.outbox import Message
    from regard.delivery.receivers import Receiver
    from regard.settings import Settings
    from regard.signals.workspace import Workspace

    Send = Callable[[Receiver, Sequence[Message]], Reply]

LOCK = "outbox.lock"
AT_ONCE = 20
"""Messages to one receiver in one pass."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What a pass did: messages taken, not taken, and given up."""

    taken: int = 0
    failed: int = 0
    dead: int = 0


def send_due(
    workspace: Workspace,
    *,
    send: Send | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    jitter: Callable[[], float] = lambda: random.uniform(-1, 1),  # noqa: S311 - it spreads tries, nothing secret
    wait: float = 0.0,
) -> Sent:
    """Try what is due once.

    Args:
        workspace: Whose outbox.
        send: How one is sent; empty: as its receiver is.
        now: The clock.
        jitter: Between −1 and 1, for the waits.
        wait: Seconds to wait for another sender.

    Raises:
        Busy: Somebody else is sending.
    """
    send = send or sender(workspace.settings, now=now)
    counted: Counter[str] = Counter()
    with disk.locked(workspace.root / LOCK, what="sending", wait=wait):
        with workspace.state.reading() as connection:
            known = {r.name: r for r in receivers.listed(connection)}
            found = outbox.due(connection, now=now())
        for name in dict.fromkeys(m.receiver for m in found):
            mine = [m for m in found if m.receiver == name][:AT_ONCE]
            together = [mine] if known[name].digest else [[m] for m in mine]
            for messages in together:
                began = time.monotonic()
                reply = send(known[name], messages)
                seconds = round(time.monotonic() - began, 3)
                with workspace.state.writing() as connection:
                    for message in messages:
                        counted[_kept(connection, message, reply, now=now(), seconds=seconds, jitter=jitter())] += 1
                    if reply.taken:
                        outbox.hasten(connection, name, now=now())
                    if reply.gone and known[name].kind == "webhook":
                        receivers.turn(connection, name, to="off", why=f"it {reply.words}")
                if not reply.reached or reply.gone or reply.wait:
                    break
    return Sent(**counted)


def _kept(
    connection: Connection, message: Message, reply: Reply, *, now: datetime, seconds: float, jitter: float
) -> str:
    """Keep what came of a try; says which."""
    if reply.taken:
        outbox.arrived(connection, message, now=now, outcome=reply.words, seconds=seconds)
        return "taken"
    outbox.failed(
        connection, message, now=now, outcome=reply.words, seconds=seconds, wait=reply.wait, jitter=jitter,
        last=reply.gone,
    )  # fmt: skip
    return "dead" if outbox.one(connection, message.id).state == outbox.DEAD else "failed"


def sender(given: Settings, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Send:
    """How messages are sent with these settings: webhooks by the receiver's secret, mail by the mail server."""

    def send(receiver: Receiver, messages: Sequence[Message]) -> Reply:
        try:
            if receiver.kind == "mail":
                at = mail.server(given)
                made = mail.letter(messages, sender=at.sender, to=receiver.address, now=now(), page=given.page_address)
                return mail.send(made, at)
            message = messages[0]
            return webhooks.send(
                receiver.address, secret=words.read(receiver.secret), id_=message.id, body=message.body.encode(),
                private=receiver.private,
            )  # fmt: skip
        except BadInput as error:
            where = f" ({error.where})" if error.where else ""
            return Reply(taken=False, words=f"{error.message}{where}", reached=False)

    return send


def knock(workspace: Workspace, receiver: Receiver, *, send: Send | None = None) -> Reply:
    """Try a receiver out with a message that says so; nothing is kept, and it is tried once."""
    now = datetime.now(UTC)
    text = "This is a trial: nothing is off course. Whoever reads it is told of alerts."
    body = {
        "type": "alert.trial",
        "timestamp": outbox.text(now),
        "data": {"alert": 0, "title": "A trial from Regard", "words": text, "next_step": "Nothing."},
    }
    message = outbox.trial(receiver.name, body, now=now)
    return (send or sender(workspace.settings))(receiver, [message])
