"""Answers from the columns of one table, counted by the same rules as those of a workspace."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from regard.errors import BadInput, Refusal
from regard.listening.counted import Answers
from regard.listening.rules import NAMED, Rule, classes, rule_of, values
from regard.periods import Period, parse_day
from regard.trying.columns import Columns

WORDS = (
    "nps",
    "csat",
    "ces",
    "score",
    "rating",
    "stars",
    "satisfaction",
    "recommend",
    "how likely",
    "overall",
    "grade",
    "answer",
)
CUSTOMER = ("customer", "customer id", "respondent", "respondent id", "person", "user id", "account id", "client id")
MOST_GROUPS = 200
EPOCH, EPOCH_DAY = np.datetime64("1970-01-01", "D"), date(1970, 1, 1)
NO_DAY = int(np.iinfo(np.int64).min)


@dataclass(frozen=True, kw_only=True)
class Read:
    """What was read of a table.

    Attributes:
        answers: The answers that count.
        row: The row of the table each of them stands in.
        given: Scores as they stand in the table, one a row; NaN where there is none.
        who: Who stands in each row of the table; -1 where nobody known does.
        day: Day of each row, days since 1970; None without times.
        period: The days the trend shows; None without times.
        split: First day of what counts as now; None without times.
        undated: Scores left out because no time says when.
    """

    answers: Answers
    row: NDArray[np.int64]
    given: NDArray[np.float64]
    who: NDArray[np.int64]
    day: NDArray[np.int64] | None
    period: Period | None
    split: date | None
    undated: int = 0


def read(data: Columns, *, score: str, kind: str, customer: str, time: str, by: str, from_: str) -> Read:
    """The answers of a table that count by the rule of their kind.

    Args:
        data: The table.
        score: Column of the scores; guessed when empty.
        kind: nps, csat, ces, stars, mean; told from heading and values when empty.
        customer: Column of who answered; guessed by its heading when empty.
        time: Column of when; empty takes all answers together.
        by: Column that cuts the score; empty for none.
        from_: First day of what counts as now; empty takes the later half of the answers.

    Raises:
        UnknownName: A column that is not there.
        BadInput: No column can be told to be the scores, or it holds no numbers.
        Refusal: There is no score at all.
    """
    score = score or data.guess("score", WORDS, "number")
    customer = customer or data.guess("customer", CUSTOMER, skip=(score,), needed=False)
    given = data.numbers(score)
    if not np.isfinite(given).any():
        raise Refusal(f"{score} holds no score at all.", hint="Name another column with --score.")
    rule = rule_told(kind, score, given)
    scale = _scale(rule, given)
    group = classes(rule, given, np.full(len(given), scale[0]), np.full(len(given), scale[1]))
    who, known = _who(data, customer)
    day = _days(data, time)
    shown, split = _periods(day, np.isfinite(group), from_)
    days, weeks, months = _calendar(day, len(given))
    whole = Answers(
        rule=rule, score=given, value=values(rule, given, group), group=group, weight=np.ones(len(given)),
        customer=who, known=known, slice=_slices(data, by),
        period=_period(len(data), day, shown, split, even=bool(from_)),
        slices=np.zeros((len(given), 0), dtype=str), survey=np.full(len(given), ""), scale=scale,
        day=days, week=weeks, month=months,
    )  # fmt: skip
    keep = np.isfinite(group) & (whole.period != "no time")
    off = int((~np.isfinite(group) & np.isfinite(given)).sum())
    return Read(
        answers=replace(whole.at(keep), left_out=off), row=np.flatnonzero(keep), given=given,
        who=np.where(known, who, -1), day=day, period=shown, split=split,
        undated=int((np.isfinite(group) & (whole.period == "no time")).sum()),
    )  # fmt: skip


def rule_told(kind: str, heading: str, given: NDArray[np.float64]) -> Rule:
    """The rule scores are counted by: the one named, else what heading and values suggest."""
    if kind:
        return rule_of("score" if kind == "mean" else kind)
    lowered = heading.lower()
    for name in NAMED:
        if name in lowered or (name == "nps" and "recommend" in lowered):
            return rule_of(name)
    known = given[np.isfinite(given)]
    whole = bool((known == np.round(known)).all())
    if whole and known.min() == 0 and 8 <= known.max() <= 10:
        return rule_of("nps")  # from 1 to 10 is another question: an overall rating, a part of a survey
    return rule_of("stars") if whole and known.min() >= 1 and known.max() <= 5 else rule_of("score")


def _scale(rule: Rule, given: NDArray[np.float64]) -> tuple[float, float]:
    if np.isfinite(rule.scale[0]):
        return rule.scale
    return float(np.nanmin(given)), float(np.nanmax(given))


def _who(data: Columns, customer: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """A number for each giver; rows without one are givers of their own."""
    if not customer:
        return np.arange(len(data), dtype=np.int64), np.zeros(len(data), dtype=np.bool_)
    found, labels = data.codes(customer)
    known = found >= 0
    return np.where(known, found, len(labels) + np.arange(len(data))), known


def _slices(data: Columns, by: str) -> NDArray[np.str_]:
    if not by:
        return np.full(len(data), "all")
    found, labels = data.codes(by)
    if len(labels) > MOST_GROUPS:
        raise BadInput(
            f"{by} cuts the score into {len(labels):,} groups; at most {MOST_GROUPS} are told.",
            where="--by",
            hint="Name a column of few values, such as a plan or a region.",
        )
    return np.asarray([*labels.astype(str), "not said"], dtype=str)[found]


def _days(data: Columns, time: str) -> NDArray[np.int64] | None:
    if not time:
        return None
    instants = data.times(time)
    if np.isnat(instants).all():
        raise BadInput(f"{time} holds no time at all.", where="--time", hint="Name another column, or leave it out.")
    return (instants.astype("datetime64[D]") - EPOCH).astype(np.int64)


def _periods(
    day: NDArray[np.int64] | None, counted: NDArray[np.bool_], from_: str
) -> tuple[Period | None, date | None]:
    """The days of the table, and the first of them that counts as now: the one given, else the later half's."""
    if day is None:
        if from_:
            raise BadInput("--from needs a column of times.", where="--from", hint="Name it with --time COLUMN.")
        return None, None
    known = np.sort(day[(day > NO_DAY) & counted])
    if not len(known):
        raise Refusal("No score has a time.", hint="Name another column with --time, or leave it out.")
    first, last, middle = (EPOCH_DAY + timedelta(days=int(d)) for d in (known[0], known[-1], known[len(known) // 2]))
    if from_:
        split = parse_day(from_, where="--from")
        if not first <= split <= last:
            raise BadInput(f"{split} lies outside the answers, which run from {first} to {last}.", where="--from")
        return Period(first, last), split
    later = known[known > known[0]]
    if middle == first and len(later):  # more than half came on the first day
        middle = EPOCH_DAY + timedelta(days=int(later[0]))
    return Period(first, last), middle


def _period(
    rows: int, day: NDArray[np.int64] | None, shown: Period | None, split: date | None, *, even: bool
) -> NDArray[np.str_]:
    """now, before and earlier: before is as long as now where a day was given, else all that came before."""
    if day is None or shown is None or split is None:
        return np.full(rows, "now")
    cut = (split - EPOCH_DAY).days
    length = (shown.last - split).days + 1 if even else cut - NO_DAY - 1
    names = np.select([day == NO_DAY, day >= cut, day >= cut - length], ["no time", "now", "before"], "earlier")
    return names.astype(str)


def _calendar(day: NDArray[np.int64] | None, rows: int) -> tuple[NDArray[np.int64], ...]:
    """Day, first day of its week and first day of its month, as days since 1970; 0 without times."""
    if day is None:
        return (np.zeros(rows, dtype=np.int64),) * 3
    first = np.where(day == np.iinfo(np.int64).min, 0, day)
    month = first.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return first, first - (first + 3) % 7, month
