"""What was known of each customer at a few moments, and whether they left soon after: for reasons and renewals.

Only what happened before a moment counts for it, and everybody who was there then is in it: nothing that happens later
can tell who left, and nobody is looked at only because they stayed long enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from regard.wording import plainly

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.signals.ask import Ask
    from regard.signals.tenures import Stays
    from regard.statistics.estimates import Floats, Whole

DAYS = 90
YEAR = 365.25
MOST_PROMISES = 3
MANY_ERRORS = 5.0
"""Errors per 100 events from which use counts as troubled."""
MOST_ERRORS = 15.0
OWN_STEPS = 20.0
"""Steps of use at which a customer's own share of errors weighs as much as everybody's."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One fact of every row.

    Attributes:
        name: Stable name.
        words: What held: "a broken delivery promise".
        value: Its value: 1 where it held, or how much of it there was.
        least: Value from which it counts as held.
        each: Words for one more of it, where it is no yes or no.
    """

    name: str
    words: str
    value: Floats
    least: float = 0.5
    each: str = ""

    @property
    def held(self) -> NDArray[np.bool_]:
        """Where it held."""
        found: NDArray[np.bool_] = self.value >= self.least
        return found


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Customers at moments, one row each.

    Attributes:
        moment: Number of the moment, 0 the latest.
        at: Its day.
        stay: Row of the stay.
        tenure: Months since the stay began.
        left: Whether it ended within the days that followed.
        due: Whether a renewal falls within those days.
        facts: What had happened before.
        plan: What they were subscribed to.
    """

    moment: Whole
    at: Floats
    stay: Whole
    tenure: Floats
    left: NDArray[np.bool_]
    due: NDArray[np.bool_]
    facts: tuple[Fact, ...]
    plan: NDArray[np.object_]


def panel(ask: Ask, found: Stays, moments: list[float], ahead: float) -> Panel:
    """Everybody under contract at each moment, with the facts of the days before.

    Args:
        ask: What may be looked at.
        found: The stays.
        moments: Days, the latest first.
        ahead: Days after a moment in which leaving counts.
    """
    rows, number = [], []
    for i, day in enumerate(moments):
        there = (found.since < day) & ~(found.left <= day) & (day > found.watched)
        chosen = np.nonzero(there)[0]
        rows.append(chosen)
        number.append(np.full(len(chosen), i))
    stay, moment = np.concatenate(rows), np.concatenate(number).astype(np.int64)
    at = np.array(moments)[moment]
    left = found.left[stay] <= at + ahead
    when = (at * 86_400e6).astype(np.int64)
    ask.keep("picked", pa.table({
        "id": np.arange(len(stay)), "customer": found.customer[stay], "at": pa.array(when, pa.timestamp("us")),
    }))  # fmt: skip
    facts, plan = _facts(ask, len(stay), moments)
    return Panel(
        moment=moment, at=at, stay=stay, tenure=(at - found.since[stay]) / (YEAR / 12), left=left,
        due=_due(found, stay, at, ahead), facts=facts, plan=plan,
    )  # fmt: skip


def next_due(found: Stays, stay: Whole, at: Floats) -> Floats:
    """Day of the next renewal after a day: the next anniversary of the start by the billing period."""
    length = np.array([{"year": YEAR, "quarter": YEAR / 4}.get(str(e), YEAR / 12) for e in found.every[stay]])
    steps = np.floor((at - found.since[stay]) / length + 1e-9) + 1
    anniversary: Floats = found.since[stay] + steps * length
    paid = found.paid[stay]
    # Where the contract says until when it is paid, that is the day, unless it is long past.
    return np.where(np.isfinite(paid) & (paid >= at) & (paid < at + length + 1), paid, anniversary)


def _due(found: Stays, stay: Whole, at: Floats, ahead: float) -> NDArray[np.bool_]:
    length = np.array([{"year": YEAR, "quarter": YEAR / 4}.get(str(e), YEAR / 12) for e in found.every[stay]])
    age = at - found.since[stay]
    # Half a day of grace: a year of 365 days and one of 365.25 come up on the same day.
    found_: NDArray[np.bool_] = np.floor((age + ahead + 1.5) / length) > np.floor((age + 1.5) / length)
    return found_


def _facts(ask: Ask, n: int, moments: list[float]) -> tuple[tuple[Fact, ...], NDArray[np.object_]]:
    contacts = ask.table("panel_contacts.sql", days=DAYS)
    scores = ask.table("panel_scores.sql")
    prices = ask.table("panel_prices.sql", days=DAYS)
    early = datetime(1970, 1, 1) + timedelta(days=min(moments) - DAYS - 1)
    late = datetime(1970, 1, 1) + timedelta(days=max(moments) + 1)
    ask.keep("used", ask.table("panel_used.sql", first=early, until=late))
    use = ask.table("panel_use.sql", days=DAYS, lately=DAYS // 3)
    events, errors, lately = (_spread(use, name, n) for name in ("events", "errors", "lately"))
    rest = (events - lately) / 2
    class_, moved = _spread(scores, "class", n, np.nan), _spread(scores, "moved", n, np.nan)
    # Drawn towards the mean by how little use there was: one error in three steps says next to nothing.
    mean = 100 * errors.sum() / max(events.sum(), 1.0)
    share = (100 * errors + OWN_STEPS * mean) / (events + OWN_STEPS)
    plan = np.full(n, "", dtype=object)
    plan[prices.column("id").to_numpy()] = [p or "" for p in prices.column("plan").to_pylist()]

    def so(name: str, words: str, where: NDArray[np.bool_]) -> Fact:
        return Fact(name=name, words=words, value=where.astype(float))

    facts = (
        *_promises(ask, n),
        so("open_contact", "a question still open", _spread(contacts, "open", n) > 0),
        so("reopened", "a question that had to be reopened", _spread(contacts, "reopened", n) > 0),
        so("low_score", "a low last score", class_ == -1),
        so("score_fell", "a score fallen by a fifth of its scale or more", moved <= -0.2),
        so("use_fell", "use fallen to under half", (rest >= 10) & (lately < rest / 2)),
        Fact(
            name="errors",
            words="errors in one of twenty steps or more",
            value=np.minimum(share, MOST_ERRORS),
            least=MANY_ERRORS,
            each="each error in a hundred steps",
        ),
        so("dearer", "a dearer price", _spread(prices, "dearer", n) > 0),
    )
    return tuple(f for f in facts if f.held.any()), plan


def _promises(ask: Ask, n: int) -> list[Fact]:
    table = ask.table("panel_promises.sql", days=DAYS)
    names = np.array(table.column("promise").to_pylist(), dtype=object)
    ids, broken = table.column("id").to_numpy(), table.column("broken").to_numpy()
    kinds, times = np.unique(names.astype(str), return_counts=True) if len(names) else (np.zeros(0, str), np.zeros(0))
    found = []
    for kind in [k for _, k in sorted(zip(-times, kinds, strict=True))][:MOST_PROMISES]:
        value = np.zeros(n)
        mine = names.astype(str) == kind
        value[ids[mine]] = broken[mine] > 0
        what = f"{plainly(str(kind))} promise" if kind else "promise"
        found.append(Fact(name=f"broken_{kind or 'promise'}".replace(" ", "_"), words=f"a broken {what}", value=value))
    return found


def _spread(table: pa.Table, name: str, n: int, default: float = 0.0) -> Floats:
    out = np.full(n, default)
    values = table.column(name).to_numpy(zero_copy_only=False).astype(float)
    out[table.column("id").to_numpy()] = values
    return out if np.isnan(default) else np.nan_to_num(out)
