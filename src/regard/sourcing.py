"""``regard sources``: who may send signals here, their write keys, and what came of each, from the command line."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click
import msgspec

from regard.errors import BadInput
from regard.keeping import JSON, OUTCOMES, WORKSPACE, opened, outcome_line, say
from regard.wording import count, moment

if TYPE_CHECKING:
    from regard.signals.workspace import Workspace
    from regard.signals.writers import Key, Made

BY = "command line"


@click.group("sources", invoke_without_command=True)
@WORKSPACE
@JSON
@click.pass_context
def sources_group(context: click.Context, *, workspace: str | None, as_json: bool) -> None:
    """Where signals come from: every source, its keys, when it last sent, and what became of what it sent."""
    if context.invoked_subcommand is None:
        _list(workspace, as_json=as_json)


@sources_group.command("list")
@WORKSPACE
@JSON
def list_command(workspace: str | None, *, as_json: bool) -> None:
    """The same as `regard sources`."""
    _list(workspace, as_json=as_json)


def _list(workspace: str | None, *, as_json: bool) -> None:
    with opened(workspace) as company:
        rows = rows_of(company)
    if as_json:
        say({"sources": rows}, "", as_json=True)
        return
    for row in rows:
        kind = f" ({row['what']})" if row["what"] else ""
        click.echo(f"{row['source']}{kind}: {outcome_line(row)}")
        when = f"last received {_moment(row['last_received'])}" if row["last_received"] else "nothing received yet"
        added = f"added {_moment(row['created'])}, " if row["created"] else ""
        click.echo(f"    {added}{when}; {row['key']}")
    if not rows:
        click.echo("No source yet. Add one: regard sources add NAME, or bring files in: regard import FILE...")


def rows_of(company: Workspace) -> list[dict[str, Any]]:
    """Every source, added or met in files: what it is, since when, counts, when it last sent, state of its keys."""
    from regard.store import latest

    outcomes = {row["source"]: row for row in company.ledger()}
    added = {row["name"]: row for row in company.sources()}
    names = sorted({*added, *outcomes} - {""})
    last = latest.told(company.inbox, names, most=0)
    none = {"what": "", "created": "", "keys": [], **dict.fromkeys(OUTCOMES, 0)}
    return [
        {
            **none,
            **outcomes.get(name, {}),
            **{k: v for k, v in added.get(name, {}).items() if k not in {"name", "open"}},
            "source": name,
            "last_received": last[name].last_at,
            "key": _state(added.get(name, {}).get("keys", [])),
        }
        for name in names
    ]


def _state(keys: list[Key]) -> str:
    """The keys of a source in words."""
    if not keys:
        return "no key: it comes from files"
    open_ = [k for k in keys if k.open]
    gone = len(keys) - len(open_)
    said = (
        [f"{count(len(open_), 'key')} open ({', '.join(_called(k) for k in open_)})"] if open_ else ["no key opens it"]
    )
    return "; ".join([*said, *([f"{gone} taken back"] if gone else [])])


def _called(key: Key) -> str:
    return f"{key.id}: rk_…{key.ending}" if key.ending else f"{key.id}"


def _moment(text: str) -> str:
    return f"{moment(datetime.fromisoformat(text))} UTC"


@sources_group.command("add")
@WORKSPACE
@JSON
@click.option("--what", default="", metavar="KIND", help="What it is: website, app, server, service or survey tool.")
@click.argument("name")
def add_command(workspace: str | None, name: str, what: str, *, as_json: bool) -> None:
    """Add a source; its write key is printed once, alone on the last line."""
    from regard.signals.writers import add_source

    with opened(workspace) as company:
        made = add_source(company, name=name, what=what, by=BY)
    _tell(made, f"Source {made.source} added.", what=what, as_json=as_json)


@sources_group.command("key")
@WORKSPACE
@JSON
@click.argument("name")
def key_command(workspace: str | None, name: str, *, as_json: bool) -> None:
    """Give a source a new key beside the one it has, which goes on working until it is taken back."""
    from regard.signals.writers import add_key, keys

    with opened(workspace, create=False) as company:
        made = add_key(company, source=name, by=BY)
        with company.state.reading() as connection:
            old = [k for k in keys(connection, name) if k.open and k.id != made.id]
    words = f"Key {made.id} of {name} opens it too."
    if old:
        words += f" Once every sender uses it: regard sources revoke {name} --key {old[-1].id}"
    _tell(made, words, as_json=as_json)


def _tell(made: Made, words: str, *, what: str = "", as_json: bool) -> None:
    from regard.settings import Settings

    if as_json:
        say(msgspec.structs.asdict(made), "", as_json=True)
        return
    address = f"http://{Settings.intake}"
    click.echo(f"{words} Its write key is shown only now, on the last line. Next:", err=True)
    click.echo(f"  1. regard serve    (signals are sent to {address} unless --intake says otherwise)", err=True)
    if what == "service":
        click.echo("  2. Give OpenTelemetry's exporter the address and the key:", err=True)
        click.echo(f"     OTEL_EXPORTER_OTLP_ENDPOINT={address} OTEL_EXPORTER_OTLP_HEADERS=x-write-key=KEY", err=True)
    else:
        click.echo("  2. Give the key to the client you have, or try it:", err=True)
        body = '{"kind": "event", "person": "user-1", "name": "First Event"}'
        click.echo(f"     curl {address}/v1/signals -H 'Authorization: Bearer KEY' -d '{body}'", err=True)
    click.echo("  3. See it arrive: regard sources, or the page Sources", err=True)
    click.echo(made.write_key)


@sources_group.command("revoke")
@WORKSPACE
@JSON
@click.option("--key", type=int, default=0, metavar="ID", help="Which key, where the source has several.")
@click.argument("name")
def revoke_command(workspace: str | None, name: str, key: int, *, as_json: bool) -> None:
    """Let a key of a source open nothing any more; `regard sources restore` lets it in again."""
    from regard.signals.writers import keys, revoke_key

    with opened(workspace, create=False) as company:
        with company.state.reading() as connection:
            found = [k for k in keys(connection, name) if k.open]
        chosen = _chosen(found, name, key)
        revoke_key(company, key=chosen.id, by=BY)
    left = len(found) - 1
    opens = (
        f"{count(left, 'other key')} still {'opens' if left == 1 else 'open'} it." if left else "Nothing opens it now."
    )
    next_ = f"A new key: regard sources key {name}. By mistake? regard sources restore {chosen.id}"
    told = f"Key {chosen.id} of {name} opens nothing any more, from a second on. What it brought stays. {opens}"
    say({"source": name, "key": chosen.id, "revoked": True}, f"{told}\n{next_}", as_json=as_json)


def _chosen(found: list[Key], name: str, key: int) -> Key:
    """The key meant.

    Raises:
        BadInput: None is open, several are and none was named, or it is of another source.
    """
    if not found:
        hint = f"Give it a new one: regard sources key {name}"
        raise BadInput(f"No key opens {name}.", where="regard sources revoke", hint=hint)
    if not key and len(found) > 1:
        hint = f"Say which: --key {' or --key '.join(str(k.id) for k in found)}; regard sources lists them."
        raise BadInput(f"{name} has {len(found)} keys.", where="--key", hint=hint)
    chosen = [k for k in found if key in {0, k.id}]
    if not chosen:
        raise BadInput(f"Key {key} opens nothing of {name}.", where="--key", hint="See them all: regard sources")
    return chosen[0]


@sources_group.command("restore")
@WORKSPACE
@JSON
@click.argument("key", type=int, metavar="ID")
def restore_command(workspace: str | None, key: int, *, as_json: bool) -> None:
    """Let a key that was taken back open its source again."""
    from regard.signals.writers import restore_key

    with opened(workspace, create=False) as company:
        found = restore_key(company, key=key, by=BY)
    say(
        {"source": found.source, "key": key, "revoked": False},
        f"Key {key} opens {found.source} again.",
        as_json=as_json,
    )
