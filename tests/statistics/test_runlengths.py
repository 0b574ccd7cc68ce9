"""Run lengths against the published table, and by playing the chart."""

import numpy as np
import pytest

from regard.statistics import runlengths


@pytest.mark.parametrize(
    ("share", "limit"),
    [(0.75, 3.087), (0.5, 3.071), (0.4, 3.054), (0.25, 2.998), (0.2, 2.962), (0.1, 2.814), (0.05, 2.615)],
)
def test_the_table_of_lucas_and_saccucci_is_reproduced(share, limit):
    """Lucas and Saccucci (1990), Technometrics 32, Table 3: schemes whose run length in control is 500."""
    assert runlengths.run_length(share, limit) == pytest.approx(500, rel=0.004)
    assert runlengths.limit(share, 500.0) == pytest.approx(limit, abs=0.002)


def test_the_plain_chart_rings_by_the_normal_tail():
    """Three sigma: 370.4, as in every textbook of process control."""
    assert runlengths.run_length(1.0, 3.0) == pytest.approx(370.4, abs=0.1)


def test_a_chart_that_is_played_runs_as_long_as_was_computed():
    rng, lengths = np.random.default_rng(4), []
    at = runlengths.limit(0.25, 60.0)
    for _ in range(1500):
        value, t = 0.0, 0
        while abs(value) <= at * np.sqrt(0.25 / 1.75):
            value += 0.25 * (rng.normal() - value)
            t += 1
        lengths.append(t)
    assert np.mean(lengths) == pytest.approx(60, abs=4 * np.std(lengths) / np.sqrt(1500))


def test_a_chart_that_always_rings_is_refused():
    with pytest.raises(ValueError, match="below 2"):
        runlengths.limit(0.25, 1.0)
