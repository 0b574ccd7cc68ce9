"""State made again from its redo log, where it is gone, damaged, or older than what was acknowledged; and segments set
aside of which nobody can say whether they were acknowledged.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from regard.errors import BadInput, Damaged, RegardError
from regard.store import disk, redo, seals
from regard.store.redo import NAME, Redo
from regard.store.state import State

if TYPE_CHECKING:
    from pathlib import Path

    from regard.store.redo import Line
    from regard.store.seals import Row

ASIDE = "aside"
"""Where segments go that state does not know, and no log says they were never acknowledged. An erasure empties it."""

RESTORE = "Restore a backup: regard restore BACKUP -w DIR"


def make_state_again(path: Path) -> bool:
    """Make the state of a workspace again from the redo log beside its segments; the old file is set aside.

    Stop whatever works on the workspace first: what was opened before refuses to write afterwards.

    Args:
        path: The state's file.

    Returns:
        Whether it had to be made again: state that is whole and up to date is left alone.

    Raises:
        BadInput: There is no workspace.
        Damaged: The log is gone or has a gap.
        Busy: Somebody is adding signals or settling.
    """
    root = path.parent
    if not (root / "inbox").is_dir():
        raise BadInput("There is no workspace there.", where=str(root), hint="Name its directory: -w DIR")
    with (
        disk.locked(root / "settle.lock", what="settling", wait=60),
        disk.locked(root / "inbox" / "append.lock", what="adding signals", wait=60),
    ):
        if path.exists() and path.stat().st_size and _is_whole(path):
            return False
        lines = redo.whole(Redo(root / "inbox" / NAME).lines())
        if not lines:
            where = str(root / "inbox" / NAME)
            raise Damaged("The redo log of this workspace is missing or has a gap.", where=where, hint=RESTORE)
        _replace(path, _filled(root, lines))
        Redo(root / "inbox" / NAME).path.unlink()  # begun anew by the next opening, which then trusts no stray file
        return True


def _is_whole(path: Path) -> bool:
    try:
        State(path).close()
    except RegardError:
        return False
    return True


def _filled(root: Path, lines: list[Line]) -> Path:
    """A new state, in a file of its own."""
    staging = root / "spill" / f"{os.getpid()}-state-{uuid4().hex}"
    staging.mkdir(parents=True)
    state = State(staging / "state.sqlite")
    try:
        columns = {table.name: [c.name for c in table.columns] for table in seals.truths()}
        if lines[0].columns != columns:
            what = "The redo log is of another version of Regard."
            raise Damaged(what, where=str(root / "inbox" / NAME), hint="Install that version, or restore a backup.")
        state.fill(rows_of(lines), lines[-1].seal)
        state.truncate_log()
    finally:
        state.close()
    return state.path


def rows_of(lines: list[Line]) -> list[tuple[str, Row]]:
    """Every row as the last of the lines leaves it, tables others refer to first."""
    keys = seals.keys()
    found: dict[str, dict[tuple[object, ...], Row]] = {name: {} for name in keys}
    for line in lines:
        for table, gone, row in line.rows():
            if gone is not None:
                found[table].pop(gone, None)
            if row is not None:
                found[table][tuple(row[n] for n in keys[table])] = row
    return [(table, row) for table, rows in found.items() for row in rows.values()]


def _replace(path: Path, new: Path) -> None:
    """Put a new state in the place of one, which is set aside; its log of writes goes first, lest it be mixed in."""
    for suffix in ("", "-wal", "-shm"):
        old = path.with_name(path.name + suffix)
        if old.exists():
            old.replace(old.with_name(f"{old.name}.damaged"))
    disk.sync_file(new)
    new.replace(path)
    disk.sync_directory(path.parent)
    shutil.rmtree(new.parent, ignore_errors=True)


def set_aside_later(state: State, directory: Path, known: set[str], position: int) -> list[Path]:
    """Set aside segments that state does not know and that lie after all it knows, where no redo log vouches for it.

    They may be what an interrupted append left, or what a later state, now lost, had acknowledged. Segments that stand
    where state knows others were replaced by an erasure, or merged: those are not kept. Merged ones are: where the
    state is an older one, the segments it knows instead are gone.

    Args:
        state: The workspace's state.
        directory: Its inbox; held.
        known: Segments state knows.
        position: How far its log goes.
    """
    moved = []
    for path in sorted(directory.glob("*.parquet")):
        if path.name not in known and _may_be_needed(path, position):
            aside = directory.parent / ASIDE / path.name
            aside.parent.mkdir(exist_ok=True)
            path.replace(aside)
            moved.append(aside)
    if moved:
        files = [str(path.relative_to(directory.parent)) for path in moved]
        why = "not in state, and no redo log tells whether they were acknowledged; import their files again"
        state.write_down("set_aside", json.dumps({"files": files, "why": why}))
    return moved


def _may_be_needed(path: Path, position: int) -> bool:
    """By what a segment says of itself; one that cannot be read says nothing, and may be."""
    try:
        about = json.loads(pq.read_metadata(path).metadata[b"regard"])
        return bool(about.get("merged", False)) or int(about["first_position"]) >= position
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
        return True
