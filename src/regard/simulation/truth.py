"""The known truth of the made-up company: what drives scores and losses, what was improved, disrupted and is rising.

The generators read these very values, so the truth cannot drift from the data. Days count from the first day of the
history; `truth` turns them into dates.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from regard.simulation.company import DAYS, NAME
from regard.simulation.plants import Plant

WINDOW = 90
"""Days before an answer in which a fact counts."""
UNTIL = date(2026, 11, 15)
"""End of the history unless told otherwise: a Sunday, when bakeries count."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the experience rated in the relationship survey, 1 to 5."""

    name: Annotated[str, Meta(description="Its name in the answers.")]
    mean: Annotated[float, Meta(description="Latent mean rating where nothing went wrong.")]
    weight: Annotated[float, Meta(description="Points of the latent score (0 to 10) for one point of this part.")]


class Driver(msgspec.Struct, frozen=True, kw_only=True):
    """A fact of the last 90 days before an answer and what one unit of it does to the latent score."""

    name: Annotated[str, Meta(description="Name of the fact.")]
    fact: Annotated[str, Meta(description="How it is counted in the signals.")]
    part: Annotated[str, Meta(description="The part it works through; empty: straight on the score.")] = ""
    on_part: Annotated[float, Meta(description="Points of the part per unit.")] = 0.0
    direct: Annotated[float, Meta(description="Points of the score per unit beside the part.")] = 0.0
    effect: Annotated[
        float, Meta(description="Whole effect on the latent score per unit: on_part × weight + direct.")
    ] = 0.0


class Improvement(msgspec.Struct, frozen=True, kw_only=True):
    """Something the company did, told as an act, and what it really changed."""

    name: Annotated[str, Meta(description="Name of the act.")]
    day: Annotated[int, Meta(description="Day of the history it took hold.")]
    on: Annotated[str, Meta(description="That day as a date.")] = ""
    where: Annotated[dict[str, str], Meta(description="Whom it reached; empty: everybody.")] = {}
    target: Annotated[str, Meta(description="late_delivery, slow_answer (chances) or score (points).")]
    factor: Annotated[float, Meta(description="The chance afterwards as a share of the chance before.")] = 1.0
    effect: Annotated[float, Meta(description="Points added to the latent score, where the target is the score.")] = 0.0
    why: Annotated[str, Meta(description="What the company said of it.")] = ""
    by: Annotated[str, Meta(description="Who did it.")] = ""


class Disruption(msgspec.Struct, frozen=True, kw_only=True):
    """A subset that was disrupted while the total looked green."""

    name: Annotated[str, Meta(description="What it was called afterwards.")]
    where: Annotated[dict[str, str], Meta(description="Labels of the subset.")]
    indicator: Annotated[str, Meta(description="Telemetry indicator that fell.")]
    day: Annotated[int, Meta(description="First day.")]
    days: Annotated[int, Meta(description="How many days.")]
    start: Annotated[str, Meta(description="First day as a date.")] = ""
    end: Annotated[str, Meta(description="Day after the last as a date.")] = ""
    good_share: Annotated[float, Meta(description="Share that went well inside; elsewhere about 0.992.")]
    error_chance: Annotated[float, Meta(description="Chance of an error per event inside.")]


class Rising(msgspec.Struct, frozen=True, kw_only=True):
    """A cell of area × issue whose rate grows."""

    area: Annotated[str, Meta(description="Area of the contacts.")]
    issue: Annotated[str, Meta(description="Issue type.")]
    day: Annotated[int, Meta(description="Day it starts to grow.")]
    since: Annotated[str, Meta(description="That day as a date.")] = ""
    factor: Annotated[float, Meta(description="Rate at the end as a multiple of the rate before.")]


class Losing(msgspec.Struct, frozen=True, kw_only=True):
    """Logit of leaving: a month at a time (monthly contract) or once a year (yearly contract)."""

    monthly: Annotated[float, Meta(description="Intercept of a month, at satisfaction 7.5 on plan Loaf.")] = -4.3
    yearly: Annotated[float, Meta(description="Intercept of a renewal, at satisfaction 7.5 on plan Loaf.")] = -2.4
    satisfaction: Annotated[float, Meta(description="Logit per point of latent satisfaction under 7.5.")] = 0.75
    price_rise: Annotated[
        float, Meta(description="Logit in the 90 days after a dearer price, beside its way through the score.")
    ] = 0.5
    closing: Annotated[float, Meta(description="Chance a month that the bakery closes for good, whatever we do.")] = (
        0.0035
    )


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """The truth of one made-up company."""

    company: Annotated[str, Meta(description="Its name.")]
    signals: Annotated[int, Meta(description="Signals sent in all.")]
    seed: Annotated[int, Meta(description="Seed of everything random.")]
    since: Annotated[str, Meta(description="First day of use, orders, contacts and scores; contracts may be older.")]
    until: Annotated[str, Meta(description="Day after the last.")]
    accounts: Annotated[int, Meta(description="Bakeries, prospects that never signed included.")]
    window: Annotated[int, Meta(description="Days before an answer in which a fact counts.")]
    parts: Annotated[tuple[Part, ...], Meta(description="Parts of the relationship score.")]
    drivers: Annotated[tuple[Driver, ...], Meta(description="Facts and their effects on the relationship score (nps).")]
    ranking: Annotated[
        tuple[str, ...],
        Meta(description="Facts by the absolute size of their effect, one unit each; facts without effect left out."),
    ]
    spread: Annotated[
        dict[str, float],
        Meta(description="Standard deviation of the points each fact gave or took in the answers sent, largest first."),
    ] = {}
    no_effect: Annotated[tuple[str, ...], Meta(description="Parts and facts that look as if and do nothing.")]
    price_rise: Annotated[
        str,
        Meta(
            description="Day the price list went up; reaches monthly contracts within a month, yearly ones at renewal."
        ),
    ]
    improvements: Annotated[tuple[Improvement, ...], Meta(description="What was done and what it changed.")]
    disruptions: Annotated[tuple[Disruption, ...], Meta(description="Who was disrupted when.")]
    rising: Annotated[tuple[Rising, ...], Meta(description="What customers contact the company about more and more.")]
    seasonal: Annotated[
        tuple[str, ...], Meta(description="Cells of area × issue that peak every December and are not rising.")
    ]
    losing: Annotated[Losing, Meta(description="Why bakeries leave.")]
    sent: Annotated[
        dict[str, int], Meta(description="Rows sent by kind, repeats included; empty until simulated.")
    ] = {}
    repeated: Annotated[int, Meta(description="Rows sent that repeat another: duplicates.")] = 0
    contradicting: Annotated[
        int, Meta(description="Rows sent with a known message id and other content: to be held back.")
    ] = 0
    plants: Annotated[
        tuple[Plant, ...], Meta(description="What was planted to be found again: who, what, since when.")
    ] = ()
    added: Annotated[int, Meta(description="Rows sent beyond `signals` because something was planted.")] = 0
    accounts_file: Annotated[str, Meta(description="Parquet file with the truth of every bakery, beside this one.")] = (
        ""
    )


PARTS = (
    Part(name="baking with it", mean=4.1, weight=1.0),
    Part(name="help", mean=4.2, weight=0.9),
    Part(name="delivery", mean=4.2, weight=0.8),
    Part(name="price", mean=3.6, weight=0.5),
    Part(name="looks", mean=4.0, weight=0.0),
)
DRIVERS = (
    Driver(name="late_delivery", fact="1 if a delivery promise fell due and was broken", part="delivery", on_part=-1.8),
    Driver(name="slow_answer", fact="1 if a first answer came after its promise", part="help", on_part=-1.2),
    Driver(name="reopened", fact="1 if a contact was reopened", part="help", on_part=-0.7),
    Driver(name="errors", fact="errors per 100 events, at most 15", part="baking with it", on_part=-0.15),
    Driver(name="price_rise", fact="1 if the contract became dearer by the price list", part="price", on_part=-1.0),
    Driver(
        name="forecast", fact="1 if the croissant forecast was viewed", part="baking with it", on_part=0.3, direct=0.2
    ),
    Driver(name="quick_start", fact="1 if the first batch was baked within 7 days of the start (ever)", direct=0.6),
    Driver(name="messages", fact="messages written to the bakery, each", direct=0.0),
)
PRICE_DAY = 345
PRICE_FACTOR = 1.08
IMPROVEMENTS = (
    Improvement(
        name="A second oven's worth of vans in Iberia",
        day=430,
        where={"region": "Iberia"},
        target="late_delivery",
        factor=0.35,
        by="Logistics",
        why="Parcels reached Iberia when the bread they were meant for was already toast.",
    ),
    Improvement(
        name="Answers before the bread is cold",
        day=300,
        where={"region": "Alps"},
        target="slow_answer",
        factor=0.4,
        by="Help team",
        why="Bakers ask at four in the morning; from now on somebody in the Alps team is awake then.",
    ),
    Improvement(
        name="Answers before the bread is cold, by the sea",
        day=480,
        where={"region": "North Sea"},
        target="slow_answer",
        factor=0.4,
        by="Help team",
        why="It worked in the Alps, where people also get up early.",
    ),
    Improvement(
        name="Croissant forecast 2.0",
        day=520,
        where={"product": "Rise"},
        target="score",
        effect=0.4,
        by="Product Rise",
        why="The old forecast believed that rain makes people hungry. It makes them wet.",
    ),
    Improvement(
        name="The loading spinner is now a pretzel",
        day=380,
        target="score",
        effect=0.0,
        by="Design",
        why="Somebody felt strongly about it.",
    ),
)
DISRUPTIONS = (
    Disruption(
        name="The jar that slept through the siesta",
        where={"region": "Iberia", "product": "Jar Nanny"},
        indicator="jar_pulse_ok",
        day=290,
        days=9,
        good_share=0.62,
        error_chance=0.30,
    ),
    Disruption(
        name="The tablet that forgot the till",
        where={"region": "Isles", "product": "Till", "device": "floury tablet"},
        indicator="till_sync_ok",
        day=DAYS - 38,
        days=16,
        good_share=0.55,
        error_chance=0.35,
    ),
    Disruption(
        name="Rise 5.1 reads Fahrenheit as Celsius",
        where={"region": "Overseas", "product": "Rise", "version": "5.1"},
        indicator="oven_link_ok",
        day=DAYS - 5,
        days=5,
        good_share=0.64,
        error_chance=0.35,
    ),
)
RISING = (Rising(area="starter", issue="will not rise", day=DAYS - 120, factor=4.0),)
SEASONAL = ("delivery × where is it", "till × how do I")
LOSING = Losing()


def first_day(until: date) -> date:
    """The first day of the history that ends before `until`."""
    return until - timedelta(days=DAYS)


def account_count(signals: int) -> int:
    """How many bakeries a log of that size has: one for 250 signals, at least eight."""
    return max(8, signals // 250)


def driver_effects() -> dict[str, float]:
    """Whole effect of each fact on the latent score, per unit."""
    weight = {part.name: part.weight for part in PARTS}
    return {d.name: round(d.on_part * weight.get(d.part, 0.0) + d.direct, 4) for d in DRIVERS}


def truth(*, signals: int, seed: int, until: date = UNTIL) -> Truth:
    """The truth of the company that `simulate` makes of the same arguments, as far as it is known beforehand."""
    begin = first_day(until)

    def on(day: int) -> str:
        return (begin + timedelta(days=day)).isoformat()

    effects = driver_effects()
    replace = msgspec.structs.replace
    return Truth(
        company=NAME,
        signals=signals,
        seed=seed,
        since=begin.isoformat(),
        until=until.isoformat(),
        accounts=account_count(signals),
        window=WINDOW,
        parts=PARTS,
        drivers=tuple(replace(d, effect=effects[d.name]) for d in DRIVERS),
        ranking=tuple(sorted((n for n, e in effects.items() if e), key=lambda n: -abs(effects[n]))),
        no_effect=tuple(f"part: {p.name}" for p in PARTS if not p.weight)
        + tuple(f"fact: {n}" for n, e in effects.items() if not e),
        price_rise=on(PRICE_DAY),
        improvements=tuple(replace(i, on=on(i.day)) for i in IMPROVEMENTS),
        disruptions=tuple(replace(d, start=on(d.day), end=on(d.day + d.days)) for d in DISRUPTIONS),
        rising=tuple(replace(r, since=on(r.day)) for r in RISING),
        seasonal=SEASONAL,
        losing=LOSING,
    )


def midnight(day: date) -> int:
    """Microseconds since 1970 at the start of a day, UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000
