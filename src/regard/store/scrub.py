"""Erasing rows from the inbox: the one permitted rewrite of the truth.

A segment that names an erased customer is written anew with those rows emptied, ids and all; positions of the other
rows stay what they were. What remains is a tombstone, a keyed hash, by which later copies of the rows are refused.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
import secrets
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import delete, insert, select, update

from regard.store import disk, heldback, log, tables
from regard.store.arrivals import ERASED, ID_COLUMNS, erased_rows, make_again, write_segment
from regard.store.state import now_text, read_meta, write_meta

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from regard.store.inbox import Inbox
    from regard.store.log import Segment

PLAIN = {".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".toml", ".log"}
"""Files beside the log in which lines can be taken out; any other that names the customer goes whole."""


SPACES = ("person", "account", "anonymous")
SHORT = 20
"""Characters of a hash kept beside a bad row: 80 bits."""


def tombstone_key(connection: Connection) -> str:
    """The key of this workspace's tombstones; made on first use."""
    key = read_meta(connection, "tombstone_key")
    if not key:
        key = secrets.token_hex(32)
        write_meta(connection, "tombstone_key", key)
    return key


def tombstone(key: str, space: str, id_: str) -> str:
    """The tombstone of one id: sha256 of key, space and id."""
    return hashlib.sha256(f"{key}{space}:{id_}".encode()).hexdigest()


def bury(connection: Connection, ids: Sequence[tuple[str, str]]) -> list[str]:
    """Keep tombstones of ids, not yet done; returns their hashes.

    Args:
        connection: A writing transaction.
        ids: Space (person, account or anonymous) and id.
    """
    key = tombstone_key(connection)
    hashes = [tombstone(key, space, id_) for space, id_ in ids]
    keep(connection, hashes)
    return hashes


def keep(connection: Connection, hashes: Sequence[str]) -> None:
    """Enter tombstones that are not there yet."""
    known = set(connection.execute(select(tables.tombstones.c.hash)).scalars())
    rows = [{"hash": h, "erased": now_text(), "done": False} for h in dict.fromkeys(hashes) if h not in known]
    if rows:
        connection.execute(insert(tables.tombstones), rows)
    again = update(tables.tombstones).where(tables.tombstones.c.hash.in_(list(hashes)))
    connection.execute(again.values(done=False))


def segments(inbox: Inbox) -> Iterator[tuple[int, int]]:
    """Empty every row of the inbox that a tombstone not yet done names; yields segments done and to do.

    Call it while appending. Interrupted, it can simply be run again.
    """
    with inbox.state.reading() as connection:
        found = log.segments(connection)
        hashes = list(connection.execute(select(tables.tombstones.c.hash).where(~tables.tombstones.c.done)).scalars())
        key = read_meta(connection, "tombstone_key")
    if not hashes:
        return
    with duckdb.connect() as engine:
        for number, segment in enumerate(found):
            table = inbox.read(segment)
            hit = erased_rows(engine, table, key, hashes)
            if hit.any():
                _rewrite(inbox, segment, table, hit)
            yield number + 1, len(found)


def done(inbox: Inbox) -> None:
    """Mark every tombstone done."""
    with inbox.state.writing() as connection:
        connection.execute(update(tables.tombstones).values(done=True))


def _rewrite(inbox: Inbox, segment: Segment, table: pa.Table, hit: NDArray[np.bool_]) -> None:
    about = {
        "batch": segment.batch,
        "kind": segment.kind,
        "source": segment.source,
        "first_position": segment.first_position,
        "received_at": segment.received_at,
        "merged": segment.merged,
    }
    name = f"{segment.file.rsplit('-', 1)[0]}-{secrets.token_hex(4)}.parquet"
    written = write_segment(inbox.directory / name, emptied(table, hit), about)
    with inbox.state.writing() as connection:
        values = {"size": written.size, "mtime_ns": written.mtime_ns, "checksum": written.checksum, "file": name}
        connection.execute(update(tables.segments).where(tables.segments.c.id == segment.id).values(**values))
        make_again(connection, segment.kind)
        inbox.forget_ids(connection)  # ids of emptied rows go too
    (inbox.directory / segment.file).unlink(missing_ok=True)


def emptied(table: pa.Table, hit: NDArray[np.bool_]) -> pa.Table:
    """Rows with every value taken out where hit, marked as erased; the others as they were."""
    gone = pa.array(hit)
    columns: dict[str, Any] = {}
    for name in table.column_names:
        if name == ERASED:
            gone = pc.or_(gone, table[name].combine_chunks())
            continue
        if name == log.POSITION:
            columns[name] = table[name]
            continue
        nothing = pa.scalar(0, table[name].type) if name in ID_COLUMNS else pa.scalar(None, table[name].type)
        columns[name] = pc.if_else(pa.array(hit), nothing, table[name])
    return pa.table({**columns, ERASED: gone})


def items(inbox: Inbox, ids: Sequence[str]) -> None:
    """Remove held-back items that name an erased customer; those still open count as refused from then on.

    Args:
        inbox: Whose; call it while appending.
        ids: Ids of who is being erased, as text, as far as they are known; others are told by their tombstones.
    """
    heldback.take_over(inbox.state, inbox.rejects)
    with inbox.state.reading() as connection:
        hashes = set(connection.execute(select(tables.tombstones.c.hash).where(~tables.tombstones.c.done)).scalars())
        key = read_meta(connection, "tombstone_key")
        found = [item.id for item in _naming(connection, key, hashes, ids)]
    if not found:
        return
    with inbox.state.writing() as connection:
        heldback.discard(connection, found, by="erase")
        for start in range(0, len(found), heldback.AT_ONCE):
            gone = tables.held.c.id.in_(found[start : start + heldback.AT_ONCE])
            connection.execute(delete(tables.held).where(gone))


def items_of(inbox: Inbox, ids: Sequence[tuple[str, str]]) -> list[heldback.Item]:
    """Held-back items that name a customer, given every id that is theirs: space and id."""
    key = "items"
    hashes = {tombstone(key, space, id_) for space, id_ in ids}
    with inbox.state.reading() as connection:
        return list(_naming(connection, key, hashes, [id_ for _, id_ in ids]))


def theirs(connection: Connection, ids: Sequence[str]) -> Callable[[str], bool]:
    """Whether a text is an id of somebody being erased: by the ids that are known, else by tombstones not yet done."""
    hashes = set(connection.execute(select(tables.tombstones.c.hash).where(~tables.tombstones.c.done)).scalars())
    key = read_meta(connection, "tombstone_key")
    return lambda text: _is_one_of(text, key=key, hashes=hashes, ids=ids)


def _is_one_of(text: str, *, key: str, hashes: set[str], ids: Sequence[str]) -> bool:
    space, _, rest = text.partition(":")
    named = [(space, rest)] if space in SPACES and rest else []
    named += [(space, text) for space in SPACES]
    return any(id_ in ids or tombstone(key, space, id_) in hashes for space, id_ in named)


def _naming(connection: Connection, key: str, hashes: set[str], ids: Sequence[str]) -> Iterator[heldback.Item]:
    words, after = _words(ids), 0
    while hashes and (page := heldback.listed(connection, state="", after=after, limit=1000)):
        for item in page:
            texts = (item.item, item.changed or "")
            if any(words and words.search(text.encode()) for text in texts) or any(
                tombstone(key, space, value) in hashes
                for value in {v for text in texts for v in _values(text)}
                for space in SPACES
            ):
                yield item
        after = page[-1].id


def _values(text: str) -> Iterator[str]:
    """Every text and number in a JSON text, as text; of what is no JSON, its words."""
    try:
        rest: list[Any] = [json.loads(text)] if text else []
    except ValueError:
        yield from re.findall(r"[\w@.+-]+", text)
        return
    while rest:
        value = rest.pop()
        if isinstance(value, dict):
            rest += [*value, *value.values()]
        elif isinstance(value, list):
            rest += value
        elif isinstance(value, str | int | float):
            yield str(value)
            if value != text and str(value).startswith(("{", "[")):
                yield from _values(str(value))


def files(directories: Sequence[Path], ids: Sequence[str]) -> None:
    """Take an erased customer out of files kept beside the log, such as uploads.

    Lines that name an id go; a file whose lines cannot be told apart goes whole.

    Args:
        directories: Searched with everything below them.
        ids: Ids as text; matched as whole words.
    """
    pattern = _words(ids)
    if pattern is None:
        return
    for directory in directories:
        for path in sorted(directory.rglob("*")):
            if path.is_file() and path.suffix != ".parquet":
                _scrub(path, pattern)
            elif path.is_file() and _mentions(path, pattern):
                path.unlink()


def beside(path: Path) -> Path:
    """The file that says whose the rows in a file of bad rows are: a mark of each row, and hashes of ids."""
    return path.with_suffix(".ids")


def whose(key: str, cells: Sequence[str], ids: Sequence[tuple[str, str]]) -> str:
    """A line of that file; an id of no known space is hashed under each."""
    every = ((s, id_) for space, id_ in ids for s in ((space,) if space else SPACES))
    return " ".join([_mark(key, cells), *(tombstone(key, space, id_)[:SHORT] for space, id_ in every)])


def _mark(key: str, cells: Sequence[str]) -> str:
    """What a row is known by: the two files need not be of one moment, so that an interruption mixes nothing up."""
    return hashlib.sha256("\x1f".join([key, *cells]).encode("utf-8", "replace")).hexdigest()[:SHORT]


def bad_rows(inbox: Inbox, ids: Sequence[str]) -> None:
    """Take an erased customer out of the files of bad rows: lines that name an id, and lines of rows that were theirs.

    Args:
        inbox: Whose; call it while appending.
        ids: Ids of who is being erased, as text, as far as they are known; others are told by their tombstones.
    """
    with inbox.state.reading() as connection:
        stones = connection.execute(select(tables.tombstones.c.hash).where(~tables.tombstones.c.done)).scalars()
        hashes, key = {stone[:SHORT] for stone in stones}, read_meta(connection, "tombstone_key")
    for path in sorted(inbox.rejects.iterdir()):
        if path.suffix == ".csv":
            _scrub_rows(path, key, _words(ids), hashes)
        elif path.suffix not in {".ids", ".parquet"}:
            path.unlink()  # set aside: nobody can say whom it names


def in_bad_rows(inbox: Inbox, ids: Sequence[tuple[str, str]]) -> bool:
    """Whether any of the ids is one of the rows in the files of bad rows."""
    with inbox.state.reading() as connection:
        key = read_meta(connection, "tombstone_key")
    hashes = {tombstone(key, space, id_)[:SHORT] for space, id_ in ids}
    files = inbox.rejects.glob("*.csv")
    return any(hashes & set(line.split()[1:]) for path in files for line in _lines(beside(path)))


def _scrub_rows(path: Path, key: str, words: re.Pattern[bytes] | None, hashes: set[str]) -> None:
    """Records, not lines, go: a value may hold line breaks."""
    theirs = {line.split(" ", 1)[0]: line for line in _lines(beside(path))}
    csv.field_size_limit(1 << 28)
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        records = list(csv.reader(file))
    kept = []
    for number, record in enumerate(records):
        known = set(theirs.get(_mark(key, record), "").split()[1:])
        named = words is not None and any(words.search(cell.encode()) for cell in record)
        if number == 0 or not (named or known & hashes):
            kept.append(record)
    if len(kept) < len(records):
        disk.publish(path, lambda target: _write_rows(target, kept))
    marks = {_mark(key, record) for record in kept}
    left = [line for mark, line in theirs.items() if mark in marks]
    if len(left) < len(theirs):
        disk.publish(beside(path), lambda target: _write_lines(target, left))


def _lines(path: Path) -> list[str]:
    return path.read_text("ascii", "replace").splitlines() if path.exists() else []


def _write_rows(target: Path, records: Sequence[Sequence[str]]) -> None:
    with target.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows(records)


def _write_lines(target: Path, lines: Sequence[str]) -> None:
    target.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")


def _words(ids: Sequence[str]) -> re.Pattern[bytes] | None:
    """Finds any of the ids as a whole word; None without ids."""
    words = [re.escape(i.encode()) for i in ids if i]
    return re.compile(rb"(?<![\w-])(?:" + b"|".join(words) + rb")(?![\w-])") if words else None


def _mentions(path: Path, pattern: re.Pattern[bytes]) -> bool:
    try:
        text = pa.concat_tables([pq.read_table(path, partitioning=None)])
    except (pa.ArrowException, OSError):
        return True
    return any(
        any(pattern.search(str(value).encode()) for value in column.unique().to_pylist()) for column in text.columns
    )


def _scrub(path: Path, pattern: re.Pattern[bytes]) -> None:
    suffixes = set(path.suffixes[-2:])
    packed = path.suffix == ".gz"
    if not suffixes & PLAIN:
        path.unlink()  # a workbook or an unknown form: nobody can say it does not name the customer
        return
    opened = gzip.open if packed else open

    def write(target: Path) -> None:
        with opened(path, "rb") as lines, opened(target, "wb") as kept:
            kept.writelines(line for line in lines if not pattern.search(line))

    disk.publish(path, write)
