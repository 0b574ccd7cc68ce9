"""The commands that keep a workspace: bring signals in, look after them, take them out."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
import msgspec

from regard.errors import BadInput
from regard.settings import settings
from regard.wording import count, moment, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regard.report.state import State
    from regard.signals.workspace import Workspace

WORKSPACE = click.option(
    "-w",
    "--workspace",
    default=None,
    metavar="DIR",
    help="The workspace; else REGARD_WORKSPACE, else ./regard-workspace.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output and nothing else.")
OUTCOMES = ("received", "stored", "duplicate", "held_back", "refused")


def opened(given: str | None, *, create: bool = True) -> Workspace:
    """The workspace a command was given, made on first use."""
    from regard.signals.workspace import Workspace

    return Workspace.open(settings(workspace=Path(given) if given else None).workspace, create=create)


def settle(workspace: Workspace) -> Iterator[Any]:
    """Bring what was received into the answers."""
    return workspace.settle()


def bring_up_to_date(workspace: Workspace, *, quiet: bool) -> None:
    """Settle what was received but is not yet in the answers: nothing asked here is answered from less than all."""
    from regard.terminal import follow

    for damage in workspace.inbox.seal():
        click.echo(f"regard: {damage}", err=True)
    if workspace.settled_position < workspace.position:
        follow(settle(workspace), quiet=quiet)


def say(told: Any, text: str, *, as_json: bool) -> None:
    """The one JSON object, or the sentence."""
    click.echo(msgspec.json.encode(told).decode() if as_json else text)


def outcome_line(told: dict[str, Any]) -> str:
    """The four outcomes in one line that adds up."""
    return (
        f"{number(told['received'])} received = {number(told['stored'])} stored + {number(told['duplicate'])} duplicate"
        f" + {number(told['held_back'])} held back + {number(told['refused'])} refused"
    )


def ledger_of(workspace: Workspace) -> dict[str, Any]:
    """Outcomes in all, with a row per source; batches that were undone are left out. And what is in none of them."""
    from regard.sources import refusals

    rows = workspace.ledger()
    total = {k: v for k, v in rows[-1].items() if k != "source"}
    return {**total, "sources": rows[:-1], "turned_away": refusals.told(workspace.root)}


@click.command("ledger")
@WORKSPACE
@JSON
def ledger_command(workspace: str | None, *, as_json: bool) -> None:
    """What was received, and what became of it: stored, duplicate, held back, refused."""
    with opened(workspace) as company:
        told = ledger_of(company)
    if as_json:
        say(told, "", as_json=True)
        return
    click.echo(outcome_line(told))
    for row in told["sources"]:
        click.echo(f"  {row['source']}: {outcome_line(row)}")
    _tell_turned_away(told["turned_away"])


def _tell_turned_away(told: dict[str, Any]) -> None:
    """Requests that are in none of the counts, with what to do about each reason."""
    if not told["rows"]:
        return
    turned = f"{count(told['requests'], 'request')} {'was' if told['requests'] == 1 else 'were'} turned away"
    click.echo(f"In none of these counts: {turned} in {told['days']} days.")
    for row in told["rows"]:
        of = f", source {row['source']}" if row["source"] else ""
        more = f", by {row['client']}" if row["client"] else ""
        key = f", key {row['key']}…" if row["key"] else ""
        path = f", to {row['path']}" if row["path"] else ""
        many = count(row["requests"], "request")
        click.echo(f"  {row['why']}{of}: {many} {row['when']} {row['from']}{more}{key}{path}")
        click.echo(f"    {row['change']}")


@click.command("batches")
@WORKSPACE
@JSON
def batches_command(workspace: str | None, *, as_json: bool) -> None:
    """Every import: undo one with `regard import --undo BATCH`."""
    with opened(workspace) as company:
        rows = company.inbox.batches()
    if as_json:
        say({"batches": rows}, "", as_json=True)
        return
    for row in rows:
        state = "undone" if row["undone"] else "finished" if row["finished"] else "open"
        when = moment(datetime.fromisoformat(row["started"]))
        click.echo(f"{row['id']:>6}  {when} UTC  {row['source']}  {state}  {outcome_line(row)}")
    if not rows:
        click.echo("Nothing was imported yet. Try: regard import FILE...")


@click.command("rebuild")
@WORKSPACE
@JSON
@click.option("--state", "state_too", is_flag=True, help="Make the state again first, where it is gone or too old.")
def rebuild_command(workspace: str | None, *, as_json: bool, state_too: bool) -> None:
    """Make the lake again from the inbox; answers stay the same."""
    from regard.signals.workspace import Workspace
    from regard.terminal import follow

    if state_too:
        root = settings(workspace=Path(workspace) if workspace else None).workspace
        made = Workspace.make_state_again(root)
        click.echo("The state was made again." if made else "The state is whole and up to date.", err=True)
    with opened(workspace, create=False) as company:
        follow(company.rebuild(), quiet=as_json)
        position, counts = company.position, company.counts()
    say({"position": position, "counts": counts}, f"Rebuilt to position {number(position)}.", as_json=as_json)


@click.command("verify")
@WORKSPACE
@JSON
def verify_command(workspace: str | None, *, as_json: bool) -> None:
    """Read every stored file and compare its checksum."""
    with opened(workspace, create=False) as company:
        problems = [str(p) for p in company.verify()]
    say({"problems": problems}, "\n".join(problems) or "Every file is what was written.", as_json=as_json)
    if problems:
        sys.exit(4)


@click.command("backup")
@WORKSPACE
@JSON
@click.argument("file", type=click.Path(path_type=Path))
def backup_command(workspace: str | None, file: Path, *, as_json: bool) -> None:
    """Write everything into one file, while the workspace goes on working."""
    with opened(workspace, create=False) as company:
        company.backup(file)
    say({"backup": str(file), "bytes": file.stat().st_size}, f"Wrote {file}.", as_json=as_json)


@click.command("restore")
@click.option("-w", "--workspace", default=None, metavar="DIR", help="Where to; must not exist yet.")
@JSON
@click.argument("file", type=click.Path(path_type=Path))
def restore_command(workspace: str | None, file: Path, *, as_json: bool) -> None:
    """Make a workspace from a backup; whoever was erased since stays erased."""
    from regard.signals.workspace import Workspace
    from regard.terminal import follow

    where = settings(workspace=Path(workspace) if workspace else None).workspace
    with Workspace.restore(file, where) as company:
        follow(settle(company), quiet=as_json)
        position = company.position
    told = {"workspace": str(where), "position": position}
    say(told, f"Restored {where} to position {number(position)}.", as_json=as_json)


@click.command("erase")
@WORKSPACE
@JSON
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.argument("customer")
def erase_command(workspace: str | None, customer: str, *, as_json: bool, yes: bool) -> None:
    """Erase a customer everywhere. It cannot be undone: what is erased is gone."""
    from regard.terminal import follow

    with opened(workspace, create=False) as company:
        if not yes and not as_json:
            click.confirm(f"Erase everything known of {_called(company, customer)}? It cannot be undone", abort=True)
        follow(company.erase(customer), quiet=as_json)
    say({"erased": customer}, f"Everything known of {customer} was erased.", as_json=as_json)


def _called(company: Workspace, customer: str) -> str:
    """The id with the name it stands for, so that nobody is erased by a slip; the id alone where nobody is found."""
    try:
        name = (company.export_customer(customer)["customer"] or {}).get("name")
    except BadInput:
        return customer
    return f"{customer} ({name})" if name and name != customer else customer


@click.command("export")
@WORKSPACE
@click.option("--json", "as_json", is_flag=True, help="As is: an export is always one JSON object.")
@click.option("--out", type=click.Path(path_type=Path), default=None, help="A file instead of standard output.")
@click.argument("customer")
def export_command(workspace: str | None, customer: str, out: Path | None, *, as_json: bool) -> None:
    """Everything known of one customer, as one JSON object."""
    del as_json
    with opened(workspace, create=False) as company:
        told = msgspec.json.encode(company.export_customer(customer))
    if out:
        out.write_bytes(told)
        click.echo(f"Wrote {out}", err=True)
    else:
        click.echo(told.decode())


@click.command("questions")
@WORKSPACE
@JSON
def questions_command(workspace: str | None, *, as_json: bool) -> None:
    """Every question, whether it can be answered, and what to add for the next."""
    from regard.signals.readiness import readiness

    with opened(workspace) as company:
        rows = readiness(counts=company.counts(), declarations=company.declarations()[1])
    if as_json:
        say({"questions": rows}, "", as_json=True)
        return
    ready = sum(1 for row in rows if row.ready)
    click.echo(f"{ready} of {count(len(rows), 'question')} answerable.")
    for row in rows:
        missing = "" if row.ready else f" ({row.missing})"
        click.echo(f"  {'✓' if row.ready else '·'} {_command_of(row.path)}: {row.title}{missing}")
    first = next((row for row in rows if row.ready and row.path.startswith("listening")), None)
    click.echo(f"Ask one: {_command_of(first.path)}" if first else "Next: regard import FILE...")


def _command_of(path: str) -> str:
    return "regard report" if path == "report/state" else f"regard {path.replace('/', ' ')}"


@click.command("declare")
@WORKSPACE
@JSON
@click.option("--proposed", is_flag=True, help="Confirm what is proposed from the data.")
@click.option("--from", "file", type=click.Path(path_type=Path, exists=True), default=None, help="A company.toml.")
def declare_command(workspace: str | None, file: Path | None, *, as_json: bool, proposed: bool) -> None:
    """Show, propose or confirm what the company declares (company.toml)."""
    from regard.signals.declarations import Declarations
    from regard.signals.toml import written
    from regard.signals.workspace import declarations_text, parse_declarations
    from regard.sources.declaring import propose
    from regard.terminal import follow

    with opened(workspace) as company:
        reasons: tuple[str, ...] = ()
        version, declared = company.declarations()
        if file and proposed:
            raise BadInput("Give either --proposed or --from, not both.", where="regard declare")
        if file:
            declared = parse_declarations(declarations_text(file), where=str(file))
        elif proposed or declared == Declarations():
            follow(settle(company), quiet=as_json)
            with company.connect() as (connection, _):
                proposal = propose(connection, declared)
            declared, reasons = proposal.declarations, tuple(str(r) for r in proposal.reasons)
        if file or proposed:
            version = company.declare(declared, by="command line")
            follow(settle(company), quiet=as_json)
    told = {"version": version, "declarations": declared, "reasons": reasons, "confirmed": bool(file or proposed)}
    text = written(msgspec.to_builtins(declared)) + "".join(f"\n# {r}" for r in reasons)
    if not (told["confirmed"] or version):
        text += "\n# Proposed. Confirm: regard declare --proposed"
    say(told, text, as_json=as_json)


@click.command("report")
@WORKSPACE
@JSON
@click.option("--out", type=click.Path(path_type=Path), default=None, help="FILE.html or FILE.json.")
@click.option("--since", default="", help="First day, YYYY-MM-DD.")
@click.option("--until", default="", help="Last day, included, YYYY-MM-DD.")
@click.option("--period", default="", help="Instead of the two: 2026-Q3, 2026-09, 90d.")
@click.option("--against", default="", help="before (default), year, or a period.")
@click.option("--where", multiple=True, help="Filters: region=EU.")
@click.option("--by", default="", help="Grouping.")
def report_command(workspace: str | None, out: Path | None, *, as_json: bool, **scope: Any) -> None:
    """The State of the Customer: dated, reproducible, as a page, a self-contained file or JSON."""
    from regard.opened import Company
    from regard.report import document
    from regard.terminal import tell

    if out is not None and out.suffix.lower() not in {".html", ".json"}:
        raise BadInput(f"A report is written as .html or .json, not {out.suffix or 'no ending'}.", where="--out")
    with Company(opened(workspace)) as company:
        bring_up_to_date(company.workspace, quiet=as_json)
        state = cast("State", company.ask("report/state", **scope))
    if out is not None:
        text = document.html(state) if out.suffix.lower() == ".html" else document.json(state).decode()
        out.write_text(text, "utf-8")
        click.echo(f"Wrote {out}", err=True)
    if as_json:
        click.echo(document.json(state).decode())
    elif out is None:
        tell(state)


COMMANDS: tuple[click.Command, ...] = (
    report_command,
    questions_command,
    declare_command,
    ledger_command,
    batches_command,
    rebuild_command,
    verify_command,
    backup_command,
    restore_command,
    erase_command,
    export_command,
)
