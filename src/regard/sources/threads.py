"""Messages of one conversation become one contact: opened by the customer's first, answered by an agent's first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from regard.sources.drafting import Draft
from regard.sources.kindred import Table
from regard.sources.mapping import Aggregate, Condition, Input, Join, Mapping, Signal, Test
from regard.sources.naming import plain

CUSTOMERS = ("customer", "user", "lead", "contact", "visitor")
"""What tools call the sender of a message that is the customer's."""

AGENTS = ("agent", "admin", "staff", "support", "teammate", "operator", "company")
"""What they call one of ours; others (a bystander) neither ask nor answer."""

_INBOUND = re.compile(r"(is )?(inbound|incoming|from customer)")


@dataclass(frozen=True, kw_only=True)
class Threads:
    """Inputs and signals that make contacts of conversations, to be added to a mapping.

    Attributes:
        inputs: Grouped messages.
        joins: Input to the grouped messages joined to it.
        signals: Contacts, where no other file lists the conversations.
        told: A sentence for each.
    """

    inputs: dict[str, Input] = field(default_factory=dict)
    joins: dict[str, Join] = field(default_factory=dict)
    signals: list[Signal] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def added(self, mapping: Mapping) -> Mapping:
        """The mapping with these."""
        inputs = dict(mapping.inputs) | self.inputs
        for name, join in self.joins.items():
            inputs[name] = msgspec.structs.replace(inputs[name], join=(*inputs[name].join, join))
        return msgspec.structs.replace(mapping, inputs=inputs, signal=(*mapping.signal, *self.signals))


def find_threads(kept: Sequence[tuple[Table, Draft]]) -> Threads:
    """The conversations of drafted messages; contacts they belong to learn who asked and when it was answered."""
    found = Threads()
    for table, draft in kept:
        if draft.kind == "message":
            _conversations(table, draft, kept, found)
        elif draft.kind == "contact":
            _replies(table, draft, found)
    return found


def _conversations(table: Table, draft: Draft, kept: Sequence[tuple[Table, Draft]], found: Threads) -> None:
    by, at, role = draft.columns.get("about"), draft.columns.get("occurred_at"), table.find("sender role", own=True)
    if not isinstance(by, str) or not isinstance(at, str) or role is None or not _sorts(table, at):
        return
    asks: dict[str, Condition] = {role[0]: CUSTOMERS}
    values = {e.lower() for e in table.column(role[0]).examples}
    answers: dict[str, Condition] = {role[0]: AGENTS if values & set(AGENTS) else Test(not_=CUSTOMERS)}
    columns = {"asked_at": Aggregate(min=at, when=asks), "answered_at": Aggregate(min=at, when=answers)}
    who, text = table.person(), draft.columns.get("verbatim")
    if who is not None:
        columns["asked_by"] = Aggregate(first=who[0], order=at, when=asks)
    if isinstance(text, str):
        columns["question"] = Aggregate(first=text, order=at, when=asks)
    labels = tuple(name for name in draft.labels if name != role[0] and "." not in name)
    columns |= {name: Aggregate(first=name, order=at) for name in labels}
    name = f"{table.name}_threads"
    found.inputs[name] = Input(from_=table.name, by=by, columns=columns)
    found.told.append(
        f"Messages with the same {by} are one contact: asked by the customer's first, answered by an agent's first."
    )
    parts = {"answered_at": "answered_at", "person": "asked_by", "verbatim": "question"}
    for other, listed in kept:
        if listed.kind == "contact" and listed.columns.get("key") == by:
            for target, column in parts.items():
                if column in columns:
                    listed.put(target, f"{name}.{column}", f"found in the messages of {table.files[0].name}")
            found.joins[other.name] = Join(with_=name, on=by)
            return
    targets = {"key": by, "occurred_at": "asked_at"} | {t: c for t, c in parts.items() if c in columns}
    found.signals.append(
        Signal(kind="contact", from_=name, columns=dict(targets), labels=labels, when={"asked_at": Test(empty=False)})
    )


def _replies(table: Table, draft: Draft, found: Threads) -> None:
    """Messages that name the one they reply to: those that reply to none are contacts, the first reply their answer."""
    replies = (c.name for c in table.own if "reply" in table.roles_of(c.name)[:1] and 0 < c.filled < 1)
    reply = next(replies, None)
    key, at = draft.columns.get("key"), draft.columns.get("occurred_at")
    if reply is None or not isinstance(key, str) or key == reply:
        return
    draft.when[reply] = Test(empty=True)
    inbound = next(
        (c.name for c in table.own if c.holds == "truth" and _INBOUND.fullmatch(plain(c.name))), None
    )  # fmt: skip
    found.told.append(f"Messages that reply to another ({reply}) are part of its contact, not contacts of their own.")
    if inbound is None:
        return
    draft.when[inbound] = True
    if isinstance(at, str) and _sorts(table, at):
        name = f"{table.name}_replies"
        columns = {"answered_at": Aggregate(min=at, when={inbound: False})}
        found.inputs[name] = Input(from_=table.name, by=reply, columns=columns)
        draft.of = f"{table.name}_asked"  # not the table itself: the replies are made of it
        found.inputs[draft.of] = Input(from_=table.name, join=(Join(with_=name, on={key: reply}),))
        draft.put("answered_at", f"{name}.answered_at", "the first reply that is not the customer's")


def _sorts(table: Table, column: str) -> bool:
    """Whether the earliest of a column of times is the smallest of its texts."""
    formats = () if "." in column else table.column(column).formats
    return bool(formats) and set(formats) <= {"iso", "iso Z"}
