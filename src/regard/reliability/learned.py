"""What was learned from answers: which causes are quiet now, and why.

*Expected* silences its cause within a window, once or every week or year. *Known* keeps an alert quiet until it has
grown by a stated factor. *Not useful* keeps it quiet until it is larger than what was not useful; and where most
answers to a kind of alert about the same slice were "not useful", every alert of that kind and slice has to be larger
than the largest of them. Each rule is told in words wherever it acts, and taken back with its answer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from regard import wording
from regard.reliability.raised import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

EXPECTED, KNOWN, NOT_USEFUL = "expected", "known", "not useful"
FEWEST = 2
"""Answers "not useful" about a kind and slice from which on its bar rises."""

BAR = 1.25
"""How many times the largest one that was not useful the next must be."""

REMEMBERED = timedelta(days=180)

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Bar:
    """How large alerts of a kind and slice have to be, and why."""

    kind: str
    slice: str
    size: float
    useless: int
    answered: int

    def words(self) -> str:
        """In a sentence."""
        where = json.loads(self.slice)
        about = f" about {', '.join(f'{k} {v}' for k, v in where.items())}" if where else ""
        few = f"{self.useless} of {self.answered} were not useful"
        return (
            f"{KINDS.get(self.kind, self.kind)}{about}: quieter, because {few}; "
            f"told again above {wording.number(self.size)}."
        )


@dataclass(frozen=True, kw_only=True)
class Quiet:
    """Why an alert is quiet: the rule, in a word and in a sentence."""

    rule: str
    words: str


def bars(answers: Iterable[Row], *, now: datetime) -> dict[tuple[str, str], Bar]:
    """The bar of each kind and slice that has one; the newest answer to an alert counts.

    Args:
        answers: Those that stand, oldest first.
        now: Answers are remembered for half a year before it.
    """
    newest: dict[int, Row] = {}
    for row in answers:
        if now - datetime.fromisoformat(row["at"]) <= REMEMBERED:
            newest[row["alert"]] = row
    grouped: dict[tuple[str, str], list[Row]] = {}
    for row in newest.values():
        grouped.setdefault((row["kind"], row["slice"]), []).append(row)
    found = {}
    for (kind, slice_), rows in grouped.items():
        useless = [r for r in rows if r["answer"] == NOT_USEFUL]
        if len(useless) >= FEWEST and 2 * len(useless) > len(rows):
            size = BAR * max(r["size"] for r in useless)
            found[kind, slice_] = Bar(kind=kind, slice=slice_, size=size, useless=len(useless), answered=len(rows))
    return found


def quiet(alert: Row, answers: Sequence[Row], *, now: datetime) -> Quiet | None:
    """Why an alert is quiet now, or None.

    Args:
        alert: Its row: cause, kind, slice, size.
        answers: Every answer that stands, oldest first.
        now: The moment.
    """
    own = [row for row in answers if row["cause"] == alert["cause"]]
    for row in own:
        if row["answer"] == EXPECTED and _is_expected(row, alert, now):
            return Quiet(rule=EXPECTED, words=_expected(row))
    last = next((row for row in reversed(own) if row["answer"] != EXPECTED), None)
    if last is not None and last["answer"] == KNOWN and _is_known(last, alert, now):
        grown = wording.number(last["factor"] * last["size"])
        return Quiet(rule=KNOWN, words=f"Known{_because(last)}; told again at {grown} or more{_until(last)}.")
    if last is not None and last["answer"] == NOT_USEFUL and alert["size"] <= BAR * last["size"]:
        grown = wording.number(BAR * last["size"])
        return Quiet(rule=NOT_USEFUL, words=f"Not useful{_because(last)}; told again above {grown}.")
    bar = bars(answers, now=now).get((alert["kind"], alert["slice"]))
    if bar is not None and last is None and alert["size"] <= bar.size:
        return Quiet(rule="bar", words=bar.words())
    return None


def in_window(row: Row, now: datetime) -> bool:
    """Whether a moment is within an answer's window, or the same window of a later week or year."""
    since, until = datetime.fromisoformat(row["since"]), datetime.fromisoformat(row["until"])
    if now < since:
        return False
    if row["again"] == "weekly":
        return (now - since) % timedelta(days=7) < until - since
    if row["again"] == "yearly":
        years = range(now.year - since.year - 1, now.year - since.year + 1)
        return any(_years_on(since, n) <= now < _years_on(since, n) + (until - since) for n in years if n >= 0)
    return now < until


def _years_on(moment: datetime, years: int) -> datetime:
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:  # 29 February
        return moment.replace(year=moment.year + years, day=28)


def _is_expected(row: Row, alert: Row, now: datetime) -> bool:
    return in_window(row, now) if row["until"] else row["alert"] == alert.get("id")


def _is_known(row: Row, alert: Row, now: datetime) -> bool:
    lasts = row["alert"] == alert.get("id") if not row["until"] else now < datetime.fromisoformat(row["until"])
    return lasts and alert["size"] < row["factor"] * row["size"]


def _expected(row: Row) -> str:
    if not row["until"]:
        return f"Expected{_because(row)}, as long as this lasts."
    period = f"{_day(row['since'])} to {_day(row['until'], last=True)}"
    again = {"weekly": ", and so every week", "yearly": ", and so every year"}.get(row["again"], "")
    return f"Expected{_because(row)}: quiet {period}{again}."


def _day(text: str, *, last: bool = False) -> str:
    found = datetime.fromisoformat(text) - timedelta(seconds=1 if last else 0)
    return wording.day(date(found.year, found.month, found.day))


def _until(row: Row) -> str:
    return f", or after {_day(row['until'], last=True)}" if row["until"] else ""


def _because(row: Row) -> str:
    return f" ({row['why']})" if row["why"] else ""


def utc(text: str) -> datetime:
    """A moment as it is kept."""
    return datetime.fromisoformat(text).astimezone(UTC)
