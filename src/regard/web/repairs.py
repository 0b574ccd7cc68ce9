"""What a worker does for the page of what was held back: groups, items and their fields, repairs, replays, discards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from regard.signals.kinds import BY_NAME
from regard.sources import correcting, replaying
from regard.sources.correcting import correct_held, uncorrect_held
from regard.sources.replaying import discard_held, repair_held, replay_held, restore_held
from regard.sources.rereading import message_field
from regard.store import heldback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from regard.store.heldback import Group, Item
    from regard.web.desk import Desk

BY = "page"
FIRST, PAGE = 5, 50
"""Items shown of each group, and of one group looked at alone."""

FIELDS = 60
AT_ONCE = 2_000
PROBLEMS = 10


def operations(desk: Desk) -> dict[str, Callable[..., Any]]:
    """The operations by name."""
    own = Repairs(desk)
    return {
        "held": own.held,
        "held_item": own.item,
        "held_repair": own.repair,
        "held_replay": own.replay,
        "held_discard": own.discard,
        "held_restore": own.restore,
        "held_preview": own.preview,
        "held_correct": own.correct,
        "held_uncorrect": own.uncorrect,
    }


class Repairs:
    """Operations on what was held back.

    Args:
        desk: Whose workspace it is.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def held(self, source: str = "", code: str = "", after: int = 0) -> dict[str, Any]:
        """Open items by source and reason; all groups with their first items, or a page of one."""
        alone = bool(source and code)
        with self._desk.workspace.state.reading() as connection:
            groups = heldback.groups(connection)
            chosen = [g for g in groups if source in {"", g.source} and code in {"", g.code}]
            told = []
            for group in chosen:
                limit = PAGE if alone else FIRST
                since = after if alone else 0
                found = heldback.listed(connection, source=group.source, code=group.code, after=since, limit=limit + 1)
                told.append(_group(group, found[:limit], more=len(found) > limit))
        return {"groups": told, "total": sum(g.items for g in groups), "alone": alone, "after": after}

    def item(self, item: int) -> dict[str, Any]:
        """One item with its fields, what is wrong with it, and what is stored in its place."""
        workspace = self._desk.workspace
        with workspace.state.reading() as connection:
            found = heldback.one(connection, item)
        problem = replaying.problem_of(found)
        other = replaying.other_side(workspace, found) if found.state == heldback.OPEN else {}
        stored = replaying.fields_of(msgspec.json.encode(other).decode()) if other else {}
        conflict = found.code == heldback.CONFLICT
        wrong = problem.field if problem else message_field(found.format) if conflict else ""
        return {
            **msgspec.structs.asdict(found),
            "text": _laid_out(found.text),
            "sent": _laid_out(found.item),
            "advice": replaying.advice(found.code),
            "problem": problem,
            "conflict": conflict,
            "fields": _fields(found, stored, wrong),
            "other": bool(stored),
            "addable": _addable(found),
            "open": found.state == heldback.OPEN,
        }

    def repair(
        self, item: int, changes: dict[str, str] | None = None, text: str = "", *, as_sent: bool = False
    ) -> dict[str, Any]:
        """Keep a repair: only the fields that differ from what is there; or a whole text; or what was sent."""
        with self._desk.workspace.state.reading() as connection:
            found = heldback.one(connection, item)
        now = replaying.fields_of(found.text)
        changed = {n: v for n, v in (changes or {}).items() if v != now.get(n, "")}
        if changed or text or as_sent:
            repair_held(self._desk.workspace, item=item, changes=changed or None, text=text, by=BY)
        return {"changed": sorted(changed)}

    def replay(
        self, items: list[int], source: str = "", code: str = "", *, everything: bool = False, anew: bool = False
    ) -> Iterator[Any]:
        """Bring items through the front door again; yields progress, last the outcomes."""
        chosen = self._chosen(items, source, code, everything=everything)
        total = dict.fromkeys(("stored", "duplicate", "refused", "held_back"), 0)
        problems: list[Any] = []
        for start in range(0, len(chosen), AT_ONCE):
            yield {"step": "replaying", "done": start, "total": len(chosen)}
            page = chosen[start : start + AT_ONCE]
            done = replay_held(self._desk.workspace, items=page, anew=anew, by=BY)
            total = {name: n + getattr(done, name) for name, n in total.items()}
            problems = (problems + list(done.problems))[:PROBLEMS]
        yield {"replayed": {**total, "problems": [msgspec.structs.asdict(p) for p in problems]}}

    def discard(
        self, items: list[int], source: str = "", code: str = "", *, everything: bool = False
    ) -> dict[str, Any]:
        """Refuse items; tells the entry of the record that can be taken back."""
        chosen = self._chosen(items, source, code, everything=everything)
        done = discard_held(self._desk.workspace, items=chosen, by=BY)
        entry = self._desk.workspace.state.written_down(1)[0]["id"] if done else 0
        return {"discarded": len(done), "entry": entry}

    def preview(
        self, items: list[int], field: str, value: str, source: str = "", code: str = "", *, everything: bool = False
    ) -> dict[str, Any]:
        """What setting a field of items would do; changes nothing."""
        chosen = self._chosen(items, source, code, everything=everything)
        found = correcting.preview(self._desk.workspace, items=chosen, field=field, value=value)
        return msgspec.structs.asdict(found)

    def correct(
        self, items: list[int], field: str, value: str, source: str = "", code: str = "", *,
        everything: bool = False, last: int = 0, replay: bool = False,
    ) -> Iterator[Any]:  # fmt: skip
        """Set a field of the items that were shown, and replay what was corrected; yields progress, last what was."""
        chosen = [i for i in self._chosen(items, source, code, everything=everything) if not last or i <= last]
        yield {"step": "correcting", "done": 0, "total": len(chosen)}
        done = correct_held(self._desk.workspace, items=chosen, field=field, value=value, by=BY)
        told: dict[str, Any] = {"corrected": len(done.items), "correction": done.entry}
        if replay:
            for step in self.replay(list(done.items)):
                yield step if "step" in step else {**told, **step}
        else:
            yield told

    def uncorrect(self, entry: int) -> dict[str, Any]:
        """Take a correction back, by its entry in the record."""
        return {"uncorrected": len(uncorrect_held(self._desk.workspace, entry=entry, by=BY))}

    def restore(self, entry: int) -> dict[str, Any]:
        """Take a discarding back, by its entry in the record."""
        with self._desk.workspace.state.reading() as connection:
            items = heldback.discarded_by(connection, entry)
        return {"restored": len(restore_held(self._desk.workspace, items=items, by=BY))}

    def _chosen(self, items: list[int], source: str, code: str, *, everything: bool) -> list[int]:
        if not everything:
            return items
        with self._desk.workspace.state.reading() as connection:
            return heldback.ids_of(connection, source=source, code=code)


def _group(group: Group, items: list[Item], *, more: bool) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(group),
        "advice": replaying.advice(group.code),
        "conflict": group.code == heldback.CONFLICT,
        "more": more,
        "last": items[-1].id if items else 0,
        **_settable(items),
        "shown": [
            {
                "id": i.id,
                "at": i.at,
                "batch": i.batch,
                "short": replaying.short(i.text),
                "repaired": i.changed is not None,
            }
            for i in items
        ],
    }


def _settable(items: list[Item]) -> dict[str, Any]:
    """The fields items of a group may be given together, and the one that is wrong."""
    names = {name: None for item in items for name in replaying.fields_of(item.text)}
    names |= {name: None for item in items for name in _addable(item)}
    wrong = ""
    for item in items[:1]:
        problem = replaying.problem_of(item)
        wrong = problem.field if problem else ""
    if wrong and wrong not in names:
        names = {wrong: None, **names}
    return {"settable": [name for name in names if name != "kind"], "wrong": wrong}


def _laid_out(text: str) -> str:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return text


def _fields(item: Item, stored: dict[str, str], wrong: str) -> list[dict[str, Any]]:
    """Each field with its value now, as sent and as stored; the one that is wrong first among those without a value."""
    now, sent = replaying.fields_of(item.text), replaying.fields_of(item.item)
    comparable = item.format in {"row", "native"} and bool(stored)
    names = [*now, *(n for n in sent if n not in now)]
    names += [n for n in stored if n not in names] if comparable else []
    if wrong and wrong not in names and now:
        names.append(wrong)
    return [
        {
            "name": name,
            "value": now.get(name, ""),
            "sent": sent.get(name, ""),
            "repaired": now.get(name, "") != sent.get(name, ""),
            "stored": stored.get(name, "") if comparable else "",
            "differs": comparable and name != "kind" and stored.get(name, "") != now.get(name, ""),
            "wrong": name == wrong,
            "long": len(now.get(name, "")) > FIELDS,
        }
        for name in names[:FIELDS]
    ]


def _addable(item: Item) -> list[str]:
    now = replaying.fields_of(item.text)
    kind = BY_NAME.get(now.get("kind", "")) if item.format in {"row", "native"} else None
    return [c.name for c in kind.all_columns if c.name not in now and c.name != "labels"] if kind else []
