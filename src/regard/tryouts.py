"""`regard try NAME FILE`: an answer from one file, the commands made from the trials' signatures."""

from __future__ import annotations

import shutil
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click

from regard.errors import BadInput, UnknownName
from regard.findings import encoded

if TYPE_CHECKING:
    import inspect

    from regard.trying.trials import Marked, Trial

SHORT = {
    "scores": "How do they score us, how sure is it, has it changed?",
    "drivers": "Which parts of the experience move the score?",
    "value": "What is each customer worth from here on?",
    "churn": "When do they leave, why, and what is at risk?",
    "proof": "Did what we did somewhere work? (compared units)",
    "series": "Did it work everywhere at once? (one series)",
    "effect": "What does using it do, among those who chose to?",
    "experiment": "Which arm of the experiment won, and is it sound?",
    "priorities": "What to do first within the budget?",
    "journey": "What do customers do, step by step, and what changed?",
    "paths": "Which ways do they go from a step, and what changed?",
    "subset": "Who is worse off than their own past, though the total may look well?",
}
"""Each trial in few words, so that the list is shown without reading any of them."""


class Trials(click.Group):
    """The trials; each is read only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every trial."""
        from regard.trying.trials import known

        return list(known())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A trial as a command."""
        from regard.trying.trials import find, known

        return _command(find(cmd_name)) if cmd_name in known() else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As click does, but with suggestions."""
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            raise UnknownName("trial", args[0], self.list_commands(ctx), where="regard try")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The trials as the questions they answer."""
        with formatter.section("Trials"):
            formatter.write_dl([(name, SHORT[name]) for name in self.list_commands(ctx)])


@click.group(name="try", cls=Trials)
def try_group() -> None:
    """An answer from one file, with nothing set up.

    FILE is CSV, Excel, JSON Lines, Parquet or XES, packed or not. Options name its columns; those left out are
    guessed from their headings, and the guess is told. Exit code 0: answered; 3: an honest refusal; 2: the input
    cannot be used as given.
    """


def _command(marked: Marked) -> click.Command:
    options = [option_of(marked, name, p) for name, p in marked.options.items()]
    doors = [
        click.Option(
            ["--read"],
            multiple=True,
            metavar="NAME=VALUE",
            help="How FILE is read, where that is told wrong: sheet, encoding, delimiter, skip, header, format.",
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="The whole answer as one JSON object."),
        click.Option(["--csv", "as_csv"], is_flag=True, help="Its table as CSV."),
        click.Option(["--table"], default="", metavar="NAME", help="Which table, with --csv; default rows."),
        click.Option(["--figure"], default=None, metavar="FILE.svg|png", help="Write its figure."),
    ]
    epilog = f"Example: {marked.example}" if marked.example else None
    return click.Command(
        marked.name,
        params=[click.Argument(["file"], metavar="FILE"), *options, *doors],
        callback=_asker(marked),
        help=marked.help,
        epilog=epilog,
    )


def option_of(marked: Marked, name: str, parameter: inspect.Parameter) -> click.Option:
    """One option, as its annotation and its description say it."""
    from regard.trying.trials import meta_of

    hint, meta = parameter.annotation, meta_of(parameter.annotation)
    bare = typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint
    default = parameter.default
    shown = default not in (parameter.empty, None, "", (), False)
    described = meta.description or ""
    if parameter.default is parameter.empty:
        described += " Needed."
    if bare is bool:
        return click.Option([f"--{marked.spelled(name)}", name], is_flag=True, default=None, help=described)
    if typing.get_origin(bare) is typing.Literal and not shown:
        described += f" One of: {', '.join(str(c) for c in typing.get_args(bare) if c)}."
    return click.Option(
        [f"--{marked.spelled(name)}", name],
        default=None,
        metavar=(meta.extra or {}).get("metavar") or _metavar(bare, described),
        help=described + (f" Default: {default}." if shown else ""),
    )


def _metavar(hint: Any, description: str) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return "|".join(str(c) for c in typing.get_args(hint) if c)
    several = typing.get_origin(hint) is tuple
    if description.startswith("Column"):
        return "A,B,..." if several else "COLUMN"
    if description.startswith("File"):
        return "FILE"
    kinds = {int: "N", float: "NUMBER"}
    return "A,B,..." if several else kinds.get(hint, "NUMBER" if float in typing.get_args(hint) else "TEXT")


def _asker(marked: Marked) -> Callable[..., None]:
    def run(
        *, file: str, read: tuple[str, ...], as_json: bool, as_csv: bool, table: str, figure: str | None, **options: Any
    ) -> None:

        from regard.sheets import csv_of

        found = marked.ask(_columns(file, read), **{k: v for k, v in options.items() if v is not None})
        if figure:
            _write_figure(marked, found, Path(figure), quiet=as_json or as_csv)
        if as_json:
            click.echo(encoded(found).decode())
        elif as_csv:
            click.echo(csv_of(found, table or "rows"), nl=False)
        else:
            tell_trial(found)
        if found.refused:
            sys.exit(3)

    return run


def _columns(file: str, read: tuple[str, ...]) -> Any:
    """The file, read as it is found to be, but for what a person insists on."""
    from regard.sources.reading import OVERRIDES
    from regard.trying.columns import columns_of

    told: dict[str, Any] = {}
    for text in read:
        name, mark, value = text.partition("=")
        if not mark:
            raise BadInput(f"{text!r} is not NAME=VALUE.", where="--read", hint="Write it like encoding=cp1252.")
        if name.strip() not in OVERRIDES:
            raise UnknownName("way of reading", name.strip(), OVERRIDES, where="--read")
        told[name.strip()] = int(value) if name.strip() in {"skip", "header"} and value.isdigit() else value
    return columns_of(file, reading=told)


def _write_figure(marked: Marked, found: Trial, file: Path, *, quiet: bool) -> None:
    if file.suffix.lower() not in {".svg", ".png"}:
        raise BadInput(
            f"A figure is written as .svg or .png, not {file.suffix or 'without an ending'}.",
            where="--figure",
            hint=f"Give {file.stem or 'figure'}.svg.",
        )
    if not file.absolute().parent.is_dir():
        raise BadInput(
            f"There is no folder {file.parent} for the figure.",
            where="--figure",
            hint="Make it, or give another.",
        )
    if found.refused:
        return  # the refusal is told; there is nothing to draw
    drawn = marked.figure(found) if marked.figure else None
    if drawn is None:
        raise BadInput(
            f"try {marked.name} draws no figure of this answer.", where="--figure", hint="Its numbers: --json or --csv."
        )
    from regard.figures import standalone
    from regard.figures.pixels import png

    if file.suffix.lower() == ".png":
        file.write_bytes(png(drawn))
    else:
        file.write_text(standalone(drawn), "utf-8")
    if not quiet:
        click.echo(f"Wrote {file}", err=True)


def tell_trial(found: Trial) -> None:
    """Print a trial for a person: the sentence, the interval, its tables, checks, cautions, the next step."""
    from regard.terminal import folded, tell_tables
    from regard.wording import count, number

    width = shutil.get_terminal_size((100, 24)).columns
    click.echo(click.style(folded(found.answer, width), bold=True))
    for fact in found.facts:
        click.echo(folded(fact, width, "  "))
    if found.interval is not None and found.estimate is not None:
        low, high = (number(round(v, 4)) for v in (found.interval.low, found.interval.high))
        level = f"{100 * found.interval.level:g} % interval"
        click.echo(f"  {number(round(found.estimate, 4))}, {level} {low} to {high}, n = {number(found.n)}")
    tell_tables(found, width, leave=("checks",))
    marks = {True: click.style("passed", fg="green"), False: click.style("failed", fg="red"), None: "cannot tell"}
    if found.checks:
        click.echo(f"\n{count(len(found.checks), 'check')}")
    for check in found.checks:
        click.echo(f"  {marks[check.passed]}: " + folded(check.text, width - 4, "", "      ").lstrip())
    if found.cautions or found.next_step:
        click.echo()
    for text in dict.fromkeys(c.text for c in found.cautions):
        if text not in {found.answer, found.refused}:
            click.echo(click.style("! ", fg="yellow") + folded(text, width, "  ").lstrip())
    if found.next_step:
        click.echo(folded(f"Next: {found.next_step}", width, "", "      "))
    if found.method:
        click.echo(click.style(folded(f"Method: {found.method}", width, "", "  "), dim=True))
