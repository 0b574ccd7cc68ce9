"""How long customers under contract have stayed: every stay of the base, as arrays, with what it pays and why it ended.

The stays are those the ledger counts. Two things keep tenure honest: a stay that runs counts up to the end of the
period and no further, and one that began before the log could have seen it end counts from then on only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from regard.errors import Refusal
from regard.signals.rates import currencies, rate_at
from regard.statistics import survival

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.signals.ask import Ask
    from regard.statistics.estimates import Floats, Whole
    from regard.statistics.survival import Tenures

MONTH = 365.25 / 12
TERMS = {"year": 365.0, "quarter": 365.0 / 4}
"""Days from renewal to renewal, where a contract does not come up so often that any day will do."""
UNKNOWN = "unknown"
MOST_REASONS = 8


@dataclass(frozen=True, kw_only=True)
class Stays:
    """Every stay, one entry each; days count from 1970.

    Attributes:
        customer: Whose.
        id: Their id.
        name: What they are called.
        slice: Under which label they stand, when cut.
        since: Day it began.
        left: Day it ended; NaN while it runs.
        reason: Number of the reason from 1; 0 where it runs.
        told: Where the reason comes from: stated, observed, inferred, or empty.
        value: What it paid a year, in the company's currency; NaN where that is not known.
        every: Billing period: month, quarter, year or empty.
        paid: Day it is paid until; NaN where that is not said.
        reasons: Names of the reasons; unknown is the last where there is one.
        until: End of the period.
        watched: Day from which an end could be seen.
        headless: Stays left out because their start is not known.
    """

    customer: Whole
    id: list[str]
    name: list[str]
    slice: list[str]
    since: Floats
    left: Floats
    reason: Whole
    told: NDArray[np.object_]
    value: Floats
    every: NDArray[np.object_]
    paid: Floats
    reasons: tuple[str, ...]
    until: float
    watched: float
    headless: int

    @property
    def here(self) -> NDArray[np.bool_]:
        """Which run at the end of the period."""
        return np.isnan(self.left)

    def lived(self) -> Tenures:
        """Their tenures in months, seen late where they began before the log could see an end."""
        out = np.where(self.here, self.until, self.left)
        entry = np.maximum(self.watched - self.since, 0.0)
        return survival.tenures((out - self.since) / MONTH, ~self.here, entry=entry / MONTH, reason=self.reason)

    def observed(self) -> NDArray[np.bool_]:
        """Which of them `lived` keeps: those under observation for some time."""
        out = np.where(self.here, self.until, self.left)
        kept: NDArray[np.bool_] = out - self.since > np.maximum(self.watched - self.since, 0.0)
        return kept


def stays(ask: Ask) -> Stays:
    """The stays of the scope.

    Raises:
        Refusal: No contract has begun.
    """
    return ask.view.once(("stays", *ask.scope.key), lambda: _stays(ask))


def _stays(ask: Ask) -> Stays:
    declared = ask.declarations
    names = currencies(declared)
    table = replace(ask, package=__package__).table(
        "tenures.sql", currencies=names, closing_rates=[rate_at(declared, n, ask.scope.until) for n in names],
        one_currency=not declared.currency,
    )  # fmt: skip
    since, left = days(table, "since"), days(table, "left_at")
    headless = since < -20_000
    keep = np.nonzero(~headless)[0]
    if not len(keep):
        raise Refusal(
            "No contract's start is known.", hint="Import subscriptions with their starts, renewals and ends."
        )
    rows = table.take(keep)
    left = left[keep]
    reason, reasons = numbered(rows.column("reason").to_pylist(), np.isfinite(left))
    ends = left[np.isfinite(left)]
    until = day_of(ask.scope.until)
    return Stays(
        customer=rows.column("customer").to_numpy(), id=rows.column("id").to_pylist(),
        name=rows.column("name").to_pylist(),
        slice=rows.column("slice").to_pylist(), since=since[keep], left=left, reason=reason,
        told=np.array([t or "" for t in rows.column("reason_from").to_pylist()], dtype=object),
        value=rows.column("value").to_numpy(zero_copy_only=False).astype(float),
        every=np.array([e or "" for e in rows.column("every").to_pylist()], dtype=object),
        paid=days(rows, "paid_until"),
        reasons=reasons, until=until, watched=float(ends.min()) - 1e-6 if len(ends) else until,
        headless=int(headless.sum()),
    )  # fmt: skip


def days(table: object, name: str) -> Floats:
    """A column of times as days since 1970, NaN for null."""
    values = table.column(name).to_numpy(zero_copy_only=False).astype("datetime64[us]")  # type: ignore[attr-defined]
    out: Floats = np.where(np.isnat(values), np.nan, values.astype(np.int64) / 86_400e6)
    return out


def day_of(at: object) -> float:
    """An instant as days since 1970."""
    return float(np.datetime64(at, "us").astype(np.int64)) / 86_400e6  # type: ignore[call-overload]


def numbered(given: list[str | None], over: NDArray[np.bool_]) -> tuple[Whole, tuple[str, ...]]:
    """Numbers from 1 by how often a reason is given; rare ones together, unknown last."""
    texts = np.array([(g or "").strip() or UNKNOWN for g in given], dtype=object)
    names, times = np.unique(texts[over].astype(str), return_counts=True)
    known = [str(n) for _, n in sorted(zip(-times, names, strict=True)) if n != UNKNOWN]
    if len(known) > MOST_REASONS:
        known = [*known[: MOST_REASONS - 1], "other reasons"]
    ordered = (*known, UNKNOWN) if (texts[over] == UNKNOWN).any() or not known else tuple(known)
    place = {name: i for i, name in enumerate(ordered, start=1)}
    rest = place.get("other reasons", len(ordered))
    numbers = np.array([place.get(str(t), rest) for t in texts], dtype=np.int64)
    return np.where(over, numbers, 0), ordered
