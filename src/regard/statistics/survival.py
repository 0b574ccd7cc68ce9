"""How long customers stay, when most are still there: curves, hazards, competing reasons, restricted means.

Whoever is still there counts up to now and no further (cut off), never as one who stays; whoever was first seen late
counts from then on only (left truncation), so that those lost before anyone looked do not make tenure look safe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from regard.statistics.estimates import LEVEL, Estimate, Floats, Whole, around, quantile, refusal, too_few, two_sided

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LEAST = 5


@dataclass(frozen=True, kw_only=True)
class Tenures:
    """How long each was under observation, checked and without rows that say nothing.

    Attributes:
        entry: Tenure at which each was first seen: 0 where seen from the start.
        exit: Tenure at the end or now.
        ended: Whether it ended there.
        reason: Number of the reason from 1, 0 where it did not end.
        left_out: Rows without a positive time under observation.
    """

    entry: Floats
    exit: Floats
    ended: Whole
    reason: Whole
    left_out: int

    @property
    def n(self) -> int:
        """Customers."""
        return len(self.exit)


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A curve in steps: what holds from each time on.

    Attributes:
        at: Times of ends, rising: shape (k,).
        risk: Under observation just before.
        ends: Ends at each.
        share: The share surviving (or gone by a reason) from then on.
        low: Lower end of its interval.
        high: Upper end.
        level: Confidence of each interval, one time at a time.
        n: Customers.
        ended: Ends in all.
        method: In a few words.
    """

    at: Floats
    risk: Floats
    ends: Floats
    share: Floats
    low: Floats
    high: Floats
    level: float
    n: int
    ended: int
    method: str
    rises: bool = False

    def value(self, times: ArrayLike) -> Floats:
        """The share at these times."""
        return self._read(self.share, times)

    def interval(self, times: ArrayLike) -> tuple[Floats, Floats]:
        """Its interval at these times."""
        return self._read(self.low, times), self._read(self.high, times)

    def _read(self, values: Floats, times: ArrayLike) -> Floats:
        first = 0.0 if self.rises else 1.0
        found: Floats = np.concatenate([[first], values])[
            np.searchsorted(self.at, np.asarray(times, float), side="right")
        ]
        return found


def tenures(
    exit_: ArrayLike, ended: ArrayLike, *, entry: ArrayLike | None = None, reason: ArrayLike | None = None
) -> Tenures:
    """Tenures from columns; rows without a positive time after their entry are counted and left out."""
    out = np.asarray(exit_, float)
    over = np.asarray(ended, bool)
    since = np.zeros(len(out)) if entry is None else np.asarray(entry, float)
    why = over.astype(np.int64) if reason is None else np.where(over, np.asarray(reason, np.int64), 0)
    keep = np.isfinite(out) & np.isfinite(since) & (out > since) & (since >= 0)
    return Tenures(entry=since[keep], exit=out[keep], ended=over[keep].astype(np.int64), reason=why[keep],
                   left_out=int((~keep).sum()))  # fmt: skip


def counted(lived: Tenures) -> tuple[Floats, Floats, Floats]:
    """Times of ends, how many were under observation just before each, and how many ended there.

    Where customers enter late the first few under observation may all end before others have entered, and any product
    over times would be nothing from there on. Such times are left out, as Lai and Ying (1991), Annals of Statistics 19,
    417-442, do with risk sets too small to tell from.
    """
    at = np.unique(lived.exit[lived.ended > 0])
    entry, out = np.sort(lived.entry), np.sort(lived.exit)
    risk = np.searchsorted(entry, at, side="left") - np.searchsorted(out, at, side="left")
    ends = np.bincount(np.searchsorted(at, lived.exit[lived.ended > 0]), minlength=len(at))
    told = (ends < risk) | (at >= lived.exit.max(initial=0.0))
    return at[told], risk[told].astype(float), ends[told].astype(float)


def _own(lived: Tenures, which: NDArray[np.bool_], at: Floats) -> Floats:
    """How many of some customers ended at each time."""
    if not len(at):
        return np.zeros(0)
    place = np.minimum(np.searchsorted(at, lived.exit[which]), len(at) - 1)
    there = at[place] == lived.exit[which]
    return np.bincount(place[there], minlength=len(at)).astype(float)


def kaplan_meier(lived: Tenures, *, level: float = LEVEL) -> Curve:
    """The survival curve with log-log bands, for left-truncated and right-censored times.

    References: Kaplan and Meier (1958), JASA 53, 457-481; Greenwood (1926) for the variance; Kalbfleisch and Prentice
    (2002), section 1.4, for the log-log interval. Assumes that those cut off would have gone on like the others. The
    band holds at each time by itself, not over the whole curve at once.
    """
    at, risk, ends = counted(lived)
    with np.errstate(divide="ignore", invalid="ignore"):
        share: Floats = np.asarray(np.cumprod(1 - ends / risk), dtype=np.float64)
        spread = np.sqrt(np.cumsum(np.where(risk > ends, ends / (risk * (risk - ends)), np.inf)))
        half = quantile(level) * spread / np.abs(np.log(share))
        low, high = share ** np.exp(half), share ** np.exp(-half)
    # Where all have ended the formula says nothing: the interval is that of the last time that still had survivors.
    dead = ~np.isfinite(half)
    low = np.where(dead, 0.0, low)
    high = np.where(dead, high[~dead][-1] if (~dead).any() else 1.0, high)
    return Curve(at=at, risk=risk, ends=ends, share=share, low=low, high=high, level=level, n=lived.n,
                 ended=int(lived.ended.sum()), method="Kaplan-Meier, log-log interval")  # fmt: skip


def quantile_time(curve: Curve, share: float = 0.5, *, least: int = LEAST) -> Estimate:
    """Time by which a share has ended, with the interval read off the curve's band.

    Reference: Brookmeyer and Crowley (1982), Biometrics 38, 29-41. Thin evidence: fewer than `least` ends, refused; so
    is a curve that never falls that far: that many have not ended yet.
    """
    if curve.ended < least:
        return too_few(curve.ended, least, of="end", method=curve.method, level=curve.level)
    if not len(curve.at):
        return refusal(
            "no time of an end had enough under observation", n=curve.n, method=curve.method, level=curve.level
        )
    target = 1 - share
    reached = curve.share <= target + 1e-12
    if not reached.any():
        why = f"at the last time known {curve.share[-1]:.0%} are still there"
        return refusal(why, n=curve.n, method=curve.method, level=curve.level)

    def first(line: Floats) -> float:
        under = line <= target + 1e-12
        return float(curve.at[np.argmax(under)]) if under.any() else np.inf

    value = first(curve.share)
    return Estimate(value=value, low=first(curve.low), high=first(curve.high), error=np.nan, centre=value, n=curve.n,
                    effective=float(curve.ended), level=curve.level, method=curve.method)  # fmt: skip


def restricted_mean(curve: Curve, until: float, *, least: int = LEAST) -> Estimate:
    """Mean time within the first `until`: the area under the curve, which needs no guess about what comes later.

    Reference: Irwin (1949); variance as in Klein and Moeschberger (2003), section 4.5. Thin evidence: fewer than
    `least` ends, refused; so is a time beyond what anyone was observed for.
    """
    method = f"{curve.method.split(',')[0]}, restricted mean"
    if curve.ended < least:
        return too_few(curve.ended, least, of="end", method=method, level=curve.level)
    inside = curve.at < until
    edges = np.concatenate([[0.0], curve.at[inside], [until]])
    areas = np.diff(edges) * np.concatenate([[1.0], curve.share[inside]])
    ahead = np.cumsum(areas[::-1])[::-1][1:]
    risk, ends = curve.risk[inside], curve.ends[inside]
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(risk > ends, ahead**2 * ends / (risk * (risk - ends)), 0.0)
    ended = float(ends.sum())
    # Kaplan and Meier's small-sample factor for the mean.
    error = float(np.sqrt(terms.sum() * (ended / (ended - 1) if ended > 1 else 1.0)))
    return around(float(areas.sum()), error, n=curve.n, method=method, level=curve.level, within=(0.0, until))


@dataclass(frozen=True, kw_only=True)
class Hazards:
    """Ends per time under observation, by span of tenure.

    Attributes:
        start: First tenure of each span.
        end: Tenure it ends before.
        ends: Ends within.
        exposed: Time under observation within, all customers together.
        rate: Ends per unit of time; NaN where nobody was observed.
        low: Lower end of its interval.
        high: Upper end.
        level: Confidence.
    """

    start: Floats
    end: Floats
    ends: Floats
    exposed: Floats
    rate: Floats
    low: Floats
    high: Floats
    level: float


def hazards(lived: Tenures, edges: ArrayLike, *, level: float = LEVEL) -> Hazards:
    """Hazard by span of tenure with the exact Poisson interval.

    Reference: Garwood (1936), Biometrika 28, 437-442. Assumes a steady rate within each span.
    """
    e = np.asarray(edges, float)
    starts, stops = e[:-1], e[1:]
    inside = np.minimum(lived.exit[:, None], stops) - np.maximum(lived.entry[:, None], starts)
    exposed = np.maximum(inside, 0.0).sum(axis=0)
    which = np.searchsorted(e, lived.exit[lived.ended > 0], side="left") - 1
    ends = np.bincount(np.clip(which, 0, len(starts) - 1), minlength=len(starts)).astype(float)
    tail = (1 - level) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(ends > 0, special.gammaincinv(np.maximum(ends, 1e-9), tail), 0.0) / exposed
        high = special.gammaincinv(ends + 1, 1 - tail) / exposed
        rate = ends / exposed
    return Hazards(start=starts, end=stops, ends=ends, exposed=exposed, rate=rate, low=low, high=high, level=level)


def aalen_johansen(lived: Tenures, *, reasons: int, level: float = LEVEL) -> list[Curve]:
    """Share gone by each of the competing reasons, with its interval; the shares and the survivors add up to one.

    References: Aalen and Johansen (1978), Scandinavian Journal of Statistics 5, 141-150; variance after Aalen (1978)
    in the form of Gaynor et al. (1993), JASA 88, 400-409; complementary log-log interval. Assumes that those cut off
    would have gone on like the others. One minus a Kaplan-Meier curve per reason would add up to more than all.
    """
    at, risk, ends = counted(lived)
    before = np.concatenate([[1.0], np.cumprod(1 - ends / risk)[:-1]]) if len(at) else np.zeros(0)
    curves = []
    for reason in range(1, reasons + 1):
        some = lived.reason == reason
        own = _own(lived, some, at)
        share = np.cumsum(before * own / risk)
        variance = _incidence_variance(before, share, own, ends, risk)
        with np.errstate(divide="ignore", invalid="ignore"):
            half = quantile(level) * np.sqrt(variance) / (np.abs(np.log1p(-share)) * (1 - share))
            low, high = 1 - (1 - share) ** np.exp(-half), 1 - (1 - share) ** np.exp(half)
        # Where nobody has gone by this reason yet, what as many still watched may hide (exact binomial).
        none, hidden = share <= 0, 1 - ((1 - level) / 2) ** (1 / risk)
        curves.append(
            Curve(at=at, risk=risk, ends=own, share=share, low=np.where(none, 0.0, np.nan_to_num(low)),
                  high=np.where(none, hidden, np.nan_to_num(high, nan=1.0)), level=level, n=lived.n,
                  ended=int(some.sum()), method="Aalen-Johansen, complementary log-log interval", rises=True)
        )  # fmt: skip
    return curves


def _incidence_variance(before: Floats, share: Floats, own: Floats, ends: Floats, risk: Floats) -> Floats:
    """Variance of a cumulative incidence at each time, from three running sums."""
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = np.where(risk > ends, ends / (risk * (risk - ends)), 0.0)
    single = before**2 * own * (risk - own) / risk**3
    cross = before * own / risk**2
    # Sum over earlier times of (F(t) - F(s))² w + S² v - 2 (F(t) - F(s)) S c, with F(t) taken out of the sums.
    w0, w1, w2 = np.cumsum(whole), np.cumsum(whole * share), np.cumsum(whole * share**2)
    c0, c1 = np.cumsum(cross), np.cumsum(cross * share)
    found = share**2 * w0 - 2 * share * w1 + w2 + np.cumsum(single) - 2 * (share * c0 - c1)
    return np.asarray(np.maximum(found, 0.0))


def log_rank(lived: Tenures, group: Whole) -> tuple[float, float]:
    """Whether groups leave at different rates: chi-square and p-value of the log-rank test.

    Reference: Mantel (1966); Peto and Peto (1972). Ties by the hypergeometric variance.
    """
    groups = int(group.max()) + 1 if len(group) else 0
    at, risk, ends = counted(lived)
    if groups < 2 or not len(at):
        return 0.0, 1.0
    under, own = np.empty((groups, len(at))), np.empty((groups, len(at)))
    for g in range(groups):
        mine = group == g
        under[g] = np.searchsorted(np.sort(lived.entry[mine]), at, side="left") - np.searchsorted(
            np.sort(lived.exit[mine]), at, side="left"
        )
        gone = mine & (lived.ended > 0)
        own[g] = _own(lived, gone, at)
    expected = under * ends / risk
    factor = np.where(risk > 1, ends * (risk - ends) / np.maximum(risk - 1, 1), 0.0)
    share = under / risk
    spread = np.diag((share * factor).sum(axis=1)) - (share * factor) @ share.T
    away = (own - expected).sum(axis=1)[:-1]
    chi = float(away @ np.linalg.pinv(spread[:-1, :-1], hermitian=True) @ away)
    p = float(special.chdtrc(groups - 1, chi)) if groups > 2 else two_sided(np.sqrt(chi))
    return chi, p
