"""Proof & Crumb, which never existed: software, jars and aprons for bakeries. Its plans, goods, regions and words.

Everything the generators draw from is here as plain tuples, so that the truth can quote it.
"""

from __future__ import annotations

from dataclasses import dataclass

from regard.signals.declarations import (
    Change,
    CustomerBase,
    Declarations,
    Dimension,
    Improvement,
    Indicator,
    Moment,
    Rate,
    Stage,
    Value,
)

NAME = "Proof & Crumb"
DAYS = 670
"""Days of history: about 22 months, two Christmases included."""


@dataclass(frozen=True, kw_only=True)
class Region:
    """Where bakeries are: `late` is the chance of a late delivery in a quiet month, `august` how busy August is."""

    name: str
    share: float
    late: float
    languages: tuple[tuple[str, float], ...]
    currencies: tuple[tuple[str, float], ...]
    august: float = 1.0


REGIONS = (
    Region(name="North Sea", share=0.26, late=0.09, languages=(("de", 0.6), ("en", 0.4)), currencies=(("EUR", 1.0),)),
    Region(
        name="Alps",
        share=0.18,
        late=0.10,
        languages=(("de", 0.7), ("fr", 0.3)),
        currencies=(("EUR", 0.6), ("CHF", 0.4)),
    ),
    Region(
        name="Hexagon",
        share=0.18,
        late=0.12,
        languages=(("fr", 1.0),),
        currencies=(("EUR", 1.0),),
        august=0.55,
    ),
    Region(name="Iberia", share=0.16, late=0.30, languages=(("es", 1.0),), currencies=(("EUR", 1.0),), august=0.65),
    Region(name="Isles", share=0.14, late=0.13, languages=(("en", 1.0),), currencies=(("GBP", 1.0),)),
    Region(
        name="Overseas",
        share=0.08,
        late=0.16,
        languages=(("en", 0.8), ("fr", 0.2)),
        currencies=(("USD", 1.0),),
    ),
)
LANGUAGES = ("en", "de", "fr", "es")
CURRENCIES = ("EUR", "CHF", "GBP", "USD")
LOCAL = (1.0, 1.05, 0.85, 1.1)
"""List prices in a currency for one euro on the price list: rounded to marketing's taste, not to the exchange rate."""

SEGMENTS = ("village bakery", "high street", "hotel kitchen", "wholesale", "market stall")
SEGMENT_SHARES = (0.34, 0.27, 0.11, 0.12, 0.16)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is subscribed to: list price a month in EUR, share of bakeries on it, share of them paying yearly."""

    name: str
    monthly: float
    share: float
    yearly: float
    answer_hours: int
    people: float
    leaving: float


PLANS = (
    Plan(name="Bun", monthly=19.0, share=0.38, yearly=0.25, answer_hours=24, people=0.4, leaving=0.35),
    Plan(name="Loaf", monthly=49.0, share=0.34, yearly=0.45, answer_hours=12, people=1.2, leaving=0.0),
    Plan(name="Baker's Dozen", monthly=129.0, share=0.20, yearly=0.65, answer_hours=8, people=2.4, leaving=-0.3),
    Plan(name="Patisserie", monthly=349.0, share=0.08, yearly=0.85, answer_hours=4, people=3.6, leaving=-0.6),
)
ADDON = Plan(name="Spare Jar", monthly=9.0, share=0.2, yearly=0.0, answer_hours=24, people=0.0, leaving=0.0)
YEARLY_MONTHS = 10
"""Months charged for a year paid at once: two rounds of croissants on the house."""

PRODUCTS = ("Rise", "Till", "Jar Nanny")
PRODUCT_SHARES = (0.50, 0.30, 0.20)
DEVICES = ("floury tablet", "phone", "office PC")
DEVICE_SHARES = (0.45, 0.30, 0.25)
VERSIONS = ("4.0", "4.1", "4.2", "5.0", "5.1")
VERSION_DAYS = (-9999, 95, 265, 440, 645)
"""Day of the history each version came out; bakeries take it some weeks later, when the flour has settled."""
VERSION_ERRORS = (1.0, 0.95, 1.25, 0.9, 0.85)

GOODS = (
    ("Jar Nanny sensor", "gadgets", 89.0, 0.14),
    ("Oven Whisperer thermometer", "gadgets", 149.0, 0.08),
    ("Crust camera", "gadgets", 229.0, 0.04),
    ("Rye starter 'Gertrude', live", "cultures", 24.0, 0.15),
    ("Wheat starter 'Clint Yeastwood', live", "cultures", 22.0, 0.13),
    ("Banneton, set of six", "tools", 54.0, 0.09),
    ("Lame with a spare blade", "tools", 19.0, 0.08),
    ("Beech peel, 1.4 m, slightly warped", "tools", 62.0, 0.05),
    ("Apron 'On a knead-to-know basis'", "wear", 29.0, 0.08),
    ("Till rolls, smell of vanilla, 20", "paper", 18.0, 0.10),
    ("Proofing box", "gadgets", 129.0, 0.03),
    ("Stollen emergency kit", "seasonal", 49.0, 0.03),
)
SELLERS = ("Proof & Crumb depot", "Mühle Sonnentau", "Molino del Alba", "Grain & Gable")
SELLER_SHARES = (0.55, 0.18, 0.12, 0.15)
PARTNERS = ("", "Flourish Consulting", "Backhaus Brothers", "Les Mitrons Associés", "Upper Crust Advisory")
PARTNER_SHARES = (0.72, 0.09, 0.07, 0.07, 0.05)
AGENTS = ("Marguerite", "Anselm", "Odile", "Piet", "Ruth", "Ignacio", "Wilhelmina", "Bashir")

ROLES = ("decision maker", "practitioner", "community")
JOBS = (("master baker", "owner", "head of viennoiserie"), ("journeyman", "apprentice", "counter"), ("retired baker",))

TELEMETRY = (("oven_link_ok", 0), ("till_sync_ok", 1), ("jar_pulse_ok", 2))
"""Indicator and the product (index) it measures."""

_RATES = (
    ("CHF", "2024-01-01", 1.03),
    ("CHF", "2025-07-01", 1.06),
    ("CHF", "2026-04-01", 1.07),
    ("GBP", "2024-01-01", 1.17),
    ("GBP", "2025-07-01", 1.15),
    ("GBP", "2026-04-01", 1.18),
    ("USD", "2024-01-01", 0.92),
    ("USD", "2025-07-01", 0.89),
    ("USD", "2026-04-01", 0.86),
)

STAGES = (
    Stage(
        name="Discover",
        moments=(
            Moment(name="Follows the smell", events=("page_visited", "price_seen")),
            Moment(name="Counts the croissants", events=("bread_calculator_used",)),
        ),
    ),
    Stage(
        name="Try",
        moments=(
            Moment(name="First taste", events=("trial_started", "sample_dough_planned")),
            Moment(name="Wants the recipe", events=("trial_ended", "demo_watched")),
        ),
    ),
    Stage(
        name="Start",
        moments=(
            Moment(name="Signs up", kinds=("subscription:start",), events=("account_opened",)),
            Moment(
                name="Connects the oven",
                events=("first_recipe_imported", "oven_connected", "team_invited"),
                promises=("onboarding",),
            ),
            Moment(name="The first batch", events=("first_batch_baked",), surveys=("After the first batch",)),
        ),
    ),
    Stage(
        name="Bake",
        moments=(
            Moment(
                name="Four in the morning",
                events=("day_planned", "dough_scheduled", "oven_preheated", "batch_baked", "burnt_batch_logged"),
            ),
            Moment(name="Guessing croissants", events=("croissant_forecast_viewed", "waste_counted")),
            Moment(
                name="The queue at the counter",
                events=("till_opened", "tray_sold", "loyalty_stamp_given", "till_synced", "day_closed"),
            ),
            Moment(
                name="Minding the jar",
                events=("starter_checked", "starter_fed", "starter_named", "bubble_alarm_raised"),
            ),
            Moment(name="How is it going", surveys=("How is it rising",)),
        ),
    ),
    Stage(
        name="Get help",
        moments=(
            Moment(name="Looks it up", events=("help_opened", "help_searched", "article_read")),
            Moment(
                name="Asks a human",
                kinds=("contact",),
                areas=("oven link", "starter", "till", "forecast", "sign-in", "recipes"),
                promises=("first answer",),
                surveys=("After we answered",),
            ),
        ),
    ),
    Stage(
        name="Pay",
        moments=(
            Moment(name="Orders from the depot", kinds=("order",), areas=("delivery",), promises=("delivery",)),
            Moment(
                name="Finds the dough", events=("invoice_opened", "card_updated", "payment_made"), areas=("billing",)
            ),
        ),
    ),
    Stage(
        name="Renew",
        moments=(
            Moment(name="Weighs it up", events=("renewal_viewed", "plan_compared", "cancel_page_seen")),
            Moment(name="Another year", kinds=("subscription:renewal", "subscription:change", "subscription:end")),
        ),
    ),
)


IMPROVEMENTS = (
    Improvement(
        name="Vans before the bread",
        moves=("Delivery promise broken",), share=(0.4, 0.6, 0.75), chance=(0.5, 0.7, 0.85), cost=(350, 600, 1_100),
    ),
    Improvement(
        name="Somebody awake at four",
        moves=("First answer promise broken",), share=(0.3, 0.5, 0.7), chance=(0.45, 0.6, 0.75),
        cost=(100, 200, 400),
    ),
    Improvement(
        name="Read before closing",
        moves=("Help reopened",), share=(0.2, 0.4, 0.6), chance=(0.4, 0.6, 0.8), cost=(30, 60, 120),
        needs=("Somebody awake at four",), zone="efficient",
    ),
    Improvement(
        name="A link that stays linked",
        moves=("Errors met", "Oven link ok"), share=(0.2, 0.35, 0.5), chance=(0.3, 0.5, 0.7),
        cost=(500, 900, 1_800),
    ),
    Improvement(
        name="A hand held to the first batch",
        moves=("The first batch within a week",), share=(0.2, 0.4, 0.55), chance=(0.5, 0.65, 0.8),
        cost=(150, 250, 450), zone="next",
    ),
    Improvement(
        name="Parcels by tram",
        moves=("Delivery promise broken",), share=(0.1, 0.25, 0.5), chance=(0.15, 0.3, 0.5), cost=(250, 400, 900),
        instead_of=("Vans before the bread",), zone="new",
    ),
    Improvement(
        name="A brioche as spinner", value=(-80, 5, 100), chance=(0.1, 0.2, 0.4), cost=(120, 200, 350),
        zone="new",
    ),
)  # fmt: skip
"""What Proof & Crumb could do next, and what it thinks that would take. The vans truly move most."""


CHANGES = (
    Change(
        name="A second oven's worth of vans in Iberia", on="2026-03-20", by="region", reached=("Iberia",),
        measure="promises", promise="delivery", margin=1.0, declared="2026-02-27",
    ),
    Change(
        name="Answers before the bread is cold", on="2025-11-10", by="region", reached=("Alps",),
        measure="promises", promise="first answer", margin=1.0, declared="2025-10-20",
    ),
    Change(
        name="Answers before the bread is cold, by the sea", on="2026-05-09", by="region", reached=("North Sea",),
        measure="promises", promise="first answer", margin=1.0, declared="2026-04-24",
    ),
    Change(
        name="The bell above the oven", on="2026-01-12", by="region", reached=("Hexagon",), margin=5.0,
        declared="2026-01-05",
    ),
)  # fmt: skip
"""What it changed, as it declared it; the bell changed nothing."""


INDICATORS = (
    Indicator(
        name="The oven answers", moment="Four in the morning", total="oven_link_ok", needed=0.9, each="week",
        target=0.95,
    ),
    Indicator(
        name="The till keeps up", moment="The queue at the counter", total="till_sync_ok", needed=0.9, each="week",
        target=0.95,
    ),
    Indicator(
        name="The jar is awake", moment="Minding the jar", total="jar_pulse_ok", needed=0.9, each="week", target=0.95
    ),
    Indicator(name="A payment goes through", moment="Finds the dough", total="payment_made", needed=0.8, target=0.9),
)  # fmt: skip
"""What working means at Proof & Crumb: three measured by the week, and one told by the events themselves."""


PLANTED = (
    Indicator(name="Signing in works", total="sign_in_ok", needed=0.9, target=0.9),
    Indicator(name="The checkout works", moment="Orders from the depot", total="checkout_ok", needed=0.9,
              target=0.9),
)  # fmt: skip
"""What it declares besides where something is planted."""


def declarations(*, planted: bool = False) -> Declarations:
    """What Proof & Crumb declares: bakeries are its customers, worth a year's fees, lost when the contract ends.

    Args:
        planted: With the indicators of what is planted.
    """
    return Declarations(
        name=NAME,
        customer="account",
        called="bakery",
        called_many="bakeries",
        time_zone="Europe/Brussels",
        currency="EUR",
        rates=tuple(Rate(currency=c, since=s, rate=r) for c, s, r in _RATES),
        value=Value(kind="recurring"),
        base=CustomerBase(lost="subscription ends", active_days=30),
        metric="nps",
        dimensions=(
            Dimension(name="region", title="Region"),
            Dimension(name="plan", title="Plan"),
            Dimension(name="product", title="Product", of="signal"),
            Dimension(name="version", title="Version", of="signal"),
            Dimension(name="device", title="Device", of="signal"),
            Dimension(name="segment", title="Kind of bakery"),
            Dimension(name="language", title="Language"),
        ),
        stages=STAGES,
        indicators=(*INDICATORS, *PLANTED) if planted else INDICATORS,
        improvements=IMPROVEMENTS,
        changes=CHANGES,
    )
