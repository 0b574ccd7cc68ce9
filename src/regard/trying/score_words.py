"""The scores of one file in words: the sentence, the facts, the next step."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from regard import wording
from regard.listening.rules import rule_of
from regard.wording import between, count, number, percent

if TYPE_CHECKING:
    from regard.listening.rules import Rule
    from regard.trying.scores import ScoresTrial


def worded(told: ScoresTrial, *, by: str) -> ScoresTrial:
    """The trial with its sentences."""
    rule = rule_of(told.metric)
    facts = [
        t
        for t in (
            _change(told, rule),
            _parts(told, rule, by),
            _silent(told, rule),
            _plain(told, rule),
            _same(told, rule),
        )
        if t
    ]
    return msgspec.structs.replace(
        told, answer=_sentence(told, rule), facts=tuple(facts[:3]), next_step=_next(told, by)
    )


def bucket(day: date, grain: str) -> str:
    """What stands under a point of the trend."""
    if grain in {"day", "week"}:
        return wording.day(day).rsplit(" ", 1)[0]
    if grain == "quarter":
        return f"Q{(day.month + 2) // 3} {day.year}"
    return wording.month(day, year=day.month == 1)


def _sentence(told: ScoresTrial, rule: Rule) -> str:
    ends = between(told.interval.low, told.interval.high, rule.write) if told.interval else ""
    name = "Mean" if rule.metric == "score" else rule.name
    start = f"{name} {rule.write(told.estimate)}, {ends}, from {count(told.n, 'answer')}"
    if told.customers:
        start += f" of {count(told.customers, 'customer')}"
    if told.since is None or told.change is None:
        return f"{start}."
    since = wording.day(told.since)
    if told.verdict in {"better", "worse"}:
        return f"{start} since {since}; {told.verdict} than before."
    if told.verdict == "about the same":
        return f"{start} since {since}; about the same as before."
    return f"{start} since {since}; whether it moved cannot be told."


def _change(told: ScoresTrial, rule: Rule) -> str:
    if told.change is None or told.change_interval is None:
        return ""
    write = rule.write_change if rule.kind != "net" else lambda v: wording.signed(v, 1)
    ends = between(told.change_interval.low, told.change_interval.high, write)
    return f"Change against {told.against}: {write(told.change)}, {ends}"


def _parts(told: ScoresTrial, rule: Rule, by: str) -> str:
    if told.mix is None or told.rate is None:
        return ""
    write = rule.write_change if rule.kind != "net" else lambda v: wording.signed(v, 1)
    return f"Of it {write(told.rate)} from what they answered, {write(told.mix)} from who answered (by {by})"


def _same(told: ScoresTrial, rule: Rule) -> str:
    if told.same_change is None or told.same_interval is None:
        return ""
    write = rule.write_change if rule.kind != "net" else lambda v: wording.signed(v, 1)
    ends = between(told.same_interval.low, told.same_interval.high, write)
    clear = told.same_interval.low > 0 or told.same_interval.high < 0
    who = f"{count(told.twice, 'customer')} answered both times"
    if clear:
        return f"The same customers changed their mind: {who} and moved by {write(told.same_change)}, {ends}"
    return f"{who}; whether they changed their mind cannot be told ({write(told.same_change)}, {ends})"


def _silent(told: ScoresTrial, rule: Rule) -> str:
    if not told.tipping:
        return ""
    row = told.tipping[1]
    who = "Those who did not answer"
    if told.answered is not None:
        who += f" ({percent(1 - told.answered)} of the base)"
    lower = number(row.lower, 0 if rule.factor == 100 else 2)
    text = (
        f"{who}: if they score {lower} lower than those like them who did, the base stands at {rule.write(row.score)}"
    )
    if told.tips_at is not None:
        text += f"; at {number(told.tips_at, 0)} lower it falls to 0"
    return text


def _plain(told: ScoresTrial, rule: Rule) -> str:
    if told.unweighted is None or told.design_effect is None:
        return ""
    worth = f"{number(round(told.effective or 0))} of {number(told.n)} answers' worth"
    effect = f"design effect {number(told.design_effect, 2)}"
    return f"Without weights {rule.write(told.unweighted)}; the weights leave {worth} ({effect})"


def _next(told: ScoresTrial, by: str) -> str:
    if any(c.passed is False for c in told.checks):
        return "Reach those who fell silent another way, such as by phone, and weight to what they say."
    if not told.trend:
        return "Name a column of times with --time to see whether it changes."
    return "" if by else "Cut it with --by, to see where it differs and what a change is made of."
