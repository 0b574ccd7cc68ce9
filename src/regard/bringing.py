"""``regard import``: files into the log from the command line, proposal and confirmation included."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from regard.errors import BadInput
from regard.keeping import JSON, WORKSPACE, opened, outcome_line, say, settle
from regard.wording import count, duration, number

if TYPE_CHECKING:
    from regard.signals.workspace import Workspace
    from regard.sources.importing import Imported


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
@click.option("--undo", type=int, default=None, metavar="BATCH", help="Take a batch back instead.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
def import_command(
    workspace: str | None,
    files: tuple[Path, ...],
    mapping: Path | None,
    keep_mapping: Path | None,
    undo: int | None,
    *,
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
        _bring(company, files, mapping, keep_mapping, as_json=as_json, yes=yes)


def _undo(company: Workspace, batch: int, *, as_json: bool) -> None:
    from regard.terminal import follow

    company.inbox.undo(batch)
    follow(settle(company), quiet=as_json)
    say({"undone": batch, "position": company.position}, f"Batch {batch} was taken back everywhere.", as_json=as_json)


def _bring(
    company: Workspace, files: tuple[Path, ...], mapping: Path | None, keep: Path | None, *, as_json: bool, yes: bool
) -> None:
    from regard.sources.mapping import read_mapping
    from regard.sources.proposing import propose
    from regard.sources.writing import write_mapping

    for file in files:
        if not file.is_file():
            raise BadInput("There is no such file.", where=str(file), hint="Check the path.")
    if mapping is not None:
        chosen = read_mapping(_text(mapping), name=str(mapping))
    else:
        proposal = propose(files)
        chosen = proposal.mapping
        if not (yes or _confirmed(proposal, as_json=as_json)):
            return
    if keep is not None:
        keep.write_text(write_mapping(chosen), "utf-8")
    imported = _import(company, files, chosen, quiet=as_json)
    declared = _declare_proposed(company, quiet=as_json) if yes else ""
    if as_json:
        say({**msgspec.to_builtins(imported), "declared": declared, "position": company.position}, "", as_json=True)
        return
    _tell(imported, declared)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput("A mapping file is UTF-8 text.", where=str(path), hint="Save it as UTF-8.") from error


def _confirmed(proposal: Any, *, as_json: bool) -> bool:
    from regard.sources.writing import write_mapping

    text = write_mapping(proposal.mapping)
    if as_json:
        say(
            {"proposed": text, "imported": None, "next": "Run it again with --yes, or with --mapping."},
            "",
            as_json=True,
        )
        return False
    click.echo(text)
    for reason in proposal.reasons:
        click.echo(f"# {reason}")
    if sys.stdin.isatty():
        return click.confirm("Import it so?", default=True)
    raise BadInput(
        "Nothing was imported: the mapping above is only proposed.",
        where="regard import",
        hint="Run it again with --yes, or keep it in a file, edit it and give --mapping.",
    )


def _import(company: Workspace, files: tuple[Path, ...], chosen: Any, *, quiet: bool) -> Imported:
    from regard.sources.importing import run_import
    from regard.terminal import follow

    rejects, temporary = company.root / "rejects", company.root / "spill"
    events = run_import(
        company.inbox, files, chosen, rejects=rejects, temporary=temporary, memory=company.settings.memory
    )
    imported: Imported = follow(_steps(events), quiet=quiet)
    follow(settle(company), quiet=quiet)
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
    click.echo(f"Batch {imported.batch} from {imported.source}, in {duration(imported.seconds)}:")
    click.echo(outcome_line(msgspec.to_builtins(imported)))
    for kind, n in imported.kinds.items():
        click.echo(f"  {count(n, kind)}")
    for note in imported.notes:
        click.echo(f"  {note}")
    if imported.rejects:
        click.echo(f"Bad rows, with line, column, value and reason: {imported.rejects}")
    for reason in imported.reasons[:5]:
        click.echo(f"  {reason}")
    if declared:
        click.echo("Declared as proposed (company.toml); look it over: regard declare")
    click.echo(f"Next: regard report, regard serve. Take it back: regard import --undo {imported.batch}")
