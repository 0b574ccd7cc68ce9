"""Journeys one by one equal plain Python on random logs."""

from __future__ import annotations

import numpy as np
import pytest
import slowly

from regard.steps.columns import NEVER
from regard.steps.journeys import Course, errors_along, journeys, key_of, steps_of

SECOND = 1_000_000
COURSES = [
    Course(), Course(within=20 * SECOND), Course(start=("A",), within=40 * SECOND), Course(start=("A",), target=("B",)),
    Course(start=("A",), target=("A",), within=60 * SECOND), Course(target=("C",), within=30 * SECOND), Course(target=("D",)),
]  # fmt: skip


def told(log, course):
    """(customer, way, began, last, failed at each step, arrived, open) of every journey, one step at a time."""
    within = NEVER if course.within is None else course.within
    selection, found = log.selection, []
    for whose, steps in log.journeys.items():
        run = []

        def close(whose=whose, *, arrived=False):
            nonlocal run
            if run and selection.since <= run[0][0] < selection.until:
                way, bad = [], []
                for _, name, failed in run:
                    if way and way[-1] == name:
                        bad[-1] |= failed
                    else:
                        way.append(name)
                        bad.append(failed)
                edge = run[0][0] if course.start else run[-1][0]
                still = not arrived and log.end - edge <= within
                found.append((whose, tuple(way), run[0][0], run[-1][0], tuple(bad), arrived, still))
            run = []

        for t, name, failed, _ in sorted(steps, key=lambda step: step[:2]):  # of equal time, by name
            if run and t - (run[0][0] if course.start else run[-1][0]) > within:
                close()
            fresh = not run
            if fresh and course.start and name not in course.start:
                continue
            run.append((t, name, failed))
            if name in course.target and not (fresh and course.start):
                close(arrived=True)
        close()
    return sorted(found)


@pytest.mark.parametrize("seed", range(24))
def test_journeys_are_those_of_plain_python(seed):
    log = slowly.random_log(seed)
    for course in COURSES:
        found = journeys(log.steps, course, selection=log.selection)
        ways = steps_of(log.steps, found, range(len(found)), selection=log.selection)
        names = [s.names for s in log.steps]
        numbers, way = np.unique(found.keys, return_inverse=True)
        most = max([len(w) for w in ways], default=1)
        met = errors_along(log.steps, found, way.reshape(-1), (len(numbers), most), selection=log.selection)
        expected = told(log, course)
        mine = sorted(
            (
                int(found.customers[j]), tuple(names[found.part[j]][c] for c in ways[j]), int(found.began[j]),
                int(found.began[j] + round(found.seconds[j] * 1e6)), bool(found.failed[j]), bool(found.arrived[j]),
                bool(found.open[j]),
            )
            for j in range(len(found))
        )  # fmt: skip

        assert mine == [(w, p, a, b, any(bad), at, still) for w, p, a, b, bad, at, still in expected]
        assert [len(w) for w in ways] == found.length.tolist()
        assert [key_of(w) for w in ways] == found.keys.tolist()
        if all(n == names[0] for n in names):
            total = {}
            for _, path, *_, bad, _, _ in expected:
                total[path] = np.add(total.get(path, np.zeros(len(path), int)), np.array(bad, int))
            for j, one in enumerate(ways):
                assert met[way[j], : len(one)].tolist() == total[tuple(names[0][c] for c in one)].tolist()


def test_part_of_the_journeys_is_chosen():
    log = slowly.random_log(4)
    found = journeys(log.steps, Course(), selection=log.selection)

    assert len(found.only(found.length > 1)) == int((found.length > 1).sum())
