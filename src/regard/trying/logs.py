"""A table of events as steps: who, when, what; and the options that say which of them count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from regard.errors import BadInput, Refusal
from regard.findings import Caution
from regard.periods import parse_day
from regard.steps.columns import Selection, Steps, of_arrays
from regard.wording import count, number, percent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.trying.columns import Columns

CUSTOMER = (
    "customer", "customer id", "case concept name", "case id", "case", "user id", "user", "person id", "person",
    "visitor", "account", "member", "client", "patient", "session id", "session", "distinct id", "anonymous id", "id",
)  # fmt: skip
TIME = (
    "time",
    "timestamp",
    "time timestamp",
    "occurred at",
    "at",
    "datetime",
    "date",
    "when",
    "start",
    "created at",
    "eventdate",
    "eventtime",
)
STATES = tuple(f"{what} {how}" for what in ("incident", "ticket", "case", "order") for how in ("state", "status"))
EVENT = (
    "event", "concept name", "activity", "event name", "action", "step", "page", "screen", "name", "what", *STATES,
    "type",
)  # fmt: skip
TIED = 0.5
"""Share of a customer's moves between equal times from which on another column of times is looked for."""
SECOND = 1_000_000
DAY = 86_400 * SECOND
MOST_NAMES = 5000


@dataclass(frozen=True, kw_only=True)
class Log:
    """One file's events.

    Attributes:
        steps: Every customer's steps.
        labels: What the customers' numbers mean.
        selection: Customers that count.
        cautions: What was left out.
        crowded: Customers left out, with more steps on a day than a person takes.
        groups: Label of each customer where a column of groups was named: the one of their first row; -1 for none.
        names: What the groups' numbers mean.
    """

    steps: Steps
    labels: NDArray[np.object_]
    selection: Selection
    cautions: tuple[Caution, ...]
    crowded: int
    groups: NDArray[np.int64] | None = None
    names: tuple[str, ...] = ()

    @property
    def customers(self) -> int:
        """Customers that count."""
        mask = self.selection.customers
        return int(mask[0].sum()) if mask is not None else len(self.steps.customers)

    def known(self, names: tuple[str, ...], option: str) -> tuple[str, ...]:
        """Names that are steps of the file.

        Raises:
            BadInput: One is not; the nearest are told.
        """
        for name in names:
            if name not in self.steps.names:
                near = sorted(self.steps.names, key=lambda n: (name.lower() not in n.lower(), n))[:8]
                raise BadInput(f"No step is called {name!r}.", where=option, hint=f"Steps: {', '.join(near)}.")
        return names


def log_of(data: Columns, *, customer: str, time: str, event: str, error: str = "", by: str = "", most: int = 0) -> Log:
    """The steps of a table; rows without a customer, a time or an event are left out and said.

    Raises:
        UnknownName: A column that is not there.
        BadInput: A column cannot be guessed, or the times are none.
        Refusal: No row has all three.
    """
    customer = customer or data.guess("customer", CUSTOMER)
    time = time or _time_of(data, customer)
    event = event or data.guess("event", EVENT, "text", skip=(customer, time))
    who, labels = data.codes(customer)
    what, names = data.codes(event)
    when = data.times(time)
    keep = (who >= 0) & (what >= 0) & ~np.isnat(when)
    if not keep.any():
        raise Refusal(
            "No row has a customer, a time and an event.", hint="Name the columns with --customer, --time, --event."
        )
    if len(names) > MOST_NAMES:
        raise BadInput(
            f"{event} holds {number(len(names))} different events; a journey is told of up to {number(MOST_NAMES)}.",
            where="--event", hint="Name a column of kinds of events, not of their ids or addresses.",
        )  # fmt: skip
    bad = _errors(data, error)[keep] if error else None
    steps = of_arrays(who[keep], when[keep], names[what[keep]].tolist(), failed=bad)
    groups, called = _groups(data, by, who, keep, when) if by else (None, ())
    crowded = _crowded(steps, most)
    told = []
    if (~keep).any():
        lost = count(int((~keep).sum()), "row")
        told.append(Caution(code="incomplete", text=f"{lost} without a customer, a time or an event are left out."))
    if crowded.any():
        text = f"{count(int(crowded.sum()), 'customer')} with more than {number(most)} steps on a day are left out."
        told.append(Caution(code="crowded", text=text))
    selection = Selection(customers=[~crowded]) if crowded.any() else Selection()
    return Log(
        steps=steps, labels=labels[steps.customers], selection=selection, cautions=tuple(told),
        crowded=int(crowded.sum()), groups=None if groups is None else groups[steps.customers], names=called,
    )  # fmt: skip


def _time_of(data: Columns, customer: str) -> str:
    """The time as its heading says; where that is mostly one time for each customer, the one that tells steps apart."""
    found = data.guess("time", TIME, "time", skip=(customer,))
    who = data.codes(customer)[0]
    tied = _tied(who, data.times(found))
    others = [n for n in data.names if n not in {customer, found} and data.holds(n) == "time"]
    if tied <= TIED or not others:
        return found
    ties = {name: _tied(who, data.times(name)) for name in others}
    best = min(others, key=lambda n: ties[n])
    if ties[best] < tied / 2:
        data.guessed["time"] = found = best
    return found


def _tied(who: NDArray[np.int64], when: NDArray[np.datetime64]) -> float:
    """Share of moves from one row of a customer to the next that lie at one time; rows without a time count as tied."""
    order = np.lexsort((when, who))
    who, when = who[order], when[order]
    same = (who[1:] == who[:-1]) & (who[1:] >= 0)
    gap = when[1:][same] == when[:-1][same]
    return float(np.mean(gap | np.isnat(when[1:][same]))) if same.any() else 0.0


def _errors(data: Columns, column: str) -> NDArray[np.bool_]:
    """Whether a row met an error: yes, a number other than 0, or any text that does not say no."""
    if data.holds(column) in {"whole", "number", "truth"}:
        return np.asarray(np.nan_to_num(data.numbers(column)) != 0)
    quiet = {"", "no", "false", "ok", "none", "success", "0"}
    return np.array([(text or "").strip().lower() not in quiet for text in data.text(column)], np.bool_)


def _groups(
    data: Columns, by: str, who: NDArray[np.int64], keep: NDArray[np.bool_], when: NDArray[np.datetime64]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Group of each customer: what their first row with one says."""
    code, names = data.codes(by)
    rows = np.flatnonzero(keep & (code >= 0))
    rows = rows[np.lexsort((code[rows], when[rows]))]
    found = np.full(int(who.max()) + 1, -1)
    people, first = np.unique(who[rows], return_index=True)
    found[people] = code[rows[first]]
    return found, tuple(str(n) for n in names)


def _crowded(steps: Steps, most: int) -> NDArray[np.bool_]:
    """Customers with more steps on a day than `most`."""
    found = np.zeros(len(steps.customers), np.bool_)
    for c in np.flatnonzero(np.diff(steps.starts) > most).tolist() if most else ():
        days = steps.times[steps.starts[c] : steps.starts[c + 1]] // DAY
        found[c] = np.unique(days, return_counts=True)[1].max() > most
    return found


def split_at(text: str, *, where: str, log: Log) -> tuple[date, int]:
    """The day two periods meet, and its first microsecond.

    Raises:
        BadInput: It is no day, or none of the file's.
    """
    split = parse_day(text, where=where)
    at = (split - date(1970, 1, 1)).days * DAY
    low, high = int(log.steps.times.min()), int(log.steps.times.max())
    if not low < at <= high:
        first, last = (np.datetime64(t, "us").astype("datetime64[D]") for t in (low, high))
        raise BadInput(
            f"{split} lies outside the events, which run from {first} to {last}.", where=where,
            hint="Name a day between them, after the first.",
        )  # fmt: skip
    return split, at


def tied(ties: int, moves: int) -> tuple[bool, str]:
    """Whether few moves lie between equal times, and what to say of it."""
    share = ties / moves if moves else 0.0
    told = f"{number(ties)} of {number(moves)} moves ({percent(share)}) lie between steps of equal time"
    return share <= 0.05, f"{told}; their order is the file's." if ties else "No two steps of a customer share a time."
