"""A mapping proposed from what the files hold: which kind of signal, which column is what, and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from regard.errors import BadInput, RegardError
from regard.sources.columns import Column
from regard.sources.drafting import LABEL_VALUES, Draft, drafts_of, is_label, stem
from regard.sources.earlier import undated
from regard.sources.exports import Shape
from regard.sources.kindred import Table, join_up
from regard.sources.mapping import Condition, Expression, Input, Mapping, Part, Signal, Source, Test, check
from regard.sources.naming import Role, plain
from regard.sources.reading import Detected, detect
from regard.sources.shapes import Fitting, recognise
from regard.sources.surveys import is_question, parts_of
from regard.sources.threads import CUSTOMERS, find_threads


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one column of a file."""

    file: Annotated[str, Meta(description="Name of the file.")]
    column: Annotated[str, Meta(description="Its heading.")]
    becomes: Annotated[str, Meta(description="Kind and column of the signal, a label, a key of a join, or nothing.")]
    confidence: Annotated[float, Meta(description="How sure the proposal is, from 0 to 1.")]
    why: Annotated[str, Meta(description="Why, in a sentence.")]


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A mapping proposed, to be confirmed or edited."""

    mapping: Annotated[Mapping, Meta(description="The mapping.")]
    shape: Annotated[str, Meta(description="The known export it was recognised as; empty otherwise.")] = ""
    choices: Annotated[tuple[Choice, ...], Meta(description="What becomes of every column.")] = ()
    reasons: Annotated[tuple[str, ...], Meta(description="What is proposed and why, in sentences.")] = ()
    comments: Annotated[dict[str, str], Meta(description="Why, by path in the mapping: comments of its TOML.")] = {}
    notes: Annotated[tuple[str, ...], Meta(description="What to look at before confirming.")] = ()


def propose(given: Sequence[Detected | Path], *, name: str = "") -> Proposal:
    """A mapping for the files, which validates and can be run as it is.

    Args:
        given: The files, as detected or still to be.
        name: Name of the source; empty takes the known export's or the first file's.

    Raises:
        BadInput: Nothing in the files can become a signal.
    """
    files = [found if isinstance(found, Detected) else detect(found) for found in given]
    if not files:
        raise BadInput("No file was given.", where="files", hint="Like: regard import orders.csv customers.csv")
    if not any(found.first_rows for found in files):
        raise BadInput(
            f"{', '.join(f.name for f in files)} holds no rows of data.",
            where=files[0].path,
            hint="Export it again.",
        )
    groups = _same_shape(files)
    if len(groups) == 1:
        shape = recognise(files[0].names)
        if shape is not None and (found := _known(shape, files, name)) is not None:
            return found
    tables = join_up(groups)
    drafts = [(table, draft) for table in tables for draft in drafts_of(table)]
    drafts, notes = _counted_once(drafts)
    if not drafts:
        raise BadInput(
            f"Nothing in {', '.join(f.name for f in files)} could be recognised as a signal of customers.",
            where=files[0].name,
            hint=f"{_seen(files)} Say what a row is in a mapping file: see docs/sources/mapping.md, "
            "then: regard import FILE --mapping mapping.toml",
        )
    return _assemble(tables, drafts, name or _source_name(files), notes)


def _seen(files: Sequence[Detected]) -> str:
    """The columns of the first files, so that the person sees how they were read."""
    told = []
    for file in files[:3]:
        columns = f"{', '.join(n[:30] for n in file.names[:12])}{', …' if len(file.names) > 12 else ''}"
        told.append(f"{file.name} has {columns}." if len(files) > 1 else f"Its columns: {columns}.")
    return " ".join(told)


def _counted_once(drafts: list[tuple[Table, Draft]]) -> tuple[list[tuple[Table, Draft]], list[str]]:
    """Lines and payments of the same orders are the same money: the ones that say what was bought are kept."""
    orders = [(t, d) for t, d in drafts if d.kind == "order" and "amount" in d.columns]
    if len(orders) < 2:
        return drafts, []
    best = max(
        orders, key=lambda o: sum(c in o[1].columns for c in ("product", "seller", "category", "quantity", "key"))
    )
    keys = {o[1].columns.get("order_id") for o in orders}
    if len(keys) > 1:
        return drafts, []
    left = [(t, d) for t, d in orders if t is not best[0]]
    notes = [
        f"{t.files[0].name} is left out: it is the same money as {best[0].files[0].name}, told another way."
        for t, _ in left
    ]
    return [(t, d) for t, d in drafts if not any(d is other for _, other in left)], notes


def _same_shape(files: Sequence[Detected]) -> list[list[Detected]]:
    """Files with the same headings are pieces of one input."""
    groups: dict[tuple[str, ...], list[Detected]] = {}
    for found in files:
        groups.setdefault(tuple(sorted(found.names)), []).append(found)
    return list(groups.values())


def _source_name(files: Sequence[Detected]) -> str:
    directory = Path(files[0].path).resolve().parent.name
    name = undated(stem(files[0])) if len(files) == 1 or not directory else directory
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-").lower() or "files"


def _known(shape: Shape, files: Sequence[Detected], name: str) -> Proposal | None:
    """The mapping of a known export."""
    found = files[0]
    fitting = Fitting(found.names, empty={c.name for c in found.columns if c.holds == "empty"})
    signals = [fitted for signal in shape.signals if (fitted := fitting.signal(signal)) is not None]
    if shape.questions:
        ignored = {plain(i) for i in shape.ignored}
        left = [c for c in found.columns if c.name not in fitting.used and plain(c.name) not in ignored]
        parts, _ = parts_of(left)
        if not parts:
            return None
        fitting.used.update(str(p.score or p.verbatim) for p in parts.values())
        labels = tuple(c.name for c in left if not is_question(c) and is_label(c))
        fitting.used.update(labels)
        columns = {**signals[0].columns, "survey": Expression(value=undated(stem(found)))}
        old = signals[0].labels if isinstance(signals[0].labels, tuple) else ()
        signals = [msgspec.structs.replace(signals[0], columns=columns, parts=parts, labels=(*old, *labels))]
    mapping = Mapping(name=name or shape.name, inputs={"rows": Input(files=_glob(files))}, signal=tuple(signals))
    try:
        check(mapping)
    except RegardError:
        return None
    why = f"the headings are those of {shape.title}"
    choices = [
        Choice(
            file=found.name,
            column=c.name,
            becomes=shape.title if c.name in fitting.used else "nothing",
            confidence=0.95,
            why=why if c.name in fitting.used else f"{shape.title} are imported without it",
        )
        for c in found.columns
    ]
    return Proposal(
        mapping=mapping,
        shape=shape.title,
        choices=tuple(choices),
        reasons=(f"{found.name} is taken for {shape.title}: {why}.",),
        comments={"inputs.rows": f"{found.name}: {why}"},
    )


def _glob(files: Sequence[Detected]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f.name.removesuffix(".gz") for f in files))


def _assemble(tables: Sequence[Table], drafts: Sequence[tuple[Table, Draft]], name: str, notes: list[str]) -> Proposal:
    """The mapping of all drafts that stand, with reasons and what becomes of every column."""
    stand = [(t, d) for t, d in drafts if _stands(t, d, tables, notes)]
    threads = find_threads(stand)
    kept = [(t, d, _signal(t, d)) for t, d in stand]
    if not kept:
        raise BadInput(
            "No signal could be put together. " + " ".join(notes),
            where=tables[0].files[0].name,
            hint="Write a mapping file: see docs/sources/mapping.md.",
        )
    notes += [said for t, d, _ in kept for said in _missing(t, d)]
    comments: dict[str, str] = {}
    for n, (table, draft, _) in enumerate(kept, 1):
        comments[f"signal.{n}"] = f"each row of {table.files[0].name} is taken for {_article(draft.kind)}"
        comments |= {f"signal.{n}.columns.{target}": why for target, why in draft.why.items()}
    needed = _needed([t.name for t, _, _ in kept], tables)
    inputs = {t.name: t.as_input() for t in tables if t.name in needed}
    unused = [f"{f.name} is not used." for t in tables if t.name not in needed for f in t.files]
    mapping = threads.added(Mapping(name=name, inputs=inputs, signal=tuple(signal for _, _, signal in kept)))
    check(mapping)
    return Proposal(
        mapping=mapping,
        choices=_choices(tables, [(t, d) for t, d, _ in kept]),
        reasons=(*(_told(t, d) for t, d, _ in kept), *threads.told, *notes, *unused),
        comments=comments,
        notes=(*notes, *unused),
    )


def _stands(table: Table, draft: Draft, tables: Sequence[Table], notes: list[str]) -> bool:
    """Whether a draft is a signal that can be imported; if not, why goes to the notes."""
    inputs = {t.name: t.as_input() for t in tables}
    try:
        check(Mapping(inputs=inputs, signal=(_signal(table, draft),)))
    except RegardError as error:
        if not draft.weak:
            notes.append(f"{table.files[0].name} could be {_article(draft.kind)}: {error.message}")
        return False
    return True


def _missing(table: Table, draft: Draft) -> list[str]:
    """What the rows do not tell, and what comes of it."""
    file, said = table.files[0].name, []
    at = draft.columns.get("occurred_at")
    if isinstance(at, Expression) and at.value is not None:
        said.append(
            f"{file} holds no time: every row is dated {at.value}, the day of the file, so nothing can be said of "
            'trends. Set the right day in the mapping: occurred_at = { value = "YYYY-MM-DD" }, or export a time.'
        )
    if draft.kind not in {"telemetry", "message", "profile"} and not {"person", "account", "anonymous"} & set(
        draft.columns
    ):
        said.append(
            f"{file} does not say who the customer is: rows can be counted, customers cannot. "
            'If a column says it, name it in the mapping: person = "COLUMN".'
        )
    if draft.kind == "subscription" and "amount" in draft.columns and "every" not in draft.columns:
        said.append(
            f"{file} does not say for how long its amounts are paid: without it contracts are counted, their value is "
            'not. Say it in the mapping: every = { value = "month" } (or quarter, year).'
        )
    if draft.parts and not any(isinstance(p, Part) and p.whole and p.score for p in draft.parts.values()):
        said.append(
            f"No question of {file} is about the whole (recommend, overall, satisfied): its parts stand beside each "
            "other. If one is, set whole = true on it in the mapping, and drivers of it can be told."
        )
    return said


def _told(table: Table, draft: Draft) -> str:
    """What the rows of a table become and on which columns that rests."""
    by = [f"{target} is {source}" for target, source in draft.columns.items() if isinstance(source, str)]
    guessed = [f"{target}: {draft.why[target]}" for target, s in draft.columns.items() if not isinstance(s, str)]
    rest = f" ({'; '.join(guessed)})" if guessed else ""
    asked = f" Its questions: {', '.join(draft.parts)}." if draft.parts else ""
    labels = f" Kept as labels: {', '.join(draft.labels)}." if draft.labels else ""
    what = ": " + ", ".join(by) if by else ""
    only = f" where {' and '.join(draft.when)} is filled" if draft.when else ""
    return f"Each row of {table.files[0].name}{only} is taken for {_article(draft.kind)}{what}{rest}.{asked}{labels}"


def _needed(names: Sequence[str], tables: Sequence[Table]) -> set[str]:
    by_name = {t.name: t for t in tables}
    needed: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += [j.with_ for j in by_name[name].joins]
    return needed


def _article(kind: str) -> str:
    if kind == "telemetry":
        return "a measurement (telemetry)"
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _signal(table: Table, draft: Draft) -> Signal:
    when: dict[str, Condition] = dict(draft.when)
    if draft.kind == "promise" and isinstance(draft.columns.get("due_at"), str):
        when[str(draft.columns["due_at"])] = Test(empty=False)
    if draft.kind == "message":
        role = table.find("sender role")
        if role is not None:
            when[role[0]] = Test(not_=CUSTOMERS)
    if draft.kind in {"review", "answer"} and "score" in draft.columns and "verbatim" not in draft.columns:
        when[str(draft.columns["score"])] = Test(empty=False)
    labels: tuple[str, ...] | dict[str, Source] = tuple(draft.labels)
    short = [n.rpartition(".")[2] for n in draft.labels]
    if len(set(short)) < len(short):
        labels = {n.replace(".", "_"): n for n in draft.labels}
    return Signal(
        kind=draft.kind,
        from_=draft.of or table.name,
        columns=draft.columns,
        labels=labels,
        parts=draft.parts,
        scale=draft.scale,
        when=dict(when),
    )


def _choices(tables: Sequence[Table], kept: Sequence[tuple[Table, Draft]]) -> tuple[Choice, ...]:
    out = []
    for table in tables:
        for column in table.own:
            becomes, sure, why = _becomes(table, column, tables, kept)
            out.append(Choice(file=table.files[0].name, column=column.name, becomes=becomes, confidence=sure, why=why))
    return tuple(out)


def _becomes(
    table: Table, column: Column, tables: Sequence[Table], kept: Sequence[tuple[Table, Draft]]
) -> tuple[str, float, str]:
    for other, draft in kept:
        for used, said in draft.used.items():
            own = other is table and used == column.name
            joined = other is not table and used.endswith(f"{table.name}.{column.name}")
            if own or joined:
                return said
    for other in tables:
        for join in other.joins:
            keys = join.on.items() if isinstance(join.on, dict) else [(join.on, join.on)]
            if any(
                (other is table and here == column.name) or (join.with_ == table.name and there == column.name)
                for here, there in keys
            ):
                return (
                    f"key of the join of {other.name} with {join.with_}",
                    0.8,
                    "both files have it, and one never repeats it",
                )
    if column.holds == "empty":
        return "nothing", 0.9, "it is empty"
    many = column.distinct > LABEL_VALUES and column.holds in {"text", "truth"}
    return (
        "nothing",
        0.5,
        "too many different values for a label" if many else "no part of a signal fits it",
    )


__all__ = ["Choice", "Proposal", "Role", "propose"]
