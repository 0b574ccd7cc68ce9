"""Did the article answer it: views of help articles after which no contact came within three days, article by article.

No contact is not yet an answer: some would never have asked, some gave up. So the share stands beside that of like
customers who looked for help in the same weeks and saw no article, and beside that of ordinary times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from msgspec import Meta, Struct

from regard.errors import Refusal
from regard.figures import GroupBar, group_bars
from regard.findings import Caution, Finding
from regard.journey.returns import theirs
from regard.journey.stepnames import several
from regard.listening.reading import (
    LEAST,
    Held,
    articles_of,
    bands,
    beside,
    contacts_of,
    ever,
    following,
    heard_until,
    held,
    labels_at,
    looking,
    naming,
    seen,
    told_apart,
)
from regard.periods import parse_span
from regard.questions import question
from regard.signals.ask import Ask
from regard.statistics.comparisons import holm
from regard.wording import NBSP, Words, count, duration, listed, number, percent, signed

if TYPE_CHECKING:
    from regard.figures import Figure
    from regard.signals.stepscope import Stepped
    from regard.statistics.estimates import Floats
    from regard.steps.occasions import Occasions

CLEAR = 0.05
MOST = 40
"""Articles held against others; all are counted."""
DRAWN = 16
POWER = 2.8
"""Standard errors of a difference that is seen in four of five cases."""


class ArticleRow(Struct, frozen=True, kw_only=True):
    """One article, or all."""

    article: Annotated[str, Meta(description="The article; all for the total.")]
    slice: Annotated[str, Meta(description="The slice; all for the total.")] = "all"
    views: Annotated[int, Meta(description="Views whose time is over; seen again within it, it is the same view.")] = 0
    customers: Annotated[int, Meta(description="Customers with such a view.")] = 0
    asked: Annotated[int, Meta(description="Of the views, those after which a contact came in time.")] = 0
    asking: Annotated[int, Meta(description="Customers who made these contacts.")] = 0
    without: Annotated[float | None, Meta(description="Share of views after which no contact came in time.")] = None
    low: Annotated[float | None, Meta(description="Lower end of its interval.")] = None
    high: Annotated[float | None, Meta(description="Upper end.")] = None
    expected: Annotated[
        float | None,
        Meta(description="Share without a contact of like customers who looked for help and saw no article."),
    ] = None
    change: Annotated[float | None, Meta(description="The difference to it, as a share.")] = None
    change_low: Annotated[float | None, Meta(description="Lower end of the interval of the difference.")] = None
    change_high: Annotated[float | None, Meta(description="Upper end.")] = None
    adjusted: Annotated[float | None, Meta(description="p-value, corrected for all articles.")] = None
    about: Annotated[str, Meta(description="What those who asked most often asked about.")] = ""
    open: Annotated[int, Meta(description="Views whose time is not over: in no share.")] = 0
    quiet: Annotated[int, Meta(description="Customers with such a view after which no contact came.")] = 0
    cell: Annotated[str, Meta(description="What customers/list takes as its path.")] = ""


class Deflection(Finding, frozen=True, kw_only=True):
    """Whether articles answered it."""

    articles: Annotated[tuple[str, ...], Meta(description="Steps taken for an article seen.")] = ()
    contacts: Annotated[tuple[str, ...], Meta(description="Steps taken for a contact.")] = ()
    need: Annotated[tuple[str, ...], Meta(description="Steps taken for looking for help.")] = ()
    within: Annotated[str, Meta(description="How long after the view a contact counts.")] = ""
    named_by: Annotated[str, Meta(description="The dimension that names the article; empty for the step's name.")] = ""
    views: Annotated[int, Meta(description="Views whose time is over.")] = 0
    open: Annotated[int, Meta(description="Views whose time is not over, in no share.")] = 0
    without: Annotated[float | None, Meta(description="Share of views after which no contact came in time.")] = None
    expected: Annotated[
        float | None,
        Meta(description="Share without a contact of like customers who looked for help and saw no article."),
    ] = None
    compared: Annotated[int, Meta(description="Occasions of these compared with.")] = 0
    ordinary: Annotated[
        float | None,
        Meta(description="Share without a contact of like customers at ordinary times, without an article."),
    ] = None
    rows: Annotated[tuple[ArticleRow, ...], Meta(description="All, then articles, most asked after first.")] = ()


@question(title="Deflection", needs=("event", "contact"))
def deflection(
    *,
    ask: Ask,
    articles: Annotated[
        str, Meta(description="Steps that are an article seen: A, B; * at the end matches a prefix. Default: by name.")
    ] = "",
    contacts: Annotated[str, Meta(description="Steps that are contacts: A, B. Default: all contacts.")] = "",
    need: Annotated[
        str, Meta(description="Steps that are looking for help, to compare with: A, B. Default: by name.")
    ] = "",
    within: Annotated[str, Meta(description="How long after the view a contact counts: 24h, 72h, 7d.")] = "72h",
    named_by: Annotated[str, Meta(description="Dimension that names the article; default one called so.")] = "",
) -> Deflection:
    """Did the article answer it: who read one and did not contact us afterwards?"""
    asked = _asked(ask, articles, contacts, need, within, named_by)
    views = seen(asked.stepped, asked.articles, contacts=asked.contacts, within=asked.within, end=asked.end)
    over = views.only(views.over)
    if len(over) < LEAST:
        left = len(views) - len(over)
        waits = f" Of {count(left, 'more view')} the time is not over." if left else ""
        raise Refusal(
            f"Only {count(len(over), 'view')} of an article are over; at least {LEAST} are needed.{waits}",
            hint="Choose a longer or an earlier period, or name other steps with --articles.",
        )
    edges = bands(over)
    searched = _beside(ask, asked, asked.need)
    ordinary = _beside(ask, asked, asked.ordinary)
    total, usual = held(over, edges, searched), held(over, edges, ordinary)
    rows = _rows(ask, asked, views, edges, searched, total)
    return Deflection(
        answer=_answer(ask, asked, over, total, usual), articles=asked.steps, contacts=asked.contacts, need=asked.need,
        within=within, named_by=asked.named_by, views=len(over), open=len(views) - len(over),
        without=_known(total.without.value), expected=_known(total.expected.value) if total.expected else None,
        compared=len(searched) if searched and total.expected else 0,
        ordinary=_known(usual.expected.value) if usual.expected else None, rows=rows, facts=_facts(rows, usual, asked),
        cautions=_cautions(asked, views, total, searched),
        next_step=_next_step(ask, rows),
        evidence=ask.evidence(
            n=len(over), customers=len(np.unique(over.customers)), kind="estimated",
            method="Views by customer, Wilson at the effective number; like customers weighted to the views' weeks and "
            "to how much they did in the 28 days before; p-values corrected by Holm (1979).",
        ),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What is taken for what.

    Attributes:
        stepped: The steps, each article called by its label where one names it.
        articles: Names of articles among them.
        steps: Steps that are an article seen, as the log names them.
        contacts: Steps that are contacts.
        need: Steps that are looking for help.
        ordinary: What else customers do.
        named_by: The dimension that names articles.
        within: Microseconds.
        end: Until when contacts are known.
        late: Microseconds of the log after that.
        guessed: Whether articles were found by their name.
        named: Whether contacts were named, and are not simply all.
    """

    stepped: Stepped
    articles: tuple[str, ...]
    steps: tuple[str, ...]
    contacts: tuple[str, ...]
    need: tuple[str, ...]
    ordinary: tuple[str, ...]
    named_by: str
    within: int
    end: int
    late: int
    guessed: bool
    named: bool


def _asked(  # noqa: PLR0917  what was given, in its order
    ask: Ask, articles: str, contacts: str, need: str, within: str, named_by: str
) -> _Asked:
    stepped = ask.steps()
    names = stepped.steps[0].names if stepped.steps else ()
    asking = several(stepped, contacts, where="contacts") or contacts_of(names)
    if not asking or not ever(stepped, asking):
        raise Refusal(
            "No contacts are known: nobody can say who asked all the same.",
            hint="Bring in tickets, calls or chats, or name the steps that are contacts with --contacts.",
        )
    steps = several(stepped, articles, where="articles") or articles_of(names)
    if not steps:
        near = listed(looking(names, ()), most=4)
        raise Refusal(
            "No step of the log is called like an article seen.",
            hint=f"Name them with --articles{f'; these are about help: {near}' if near else ''}.",
        )
    dimension = naming(ask.declarations, named_by)
    told, called = told_apart(stepped, steps, dimension)
    searched = several(stepped, need, where="need") or looking(names, steps)
    end, last = heard_until(stepped, asking)
    other = tuple(n for n in theirs(names) if n not in {*steps, *asking, *searched})
    return _Asked(
        stepped=told, articles=called, steps=steps, contacts=asking, need=searched, ordinary=other, named_by=dimension,
        within=parse_span(within, where="within") or 0, end=end, late=last - end, guessed=not articles.strip(),
        named=bool(contacts.strip()),
    )  # fmt: skip


def _beside(ask: Ask, asked: _Asked, names: tuple[str, ...]) -> Occasions | None:
    if not names:
        return None
    found = beside(asked.stepped, names, contacts=asked.contacts, articles=asked.articles, within=asked.within,
                   end=asked.end, seed=ask.seed)  # fmt: skip
    return found if len(found) >= LEAST else None


def _rows(  # noqa: PLR0917  what was asked, then what was found
    ask: Ask, asked: _Asked, views: Occasions, edges: Floats, others: Occasions | None, total: Held
) -> tuple[ArticleRow, ...]:
    """All; then articles, or slices where the question is cut by one."""
    names = asked.stepped.steps[0].names
    if ask.scope.by:
        labels = np.array(labels_at(asked.stepped, views, ask.scope.by), dtype=object)
        parts = [("all", str(v) or "unknown", labels == v) for v in sorted(set(labels.tolist()))]
    else:
        parts = [(asked.articles[k], "all", views.kinds == k) for k in np.unique(views.kinds).tolist()]
    size = sorted((int((mask & views.over).sum()) for *_, mask in parts), reverse=True)
    least = size[min(MOST, len(size)) - 1] if size else 0
    made = []
    for article, cut, mask in parts:
        own = views.only(mask & views.over)
        found = held(own, edges, others if len(own) >= max(least, LEAST) else None)
        made.append((article, cut, own, int((mask & ~views.over).sum()), found))
    adjusted = holm([np.nan if f.change is None else f.change.p for *_, f in made])
    rows = [
        _row(
            (article, cut),
            own,
            waits,
            found,
            float(p),
            (following(own, names, asked.contacts), _cell(asked, article, cut)),
        )
        for (article, cut, own, waits, found), p in zip(made, adjusted, strict=True)
    ]
    rows.sort(key=lambda r: (-r.asked, -r.views, r.article, r.slice))
    over = views.only(views.over)
    whole = _row(("all", "all"), over, len(views) - len(over), total, total.change.p if total.change else math.nan,
                 (following(over, names, asked.contacts), _cell(asked, "", "all")))  # fmt: skip
    return (whole, *rows)


def _cell(asked: _Asked, article: str, cut: str) -> str:
    """The path that leads to the customers of a row; none for a slice, which a filter leads to."""
    if cut != "all":
        return ""
    labelled = bool(article) and article not in asked.steps
    steps = ", ".join(asked.steps) if labelled or not article else article
    label = f"; {asked.named_by}={article.removeprefix(f'{asked.named_by}: ')}" if labelled else ""
    return f"{steps}{label} → {', '.join(asked.contacts) if asked.named else ''}"


def _row(  # noqa: PLR0917  one row's parts
    what: tuple[str, str], own: Occasions, waits: int, found: Held, adjusted: float, more: tuple[str, str]
) -> ArticleRow:
    share, change = found.without, found.change
    return ArticleRow(
        article=what[0], slice=what[1], views=len(own), customers=len(np.unique(own.customers)),
        asked=int(own.came.sum()), without=_known(share.value), low=_known(share.low), high=_known(share.high),
        expected=_known(found.expected.value) if found.expected else None,
        change=_known(change.value) if change else None, change_low=_known(change.low) if change else None,
        change_high=_known(change.high) if change else None, adjusted=_known(adjusted), about=more[0], open=waits,
        quiet=len(np.unique(own.customers[~own.came])), asking=len(np.unique(own.customers[own.came])), cell=more[1],
    )  # fmt: skip


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _answer(ask: Ask, asked: _Asked, over: Occasions, total: Held, usual: Held) -> str:
    words = Words(ask.declarations.called, ask.declarations.called_many)
    time = duration(asked.within / 1e6)
    kinds = len(np.unique(over.kinds))
    of = (
        f"{count(len(over), 'view')} of {count(kinds, 'article')}"
        if kinds > 1
        else f"{count(len(over), 'view')} of an article"
    )
    if total.without.refused:
        return f"{of} in this period; {total.without.refused}: no share is told."
    ends = _ends(total.without.low, total.without.high)
    text = f"After {_share(total.without.value)} ({ends}) of {of} no contact came within {time}"
    like = f"{_share(total.expected.value)} of {number(total.expected.n)}" if total.expected else ""
    if total.expected is None or total.change is None:
        base = f"; of like {words.several} at ordinary times, {_share(usual.expected.value)}" if usual.expected else ""
        return f"{text}{base}. Who would have asked without the article is not known."
    beside_ = f"of like {words.several} who looked for help in the same weeks and saw none, {like}"
    points = f"{signed(100 * total.change.value, 1)} points, {_ends(total.change.low, total.change.high)}"
    if total.change.p <= CLEAR:
        return f"{text}; {beside_} ({points})."
    size = number(POWER * 100 * total.change.error, 1)
    return (
        f"{text}; {beside_}: no difference beyond chance, and one of {size} points would have been seen in four of "
        "five cases."
    )


def _share(value: float | None) -> str:
    """A share near all with one digit more."""
    if value is None:
        return percent(None)
    return percent(value, 1) if 0.9 < value < 1 else percent(value)


def _ends(low: float, high: float) -> str:
    digits = 1 if abs(high) < 0.2 or low > 0.8 else 0
    return f"{number(100 * low, digits)} to {number(100 * high, digits)}"


def _next_step(ask: Ask, rows: tuple[ArticleRow, ...]) -> str:
    if ask.scope.by:
        return "Ask without a grouping to see article by article."
    if not rows[0].asked:
        return "Ask for a longer period: nobody asked all the same in this one."
    return "Read what was asked after the first of these articles, and add that to it."


def _facts(rows: tuple[ArticleRow, ...], usual: Held, asked: _Asked) -> tuple[str, ...]:
    told = []
    worst = [r for r in rows[1:] if r.adjusted is not None and r.adjusted <= CLEAR and r.change is not None]
    for row in sorted(worst, key=lambda r: r.adjusted or 0.0)[:2]:
        way = "Fewer contact us" if (row.change or 0.0) > 0 else "More contact us"
        what = row.article if row.article != "all" else row.slice
        told.append(f"{way} after {what} than of those who saw none: {signed(-100 * (row.change or 0.0), 1)} points.")
    if usual.expected is not None:
        text = f"At ordinary times {percent(1 - usual.expected.value)} of like customers contact us within "
        told.append(f"{text}{duration(asked.within / 1e6)}, after an article {percent(1 - usual.without.value)}.")
    if rows[0].about and rows[0].asked:
        told.append(f"Those who asked all the same asked most often about {rows[0].about}.")
    return tuple(told)


def _cautions(asked: _Asked, views: Occasions, total: Held, searched: Occasions | None) -> tuple[Caution, ...]:
    told = []
    text = (
        "No contact is not yet an answer: some would never have asked, some gave up, some asked elsewhere. Who reads "
        "an article may need less help than who finds none, so a difference is no proof of what the article did."
    )
    told.append(Caution(code="no_proof_of_answer", text=text))
    if asked.guessed:
        text = f"Taken for an article seen, by name: {listed(asked.steps, most=5)}. Name others with --articles."
        told.append(Caution(code="guessed", text=text))
    if searched is None or total.expected is None:
        text = (
            "There is nobody to compare with: name the steps of looking for help without an article (a search, the "
            "contact page) with --need."
        )
        told.append(Caution(code="no_comparison", text=text))
    else:
        text = f"Taken for looking for help, to compare with: {listed(asked.need, most=5)}."
        told.append(Caution(code="compared_with", text=text))
    waits = int((~views.over).sum())
    if waits:
        text = f"Of {count(waits, 'view')} the time is not over: they are in no share, whether a contact came or not."
        told.append(Caution(code="still_open", text=text))
    if asked.late:
        text = (
            f"The last contact came {duration(asked.late / 1e6)} before the log ends, which is long for this log: what "
            "was viewed after it counts as open. Bring in the newer contacts."
        )
        told.append(Caution(code="contacts_end_early", text=text))
    return (*told, *asked.stepped.cautions())


def figure(finding: Deflection) -> Figure | None:
    """Each article's share without a contact, beside that of those who saw none."""
    rows = [r for r in finding.rows[1:] if r.without is not None][:DRAWN]
    if not rows:
        return None
    bars = []
    for row in rows:
        clear = row.adjusted is not None and row.adjusted <= CLEAR
        marked = ("good" if (row.change or 0.0) > 0 else "bad") if clear else ""
        name = row.article if row.article != "all" else row.slice
        bars.append(GroupBar(
            label=name, value=row.without, low=row.low, high=row.high, text=_share(row.without), marked=marked,
            note=f"{count(row.views, 'view')}, {number(row.asked)} asked",
            tip=f"{name}: no contact after {percent(row.without)} of {count(row.views, 'view')}",
        ))  # fmt: skip
    return group_bars(
        bars, title=finding.answer, reference=finding.expected, write=percent,
        reference_text=f"looked for help, saw none:{NBSP}{_share(finding.expected)}" if finding.expected else "",
    )  # fmt: skip
