"""Who may write here: sources and their write keys.

A key is shown once and kept as a hash. A source may have several, so that a new one works before the old one is taken
back and nothing is lost in between. Taking a key back keeps its hash: whoever did it by mistake can let it in again.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import insert, select, update

from regard.acts import act
from regard.errors import BadInput, UnknownName
from regard.store import tables
from regard.store.state import inserted, now_text, write_down

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from regard.signals.workspace import Workspace

WHAT = ("website", "app", "server", "service", "survey tool")
"""What a source can be; it decides which lines to copy are shown first."""

LONGEST = 80
ENDING = 4
"""Characters of a key that are kept readable, so that one can be told from another."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A write key as known afterwards; ``revoked`` is empty while it opens something."""

    id: int
    source: str
    ending: str
    created: str
    revoked: str

    @property
    def open(self) -> bool:
        """Whether it opens something."""
        return not self.revoked


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A write key just made: the only time it is seen whole."""

    source: str
    id: int
    write_key: str


# ---------------------------------------------------------------------- the acts


@act(undone_by="revoke_key, of the key it gave; the source's name stays beside what it brought")
def add_source(workspace: Workspace, *, name: str, what: str = "", by: str = "") -> Made:
    """Add a source that may write here, with its first write key.

    Args:
        workspace: Where.
        name: What it is called; one whose keys were all taken back is given a new one.
        what: website, app, server, service or survey tool; empty where it is none of them.
        by: Who.

    Raises:
        BadInput: The name is empty, too long or taken, or ``what`` is none of those.
    """
    name = _checked(name)
    if what and what not in WHAT:
        raise BadInput(f"{what!r} is no kind of source.", where="what", hint=f"One of: {', '.join(WHAT)}.")
    with workspace.state.writing() as connection:
        if _open_keys(connection, name):
            hint = f"Take another name, or give it a second key: regard sources key {name}"
            raise BadInput(f"There is a source named {name!r} already.", where="name", hint=hint)
        if name in _names(connection):
            known = update(tables.sources).where(tables.sources.c.name == name)
            connection.execute(known.values(what=what)) if what else None
        else:
            connection.execute(insert(tables.sources).values(name=name, created=now_text(), what=what))
        return _make(connection, name, act="add_source", by=by)


@act(undone_by="revoke_key")
def add_key(workspace: Workspace, *, source: str, by: str = "") -> Made:
    """Give a source another write key beside those it has, which go on working.

    Args:
        workspace: Where.
        source: Its name.
        by: Who.

    Raises:
        UnknownName: There is no such source.
    """
    with workspace.state.writing() as connection:
        _known(connection, source)
        return _make(connection, source, act="add_key", by=by)


@act(undone_by="restore_key")
def revoke_key(workspace: Workspace, *, key: int, by: str = "") -> Key:
    """Let a write key open nothing any more, from a second on; what it brought stays.

    Args:
        workspace: Where.
        key: Its number.
        by: Who.

    Raises:
        UnknownName: There is no such key.
        BadInput: It was taken back before.
    """
    return _move(workspace, key, open_=False, act="revoke_key", by=by)


@act(undone_by="revoke_key")
def restore_key(workspace: Workspace, *, key: int, by: str = "") -> Key:
    """Let a write key that was taken back open its source again.

    Args:
        workspace: Where.
        key: Its number.
        by: Who.

    Raises:
        UnknownName: There is no such key.
        BadInput: It opens its source already.
    """
    return _move(workspace, key, open_=True, act="restore_key", by=by)


def _checked(name: str) -> str:
    name = name.strip()
    if not name:
        raise BadInput("A source needs a name.", where="name", hint="Such as: shop, zendesk.")
    if len(name) > LONGEST or not name.isprintable():
        raise BadInput(f"A name is up to {LONGEST} characters on one line.", where="name", hint="Such as: shop.")
    return name


def _make(connection: Connection, source: str, *, act: str, by: str) -> Made:
    key = "rk_" + secrets.token_urlsafe(24)
    row = {"source": source, "hash": hash_of(key), "ending": key[-ENDING:], "created": now_text(), "revoked": ""}
    made = Made(source=source, id=inserted(connection, tables.write_keys, row), write_key=key)
    write_down(connection, act, json.dumps({"source": source, "key": made.id}, ensure_ascii=False), by=by)
    return made


def _move(workspace: Workspace, key: int, *, open_: bool, act: str, by: str) -> Key:
    table = tables.write_keys
    with workspace.state.writing() as connection:
        row = connection.execute(select(table).where(table.c.id == key)).mappings().first()
        if row is None:
            known = connection.execute(select(table.c.id)).scalars()
            raise UnknownName("write key", str(key), [str(k) for k in known])
        if bool(row["revoked"]) != open_:
            told = "opens its source already" if open_ else "was taken back before"
            raise BadInput(f"Key {key} {told}.", where=f"key {key}", hint="See them all: regard sources")
        revoked = "" if open_ else now_text()
        connection.execute(update(table).where(table.c.id == key).values(revoked=revoked))
        write_down(connection, act, json.dumps({"source": row["source"], "key": key}, ensure_ascii=False), by=by)
    return _key({**row, "revoked": revoked})


# ---------------------------------------------------------------------- looking


def hash_of(key: str) -> str:
    """How a key is kept."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def keys(connection: Connection, source: str = "") -> list[Key]:
    """Every key, or those of a source, as they were made.

    Raises:
        UnknownName: There is no such source.
    """
    table = tables.write_keys
    statement = select(table).order_by(table.c.id)
    if source:
        _known(connection, source)
        statement = statement.where(table.c.source == source)
    return [_key(dict(row)) for row in connection.execute(statement).mappings()]


def opening(connection: Connection) -> dict[str, str]:
    """The source of each key that opens something, by the key's hash."""
    table = tables.write_keys.c
    found = connection.execute(select(table.hash, table.source).where(table.revoked == ""))
    return {str(hashed): str(source) for hashed, source in found}


def listed(connection: Connection) -> list[dict[str, object]]:
    """Sources that were added, by name: name, created, what, whether any key opens it, and its keys."""
    table = tables.sources
    of: dict[str, list[Key]] = {}
    for key in keys(connection):
        of.setdefault(key.source, []).append(key)
    rows = connection.execute(select(table).order_by(table.c.name)).mappings()
    return [
        {**row, "open": any(k.open for k in of.get(row["name"], ())), "keys": of.get(row["name"], [])} for row in rows
    ]


def _key(row: dict[str, object]) -> Key:
    return msgspec.convert({name: row[name] for name in Key.__struct_fields__}, Key)


def _names(connection: Connection) -> list[str]:
    return [str(n) for n in connection.execute(select(tables.sources.c.name)).scalars()]


def _known(connection: Connection, source: str) -> None:
    names = _names(connection)
    if source not in names:
        raise UnknownName("source", source, names)


def _open_keys(connection: Connection, source: str) -> bool:
    table = tables.write_keys.c
    found = select(table.id).where(table.source == source, table.revoked == "")
    return connection.execute(found.limit(1)).first() is not None
