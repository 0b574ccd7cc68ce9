"""What the scope writes in front of a statement, tried on rows one can count by hand."""

from __future__ import annotations

import random
from datetime import date
from functools import reduce
from operator import add

import duckdb
import pytest

from regard.opened import split
from regard.signals.declarations import Declarations
from regard.signals.scope import Given, resolve, scoped


@pytest.fixture
def scope():
    return resolve(Given(), declarations=Declarations(), last=date(2026, 9, 30))


def _sum(values, scope):
    statement = scoped("SELECT exact_sum(x * 1) AS total FROM given", scope, Declarations())
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE given (x DOUBLE)")
        for value in values:
            connection.execute("INSERT INTO given VALUES (?)", [value])
        return connection.execute(statement).fetchone()[0]


def test_a_sum_is_the_same_in_whatever_order_rows_come(scope):
    drawn = random.Random(4)
    values = [drawn.uniform(-1e6, 1e6) for _ in range(300)]
    shuffled = values.copy()
    plain = set()
    exact = set()
    for seed in range(8):
        random.Random(seed).shuffle(shuffled)
        exact.add(_sum(shuffled, scope))
        plain.add(reduce(add, shuffled))

    assert len(exact) == 1
    assert exact.pop() == pytest.approx(sum(values), abs=300e-6)
    assert len(plain) > 1, "these values do not show what is being tested"


def test_a_sum_of_nothing_is_null_and_of_very_large_values_still_a_sum(scope):
    assert _sum([], scope) is None
    assert _sum([None], scope) is None
    assert _sum([1e35, 2e35, 1.5], scope) == pytest.approx(3e35)
    assert _sum([1e35, 2e35], scope) == pytest.approx(3e35)


def test_a_filter_of_several_values_is_given_as_a_list_in_python():
    given, rest = split({"where": {"region": ["EU", "NA"], "plan": "Pro"}, "days": 30})

    assert given.where == ("region=EU", "region=NA", "plan=Pro")
    assert rest == {"days": 30}
