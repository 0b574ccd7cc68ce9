"""What customers did after the way they went: scored, stayed, spent; of walks long enough ago for it to be known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from regard.statistics.proportions import mean, net_mean, share, wilson
from regard.wording import money, number, percent, signed

if TYPE_CHECKING:
    from regard.signals.ask import Ask
    from regard.statistics.estimates import Estimate

LEAST = 10
"""Fewest customers of a way whose score, money or staying is told."""


class Told(Protocol):
    """A row that says what its customers then did."""

    @property
    def score(self) -> float | None:
        """What they scored."""

    @property
    def stayed(self) -> float | None:
        """The share who stayed."""

    @property
    def spent(self) -> float | None:
        """What each spent."""


@dataclass(frozen=True, kw_only=True)
class Afterwards:
    """What each walk's customer did afterwards, in the order the walks were given."""

    score: NDArray[np.float64]
    spent: NDArray[np.float64]
    kept: NDArray[np.int8]
    over: NDArray[np.bool_]
    metric: str
    contracts: bool
    orders: bool

    def told(self, which: NDArray[np.bool_]) -> dict[str, Any]:
        """Score, staying and spending of some of the walks, with intervals, by the names rows have for them."""
        known = which & self.over
        found: dict[str, Any] = {"followed": int(known.sum())}
        scores = self.score[which & np.isfinite(self.score)]
        if len(scores) >= LEAST:
            one = scored_as(scores, self.metric)
            found |= {"score": one.value, "score_low": one.low, "score_high": one.high, "scored": len(scores)}
        held = self.kept[known & (self.kept >= 0)]
        if self.contracts and len(held) >= LEAST:
            kept = wilson(float((held > 0).sum()), len(held))
            found |= {"stayed": kept.value, "stayed_low": kept.low, "stayed_high": kept.high}
        if self.orders and known.sum() >= LEAST:
            sums = mean(self.spent[known])
            if not sums.refused:
                found |= {"spent": sums.value, "spent_low": sums.low, "spent_high": sums.high}
        return found


def afterwards(
    ask: Ask, customers: NDArray[np.int64], began: NDArray[np.int64], *, metric: str, days: int
) -> Afterwards:
    """Look up what customers did within so many days of when their walks began.

    Args:
        ask: The scope.
        customers: (w,) whose each walk is.
        began: (w,) microseconds UTC.
        metric: Of the scores.
        days: How long each is followed.
    """
    walk = pa.array(np.arange(len(customers)))
    table = {"walk": walk, "customer": pa.array(customers), "began": pa.array(began, pa.timestamp("us"))}
    ask.keep("ways", pa.table(table))
    last = datetime.combine(ask.view.last_day() + timedelta(days=1), datetime.min.time())
    over = began <= int((last - datetime(1970, 1, 1)).total_seconds() - days * 86_400) * 1_000_000
    read = ask.table("paths.sql", metric=metric, days=days)
    return Afterwards(
        score=read["score"].cast("float64").fill_null(np.nan).to_numpy(),
        spent=read["spent"].cast("float64").to_numpy(),
        kept=read["kept"].cast("int8").fill_null(-1).to_numpy(), over=over, metric=metric,
        contracts=bool(ask.count("subscription")), orders=bool(ask.count("order")),
    )  # fmt: skip


def scored_as(values: NDArray[np.float64], metric: str) -> Estimate:
    """Scores as their metric tells them: NPS and CSAT in points, others as a mean."""
    if metric == "nps":
        return net_mean(values / 100).times(100)
    return share(values > 50).times(100) if metric == "csat" else mean(values)


def then_told(row: Told, metric: str, currency: str) -> str:
    """What a row's customers then did, in few words."""
    parts = []
    if row.score is not None:
        write = signed if metric == "nps" else number
        parts.append(f"{metric.upper() if len(metric) <= 4 else metric} {write(round(row.score))}")
    if row.stayed is not None:
        parts.append(f"{percent(row.stayed)} stayed")
    if row.spent:
        parts.append(money(row.spent, currency))
    return " · ".join(parts)
