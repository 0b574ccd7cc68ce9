"""The measure of scores says of every score what the rules say in words and for arrays."""

from __future__ import annotations

from datetime import date
from itertools import product

import duckdb
import numpy as np
import pytest

from regard.listening.rules import classes, rule_of, values
from regard.signals.declarations import Declarations
from regard.signals.measures import scores, worth
from regard.signals.scope import Given, nouns_of, resolve, scoped

METRICS = ("nps", "csat", "ces", "stars", "taste", "")
SCALES = ((None, None), (0, 10), (1, 10), (1, 5), (1, 7), (1, 3), (0, 1), (0, 100), (1, 11), (5, 1))
GIVEN = (-1.0, 0.0, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 20.0, 80.0, 100.0)


def test_every_score_has_the_class_and_the_value_its_rule_gives_it():
    grid = list(product(METRICS, SCALES, GIVEN))
    rows = [(i, m, s, lo, hi) for i, (m, (lo, hi), s) in enumerate(grid)]
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE given (position BIGINT, metric TEXT, score DOUBLE, scale_min DOUBLE, scale_max DOUBLE)"
        )
        connection.executemany("INSERT INTO given VALUES (?, ?, ?, ?, ?)", rows)
        columns = (
            "*, 1 AS customer, NULL AS occurred_at, NULL AS slice, NULL AS inside, 1.0 AS weight, NULL AS about, "
            "'' AS survey, '' AS part, NULL AS response"
        )
        noun = scores(f"SELECT {columns} FROM given", f"SELECT {columns} FROM given LIMIT 0", whole=True)
        found = connection.execute(f"SELECT metric, class, value FROM ({noun}) ORDER BY position").fetchnumpy()
    found_class = np.ma.filled(found["class"].astype(float), np.nan)
    found_value = np.ma.filled(found["value"].astype(float), np.nan)

    for name in METRICS:
        at = np.array([m == name for m, _, _ in grid])
        rule = rule_of(name or "score")
        score = np.array([s for _, _, s in grid])[at]
        low, high = (np.array([np.nan if e[k] is None else float(e[k]) for _, e, _ in grid])[at] for k in (0, 1))
        expected = classes(rule, score, low, high)
        np.testing.assert_array_equal(found_class[at], expected, err_msg=name)
        factor = 1.0 if rule.kind == "mean" else 100.0
        np.testing.assert_array_equal(found_value[at], factor * values(rule, score, expected), err_msg=name)


@pytest.mark.parametrize("noun", ["scores", "scores_ever", "scores_whole"])
def test_scores_are_a_noun_that_filters_and_groupings_reach(noun):
    scope = resolve(Given(where=("survey=spring",), by="channel"), declarations=Declarations(), last=date(2026, 9, 30))
    statement = f"SELECT count(*) FROM {noun}"

    assert nouns_of(statement) == [noun]
    assert "lake_answer" in scoped(statement, scope, Declarations())
    assert "lake_review" in scoped(statement, scope, Declarations())


STEPS = [  # customer, contract, day of January, change, amount, every
    (1, "a", 1, "start", 10.0, "month"), (1, "a", 5, "renew", 20.0, "month"), (1, "b", 2, "start", 90.0, "quarter"),
    (2, "c", 1, "start", 50.0, "year"), (2, "c", 9, "end", None, None), (3, "d", 20, "start", 7.0, "month"),
]  # fmt: skip


def test_worth_is_the_contracts_in_force_at_the_end_or_the_orders_before_it():
    """By hand: 20 a month and 90 a quarter are 600 a year; ended contracts and those of later are none."""
    until = "TIMESTAMP '2026-01-15'"
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE given (customer BIGINT, subscription TEXT, day INT, change TEXT, amount DOUBLE, every TEXT)"
        )
        connection.executemany("INSERT INTO given VALUES (?, ?, ?, ?, ?, ?)", STEPS)
        noun = (
            "SELECT *, '' AS key, day AS position, TIMESTAMP '2026-01-01' + to_days(day - 1) AS occurred_at, 1.0 AS rate, "
            "2.0 AS refunded FROM given"
        )
        ask = lambda kind: sorted(  # noqa: E731
            connection.execute(f"SELECT * FROM ({worth(noun, kind=kind, days=12, until=until)})").fetchall()
        )

        assert ask("recurring") == [(1, 600.0)]
        assert ask("trailing") == [(1, 20.0 - 2.0), (2, None)]  # from the 3rd to the 14th; no amount, no worth
        assert ask("") == []
