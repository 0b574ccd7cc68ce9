"""What may be said of an effect once its checks are in: a grade that can say no."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from regard.statistics.estimates import Estimate
from regard.statistics.placebos import Block, judge, made_up

Grade = Literal["proven", "likely", "no effect", "harmed", "cannot tell"]


@dataclass(frozen=True, kw_only=True)
class Design:
    """What was settled beforehand.

    Attributes:
        beforehand: Whether measure, customers, comparison and checks were declared before the start.
        randomised: Whether lots decided who was treated.
        margin: Effects no larger count as none; None where none was declared.
        up: Whether more is better.
    """

    beforehand: bool
    randomised: bool = False
    margin: float | None = None
    up: bool = True


def graded(effect: Estimate, design: Design, *, failed: int, unchecked: int = 0) -> Grade:
    """The grade of an effect.

    Args:
        effect: With its interval.
        design: What was settled beforehand.
        failed: Checks that speak against it.
        unchecked: Checks that could not be made.

    Returns:
        proven: better beyond the margin, and randomised, or declared beforehand with every check made and passed;
        likely: better, no check against it; harmed: worse, no check against it; no effect: the interval lies inside
        the margin declared beforehand, no check against it; otherwise cannot tell.
    """
    if effect.refused or (failed and not design.randomised):
        return "cannot tell"
    if (
        design.margin is not None
        and design.beforehand
        and -design.margin <= effect.low
        and effect.high <= design.margin
    ):
        return "no effect"
    if not effect.clear:
        return "cannot tell"
    if (effect.value > 0) != design.up:
        return "harmed"
    settled = design.beforehand and not unchecked
    return "proven" if design.randomised or settled else "likely"


def power_before(block: Block, after: int) -> float:
    """The smallest effect that would be seen in four of five cases, from what is known before the start alone.

    A made-up start in the past, with as many times after it as there will be (or as the past allows). NaN where the
    past is too short.
    """
    starts = made_up(block.before, after, 1)
    if not starts:
        return float("nan")
    past = replace(block, outcomes=block.outcomes[:, : min(block.before, starts[0] + after)], before=starts[0])
    return judge(past).least
