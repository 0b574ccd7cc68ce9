"""What was held back, repaired and replayed: read again, corrected field by field, brought through the front door.

Each change is an act, entered in the record. What was repaired is kept beside what was sent; a replay is one
transaction per batch, so that an item is never stored twice and every count adds up at every moment.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec

from regard import wording
from regard.acts import act
from regard.errors import BadInput, RegardError
from regard.sources.rereading import LABELS, message_field, read, typed
from regard.store import heldback, replays
from regard.store.heldback import CONFLICT, OPEN
from regard.store.state import write_down

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from regard.signals.workspace import Workspace
    from regard.store.heldback import Item

AT_ONCE = 2_000
"""Items replayed in one transaction."""

ADVICE = {
    CONFLICT: "Another item with this message id is stored already, and says something else. Keep what is stored, "
    "which discards this one; or store this one as well, as a signal of its own.",
    "future": "It says it happened in the future: the sender's clock was wrong. Correct the time and replay it.",
    "shared_id": "It joins an id that stands for nobody, which would make one customer of many. Correct the id and "
    "replay it, or discard it.",
}
FIRST = ("name", "event", "type", "person", "userId", "distinct_id", "account", "anonymous", "occurred_at", "timestamp")
"""Fields an item is told by first; ids of messages come last."""

OTHERWISE = "Correct what the reason names and replay it, or discard it."


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of items replayed; ``problems`` says of each that stays held back why."""

    stored: int = 0
    duplicate: int = 0
    refused: int = 0
    held_back: int = 0
    problems: tuple[Problem, ...] = ()


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why an item cannot be stored as it is: the field concerned, if one is, and the reason."""

    id: int
    field: str
    reason: str
    hint: str


# ---------------------------------------------------------------------- the acts


@act(undone_by="repair_held, with the item as it was sent")
def repair_held(
    workspace: Workspace, *, item: int, changes: Mapping[str, str] | None = None, text: str = "", by: str = ""
) -> Item:
    """Correct an item that was held back; what was sent is kept beside it.

    Args:
        workspace: Where.
        item: Its id.
        changes: Field to new value, as text; an empty value takes the field out. ``labels.plan`` names a field inside.
        text: Instead of changes, the whole item as JSON; empty without changes takes the repair back.
        by: Who.

    Raises:
        UnknownName: There is no such item, or a field it cannot have.
        BadInput: It is settled already, or would still not fit.
    """
    with workspace.state.reading() as connection:
        found = heldback.one(connection, item)
    changed = changed_text(found, changes) if changes else text or None
    if changed is not None:
        read(msgspec.structs.replace(found, changed=changed))
        changed = None if changed == found.item else changed
    with workspace.state.writing() as connection:
        repaired = heldback.repair(connection, item, changed=changed)
        fields = {"items": str(item), "fields": sorted(changes or {})}
        write_down(connection, "repair_held", json.dumps(fields), by=by)
    return repaired


@act(undone_by="undo of the batch the items came with: regard import --undo BATCH")
def replay_held(workspace: Workspace, *, items: Sequence[int], anew: bool = False, by: str = "") -> Replayed:
    """Bring items that were held back through the front door again, as repaired.

    Args:
        workspace: Where.
        items: Their ids; those settled already are passed over.
        anew: Store each as a signal of its own, under a message id that nothing else has.
        by: Who.

    Raises:
        Busy: Another process kept the inbox too long.
    """
    told: dict[str, int] = dict.fromkeys(("stored", "duplicate", "refused", "held_back"), 0)
    problems: list[Problem] = []
    for page in _pages(workspace, items):
        for batch, of_batch in groupby(sorted(page, key=lambda i: (i.batch, i.id)), key=lambda i: i.batch):
            ready, broken = _read_all([_of_its_own(i) if anew else i for i in of_batch])
            outcomes = replays.replay(workspace.inbox, batch, ready, by=by, record="replay_held") if ready else {}
            problems += broken
            problems += [_still(i) for i, outcome in outcomes.items() if outcome == replays.STAYS]
            for outcome in [*outcomes.values(), *(replays.STAYS for _ in broken)]:
                told[outcome] += 1
    return Replayed(**told, problems=tuple(problems))


@act(undone_by="restore_held")
def discard_held(workspace: Workspace, *, items: Sequence[int], by: str = "") -> list[int]:
    """Refuse items that were held back; they count as refused. Returns the ids discarded.

    Args:
        workspace: Where.
        items: Their ids; those settled already are passed over.
        by: Who.
    """
    with workspace.state.writing() as connection:
        done = heldback.discard(connection, items, by=by)
        if done:
            write_down(connection, "discard_held", heldback.ids_text(done), by=by)
    return done


@act(undone_by="discard_held")
def restore_held(workspace: Workspace, *, items: Sequence[int], by: str = "") -> list[int]:
    """Hold discarded items back again. Returns the ids that are open again.

    Args:
        workspace: Where.
        items: Their ids; those not discarded are passed over.
        by: Who.
    """
    with workspace.state.writing() as connection:
        done = heldback.bring_back(connection, items)
        if done:
            write_down(connection, "restore_held", heldback.ids_text(done), by=by)
    return done


def _pages(workspace: Workspace, items: Sequence[int]) -> Iterator[list[Item]]:
    for start in range(0, len(items), AT_ONCE):
        with workspace.state.reading() as connection:
            found = heldback.several(connection, items[start : start + AT_ONCE])
        yield [item for item in found if item.state == OPEN]


def _read_all(items: Sequence[Item]) -> tuple[list[replays.Again], list[Problem]]:
    ready, broken = [], []
    for item in items:
        problem = problem_of(item)
        if problem is None:
            ready.append(read(item))
        else:
            broken.append(problem)
    return ready, broken


def _still(item: int) -> Problem:
    reason = "Its message id is still known with other content."
    return Problem(id=item, field="message_id", reason=reason, hint=f"regard held show {item}")


def _of_its_own(item: Item) -> Item:
    """The item under a message id of its own; the same each time, so that nothing is stored twice."""
    text = json.loads(item.text)
    field = message_field(item.format)
    text[field] = f"{text.get(field) or ''}#held-{item.id}"
    return msgspec.structs.replace(item, changed=json.dumps(text, ensure_ascii=False))


# ---------------------------------------------------------------------- for forms and lists


def problem_of(item: Item) -> Problem | None:
    """Why an item could not be read now, or None; a conflict shows only when it is replayed."""
    try:
        read(item)
    except RegardError as error:
        return Problem(id=item.id, field=error.where, reason=error.message, hint=error.hint)
    return None


def advice(code: str) -> str:
    """What to do about items held back for a reason."""
    return ADVICE.get(code, OTHERWISE)


def other_side(workspace: Workspace, item: Item) -> dict[str, Any]:
    """What is stored under the message id of an item in conflict; nothing where it cannot be told."""
    if item.code != CONFLICT or problem_of(item) is not None:
        return {}
    return replays.known(workspace.inbox, item.source, read(item).rows[0]) or {}


def short(text: str, most: int = 6) -> str:
    """An item in a line: its first fields that say something, the kind first, what happened and when in words."""
    fields = fields_of(text)
    last = {"message_id", "messageId", "uuid", "sent_at", "sentAt"}
    rank = {name: place for place, name in enumerate(FIRST)}
    ordered = sorted(fields.items(), key=lambda f: (f[0] in last, rank.get(f[0], len(rank))))
    said = [_in_words(name, value) for name, value in ordered if value and name != "kind"]
    return ", ".join([*([fields["kind"]] if fields.get("kind") else []), *said[:most]])


def _in_words(name: str, value: str) -> str:
    if name in {"name", "event"}:
        return wording.title(value)
    with suppress(ValueError, OverflowError):
        if len(value) >= len("2026-11-26T12:00") and value[:4].isdigit():
            value = f"{wording.moment(datetime.fromisoformat(value))} UTC"
    return f"{name.removeprefix(f'{LABELS}.').replace('_', ' ')} {value}"


def fields_of(text: str) -> dict[str, str]:
    """The fields of an item as texts, those inside objects by dotted names; empty where it is no JSON object."""
    found = _object(text)
    flat: dict[str, str] = {}
    if isinstance(found, dict):
        _flatten(found, "", flat)
    return flat


def _flatten(value: dict[str, Any], before: str, flat: dict[str, str]) -> None:
    for name, inner in value.items():
        if name == LABELS and isinstance(inner, str) and inner.startswith("{"):
            inner = _object(inner)  # noqa: PLW2901  labels of rows are an object in a text
        if isinstance(inner, dict) and inner:
            _flatten(inner, f"{before}{name}.", flat)
        else:
            flat[before + name] = inner if isinstance(inner, str) else json.dumps(inner, ensure_ascii=False)


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def changed_text(item: Item, changes: Mapping[str, str]) -> str:
    """An item's text with fields set; an empty value takes the field out.

    Raises:
        BadInput: The item is no JSON object, or a value does not fit its field.
    """
    whole = _object(item.text)
    if not isinstance(whole, dict):
        raise BadInput("The item is no JSON object.", where=f"item {item.id}", hint="Give it whole: --file F.json")
    was_text = isinstance(whole.get(LABELS), str)
    if was_text:
        whole[LABELS] = _object(whole[LABELS])
    for name, value in changes.items():
        _set(whole, name, value, item)
    if was_text and isinstance(whole.get(LABELS), dict):
        whole[LABELS] = json.dumps(whole[LABELS], ensure_ascii=False)
    return json.dumps(whole, ensure_ascii=False)


def _set(whole: dict[str, Any], name: str, value: str, item: Item) -> None:
    holder, last = whole, name
    while "." in last and last not in holder:
        first, _, last = last.partition(".")
        inner = holder.setdefault(first, {})
        if not isinstance(inner, dict):
            raise BadInput(f"{first} holds no fields.", where=name, hint="Give it whole: --file F.json")
        holder = inner
    if value == "":
        holder.pop(last, None)
    else:
        holder[last] = typed(item.format, whole.get("kind"), name, value, was=holder.get(last))
