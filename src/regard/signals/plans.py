"""What a settlement has to do: which segments are new, which kinds must be made again and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from regard.signals.shapes import SETTLED
from regard.store import log, tables

if TYPE_CHECKING:
    from typing import Literal

    from sqlalchemy import Connection

    from regard.signals.workspace import Workspace
    from regard.store.lake import Generation, LakeFile
    from regard.store.log import Segment

FORMAT = "2"
"""Raised when the lake's files change shape: an older lake is then made again from the inbox."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one settlement has to do, fixed at its start.

    ``again`` are the kinds made again from the inbox: all of their segments are in ``segments``.
    """

    position: int
    declarations: int
    customer: Literal["person", "account"]
    generation: Generation | None
    again: frozenset[str]
    segments: tuple[Segment, ...]
    liveness: log.Liveness

    def of(self, kind: str) -> list[Segment]:
        """Segments of a kind to read."""
        return [s for s in self.segments if s.kind == kind]

    def since(self, kind: str) -> int:
        """The position from which on rows of a kind are to be read."""
        return 0 if self.generation is None or kind in self.again else self.generation.position

    def old(self, kind: str, *roles: str) -> list[LakeFile]:
        """Files of the last generation that stay valid."""
        if self.generation is None or kind in self.again:
            return []
        return self.generation.of(kind, *roles)


def make_plan(workspace: Workspace) -> Plan | None:
    """What is to be done, or None when the lake is up to date. Sets damaged files of the lake aside."""
    version, declared = workspace.declarations()
    with workspace.state.reading() as connection:
        position = log.position(connection)
        generation = workspace.lake.newest(connection)
        liveness = log.Liveness(connection)
        undone = _undone(connection, generation.position) if generation else set()
    damaged = _damaged(workspace, generation) if generation else set()
    again = undone | damaged & set(SETTLED) | set(filter(None, workspace.lake.recall("again").split(",")))
    remade = workspace.lake.recall("format") != FORMAT or workspace.lake.recall("customer") != declared.customer
    if generation is None or remade or "fold" in damaged:
        again = set(SETTLED)
    elif not again and not damaged and generation.position == position:
        return None
    workspace.state.verify()  # what is settled from a list that changed by itself would be served
    since = generation.position if generation else 0
    return Plan(
        position=position,
        declarations=version,
        customer=declared.customer,
        generation=generation,
        again=frozenset(again),
        segments=_segments(workspace, again, since=since, until=position),
        liveness=liveness,
    )


def _segments(workspace: Workspace, again: set[str], *, since: int, until: int) -> tuple[Segment, ...]:
    """Segments to be read: all of the kinds made again, of others those with new rows. Settling, nobody merges them."""
    with workspace.state.reading() as connection:
        new = [s for s in log.segments(connection, since=since) if s.kind not in again]
        every = log.segments(connection, kinds=again) if again else []
    found = [s for s in (*new, *every) if s.first_position < until]
    return tuple(sorted(found, key=lambda s: s.first_position))


def _undone(connection: Connection, since: int) -> set[str]:
    """Kinds some of whose rows no longer stand because of batches undone since a position.

    A batch that brought rows again kept them standing: when it goes, so may rows of batches undone long before.
    """
    batches = tables.batches.c
    newly = set(connection.execute(select(batches.id).where(batches.undone_position > since)).scalars())
    if not newly:
        return set()
    repeating = select(tables.repeats.c.id).where(tables.repeats.c.batch.in_(newly)).limit(1)
    if connection.execute(repeating).first():
        newly = set(connection.execute(select(batches.id).where(batches.undone.is_not(None))).scalars())
    kinds = select(tables.segments.c.kind).distinct().where(tables.segments.c.batch.in_(newly))
    return set(connection.execute(kinds).scalars())


def _damaged(workspace: Workspace, generation: Generation) -> set[str]:
    """Kinds whose files are damaged, and the roles of damaged files derived of all kinds; sets the files aside."""
    found = workspace.lake.damaged(generation)
    for file in found:
        workspace.lake.set_aside(file)
    return {file.role if file.kind == "derived" else file.kind for file in found}
