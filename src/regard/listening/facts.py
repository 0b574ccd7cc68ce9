"""What customers lived through before they answered, one fact at a time, read from the log.

A fact knows for each answer its value, whether it applied at all (a promise can only be late where one was made), and
which answers stand on its bad and its good side. Not applicable is not missing: it is kept apart in every model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from regard.listening.counted import texts
from regard.listening.rules import HIGH, LOW, classes, rule_of
from regard.periods import offsets, zone_of
from regard.wording import sentence, title

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from numpy.typing import NDArray

    from regard.signals.ask import Ask

    Mask = NDArray[np.bool_]
    Floats = NDArray[np.float64]

QUICK_DAYS = 7


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One fact of every answer.

    Attributes:
        name: Stable name.
        title: What people call it.
        words: Its bad and its good side: "a late delivery", "a delivery on time".
        when: Where or when it is counted, such as "in the 90 days before"; may be empty.
        family: experience (from the log) or part (a score given in the same response).
        value: One per answer; NaN where it is missing or not applicable.
        away: Where it did not apply.
        bad: Answers on the bad side.
        good: Answers on the good side.
        plain: Whether it is so or is not, without anything between.
        tier: Which facts come first where the answers cannot carry all: 0 what went wrong or well, 1 what
            customers did and when, 2 which features they used.
        more: What more of it is: worse, better, or unknown until seen.
    """

    name: str
    title: str
    words: tuple[str, str]
    when: str = ""
    family: Literal["experience", "part"] = "experience"
    value: Floats
    away: Mask
    bad: Mask
    good: Mask
    plain: bool = False
    tier: int = 0
    more: Literal["worse", "better", ""] = "worse"

    @property
    def contrast(self) -> str:
        """Its bad side against its good side, in words."""
        return f"{self.words[0]} against {self.words[1]}{' ' if self.when else ''}{self.when}"

    def first(self, n: int) -> Fact:
        """The same of the first rows only."""
        return replace(self, value=self.value[:n], away=self.away[:n], bad=self.bad[:n], good=self.good[:n])

    def side_of(self, part: Fact) -> Mask:
        """The bad side as a part of the rows has it, over all rows: it may have been turned when it was weighed."""
        n = len(part.bad)
        return self.bad if np.array_equal(self.bad[:n], part.bad) else self.good


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The answers whose facts are read: ids in order, and what every statement of the stem takes."""

    ids: NDArray[np.int64]
    known: Mask
    parameters: dict[str, Any]
    days: int
    answers: int = -1
    """How many of them, the first, are answers, by which a fact's sides are told; -1: all. Others are held to these."""

    @property
    def judged(self) -> Mask:
        """Those by which sides are told."""
        found: Mask = np.arange(len(self.ids)) < (len(self.ids) if self.answers < 0 else self.answers)
        return found

    @property
    def when(self) -> str:
        """When facts that are not about one order or contact are counted."""
        return f"in the {self.days} days before"

    def place(self, table: pa.Table) -> NDArray[np.int64]:
        """For each row of a facts table, which answer it is about."""
        found: NDArray[np.int64] = np.searchsorted(self.ids, table.column("id").to_numpy())
        return found

    def spread(self, table: pa.Table, name: str, default: float = np.nan) -> Floats:
        """A column of a facts table with one row per answer, laid out over all answers."""
        out = np.full(len(self.ids), default)
        out[self.place(table)] = floats(table, name)
        return out


def floats(table: pa.Table, name: str) -> Floats:
    """A column as numbers, NaN for null."""
    return np.asarray(table.column(name).to_numpy(zero_copy_only=False), dtype=np.float64)


def yes_or_no(
    name: str,
    text: str,
    words: tuple[str, str],
    yes: Mask,
    away: Mask,
    *,
    when: str = "",
    more: Literal["worse", "better"] = "worse",
) -> Fact:
    """A fact that is so or is not."""
    at = yes & ~away
    other = ~yes & ~away
    return Fact(
        name=name, title=text, words=words, when=when, value=np.where(away, np.nan, yes.astype(float)), away=away,
        bad=at if more == "worse" else other, good=other if more == "worse" else at, plain=True, more=more,
    )  # fmt: skip


def amount(
    name: str,
    text: str,
    words: tuple[str, str],
    value: Floats,
    away: Mask,
    *,
    when: str = "",
    more: Literal["worse", "better", ""] = "worse",
    judged: Mask | None = None,
) -> Fact:
    """A fact with a size: its highest quarter against its lowest; long tails are taken by their logarithm."""
    seen = value[~away & np.isfinite(value) & (True if judged is None else judged)]
    low, high = np.quantile(seen, (0.25, 0.75)) if len(seen) else (np.nan, np.nan)
    little = ~away & (value <= low)
    much = ~away & (value >= high) & (value > low)
    spread = seen.std() / abs(seen.mean()) if len(seen) and seen.mean() else 0.0
    used = np.log1p(np.maximum(value, 0)) if len(seen) and seen.min() >= 0 and spread > 1 else value
    bad, good = (little, much) if more == "better" else (much, little)
    return Fact(
        name=name, title=text, words=words, when=when, value=np.where(away, np.nan, used), away=away,
        bad=bad, good=good, more=more,
    )  # fmt: skip


def collected(ask: Ask, asked: Asked) -> Iterator[Fact]:
    """Every fact the log knows of these answers; those that hardly vary are left for the weighing to drop."""
    sources = (
        ("answer", parts), ("promise", promises), ("contact", contacts), ("event", events), ("event", starts),
        ("order", orders), ("subscription", prices), ("telemetry", service), ("message", messages),
    )  # fmt: skip
    for kind, read in sources:
        if ask.count(kind):
            yield from read(ask, asked)


def met(ask: Ask, asked: Asked) -> Iterator[Fact]:
    """What customers met, not what they did, before moments that need not be answers: for what goes with leaving."""
    sources = (
        ("promise", promises), ("contact", contacts), ("event", errors), ("order", orders), ("subscription", prices),
        ("telemetry", service),
    )  # fmt: skip
    for kind, read in sources:
        if ask.count(kind):
            yield from (fact for fact in read(ask, asked) if fact.tier == 0)


def errors(ask: Ask, asked: Asked) -> Iterator[Fact]:
    """Errors alone, without the days and the moments of use."""
    table = ask.table("staked_used.sql", **asked.parameters)
    total, failed = (asked.spread(table, n, 0.0) for n in ("events", "errors"))
    yield _errors(asked, total, failed)


def _errors(asked: Asked, total: Floats, failed: Floats) -> Fact:
    rate = np.minimum(100 * failed / np.maximum(total, 1), 50)
    words = ("many errors", "few errors")
    return amount(
        "errors", "Errors met", words, rate, ~asked.known | (total == 0), when=asked.when, judged=asked.judged
    )


def parts(ask: Ask, asked: Asked) -> Iterator[Fact]:
    """Scores of the parts of the experience given in the same response."""
    table = ask.table("drivers_parts.sql", **asked.parameters)
    names = texts(table, "part")
    place, score = asked.place(table), floats(table, "score")
    low, high = floats(table, "scale_min"), floats(table, "scale_max")
    for name in np.unique(names):
        at = names == name
        rule = rule_of("stars")
        group = classes(rule, score[at], low[at], high[at])
        value, level = np.full(len(asked.ids), np.nan), np.full(len(asked.ids), np.nan)
        value[place[at]], level[place[at]] = np.where(np.isnan(group), np.nan, score[at]), group
        text = sentence(title(str(name)))
        yield Fact(
            name=f"part:{name}", title=text, words=(f"{text} scored low", f"{text} scored high"), family="part",
            value=value, away=np.zeros(len(value), bool), bad=level == LOW, good=level == HIGH, more="better",
        )  # fmt: skip


def promises(ask: Ask, asked: Asked) -> Iterator[Fact]:
    """Promises kept, late, and not kept yet when the customer answered."""
    table = ask.table("drivers_promises.sql", **asked.parameters)
    names = texts(table, "promise")
    reach = texts(table, "reach")
    place = asked.place(table)
    kept, late, open_ = _states(table, ask.scope.zone)
    for which in ("this", "recent"):
        for name in np.unique(names[reach == which]):
            at = (reach == which) & (names == name)
            on_time, was_late, undelivered = (_any(asked, place[at & mask]) for mask in (kept, late, open_))
            text = sentence(title(str(name))) or "Promise"
            if which == "this":
                yield from _about(str(name), text, on_time & ~was_late & ~undelivered, was_late, undelivered)
            else:
                broken = was_late | undelivered
                thing = text.lower()
                words = (f"a broken {thing} promise", f"{thing} promises kept")
                away = ~(on_time | broken)
                yield yes_or_no(f"broken:{name}", f"{text} promise broken", words, broken, away, when=asked.when)


def _about(name: str, text: str, on_time: Mask, late: Mask, undelivered: Mask) -> Iterator[Fact]:
    """The promise the answer is about: late, and past its time without being kept, each a driver of its own."""
    late = late & ~undelivered
    away = ~(on_time | late | undelivered)
    thing = text.lower()
    for code, told, bad, worse in (
        ("late", f"{text} late", late, f"{thing} late"),
        ("overdue", f"{text} overdue, not kept", undelivered, f"{thing} past its time and still not there"),
    ):
        yield Fact(
            name=f"{code}:{name}", title=told, words=(worse, f"{thing} on time"),
            value=np.where(away, np.nan, bad.astype(float)), away=away, bad=bad, good=on_time, plain=True,
        )  # fmt: skip


def _states(table: pa.Table, zone: str) -> tuple[Mask, Mask, Mask]:
    """Each promise as the answer found it: kept in time, late, past its time and not kept; none while it may be kept.

    A promise for a day is kept until that calendar day ends in the company's zone.
    """
    at, due, kept, withdrawn = (_instants(table, n) for n in ("at", "due_at", "kept_at", "withdrawn_at"))
    by_day = texts(table, "due_by") == "day"
    day_at, day_due, day_kept = (_local_days(x, zone) for x in (at, due, kept))
    is_kept = ~np.isnat(kept)
    passed = np.where(by_day, day_at > day_due, at > due)
    over = np.where(by_day, day_kept > day_due, kept > due)
    in_time = is_kept & ~over
    return in_time, is_kept & over & (passed | (kept <= at)), ~is_kept & passed & np.isnat(withdrawn)


def _instants(table: pa.Table, name: str) -> NDArray[np.datetime64]:
    return np.asarray(table.column(name).to_numpy(zero_copy_only=False)).astype("datetime64[s]")


def _local_days(at: NDArray[np.datetime64], zone: str) -> NDArray[np.datetime64]:
    seen = at[~np.isnat(at)]
    if not len(seen):
        return at.astype("datetime64[D]")
    first, last = (
        datetime.fromtimestamp(int(x.astype(np.int64)), tz=UTC).replace(tzinfo=None) for x in (seen.min(), seen.max())
    )
    steps = offsets(zone_of(zone), first - timedelta(days=1), last + timedelta(days=1))
    edges = np.array([np.datetime64(s[0], "s") for s in steps[1:]], dtype="datetime64[s]")
    seconds = np.array([s[1] for s in steps], dtype="timedelta64[s]")
    local = at + seconds[np.searchsorted(edges, at, side="right").clip(0, len(steps) - 1)]
    return np.asarray(local, dtype="datetime64[D]")


def _any(asked: Asked, place: NDArray[np.int64]) -> Mask:
    out = np.zeros(len(asked.ids), bool)
    out[place] = True
    return out


def contacts(ask: Ask, asked: Asked) -> Iterator[Fact]:
    """Waiting, solving, reopening and handing over: of the contact the answer is about, and of recent ones."""
    table = ask.table("drivers_contacts.sql", **asked.parameters)
    reach = texts(table, "reach")
    for which, when in (("this", ""), ("recent", asked.when)):
        part = table.filter(reach == which)
        number = asked.spread(part, "contacts", 0.0)
        none = number == 0
        if which == "recent":
            words = ("asking for help", "never asking for help")
            yield replace(yes_or_no("asked_for_help", "Asked for help", words, ~none, ~asked.known, when=when), tier=1)
        for column, text in (("waited", "first answer"), ("solving", "solution")):
            hours = asked.spread(part, column)
            words = (f"a long wait for a {text}", f"a short wait for a {text}")
            away = none | np.isnan(hours)
            yield amount(
                f"{column}:{which}", f"Waiting for a {text}", words, hours, away, when=when, judged=asked.judged
            )
        again, known = asked.spread(part, "reopened", 0.0), asked.spread(part, "known_reopened", 0.0)
        words = ("a reopened contact", "help solved at once")
        yield yes_or_no(f"reopened:{which}", "Help reopened", words, again > 0, known == 0, when=when)
        hands, known = asked.spread(part, "handovers", 0.0), asked.spread(part, "known_handovers", 0.0)
        words = ("many hands", "few hands")
        yield amount(
            f"handovers:{which}",
            "Handed from one to the next",
            words,
            hands,
            known == 0,
            when=when,
            judged=asked.judged,
        )
        waiting = asked.spread(part, "unsolved", 0.0)
        words = ("help not solved yet", "help solved")
        yield yes_or_no(f"unsolved:{which}", "Still waiting for a solution", words, waiting > 0, none, when=when)


def events(ask: Ask, asked: Asked) -> Iterator[Fact]:
    """Use, errors, and the moments of the journey lived in the days before."""
    ask.keep("used", ask.table("drivers_used.sql", **asked.parameters))
    table = ask.table("drivers_events.sql", **asked.parameters)
    total, failed, days = (asked.spread(table, n, 0.0) for n in ("events", "errors", "days"))
    away = ~asked.known
    words = ("little use", "much use")
    yield replace(
        amount("active_days", "Days of use", words, days, away, when=asked.when, more="better", judged=asked.judged),
        tier=1,
    )
    yield _errors(asked, total, failed)
    if not any(m.events for s in ask.declarations.stages for m in s.moments):
        return
    table = ask.table("drivers_moments.sql", **asked.parameters)
    names, moments = (texts(table, n) for n in ("name", "moment"))
    place = asked.place(table)
    for name in np.unique(names):
        at = names == name
        text = f"{moments[at][0]}: {title(str(name)).lower()}"
        words = (f"no {title(str(name)).lower()}", title(str(name)).lower())
        away = ~asked.known | (total == 0)
        done = yes_or_no(f"did:{name}", text, words, _any(asked, place[at]), away, when=asked.when, more="better")
        yield replace(done, tier=2)


def starts(ask: Ask, asked: Asked) -> Iterator[Fact]:
    """Moments reached for the first time within a week of the start."""
    if not any(m.events for s in ask.declarations.stages for m in s.moments):
        return
    table = ask.table("drivers_starts.sql", **asked.parameters)
    names = texts(table, "moment")
    place, tenure, days = asked.place(table), floats(table, "tenure"), floats(table, "days")
    ripe = _any(asked, place[tenure >= QUICK_DAYS])
    for name in np.unique(names[names != ""]):
        at = names == name
        first = days[at & (days >= 0)]
        if not len(first) or np.median(first) > 60:
            continue
        quick = _any(asked, place[at & (days >= 0) & (days <= QUICK_DAYS)])
        words = (f"{name} later than a week after the start", f"{name} within a week of the start")
        yield replace(yes_or_no(f"quick:{name}", f"{name} within a week", words, quick, ~ripe, more="better"), tier=1)


def orders(ask: Ask, asked: Asked) -> Iterator[Fact]:
    """What was paid, and given back."""
    table = ask.table("drivers_orders.sql", **asked.parameters)
    reach = texts(table, "reach")
    of_order = _any(asked, asked.place(table.filter(reach == "this")))
    for which, when in (("this", ""), ("recent", asked.when)):
        part = table.filter(reach == which)
        lines, paid = asked.spread(part, "lines", 0.0), asked.spread(part, "amount")
        none = lines == 0
        refunded = asked.spread(part, "refunds", 0.0) > 0
        words = ("money given back", "no money given back")
        yield yes_or_no(f"refunded:{which}", "Money given back", words, refunded, none, when=when)
        if which == "this":
            words = ("a dear order", "a cheap order")
            yield amount(
                "paid:this", "Price of the order", words, paid, none | np.isnan(paid), more="", judged=asked.judged
            )
            words = ("several articles in one order", "a single article")
            yield amount("lines:this", "Articles in one order", words, lines, none, more="", judged=asked.judged)
        else:
            words = ("no order", "an order")
            bought = yes_or_no(
                "ordered", "Ordered", words, lines > 0, ~asked.known | of_order, when=when, more="better"
            )
            yield replace(bought, tier=1)


def prices(ask: Ask, asked: Asked) -> Iterator[Fact]:
    """A dearer contract, and how long the customer has been one."""
    table = ask.table("drivers_prices.sql", **asked.parameters)
    tenure, dearer = asked.spread(table, "tenure"), asked.spread(table, "dearer", 0.0)
    away = ~_any(asked, asked.place(table))
    words = ("a higher price for the same plan", "the same price")
    yield yes_or_no("price_rise", "Price went up", words, dearer > 0, away, when=asked.when)
    words = ("long with us", "new with us")
    yield replace(
        amount("tenure", "Time with us", words, tenure / 365.25, np.isnan(tenure), more="", judged=asked.judged), tier=1
    )


def service(ask: Ask, asked: Asked) -> Iterator[Fact]:
    """How the service measured for this very customer."""
    table = ask.table("drivers_service.sql", **asked.parameters)
    names = texts(table, "name")
    place, good = asked.place(table), floats(table, "good")
    for name in np.unique(names):
        at = names == name
        share = np.full(len(asked.ids), np.nan)
        share[place[at]] = 100 * good[at]
        text = title(str(name))
        words = (f"{text} at its worst", f"{text} at its best")
        yield amount(
            f"service:{name}", text, words, share, np.isnan(share), when=asked.when, more="better", judged=asked.judged
        )


def messages(ask: Ask, asked: Asked) -> Iterator[Fact]:
    """How often we wrote."""
    table = ask.table("drivers_messages.sql", **asked.parameters)
    number = asked.spread(table, "messages", 0.0)
    words = ("many messages from us", "few messages from us")
    sent = amount(
        "messages", "Messages from us", words, number, ~asked.known, when=asked.when, more="", judged=asked.judged
    )
    yield replace(sent, tier=1)
