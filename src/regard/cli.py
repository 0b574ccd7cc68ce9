"""The command line: ``regard ROOM QUESTION`` made from the registry, and the commands that keep a workspace.

Every command takes ``-w DIR`` and ``--json``; with ``--json`` standard output is one JSON object and nothing else, for
errors too. Exit codes: 0 answered, 2 bad input, 3 an honest refusal, 4 a damaged file, 6 busy, 1 anything else.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import tempfile
import traceback
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from regard.alerting import alerts_group
from regard.bringing import import_command
from regard.errors import BadInput, RegardError, UnknownName
from regard.findings import encoded
from regard.holding import held_group
from regard.keeping import COMMANDS, JSON, WORKSPACE, bring_up_to_date, ledger_of, opened, say, settle
from regard.settings import settings
from regard.sourcing import sources_group
from regard.terminal import say_error
from regard.tryouts import try_group

if TYPE_CHECKING:
    from collections.abc import Callable

    from regard.signals.workspace import Workspace

ROOM_HELP = {
    "customers": "Does the base grow or shrink, in count and value, and why?",
    "journey": "The experience as customers live it: stages, moments, promises.",
    "listening": "What do customers say, what drives it, what do they need help with?",
    "reliability": "Which customers are served well, and which are disrupted now?",
    "leadership": "What to do next, and is it getting better?",
}


INTAKE = click.option(
    "--intake",
    default=None,
    metavar="HOST:PORT",
    help="Where signals are taken in over HTTP; default 127.0.0.1:7789, port 0 a free one, `off` none.",
)


class Known(click.Group):
    """A group whose unknown commands name the nearest."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As click does, but with suggestions."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            top = ctx.find_root().command
            if ctx.parent and isinstance(top, click.Group) and top.get_command(ctx, args[0]) is not None:
                raise BadInput(f"{args[0]!r} is a command of its own.", hint=f"Run: regard {args[0]}")
            raise UnknownName("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


SECTIONS = {
    "Begin": ("demo", "try", "import", "serve"),
    "Ask": (*ROOM_HELP, "alerts", "report", "questions"),
}
"""What a newcomer meets first, in the order it is needed; every other command keeps the workspace."""
SHORT = {
    "try": "An answer from one file, with nothing set up.",
    "demo": "A made-up company in your browser, to look around in.",
    "import": "Bring files in: CSV, Excel, JSON Lines, Parquet.",
    "alerts": "What is off course now, who is told, and answers.",
    "report": "The State of the Customer, dated; as a file with --out.",
    "questions": "What can be answered, and what to add.",
    "customers": "Grow or shrink, who they are, what is lost.",
    "journey": "Where it hurts, which promises were kept.",
    "listening": "Scores, what drives them, contacts, own words.",
    "reliability": "Who is served well, and who is not.",
    "leadership": "What to do first, and whether it gets better.",
    "ledger": "What became of every signal received.",
    "declare": "What the company declares (company.toml).",
    "simulate": "Fill a workspace with a made-up company.",
    "backup": "Write everything into one file.",
    "restore": "Make a workspace from a backup.",
    "export": "Everything known of one customer.",
}
"""Commands in few words, so that 80 columns hold them."""


class Commands(Known):
    """The top: the rooms, read only when they are asked for, and the commands written here."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands in the order a newcomer needs them."""
        named = {name for names in SECTIONS.values() for name in names}
        rest = tuple(name for name in self.list_commands(ctx) if name not in named)
        for title, names in (*SECTIONS.items(), ("Keep", rest)):
            rows = [(n, SHORT.get(n) or c.get_short_help_str(200)) for n in names if (c := self.get_command(ctx, n))]
            with formatter.section(title):
                formatter.write_dl(rows)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Rooms first, then the rest."""
        return [*ROOM_HELP, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by name."""
        if cmd_name in ROOM_HELP:
            return Room(name=cmd_name, help=ROOM_HELP[cmd_name])
        return super().get_command(ctx, cmd_name)


class Room(Known):
    """One room: its questions are its commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The room's questions."""
        from regard.questions import questions

        return [q.name for q in questions().values() if q.room == self.name]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A question as a command."""
        from regard.options import parameters_of
        from regard.questions import questions

        question = questions().get(f"{self.name}/{cmd_name}")
        if question is None:
            return None
        doors = [
            click.Option(["-w", "--workspace"], default=None, metavar="DIR", help="The workspace."),
            click.Option(["--json", "as_json"], is_flag=True, help="The whole finding as one JSON object."),
            click.Option(["--csv", "as_csv"], is_flag=True, help="Its table as CSV."),
            click.Option(["--table"], default="", help="Which table, with --csv; default the first."),
            click.Option(["--figure"], default=None, metavar="FILE.svg", help="Write its figure."),
        ]
        return click.Command(
            cmd_name, params=[*parameters_of(question), *doors], callback=_asker(question.path), help=question.help
        )


def _asker(path: str) -> Callable[..., None]:
    def run(
        *, workspace: str | None, as_json: bool, as_csv: bool, table: str, figure: str | None, **arguments: Any
    ) -> None:
        from regard.opened import Company
        from regard.sheets import csv_of
        from regard.terminal import tell

        with Company(opened(workspace)) as company:
            bring_up_to_date(company.workspace, quiet=as_json or as_csv)
            finding = company.ask(path, **arguments)
        if figure:
            _write_figure(path, finding, Path(figure), quiet=as_json)
        if as_json:
            click.echo(encoded(finding).decode())
        elif as_csv:
            click.echo(csv_of(finding, table), nl=False)
        else:
            tell(finding)
        if finding.refused:
            sys.exit(3)

    return run


def _write_figure(path: str, finding: Any, file: Path, *, quiet: bool) -> None:
    from regard.figures import standalone
    from regard.questions import find

    draw = find(path).figure
    drawn = draw(finding) if draw and not finding.refused else None
    if drawn is None:
        raise BadInput(
            f"{path} draws no figure of this answer.", where="--figure", hint="Its numbers: --json or --csv."
        )
    if file.suffix.lower() != ".svg":
        raise BadInput(f"A figure is written as .svg, not {file.suffix or 'without an ending'}.", where="--figure")
    file.write_text(standalone(drawn), "utf-8")
    if not quiet:
        click.echo(f"Wrote {file}", err=True)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="regard", message="%(prog)s %(version)s")
def regard() -> None:
    """The engine for customer-driven growth: every signal of your customers in one log, answered.

    Start with `regard demo`, or `regard import FILE...` and then `regard serve`.
    """


@regard.command()
@WORKSPACE
@click.option("--port", type=int, default=None, help="Port on 127.0.0.1; 0 takes a free one.")
@INTAKE
@click.option("--open/--no-open", "open_browser", default=False, help="Open the browser.")
def serve(workspace: str | None, port: int | None, intake: str | None, *, open_browser: bool) -> None:
    """Serve the pages of a workspace on this machine, and take signals in over HTTP."""
    from regard.web.supervisor import serve as run

    chosen = settings(workspace=Path(workspace) if workspace else None, port=port, intake=intake)
    run(chosen.workspace, port=chosen.port, intake=chosen.intake, open_browser=open_browser)


@regard.command()
@click.option("-w", "--workspace", default=None, metavar="DIR", help="Where to keep it; default ./regard-demo.")
@click.option("--port", type=int, default=None, help="Port on 127.0.0.1; 0 takes a free one.")
@INTAKE
@click.option("--signals", type=click.IntRange(1000), default=200_000, show_default=True, help="Size of its log.")
@click.option("--seed", type=int, default=7, show_default=True, help="Another seed, another history.")
@click.option("--plants/--no-plants", default=True, help="With trouble planted to be found; some of it is going on.")
@click.option("--open/--no-open", "open_browser", default=True, help="Open the browser.")
def demo(
    workspace: str | None, port: int | None, intake: str | None, signals: int, seed: int, *, plants: bool,
    open_browser: bool,
) -> None:  # fmt: skip
    """A living, made-up company in your browser; it never mixes with your own data."""
    from regard.web.supervisor import serve as run

    where = Path(workspace) if workspace else Path("regard-demo")
    with opened(str(where)) as company:
        if company.position == 0:
            click.echo(f"Making up a company in {where} ({signals:,} signals)", err=True)
            _simulate(company, signals, seed, quiet=False, until=datetime.now(UTC).date(), plants=plants)
    chosen = settings(port=port, intake=intake)
    run(where, port=chosen.port, intake=chosen.intake, open_browser=open_browser)


@regard.command()
@WORKSPACE
@JSON
@click.option("--signals", type=click.IntRange(1000), default=200_000, show_default=True, help="How many.")
@click.option("--seed", type=int, default=7, show_default=True, help="Another seed, another history.")
@click.option("--plants/--no-plants", default=False, help="With trouble planted to be found; truth.json tells it.")
def simulate(workspace: str | None, signals: int, seed: int, *, plants: bool, as_json: bool) -> None:
    """Fill a workspace with a made-up company whose truth is known (truth.json beside its log)."""
    with opened(workspace) as company:
        _simulate(company, signals, seed, quiet=as_json, plants=plants)
        ledger, truth = ledger_of(company), company.root / "truth.json"
    told = {"ledger": ledger, "truth": str(truth)}
    say(told, f"{ledger['stored']:,} signals stored; the truth is in {truth}", as_json=as_json)


def _simulate(
    workspace: Workspace, signals: int, seed: int, *, quiet: bool, plants: bool, until: date | None = None
) -> None:
    from regard.simulation import UNTIL, Plants, run_simulation
    from regard.terminal import follow

    planted = Plants() if plants else None
    follow(
        run_simulation(workspace, signals=signals, seed=seed, until=until or UNTIL, plants=planted), quiet=quiet
    )  # fmt: skip
    follow(settle(workspace), quiet=quiet)


for _command in (try_group, import_command, alerts_group, held_group, sources_group, *COMMANDS):
    regard.add_command(_command)


def main() -> None:
    """Run the command line; every error leaves in one shape, never as a traceback."""
    as_json = "--json" in sys.argv
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices: its threads cost more than they bring
    try:
        regard.main(prog_name="regard", standalone_mode=False, color=False if os.environ.get("NO_COLOR") else None)
    except RegardError as error:
        say_error(error, as_json=as_json)
        sys.exit(error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
    except click.ClickException as error:
        say_error(BadInput(error.format_message(), hint="Add --help to see what it takes."), as_json=as_json)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        where, what = str(error.filename or ""), str(error.strerror or error).rstrip(".")
        say_error(RegardError(f"{what}.", where=where, hint=_hint(error)), as_json=as_json)
        sys.exit(1)
    except Exception as error:
        if os.environ.get("REGARD_DEBUG"):
            raise
        say_error(_of_the_disk(error) or _unforeseen(error), as_json=as_json)
        sys.exit(1)


def _hint(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "Check the path."
    if isinstance(error, PermissionError):
        return "Choose a place this user may write to."
    if isinstance(error, NotADirectoryError):
        return "A file stands where a directory is needed: name another place."
    room = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
    if error.errno in room or any(f"[errno {n}]" in str(error) for n in room):  # Arrow says it in its words only
        return "Free some space and run it again: what was acknowledged is kept."
    return "Run it again; if it stays so, look at the disk."


def _of_the_disk(error: Exception) -> RegardError | None:
    """What the engine says of a disk that fails or is full; None for everything else."""
    if type(error).__name__ != "IOException":  # named, not imported: the engine is heavy, and may not be loaded
        return None
    said = str(error).partition("IO Error: ")[2] or str(error)
    place = re.search(r'"([^"]+)"', said)
    hint = "Free some space, or look at the disk, and run it again: what was acknowledged is kept."
    return RegardError(said.rstrip("."), where=place.group(1) if place else "the disk", hint=hint)


def _unforeseen(error: Exception) -> RegardError:
    with tempfile.NamedTemporaryFile("w", prefix="regard-", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write(traceback.format_exc())
    return RegardError(
        f"Regard met something it did not foresee: {type(error).__name__}.",
        where=file.name,
        hint="Nothing acknowledged is lost. Please report it with that file (look through it first).",
    )


if __name__ == "__main__":
    main()
