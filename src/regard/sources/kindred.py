"""Files that belong together: which keys they share, and which is joined to which."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, field

import msgspec

from regard.sources.columns import Column
from regard.sources.mapping import Input, Join
from regard.sources.naming import Role, is_id, plain, roles
from regard.sources.reading import Detected

Found = tuple[str, Role]
_LATER = re.compile(
    r"limit|due|estimat|expect|updat|modif|approv|deliver|clos|resolv|solv|end|until|expir|first|last|carrier|flown"
)
_BEST = re.compile(r"purchas|creat|open|order|submit|occur|start|timestamp|sent|answer|respon|placed")


@dataclass(kw_only=True)
class Table:
    """One input of a proposal: its files, what their columns may be, and what is joined to it."""

    name: str
    files: list[Detected]
    own: tuple[Column, ...]
    joins: list[Join] = field(default_factory=list)
    joined: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _roles: dict[str, list[Role]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._roles = {c.name: roles(c) for c in self.own}

    @property
    def is_fact(self) -> bool:
        """Whether its rows say that something happened; the others (products, sellers) only describe."""
        return self.has_time or not self.describes

    @property
    def has_time(self) -> bool:
        """Whether it has a column of times."""
        return any(c.holds == "time" for c in self.own)

    describes: bool = False
    profiles: list[str] = field(default_factory=list)

    def roles_of(self, name: str) -> list[str]:
        """What an own column may be, likeliest first."""
        return [r.role for r in self._roles.get(name, [])]

    def _column(self, name: str) -> Column:
        return next(c for c in self.own if c.name == name)

    def column(self, name: str) -> Column:
        """A column by its visible name."""
        return next(c for c, visible in self.visible() if visible == name)

    def visible(self) -> list[tuple[Column, str]]:
        """Own and joined columns with the names a mapping calls them by."""
        out = [(c, c.name) for c in self.own]
        for other in self.joined:
            out += [(c, f"{other.name}.{visible}") for c, visible in other.visible()]
        return out

    def find(self, role: str, *, own: bool = False, free_of: Container[str] = ()) -> Found | None:
        """The likeliest column for a role: an own one before a joined one."""
        best: Found | None = None
        for name, found in self._roles.items():
            match = next((r for r in found if r.role == role), None)
            if match is None or name in free_of:
                continue
            sure = match.confidence - (0.1 if found[0].role != role else 0)
            if role == "verbatim":  # of a title and a text, the text
                sure += min(self._column(name).length, 200) / 1000
            if best is None or sure > best[1].confidence:
                best = (name, msgspec.structs.replace(match, confidence=sure))
        if best is not None or own:
            return best
        for other in self.joined:
            inner = other.find(role)
            if inner is not None and f"{other.name}.{inner[0]}" not in free_of:
                return f"{other.name}.{inner[0]}", inner[1]
        return None

    def person(self) -> Found | None:
        """The column that says who: an id that repeats before one that is new in every row, an id before an address."""
        found: list[tuple[float, Found]] = []
        for column, name in self.visible():
            for role in roles(column):
                if role.role in {"person", "email"}:
                    depth = name.count(".")
                    unique = 0.15 if column.unique and "unique" not in plain(column.name) else 0.0
                    mail = 0.1 if role.role == "email" else 0.0
                    found.append((role.confidence - 0.05 * depth - unique - mail, (name, role)))
        if not found:
            return None
        return max(found, key=lambda f: f[0])[1]

    def created(self, kind: str) -> Found | None:
        """The column that says when it happened."""
        found: list[tuple[float, Found]] = []
        for column, name in self.visible():
            if column.holds != "time":
                continue
            words = plain(column.name)
            role = next((r for r in roles(column) if r.role == "created"), None)
            sure = role.confidence if role else 0.3
            sure += 0.15 * bool(_BEST.search(words)) - 0.4 * bool(_LATER.search(words)) - 0.1 * name.count(".")
            if kind in {"answer", "review"} and re.search(r"answer|respon|submit|creat", words):
                sure += 0.3
            if column.filled < 0.95:
                sure -= 0.3
            why = role.why if role else f"{column.name} holds times and no other fits better"
            found.append((sure, (name, Role(role="created", confidence=max(min(sure, 0.95), 0.1), why=why))))
        return max(found, key=lambda f: f[0])[1] if found else None

    def as_input(self) -> Input:
        """The input of the mapping."""
        names = tuple(dict.fromkeys(f.name.removesuffix(".gz") for f in self.files))
        return Input(files=names[0] if len(names) == 1 else names, join=tuple(self.joins))


def join_up(groups: Sequence[Sequence[Detected]]) -> list[Table]:
    """Tables with the joins between them: descriptions into what happened, heads of orders into their lines."""
    tables: list[Table] = []
    for group in groups:
        name = _name(group[0], [t.name for t in tables], several=len(groups) > 1)
        tables.append(Table(name=name, files=list(group), own=_merged(group)))
    _mark_describing(tables)
    order = sorted(tables, key=_rank)
    for left in sorted(tables, key=_rank, reverse=True):
        for right in order:
            if left is right or _reaches(right, left):
                continue
            key = _shared_key(left, right)
            if key is not None and _worth(left, right):
                here, there = key
                on: str | dict[str, str] = here if here == there else {here: there}
                left.joins.append(Join(with_=right.name, on=on))
                left.joined.append(right)
                if right.describes and right.find("person", own=True) is not None:
                    left.profiles.append(right.name)
    for table in order:  # a joined table is reached once: what comes with a nearer one is not joined again
        _drop_double(table)
    return tables


def _name(found: Detected, taken: Sequence[str], *, several: bool) -> str:
    if not several:
        return "rows"
    stem = re.sub(r"[^A-Za-z0-9_]+", "_", found.name.removesuffix(".gz").rsplit(".", 1)[0]).strip("_").lower() or "rows"
    return stem if stem not in taken else f"{stem}_{len(taken) + 1}"


def _merged(group: Sequence[Detected]) -> tuple[Column, ...]:
    return group[0].columns


def _mark_describing(tables: Sequence[Table]) -> None:
    for table in tables:
        keys = [c for c in table.own if c.unique and is_id(c)]
        table.describes = len(tables) > 1 and not table.has_time and bool(keys)


def _rank(table: Table) -> int:
    """Low: describes; middle: heads with a person; high: lines about them."""
    if table.describes:
        return 0 if table.find("person", own=True) is None else 1
    return 2 if table.find("person", own=True) is not None else 3


def _shared_key(left: Table, right: Table) -> tuple[str, str] | None:
    """A key of both that never repeats in the right one."""
    right_keys = {plain(c.name): c for c in right.own if c.unique and is_id(c)}
    for column in left.own:
        if not is_id(column):
            continue
        name = plain(column.name)
        same = right_keys.get(name)
        if same is None:
            singular = plain(right.name).removesuffix("s")
            same = right_keys.get("id") if name in {f"{singular} id", f"{singular.split()[-1]} id"} else None
        if same is not None and (
            re.search(r"\b(id|key|code|no|number|name|sku|uuid|email)\b", name) or not column.unique
        ):
            return column.name, same.name
    return None


def _worth(left: Table, right: Table) -> bool:
    """Whether the join brings something: a description, or the person or the time that is missing."""
    if right.describes:
        return True
    if _rank(left) <= _rank(right):
        return False
    return right.find("person", own=True) is not None or not left.has_time


def _reaches(start: Table, goal: Table) -> bool:
    return start is goal or any(_reaches(t, goal) for t in start.joined)


def _drop_double(table: Table) -> None:
    for other in list(table.joined):
        if any(o is not other and _reaches(o, other) for o in table.joined):
            at = table.joined.index(other)
            table.joined.pop(at)
            table.joins.pop(at)
