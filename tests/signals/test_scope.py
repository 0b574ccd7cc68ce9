"""What the scope writes in front of a statement, tried on rows one can count by hand."""

from __future__ import annotations

import random
from datetime import date, datetime
from functools import reduce
from operator import add

import duckdb
import pytest

from regard.errors import UnknownName
from regard.opened import split
from regard.questions import find
from regard.signals.ask import MOST_KEPT, answer
from regard.signals.declarations import Declarations, Dimension
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


def lives(person, region):
    return {"person": person, "occurred_at": datetime(2026, 9, 1), "labels": {"region": region}}


def said(person, channel):
    return {"person": person, "occurred_at": datetime(2026, 9, 5), "metric": "nps", "score": 9.0, "channel": channel}


@pytest.mark.parametrize(
    ("where", "message", "hint"),
    [
        (("region=eu",), "There is no region named 'eu'.", "Did you mean EU?"),
        (("region=EU", "region=Alp"), "There is no region named 'Alp'.", "Did you mean Alps?"),
        (("channel=mial",), "There is no channel named 'mial'.", "Did you mean mail?"),
    ],
)
def test_a_value_nobody_has_is_named_with_the_nearest_and_is_no_empty_slice(view_of, where, message, hint):
    view = view_of(
        declarations=Declarations(dimensions=(Dimension(name="region"),)),
        profile=[lives("a", "EU"), lives("b", "Alps")],
        answer=[said("a", "mail"), said("b", "phone")],
    )

    with pytest.raises(UnknownName) as caught:
        answer(find("listening/scores"), view=view, given=Given(where=where))

    assert (caught.value.message, caught.value.where, caught.value.hint) == (message, "where", hint)


def test_a_value_of_another_period_is_an_empty_slice(view_of):
    view = view_of(
        declarations=Declarations(dimensions=(Dimension(name="region"),)),
        profile=[lives("a", "EU")],
        answer=[said("a", "mail")],
    )

    found = answer(find("listening/scores"), view=view, given=Given(where=("channel=mail",), period="2025"))

    assert found.refused


def test_where_nothing_is_known_any_value_is_an_empty_slice(view_of):
    view = view_of(declarations=Declarations(dimensions=(Dimension(name="region"),)))

    assert answer(find("listening/scores"), view=view, given=Given(where=("region=EU",))).refused


def test_a_view_makes_a_result_once_and_forgets_the_oldest(view_of):
    view, made = view_of(), []

    def make(number):
        return view.once((number,), lambda: made.append(number) or number)

    assert [make(n % 3) for n in range(6)] == [0, 1, 2, 0, 1, 2]
    assert made == [0, 1, 2]
    for number in range(100, 100 + MOST_KEPT - 1):
        make(number)
    made.clear()
    assert make(2) == 2  # asked for last of the three
    assert make(0) == 0
    assert made == [0]
