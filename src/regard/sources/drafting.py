"""One signal put together from the columns of a table: the kind its columns speak for, and what fills each part."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from regard.sources.columns import Column
from regard.sources.contracts import end_of, identify, price
from regard.sources.earlier import undated
from regard.sources.kindred import Table
from regard.sources.mapping import Condition, Expression, Part, Source
from regard.sources.naming import is_id, is_score, is_words, plain, scale_of
from regard.sources.reading import Detected
from regard.sources.surveys import METRICS, is_question, metric_of, parts_of
from regard.sources.telltale import kind_of

LABEL_VALUES = 100
SERIES = 4  # most measurements one table is taken for; of more, a person must say which are meant
_SERIES_NAME = re.compile(r"(series|metric|indicator|sensor|signal|measure|variable)( ?(name|id))?")
_CALENDAR = re.compile(r"(.* )?(year|month|day|hour|minute|week|quarter|weekday|t|index|row|id)")


@dataclass(kw_only=True)
class Draft:
    """One signal being put together."""

    kind: str
    columns: dict[str, Source] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    parts: dict[str, str | Part] = field(default_factory=dict)
    scale: tuple[float, float] | None = None
    when: dict[str, Condition] = field(default_factory=dict)
    of: str = ""
    used: dict[str, tuple[str, float, str]] = field(default_factory=dict)

    @property
    def weak(self) -> bool:
        """It was only a guess that nobody misses."""
        return self.kind == "order" and "amount" not in self.columns

    def put(
        self, target: str, source: Source, why: str, *, columns: Sequence[str] = (), confidence: float = 0.8
    ) -> None:
        """Fills a column of the signal, once."""
        if target in self.columns:
            return
        self.columns[target] = source
        self.why[target] = why
        for name in columns or ((source,) if isinstance(source, str) else ()):
            self.used.setdefault(name, (f"{self.kind}: {target}", confidence, why))


def stem(found: Detected) -> str:
    """The name of a file without its endings."""
    return found.name.removesuffix(".gz").rsplit(".", 1)[0]


def is_label(column: Column) -> bool:
    """Whether a column has few enough values to cut by."""
    return (
        column.holds in {"text", "truth"}
        and 2 <= column.distinct <= LABEL_VALUES
        and not is_words(column)
        and not column.unique
    )


def drafts_of(table: Table) -> list[Draft]:
    """The signals the rows of a table become: the kind its columns and its name speak for, and a promise beside it."""
    if not table.is_fact:
        return []
    kind = kind_of(table)
    if not kind:
        return _promised(table) or _series(table)
    draft = Draft(kind=kind)
    _whose(draft, table)
    if kind == "profile" and not {"person", "account"} & set(draft.columns):
        return []  # what is known of nobody in particular tells nothing
    _when(draft, table)
    _BUILDERS[kind](draft, table)
    _key(draft, table)
    drafts = [draft]
    if kind == "subscription" and isinstance(draft.columns["change"], Expression):
        identify(draft, table)
        end = Draft(kind=kind)
        if end_of(draft, table, end):
            drafts.append(end)
            draft.used |= {name: said for name, said in end.used.items() if name not in draft.used}
    _labels(draft, table)
    promise = _promise(draft, table)
    if promise is not None:
        drafts.append(promise)
    beside = (_rating_beside(draft, table), _profile_beside(draft, table))
    return [*drafts, *(b for b in beside if b is not None)]


def _promised(table: Table) -> list[Draft]:
    """Deliveries of no price: what was promised for when, and when it was kept."""
    draft = Draft(kind="order")
    _whose(draft, table)
    _when(draft, table)
    _take(draft, table, ("order_id", "order id"))
    _key(draft, table)
    promise = _promise(draft, table) if "person" in draft.columns and table.find("created") is not None else None
    if promise is None:
        return []
    _labels(promise, table)
    return [promise]


def _series(table: Table) -> list[Draft]:
    """Measurements by the hour or the day: telemetry, one for each column of numbers."""
    own = {role for c in table.own for role in table.roles_of(c.name)}
    numbers = [c for c in table.own if c.holds in {"whole", "number"} and not _CALENDAR.fullmatch(plain(c.name))]
    keys = own & {"person", "email", "account", "anonymous", "order id", "ticket id", "verbatim"}
    if keys or not table.has_time or not 1 <= len(numbers) <= SERIES:
        return []
    drafts = []
    named = [c for c in table.own if c.holds == "text" and _SERIES_NAME.fullmatch(plain(c.name))]
    for column in numbers:
        draft = Draft(kind="telemetry")
        _when(draft, table)
        if len(numbers) == len(named) == 1:
            draft.put("name", named[0].name, "it names the series each value belongs to")
        else:
            draft.put("name", Expression(value=column.name), "the name of the column")
        draft.put("value", column.name, "numbers by time, of no customer in particular")
        _labels(draft, table)
        drafts.append(draft)
    return drafts


def _whose(draft: Draft, table: Table) -> None:
    person = table.person()
    if person is not None and draft.kind != "message":  # who speaks in a message of ours is not the customer
        draft.put("person", person[0], person[1].why, confidence=person[1].confidence)
    for target in ("account", "anonymous"):
        found = table.find(target)
        many = target != "account" or (found is not None and table.column(found[0]).distinct > LABEL_VALUES)
        whose = draft.kind == "subscription" and person is None  # a contract is somebody's, however few there are
        if found is not None and (many or whose):
            draft.put(target, found[0], found[1].why, confidence=found[1].confidence)


def _when(draft: Draft, table: Table) -> None:
    found = table.created(draft.kind)
    if found is not None:
        draft.put("occurred_at", found[0], found[1].why, confidence=found[1].confidence)
    elif draft.kind not in {"profile", "merge"}:
        file = table.files[0]
        day = datetime.fromtimestamp(Path(file.path).stat().st_mtime, UTC).date().isoformat()
        draft.put(
            "occurred_at",
            Expression(value=day),
            f"no column holds a time: the day of the file, {day}, is taken; set the right one",
            confidence=0.2,
        )


def _take(draft: Draft, table: Table, *pairs: tuple[str, str], own: bool = False) -> None:
    for target, role in pairs:
        found = table.find(role, own=own, free_of=draft.used)
        if found is not None:
            draft.put(target, found[0], found[1].why, confidence=found[1].confidence)


def _contact(draft: Draft, table: Table) -> None:
    if re.search(r"\btweets?\b", f"{plain(stem(table.files[0]))} {' '.join(plain(c.name) for c in table.own)}"):
        draft.put("channel", Expression(value="social"), "these are tweets")
    _take(
        draft,
        table,
        ("version_at", "updated"),
        ("solved_at", "solved"),
        ("answered_at", "answered"),
        ("channel", "channel"),
        ("area", "category"),
        ("issue", "subcategory"),
        ("status", "status"),
        ("priority", "priority"),
        ("subject", "subject"),
        ("verbatim", "verbatim"),
        ("reopened", "reopened"),
        ("handovers", "handovers"),
        ("agent", "agent"),
    )


def _order(draft: Draft, table: Table) -> None:
    amount, freight = table.find("amount", own=True), table.find("freight", own=True)
    if amount is not None and freight is not None and not re.search(r"\b(total|gesamt|paid)\b", plain(amount[0])):
        both = (amount[0], freight[0])
        draft.put("amount", Expression(sum=both), "what the customer paid: the price and its freight", columns=both)
    elif amount is not None:
        draft.put("amount", amount[0], amount[1].why, confidence=amount[1].confidence)
    order = table.find("order id")
    if order is not None:
        draft.put("order_id", order[0], order[1].why)
    english = [name for c, name in table.visible() if re.fullmatch(r".*categor\w*( name)? english", plain(c.name))]
    if english:
        draft.put("category", english[0], "the translated name of the category")
    _take(
        draft,
        table,
        ("refunded", "refunded"),
        ("quantity", "quantity"),
        ("currency", "currency"),
        ("product", "product"),
        ("category", "category"),
        ("seller", "seller"),
        ("status", "status"),
    )


def _answer(draft: Draft, table: Table) -> None:
    free = [
        c
        for c in table.own
        if c.name not in draft.used
        and not {"created", "person", "account", "anonymous"} & set(table.roles_of(c.name)[:1])
    ]
    parts, why = parts_of(free)
    scored = [p for p in parts.values() if p.score is not None]
    if len(scored) > 1:
        draft.parts = dict(parts)
        for part_name, part in parts.items():
            draft.used[str(part.score or part.verbatim)] = (f"answer: part {part_name}", 0.75, why[part_name])
    else:
        _one_score(draft, table, scored, why)
    draft.put("survey", Expression(value=undated(stem(table.files[0]))), "the name of the file")
    _take(draft, table, ("survey", "survey"), ("channel", "channel"), ("asked_at", "asked"))


def _one_score(draft: Draft, table: Table, scored: Sequence[Part], why: dict[str, str]) -> None:
    if scored:
        column = table.column(str(scored[0].score))
        said = next((m for m in METRICS if m in plain(stem(table.files[0])).split()), "")
        to_ten = (column.high or 0) > 7
        metric = metric_of(column) or said or ("nps" if to_ten else "csat" if draft.kind == "answer" else "stars")
        draft.put("score", column.name, next(iter(why.values())))
        draft.put("metric", Expression(value=metric), f"{column.name}, {next(iter(why.values()))}")
        draft.scale = scale_of(column, metric)
    _take(draft, table, ("verbatim", "verbatim"))


def _review(draft: Draft, table: Table) -> None:
    if len([c for c in table.own if metric_of(c) or "aspect" in table.roles_of(c.name)]) > 3:
        draft.kind = "answer"
        _answer(draft, table)
        return
    scores = [c for c in table.own if is_question(c) and metric_of(c)]
    named = sorted(scores, key=lambda c: METRICS.index(metric_of(c)), reverse=True)
    part = Part(score=named[0].name) if named else Part()
    _one_score(
        draft,
        table,
        [part] if named else [],
        {"score": f"numbers from {named[0].low:g} to {named[0].high:g}"} if named else {},
    )
    order = table.find("order id")
    if order is not None:
        draft.put("about", order[0], order[1].why)
    _take(draft, table, ("subject", "subject"), ("verbatim", "verbatim"), ("channel", "channel"))


def _subscription(draft: Draft, table: Table) -> None:
    _take(
        draft,
        table,
        ("subscription", "subscription id"),
        ("plan", "plan"),
        ("amount", "amount"),
        ("currency", "currency"),
        ("until", "ended"),
        ("change", "change"),
    )
    draft.put("change", Expression(value="start"), "one row for each contract: its start")
    price(draft, table)


def _event(draft: Draft, table: Table) -> None:
    case = table.find("ticket id", own=True)
    if "person" not in draft.columns and case is not None:
        draft.put("person", case[0], "whose case it is: the events of a case are those of one person")
    _take(draft, table, ("name", "event"), ("error", "error"), ("amount", "amount"))
    draft.put("name", Expression(value=undated(stem(table.files[0]))), "the name of the file")


def _message(draft: Draft, table: Table) -> None:
    _take(draft, table, ("about", "ticket id"), ("verbatim", "verbatim"), ("channel", "channel"))


def _profile(draft: Draft, table: Table) -> None:
    _take(draft, table, ("name", "name"), ("email", "email"))


_BUILDERS = {
    "contact": _contact,
    "order": _order,
    "answer": _answer,
    "review": _review,
    "subscription": _subscription,
    "event": _event,
    "message": _message,
    "profile": _profile,
}
_OWN_IDS = {
    "contact": ("ticket id", "id"),
    "order": ("order id", "id"),
    "answer": ("review id", "id"),
    "review": ("review id", "id"),
    "subscription": ("subscription id", "id"),
    "message": ("id",),
}


def _key(draft: Draft, table: Table) -> None:
    """The record's key: an id that does not repeat, else an id and what tells its rows apart."""
    if draft.kind in {"event", "profile"}:
        return
    wanted = _OWN_IDS.get(draft.kind, ("id",))
    ids = [c for role in wanted if (c := table.find(role, own=True)) is not None]
    for name, role in ids:
        if table.column(name).unique:
            draft.put("key", name, f"{role.why}; it never repeats")
            return
    first = table.own[0]  # whole numbers may count the rows of this file alone: the next would overwrite this one's
    coded = first.unique and first.holds == "text" and is_id(first)
    if draft.kind == "contact" and coded and first.name not in draft.used:
        draft.put("key", first.name, "the first column, and it never repeats")
        return
    if draft.kind == "contact" and ids and "version_at" in draft.columns:
        draft.put("key", ids[0][0], f"{ids[0][1].why}; rows that repeat it are later versions of it")
        return
    second = table.find("item id", own=True) if draft.kind == "order" else table.find("order id", own=True)
    if ids and second is not None and second[0] != ids[0][0]:
        both = (ids[0][0], second[0])
        draft.put("key", Expression(text=both), "neither is unique alone", columns=both)


def _labels(draft: Draft, table: Table) -> None:
    for column, name in table.visible():
        if name not in draft.used and is_label(column) and (column.distinct <= 30 or name == column.name):
            draft.labels.append(name)
            draft.used[name] = ("label", 0.6, f"it has {column.distinct} different values")


def _promise(draft: Draft, table: Table) -> Draft | None:
    due = table.find("due", own=True)
    kept = table.find("kept", own=True) or table.find("solved", own=True)
    if due is None or kept is None or "occurred_at" not in draft.columns:
        return None
    promise = Draft(kind="promise")
    for target in ("key", "occurred_at", "person", "account"):
        if target in draft.columns:
            promise.put(target, draft.columns[target], draft.why[target])
    promise.put(
        "promise",
        Expression(value="answer" if draft.kind == "contact" else "delivery"),
        "what a due date beside it is for",
    )
    about = draft.columns.get("order_id") or draft.columns.get("key")
    if about is not None:
        promise.put("about", about, "what was promised for")
    promise.put("due_at", due[0], due[1].why)
    promise.put("kept_at", kept[0], kept[1].why)
    _withdrawn(promise, table)
    whole_days = all(e.endswith("00:00:00") or len(e) <= 10 for e in table.column(due[0]).examples)
    promise.put(
        "due_by",
        Expression(value="day" if whole_days else "instant"),
        "the due times are whole days" if whole_days else "the due times have hours",
    )
    return promise


def _withdrawn(promise: Draft, table: Table) -> None:
    """A promise is called off where the status says so; when, the file rarely tells."""
    status = table.find("status", own=True)
    if status is None:
        return
    off = tuple(
        v
        for v in table.column(status[0]).examples
        if re.search(r"cancel|unavailable|void|storn|annul", v, re.IGNORECASE)
    )
    created = promise.columns["occurred_at"]
    if off and isinstance(created, str):
        promise.put(
            "withdrawn_at", Expression(column=created, when={status[0]: off}), f"{status[0]} says {' or '.join(off)}"
        )


def _rating_beside(draft: Draft, table: Table) -> Draft | None:
    """What the customer gave the help they got, where a ticket carries it."""
    scores = [c for c in table.own if c.name not in draft.used and is_score(c) and metric_of(c)]
    if draft.kind != "contact" or len(scores) != 1 or "key" not in draft.columns:
        return None
    answer = Draft(kind="answer")
    for target in ("key", "occurred_at", "person", "account"):
        if target in draft.columns:
            answer.put(target, draft.columns[target], draft.why[target])
    answer.put("about", draft.columns["key"], "the contact that was rated")
    answer.put("survey", Expression(value=scores[0].name), "the name of the column")
    metric = metric_of(scores[0])
    metric = "csat" if metric == "stars" else metric
    answer.put("score", scores[0].name, "a score on a scale")
    answer.put("metric", Expression(value=metric), f"{scores[0].name}, a score of the contact")
    answer.scale = scale_of(scores[0], metric)
    return answer


def _profile_beside(draft: Draft, table: Table) -> Draft | None:
    """What is known of the person, where joined customers bring labels."""
    labels = [n for n in draft.labels if n.startswith(tuple(f"{p}." for p in table.profiles))] if table.profiles else []
    known = {
        role: (f"{other.name}.{found[0]}", found[1].why)
        for other in table.joined
        if other.name in table.profiles
        for role in ("name", "email")
        if (found := other.find(role, own=True)) is not None
    }
    if not (labels or known) or draft.kind == "profile" or "person" not in draft.columns:
        return None
    profile = Draft(kind="profile")
    for target in ("person", "occurred_at"):
        if target in draft.columns:
            profile.put(target, draft.columns[target], draft.why[target])
    for target, (source, why) in known.items():
        profile.put(target, source, why)
    profile.labels = labels
    return profile
