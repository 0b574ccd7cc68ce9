"""Answers from the columns of one table, counted by the same rules as those of a workspace."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from regard.listening.counted import Answers
from regard.listening.rules import Rule, classes, rule_of, values
from regard.trying.columns import Columns

WORDS = ("nps", "csat", "ces", "score", "rating", "stars", "satisfaction", "recommend", "grade", "answer", "value")
CUSTOMER = ("customer", "customer id", "respondent", "person", "user", "account", "email", "member", "client")


def answers_from(data: Columns, *, score: str, kind: str, customer: str) -> Answers:
    """The answers of a table that count by the rule of their kind.

    Args:
        data: The table.
        score: Column of the scores; guessed when empty.
        kind: nps, csat, ces, stars, mean; told from heading and values when empty.
        customer: Column of who answered; empty takes every answer as its own.

    Raises:
        UnknownName: A column that is not there.
        BadInput: No column can be told to be the scores, or it holds no numbers.
    """
    score = score or data.guess("score", WORDS, "number")
    given = data.numbers(score)
    rule = _rule(kind, score, given)
    scale = _scale(rule, given)
    ends = np.full((2, len(given)), np.reshape(scale, (2, 1)))
    group = classes(rule, given, ends[0], ends[1])
    who = _who(data, customer)
    blank = np.zeros(len(given), dtype=np.int64)
    texts = np.full(len(given), "now")
    every = Answers(
        rule=rule, score=given, value=values(rule, given, group), group=group, weight=np.ones(len(given)),
        customer=who[0], known=who[1], period=texts, slice=np.full(len(given), "all"),
        slices=np.zeros((len(given), 0), dtype=str), survey=np.full(len(given), ""), day=blank, week=blank,
        month=blank, scale=scale,
    )  # fmt: skip
    keep = np.isfinite(group)
    return replace(every.at(keep), left_out=int((~keep & np.isfinite(given)).sum()))


def _who(data: Columns, customer: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """A number for each giver; rows without one are givers of their own."""
    if not customer:
        return np.arange(len(data), dtype=np.int64), np.zeros(len(data), dtype=np.bool_)
    found, labels = data.codes(customer)
    known = found >= 0
    return np.where(known, found, len(labels) + np.arange(len(data))), known


def _rule(kind: str, heading: str, given: NDArray[np.float64]) -> Rule:
    if kind == "mean":
        return rule_of("score")
    if kind:
        return rule_of(kind)
    known = given[np.isfinite(given)]
    lowered = heading.lower()
    for name in ("nps", "csat", "ces", "stars"):
        if name in lowered or (name == "nps" and "recommend" in lowered):
            return rule_of(name)
    whole = len(known) and bool((known == np.round(known)).all())
    if whole and known.min() >= 0 and 8 <= known.max() <= 10:
        return rule_of("nps")
    return rule_of("stars") if whole and known.min() >= 1 and known.max() <= 5 else rule_of("score")


def _scale(rule: Rule, given: NDArray[np.float64]) -> tuple[float, float]:
    if np.isfinite(rule.scale[0]):
        return rule.scale
    known = given[np.isfinite(given)]
    return (float(known.min()), float(known.max())) if len(known) else (np.nan, np.nan)
