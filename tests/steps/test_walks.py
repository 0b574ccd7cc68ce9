"""The tree of paths equals plain Python on random logs, forwards, backwards and between two steps."""

from __future__ import annotations

import numpy as np
import pytest
from slowly import random_log
from slowly import walks as slow_walks

from regard.errors import BadInput
from regard.steps.spread import QUANTILES
from regard.steps.walks import Route, walk

ROUTES = (
    Route(start=("A",), depth=3),
    Route(start=("A", "B"), depth=2, within=40_000_000, every=True),
    Route(target=("C",), depth=3, within=100_000_000, every=True),
    Route(target=("C",), depth=2, collapse=False),
    Route(start=("A",), target=("D",), depth=4, within=60_000_000),
    Route(start=("A",), target=("D",), depth=4, every=True, collapse=False),
)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("seed", range(15))
def test_the_tree_is_what_plain_python_walks(seed, route):
    log = random_log(seed)

    found = walk(log.steps, route, selection=log.selection)

    slow, entered = slow_walks(log, route)
    assert found.entered == len(entered)
    paths = {found.path(node): node for node in range(len(found.code)) if found.arrivals[node]}
    assert set(paths) == {path for path in slow if slow[path]}
    for path, node in paths.items():
        arrivals = slow[path]
        assert found.arrivals[node] == len(arrivals)
        assert found.customers[node] == len({a[0] for a in arrivals})
        assert found.failed[node] == sum(a[3] for a in arrivals)
        assert found.repeats[node] == sum(a[4] for a in arrivals)
        for name, why in (("ended", "ended"), ("still_open", "open"), ("goes_on", "deeper")):
            assert getattr(found, name)[node] == sum(a[5] == why for a in arrivals), name
        if len(path) > 1:
            assert np.allclose(found.after[node], np.quantile([a[1] for a in arrivals], QUANTILES), rtol=1e-6)
        if path:
            assert np.allclose(found.since_start[node], np.quantile([a[2] for a in arrivals], QUANTILES), rtol=1e-6)
            assert found.behind(node).tolist() == sorted({a[0] for a in arrivals})
            stopped = sorted({a[0] for a in arrivals if a[5] in ("ended", "open")})
            assert found.behind(node, ended=True).tolist() == stopped
        assert found.find(path) == node


def test_a_walk_without_a_step_is_refused():
    with pytest.raises(BadInput):
        walk([], Route())
