"""Declared improvements: checked, tied to the drivers they move, and drawn with their doubt."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta
from scipy import special

from regard.errors import BadInput, UnknownName
from regard.leadership.at_stake import DRAWS, Stakes
from regard.statistics.appraisal import by_points
from regard.statistics.portfolios import Rules, Worth, cycle
from regard.statistics.ranges import Range, chance, ranged, record_of, uniforms
from regard.wording import listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.signals.ask import Ask
    from regard.signals.declarations import Improvement, Moment

    Floats = NDArray[np.float64]


class LeftRow(msgspec.Struct, frozen=True, kw_only=True):
    """An improvement that could not be weighed."""

    improvement: Annotated[str, Meta(description="What could be done.")]
    why: Annotated[str, Meta(description="Why not.")] = ""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Improvements in draws."""

    improvements: tuple[Improvement, ...]
    moves: tuple[tuple[int, ...], ...]
    worth: Worth
    luck: Worth
    chance: Floats
    inputs: dict[str, Floats]
    left: tuple[LeftRow, ...]


def checked(declared: tuple[Improvement, ...]) -> None:
    """Names that are needed exist, are used once, and do not need each other in a circle.

    Raises:
        UnknownName: A needed or excluded improvement is not declared.
        BadInput: A name twice, a circle, a number that is none.
    """
    names = [i.name for i in declared]
    twice = next((n for n in names if names.count(n) > 1), "")
    if twice:
        raise BadInput(f"The improvement {twice!r} is declared twice.", where="improvements", hint="Name each once.")
    for i in declared:
        for other in (*i.needs, *i.instead_of):
            if other not in names:
                raise UnknownName("improvement", other, names, where=f"improvements: {i.name}")
        if i.cost and min(i.cost) < 0:
            raise BadInput(
                f"The cost of {i.name!r} is below zero.", where="improvements",
                hint="Put what it saves under value, and what it costs under cost.",
            )  # fmt: skip
    circle = cycle(_needs(declared), len(declared))
    if circle:
        told = " needs ".join(names[i] for i in (*circle, circle[0]))
        raise BadInput(
            f"Improvements need each other in a circle: {told}.", where="improvements", hint="Drop one need."
        )


def _needs(improvements: tuple[Improvement, ...]) -> tuple[tuple[int, int], ...]:
    at = {i.name: n for n, i in enumerate(improvements)}
    return tuple((at[i.name], at[other]) for i in improvements for other in i.needs if other in at)


def rules(improvements: tuple[Improvement, ...], budget: float | None) -> Rules:
    """What sets of improvements are allowed."""
    at = {i.name: n for n, i in enumerate(improvements)}
    apart = tuple((at[i.name], at[o]) for i in improvements for o in i.instead_of if o in at)
    return Rules(budget=np.inf if budget is None else budget, needs=_needs(improvements), excludes=apart)


def _points(given: tuple[float, ...], where: str, name: str) -> tuple[float, float, float]:
    if len(given) == 1:
        return given[0], given[0], given[0]
    if len(given) != 3 or sorted(given) != list(given):
        raise BadInput(
            f"The {where} of {name!r} is neither one number nor low, likely, high in that order.",
            where="improvements", hint=f"Write {where} = [LOW, LIKELY, HIGH].",
        )  # fmt: skip
    return given[0], given[1], given[2]


def options_of(
    ask: Ask, held: Stakes, declared: tuple[Improvement, ...], *, years: float, unknown: tuple[float, float]
) -> Options:
    """The improvements that can be weighed, in draws; the others with the reason why not."""
    kept, moves, left = [], [], []
    for i in declared:
        places, why = _moved(ask, held, i)
        if why:
            left.append(LeftRow(improvement=i.name, why=why))
            continue
        kept.append(i)
        moves.append(places)
    gone = {row.improvement for row in left}
    while missing := [i for i in kept if gone & set(i.needs)]:
        left += [LeftRow(improvement=i.name, why=f"it needs {listed(sorted(gone & set(i.needs)))}") for i in missing]
        gone |= {i.name for i in missing}
        moves = [m for m, i in zip(moves, kept, strict=True) if i not in missing]
        kept = [i for i in kept if i not in missing]
    return _drawn(ask, held, tuple(kept), tuple(moves), left=tuple(left), years=years, unknown=unknown)


def _moved(ask: Ask, held: Stakes, improvement: Improvement) -> tuple[tuple[int, ...], str]:
    """Which drivers it moves, or why it cannot be weighed."""
    if not improvement.cost:
        return (), "its cost is not declared"
    if not improvement.moves and not improvement.value:
        return (), "neither what it moves nor what it brings is declared"
    known: dict[str, tuple[int, ...]] = _places(ask, held)
    for n, s in enumerate(held.stakes):
        known |= {s.name.casefold(): (n,), s.title.casefold(): (n,)}
    places: list[int] = []
    for name in improvement.moves:
        if name.casefold() not in known:
            titles = [s.title for s in held.stakes]
            near = difflib.get_close_matches(name, titles, n=2, cutoff=0.5)
            more = f"; did you mean {listed(near, last='or')}?" if near else ""
            return (), f"{name} could not be weighed as a driver{more}"
        if not known[name.casefold()]:
            return (), f"no driver of {name} stands beyond chance"
        places += known[name.casefold()]
    return tuple(dict.fromkeys(places)), ""


def _places(ask: Ask, held: Stakes) -> dict[str, tuple[int, ...]]:
    """Stages and moments of the journey, with the drivers that stand there beyond chance."""
    found: dict[str, tuple[int, ...]] = {}
    for stage in ask.declarations.stages:
        whole: list[int] = []
        for moment in stage.moments:
            own = [n for n, s in enumerate(held.stakes) if s.key and _at(moment, s.name)]
            found[moment.name.casefold()] = tuple(own)
            whole += own
        found[stage.name.casefold()] = tuple(dict.fromkeys(whole))
    return found


def _at(moment: Moment, fact: str) -> bool:
    """Whether a fact is one of this moment: its promises, its events, how soon it came, and help where it is asked."""
    sort, _, of = fact.partition(":")
    if sort in {"broken", "overdue"}:
        return of in moment.promises
    if sort == "quick":
        return of == moment.name
    if sort == "did":
        return of in moment.events
    return "contact" in moment.kinds and sort in {"reopened", "waited", "solving", "handed", "asked_for_help"}


def _drawn(
    ask: Ask, held: Stakes, kept: tuple[Improvement, ...], moves: tuple[tuple[int, ...], ...],
    *,
    left: tuple[LeftRow, ...], years: float, unknown: tuple[float, float],
) -> Options:  # fmt: skip
    rng = np.random.default_rng(ask.seed + 1)
    k = len(kept)
    p = {what: uniforms(DRAWS, k, together=0.0, rng=rng) for what in ("value", "cost", "share", "chance")}
    value, cost, share, works = (np.zeros((DRAWS, k)) for _ in range(4))
    by_score = any(not held.stakes[d].direct for m in moves for d in m)
    inputs: dict[str, Floats] = {"How losses go with the score": held.doubt} if by_score else {}
    for n, i in enumerate(kept):
        value[:, n] = years * _range(i.value, "value", i.name).at(p["value"][:, n]) if i.value else 0.0
        cost[:, n] = _range(i.cost, "cost", i.name).at(p["cost"][:, n])
        share[:, n] = _share(i.share, "share", i.name, p["share"][:, n])
        works[:, n] = (
            _share(i.chance, "chance", i.name, p["chance"][:, n])
            if i.chance
            else special.betaincinv(*unknown, p["chance"][:, n])
        )
        inputs |= {
            f"Chance of {i.name}": works[:, n], f"Cost of {i.name}": cost[:, n],
            f"Value of {i.name}": value[:, n] if i.value else share[:, n],
        }  # fmt: skip
    among = tuple(sorted({d for m in moves for d in m}))
    inputs |= {f"How many more are lost with: {held.stakes[d].title}": held.stakes[d].log for d in among}
    pots = held.pots(among) if among else np.zeros((DRAWS, 0))
    part = np.zeros((DRAWS, k, len(among)))
    for n, m in enumerate(moves):
        for d in m:
            part[:, n, among.index(d)] = share[:, n]
    lucky = rng.random((DRAWS, k)) < works
    return Options(
        improvements=kept, moves=moves, chance=works, inputs=inputs, left=left,
        worth=Worth(value=value * works, cost=cost, pots=years * pots, part=part * works[:, :, None]),
        luck=Worth(value=value * lucky, cost=cost, pots=years * pots, part=part * lucky[:, :, None]),
    )  # fmt: skip


def _range(given: tuple[float, ...], where: str, name: str) -> Range:
    low, likely, high = _points(given, where, name)
    return ranged(low, likely, high)


def launched(text: str) -> tuple[float, float]:
    """The beta of a chance nobody stated: of past launches, WORKED/TRIED; any chance is as likely as any other without.

    Raises:
        BadInput: It is no such record.
    """
    if not text:
        return 1.0, 1.0
    try:
        return record_of(text)
    except ValueError as error:
        raise BadInput(
            f"{text!r} is no record of launches.", where="launches", hint="Write WORKED/TRIED, such as 12/20."
        ) from error


def _share(given: tuple[float, ...], where: str, name: str, p: Floats) -> Floats:
    low, likely, high = _points(given, where, name)
    try:
        a, b = chance(low, likely, high)
    except ValueError as error:
        raise BadInput(
            f"The {where} of {name!r} lies outside 0 to 1.", where="improvements", hint="Write a half as 0.5."
        ) from error
    return np.full(len(p), likely) if not a else np.asarray(special.betaincinv(a, b, p), np.float64)


def lists(held: Stakes, options: Options) -> dict[str, Floats]:
    """What teams would rank by: RICE and WSJF of single points, and the most customers concerned."""
    alone = Worth(
        value=options.worth.value, cost=np.zeros_like(options.worth.cost), pots=options.worth.pots,
        part=options.worth.part,
    ).alone().mean(axis=0)  # fmt: skip
    sure = options.chance.mean(axis=0)
    found = by_points(alone / np.maximum(sure, 1e-9), sure, options.worth.cost.mean(axis=0))
    named = [held.concerned(m) for m in options.moves]
    return found | {"mentions": np.array(named, float)}
