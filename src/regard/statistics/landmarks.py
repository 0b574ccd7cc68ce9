"""Will what is not kept yet be broken: from the past of promises like it that were as far along and still open.

Of the past, those not kept with the same share of their time remaining are the risk set; the share of them that broke
is the chance (a landmark, van Houwelingen 2007, Scandinavian Journal of Statistics 34, 70-85). Time counts as a share
of what was promised: a promise of four hours and one of a day are kept at their own pace. What a group and a customer
add is told as log odds of breaking at all, shrunk towards nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from regard.statistics.estimates import Estimate, Floats, Whole, too_few
from regard.statistics.proportions import wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST = 30
PRIOR = 20.0
"""Promises' worth of the pool that a group's, and a customer's, own share leans on."""
LOOKS = (0.98, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02)
"""Remaining share of the time promised at which a past promise is looked at, to try the rule."""


@dataclass(frozen=True, kw_only=True)
class Promised:
    """Promises of one sort whose deadline has passed, one entry each.

    Attributes:
        lead: Seconds from promise to deadline.
        early: Seconds before the deadline that it was kept; negative when late, minus infinity when never.
        customer: Number of the customer.
        group: Number of the group, from 0.
        due: When the deadline was, in any unit that orders.
    """

    lead: Floats
    early: Floats
    customer: Whole
    group: Whole
    due: Floats

    def where(self, keep: NDArray[np.bool_]) -> Promised:
        """Those kept by a mask."""
        return Promised(**{name: getattr(self, name)[keep] for name in ("lead", "early", "customer", "group", "due")})

    @property
    def share_left(self) -> Floats:
        """Share of the time promised that was left when it was kept; below zero when late."""
        found: Floats = np.where(self.lead > 0, self.early / np.maximum(self.lead, 1e-9), np.sign(self.early))
        return found

    @property
    def broken(self) -> NDArray[np.bool_]:
        """Which of them were broken."""
        found: NDArray[np.bool_] = self.early < 0
        return found


@dataclass(frozen=True, kw_only=True)
class Foretold:
    """How well the rule told of breaking beforehand, on the later part of the past, from the earlier part alone.

    Attributes:
        precision: Share of those raised that broke.
        recall: Share of those that broke that were raised before the deadline.
        lead: Median seconds before the deadline at which a broken one was raised; NaN without any.
        raised: How many were raised.
        broken: How many broke.
        tried: Promises tried on.
    """

    precision: Estimate
    recall: Estimate
    lead: float
    raised: int
    broken: int
    tried: int


def breaking(past: Promised, *, remaining: Floats, customer: Whole, group: Whole) -> Floats:
    """Chance that each open promise will be broken, given that it is not kept with so much time remaining.

    Thin evidence: NaN where fewer than 30 past promises of the sort are known, or fewer than 5 were still open so late.

    Args:
        past: Promises of the same sort whose deadline has passed.
        remaining: Share of the time promised that remains of each open one, in [0, 1].
        customer: Its customer.
        group: Its group, numbered as in the past; -1 where unknown.
    """
    if len(past.lead) < FEWEST:
        return np.full(len(remaining), np.nan)
    early = np.sort(past.share_left)
    open_ = np.searchsorted(early, remaining, side="left")
    # Those that broke were open at every look before their deadline.
    broke = int(past.broken.sum())
    base = (past.broken.mean() + broke) / (1 + np.maximum(open_, broke))
    odds = special.logit(np.clip(base, 1e-6, 1 - 1e-6)) + _offsets(past, customer, group)
    return np.where(open_ >= 5, special.expit(odds), np.nan)


def _offsets(past: Promised, customer: Whole, group: Whole) -> Floats:
    """Log odds of breaking at all that a group, and a customer beyond its group, add; shrunk towards nothing."""
    pool = float(np.clip(past.broken.mean(), 1e-6, 1 - 1e-6))
    groups = int(max(past.group.max(initial=-1), group.max(initial=-1))) + 1
    by_group = np.full(groups + 1, pool)
    known = past.group >= 0
    n = np.bincount(past.group[known], minlength=groups)
    bad = np.bincount(past.group[known], weights=past.broken[known], minlength=groups)
    by_group[:groups] = (bad + PRIOR * pool) / (n + PRIOR)
    names, place = np.unique(past.customer, return_inverse=True)
    expected = by_group[past.group]
    own = np.bincount(place, weights=past.broken.astype(float))
    due = np.bincount(place, weights=expected)
    ratio = (own + PRIOR * pool) / (due + PRIOR * pool)
    at = np.clip(np.searchsorted(names, customer), 0, len(names) - 1)
    mine = np.where(names[at] == customer, np.log(ratio[at]), 0.0)
    # The remainder group (-1) is the last entry: the pool's.
    found: Floats = special.logit(by_group[group]) - math.log(pool / (1 - pool)) + mine
    return found


def foretold(past: Promised, *, chance: float) -> Foretold:
    """How well raising at that chance would have done: learned on the first 70 % of deadlines, tried on the rest.

    Args:
        past: Promises of one sort whose deadline has passed.
        chance: From which a notice is raised.
    """
    cut = np.quantile(past.due, 0.7) if len(past.due) else 0.0
    before, after = past.where(past.due <= cut), past.where(past.due > cut)
    n = len(after.lead)
    if len(before.lead) < FEWEST or not n:
        none = too_few(len(past.lead), 2 * FEWEST, of="promise")
        return Foretold(precision=none, recall=none, lead=math.nan, raised=0, broken=int(past.broken.sum()), tried=0)
    raised = np.full(n, np.nan)
    for look in LOOKS:
        waits = np.isnan(raised) & (after.share_left < look) & (after.lead > 0)
        told = breaking(before, remaining=np.full(n, look), customer=after.customer, group=after.group)
        raised = np.where(waits & (told >= chance), look * after.lead, raised)
    rung, broken = np.isfinite(raised), after.broken
    both = int((rung & broken).sum())
    return Foretold(
        precision=wilson(both, int(rung.sum())) if rung.any() else too_few(0, 1, of="notice"),
        recall=wilson(both, int(broken.sum())) if broken.any() else too_few(0, 1, of="broken promise"),
        lead=float(np.median(raised[rung & broken])) if both else math.nan,
        raised=int(rung.sum()), broken=int(broken.sum()), tried=n,
    )  # fmt: skip
