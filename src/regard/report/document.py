"""The State of the Customer as a document: one HTML file that loads nothing from anywhere, or JSON.

Set to be read and printed like a letter: each chapter its sentence, its figure, its facts and cautions; behind them the
numbers of every figure, and an appendix with the command that prints each chapter again.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec

from regard import wording
from regard.figures.figure import stylesheet, tokens
from regard.findings import Finding, encoded, field_help, tables
from regard.report.chapters import Chapter, figure_of, finding_of, table_of

if TYPE_CHECKING:
    from regard.report.state import State

MOST_ROWS = 40
MOST_COLUMNS = 11
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_DATE = rf"\d{{1,2}} (?:(?:{_MONTHS})\b(?: \d{{4}})?|– \d{{1,2}} (?:{_MONTHS})\b(?: \d{{4}})?)|(?:{_MONTHS}) \d{{4}}"
_AMOUNT = r"[+−-]?(?:[A-Z]{0,3}[$€£¥₹]\u00a0?)?\d(?:[\d,.]*\d)?(?:\u00a0(?:%|[kMBT]\b))?"
_NUMBER = re.compile(rf"(?<![\w.,#])(?:(?P<date>{_DATE})|(?P<number>{_AMOUNT}))(?![\w])")
_EMPTY: set[Any] = {None, "", ()}
_SILENT = {"slice": {*_EMPTY, "all"}}
"""Values that say nothing, a slice where nothing was cut among them."""
_SHARE = re.compile(r"^(the |of .*, the )?share\b|\bchance\b", re.IGNORECASE)
_MONEY = re.compile(r"\bcurrency\b|\bmoney\b", re.IGNORECASE)


def json(state: State) -> bytes:
    """The state as JSON, indented: every chapter with its whole finding."""
    return msgspec.json.format(encoded(state, order="deterministic"), indent=2)


def html(state: State, *, language: str = "en") -> str:
    """The state as one HTML file: style, figures and tables inside, nothing loaded from outside, light and dark.

    Args:
        state: The finding of report/state, as computed or read back from its JSON.
        language: Language of the words, for readers' tools.
    """
    whose = state.company or "our company"
    chapters = "".join(_chapter(c) for c in state.chapters)
    numbers = "".join(_numbers(c) for c in state.chapters)
    title = escape(f"State of the Customer · {whose} · {state.period}")
    return (
        f'<!doctype html><html lang="{escape(language, quote=True)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f'<meta name="generator" content="Regard {escape(state.evidence.version, quote=True)}">'
        f"<title>{title}</title><style>{_style()}</style></head><body>"
        f'<a class="skip" href="#main">Skip to the answer</a>{_head(state)}<main id="main">{chapters}</main>'
        f"{_section('numbers', 'The numbers behind the figures', numbers)}"
        f"{_section('evidence', 'Evidence', _evidence(state))}</body></html>"
    )


def _head(state: State) -> str:
    computed = state.evidence.computed_at
    dated = f"Written {wording.moment(computed)} UTC at position {state.evidence.position:,}." if computed else ""
    only = f" Only {escape(state.filters)}." if state.filters else ""
    against = f"Compared with {escape(state.compared)}.{only}"
    listed = "".join(f'<li><a href="#{escape(c.name)}">{escape(c.heading)}</a></li>' for c in state.chapters)
    return (
        f'<header><p class="whose">{escape(state.company or "State of the Customer")}</p>'
        f'<h1>The state of our customers</h1><p class="when">{escape(state.period)}</p>'
        f'<div class="quiet"><p>{against}</p><p>{escape(dated)}</p></div>'
        f'<nav aria-label="Chapters"><ol>{listed}</ol></nav></header>'
    )


def _chapter(chapter: Chapter) -> str:
    name = escape(chapter.name, quote=True)
    heading = f'<p class="heading">{escape(chapter.heading)}</p>'
    top = f'<section class="chapter" id="{name}" aria-labelledby="{name}-says">{heading}'
    if chapter.refused:
        step = f'<p class="step">{_lines(chapter.next_step)}</p>' if chapter.next_step else ""
        return f'{top}<h2 id="{name}-says" class="refused">{escape(chapter.refused)}</h2>{step}</section>'
    facts = "".join(f"<li>{_bold(f)}</li>" for f in chapter.facts)
    cautions = "".join(f"<li>{escape(c.text)}</li>" for c in chapter.cautions)
    command = f"<code>{escape(chapter.command)}</code>"
    return (
        f'{top}<h2 id="{name}-says">{_bold(chapter.answer)}</h2>{_figure(chapter)}'
        + (f'<ul class="facts">{facts}</ul>' if facts else "")
        + (f'<ul class="cautions" aria-label="Before you lean on it">{cautions}</ul>' if cautions else "")
        + f'<p class="door"><a href="#{name}-numbers">The numbers</a> · {command}</p></section>'
    )


def _figure(chapter: Chapter) -> str:
    figure = figure_of(chapter)
    if figure is None:
        return ""
    # A document has no pages to go to: marks that link into the product are left without their link.
    drawn = re.sub(r"<a\b[^>]*>|</a>", "", figure.svg + figure.svg_narrow)
    return f'<figure class="fig">{drawn}</figure>'


def _numbers(chapter: Chapter) -> str:
    finding = finding_of(chapter)
    if finding is None or chapter.refused:
        return ""
    known = tables(type(finding))
    order = sorted(known, key=lambda name: name != table_of(chapter))
    found = next(((n, known[n]) for n in order if getattr(finding, n)), None)
    if found is None:
        return ""
    table = _table(finding, *found)
    return (
        f'<section id="{escape(chapter.name, quote=True)}-numbers"><h3>{escape(chapter.heading)}</h3>{table}</section>'
    )


def _table(finding: Finding, name: str, row: type[msgspec.Struct]) -> str:
    """One table of a finding: columns that hold something, as a page shows them, at most MOST_ROWS rows."""
    rows, help_ = getattr(finding, name), field_help(row)
    columns = [c for c in row.__struct_fields__ if any(getattr(r, c) not in _SILENT.get(c, _EMPTY) for r in rows)]
    beyond = len(columns) - MOST_COLUMNS
    columns = columns[:MOST_COLUMNS]
    currency = str(getattr(finding, "currency", ""))
    head = "".join(_heading(c, help_[c], [getattr(r, c) for r in rows]) for c in columns)
    body = "".join(
        "<tr>" + "".join(_cell(getattr(r, c), c, help_[c], currency) for c in columns) + "</tr>"
        for r in rows[:MOST_ROWS]
    )
    left = len(rows) - MOST_ROWS
    hidden = [wording.count(k, name) for k, name in ((left, "more row"), (beyond, "more column")) if k > 0]
    more = f'<p class="quiet">{wording.listed(hidden)} in the JSON.</p>' if hidden else ""
    return _scrolled(wording.title(name), head, body) + more


def _heading(name: str, help_: str, values: list[Any]) -> str:
    numbers = any(_is_number(v) for v in values)
    look = ' class="n"' if numbers else ""
    return f'<th scope="col"{look} title="{escape(help_, quote=True)}">{escape(wording.title(name))}</th>'


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any, name: str, help_: str, currency: str) -> str:
    text = _said(value, name, help_, currency)
    return f'<td class="n">{escape(text)}</td>' if _is_number(value) else f"<td>{escape(text)}</td>"


def _said(value: Any, name: str, help_: str, currency: str) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return wording.moment(value)
    if isinstance(value, date):
        return wording.day(value)
    if isinstance(value, int | float):
        if name == "q":
            return "< 0.001" if value < 0.001 else wording.number(value, 3 if value < 0.1 else 2)
        if _SHARE.search(help_):
            return wording.percent(value)
        money = _MONEY.search(help_) or name.endswith(("value", "amount"))
        return wording.money(value, currency) if money else wording.number(value)
    if hasattr(value, "low") and hasattr(value, "high"):
        share = bool(_SHARE.search(help_))
        ends = [wording.percent(v) if share else wording.number(v) for v in (value.low, value.high)]
        return " … ".join(ends)
    return ", ".join(str(v) for v in value) if isinstance(value, tuple | list) else str(value)


def _evidence(state: State) -> str:
    rows = "".join(_evidence_row(c) for c in state.chapters)
    e = state.evidence
    reproduce = (
        f"<p>Log position {e.position:,}, declarations version {e.declarations}, Regard {escape(e.version)}: "
        "the same three give the same numbers. Intervals are at 95 %.</p>"
    )
    head = "".join(f'<th scope="col">{h}</th>' for h in ("Chapter", "Rests on", "Method", "Printed again by"))
    return reproduce + _scrolled("Evidence", head, rows)


def _evidence_row(chapter: Chapter) -> str:
    told = chapter.finding.get("evidence", {})
    rests = [wording.count(told.get("n", 0), "row")] if told.get("n") else []
    if told.get("customers"):
        rests.append(wording.count(told["customers"], "customer"))
    cells = (
        chapter.heading,
        ", ".join([*rests, told.get("kind", "refused")]),
        told.get("method", "") or chapter.refused,
    )
    complete = f" {told['complete']}." if told.get("complete") else ""
    body = "".join(f"<td>{escape(c)}</td>" for c in (cells[0], cells[1], f"{cells[2]}{complete}"))
    return f"<tr>{body}<td><code>{escape(chapter.command)}</code></td></tr>"


def _scrolled(name: str, head: str, body: str) -> str:
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide" tabindex="0" role="region" aria-label="{escape(name, quote=True)}">{table}</div>'


def _section(name: str, heading: str, body: str) -> str:
    return f'<section class="appendix" id="{name}"><h2>{escape(heading)}</h2>{body}</section>' if body else ""


def _bold(text: str) -> str:
    """A sentence with its numbers set off; dates are not numbers."""
    parts, end = [], 0
    for match in _NUMBER.finditer(text):
        if match["number"]:
            parts += [escape(text[end : match.start()]), f"<b>{escape(match[0])}</b>"]
            end = match.end()
    return "".join([*parts, escape(text[end:])])


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")


@cache
def _style() -> str:
    own = files("regard.report").joinpath("document.css").read_text(encoding="utf-8")
    return f"{own}{tokens()}{stylesheet()}".replace("</", "<\\/")
