"""Files into the log: what they are, the mapping proposed, and the import itself with its progress and bad rows."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Protocol

import msgspec
import pyarrow as pa
from msgspec import Meta

from regard.errors import BadInput
from regard.sources.converting import Converted, Plan, connect, convert, plans
from regard.sources.frames import Frame
from regard.sources.inputs import Rows, ahead, detect_for, file_frame, is_straight, matched, straight
from regard.sources.joining import Tables
from regard.sources.limits import LIMITS, Limits
from regard.sources.mapping import Input, Mapping, check
from regard.sources.oddtimes import OddTimes
from regard.sources.proposing import Choice, propose
from regard.sources.reading import Detected, detect
from regard.sources.rejects import Reason, Rejects
from regard.sources.writing import write_mapping


class Outcome(Protocol):
    """What became of rows handed to the intake."""

    received: int
    stored: int
    duplicate: int
    held_back: int
    refused: int


class Batch(Protocol):
    """An open batch of the intake."""

    @property
    def id(self) -> int:
        """Its number, by which it can be undone."""

    def append(self, kind: str, table: pa.Table, *, refused: int = 0) -> Any:
        """Rows of one kind; durable when it returns."""

    def finish(self) -> Any:
        """Closes the batch; its counts."""


class Intake(Protocol):
    """Where signals go: `regard.store.inbox.Inbox`, or a list in a test."""

    def begin(self, *, source: str, files: Sequence[str], mapping: str) -> Any:
        """Opens a batch."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far an import has come."""

    step: Annotated[str, Meta(description="What is being done: reading, joining, converting.")]
    bytes_read: Annotated[int, Meta(description="Bytes of the files read so far.")]
    bytes_total: Annotated[int, Meta(description="Bytes of the files.")]
    rows: Annotated[int, Meta(description="Rows read so far.")]
    signals: Annotated[int, Meta(description="Signals handed to the log so far.")]
    bad: Annotated[int, Meta(description="Bad rows so far.")]
    rate: Annotated[float, Meta(description="Bytes read a second.")]
    seconds_left: Annotated[float | None, Meta(description="Time left at this rate; none before it is known.")]


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did."""

    batch: Annotated[int, Meta(description="The batch, by which it can be undone.")]
    source: Annotated[str, Meta(description="Name of the source.")]
    received: Annotated[int, Meta(description="Signals received: the sum of the next four.")]
    stored: Annotated[int, Meta(description="Signals stored.")]
    duplicate: Annotated[int, Meta(description="Signals that were in the log already.")]
    held_back: Annotated[int, Meta(description="Signals held back, to be repaired.")]
    refused: Annotated[int, Meta(description="Signals refused: bad rows.")]
    kinds: Annotated[dict[str, int], Meta(description="Signals received of each kind, refused ones left out.")]
    rows: Annotated[int, Meta(description="Rows read of the files.")]
    bad: Annotated[int, Meta(description="Bad rows counted.")]
    rejects: Annotated[str, Meta(description="File of the bad rows; empty where there are none.")]
    reasons: Annotated[tuple[Reason, ...], Meta(description="What was wrong with them, commonest first.")]
    notes: Annotated[tuple[str, ...], Meta(description="What else a person should know.")]
    seconds: Annotated[float, Meta(description="Time it took.")]


class ImportPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What files were found to be and what is proposed to become of them, before anything is imported."""

    files: Annotated[tuple[Detected, ...], Meta(description="Every file as detected.")]
    mapping: Annotated[Mapping, Meta(description="The mapping, given or proposed.")]
    toml: Annotated[str, Meta(description="The mapping as a file to keep and run again.")]
    proposed: Annotated[bool, Meta(description="The mapping was proposed, not given.")]
    shape: Annotated[str, Meta(description="The known export it was recognised as; empty otherwise.")] = ""
    choices: Annotated[tuple[Choice, ...], Meta(description="What becomes of every column, with a reason.")] = ()
    reasons: Annotated[tuple[str, ...], Meta(description="What is proposed and why, in sentences.")] = ()
    comments: Annotated[dict[str, str], Meta(description="Why, by path in the mapping: comments of its TOML.")] = {}
    notes: Annotated[tuple[str, ...], Meta(description="What to look at before confirming.")] = ()


def plan_import(
    paths: Sequence[Path], mapping: Mapping | None = None, *, name: str = "", limits: Limits = LIMITS
) -> ImportPlan:
    """What files are, and the mapping given or proposed for them, checked against their columns.

    Args:
        paths: The files.
        mapping: A mapping to use; none proposes one.
        name: Name of the source in a proposal; empty takes one from the files.
        limits: What is refused.

    Raises:
        BadInput: A file cannot be read, nothing can be proposed, or the mapping does not fit the files.
    """
    if not paths:
        raise BadInput("No file was given.", where="files", hint="Like: regard import orders.csv customers.csv")
    if mapping is None:
        files, unread = _detected(paths, limits)
        found = propose(files, name=name)
        return ImportPlan(
            files=files,
            mapping=found.mapping,
            toml=write_mapping(found.mapping, reasons=found.comments),
            proposed=True,
            shape=found.shape,
            choices=found.choices,
            reasons=found.reasons,
            comments=found.comments,
            notes=(*unread, *found.notes, *_noted(files, found.choices)),
        )
    check(mapping)
    inputs = matched(mapping, paths)
    files_of = {
        n: [detect_for(p, mapping.inputs.get(n, Input()), limits=limits) for p in ps] for n, ps in inputs.items()
    }
    check_columns(mapping, files_of)
    files = tuple({f.path: f for found_files in files_of.values() for f in found_files}.values())
    notes = tuple(f"{f.name}: {note}" for f in files for note in f.notes)
    return ImportPlan(files=files, mapping=mapping, toml=write_mapping(mapping), proposed=False, notes=notes)


def _detected(paths: Sequence[Path], limits: Limits) -> tuple[tuple[Detected, ...], list[str]]:
    """The files that can be read, and a sentence for each that cannot: one among several stops no other."""
    files, unread = [], []
    for path in paths:
        try:
            files.append(detect(path, limits=limits))
        except BadInput as error:
            if path == paths[-1] and not files:
                raise
            unread.append(f"{path.name} is left out. {error.message} {error.hint}".rstrip())
    return tuple(files), unread


def _noted(files: Sequence[Detected], choices: Sequence[Choice]) -> list[str]:
    """What was found about the files; of how a column is read only where it is used."""
    idle = {(c.file, c.column) for c in choices if c.becomes == "nothing"}
    return [f"{f.name}: {note}" for f in files for note in f.notes if (f.name, note.partition(": ")[0]) not in idle]


def check_columns(mapping: Mapping, files: dict[str, list[Detected]]) -> None:
    """That every column the mapping names is in the files.

    Raises:
        UnknownName: One is not; the nearest are suggested.
    """
    connection = connect()
    try:
        tables = Tables(connection, mapping, files)
        tables.make_empty()
        only = next(iter(mapping.inputs), "rows")
        for number, signal in enumerate(mapping.signal, 1):
            name = signal.from_ or only
            if is_straight(mapping, name):
                frames = [file_frame(f, mapping.inputs.get(name, Input()), mapping, name=name) for f in files[name]]
            else:
                frames = [tables.table(name)[1]]
            for frame in frames:
                plans(signal, frame, where=f"signal.{number}")
    finally:
        connection.close()


def run_import(
    intake: Intake,
    paths: Sequence[Path],
    mapping: Mapping,
    *,
    rejects: Path,
    temporary: Path,
    memory: str = "512MB",
    threads: int = 2,
    limits: Limits = LIMITS,
    key: str = "",
) -> Iterator[Progress | Imported]:
    """Reads files into signals and hands them to the intake; the last thing yielded is what it did.

    Args:
        intake: Where signals go.
        paths: The files.
        mapping: What their rows become.
        rejects: Directory for the file of bad rows.
        temporary: Directory for what is thrown away.
        memory: What the engine may use, as "512MB".
        threads: Threads of the engine.
        limits: What is refused.
        key: Key of the workspace's tombstones (`Workspace.erasure_key`): whose each bad row is, is kept hashed with it.

    Raises:
        BadInput: A file cannot be read or the mapping does not fit the files. Nothing was handed on when that shows
            before the first row; a file that breaks in the middle leaves the batch, which can be undone.
    """
    check(mapping)
    with ExitStack() as stack:
        temporary.mkdir(parents=True, exist_ok=True)
        directory = Path(stack.enter_context(TemporaryDirectory(dir=temporary, prefix=f"{os.getpid()}-")))
        run = _Run(
            intake, paths, mapping, rejects=rejects, directory=directory, memory=memory, threads=threads, limits=limits,
            key=key,
        )  # fmt: skip
        stack.callback(run.close)
        yield from run.steps()
        yield run.result()


class _Run:
    """One import under way."""

    def __init__(
        self,
        intake: Intake,
        paths: Sequence[Path],
        mapping: Mapping,
        *,
        rejects: Path,
        directory: Path,
        memory: str,
        threads: int,
        limits: Limits,
        key: str,
    ) -> None:
        self.mapping, self.limits = mapping, limits
        self.started = time.monotonic()
        self.files = {
            name: [detect_for(p, mapping.inputs.get(name, Input()), limits=limits) for p in files]
            for name, files in matched(mapping, paths).items()
        }
        self.bytes_total = sum({f.path: f.size for files in self.files.values() for f in files}.values())
        self.bytes_read = self.rows = self.signals = 0
        self.notes: list[str] = []
        self.odd = OddTimes()
        self.kinds: dict[str, int] = {}
        self.connection = connect(str(directory / "joins.duckdb"), memory=memory, threads=threads, spill=str(directory))
        self.converting = connect(memory=memory, threads=1)  # one thread keeps rows in the order of their file
        self.plans = self._compile()
        self.batch = intake.begin(source=mapping.name, files=[p.name for p in paths], mapping=write_mapping(mapping))
        self.rejects = Rejects(rejects / f"import-{self.batch.id}.csv", limits=limits, key=key)

    def close(self) -> None:
        """Lets go of the database and the file of bad rows."""
        self.connection.close()
        self.converting.close()
        self.rejects.close()

    def _compile(self) -> dict[str, list[list[Plan]]]:
        """Plans of the straight inputs, for each of their files; finds unknown columns before anything is handed on."""
        compiled = {}
        for name in self._inputs():
            if is_straight(self.mapping, name):
                source = self.mapping.inputs.get(name, Input())
                frames = [file_frame(found, source, self.mapping, name=name) for found in self.files[name]]
                compiled[name] = [self._plans(name, frame) for frame in frames]
        return compiled

    def _inputs(self) -> list[str]:
        """The inputs that signals are made of, in their order."""
        only = next(iter(self.mapping.inputs), "rows")
        return list(dict.fromkeys(signal.from_ or only for signal in self.mapping.signal))

    def _plans(self, name: str, frame: Frame) -> list[Plan]:
        only = next(iter(self.mapping.inputs), "rows")
        return [
            plan
            for i, signal in enumerate(self.mapping.signal)
            if (signal.from_ or only) == name
            for plan in plans(signal, frame, where=f"signal.{i + 1}")
        ]

    def steps(self) -> Iterator[Progress]:
        """Every input in turn: the straight ones file by file, the others through the database."""
        names = self._inputs()
        yield self._progress("reading")
        for name in [n for n in names if is_straight(self.mapping, n)]:
            for found, compiled in zip(self.files[name], self.plans[name], strict=True):
                frame = file_frame(found, self.mapping.inputs.get(name, Input()), self.mapping, name=name)
                before = self.bytes_read
                pieces = straight(found, frame, before=before, notes=self.notes, limits=self.limits)
                for rows, signals in ahead(self._converted(compiled, ahead(pieces))):
                    self.rows += rows.table.num_rows
                    self._hand_on(rows, signals, compiled[0].kind)
                    self.bytes_read = rows.done
                    yield self._progress("reading")
                self.bytes_read = before + found.size
        joined = [n for n in names if not is_straight(self.mapping, n)]
        if joined:
            yield from self._through_tables(joined)

    def _through_tables(self, names: Sequence[str]) -> Iterator[Progress]:
        tables = Tables(self.connection, self.mapping, self.files, limits=self.limits)
        for name in names:
            before = self.bytes_read
            for rows in tables.load(name, before=before):
                self.rows += rows.table.num_rows
                self._refuse(rows, self.mapping.signal[0].kind)
                self.bytes_read = max(self.bytes_read, min(rows.done, self.bytes_total))
                yield self._progress("reading")
        for name in names:
            yield self._progress("joining")
            compiled = self._plans(name, tables.table(name)[1])
            for rows, signals in self._converted(compiled, tables.rows(name)):
                self._hand_on(rows, signals, compiled[0].kind)
                yield self._progress("converting")
        self.notes += tables.notes

    def _converted(self, compiled: Sequence[Plan], pieces: Iterable[Rows]) -> Iterator[tuple[Rows, list[Converted]]]:
        """Each piece with the signals it became."""
        listed = self.limits.rejects_listed
        for rows in pieces:
            signals = [
                convert(self.converting, plan, rows.table, lines=rows.lines, file=rows.file, listed=listed)
                for plan in compiled
                if rows.table.num_rows
            ]
            yield rows, signals

    def _hand_on(self, rows: Rows, signals: Sequence[Converted], kind: str) -> None:
        self._refuse(rows, kind)
        for found in signals:
            self.rejects.add(found.bad, unlisted=found.refused - len(found.bad))
            if found.table.num_rows or found.refused:
                self.batch.append(found.kind, found.table, refused=found.refused)
            self.odd.look(found.table)
            self.signals += found.table.num_rows
            self.kinds[found.kind] = self.kinds.get(found.kind, 0) + found.table.num_rows

    def _refuse(self, rows: Rows, kind: str) -> None:
        """Rows that could not be read count as refused once, under the kind they would have become first."""
        if rows.bad:
            self.rejects.add(rows.bad)
            self.batch.append(kind, pa.table({"key": pa.array([], pa.string())}), refused=len(rows.bad))

    def _progress(self, step: str) -> Progress:
        seconds = time.monotonic() - self.started
        rate = self.bytes_read / seconds if seconds > 0 else 0.0
        left = (self.bytes_total - self.bytes_read) / rate if rate > 0 else None
        return Progress(
            step=step,
            bytes_read=self.bytes_read,
            bytes_total=self.bytes_total,
            rows=self.rows,
            signals=self.signals,
            bad=self.rejects.counted,
            rate=rate,
            seconds_left=left,
        )

    def result(self) -> Imported:
        """What was done."""
        outcome = self.batch.finish()
        reasons = self.rejects.close()
        return Imported(
            batch=self.batch.id,
            source=self.mapping.name,
            received=outcome.received,
            stored=outcome.stored,
            duplicate=outcome.duplicate,
            held_back=outcome.held_back,
            refused=outcome.refused,
            kinds=self.kinds,
            rows=self.rows,
            bad=self.rejects.counted,
            rejects=str(self.rejects.path) if reasons else "",
            reasons=reasons,
            notes=(*self.notes, *self.odd.notes(), *_of_outcome(outcome, self.rejects.counted)),
            seconds=time.monotonic() - self.started,
        )


def _of_outcome(outcome: Outcome, bad: int) -> list[str]:
    """What became of rows that are in no file of bad rows."""
    notes = []
    if outcome.held_back:
        notes.append(f"{outcome.held_back:,} held back, waiting for a decision: regard held")
    if outcome.refused > bad:
        notes.append(
            f"{outcome.refused - bad:,} refused that are no bad rows: they name somebody who was erased, or more of "
            "this source is held back than REGARD_HELD_ITEMS allows"
        )
    return notes


__all__ = ["Batch", "Detected", "ImportPlan", "Imported", "Intake", "Outcome", "Progress", "plan_import", "run_import"]
