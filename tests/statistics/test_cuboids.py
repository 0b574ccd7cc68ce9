"""Cells of all combinations against plain Python."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations

import numpy as np
import pytest

from regard.statistics.cuboids import cube, gathered


def plainly(codes, values, depth):
    """Every combination's sum, and which combinations hold the same leaves."""
    sums, held = defaultdict(float), defaultdict(set)
    for i, (row, value) in enumerate(zip(codes.tolist(), values, strict=True)):
        for k in range(depth + 1):
            for fixed in combinations(range(len(row)), k):
                key = tuple((d, row[d]) for d in fixed)
                sums[key] += value
                held[key].add(i)
    return sums, held


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_every_cell_has_the_sum_of_its_leaves_as_counted_one_by_one(depth):
    rng = np.random.default_rng(1)
    codes = np.unique(rng.integers(0, (3, 5, 2, 4), (60, 4)), axis=0)
    values = rng.normal(size=len(codes))
    found = cube(codes, depth=depth)
    sums, held = plainly(codes, values, depth)

    cells = found.sums(values)
    wide = found.sums(np.column_stack([values] * 30))

    for c in range(len(found)):
        key = tuple(found.values(c).items())
        assert cells[c] == pytest.approx(sums[key])
        assert wide[c] == pytest.approx(np.full(30, sums[key]))
        assert set(found.leaves(c).tolist()) == held[key]
    assert len(found) == len({frozenset(leaves) for leaves in held.values()})


def test_cells_of_the_same_leaves_are_one_the_shallowest_and_remember_their_twins():
    codes = np.array([[0, 0, 0], [0, 1, 0], [1, 0, 1], [1, 1, 1]])
    found = cube(codes)

    cell = found.find({0: 1})

    assert found.values(cell) == {0: 1}
    assert {tuple(found.spelled(*t).items()) for t in found.twins[cell]} == {((2, 1),), ((0, 1), (2, 1))}
    assert found.find({0: 1, 2: 1}) == cell
    assert found.find({0: 1, 2: 0}) == -1
    assert found.find({}) == 0


def test_many_values_of_many_dimensions_are_numbered_without_running_over():
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 1 << 20, (50, 5))
    found = cube(codes, depth=5)
    assert found.sums(np.ones(50))[0] == 50
    assert len(found) == 51  # every deeper combination holds one leaf only, as the first value does


def test_rows_are_gathered_by_leaf():
    leaves, (sums,), ids = gathered([[1, 0], [0, 1], [1, 0]], [1.0, 2.0, 4.0])
    assert leaves[ids].tolist() == [[1, 0], [0, 1], [1, 0]]
    assert sums[ids].tolist() == [5.0, 2.0, 5.0]
