"""Who is told: the receivers a person named, and the acts that name, stop and try them.

A receiver is a web address or a mail address. Its secret is named, not kept (`delivery.words`).
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from sqlalchemy import insert, select, update

from regard.acts import act
from regard.delivery import addresses, outbox, words
from regard.errors import BadInput, UnknownName
from regard.store import tables
from regard.store.state import now_text, write_down

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from regard.delivery.outbox import Message
    from regard.signals.workspace import Workspace

Kind = Literal["webhook", "mail"]
DIGESTS = ("", "daily")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_MAIL = re.compile(r"[^@\s,;<>\"\\\x00-\x20\x7f]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is told, and how."""

    name: str
    kind: Kind
    address: str
    secret: str
    private: bool
    digest: str
    state: str
    why: str
    created: str

    @property
    def on(self) -> bool:
        """Whether messages are sent."""
        return self.state == "on"


# ---------------------------------------------------------------------- the acts


@act(undone_by="stop_receiver; its name stays beside what was sent")
def add_receiver(
    workspace: Workspace,
    *,
    name: str,
    address: str,
    secret: str = "",
    private: bool = False,
    digest: str = "",
    by: str = "",
) -> Receiver:
    """Name somebody who is told of alerts: a web address (signed webhook) or a mail address.

    Args:
        workspace: Where.
        name: What it is called: on-call. A name known before takes the new address.
        address: Such as https://example.com/hooks/regard, or ops@example.com.
        secret: Of a webhook: where it is read from, env:NAME or file:PATH.
        private: Whether a webhook is in one's own network, where http and private addresses are allowed.
        digest: daily: one mail a day, at eight in the company's zone; empty: as it happens.
        by: Who.

    Raises:
        BadInput: It cannot be used as given; says what.
    """
    row = _checked(name=name, address=address.strip(), secret=secret.strip(), private=private, digest=digest)
    table = tables.receivers
    with workspace.state.writing() as connection:
        known = connection.execute(select(table.c.kind).where(table.c.name == name)).scalar()
        if known is None:
            connection.execute(insert(table).values(**row, created=now_text()))
        else:
            connection.execute(update(table).where(table.c.name == name).values(**row))
        told = {k: row[k] for k in ("name", "kind", "address", "private", "digest")}
        write_down(connection, "add_receiver", json.dumps(told, ensure_ascii=False), by=by)
        return one(connection, name)


@act(undone_by="resume_receiver")
def stop_receiver(workspace: Workspace, *, name: str, by: str = "") -> Receiver:
    """Send a receiver nothing more; what waits for it stays, and new alerts are not told to it.

    Args:
        workspace: Where.
        name: Its name.
        by: Who.

    Raises:
        UnknownName: There is no such receiver.
        BadInput: It is stopped already.
    """
    return _turn(workspace, name, to="off", act="stop_receiver", by=by)


@act(undone_by="stop_receiver")
def resume_receiver(workspace: Workspace, *, name: str, by: str = "") -> Receiver:
    """Send to a receiver again that was stopped, or that said it is gone; first what waited for it.

    Args:
        workspace: Where.
        name: Its name.
        by: Who.

    Raises:
        UnknownName: There is no such receiver.
        BadInput: It is sent to already.
    """
    return _turn(workspace, name, to="on", act="resume_receiver", by=by)


@act(undone_by="cannot be undone: what is sent is sent. Whoever receives it knows a repeat by its id")
def send_again(workspace: Workspace, *, message: str, by: str = "") -> Message:
    """Send a message once more under its own id: one that is dead, or that the receiver lost.

    Args:
        workspace: Where.
        message: Its id.
        by: Who.

    Raises:
        UnknownName: There is no such message.
        BadInput: It waits to be sent already.
    """
    with workspace.state.writing() as connection:
        found = outbox.one(connection, message)
        if found.state == outbox.WAITING:
            raise BadInput(
                "It waits to be sent already.", where=message, hint=f"It is tried next {found.due[:16]} UTC."
            )
        write_down(connection, "send_again", json.dumps({"message": message}), by=by)
        return outbox.again(connection, message, now=datetime.now(UTC))


def _checked(*, name: str, address: str, secret: str, private: bool, digest: str) -> dict[str, Any]:
    if not _NAME.fullmatch(name):
        hint = "Letters, digits, dots, dashes, up to 40: on-call"
        raise BadInput(f"{name!r} is no name of a receiver.", where="name", hint=hint)
    is_mail = _MAIL.fullmatch(address) is not None
    if digest not in DIGESTS or (digest and not is_mail):
        raise BadInput("A digest is daily, and of mail.", where="digest", hint="Leave it out, or give a mail address.")
    if is_mail:
        if secret or private:
            hint = "The mail server is a setting: REGARD_SMTP."
            raise BadInput("A mail address has no secret and no network.", where="secret, private", hint=hint)
    else:
        addresses.place(address, private=private)
        if not secret:
            hint = "Make one with `regard alerts secret`, put it in a file and name that: --secret file:PATH"
            raise BadInput("A webhook needs a secret, by which its receiver knows you.", where="secret", hint=hint)
    kind = "mail" if is_mail else "webhook"
    return {
        "name": name, "kind": kind, "address": address, "secret": words.check(secret), "private": private,
        "digest": digest, "state": "on", "why": "",
    }  # fmt: skip


def _turn(workspace: Workspace, name: str, *, to: str, act: str, by: str) -> Receiver:
    with workspace.state.writing() as connection:
        found = one(connection, name)
        if found.state == to:
            told = "is sent to already" if to == "on" else "is stopped already"
            raise BadInput(f"{name} {told}.", where=name, hint="See them all: regard alerts receivers")
        turn(connection, name, to=to, why="stopped by hand" if to == "off" else "")
        write_down(connection, act, json.dumps({"name": name}, ensure_ascii=False), by=by)
        return one(connection, name)


def turn(connection: Connection, name: str, *, to: str, why: str) -> None:
    """Send to a receiver, or no more."""
    connection.execute(update(tables.receivers).where(tables.receivers.c.name == name).values(state=to, why=why))


# ---------------------------------------------------------------------- looking


def one(connection: Connection, name: str) -> Receiver:
    """A receiver by its name.

    Raises:
        UnknownName: There is no such receiver.
    """
    known = {receiver.name: receiver for receiver in listed(connection)}
    if name not in known:
        raise UnknownName("receiver", name, known)
    return known[name]


def listed(connection: Connection) -> list[Receiver]:
    """Every receiver, by name."""
    rows = connection.execute(select(tables.receivers).order_by(tables.receivers.c.name)).mappings()
    return [msgspec.convert({name: row[name] for name in Receiver.__struct_fields__}, Receiver) for row in rows]
