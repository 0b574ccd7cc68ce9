"""What a worker does for Sources and Settings: files recognised and imported, the ledger, declarations, people.

Long operations are iterators: each step is told to the person who waits, the last thing they give is the result.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from regard import wording
from regard.errors import BadInput, Busy
from regard.signals.declarations import Declarations
from regard.signals.kinds import BY_NAME
from regard.signals.readiness import Readiness, readiness, sentence
from regard.signals.toml import written
from regard.sources.mapping import Expression, Mapping, Signal, read_mapping
from regard.sources.reading import Detected, detect
from regard.sources.writing import write_mapping
from regard.web.fields import ENTRIES, fields_of, filled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from regard.web.desk import Desk

FIRST_ROWS = 6
LEFT_OUT, LABEL = "", "label"


def operations(desk: Desk) -> dict[str, Callable[..., Any]]:
    """The operations by name."""
    own = Intake(desk)
    names = (
        "recognise",
        "remap",
        "bring",
        "undo",
        "batches",
        "ledger",
        "readiness",
        "declared",
        "checked",
        "filled",
        "declare",
        "erase",
        "export",
    )
    return {name: getattr(own, name) for name in names}


class Intake:
    """Operations that read or change the workspace.

    Args:
        desk: Whose workspace it is.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    # ------------------------------------------------------------------ files

    def recognise(self, files: list[str], toml: str = "") -> dict[str, Any]:
        """What the files are, the mapping proposed for them or the one given, and what will become of them."""
        from regard.sources.drafting import stem
        from regard.sources.earlier import continued
        from regard.sources.proposing import propose

        found = [detect(Path(f)) for f in files]
        told: dict[str, Any] = {
            "files": [_file(f) for f in found],
            "reasons": [],
            "notes": [],
            "whys": {},
            "error": None,
        }
        if not toml:
            try:
                proposal = propose(found)
            except BadInput as error:
                return told | {"toml": _skeleton(found[0]), "signals": [], "error": error.as_json()["error"]}
            mapping = proposal.mapping
            if len(found) > 1 and mapping.name == Path(found[0].path).parent.name:
                # Files dropped together have no directory of their own that says what they are: the first signal does.
                mapping = msgspec.structs.replace(mapping, name=mapping.signal[0].from_ or stem(found[0]))
            mapping, more = continued(mapping, self._desk.workspace.inbox.batches())
            toml = write_mapping(mapping, reasons=proposal.comments)
            whys = {f"{c.file}/{c.column}": {"why": c.why, "sure": c.confidence} for c in proposal.choices}
            told |= {
                "reasons": proposal.reasons,
                "notes": (*proposal.notes, *([more] if more else [])),
                "whys": whys,
                "shape": proposal.shape,
            }
        told["toml"] = toml
        try:
            mapping = read_mapping(toml)
        except BadInput as error:
            return told | {"signals": [], "error": error.as_json()["error"]}
        told["name"] = mapping.name
        return told | {"signals": [_signal(i, s, mapping, found) for i, s in enumerate(mapping.signal)]}

    def remap(self, toml: str, changes: dict[str, str], name: str = "") -> str:
        """The mapping with columns sent elsewhere.

        Args:
            toml: The mapping as it is.
            changes: ``NUMBER.COLUMN`` to the signal's column it becomes, ``label``, or nothing to leave it out.
            name: What the source is called from now on; empty leaves its name.
        """
        mapping = read_mapping(toml)
        signals = list(mapping.signal)
        for place, target in changes.items():
            number, _, column = place.partition(".")
            if number.isdigit() and int(number) < len(signals):
                signals[int(number)] = _sent(signals[int(number)], column, target)
        called = re.sub(r"[^\w-]+", "-", name).strip("-") or mapping.name
        return write_mapping(msgspec.structs.replace(mapping, name=called, signal=tuple(signals)))

    def bring(self, files: list[str], toml: str) -> Iterator[Any]:
        """Import files, then settle; yields progress, last what it did."""
        from regard.sources.importing import Imported, run_import

        company = self._desk.workspace
        result: Any = None
        for step in run_import(
            company.inbox, [Path(f) for f in files], read_mapping(toml), rejects=company.root / "rejects",
            temporary=company.root / "spill", memory=company.settings.memory,
            key=company.erasure_key(),
        ):  # fmt: skip
            if isinstance(step, Imported):
                result = msgspec.to_builtins(step)
            else:
                yield msgspec.to_builtins(step)
        yield from self._settled()
        yield {"imported": result}

    def undo(self, batch: int) -> Iterator[Any]:
        """Take a batch back everywhere."""
        yield {"step": "taking the batch back"}
        self._desk.workspace.inbox.undo(batch)
        yield from self._settled()
        yield {"undone": batch}

    def _settled(self) -> Iterator[Any]:
        try:
            for step in self._desk.workspace.settle():
                yield {"step": f"settling: {step.what}", "done": step.done, "total": step.total}
        except Busy:
            yield {"step": "settling goes on in the background"}

    # ------------------------------------------------------------------ what there is

    def batches(self, at: str = "") -> list[dict[str, Any]]:
        """Every import, newest first."""
        del at
        return self._desk.workspace.inbox.batches()

    def ledger(self, at: str = "") -> dict[str, Any]:
        """What was received and what became of it, in all and per source; rows that stand, per kind."""
        del at
        rows = self._desk.workspace.ledger()
        return {"total": rows[-1], "sources": rows[:-1], "counts": self._desk.workspace.counts()}

    def readiness(self, at: str = "") -> dict[str, Any]:
        """Which questions can be answered, what to add for the next, and the declarations proposed from the data."""
        del at
        company = self._desk.workspace
        counts, (version, declared) = company.counts(), company.declarations()
        rows = readiness(counts=counts, declarations=declared)
        told = {
            "sentence": sentence(rows),
            "rows": rows,
            "counts": counts,
            "version": version,
            "proposed": "",
            "reasons": [],
            "fields": [],
            "lacking": lacking(rows),
        }
        if any(counts.values()):
            told |= self._proposed(declared)
        return told

    def _proposed(self, declared: Declarations) -> dict[str, Any]:
        from regard.sources.declaring import propose

        with self._desk.workspace.connect() as (connection, _):
            proposal = propose(connection, declared)
        if proposal.declarations == declared:
            return {}
        text = written(msgspec.to_builtins(proposal.declarations))
        fields = fields_of(proposal.declarations)
        return {"proposed": text, "reasons": [str(r) for r in proposal.reasons], "fields": fields}

    def declared(self, at: str = "") -> dict[str, Any]:
        """The declarations in force, as TOML."""
        del at
        version, declared = self._desk.workspace.declarations()
        path = self._desk.workspace.root / "company.toml"
        text = path.read_text("utf-8") if path.exists() else written(msgspec.to_builtins(declared))
        return {"version": version, "toml": text, "help": _declaration_help(), "fields": fields_of(declared)}

    def filled(self, toml: str, answers: dict[str, str]) -> str:
        """Declarations with fields of the form filled in, as TOML still to be checked."""
        from regard.signals.workspace import parse_declarations

        return written(filled(parse_declarations(toml, where="company.toml"), answers))

    def checked(self, toml: str) -> bool:
        """Whether declarations can be read.

        Raises:
            BadInput: They cannot; says where.
        """
        from regard.signals.workspace import parse_declarations

        parse_declarations(toml, where="company.toml")
        return True

    def declare(self, toml: str, by: str) -> Iterator[Any]:
        """Confirm declarations from TOML, then settle with them."""
        from regard.signals.workspace import parse_declarations

        version = self._desk.workspace.declare(parse_declarations(toml, where="company.toml"), by=by)
        yield from self._settled()
        yield {"version": version}

    # ------------------------------------------------------------------ one customer

    def erase(self, customer: str) -> Iterator[Any]:
        """Erase a customer everywhere."""
        for step in self._desk.workspace.erase(customer):
            yield {"step": str(getattr(step, "what", "erasing"))}
        yield {"erased": customer}

    def export(self, customer: str) -> Any:
        """Everything known of one customer."""
        return self._desk.workspace.export_customer(customer)


def lacking(rows: tuple[Readiness, ...]) -> dict[str, dict[str, str]]:
    """What each question that cannot be answered lacks, and the address where it is given."""
    found = {}
    for row in rows:
        if row.ready:
            continue
        declared = row.missing.startswith("declare ")
        where = f"/sources/readiness#set-{row.add.replace('.', '-')}" if declared else "/sources#drop"
        field = next((f.label for f in ENTRIES if f.name == row.add), f"the {row.add.replace('.', ' ')}")
        words = f"Say it: {field[0].lower()}{field[1:]} …" if declared else wording.sentence(f"{row.missing}")
        found[row.path] = {"missing": row.missing, "where": where, "words": words}
    return found


def _skeleton(found: Detected) -> str:
    """A mapping to begin with where none could be proposed: what to fill in, and the columns there are."""
    names = ", ".join(json.dumps(n, ensure_ascii=False) for n in found.names)
    return (
        f"name = {json.dumps(Path(found.name).stem, ensure_ascii=False)}\n\n[[signal]]\n"
        f'# one of {", ".join(BY_NAME)}\nkind = "event"\n\n[signal.columns]\n# the columns are {names}\n'
        f'name = ""\noccurred_at = ""\nperson = ""\n'
    )


def _file(found: Detected) -> dict[str, Any]:
    shown = (
        "format",
        "gzipped",
        "encoding",
        "delimiter",
        "decimal",
        "skip",
        "sheet",
        "notes",
        "size",
        "sampled",
        "whole",
    )
    return {n: getattr(found, n) for n in shown if hasattr(found, n)} | {
        "name": found.name,
        "columns": found.names,
        "rows": [list(r) for r in found.first_rows[:FIRST_ROWS]],
    }


def _signal(number: int, signal: Signal, mapping: Mapping, found: list[Detected]) -> dict[str, Any]:
    """One signal of a mapping beside the columns of the file that feeds it."""
    file = _feeding(signal, mapping, found)
    rows = file.first_rows if file else ()
    columns = []
    for place, name in enumerate(file.names if file else ()):
        values = [str(r[place]) for r in rows[:FIRST_ROWS] if place < len(r) and r[place]]
        targets = [t for t, s in signal.columns.items() if name in _reads(s)]
        plain = [t for t in targets if _plain(signal.columns[t]) == name]
        label = name in (signal.labels if isinstance(signal.labels, tuple) else signal.labels.values())
        columns.append(
            {
                "name": name,
                "values": values[:3],
                "target": plain[0] if plain else LABEL if label else LEFT_OUT,
                "also": [t for t in targets if t not in plain[:1]],
            }
        )
    kind = BY_NAME[signal.kind]
    return {
        "number": number,
        "kind": kind.name,
        "noun": kind.noun,
        "help": kind.help,
        "file": file.name if file else "",
        "columns": columns,
        "constants": {
            t: s.value for t, s in signal.columns.items() if isinstance(s, Expression) and s.value is not None
        },
        "targets": [{"name": c.name, "help": c.help} for c in kind.all_columns if c.name != "labels"],
    }


def _feeding(signal: Signal, mapping: Mapping, found: list[Detected]) -> Detected | None:
    from regard.sources.inputs import matched

    only = next(iter(mapping.inputs), "rows")
    name = signal.from_ or only
    while name in mapping.inputs and mapping.inputs[name].from_:
        name = mapping.inputs[name].from_
    try:
        files = matched(mapping, [Path(f.path) for f in found]).get(name, [])
    except BadInput:
        files = []
    return next((f for f in found if files and Path(f.path) == files[0]), None)


def _plain(source: str | Expression) -> str | None:
    return source if isinstance(source, str) else source.column


def _reads(source: str | Expression) -> tuple[str, ...]:
    if isinstance(source, str):
        return (source,)
    several = (source.first, source.text, source.sum, source.product, source.seconds)
    return tuple(n for group in several if group for n in group) or ((source.column,) if source.column else ())


def _sent(signal: Signal, column: str, target: str) -> Signal:
    """The signal with one column of its file sent to a target, to the labels, or nowhere."""
    before = {t: s for t, s in signal.columns.items() if _plain(s) == column}
    if target in before:
        return signal
    columns = {t: s for t, s in signal.columns.items() if t not in before}
    labels = signal.labels
    if isinstance(labels, tuple):
        labels = tuple(name for name in labels if name != column)
        labels = (*labels, column) if target == LABEL else labels
    else:
        labels = {k: v for k, v in labels.items() if _plain(v) != column} | (
            {column: column} if target == LABEL else {}
        )
    if target not in {LEFT_OUT, LABEL}:
        columns[target] = next(iter(before.values()), column)
    return msgspec.structs.replace(signal, columns=columns, labels=labels)


def _declaration_help() -> list[dict[str, str]]:
    from regard.findings import field_help

    return [{"name": name, "help": text} for name, text in field_help(Declarations).items()]
