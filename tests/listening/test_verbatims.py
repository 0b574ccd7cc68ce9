"""Verbatims: what fits, newest first, and classes that follow the rules of the scores."""

import numpy as np
import pytest

from regard.errors import UnknownName
from regard.listening.rules import classes, rule_of
from regard.questions import find
from regard.signals.ask import answer
from regard.signals.scope import Given

AUTUMN = Given(since="2026-09-01", until="2026-11-30")


def ask(view, given=AUTUMN, **arguments):
    return answer(find("listening/verbatims"), view=view, given=given, arguments=arguments)


def said(text, day, score=None, person="ana", **more):
    return {
        "person": person,
        "occurred_at": f"2026-10-{day:02d}T10:00:00",
        "verbatim": text,
        "score": score,
        "key": text,
    } | more


@pytest.fixture
def view(view_of):
    nps = {"metric": "nps", "scale_min": 0.0, "scale_max": 10.0}
    return view_of(
        answer=[
            said("Late again", 3, 2.0, **nps),
            said("Love it", 4, 10.0, "ben", **nps),
            said("Fine", 5, 8.0, "cho", **nps),
        ],
        review=[said("Too DEAR", 6, 1.0, "ben")],
        contact=[said("Cannot sign in", 7, None, "cho", area="login", issue="bug")],
        profile=[{"person": "cho", "name": "Cho Bakery", "occurred_at": "2026-01-01T00:00:00"}],
    )


def test_the_newest_comes_first_with_the_customers_name(view):
    found = ask(view)

    assert [r.verbatim for r in found.rows] == ["Cannot sign in", "Too DEAR", "Fine", "Love it", "Late again"]
    assert found.rows[0].name == "Cho Bakery"
    assert (found.n, found.customers) == (5, 3)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"group": "detractor"}, ["Late again"]),
        ({"group": "promoters"}, ["Love it"]),
        ({"group": "low"}, ["Too DEAR", "Late again"]),
        ({"q": "dear"}, ["Too DEAR"]),
        ({"area": "login", "issue": "bug"}, ["Cannot sign in"]),
        ({"kind": "answer"}, ["Fine", "Love it", "Late again"]),
        ({"kind": "answer", "limit": 1}, ["Fine"]),
        ({"q": "100% '; DROP TABLE"}, []),
    ],
)
def test_what_is_asked_for_is_what_comes(view, arguments, expected):
    assert [r.verbatim for r in ask(view, **arguments).rows] == expected


def test_nothing_found_says_what_to_do_and_is_no_refusal(view):
    found = ask(view, q="croissant")

    assert found.answer == "Nobody said anything with “croissant” here."
    assert found.next_step
    assert not found.refused


def test_an_unknown_group_suggests_the_near_one(view):
    with pytest.raises(UnknownName, match="detracter"):
        ask(view, group="detracter")


def test_an_empty_log_is_refused(view_of):
    assert ask(view_of()).refused


@pytest.mark.parametrize(
    ("metric", "low", "high"),
    [
        ("nps", 0, 10),
        ("nps", 1, 10),
        ("csat", 1, 5),
        ("csat", 1, 3),
        ("csat", 0, 1),
        ("ces", 1, 7),
        ("stars", 1, 5),
        ("mood", 1, 10),
        ("mood", 0, 100),
    ],
)
def test_classes_in_the_statement_are_those_of_the_rules(view_of, metric, low, high):
    """The rules in Python are the reference for the same rules in SQL."""
    given = list(range(low, high + 1))
    rows = [
        said(str(s), 1, float(s), f"p{s}", metric=metric, scale_min=float(low), scale_max=float(high)) for s in given
    ]

    found = ask(view_of(answer=rows), limit=500)

    rule = rule_of(metric)
    expected = classes(rule, np.array(given, float), np.full(len(given), float(low)), np.full(len(given), float(high)))
    groups = {float(r.verbatim): r.group for r in found.rows}
    assert [groups[float(s)] for s in given] == [rule.classes[int(c) + 1] for c in expected]
