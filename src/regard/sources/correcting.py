"""Many items held back for one reason, corrected together: one field set to one value, shown before it happens.

Only items that can be read afterwards are changed; of the others each is told with its reason. What was sent is kept
beside every correction, so that the field can be taken back as it was sent.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import select

from regard.acts import act
from regard.errors import BadInput, RegardError, UnknownName
from regard.sources.replaying import AT_ONCE, Problem, changed_text, fields_of
from regard.sources.rereading import LABELS, read
from regard.store import heldback, tables
from regard.store.heldback import OPEN
from regard.store.state import write_down

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regard.signals.workspace import Workspace
    from regard.store.heldback import Item

ACT = "correct_held"
SHOWN, TOLD = 5, 10


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One item that would change: the field before and after."""

    id: int
    before: str
    after: str


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What setting a field would do: how many items, how many it changes, and which would still not fit.

    Attributes:
        items: How many were chosen and are open.
        changes: How many would change and could then be read.
        same: How many have that value already.
        unfit: How many would still not fit; they are left as they are.
        last: The highest id among them: what comes later is no part of it.
        shown: The first that would change.
        problems: The first that would not fit.
    """

    items: int
    changes: int
    same: int
    unfit: int
    last: int
    shown: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()


class Corrected(msgspec.Struct, frozen=True, kw_only=True):
    """What was corrected, and the entry of the record it is taken back by; 0 where nothing was."""

    items: tuple[int, ...]
    entry: int


def preview(workspace: Workspace, *, items: Sequence[int], field: str, value: str) -> Preview:
    """What setting a field of items would do; changes nothing.

    Args:
        workspace: Where.
        items: Their ids; those settled already are passed over.
        field: Its name; ``labels.plan`` names a field inside.
        value: As text; empty takes the field out.

    Raises:
        BadInput: No field was named.
    """
    found, same, changes, problems = 0, 0, list[Change](), list[Problem]()
    counted = unfit = last = 0
    for item in _open(workspace, items):
        found, last = found + 1, max(last, item.id)
        changed, problem = _changed(item, _named(field), value)
        if problem is not None:
            unfit += 1
            problems += [problem] * (len(problems) < TOLD)
        elif changed is None:
            same += 1
        else:
            counted += 1
            if len(changes) < SHOWN:
                before, after = fields_of(item.text).get(field, ""), fields_of(changed).get(field, "")
                changes.append(Change(id=item.id, before=before, after=after))
    return Preview(
        items=found, changes=counted, same=same, unfit=unfit, last=last, shown=tuple(changes), problems=tuple(problems)
    )


@act(undone_by="uncorrect_held")
def correct_held(workspace: Workspace, *, items: Sequence[int], field: str, value: str, by: str = "") -> Corrected:
    """Set one field of items that were held back to one value; those that would still not fit stay as they are.

    Args:
        workspace: Where.
        items: Their ids; those settled already are passed over.
        field: Its name; ``labels.plan`` names a field inside.
        value: As text; empty takes the field out.
        by: Who.

    Raises:
        BadInput: No field was named.
    """
    _named(field)
    done: list[int] = []
    with workspace.state.writing() as connection:
        for start in range(0, len(items), AT_ONCE):
            for item in heldback.several(connection, items[start : start + AT_ONCE]):
                changed, problem = _changed(item, field, value) if item.state == OPEN else (None, None)
                if changed is not None and problem is None:
                    heldback.repair(connection, item.id, changed=changed)
                    done.append(item.id)
        entry = 0
        if done:
            told = {**json.loads(heldback.ids_text(done)), "field": field}
            entry = write_down(connection, ACT, json.dumps(told, ensure_ascii=False), by=by)
    return Corrected(items=tuple(done), entry=entry)


@act(undone_by="correct_held, with the value again")
def uncorrect_held(workspace: Workspace, *, entry: int, by: str = "") -> list[int]:
    """Take the field of a correction back as it was sent, in the items that are still held back; returns their ids.

    Args:
        workspace: Where.
        entry: The correction's entry in the record.
        by: Who.

    Raises:
        UnknownName: No correction has that number.
    """
    done: list[int] = []
    with workspace.state.writing() as connection:
        record = tables.record.c
        found = connection.execute(select(record.arguments).where(record.id == entry, record.name == ACT)).scalar()
        if found is None:
            raise UnknownName("correction", str(entry), [])
        field = json.loads(found)["field"]
        for item in heldback.several(connection, heldback.ids_in(found)):
            if item.state == OPEN and item.changed is not None:
                heldback.repair(connection, item.id, changed=_as_sent(item, field))
                done.append(item.id)
        if done:
            told = {**json.loads(heldback.ids_text(done)), "field": field}
            write_down(connection, "uncorrect_held", json.dumps(told, ensure_ascii=False), by=by)
    return done


def _named(field: str) -> str:
    if not field.strip():
        raise BadInput("Say which field to set.", where="field", hint="Such as occurred_at=2026-09-01T12:00:00Z")
    return field


def _open(workspace: Workspace, items: Sequence[int]) -> Iterator[Item]:
    for start in range(0, len(items), AT_ONCE):
        with workspace.state.reading() as connection:
            found = heldback.several(connection, items[start : start + AT_ONCE])
        yield from (item for item in found if item.state == OPEN)


def _changed(item: Item, field: str, value: str) -> tuple[str | None, Problem | None]:
    """The item's text with the field set, or None where it is so already; or why it would still not fit."""
    if fields_of(item.text).get(field, "") == value:
        return None, None
    try:
        changed = changed_text(item, {field: value})
        if fields_of(changed) == fields_of(item.text):
            return None, None
        read(msgspec.structs.replace(item, changed=changed))
    except RegardError as error:
        return None, Problem(id=item.id, field=error.where, reason=error.message, hint=error.hint)
    return changed, None


def _as_sent(item: Item, field: str) -> str | None:
    """The item's text with one field as it was sent; None where nothing differs from what was sent."""
    now, sent = _opened(item.text), _opened(item.item)
    here, there, last = now, sent, field
    while "." in last and last not in here and last not in there:
        first, _, last = last.partition(".")
        here, there = here.setdefault(first, {}), there.get(first, {})
        if not isinstance(here, dict) or not isinstance(there, dict):
            return item.changed
    if last in there:
        here[last] = there[last]
    else:
        here.pop(last, None)
    if now == sent or {k: v for k, v in now.items() if v != {}} == sent:
        return None
    if isinstance(json.loads(item.item).get(LABELS), str) and isinstance(now.get(LABELS), dict):
        now[LABELS] = json.dumps(now[LABELS], ensure_ascii=False)
    return json.dumps(now, ensure_ascii=False)


def _opened(text: str) -> dict[str, Any]:
    """An item as an object, labels that are an object in a text opened, too."""
    found: dict[str, Any] = json.loads(text)
    labels = found.get(LABELS)
    if isinstance(labels, str) and labels.startswith("{"):
        found[LABELS] = json.loads(labels)
    return found
