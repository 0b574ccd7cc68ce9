"""Findings, progress and errors on a terminal: what commands print. Standard output is for answers, the rest goes to
standard error, so that a pipe carries the answer alone."""

from __future__ import annotations

import shlex
import shutil
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any

import click
import msgspec

from regard.findings import Finding, tables
from regard.sheets import single_values, text_of
from regard.wording import duration, number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regard.errors import RegardError

SHORT = 15  # rows of a table that is shown beside the first
NOTHING_YET = (
    "Next: nothing is here yet. Bring files in: regard import FILE... Or look at a made-up company: regard demo"
)


def tell(finding: Finding) -> None:
    """Print a finding for a person: the answer, what supports it, its first tables, cautions, evidence."""
    width = shutil.get_terminal_size((100, 24)).columns
    click.echo(click.style(folded(finding.answer, width), bold=True))
    chapters = getattr(finding, "chapters", ())
    for fact in finding.facts if not chapters else ():
        click.echo(folded(fact, width, "  "))
    _tell_values(finding)
    if chapters:
        _tell_chapters(chapters, width)
    else:
        tell_tables(finding, width)
    click.echo()
    for text in dict.fromkeys(c.text for c in finding.cautions):
        if text not in {finding.answer, finding.refused} and not chapters:
            click.echo(click.style("! ", fg="yellow") + folded(text, width, "  ").lstrip())
    if finding.refused and not finding.evidence.position:
        click.echo(folded(NOTHING_YET, width, "", "      "))
    elif finding.next_step:
        click.echo(folded(f"Next: {finding.next_step}", width, "", "      "))
    click.echo(click.style(folded(evidence_line(finding), width, "", "  "), dim=True))


def folded(text: str, width: int, first: str = "", rest: str | None = None) -> str:
    """The text in lines as wide as the terminal, broken between words only.

    Args:
        text: One paragraph.
        width: Columns of the terminal.
        first: What the first line begins with.
        rest: What the others begin with; None takes the same.
    """
    rest = first if rest is None else rest
    return textwrap.fill(
        text, max(width - 1, 40), initial_indent=first, subsequent_indent=rest, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def _tell_values(finding: Finding) -> None:
    values = {k: v for k, v in single_values(finding).items() if v not in (None, "")}
    for name, value in values.items() if not tables(type(finding)) else ():
        click.echo(f"  {name.replace('_', ' ')}: {value}")


def _tell_chapters(chapters: Iterable[Any], width: int) -> None:
    """The State as it is read: each chapter its heading, its sentence, its facts, and the command that asks on."""
    for chapter in chapters:
        click.echo()
        click.echo(click.style(chapter.heading, underline=True))
        click.echo(folded(chapter.answer, width))
        for fact in chapter.facts:
            click.echo(folded(fact, width, "  "))
        if chapter.next_step:
            click.echo(folded(f"Next: {chapter.next_step}", width, "  ", "        "))
        click.echo(click.style(f"  {chapter.command}", dim=True))


def tell_tables(finding: Finding, width: int, *, leave: tuple[str, ...] = ()) -> None:
    """Print a finding's first table and a short one beside it, and name the others.

    Args:
        finding: Any finding.
        width: Columns of the terminal.
        leave: Tables that are told otherwise.
    """
    shown = [(n, k) for n, k in tables(type(finding)).items() if getattr(finding, n) and n not in leave]
    short = [(n, k) for n, k in shown[1:] if len(getattr(finding, n)) <= SHORT][:1]
    told = shown[:1] + short
    for name, kind in told:
        click.echo()
        if name != "rows":
            click.echo(click.style(name.replace("_", " ").capitalize(), underline=True))
        for line in text_of(getattr(finding, name), kind, width=width):
            click.echo(line)
    rest = [n for n, k in shown if (n, k) not in told]
    if rest:
        more = ", ".join(n.replace("_", " ") for n in rest)
        click.echo(f"\nMore: {more} (--csv --table {rest[0]}, or --json)")


def evidence_line(finding: Finding) -> str:
    """The evidence in one line."""
    e = finding.evidence
    scope = e.scope
    parts = [f"{scope.get('since')} to {scope.get('until')} against {scope.get('against')}"] if scope else []
    parts.append(f"{e.kind}, n = {number(e.n)}")
    parts += [text for text in (e.complete, e.method) if text]
    parts.append(f"position {number(e.position)}, declarations {e.declarations}")
    return " · ".join(parts)


def command_line(finding: Finding, workspace: str) -> str:
    """The command that asks the same again."""
    e = finding.evidence
    words = ["regard", *e.question.split("/"), "-w", workspace]
    for name in ("since", "until", "against", "by"):
        if e.scope.get(name):
            words += [f"--{name}", str(e.scope[name])]
    for text in e.scope.get("where", []):
        words += ["--where", text]
    for name, value in e.arguments.items():
        if value not in (None, ""):
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def say_error(error: RegardError, *, as_json: bool) -> None:
    """An error for a person on standard error, or as the one JSON object on standard output."""
    if as_json:
        click.echo(msgspec.json.encode(error.as_json()).decode())
        return
    click.echo(click.style("regard: ", fg="red", bold=True) + error.message, err=True)
    if error.where:
        click.echo(f"  where: {error.where}", err=True)
    if error.hint:
        click.echo(f"  next:  {error.hint}", err=True)


def follow(events: Iterable[Any], *, quiet: bool = False) -> Any:
    """Run long work that yields progress; show it on standard error; give back the last thing it yielded.

    Args:
        events: Values with ``what``, ``done`` and ``total`` (total 0: unknown), other values are passed over.
        quiet: Show nothing.
    """
    started, shown, last = time.monotonic(), 0.0, None
    live = sys.stderr.isatty() and not quiet
    for event in events:
        last = event
        now = time.monotonic()
        if quiet or not hasattr(event, "done") or now - shown < (0.1 if live else 5.0):
            continue
        shown = now
        text = progress_line(event.what, event.done, event.total, now - started)
        click.echo(f"\r\x1b[2K{text}" if live else text, nl=not live, err=True)
    if live and shown:
        click.echo("\r\x1b[2K", nl=False, err=True)
    return last


def progress_line(what: str, done: float, total: float, elapsed: float) -> str:
    """Progress in words: what, how far, how fast, how long still."""
    rate = done / elapsed if elapsed > 0 else 0.0
    text = f"{what}: {number(round(done))}"
    if total:
        text += f" of {number(round(total))} ({100 * done / total:.0f} %)"
    if rate:
        text += f", {number(round(rate))} a second"
        if total and done < total:
            text += f", {duration((total - done) / rate)} left"
    return text
