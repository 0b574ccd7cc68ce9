"""Funnels equal plain Python on random logs, and say who is behind each stage."""

from __future__ import annotations

import numpy as np
import pytest
from slowly import funnel as slow_funnel
from slowly import median, random_log

from regard.errors import BadInput
from regard.steps.columns import Selection, of_arrays
from regard.steps.funnels import Stage, funnel

STAGES = (Stage(names=("A",)), Stage(names=("B", "C"), optional=True), Stage(names=("C",)), Stage(names=("A",)))


@pytest.mark.parametrize("seed", range(40))
def test_a_funnel_is_what_plain_python_counts(seed):
    log = random_log(seed)
    within = [None, 30_000_000, 0][seed % 3]

    found = funnel(log.steps, STAGES, within=within, by="plan", selection=log.selection)

    bound = 2**62 if within is None else within
    slow = slow_funnel(log, STAGES, bound)
    for k in range(len(STAGES)):
        who = sorted(whose for whose, (reached, _) in slow.items() if k in reached)
        assert sorted(found.behind(k).tolist()) == who
        assert found.reached[k] == len(who)
        seconds = [slow[whose][0][k][0] / 1e6 for whose in who]
        assert np.isclose(found.median[k], median(seconds), equal_nan=True)
        furthest = {whose for whose, (reached, _) in slow.items() if max(reached) == k}
        assert set(found.ended(k).tolist()) == furthest
        waiting = [w for w in furthest if slow[w][1] > log.end - bound and k < len(STAGES) - 1]
        assert found.still_open[k] == len(waiting)
        for v, value in enumerate(found.values):
            having = [w for w in who if log.journeys[w][slow[w][0][max(slow[w][0])][1]][3] == value]
            assert found.by_value[v, k] == len(having)


def test_a_step_stands_for_one_stage_only():
    steps = of_arrays([1, 1], [0, 1], ["A", "A"])

    found = funnel([steps], [Stage(names=("A",)), Stage(names=("A",)), Stage(names=("A",))])

    assert found.reached.tolist() == [1, 1, 0]


def test_a_later_beginning_may_be_in_time_where_the_first_is_not():
    steps = of_arrays([1, 1, 1], [0, 50, 60], ["A", "A", "B"])

    found = funnel([steps], [Stage(names=("A",)), Stage(names=("B",))], within=10)

    assert found.reached.tolist() == [1, 1]


def test_who_may_yet_go_on_is_still_open_not_lost():
    steps = of_arrays([1, 2, 3], [0, 95, 100], ["A", "A", "Z"])

    found = funnel([steps], [Stage(names=("A",)), Stage(names=("B",))], within=10, selection=Selection(end=100))

    assert found.still_open.tolist() == [1, 0]


def test_a_funnel_without_a_first_stage_is_refused():
    with pytest.raises(BadInput):
        funnel([], [Stage(names=("A",), optional=True)])
