"""``regard import``: files into the log from the command line, proposal and confirmation included."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from regard.errors import BadInput, RegardError
from regard.keeping import JSON, WORKSPACE, opened, outcome_line, say, settle
from regard.wording import count, duration, number

if TYPE_CHECKING:
    from regard.signals.workspace import Workspace
    from regard.sources.importing import Imported, ImportPlan
    from regard.sources.mapping import Mapping


@dataclass(frozen=True)
class Step:
    """Progress of an import in the form `terminal.follow` shows."""

    what: str
    done: int
    total: int


@click.command("import")
@WORKSPACE
@JSON
@click.option("--mapping", type=click.Path(path_type=Path), default=None, help="A mapping file kept from before.")
@click.option(
    "--yes", is_flag=True, help="Accept what is proposed: the mapping and, where none are made, declarations."
)
@click.option("--keep-mapping", type=click.Path(path_type=Path), default=None, help="Write the mapping used there.")
@click.option("--source", default="", metavar="NAME", help="Name of the source; records are keyed within it.")
@click.option("--undo", type=int, default=None, metavar="BATCH", help="Take a batch back instead.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
def import_command(
    *,
    workspace: str | None,
    files: tuple[Path, ...],
    mapping: Path | None,
    keep_mapping: Path | None,
    source: str,
    undo: int | None,
    as_json: bool,
    yes: bool,
) -> None:
    """Bring files in: CSV, TSV, JSON Lines, Parquet, Excel, any of them gzipped; several at once are joined."""
    if (undo is None) == (not files):
        raise BadInput(
            "Give files to import, or --undo BATCH.", where="regard import", hint="regard batches lists them."
        )
    with opened(workspace) as company:
        if undo is not None:
            _undo(company, undo, as_json=as_json)
            return
        _bring(company, files, mapping, keep_mapping, source, as_json=as_json, yes=yes)


def _undo(company: Workspace, batch: int, *, as_json: bool) -> None:
    from regard.terminal import follow

    company.inbox.undo(batch)
    follow(settle(company), quiet=as_json)
    say({"undone": batch, "position": company.position}, f"Batch {batch} was taken back everywhere.", as_json=as_json)


def _bring(
    company: Workspace,
    files: tuple[Path, ...],
    mapping: Path | None,
    keep: Path | None,
    source: str,
    *,
    as_json: bool,
    yes: bool,
) -> None:
    _files_are_there(files)
    plan = _proposed(company, files, source) if mapping is None else None
    if plan is not None and not (yes or _confirmed(plan, as_json=as_json)):
        return
    if plan is not None and yes and not as_json:
        click.echo("\n".join(_lines_of(plan)))
    if plan is not None:
        text, chosen = plan.toml, plan.mapping
    else:
        text = _text(Path(str(mapping)))
        chosen = _given(text, files, str(mapping), source)
    if keep is not None:
        _keep(keep, text)
    imported = _import(company, files, chosen, quiet=as_json)
    declared = _declare_proposed(company, quiet=as_json) if yes else ""
    if as_json:
        told = {**msgspec.to_builtins(imported), "declared": declared, "position": company.position}
        say({**told, "proposed": _as_json(plan)}, "", as_json=True)
        return
    _tell(imported, declared)


def _files_are_there(files: tuple[Path, ...]) -> None:
    for file in files:
        if file.is_dir():
            raise BadInput(f"{file} is a directory, not a file.", where=str(file), hint=f"Try: regard import {file}/*")
        if not file.is_file():
            raise BadInput("There is no such file.", where=str(file), hint="Check the path.")


def _proposed(company: Workspace, files: tuple[Path, ...], source: str) -> ImportPlan:
    """What is proposed; a file like one that came before is more of the same source."""
    from regard.sources.earlier import continued
    from regard.sources.importing import plan_import
    from regard.sources.writing import write_mapping

    plan = plan_import(files, name=source)
    if source:
        return plan
    mapping, note = continued(plan.mapping, company.inbox.batches())
    return msgspec.structs.replace(
        plan,
        mapping=mapping,
        toml=write_mapping(mapping, reasons=plan.comments),
        notes=(*plan.notes, *([note] if note else [])),
    )


def _given(text: str, files: tuple[Path, ...], name: str, source: str) -> Mapping:
    """The mapping of a file, checked against the files; a mistake is said with its line."""
    from regard.sources.importing import plan_import
    from regard.sources.mapping import read_mapping
    from regard.sources.tomlpositions import place_in

    chosen = read_mapping(text, name=name)
    try:
        plan_import(files, chosen)
    except BadInput as error:
        error.where = place_in(text, error.where, name=name)
        raise
    return msgspec.structs.replace(chosen, name=source) if source else chosen


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput("A mapping file is UTF-8 text.", where=str(path), hint="Save it as UTF-8.") from error
    except OSError as error:
        hint = "Make one: regard import FILE --keep-mapping FILE.toml, or see docs/sources/mapping.md."
        raise BadInput(f"The mapping cannot be read: {error.strerror}.", where=str(path), hint=hint) from error


def _keep(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        hint = "Nothing was imported. Give another place for --keep-mapping."
        raise BadInput(f"The mapping cannot be written: {error.strerror}.", where=str(path), hint=hint) from error


def _confirmed(plan: ImportPlan, *, as_json: bool) -> bool:
    if as_json:
        told = {"imported": None, "next": "Run it again with --yes, or with --mapping.", **_as_json(plan)}
        say({**told, "proposed": plan.toml}, "", as_json=True)
        return False
    click.echo(plan.toml)
    for line in _lines_of(plan):
        click.echo(f"# {line}")
    if sys.stdin.isatty():
        return click.confirm("Import it so?", default=True)
    raise BadInput(
        "Nothing was imported: the mapping above is only proposed.",
        where="regard import",
        hint="Run it again with --yes, or keep it in a file, edit it and give --mapping.",
    )


def _as_json(plan: ImportPlan | None) -> dict[str, Any]:
    """What was proposed and why, and what became of every column."""
    if plan is None:
        return {}
    return {
        "mapping": plan.toml,
        "reasons": plan.reasons,
        "notes": plan.notes,
        "columns": msgspec.to_builtins(plan.choices),
    }


def _lines_of(plan: ImportPlan) -> list[str]:
    """What is proposed, for a person: the reasons, the columns that are not used, what to look at."""
    lines = list(plan.reasons)
    left: dict[str, dict[str, list[str]]] = {}
    for choice in plan.choices:
        if choice.becomes == "nothing":
            left.setdefault(choice.file, {}).setdefault(choice.why, []).append(choice.column)
    for file, reasons in left.items():
        told = "; ".join(f"{', '.join(columns)} ({why})" for why, columns in reasons.items())
        lines.append(f"Not used of {file}: {told}.")
    return lines + [f"Look at this: {note}" for note in plan.notes if note not in plan.reasons]


def _import(company: Workspace, files: tuple[Path, ...], chosen: Any, *, quiet: bool) -> Imported:
    from regard.sources.importing import run_import
    from regard.terminal import follow

    rejects, temporary = company.root / "rejects", company.root / "spill"
    events = run_import(
        company.inbox, files, chosen, rejects=rejects, temporary=temporary, memory=company.settings.memory,
        key=company.erasure_key(),
    )  # fmt: skip
    try:
        imported: Imported = follow(_steps(events), quiet=quiet)
        follow(settle(company), quiet=quiet)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise
        hint = "Make room and run it again: what was acknowledged is kept, and rows stored already add nothing."
        raise RegardError(
            "There is no room left where the workspace is.", where=str(company.root), hint=hint
        ) from error
    return imported


def _steps(events: Iterator[Any]) -> Iterator[Any]:
    for event in events:
        if hasattr(event, "bytes_read"):
            yield Step(f"{event.step}, {number(event.rows)} rows, bytes", event.bytes_read, event.bytes_total)
        else:
            yield event


def _declare_proposed(company: Workspace, *, quiet: bool) -> str:
    from regard.signals.toml import written
    from regard.sources.declaring import propose
    from regard.terminal import follow

    _, declared = company.declarations()
    with company.connect() as (connection, _):
        proposal = propose(connection, declared)
    if proposal.declarations == declared:
        return ""
    company.declare(proposal.declarations, by="import --yes")
    follow(settle(company), quiet=quiet)
    return written(msgspec.to_builtins(proposal.declarations))


def _tell(imported: Imported, declared: str) -> None:
    from regard.signals.kinds import BY_NAME

    click.echo(f"Batch {imported.batch} from {imported.source}, in {duration(imported.seconds)}:")
    click.echo(outcome_line(msgspec.to_builtins(imported)))
    for kind, n in imported.kinds.items():
        click.echo(f"  {count(n, kind, BY_NAME[kind].noun)}")
    for note in imported.notes:
        click.echo(f"  {note}")
    if imported.rejects:
        click.echo(f"Bad rows, with line, column, value and reason: {imported.rejects}")
    for reason in imported.reasons[:5]:
        click.echo(f"  {reason}")
    if declared:
        click.echo("Declared as proposed (company.toml); look it over: regard declare")
    click.echo(f"Next: regard report, regard serve. Take it back: regard import --undo {imported.batch}")
