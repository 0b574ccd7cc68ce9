"""What may be planted into the made-up company to be found again: options, calendar and truth of the plants.

The calendar is drawn from its own seed, so that a company with plants is, row by row, the company without them and
more; which bakeries a plant touches is found when their block is made (`simulation.planting`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from regard.simulation import company
from regard.simulation.company import DAYS

SEED = 50
"""Stands behind the company's seed, so that the plants' draws are their own."""
LAG = 22.0
"""Mean days after which a bakery takes a new version (`people.draw_bakeries`)."""
LIVE = 2.6
"""Days before the end at which the disruption begins that goes on."""
SERVICES = ("sign_in_ok", "checkout_ok")
"""Telemetry of every bakery that comes with the plants: signing in, and paying at the depot's checkout."""
TROUBLE = ("cannot sign in", "cannot pay at the checkout")


class Plants(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what is planted; what is live is still going on when the history ends."""

    disruptions: Annotated[int, Meta(description="Disrupted subsets.", ge=0)] = 6
    odd: Annotated[int, Meta(description="Odd customers for every 800 bakeries.", ge=0)] = 16
    repairs: Annotated[int, Meta(description="Repairs promised over the history for every 800 bakeries.", ge=0)] = 300
    paths: Annotated[int, Meta(description="Ways that change, at most as many as there are.", ge=0)] = 4
    days: Annotated[int, Meta(description="Days before the end in which it happens.", ge=7, le=DAYS)] = DAYS - 70
    live: Annotated[bool, Meta(description="Whether some of it still goes on at the end.")] = True


class Plant(msgspec.Struct, frozen=True, kw_only=True):
    """One planted thing: who, what, since when."""

    kind: Annotated[Literal["disruption", "odd", "promise", "path"], Meta(description="What sort of thing it is.")]
    name: Annotated[str, Meta(description="What happened, in words.")]
    about: Annotated[
        str, Meta(description="Indicator that fell; rule of odd behaviour; key of the promise; the way before → after.")
    ]
    where: Annotated[dict[str, str], Meta(description="Labels that those concerned share; empty: none.")] = {}
    customers: Annotated[tuple[str, ...], Meta(description="Bakeries concerned.")] = ()
    since: Annotated[str, Meta(description="When it began, UTC.")]
    until: Annotated[str, Meta(description="When it was over, or the promise fell due; empty: it goes on.")] = ""
    size: Annotated[float, Meta(description="How many, or which share.")] = 0.0


@dataclass(frozen=True, kw_only=True)
class Shock:
    """A disruption before anybody is known: a region, a plan and a version, from a day on (fractions count)."""

    region: int
    plan: int
    version: int
    service: int
    day: float
    days: float
    good: float

    @property
    def where(self) -> dict[str, str]:
        """Its labels."""
        return {
            "region": company.REGIONS[self.region].name,
            "plan": company.PLANS[self.plan].name,
            "version": company.VERSIONS[self.version],
        }

    @property
    def ongoing(self) -> bool:
        """Whether it goes on when the history ends."""
        return self.day + self.days >= DAYS


@dataclass(frozen=True, kw_only=True)
class Detour:
    """Those who did the first and the second step used to do the third; from a day on, a share of them the fourth."""

    steps: tuple[str, str, str, str]
    why: str
    day: int = 0
    share: float = 0.6


DETOURS = (
    Detour(
        steps=("bubble_alarm_raised", "starter_checked", "starter_fed", "article_read"),
        why="A new article: why your starter sulks, and why feeding it is a bribe.",
    ),
    Detour(
        steps=("till_synced", "day_closed", "waste_counted", "invoice_opened"),
        why="The till asks for the invoice before it asks what was thrown away.",
    ),
    Detour(
        steps=("help_opened", "help_searched", "article_read", "demo_watched"),
        why="The search finds the film before the text.",
    ),
    Detour(
        steps=("batch_baked", "burnt_batch_logged", "dough_scheduled", "help_opened"),
        why="A button under the burnt batch: what went wrong?",
    ),
)
"""Ways that may change, none of which anything of the truth hangs on."""


def _rng(seed: int, part: int) -> np.random.Generator:
    return np.random.default_rng([seed, SEED, part])


def shocks(plants: Plants, *, seed: int) -> tuple[Shock, ...]:
    """The disruptions, one in each slot of the days; where some are live, the last goes on at the end."""
    rng = _rng(seed, 1)
    slot = plants.days / max(plants.disruptions, 1)
    found = []
    for place in range(plants.disruptions):
        live = plants.live and place == plants.disruptions - 1
        days = float(rng.uniform(2.0, 6.0))
        begin = DAYS - plants.days + slot * place + float(rng.uniform(0.05, 0.5)) * slot
        day = DAYS - LIVE if live else min(begin, DAYS - days - 1.0)
        region, plan = _pair(rng, least=0.06)
        found.append(
            Shock(
                region=region, plan=plan, version=_version(day), service=place % len(SERVICES), day=day,
                days=9.0 if live else days, good=float(rng.uniform(0.3, 0.6)),
            )
        )  # fmt: skip
    return tuple(found)


def _pair(rng: np.random.Generator, *, least: float) -> tuple[int, int]:
    """A region and a plan that at least this share of bakeries have, and no more than a ninth."""
    share = np.outer([r.share for r in company.REGIONS], [p.share for p in company.PLANS])
    region, plan = np.nonzero((share >= least) & (share <= 0.11))
    at = int(rng.integers(len(region)))
    return int(region[at]), int(plan[at])


def _version(day: float) -> int:
    """The version that most bakeries run on that day."""
    out = np.array([*company.VERSION_DAYS, np.inf])
    taken = 1.0 - np.exp(-np.clip(day - out - 1.0, 0.0, None) / LAG)
    return int(np.argmax(taken[:-1] - taken[1:]))


def detours(plants: Plants, *, seed: int) -> tuple[Detour, ...]:
    """The ways that change, spread over the days; where some are live, the last changes three weeks before the end."""
    rng = _rng(seed, 2)
    chosen = [DETOURS[int(i)] for i in rng.permutation(len(DETOURS))[: plants.paths]]
    slot = plants.days / max(len(chosen), 1)
    found = []
    for place, one in enumerate(chosen):
        day = int(DAYS - plants.days + slot * place + rng.uniform(0.3, 0.6) * slot)
        if plants.live and place == len(chosen) - 1:
            day = DAYS - 21
        found.append(Detour(steps=one.steps, why=one.why, day=day, share=one.share))
    return tuple(found)
