"""The score interval of a net share: against the likelihood maximised numerically, and exact coverage over a grid."""

import numpy as np
import pytest
from scipy import optimize, special

from regard.statistics import proportions
from regard.statistics.netshares import constrained, score_interval


@pytest.mark.parametrize(("top", "bottom", "n"), [(1, 7, 21), (40, 20, 160), (0, 3, 9), (9, 0, 10), (5, 5, 10)])
@pytest.mark.parametrize("difference", [-0.6, -0.2, 0.0, 0.3, 0.7])
def test_the_constrained_share_maximises_the_likelihood(top, bottom, n, difference):
    """Oracle: scipy maximises the trinomial likelihood along the constraint."""

    def less(q):
        return -(
            special.xlogy(top, q + difference)
            + special.xlogy(bottom, q)
            + special.xlogy(n - top - bottom, 1 - difference - 2 * q)
        )

    ends = max(0.0, -difference) + 1e-12, (1 - difference) / 2 - 1e-12
    best = optimize.minimize_scalar(less, bounds=ends, method="bounded", options={"xatol": 1e-12}).x
    found = constrained(*(np.array([float(x)]) for x in (difference, top, bottom, n)))[0]

    assert less(min(max(found, ends[0]), ends[1])) <= less(best) + 1e-7


def test_without_corrections_it_is_tangos_interval():
    """By hand: at each end Tango's statistic is the normal quantile (the airway data of Bentur et al. 2009: 1, 7 of 21)."""
    low, high = score_interval(1, 7, 21, continuity=0, unbiased=False)

    for end, sign in ((low, 1), (high, -1)):
        q = constrained(end, np.array([1.0]), np.array([7.0]), np.array([21.0]))
        spread = np.sqrt(21 * (2 * q + end * (1 - end)))
        assert ((1 - 7 - 21 * end) / spread)[0] == pytest.approx(sign * 1.959964, abs=1e-5)


def test_without_middle_answers_it_is_wilsons_interval():
    """A net share without passives is twice a share less one, and the score interval of a share is Wilson's (1927)."""
    low, high = score_interval(14, 6, 20, continuity=0, unbiased=False)
    wilson = proportions.wilson(14, 20)

    assert (low[0], high[0]) == pytest.approx((2 * wilson.low - 1, 2 * wilson.high - 1), abs=1e-9)


def test_turned_over_it_is_the_same():
    a, b = score_interval(9, 2, 14), score_interval(2, 9, 14)

    assert (a[0][0], a[1][0]) == pytest.approx((-b[1][0], -b[0][0]))


@pytest.mark.parametrize("n", [5, 10, 20, 50])
def test_exact_coverage_is_never_below_93(n):
    """Enumerated: every outcome of n answers, net shares 0 to .9 (the other side is the mirror), any share of middle ones."""
    top, bottom = (x.ravel() for x in np.meshgrid(np.arange(n + 1), np.arange(n + 1)))
    top, bottom = top[top + bottom <= n], bottom[top + bottom <= n]
    low, high = score_interval(top, bottom, n)
    ways = (
        special.gammaln(n + 1)
        - special.gammaln(top + 1)
        - special.gammaln(bottom + 1)
        - special.gammaln(n - top - bottom + 1)
    )
    held = []
    for net in np.arange(0, 0.91, 0.05):
        for middle in (0, 0.02, 0.1, 0.35, 0.65, 0.9, 0.98):
            q = (1 - net) * (1 - middle) / 2
            chance = (
                special.xlogy(top, q + net)
                + special.xlogy(bottom, q)
                + special.xlogy(n - top - bottom, (1 - net) * middle)
            )
            inside = (low <= net + 1e-9) & (net - 1e-9 <= high)
            held.append(np.exp(ways + chance)[inside].sum())

    assert min(held) >= 0.93
