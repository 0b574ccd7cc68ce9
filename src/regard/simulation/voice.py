"""What customers say when asked and unasked: scores that follow the facts, verbatims that follow the scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regard.simulation import company
from regard.simulation.columns import DAY, happened, join, pick, table, text
from regard.simulation.help import call_keys
from regard.simulation.loyalty import LEVEL
from regard.simulation.truth import DRIVERS, IMPROVEMENTS, PARTS, WINDOW, driver_effects
from regard.simulation.words import BECAUSE, CAUSES, CLOSERS, MOODS, OPENERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.simulation.almanac import Almanac
    from regard.simulation.help import Calls
    from regard.simulation.money import Parcels
    from regard.simulation.people import Bakeries, Staff
    from regard.simulation.usage import Events

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

FACTS = tuple(driver.name for driver in DRIVERS)


@dataclass(kw_only=True)
class Lived:
    """What a block lived through, for looking back from any moment."""

    bakeries: Bakeries
    parcels: Parcels
    calls: Calls
    events: Events
    messages: tuple[Ints, Ints]
    almanac: Almanac

    def facts(self, account: Ints, at: Ints) -> Floats:
        """The facts of the 90 days before each moment, as FACTS counts them: rows × facts."""
        back = WINDOW * DAY

        def count(rows: Ints, times: Ints) -> Ints:
            return happened(rows, times, who=account, at=at, back=back)

        late, slow, again = self.parcels.late, self.calls.slow, self.calls.reopened > 0
        known = self.events.account >= 0
        wrong, seen = known & self.events.failed, self.events.named("croissant_forecast_viewed")
        total = count(self.events.account[known], self.events.at[known])
        failed = count(self.events.account[wrong], self.events.at[wrong])
        raised = np.where(self.bakeries.raise_day > self.bakeries.start, self.bakeries.raise_day, -9999.0)[account]
        ago = at - self.almanac.at(raised)
        found = {
            "late_delivery": count(self.parcels.account[late], self.parcels.due[late]) > 0,
            "slow_answer": count(self.calls.account[slow], self.calls.due[slow]) > 0,
            "reopened": count(self.calls.account[again], self.calls.solved[again]) > 0,
            "errors": np.minimum(100.0 * failed / np.maximum(total, 1), 15.0),
            "price_rise": (ago > 0) & (ago <= back),
            "forecast": count(self.events.account[seen], self.events.at[seen]) > 0,
            "quick_start": self._quick()[account] & (at > self.almanac.at(self.bakeries.start[account] + 7)),
            "messages": count(*self.messages),
        }
        return np.stack([np.asarray(found[name], dtype=float) for name in FACTS], axis=1)

    def _quick(self) -> NDArray[np.bool_]:
        """Which accounts baked a first batch within seven days of their start."""
        chosen = self.events.named("first_batch_baked")
        account = self.events.account[chosen]
        soon = self.events.at[chosen] <= self.almanac.at(self.bakeries.start[account] + 7)
        quick = np.zeros(len(self.bakeries), dtype=bool)
        quick[account[soon]] = True
        return quick


@dataclass(kw_only=True)
class Felt:
    """What somebody feels at a moment: latent parts (rows × parts), latent score, and points by fact."""

    parts: Floats
    score: Floats
    points: Floats


def feel(rng: np.random.Generator, lived: Lived, account: Ints, at: Ints, temper: Floats) -> Felt:
    """Parts from facts, a mood on the day that colours all parts, and the score from parts: the truth itself."""
    rows = len(account)
    facts = lived.facts(account, at)
    names = [part.name for part in PARTS]
    parts = np.array([part.mean for part in PARTS]) + rng.normal(0, 0.5, (rows, len(PARTS)))
    parts += rng.normal(0, 0.3, (rows, 1))
    direct = np.zeros(rows)
    for column, driver in enumerate(DRIVERS):
        if driver.part:
            parts[:, names.index(driver.part)] += driver.on_part * facts[:, column]
        direct += driver.direct * facts[:, column]
    gain = (parts - [part.mean for part in PARTS]) @ np.array([part.weight for part in PARTS])
    score = LEVEL + lived.bakeries.temper[account] + temper + gain + direct + _improved(lived, account, at)
    effect = np.array([driver_effects()[name] for name in FACTS])
    return Felt(parts=parts, score=score + rng.normal(0, 0.8, rows), points=facts * effect)


def _improved(lived: Lived, account: Ints, at: Ints) -> Floats:
    """Points from improvements that act on the score itself."""
    points = np.zeros(len(account))
    for done in IMPROVEMENTS:
        if done.target == "score" and done.effect:
            reached = lived.bakeries.product[account] == company.PRODUCTS.index(done.where["product"])
            points += done.effect * (reached & (at >= lived.almanac.since + done.day * DAY))
    return points


def say(rng: np.random.Generator, language: Ints, score: Floats, points: Floats) -> pa.Array:
    """A verbatim that fits the score (0 to 10) and what stands behind it: an opening, a reason, a close."""
    mood = np.where(score <= 6, 0, np.where(score <= 8, 1, 2))
    worst, best = points.argmin(axis=1), points.argmax(axis=1)
    rows = np.arange(len(score))
    sad = (mood < 2) & (points[rows, worst] < -0.3)
    glad = (mood > 0) & ~sad & (points[rows, best] > 0.15) & (rng.random(len(score)) < 0.7)
    fact = np.where(sad, worst, best)
    spoken = np.array([CAUSES.index(name) if name in CAUSES else CAUSES.index("nothing") for name in FACTS])
    plain = np.where(mood == 0, CAUSES.index("grudge"), CAUSES.index("nothing"))
    cause = np.where(sad | glad, spoken[fact], plain)
    opening = OPENERS.pick(language * len(MOODS) + mood, rng)
    because = BECAUSE.pick(language * len(CAUSES) + cause, rng)
    close = CLOSERS.pick(language * len(MOODS) + mood, rng)
    shape = rng.random(len(score))
    said = join(opening, because, close, between=" ")
    short = pc.if_else(pa.array(shape < 0.25), because, join(opening, because, between=" "))
    return pc.utf8_trim_whitespace(pc.if_else(pa.array(shape < 0.55), said, short))


@dataclass(kw_only=True)
class Response:
    """Answered surveys: one entry each."""

    account: Ints
    person: Ints
    asked: Ints
    at: Ints
    wave: Ints


def draw_relationship(rng: np.random.Generator, bakeries: Bakeries, staff: Staff, almanac: Almanac) -> Response:
    """Twice a year every person is asked; two in five answer, some days later."""
    first = np.maximum(bakeries.start[staff.account], 0.0) + rng.uniform(20, 190, len(staff.account))
    day = first[:, None] + 182.0 * np.arange(4)[None, :]
    answers = rng.random(day.shape) < np.array([0.46, 0.36, 0.3])[staff.role][:, None]
    person, wave = np.nonzero(answers & (day < company.DAYS - 0.5))
    asked = almanac.at(np.floor(day[person, wave])) + 9 * DAY // 24
    at = asked + (rng.exponential(1.3, len(person)) * DAY).astype(np.int64)
    account = staff.account[person]
    there = bakeries.alive(account, day[person, wave]) & (at < almanac.until)
    return Response(account=account[there], person=person[there], asked=asked[there], at=at[there], wave=wave[there])


def relationship(rng: np.random.Generator, lived: Lived, staff: Staff, given: Response) -> tuple[pa.Table, Floats]:
    """The NPS survey: the whole, and the parts asked this time; delivery only of those who had one lately.

    Beside the answers, what each fact put on or took off each score: responses × FACTS.
    """
    felt = feel(rng, lived, given.account, given.at, staff.temper[given.person])
    rows = len(given.at)
    score = np.clip(np.round(felt.score), 0, 10)
    asked = rng.random((rows, len(PARTS))) < 0.5
    asked[:, 2] = (
        happened(lived.parcels.account, lived.parcels.due, who=given.account, at=given.at, back=WINDOW * DAY) > 0
    )
    response, part = np.nonzero(asked)
    row = np.concatenate((np.arange(rows), response))
    rated = np.clip(np.round(felt.parts[response, part]), 1, 5)
    speaks = rng.random(rows) < np.where(score <= 6, 0.8, np.where(score >= 9, 0.55, 0.4))
    spoken = say(rng, lived.bakeries.language[given.account], score, felt.points)
    whole = np.arange(len(row)) < rows
    place = np.concatenate((np.full(rows, -1), part))
    told = _answers(
        "How is it rising", lived.bakeries, staff, given, row=row,
        columns={
            "metric": pick(("nps", "rating"), (~whole).astype(int)),
            "part": pick(["", *(p.name for p in PARTS)], place + 1),
            "score": np.concatenate((score, rated)),
            "scale_min": np.where(whole, 0.0, 1.0),
            "scale_max": np.where(whole, 10.0, 5.0),
            "verbatim": pick(spoken, row, whole & speaks[row]),
            "channel": text("email", len(row)),
        },
        place=place,
    )  # fmt: skip
    return told, felt.points


def _answers(
    survey: str,
    bakeries: Bakeries,
    staff: Staff,
    given: Response,
    *,
    row: Ints,
    columns: dict[str, object],
    place: Ints,
) -> pa.Table:
    """Rows of answers of one survey; `row` says which response each belongs to, `place` which part (-1: the whole)."""
    response = join(survey[:3], "-", pick(staff.key, given.person), "-", given.wave)
    shared = {
        "key": join(pick(response, row), place + 1, between="/"),
        "occurred_at": given.at[row],
        "person": pick(staff.key, given.person[row]),
        "account": pick(bakeries.key, given.account[row]),
        "survey": text(survey, len(row)),
        "response": pick(response, row),
        "asked_at": given.asked[row],
    }
    return table("answer", shared | columns)


def after_contact(rng: np.random.Generator, lived: Lived, staff: Staff) -> pa.Table:
    """CSAT, 1 to 5, of one solved contact in three: late answers and reopened tickets cost most."""
    calls, almanac = lived.calls, lived.almanac
    chosen = np.flatnonzero((calls.solved < almanac.until - DAY) & (rng.random(len(calls.at)) < 0.36))
    account = calls.account[chosen]
    at = calls.solved[chosen] + (rng.exponential(0.25, len(chosen)) * DAY).astype(np.int64)
    given = Response(
        account=account, person=staff.somebody(account, rng), asked=calls.solved[chosen], at=at, wave=chosen
    )
    points = np.stack((-1.3 * calls.slow[chosen], -0.9 * (calls.reopened[chosen] > 0)), axis=1)
    latent = 4.45 + 0.3 * lived.bakeries.temper[account] + points.sum(axis=1) + rng.normal(0, 0.7, len(chosen))
    score = np.clip(np.round(latent), 1, 5)
    facts = np.zeros((len(chosen), len(FACTS)))
    facts[:, FACTS.index("slow_answer")] = points[:, 0]
    facts[:, FACTS.index("reopened")] = points[:, 1]
    spoken = say(rng, lived.bakeries.language[account], score * 2, facts)
    rows = len(chosen)
    return _answers(
        "After we answered", lived.bakeries, staff, given, row=np.arange(rows),
        columns={
            "metric": text("csat", rows),
            "part": text("", rows),
            "score": score,
            "scale_min": np.full(rows, 1.0),
            "scale_max": np.full(rows, 5.0),
            "verbatim": pick(spoken, np.arange(rows), rng.random(rows) < np.where(score <= 3, 0.6, 0.3)),
            "about": pick(call_keys(lived.bakeries, calls), chosen),
            "channel": text("link", rows),
        },
        place=np.full(rows, -1),
    )  # fmt: skip


def after_start(rng: np.random.Generator, lived: Lived, staff: Staff) -> pa.Table:
    """CES, 1 (hard) to 7 (easy), some days after the first batch."""
    baked = lived.events.named("first_batch_baked")
    account, when = lived.events.account[baked], lived.events.at[baked]
    keep = (rng.random(len(account)) < 0.55) & (when < lived.almanac.until - 6 * DAY)
    account, when = account[keep], when[keep]
    at = when + 2 * DAY + (rng.exponential(0.7, len(account)) * DAY).astype(np.int64)
    facts = lived.facts(account, at)
    quick = when <= lived.almanac.at(lived.bakeries.start[account] + 7)
    latent = 5.0 + 0.9 * quick - 0.12 * facts[:, FACTS.index("errors")] + 0.4 * lived.bakeries.temper[account]
    score = np.clip(np.round(latent + rng.normal(0, 0.9, len(account))), 1, 7)
    rows = len(account)
    given = Response(
        account=account, person=staff.first[account], asked=when + 2 * DAY, at=at, wave=np.zeros(rows, dtype=np.int64)
    )
    return _answers(
        "After the first batch", lived.bakeries, staff, given, row=np.arange(rows),
        columns={
            "metric": text("ces", rows),
            "part": text("", rows),
            "score": score,
            "scale_min": np.full(rows, 1.0),
            "scale_max": np.full(rows, 7.0),
            "channel": text("in app", rows),
        },
        place=np.full(rows, -1),
    )  # fmt: skip


def reviews(rng: np.random.Generator, lived: Lived, staff: Staff) -> pa.Table:
    """Public reviews: one bakery in eight, sooner where things went very well or badly."""
    bakeries, almanac = lived.bakeries, lived.almanac
    account = np.flatnonzero(bakeries.signs & (rng.random(len(bakeries)) < 0.125))
    day = np.maximum(bakeries.start[account], 0) + 25 + rng.uniform(0, 300, len(account))
    there = bakeries.alive(account, day) & (day < company.DAYS - 1)
    account, at = account[there], almanac.at(day[there])
    felt = feel(rng, lived, account, at, np.zeros(len(account)))
    stars = np.clip(np.round(1.0 + (felt.score - 2.0) / 1.9 + rng.normal(0, 0.3, len(account))), 1, 5)
    titles = ("Flat", "A bit dense", "A fair crumb", "Risen nicely", "Golden")
    rows = len(account)
    return table(
        "review",
        {
            "key": join("R-", pick(bakeries.key, account)),
            "occurred_at": at,
            "person": pick(staff.key, staff.first[account]),
            "account": pick(bakeries.key, account),
            "metric": text("stars", rows),
            "score": stars,
            "scale_min": np.full(rows, 1.0),
            "scale_max": np.full(rows, 5.0),
            "subject": pick(titles, stars - 1),
            "verbatim": say(rng, bakeries.language[account], stars * 2, felt.points),
            "channel": pick(("KneadBoard", "The Daily Crust"), rng.integers(0, 2, rows)),
        },
    )
