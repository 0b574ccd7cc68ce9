"""Options of one table, one a row: value, chance and cost as ranges, what needs what, what excludes what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from regard.errors import BadInput, Refusal, UnknownName
from regard.findings import Caution
from regard.sources.naming import plain
from regard.statistics.appraisal import Option
from regard.statistics.portfolios import Rules, cycle
from regard.statistics.ranges import chances, ranged, record_of
from regard.wording import listed, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.statistics.ranges import Range
    from regard.trying.columns import Columns

    Floats = NDArray[np.float64]

NAME = ("option", "name", "project", "improvement", "idea", "initiative", "feature", "epic", "title", "what")
VALUE = ("value", "benefit", "impact", "gain", "revenue", "return", "saving", "worth")
COST = ("cost", "effort", "budget", "price", "size", "days", "spend")
CHANCE = ("chance", "probability", "confidence", "success", "p")
NEEDS = ("needs", "depends on", "depends", "requires", "after", "dependency", "dependencies")
APART = ("instead of", "excludes", "exclusive", "conflicts", "either or")
MENTIONS = ("mentions", "votes", "requests", "tickets", "voices", "complaints")
WEIGHT = ("weight", "strategic weight", "strategic")
ENDS = (
    ("low", "min", "least", "worst", "pessimistic", "p10", "lower"),
    ("high", "max", "most", "best", "optimistic", "p90", "upper"),
)
POINT = {"value": (0.5, 1.6), "cost": (0.8, 1.6)}
"""What a single point is widened to: benefits are hoped for, costs overrun."""
CHANCES = (0.2, 0.15)
"""How far a single chance is widened below and above, as far as 0 and 1 allow."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """Columns as options name them; empty ones are guessed or done without."""

    option: str
    value: tuple[str, ...]
    chance: tuple[str, ...]
    cost: tuple[str, ...]
    needs: str
    excludes: str
    mentions: str
    weight: str
    ends: Literal["tenths", "ends"]
    launches: str


@dataclass(frozen=True, kw_only=True)
class Read:
    """The options, in the order of their names, whatever the order of the rows.

    Attributes:
        options: Their ranges.
        rules: What sets are allowed, without the budget.
        points: The likely value, chance and cost of each, shape (3, options).
        mentions: How often each was asked for; None where nobody counted.
        weights: Strategic weights.
        cautions: What was assumed.
    """

    options: tuple[Option, ...]
    rules: Rules
    points: Floats
    mentions: Floats | None
    weights: Floats
    cautions: tuple[Caution, ...]

    def needs(self, n: int) -> list[int]:
        """What an option cannot do without."""
        return self._linked[0].get(n, [])

    def apart(self, n: int) -> list[int]:
        """What an option excludes."""
        return self._linked[1].get(n, [])

    @cached_property
    def _linked(self) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
        needs: dict[int, list[int]] = {}
        apart: dict[int, list[int]] = {}
        for i, j in self.rules.needs:
            needs.setdefault(i, []).append(j)
        for group in self.rules.excludes:
            for i in group:
                apart.setdefault(i, []).extend(j for j in group if j != i)
        return needs, apart


def options_from(data: Columns, named: Named) -> Read:
    """Read the options of a table.

    Raises:
        UnknownName: A column or an option needed is not there; the nearest are suggested.
        BadInput: A number cannot be meant: a cost below zero, a chance over one, low above high, a circle of needs.
        Refusal: No row has a name, a value and a cost.
    """
    name = named.option or data.guess("option", NAME, "text")
    columns = {"value": _three(data, named.value, "value", VALUE, (name,))}
    columns["cost"] = _three(data, named.cost, "cost", COST, (name, *columns["value"]))
    used = (name, *columns["value"], *columns["cost"])
    columns["chance"] = _three(data, named.chance, "chance", CHANCE, used, needed=False)
    used += columns["chance"]
    names = data.text(name)
    given = {what: np.column_stack([data.numbers(c) for c in c3]) for what, c3 in columns.items() if c3}
    full = np.isfinite(given["value"]).all(axis=1) & np.isfinite(given["cost"]).all(axis=1)
    full &= np.array([bool(n) for n in names])
    if not full.any():
        raise Refusal(
            "No option has a name, a value and a cost.",
            hint="Fill in what each would bring and cost, as low, likely, high.",
        )
    order = sorted(
        (int(i) for i in np.flatnonzero(full)), key=lambda i: (str(names[i]), *map(float, given["value"][i]))
    )
    labels = [str(names[i]) for i in order]
    twice = next((a for a, b in pairwise(labels) if a == b), "")
    if twice:
        raise BadInput(
            f"The option {twice!r} stands twice in {data.source}.", where=f"--option {name}", hint="Keep one row each."
        )
    told = [_left_out(len(names) - len(order))] if len(order) < len(names) else []
    made, points, more = _ranges(labels, {k: v[order] for k, v in given.items()}, columns, named)
    rules = _rules(data, named, labels, order, used)
    mentions, weights = _also(data, named, order, used)
    return Read(
        options=made, rules=rules, points=points, mentions=mentions, weights=weights, cautions=(*told, *more)
    )  # fmt: skip


def _left_out(n: int) -> Caution:
    return Caution(code="incomplete", text=f"{number(n)} rows without a name, a value or a cost are left out.")


def _three(
    data: Columns,
    given: tuple[str, ...],
    role: str,
    words: tuple[str, ...],
    skip: tuple[str, ...],
    *,
    needed: bool = True,
) -> tuple[str, ...]:
    """One column or three (low, likely, high), as named or as headings tell."""
    if given:
        if len(given) not in {1, 3}:
            raise BadInput(
                f"--{role} takes one column or three, not {len(given)}.", where=f"--{role}",
                hint=f"Name them low, likely, high: --{role} LOW,LIKELY,HIGH.",
            )  # fmt: skip
        return given
    free = [n for n in data.names if n not in skip]
    of = [n for n in free if set(plain(n).split()) & set(words)]
    ends = [[n for n in of if set(plain(n).split()) & set(side)] for side in ENDS]
    middle = [n for n in of if n not in ends[0] and n not in ends[1]]
    if ends[0] and middle and ends[1]:
        found = (ends[0][0], middle[0], ends[1][0])
        data.guessed[role] = ",".join(found)
        return found
    if ends[0] and ends[1]:
        low, high = ends[0][0], ends[1][0]
        raise BadInput(
            f"{low} and {high} have no likely {role} between them.", where=f"--{role}",
            hint=f"Add a column such as {role}, or name three: --{role} {low},LIKELY,{high}.",
        )  # fmt: skip
    one = data.guess(role, words, "number", skip=(*skip, *ends[0], *ends[1]), needed=needed)
    return (one,) if one else ()


def _ranges(
    labels: list[str], given: dict[str, Floats], columns: dict[str, tuple[str, ...]], named: Named
) -> tuple[tuple[Option, ...], Floats, list[Caution]]:
    told: list[Caution] = []
    for what, (low, high) in POINT.items():
        if given[what].shape[1] == 1:
            told.append(Caution(
                code=f"{what}_widened",
                text=f"No range of the {what} is given: from {number(low)} to {number(high)} times the point is "
                "assumed for eight in ten. Give low, likely and high.",
            ))  # fmt: skip
    sure, more = _chances(labels, given.get("chance"), named)
    told += more
    made = []
    for i, label in enumerate(labels):
        three = {what: _widened(what, given[what][i]) for what in POINT}
        if three["cost"][0] < 0:
            raise BadInput(
                f"The cost of {label!r} is below zero: {number(three['cost'][0])}.",
                where=f"--cost {columns['cost'][0]}",
                hint="Put what an option saves under its value, and what it costs under its cost.",
            )  # fmt: skip
        ranges = {what: _range(label, what, points, named.ends) for what, points in three.items()}
        made.append(Option(name=label, value=ranges["value"], chance=sure[i], cost=ranges["cost"]))
    mean = [c if isinstance(c, float) else c[0] / (c[0] + c[1]) for c in sure]
    likely = {what: given[what][:, given[what].shape[1] // 2] for what in POINT}
    return tuple(made), np.array([likely["value"], mean, likely["cost"]]), told


def _widened(what: str, points: Floats) -> tuple[float, float, float]:
    if len(points) == 3:
        return float(points[0]), float(points[1]), float(points[2])
    low, high = (float(points[0]) * f for f in POINT[what])
    return min(low, high), float(points[0]), max(low, high)


def _range(label: str, what: str, points: tuple[float, float, float], ends: str) -> Range:
    try:
        return ranged(*points, form="pert" if ends == "ends" and points[0] < points[2] else "")
    except ValueError as error:
        raise BadInput(
            f"The {what} of {label!r} cannot be used: {error} (low {number(points[0])}, likely {number(points[1])}, "
            f"high {number(points[2])}).",
            where=f"--{what}", hint="Correct the row, or name the columns in the order low, likely, high.",
        ) from error  # fmt: skip


def _chances(
    labels: list[str], given: Floats | None, named: Named
) -> tuple[list[tuple[float, float] | float], list[Caution]]:
    """The beta of each option's chance; from past launches, or of anything, where none is given."""
    fallback, words = _launches(named.launches)
    if given is None:
        return [fallback] * len(labels), [
            Caution(code="chance_assumed", text=f"No chance of success is given: {words}.")
        ]
    told = []
    if np.nanmax(given) > 1:
        if np.nanmax(given) > 100:
            raise BadInput("A chance is over 100 %.", where="--chance", hint="Write a half as 0.5 or as 50.")
        given = given / 100
        told.append(Caution(code="percent", text="Chances are read as percent."))
    missing: NDArray[np.bool_] = np.asarray(~np.isfinite(given).all(axis=1))
    if missing.any():
        some = listed([label for label, none in zip(labels, missing, strict=True) if none], most=4)
        told.append(Caution(code="chance_assumed", text=f"No chance is given for {some}: {words}."))
    three = np.where(missing[:, None], 0.5, _around(given[:, 0]) if given.shape[1] == 1 else given)
    odd = ~((three[:, 0] >= 0) & (np.diff(three, axis=1) >= 0).all(axis=1) & (three[:, 2] <= 1))
    if odd.any():
        row = int(np.argmax(odd))
        points = listed([number(float(v)) for v in three[row]])
        raise BadInput(
            f"The chance of {labels[row]!r} cannot be used: {points}.", where="--chance",
            hint="A chance lies between 0 and 1, low before likely before high.",
        )  # fmt: skip
    a, b = chances(*three.T)
    found: list[tuple[float, float] | float] = [
        fallback if none else (float(x), float(y)) if x else float(row[1])
        for none, x, y, row in zip(missing, a, b, three, strict=True)
    ]
    if given.shape[1] == 1:
        down, up = (round(100 * w) for w in CHANCES)
        text = f"No range of the chance is given: {down} points less to {up} more is assumed for eight in ten."
        told.append(Caution(code="chance_widened", text=text))
    return found, told


def _around(p: Floats) -> Floats:
    """A single chance widened, unless it is sure."""
    sure = (p <= 0) | (p >= 1)
    low, high = np.maximum(p - CHANCES[0], 0.0), np.minimum(p + CHANCES[1], 1.0)
    return np.column_stack([np.where(sure, p, low), p, np.where(sure, p, high)])


def _launches(text: str) -> tuple[tuple[float, float], str]:
    if not text:
        how = "any is taken as likely as any other (say what past launches achieved: --launches 12/20)"
        return (1.0, 1.0), how
    try:
        return record_of(text), f"that of past launches is taken, {text}"
    except ValueError as error:
        raise BadInput(
            f"{text!r} is no record of launches.", where="--launches", hint="Write WORKED/TRIED, such as 12/20."
        ) from error


def _rules(data: Columns, named: Named, labels: list[str], order: list[int], used: tuple[str, ...]) -> Rules:
    at = {label.casefold(): i for i, label in enumerate(labels)}

    def pairs(column: str) -> tuple[tuple[int, int], ...]:
        if not column:
            return ()
        texts = data.text(column)
        found = []
        for i, row in enumerate(order):
            for other in re.split(r"[;,|]", texts[row] or ""):
                if not other.strip():
                    continue
                if other.strip().casefold() not in at:
                    raise UnknownName("option", other.strip(), labels, where=f"{column} of {labels[i]}")
                found.append((i, at[other.strip().casefold()]))
        return tuple(found)

    needs = pairs(named.needs or data.guess("needs", NEEDS, "text", skip=used, needed=False))
    apart = pairs(named.excludes or data.guess("excludes", APART, "text", skip=used, needed=False))
    circle = cycle(needs, len(labels))
    if circle:
        told = " needs ".join(labels[i] for i in (*circle, circle[0]))
        raise BadInput(f"Options need each other in a circle: {told}.", where="--needs", hint="Drop one of the needs.")
    return Rules(needs=needs, excludes=apart)


def _also(data: Columns, named: Named, order: list[int], used: tuple[str, ...]) -> tuple[Floats | None, Floats]:
    mentions = named.mentions or data.guess("mentions", MENTIONS, "number", skip=used, needed=False)
    if not named.mentions and mentions and not set(plain(mentions).split()) & set(MENTIONS):
        mentions = ""
    weight = named.weight or data.guess("weight", WEIGHT, "number", skip=used, needed=False)
    weights = np.ones(len(order)) if not weight else np.nan_to_num(data.numbers(weight)[order], nan=1.0)
    if (weights <= 0).any():
        raise BadInput(
            "A strategic weight is not above zero.", where=f"--weight {weight}", hint="1 is neutral, 2 counts twice."
        )
    return (np.nan_to_num(data.numbers(mentions)[order]) if mentions else None), weights


NAMED = 12
"""Options named in one sentence."""


def names_of(options: tuple[Option, ...], chosen: NDArray[np.bool_]) -> str:
    """The chosen ones as words; of many the first, and how many more."""
    return listed([options[i].name for i in np.flatnonzero(chosen)], most=NAMED) or "nothing"
