"""What of the log is an article, a contact, and looking for help, by name; views, and what they are held against."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from regard.errors import BadInput, UnknownName
from regard.journey.stepnames import several
from regard.periods import parse_span
from regard.statistics.estimates import Estimate
from regard.statistics.proportions import difference, share
from regard.steps.columns import codes_of
from regard.steps.occasions import Occasions, occasions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regard.signals.ask import Ask
    from regard.signals.declarations import Declarations
    from regard.signals.stepscope import Stepped
    from regard.statistics.estimates import Floats
    from regard.steps.columns import Steps, Whole

TOLD = {"asked-anyway": "Read, and asked all the same:", "did-not-ask": "Read, and did not ask:"}
"""The customers behind a row, for customers/list."""
ARTICLE = (r"article|faq|knowledge", r"\bkb\b|\bdocs?\b|\bguide\b|\btutorial\b|\bhow ?to\b|help (page|cent)")
GOODS = r"cart|basket|order|purchas|bought|product|checkout|wish|add"
"""An article with these beside it is one that is sold."""
NEED = r"help|support|faq search|contact (page|form)"
NAMING = ("article", "article_id", "article_title", "page", "doc", "topic", "slug", "url")
"""Dimensions of signals that name the article, in the order they are taken."""
WEEK = 7 * 86_400_000_000
TOGETHER = (1, 4, 13, 0)
"""Weeks taken together to find others alike, the fewest first; 0 for all."""
NEARLY = 0.95
"""Share of views that must have others alike."""
BANDS = 4
LEAST = 10
DRAWN = 60_000
"""Most occasions compared with; of more, those of some customers are, whole customers each."""


def plain(name: str) -> str:
    """A step's name in small words: ArticleRead and article_read are one."""
    return re.sub(r"[^a-z0-9]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()).strip()


def contacts_of(names: Sequence[str]) -> tuple[str, ...]:
    """Steps that are contacts."""
    return tuple(n for n in names if n == "contact" or n.startswith("contact: "))


def articles_of(names: Sequence[str]) -> tuple[str, ...]:
    """Steps that by their name are an article seen: surely so where any is, else help pages and guides."""
    for pattern in ARTICLE:
        found = [n for n in names if re.search(pattern, plain(n)) and not re.search(GOODS, plain(n))]
        if found := [n for n in found if ": " not in n and not re.search("search", plain(n))]:
            return tuple(found)
    return ()


def looking(names: Sequence[str], articles: Sequence[str]) -> tuple[str, ...]:
    """Steps that by their name are looking for help, without an article in them."""
    able = [n for n in names if n not in set(articles) and ": " not in n and n != "contact"]
    return tuple(n for n in able if re.search(NEED, plain(n)))


def naming(declared: Declarations, named: str) -> str:
    """The dimension that names the article: the one given, else one of signals that is called so; empty for none.

    Raises:
        UnknownName: The one given is not declared.
    """
    known = {d.name: d for d in declared.dimensions}
    if named and named not in known:
        raise UnknownName("dimension", named, known, where="named_by")
    guess = next((n for n in NAMING if n in known and known[n].of == "signal"), "")
    return named or guess


def told_apart(stepped: Stepped, articles: Sequence[str], dimension: str) -> tuple[Stepped, tuple[str, ...]]:
    """The same steps with each article called by its label; those without one keep the step's name.

    Raises:
        BadInput: More articles than can be told apart.
    """
    if not dimension or not stepped.steps:
        return stepped, tuple(articles)
    names, values = stepped.steps[0].names, stepped.steps[0].labels[dimension].values
    taken = set(names)
    called = [v if v not in taken else f"{dimension}: {v}" for v in values[1:]]
    if len(names) + len(called) > np.iinfo(np.uint16).max:
        raise BadInput(f"{dimension} has more values than articles can be told apart by.", where="named_by",
                       hint="Name a dimension with fewer, or none.")  # fmt: skip

    def coded(each: Steps) -> Steps:
        mine, label = codes_of(names, articles)[each.codes], each.labels[dimension].codes
        codes = np.where(mine & (label > 0), len(names) + label.astype(np.int64) - 1, each.codes).astype(np.uint16)
        return replace(each, codes=codes, names=(*names, *called), address=None, elsewhere=None)

    return replace(stepped, steps=tuple(coded(s) for s in stepped.steps)), (*articles, *called)


def heard_until(stepped: Stepped, contacts: Sequence[str]) -> tuple[int, int]:
    """Until when contacts are known, and the log's end: a log whose contacts were brought in last month knows no more.

    Contacts are taken for known to the end, unless nothing came for longer at the end than 30 of their usual gaps.
    """
    end = stepped.now.end or 0
    times = np.sort(np.concatenate([np.zeros(0, np.int64), *(_times(s, contacts) for s in stepped.steps)]))
    times = times[times <= end]
    if len(times) < LEAST:
        return end, end
    usual = max(int(np.mean(np.diff(times[-1000:]))), 1)
    return (int(times[-1]) if end - int(times[-1]) > 30 * usual else end), end


def beside(
    stepped: Stepped, names: Sequence[str], *, contacts: Sequence[str], articles: Sequence[str], within: int,
    end: int, seed: int,
) -> Occasions:  # fmt: skip
    """Occasions of other steps without an article around them, those whose time is over.

    Args:
        stepped: The steps.
        names: Steps that are such occasions.
        contacts: What may come.
        articles: What must not.
        within: Microseconds.
        end: Until when contacts are known.
        seed: Of the draw, where there are very many.
    """
    found = occasions(stepped.steps, dict.fromkeys(names, 0), awaited=contacts, without=articles, within=within,
                      selection=replace(stepped.now, end=end))  # fmt: skip
    found = found.only(found.over)
    if len(found) > DRAWN:
        who, place = np.unique(found.customers, return_inverse=True)
        chosen = np.random.default_rng(seed).random(len(who)) < DRAWN / len(found)
        found = found.only(chosen[place.reshape(-1)])
    return found


def bands(views: Occasions) -> Floats:
    """What parts views into as many bands by how lively their customers were."""
    return np.unique(np.quantile(views.lively, np.arange(1, BANDS) / BANDS)) if len(views) else np.zeros(0)


def strata(found: Occasions, edges: Floats, weeks: int) -> Whole:
    """The weeks and the band of each occasion, as one number; so many weeks together, all of them where 0."""
    time = found.times // (weeks * WEEK) if weeks else np.zeros(len(found), np.int64)
    return time * (len(edges) + 1) + np.searchsorted(edges, found.lively, side="left")


@dataclass(frozen=True, kw_only=True)
class Held:
    """One share of views without a contact, beside the same of others made like them.

    Attributes:
        without: Share of the views after which no contact came, each customer's views as one voice.
        expected: The same of those compared with, weighted to the views' weeks and bands; none where there are too few.
        change: The difference; none where there is nothing to compare with.
        weeks: Weeks that were taken together for it; 0 for all.
    """

    without: Estimate
    expected: Estimate | None = None
    change: Estimate | None = None
    weeks: int = 0


def held(views: Occasions, edges: Floats, others: Occasions | None) -> Held:
    """Views whose time is over, beside others of the same weeks whose customers were as lively.

    Weeks are taken one by one, else four or thirteen together, else all: the first in which nearly all views have
    others like them. Assumes that customers are independent; that those who saw no article are otherwise like those who
    did is what nobody can know.

    Args:
        views: The views.
        edges: From `bands`.
        others: What they are held against; none where there is nothing.
    """
    without = share(~views.came, clusters=views.customers, least=LEAST)
    if without.refused or others is None or len(others) < LEAST:
        return Held(without=without)
    for weeks in TOGETHER:
        own, theirs = strata(views, edges, weeks), strata(others, edges, weeks)
        alike = np.isin(own, theirs)
        if alike.mean() >= NEARLY:
            break
    else:
        return Held(without=without)
    cells, size = np.unique(own[alike], return_counts=True)
    place = np.minimum(np.searchsorted(cells, theirs), len(cells) - 1)
    able = cells[place] == theirs
    weight = (size / np.bincount(place[able], minlength=len(cells)))[place[able]]
    expected = share(~others.came[able], clusters=others.customers[able], weights=weight, least=LEAST)
    like = share(~views.came[alike], clusters=views.customers[alike], least=LEAST)
    if expected.refused or like.refused:
        return Held(without=without)
    return Held(without=without, expected=expected, change=difference(like, expected), weeks=weeks)


def following(views: Occasions, names: Sequence[str], contacts: Sequence[str]) -> str:
    """What those who made contact most often did so about."""
    codes = views.code[views.came]
    if not len(codes):
        return ""
    counts = np.bincount(codes, minlength=len(names))
    first = int(np.argmax(counts))
    return names[first].removeprefix("contact: ") if names[first] in set(contacts) else ""


def seen(stepped: Stepped, articles: Sequence[str], *, contacts: Sequence[str], within: int, end: int) -> Occasions:
    """Views of articles in the period; an article seen again within the time is the same view."""
    kinds = {name: k for k, name in enumerate(articles)}
    return occasions(stepped.steps, kinds, awaited=contacts, within=within, selection=replace(stepped.now, end=end))


def behind_views(ask: Ask, who: str, path: str, window: str) -> Whole:
    """Ids of customers with a view of an article in the period, ascending.

    Args:
        ask: The slice.
        who: asked-anyway: those after whose view a contact came in time; did-not-ask: those after whose view none came.
        path: The article's steps, with commas between; then `; dimension=label` where a label names it; then → and the
            steps that are contacts, all contacts where there are none.
        window: How long after the view a contact counts; 72 hours where empty.

    Raises:
        BadInput: No article is named.
        UnknownName: A step is none of the log's, or the dimension is not declared.
    """
    stepped = ask.steps()
    article, _, contacts = path.replace("->", "→").partition("→")
    text, _, label = article.partition(";")
    dimension, _, value = (part.strip() for part in label.partition("="))
    steps = several(stepped, text, where="path")
    if not steps:
        raise BadInput("Which article?", where="path", hint="Name the step that is an article seen: article_read.")
    names = stepped.steps[0].names
    asking = several(stepped, contacts, where="path") or contacts_of(names)
    wanted = steps
    if dimension:
        stepped, called = told_apart(stepped, steps, naming(ask.declarations, dimension))
        wanted = tuple(n for n in called[len(steps) :] if n in {value, f"{dimension}: {value}"})
    end = heard_until(stepped, asking)[0]
    within = parse_span(window or "72h", where="window") or 0
    found = seen(stepped, wanted, contacts=asking, within=within, end=end)
    return np.unique(found.customers[found.over & (found.came if who == "asked-anyway" else ~found.came)])


def labels_at(stepped: Stepped, views: Occasions, by: str) -> list[str]:
    """The label of each view, as it was then."""
    found = np.full(len(views), "", dtype=object)
    for k, each in enumerate(stepped.steps):
        own, label = views.part == k, each.labels[by]
        found[own] = np.array(label.values, dtype=object)[label.codes[views.rows[own]]]
    return [str(text) for text in found.tolist()]


def ever(stepped: Stepped, names: Sequence[str]) -> bool:
    """Whether any of some steps was ever taken."""
    return any(len(_times(s, names)) for s in stepped.steps)


def _times(steps: Steps, names: Sequence[str]) -> Whole:
    """When any of some steps was taken; rows that are nobody's any more do not count."""
    taken = codes_of(steps.names, names)[steps.codes]
    if steps.later is None:
        return steps.times[taken]
    rows = steps.rows
    return steps.times[rows[taken[rows]]]
