"""Group commit: what arrives while one commit is under way goes into the next.

Each request is answered after its own commit. Sources take turns, and a commit is kept short, so that the flood of one
does not make the others wait long.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from regard.errors import BadInput
from regard.signals.shapes import SENT
from regard.sources.items import EPOCH, NAMES, Parcel, Told
from regard.store.frames import TURNED, Turned
from regard.store.heldback import CONFLICT, CONFLICT_WHY, Held
from regard.store.journal import DUPLICATE, HELD, NOT_TAKEN, NOT_TAKEN_WHY, REFUSED, STORED, Lot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MOST_ROWS = 2000
"""Rows of one commit, about: so that none takes long."""

LONGEST = 200
"""Characters of a reason that are kept for people."""

SHARED_ROWS = 500
"""The same while several sources send: a small request waits for the commit under way, whoever's that is."""

SHARED_SECONDS = 1.0
"""So long after its last request a source is counted as one that sends."""

PASSED_OVER = frozenset(("inner_span", "plain_log"))
"""Refused as expected, many at once: people are told of one of a request, so that it does not hide the others."""

NAMED = {STORED: "stored", DUPLICATE: "duplicate", HELD: "held_back", REFUSED: "refused"}
WORST = (HELD, STORED, REFUSED, DUPLICATE)
"""An item of several rows is told as the first of these that one of them met."""

RANKS = np.argsort(WORST).astype(np.uint8)

WHY = {
    HELD: (CONFLICT, CONFLICT_WHY),
    REFUSED: (NOT_TAKEN, NOT_TAKEN_WHY),
}


class Journals(Protocol):
    """What makes rows durable; `regard.store.journal.Journal` does."""

    def commit(
        self,
        lots: Sequence[Lot],
        *,
        refused: Mapping[str, int] | None = None,
        held: Sequence[Held] = (),
        turned: Sequence[Turned] = (),
    ) -> list[NDArray[np.uint8]]:
        """Make everything durable; the outcome of each row, per lot."""


@dataclass(slots=True, eq=False)
class Waiting:
    """A request's parcel on its way, and where its outcomes go."""

    source: str
    parcel: Parcel
    done: asyncio.Future[list[Told]]

    @property
    def size(self) -> int:
        """Rows, or one where there are none."""
        return sum(len(rows.values) for rows in self.parcel.rows.values()) or 1


@dataclass
class Commits:
    """Gathers parcels and commits them in a thread of its own.

    Args:
        journal: Makes them durable.
    """

    journal: Journals
    _queues: OrderedDict[str, deque[Waiting]] = field(default_factory=OrderedDict)
    _something: asyncio.Event = field(default_factory=asyncio.Event)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "commit"))
    _task: asyncio.Task[None] | None = None
    _closing: bool = False
    _sent: dict[str, float] = field(default_factory=dict)

    def start(self) -> None:
        """Begin to commit; call it inside the running loop."""
        self._task = asyncio.create_task(self._run())

    async def bring(self, source: str, parcel: Parcel) -> list[Told]:
        """Make a parcel durable.

        Args:
            source: Whose it is.
            parcel: What came.

        Returns:
            One outcome per item.

        Raises:
            RegardError: It could not be kept; nothing of it was acknowledged.
        """
        waiting = Waiting(source, parcel, asyncio.get_running_loop().create_future())
        self._queues.setdefault(source, deque()).append(waiting)
        self._sent[source] = time.monotonic()
        self._something.set()
        return await waiting.done

    async def close(self) -> None:
        """Commit what waits, then stop."""
        self._closing = True
        self._something.set()
        if self._task is not None:
            await self._task
        self._thread.shutdown()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queues or not self._closing:
            if not self._queues:
                self._something.clear()
                await self._something.wait()
                continue
            taken = self._take()
            try:
                outcomes = await loop.run_in_executor(self._thread, self._commit, taken)
            except Exception as error:  # noqa: BLE001 - each request answers for itself
                outcomes = [error] * len(taken)
            for waiting, outcome in zip(taken, outcomes, strict=True):
                if waiting.done.done():
                    continue
                if isinstance(outcome, BaseException):
                    waiting.done.set_exception(outcome)
                else:
                    waiting.done.set_result(outcome)

    def _take(self) -> list[Waiting]:
        """The next parcels, one source after the other, until a commit is full."""
        taken: list[Waiting] = []
        rows, most = 0, self._most_rows()
        while self._queues and rows < most:
            source, queue = self._queues.popitem(last=False)
            waiting = queue.popleft()
            taken.append(waiting)
            rows += waiting.size
            if queue:
                self._queues[source] = queue
        return taken

    def _most_rows(self) -> int:
        since = time.monotonic() - SHARED_SECONDS
        self._sent = {source: at for source, at in self._sent.items() if at > since}
        return MOST_ROWS if len(self._sent) < 2 else SHARED_ROWS

    def _commit(self, taken: Sequence[Waiting]) -> list[Any]:
        try:
            return commit(self.journal, taken)
        except (BadInput, pa.ArrowException) as error:
            if len(taken) == 1:
                return [error]
            return [outcome for waiting in taken for outcome in self._commit([waiting])]


def commit(journal: Journals, taken: Sequence[Waiting]) -> list[list[Told]]:
    """Commit parcels together; per parcel, one outcome per item."""
    groups: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for number, waiting in enumerate(taken):
        for kind in waiting.parcel.rows:
            groups.setdefault((waiting.source, kind), []).append((number, kind))
    lots = [_lot(source, kind, [taken[n].parcel for n, _ in group]) for (source, kind), group in groups.items()]
    refused: dict[str, int] = {}
    held: list[Held] = []
    turned: list[Turned] = []
    for waiting in taken:
        if short := sum(1 for told in waiting.parcel.told if told is not None and told.outcome == "refused"):
            refused[waiting.source] = refused.get(waiting.source, 0) + short
        held += _held(waiting)
        if short or waiting.parcel.texts:
            turned += _turned(waiting)
    outcomes = journal.commit(lots, refused=refused, held=held, turned=turned)
    met = [[len(WORST)] * len(waiting.parcel.told) for waiting in taken]
    for group, found in zip(groups.values(), outcomes, strict=True):
        start = 0
        ranks = RANKS[found].tolist()
        for number, kind in group:
            items, mine = taken[number].parcel.rows[kind].items, met[number]
            for item, rank in zip(items, ranks[start : start + len(items)], strict=True):
                mine[item] = min(mine[item], rank)
            start += len(items)
    return [_told(waiting.parcel, ranks) for waiting, ranks in zip(taken, met, strict=True)]


def _lot(source: str, kind: str, parcels: Sequence[Parcel]) -> Lot:
    values = [row for parcel in parcels for row in parcel.rows[kind].values]
    checks = np.array([check for parcel in parcels for check in parcel.rows[kind].checks], np.uint64)
    schema = SENT[kind]
    columns, fields = [], []
    given = set[str]().union(*values)
    for name in [name for name in NAMES[kind] if name in given]:
        try:
            column = list(map(itemgetter(name), values))
        except KeyError:
            column = [row.get(name) for row in values]
        if column.count(None) < len(column):
            fields.append(schema.field(name))
            columns.append(pa.array(column, schema.field(name).type))
    return Lot(source=source, kind=kind, table=pa.Table.from_arrays(columns, schema=pa.schema(fields)), check=checks)


def _held(waiting: Waiting) -> list[Held]:
    at = (EPOCH + dt.timedelta(microseconds=waiting.parcel.received)).isoformat()
    made = []
    for index, text in waiting.parcel.texts.items():
        told = waiting.parcel.told[index]
        if told is not None:
            made.append(
                Held(source=waiting.source, format=waiting.parcel.format, code=told.code, reason=told.reason, item=text,
                     at=at)
            )  # fmt: skip
    return made


def _turned(waiting: Waiting) -> list[Turned]:
    """The last items that never became rows, as people are told of them."""
    parcel, found = waiting.parcel, []
    said: set[str] = set()
    for told in reversed(parcel.told):
        if told is not None and not (told.code in PASSED_OVER and told.code in said):
            said.add(told.code)
            name = parcel.called.get(told.index, "")
            found.append(Turned(waiting.source, told.outcome, name, told.code, told.reason[:LONGEST], told.where[:80]))
            if len(found) == TURNED:
                break
    return found[::-1]


def _told(parcel: Parcel, ranks: Sequence[int]) -> list[Told]:
    return [
        _of(index, WORST[rank]) if known is None else known
        for index, (known, rank) in enumerate(zip(parcel.told, ranks, strict=True))
    ]


@lru_cache(maxsize=8192)
def _of(index: int, outcome: int) -> Told:
    code, reason = WHY.get(outcome, ("", ""))
    return Told(index=index, outcome=NAMED[outcome], code=code, reason=reason)
