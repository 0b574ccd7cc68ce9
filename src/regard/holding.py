"""``regard held``: what was held back, listed, looked at, repaired, replayed and discarded from the command line."""

from __future__ import annotations

import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from regard.errors import BadInput
from regard.keeping import JSON, WORKSPACE, opened, say, settle
from regard.wording import count, moment, number, truncated

if TYPE_CHECKING:
    from regard.signals.workspace import Workspace
    from regard.sources.replaying import Replayed
    from regard.store.heldback import Group, Item

BY = "command line"
SOURCE = click.option("--source", default="", metavar="NAME", help="Only items of this source.")
CODE = click.option(
    "--code", default="", metavar="CODE", help="Only items held back for this reason, such as id_conflict."
)
ALL = click.option("--all", "everything", is_flag=True, help="Every item that is held back.")
ITEMS = click.argument("items", nargs=-1, type=int, metavar="ID...")


def _company(given: str | None) -> Workspace:
    """The workspace, with what was acknowledged last in its log."""
    company = opened(given, create=False)
    for damage in company.inbox.seal():
        click.echo(f"regard: {damage}", err=True)
    return company


@click.group("held", invoke_without_command=True)
@WORKSPACE
@JSON
@SOURCE
@CODE
@click.option("--after", type=int, default=0, metavar="ID", help="Items after this one: the last of the list before.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Items listed at most.")
@click.pass_context
def held_group(
    context: click.Context, *, workspace: str | None, source: str, code: str, after: int, limit: int, as_json: bool
) -> None:
    """What was held back and waits for a decision: counts by source and reason, then the items."""
    if context.invoked_subcommand is not None:
        return
    from regard.store import heldback

    with _company(workspace) as company, company.state.reading() as connection:
        groups = heldback.groups(connection)
        chosen = [g for g in groups if source in {"", g.source} and code in {"", g.code}]
        items = heldback.listed(connection, source=source, code=code, after=after, limit=limit)
        rest = [i for i in heldback.ids_of(connection, source=source, code=code) if i > after]
    left = len(rest) - len(items)
    total = sum(g.items for g in chosen)
    if as_json:
        more = items[-1].id if items and left else None
        say({"held_back": total, "groups": chosen, "items": [told(i) for i in items], "next": more}, "", as_json=True)
        return
    click.echo(f"{count(total, 'item')} held back." if total else "Nothing is held back.")
    for group in chosen:
        _tell_group(group, [i for i in items if (i.source, i.code) == (group.source, group.code)])
    if left:
        click.echo(f"\n{number(left)} more: add --after {items[-1].id}")


def told(item: Item) -> dict[str, Any]:
    """An item as JSON: the item itself as an object where it is one, repaired or as it was sent."""
    plain = msgspec.structs.asdict(item)
    return {**plain, "item": _object(item.item), "changed": None if item.changed is None else _object(item.changed)}


def _object(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _tell_group(group: Group, items: list[Item]) -> None:
    from regard.sources.replaying import advice, short

    repaired = f", {number(group.repaired)} repaired" if group.repaired else ""
    click.echo(f"\n{click.style(group.source, bold=True)} · {group.code} · {count(group.items, 'item')}{repaired}")
    click.echo(f"  {group.reason}")
    click.echo(f"  {advice(group.code)}")
    chosen = f"--source {shlex.quote(group.source)} --code {group.code}"
    click.echo(f"  {_next_steps(group.code, chosen, items[0] if items else None)}")
    for item in items:
        mark = "*" if item.changed is not None else " "
        click.echo(f"  {item.id:>7}{mark} {item.at[:16].replace('T', ' ')}  {truncated(short(item.text), 90)}")


def _next_steps(code: str, items: str, first: Item | None) -> str:
    """What to do with items held back for a reason, in the order people would; the first of them says what is wrong."""
    from regard.sources.replaying import problem_of
    from regard.store.heldback import CONFLICT

    discard, replay = f"regard held discard {items}", f"regard held replay {items}"
    if code == CONFLICT:
        return f"Next: {discard}, or {replay} --anew"
    problem = problem_of(first) if first is not None else None
    if problem is None:
        return f"Next: {replay}, or {discard}"
    field = problem.field or "FIELD"
    if items.isdigit():
        return f"Next: regard held repair {items} --set {field}=VALUE, then {replay}; or {discard}"
    return f"Next: regard held correct {items} --set {field}=VALUE, then {replay}; or {discard}"


@held_group.command("show")
@WORKSPACE
@JSON
@click.argument("item", type=int, metavar="ID")
def show_command(workspace: str | None, item: int, *, as_json: bool) -> None:
    """One item: why it is held back, every field, and what is stored in its place."""
    from regard.sources import replaying
    from regard.store import heldback

    with _company(workspace) as company:
        with company.state.reading() as connection:
            found = heldback.one(connection, item)
        problem, other = replaying.problem_of(found), replaying.other_side(company, found)
    if as_json:
        say({**told(found), "problem": problem, "stored": other or None}, "", as_json=True)
        return
    click.echo(f"Item {found.id} of {found.source}, batch {found.batch}, received {_when(found.at)}: {found.state}.")
    click.echo(problem.reason if problem else found.reason)
    click.echo(replaying.advice(found.code))
    stored = replaying.fields_of(msgspec.json.encode(other).decode()) if other else {}
    sent = replaying.fields_of(found.item)
    fields = replaying.fields_of(found.text)
    for name, value in {**fields, **{n: fields.get(n, "nothing") for n in [*sent, *stored]}}.items():
        was = f"  (sent: {sent.get(name, 'nothing')})" if sent.get(name) != value else ""
        differs = other and name != "kind" and stored.get(name) != value
        beside = f"  (stored: {stored.get(name, 'nothing')})" if differs else ""
        click.echo(f"  {name}: {value}{was}{beside}")
    if found.state == heldback.OPEN:
        click.echo(_next_steps(found.code, str(found.id), found))


def _when(at: str) -> str:
    return f"{moment(datetime.fromisoformat(at))} UTC"


@held_group.command("repair")
@WORKSPACE
@JSON
@click.option("--set", "changes", multiple=True, metavar="FIELD=VALUE", help="A field; empty takes it out. Repeatable.")
@click.option(
    "--file", type=click.Path(path_type=Path, exists=True, dir_okay=False), default=None, help="The item, as JSON."
)
@click.option("--as-sent", is_flag=True, help="Take the repair back.")
@click.argument("item", type=int, metavar="ID")
def repair_command(
    workspace: str | None, item: int, changes: tuple[str, ...], file: Path | None, *, as_json: bool, as_sent: bool
) -> None:
    """Correct an item; what was sent is kept beside it. Replay it afterwards."""
    from regard.sources.replaying import repair_held

    if bool(changes) + (file is not None) + as_sent != 1:
        hint = f"Such as: regard held repair {item} --set occurred_at=2026-09-01T12:00:00Z"
        raise BadInput("Say what to change: --set, --file or --as-sent.", where="regard held repair", hint=hint)
    fields = _fields(changes)
    text = _read(file) if file else ""
    with _company(workspace) as company:
        found = repair_held(company, item=item, changes=fields or None, text=text, by=BY)
    words = "is as it was sent again" if found.changed is None else "is repaired"
    say(told(found), f"Item {item} {words}. Next: regard held replay {item}", as_json=as_json)


def _fields(changes: tuple[str, ...]) -> dict[str, str]:
    fields = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not name:
            raise BadInput(f"{change!r} sets nothing.", where="--set", hint="FIELD=VALUE, such as plan=pro")
        fields[name] = value
    return fields


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        told_ = f"{file.name} is not UTF-8 text (byte {error.start + 1})."
        raise BadInput(told_, where=str(file), hint="Save it as UTF-8.") from error


def _chosen(company: Workspace, items: tuple[int, ...], source: str, code: str, *, everything: bool) -> list[int]:
    """The items a command is about.

    Raises:
        BadInput: None were named, or in two ways at once.
        UnknownName: There is no such item.
    """
    from regard.store import heldback

    if bool(items) + bool(source or code) + everything != 1:
        hint = "Ids, or --source and --code, or --all. regard held lists them."
        raise BadInput("Say which items.", where="regard held", hint=hint)
    with company.state.reading() as connection:
        for item in items:
            found = heldback.one(connection, item)
            if found.state != heldback.OPEN and len(items) == 1:
                told_ = f"Item {item} is {found.state} already."
                raise BadInput(told_, where=f"item {item}", hint="See what is open: regard held")
        return list(items) or heldback.ids_of(connection, source=source, code=code)


@held_group.command("replay")
@WORKSPACE
@JSON
@SOURCE
@CODE
@ALL
@click.option("--anew", is_flag=True, help="Store each as a signal of its own, under a new message id.")
@ITEMS
def replay_command(
    workspace: str | None,
    items: tuple[int, ...],
    source: str,
    code: str,
    *,
    as_json: bool,
    everything: bool,
    anew: bool,
) -> None:
    """Bring items through the front door again, as repaired; undo the batch they came with to take them back."""
    from regard.sources.replaying import replay_held
    from regard.terminal import follow

    with _company(workspace) as company:
        chosen = _chosen(company, items, source, code, everything=everything)
        done = replay_held(company, items=chosen, anew=anew, by=BY)
        if done.stored:
            follow(settle(company), quiet=as_json)
    say(done, _outcomes(done), as_json=as_json)
    if done.held_back:
        sys.exit(3)


def _outcomes(done: Replayed) -> str:
    parts = [("stored", done.stored), ("duplicate", done.duplicate), ("refused", done.refused)]
    parts += [("still held back", done.held_back)]
    said = ", ".join(f"{number(n)} {words}" for words, n in parts if n) or "nothing to replay"
    lines = [f"  {p.id}: {p.reason} {p.hint}".rstrip() for p in done.problems[:10]]
    more = len(done.problems) - len(lines)
    return "\n".join(
        [said[:1].upper() + said[1:] + ".", *lines, *([f"  and {number(more)} more."] if more > 0 else [])]
    )


@held_group.command("correct")
@WORKSPACE
@JSON
@SOURCE
@CODE
@ALL
@click.option("--set", "change", required=True, metavar="FIELD=VALUE", help="The field; an empty value takes it out.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@ITEMS
def correct_command(
    workspace: str | None,
    items: tuple[int, ...],
    source: str,
    code: str,
    change: str,
    *,
    as_json: bool,
    everything: bool,
    yes: bool,
) -> None:
    """Set one field of many items to one value; what was sent is kept beside it. Replay them afterwards."""
    from regard.sources.correcting import correct_held, preview

    ((field, value),) = _fields((change,)).items()
    with _company(workspace) as company:
        chosen = _chosen(company, items, source, code, everything=everything)
        found = preview(company, items=chosen, field=field, value=value)
        what = f"set {field} to {value}" if value else f"take {field} out"
        if found.changes and not (yes or as_json):
            click.confirm(f"This would {what} in {count(found.changes, 'item')}. Do it", abort=True)
        done = correct_held(company, items=chosen, field=field, value=value, by=BY)
    lines = [f"{count(len(done.items), 'item')} corrected."]
    lines += [f"{count(found.unfit, 'item')} would still not fit:"] if found.unfit else []
    lines += [f"  {p.id}: {p.reason}" for p in found.problems]
    lines += [f"Undo: regard held uncorrect {done.entry}"] if done.entry else []
    say({"corrected": done.items, "entry": done.entry, "unfit": found.unfit}, "\n".join(lines), as_json=as_json)


@held_group.command("uncorrect")
@WORKSPACE
@JSON
@click.argument("entry", type=int, metavar="ENTRY")
def uncorrect_command(workspace: str | None, entry: int, *, as_json: bool) -> None:
    """Take the field of a correction back as it was sent, in the items that are still held back."""
    from regard.sources.correcting import uncorrect_held

    with _company(workspace) as company:
        done = uncorrect_held(company, entry=entry, by=BY)
    say({"uncorrected": done}, f"{count(len(done), 'item')} as sent again.", as_json=as_json)


@held_group.command("discard")
@WORKSPACE
@JSON
@SOURCE
@CODE
@ALL
@ITEMS
def discard_command(
    workspace: str | None, items: tuple[int, ...], source: str, code: str, *, as_json: bool, everything: bool
) -> None:
    """Refuse items: what is stored stays as it is. `regard held restore` takes it back."""
    from regard.sources.replaying import discard_held

    with _company(workspace) as company:
        done = discard_held(company, items=_chosen(company, items, source, code, everything=everything), by=BY)
    say({"discarded": done}, f"{count(len(done), 'item')} discarded.", as_json=as_json)


@held_group.command("restore")
@WORKSPACE
@JSON
@ITEMS
def restore_command(workspace: str | None, items: tuple[int, ...], *, as_json: bool) -> None:
    """Hold discarded items back again."""
    from regard.sources.replaying import restore_held
    from regard.store import heldback

    if not items:
        raise BadInput("Say which items.", where="regard held restore", hint="Their ids, as discard told them.")
    with _company(workspace) as company:
        with company.state.reading() as connection:
            for item in items:
                heldback.one(connection, item)
        done = restore_held(company, items=items, by=BY)
    say({"restored": done}, f"{count(len(done), 'item')} held back again.", as_json=as_json)
