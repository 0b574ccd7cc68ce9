"""Write the reference from the code: ``make docs``. A test compares what is committed with what this writes."""

from __future__ import annotations

import typing
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import click
import msgspec

from regard import errors
from regard.acts import acts
from regard.cli import regard
from regard.findings import Finding, field_help, tables
from regard.questions import questions
from regard.settings import Settings
from regard.signals import declarations
from regard.signals.kinds import COMMON, KINDS
from regard.signals.scope import Given
from regard.trying.trials import Check, Trial, find, known, meta_of
from regard.delivery import receivers  # noqa: F401
from regard.reliability import answering  # noqa: F401
from regard.signals import writers  # noqa: F401
from regard.sources import correcting, mapping, replaying  # noqa: F401  acts register when their module is read
from regard.sources.limits import LIMITS, Wire
from regard.options import help_of

HERE = Path(__file__).parent / "reference"
NOTE = "<!-- written by `make docs` from the code; do not edit -->\n\n"


def table(head: list[str], rows: list[list[str]]) -> str:
    clean = [[str(c).replace("|", "\\|").replace("\n", " ") for c in row] for row in rows]
    return (
        "\n".join(
            ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(r) + " |" for r in clean)]
        )
        + "\n"
    )


def struct(kind: type[msgspec.Struct]) -> str:
    return table(["field", "what it says"], [[f"`{n}`", text] for n, text in field_help(kind).items()])


def questions_page() -> str:
    parts = [
        "# Every question\n",
        "Each is a page `/ROOM/QUESTION`, its twins `.json`, `.csv` and `.svg`, a command and a Python call.\n",
    ]
    shared = set(Finding.__struct_fields__)
    for q in questions().values():
        parts.append(
            f"## {q.title}: `regard {q.room} {q.name}`\n\n{q.help}\n\nNeeds: {', '.join(f'`{n}`' for n in q.needs) or 'nothing'}.\n"
        )
        hints = typing.get_type_hints(q.ask, include_extras=True)
        if q.parameters:
            rows = [
                [
                    f"`--{n.replace('_', '-')}`",
                    "" if p.default in (p.empty, None, "") else f"`{p.default}`",
                    help_of(hints.get(n)),
                ]
                for n, p in q.parameters.items()
            ]
            parts.append(table(["argument", "default", "what it does"], rows))
        own = [[f"`{n}`", t] for n, t in field_help(q.finding).items() if n not in shared]
        parts.append("Its finding:\n\n" + table(["field", "what it says"], own))
        for name, row in tables(q.finding).items():
            parts.append(f"A row of `{name}`:\n\n" + struct(row))
    parts.append("## Every finding\n\n" + struct(Finding))
    parts.append(
        "## The scope of every question\n\n"
        + table(
            ["option", "what it does"],
            [[f"`--{n}`", help_of(h)] for n, h in typing.get_type_hints(Given, include_extras=True).items()],
        )
    )
    return "\n".join(parts)


def trials_page() -> str:
    parts = [
        "# Every trial\n",
        "Each is a command `regard try NAME FILE` and a Python call `trying.NAME(data, ...)`: see "
        "[I have one file](../try.md).\n",
    ]
    shared = set(Trial.__struct_fields__)
    for name in known():
        t = find(name)
        parts.append(f"## {t.title}: `regard try {name}`\n\n{t.help}\n")
        rows = [
            [f"`--{t.spelled(n)}`", n if n != t.spelled(n) else "", "" if p.default in (p.empty, None, "", ()) else f"`{p.default}`",
             meta_of(p.annotation).description or ""]
            for n, p in t.options.items()
        ]  # fmt: skip
        parts.append(table(["option", "in Python, if other", "default", "what it does"], rows))
        own = [[f"`{n}`", text] for n, text in field_help(t.trial).items() if n not in shared]
        parts.append("Its own fields:\n\n" + table(["field", "what it says"], own))
        for field, row in tables(t.trial).items():
            if row is not Check:
                parts.append(f"A row of `{field}`:\n\n" + struct(row))
    parts.append("## Every trial's fields\n\n" + struct(Trial) + "\nA row of `checks`:\n\n" + struct(Check))
    return "\n".join(parts)


def signals_page() -> str:
    parts = [
        "# Kinds of signal\n",
        "Columns every kind has:\n",
        table(["column", "type", "what it holds"], [[f"`{c.name}`", c.type, c.help] for c in COMMON]),
    ]
    for kind in KINDS:
        parts.append(f"## {kind.name}\n\n{kind.help} In SQL: `{kind.noun}`.\n")
        parts.append(
            table(["column", "type", "what it holds"], [[f"`{c.name}`", c.type, c.help] for c in kind.columns])
        )
    return "\n".join(parts)


def declarations_page() -> str:
    parts = ["# Declarations: `company.toml`\n"]
    for name in ("Declarations", "Value", "CustomerBase", "Dimension", "Stage", "Moment", "Rate"):
        parts.append(f"## {name}\n\n{getattr(declarations, name).__doc__}\n\n" + struct(getattr(declarations, name)))
    return "\n".join(parts)


def mapping_page() -> str:
    parts = ["# Mapping files\n", (mapping.__doc__ or "") + "\n"]
    for name, kind in vars(mapping).items():
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == mapping.__name__:
            parts.append(f"## {name}\n\n{kind.__doc__}\n\n" + struct(kind))
    parts.append(
        "## Limits\n\n"
        + table(
            ["limit", "value"],
            [
                [f"`{n}`", getattr(LIMITS, n)]
                for n in getattr(LIMITS, "__struct_fields__", None) or [f.name for f in fields(LIMITS)]
            ],
        )
    )
    return "\n".join(parts)


def limits_page() -> str:
    parts = [
        "# Limits of what is sent over HTTP\n",
        "Each may be set from outside as `REGARD_LIMIT_<NAME>`; each is tried by a test made from this table.\n",
    ]
    rows = [[f"`{f.name}`", f"{f.default:,}", about(f.type)] for f in msgspec.structs.fields(Wire)]
    parts.append(table(["limit", "default", "what it is, and what happens beyond it"], rows))
    parts.append("Files are read within their own limits: see [mapping files](mappings.md#limits).\n")
    return "\n".join(parts)


def about(hint: Any) -> str:
    return next((m.description for m in hint.__metadata__ if isinstance(m, msgspec.Meta)), "")


def settings_page() -> str:
    rows = [
        [f"`REGARD_{f.name.upper()}`", "" if f.default is MISSING else f"`{f.default}`", f.metadata["help"]]
        for f in fields(Settings)
    ]
    return "# Settings\n\n" + table(["variable", "default", "what it does"], rows)


def commands_page() -> str:
    parts = ["# Commands\n"]

    def walk(command: click.Command, path: str) -> None:
        context = click.Context(command, info_name=path)
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                if inner is not None:
                    walk(inner, f"{path} {name}")
            if not command.invoke_without_command or path == "regard":
                return
        rows = []
        for p in command.params:
            if isinstance(p, click.Option):
                rows.append([f"`{', '.join(p.opts)}`", p.help or ""])
            else:
                rows.append([f"`{p.name.upper()}`", "argument"])
        parts.append(f"## `{path}`\n\n{command.help}\n\n" + table(["option", "what it does"], rows))

    walk(regard, "regard")
    return "\n".join(parts)


def errors_page() -> str:
    kinds = [(n, v) for n, v in vars(errors).items() if isinstance(v, type) and issubclass(v, errors.RegardError)]
    rows = [[f"`{n}`", v.exit_code, v.status, (v.__doc__ or "").splitlines()[0]] for n, v in kinds]
    return "# Errors\n\n" + table(["kind", "exit code", "HTTP status", "what it means"], rows)


def acts_page() -> str:
    return "# Acts\n\n" + table(
        ["act", "what it does", "undone by"],
        [[f"`{a.name}`", a.help.splitlines()[0] if a.help else "", a.undone_by] for a in acts().values()],
    )


PAGES = {
    "questions": questions_page,
    "trials": trials_page,
    "signals": signals_page,
    "declarations": declarations_page,
    "mappings": mapping_page,
    "settings": settings_page,
    "limits": limits_page,
    "commands": commands_page,
    "errors": errors_page,
    "acts": acts_page,
}


def build() -> dict[str, str]:
    """Every reference page by its file name."""
    return {f"{name}.md": NOTE + page() for name, page in PAGES.items()}


if __name__ == "__main__":
    HERE.mkdir(parents=True, exist_ok=True)
    for name, text in build().items():
        (HERE / name).write_text(text, "utf-8")
        print(f"wrote docs/reference/{name}")
