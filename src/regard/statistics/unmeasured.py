"""How strong something that was not measured would have to be to explain an effect away."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regard.statistics.estimates import Floats, Whole


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What something hidden, as strong as a measured covariate, would do.

    Attributes:
        name: The covariate.
        with_treated: Partial R² of it with the treatment, given the other covariates.
        with_outcome: Partial R² of it with the outcome, given the other covariates and the treatment.
        share_left: Share of the linear effect that would be left if something hidden were as strong on both; negative
            when its sign would turn.
    """

    name: str
    with_treated: float
    with_outcome: float
    share_left: float


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """Sensitivity of an effect to what was not measured.

    Attributes:
        estimate: Effect in the linear regression on all covariates.
        error: Its standard error.
        robustness: Share of what remains of both treatment and outcome that something hidden would have to explain to
            bring the effect to zero.
        robustness_claim: The same to bring its interval to zero; 0 when the interval holds zero as it is.
        explained: Partial R² of the treatment with the outcome: what something hidden that explains all the rest of the
            outcome would have to explain of the treatment.
        benchmarks: By covariate, the strongest first.
    """

    estimate: float
    error: float
    robustness: float
    robustness_claim: float
    explained: float
    benchmarks: tuple[Benchmark, ...]


def robustness(t: float, freedom: float, *, level: float | None = None) -> float:
    """Robustness value of an effect from its t value.

    Reference: Cinelli and Hazlett (2020), JRSS B 82, 39-67, equations 17 and 19 to 20.

    Args:
        t: Estimate over its standard error in a linear regression.
        freedom: Residual degrees of freedom of that regression.
        level: None asks what brings the estimate to zero, a confidence what brings the interval's end there.
    """
    f = abs(t) / math.sqrt(freedom)
    critical = 0.0
    if level is not None:
        critical = float(special.stdtrit(freedom - 1, 0.5 + level / 2)) / math.sqrt(freedom - 1)
    left = f - critical
    if left <= 0:
        return 0.0
    if critical > 0 and f > 1 / critical:
        return (f**2 - critical**2) / (1 + f**2)
    return 0.5 * (math.sqrt(left**4 + 4 * left**2) - left**2)


def e_value(ratio: float) -> float:
    """E-value of a risk ratio: how strongly something hidden must go with both to explain it away.

    Reference: VanderWeele and Ding (2017), Annals of Internal Medicine 167, 268-274.
    """
    if not (math.isfinite(ratio) and ratio > 0):
        return math.nan
    above = max(ratio, 1 / ratio)
    return above + math.sqrt(above * (above - 1))


def ratio_of_means(effect: float, spread: float) -> float:
    """An effect in standard deviations as an approximate risk ratio, exp(0.91 d). Reference: Chinn (2000), as used by
    VanderWeele and Ding (2017)."""
    return math.exp(0.91 * effect / spread) if spread > 0 else math.nan


def sensitivity(
    outcome: Floats, treated: Floats, columns: Floats, owner: Whole, names: Sequence[str], *, level: float = 0.95
) -> Sensitivity:
    """Robustness values of the linear effect, and bounds by the measured covariates.

    Reference: Cinelli and Hazlett (2020), with their formal bounds (section 4.4) for something hidden once as strong
    as a covariate. Assumes a linear effect, the same for everybody; said beside an effect that does not.

    Args:
        outcome: One per row.
        treated: 0 or 1 per row.
        columns: Scaled covariates, shape (rows, columns).
        owner: Covariate of each column, as position in `names`.
        names: The covariates.
        level: Confidence of the interval to be brought to zero.
    """
    full = _Sums(np.column_stack([np.ones(len(outcome)), columns, treated, outcome]))
    k = columns.shape[1]
    rest, with_d = [0, *range(1, k + 1)], [0, *range(1, k + 2)]
    freedom = float(len(outcome) - len(with_d))
    left_y = full.residual(k + 2, with_d)
    left_d = full.residual(k + 1, rest)
    estimate = full.cross(k + 1, k + 2, rest) / left_d
    error = math.sqrt(left_y / freedom / left_d)
    t = estimate / error if error > 0 else math.inf
    found = []
    for at, name in enumerate(names):
        own = {j + 1 for j in np.flatnonzero(owner == at)}
        if not own:
            continue
        less = [j for j in rest if j not in own]
        bare_d, bare_y = full.residual(k + 1, less), full.residual(k + 2, [*less, k + 1])
        by_d, by_y = _part(left_d, bare_d), _part(left_y, bare_y)
        found.append(
            Benchmark(name=name, with_treated=by_d, with_outcome=by_y, share_left=_left(t, freedom, by_d, by_y))
        )
    return Sensitivity(
        estimate=estimate,
        error=error,
        robustness=robustness(t, freedom),
        robustness_claim=robustness(t, freedom, level=level),
        explained=t**2 / (t**2 + freedom),
        benchmarks=tuple(sorted(found, key=lambda b: b.share_left)),
    )


def bounded(with_treated: float, with_outcome: float) -> tuple[float, float]:
    """Partial R² with treatment and outcome of something hidden that is as strong as a covariate with these.

    Reference: Cinelli and Hazlett (2020), equations 22 and 23, with k = 1; at most 1.
    """
    d = with_treated / (1 - with_treated) if with_treated < 1 else 1.0
    if d >= 1:
        return 1.0, 1.0
    shared = with_treated**2 / ((1 - with_treated) * (1 - with_treated))
    if shared >= 1:
        return d, 1.0
    pull = (1 + math.sqrt(shared)) / math.sqrt(1 - shared)
    return d, min(1.0, pull**2 * with_outcome / max(1 - with_outcome, 1e-12))


def _left(t: float, freedom: float, by_d: float, by_y: float) -> float:
    """Share of the estimate left after the bias of something hidden: |bias| = error · sqrt(freedom · ...)."""
    d, y = bounded(by_d, by_y)
    if t == 0 or d >= 1:
        return -math.inf if d >= 1 else 0.0
    return 1 - math.sqrt(y * d / (1 - d) * freedom) / abs(t)


def _part(left: float, bare: float) -> float:
    return min(max((bare - left) / bare, 0.0), 1.0) if bare > 0 else 0.0


class _Sums:
    """Cross products, from which every regression of one column on others is had without the rows."""

    def __init__(self, matrix: Floats) -> None:
        self.gram = matrix.T @ matrix

    def _solved(self, on: list[int], y: int) -> Floats:
        found: Floats = np.linalg.pinv(self.gram[np.ix_(on, on)], hermitian=True) @ self.gram[on, y]
        return found

    def cross(self, a: int, b: int, on: list[int]) -> float:
        """Cross product of two columns' residuals on others."""
        return float(self.gram[a, b] - self.gram[a, on] @ self._solved(on, b))

    def residual(self, y: int, on: list[int]) -> float:
        """Residual sum of squares of a column on others."""
        return max(self.cross(y, y, on), 0.0)
