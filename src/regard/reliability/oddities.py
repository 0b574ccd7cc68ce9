"""What one customer did that may be a mistake: the three rules, their limits from the base's own past, their words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from regard import wording
from regard.statistics.bursts import Limit, habits, habitual, limit, spread, surprise
from regard.wording import count, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from regard.signals.ask import Ask

SAME_ORDER, SAME_FAILURE, BURST = RULES = ("same order again", "same failure again", "much more than usual")
LEAST = {SAME_ORDER: 3.0, SAME_FAILURE: 3.0, BURST: 3.0}
"""Orders, failures and tenfolds of surprise below which nothing is ever odd."""
PAST = 180
"""Days looked back over for what is usual."""
MONTH = 30.4375
DID = {"event": "step", "order": "order", "contact": "contact"}


@dataclass(frozen=True, kw_only=True)
class Oddity:
    """One customer's odd behaviour.

    Attributes:
        rule: Which of the three.
        customer: Number of the customer.
        what: The product, the event, or what there was much of.
        size: How many.
        began: First of them, UTC.
        ended: Last of them, UTC.
        usual: What a day usually brings of it, for a burst; else how many were usual at most.
        error: What failed, where known.
        name: The customer's name; empty until it was looked up.
        id: Its id.
    """

    rule: str
    customer: int
    what: str
    size: int
    began: datetime
    ended: datetime
    usual: float
    error: str = ""
    name: str = ""
    id: str = ""

    @property
    def sentence(self) -> str:
        """What happened, to be read after who."""
        took = wording.duration((self.ended - self.began).total_seconds())
        thing = wording.plainly(self.what)
        if self.rule == SAME_ORDER:
            return f"placed the same order of {thing or 'one article'} {number(self.size)} times within {took}"
        if self.rule == SAME_FAILURE:
            why = f" ({wording.plainly(self.error)})" if self.error else ""
            return f"met the same failure at {thing} {number(self.size)} times in a row within {took}{why}"
        return f"made {count(self.size, DID.get(self.what, self.what))} in a day, where {number(self.usual)} is usual"

    @property
    def words(self) -> str:
        """A polite check one could send, to be put in one's own voice."""
        thing = wording.plainly(self.what) or "the same article"
        if self.rule == SAME_ORDER:
            return (
                f"We received {number(self.size)} orders of {thing} from you within a short time. Did you mean all of "
                "them? If not, tell us which to keep; we undo the others at no cost."
            )
        if self.rule == SAME_FAILURE:
            return (
                f"We saw that {thing} failed for you {number(self.size)} times in a row. We are sorry, and we are "
                "looking into it. Shall we do it for you meanwhile?"
            )
        much = count(self.size, DID.get(self.what, self.what))
        return f"We noticed {much} from you in a day, far more than is usual. Is all as you meant it, or can we help?"

    @property
    def key(self) -> str:
        """What makes it the same oddity each time it is seen: rule, customer, thing, and when it began."""
        return f"{self.rule}:{self.id}:{self.what}:{self.began:%Y-%m-%dT%H:%M:%S}"


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is odd in the days looked at, and from which size on each rule calls something odd."""

    oddities: tuple[Oddity, ...]
    limits: dict[str, Limit]
    looked: int


def oddities(ask: Ask, *, now: datetime, days: int, rate: float, seconds: dict[str, int]) -> Found:
    """What is odd in the last days before `now`.

    Args:
        ask: What may be looked at.
        now: The moment of looking, UTC.
        days: Days looked at; what is usual comes from the 180 before them.
        rate: False alarms a month that are accepted, over all rules and customers; shared out equally.
        seconds: Longest time between two of a cluster, by rule.
    """
    begin, history = now - timedelta(days=days), now - timedelta(days=days + PAST)
    first = ask.rows("odd_since.sql", history=history)[0]["first"]
    months = _months(first or begin, begin)
    each = rate / len(RULES)
    found: list[Oddity] = []
    limits: dict[str, Limit] = {}
    looked = 0
    for rule, statement, kind in (
        (SAME_ORDER, "odd_orders.sql", "order"),
        (SAME_FAILURE, "odd_failures.sql", "event"),
    ):
        if not ask.count(kind):
            continue
        rows = _columns(ask.table(statement, history=history, now=now, window=seconds[rule]))
        now_odd, at = _clustered(rows, begin, months=months, rate=each, least=LEAST[rule])
        limits[rule], looked = at, looked + len(rows["size"])
        found += [_cluster(rule, rows, i, at) for i in now_odd]
    if any(ask.count(kind) for kind in DID):
        bursts, limits[BURST], n = _bursts(ask, now=now, begin=begin, history=history, months=months, rate=each)
        found, looked = found + bursts, looked + n
    return Found(oddities=_named(ask, found), limits=limits, looked=looked)


def _columns(table: pa.Table) -> dict[str, Any]:
    return {name: table.column(name).to_numpy(zero_copy_only=False) for name in table.column_names}


def _months(since: datetime, until: datetime) -> float:
    return max((until - since).total_seconds() / 86_400 / MONTH, 0.0)


def _clustered(
    rows: dict[str, Any], begin: datetime, *, months: float, rate: float, least: float
) -> tuple[list[int], Limit]:
    """Positions of the clusters that are odd now, and the limit they passed; the past has so many months."""
    began = rows["began"].astype("datetime64[us]")
    size = rows["size"].astype(float)
    past = began < np.datetime64(begin)
    at = limit(size[past], months=months, rate=rate, least=least)
    usual = habitual(rows["customer"].astype(np.int64), size, began.astype(float), at=at.size)
    return np.flatnonzero(~past & (size >= at.size) & ~usual).tolist(), at


def _time(value: Any) -> datetime:
    found: datetime = value.astype("datetime64[us]").astype(datetime)
    return found


def _cluster(rule: str, rows: dict[str, Any], i: int, at: Limit) -> Oddity:
    return Oddity(
        rule=rule, customer=int(rows["customer"][i]), what=str(rows["what"][i]), size=int(rows["size"][i]),
        began=_time(rows["began"][i]), ended=_time(rows["ended"][i]), usual=at.size - 1,
        error=str(rows["error"][i]) if "error" in rows else "",
    )  # fmt: skip


def _bursts(
    ask: Ask, *, now: datetime, begin: datetime, history: datetime, months: float, rate: float
) -> tuple[list[Oddity], Limit, int]:
    """Days on which a customer did far more than its own habit, by kind."""
    habit = _columns(ask.table("odd_habits.sql", history=history, begin=begin))
    days = _columns(ask.table("odd_bursts.sql", history=history, now=now))
    expected = np.zeros(len(days["size"]))
    kinds, tens = days["kind"].astype(str), np.zeros(len(days["size"]))
    began = days["began"].astype("datetime64[us]")
    past = began < np.datetime64(begin)
    for kind in DID:
        own, some = habit["kind"].astype(str) == kind, kinds == kind
        if own.any() and some.any():
            part = {n: v[own] for n, v in habit.items()}
            expected[some], tens[some] = _surprises(part, days["customer"][some], days["size"][some], past[some])
    # Customers new in these days have no habit yet: what they do is not held against them.
    settled = np.isin(days["customer"], habit["customer"])
    at_limit = limit(tens[past], months=months, rate=rate, least=LEAST[BURST])
    rows = [
        Oddity(
            rule=BURST, customer=int(days["customer"][i]), what=str(kinds[i]), size=int(days["size"][i]),
            began=_time(days["began"][i]), ended=_time(days["ended"][i]), usual=float(expected[i]),
        )
        for i in np.flatnonzero(~past & settled & (tens >= at_limit.size))
    ]  # fmt: skip
    return rows, at_limit, len(tens)


def _surprises(
    habit: dict[str, Any], customer: NDArray[np.int64], size: NDArray[Any], past: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each day was expected to bring by the customer's habit, and how surprising it was."""
    total, squares, there = (habit[n].astype(float) for n in ("total", "squares", "days"))
    base = habits(total, there)
    at = np.minimum(np.searchsorted(habit["customer"], customer), len(total) - 1)
    known = habit["customer"][at] == customer
    # A day of the past is held against the others: with itself in it no habit would be surprised.
    mine = np.where(known, total[at] - np.where(past, size, 0), 0.0)
    span = np.where(known, there[at] - past, 0.0)
    expected = base.of(mine, span)
    return expected, surprise(size.astype(np.int64), expected, spread(total, squares, there, base.of(total, there)))


def _named(ask: Ask, found: list[Oddity]) -> tuple[Oddity, ...]:
    """With the customers' names and ids, the latest first; a burst made of a cluster already told is left out."""
    if not found:
        return ()
    told = {(o.customer, o.began.date()) for o in found if o.rule != BURST}
    kept = [o for o in found if o.rule != BURST or (o.customer, o.began.date()) not in told]
    ask.keep("odd", pa.table({"customer": pa.array(sorted({o.customer for o in kept}), pa.int64())}))
    names = {r["customer"]: (r["name"], r["id"]) for r in ask.rows("odd_names.sql")}
    return tuple(sorted(_with(kept, names), key=lambda o: (o.began, o.key), reverse=True))


def _with(found: list[Oddity], names: dict[int, tuple[str, str]]) -> Iterator[Oddity]:
    for one in found:
        name, id_ = names.get(one.customer, ("unknown", ""))
        yield Oddity(**{**one.__dict__, "name": name or "unknown", "id": id_ or ""})
