"""Hazards by period where rows are very many: thinned stayers stand for all."""

import numpy as np
import pytest
from scipy import special

from regard.statistics.hazards import discrete


def test_thinned_stayers_tell_the_same_as_all():
    """Prentice and Pyke (1979): all ends, three in ten of the rest; intercepts and slopes stay those of all rows."""
    rng = np.random.default_rng(3)
    x, span = rng.normal(size=(200_000, 2)), rng.integers(0, 2, 200_000)
    y = (rng.random(200_000) < special.expit(np.array([-4.0, -3.0])[span] + x @ [0.7, -0.4])).astype(float)
    few = (y > 0) | (rng.random(200_000) < 0.3)

    whole = discrete(y, span, x, link="logit")
    thinned = discrete(y[few], span[few], x[few], link="logit", kept=0.3)

    assert thinned.beta == pytest.approx(whole.beta, abs=2 * whole.error.max())
    assert thinned.baseline == pytest.approx(whole.baseline, abs=0.05)
    assert (whole.error < thinned.error).all()
    assert (thinned.error < 1.15 * whole.error).all()
