"""One customer's timeline as days a person can read: what was said and met in sentences, routine folded between."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from regard import wording

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regard.web.telling import Speaker

ROUTINE = frozenset({"did", "we wrote"})
"""What fills most days; a day of nothing else is folded, so that what matters is met first."""
OPEN, BAD = frozenset({"open"}), frozenset({"late", "broken"})
SAID = {"said", "asked"}


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One thing of a day: its time, its lane, what it was in a sentence, and the customer's own words."""

    time: str
    lane: str
    line: str
    quote: str = ""
    state: str = ""
    tone: str = ""


@dataclass(frozen=True, kw_only=True)
class Day:
    """One day, or a run of days on which nothing but routine happened (then `routine` says what)."""

    name: str
    happenings: Sequence[Happening]
    routine: str = ""


def days(rows: Sequence[Mapping[str, Any]], speaker: Speaker) -> list[Day]:
    """The rows of a customer's timeline by day, newest first; runs of routine days are one entry.

    Args:
        rows: The timeline as the finding holds it, newest first.
        speaker: Knows the company's zone.
    """
    dated = [(day, list(own)) for day, own in groupby(rows, key=lambda r: str(r["at"]).partition(",")[0])]
    found: list[Day] = []
    for routine, run in groupby(dated, key=lambda d: all(r["lane"] in ROUTINE for r in d[1])):
        several = list(run)
        if routine and len(several) > 1:
            happenings = [_happening(r, speaker, dated=True) for _, own in several for r in own]
            found.append(Day(name=_span(several), happenings=happenings, routine=_routine(several)))
        else:
            found += [Day(name=name, happenings=[_happening(r, speaker) for r in own]) for name, own in several]
    return found


def _span(run: Sequence[tuple[str, Any]]) -> str:
    """`16 – 19 Oct 2026`: what two days share is said once."""
    last, first = run[0][0].split(" "), run[-1][0].split(" ")
    while len(first) > 1 and first[-1] == last[len(first) - 1]:
        first.pop()
    return f"{' '.join(first)} – {' '.join(last)}"


def _routine(run: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> str:
    """What filled the days, in words: used it on 6 days, 2 messages from us."""
    used = sum(any(r["lane"] == "did" for r in own) for _, own in run)
    wrote = sum(r["lane"] == "we wrote" for _, own in run for r in own)
    told = [f"active on {wording.count(used, 'day')}"] if used else []
    told += [wording.count(wrote, "message") + " from us"] if wrote else []
    return wording.listed(told)


def _happening(row: Mapping[str, Any], speaker: Speaker, *, dated: bool = False) -> Happening:
    day, _, time = str(row["at"]).partition(", ")
    lane, state = row["lane"], row["state"]
    own = row["words"] if lane in SAID else ""
    return Happening(
        time=f"{day.rpartition(' ')[0]}, {time}" if dated else time,
        lane=lane,
        line=_LINES.get(lane, _plainly)(row, speaker),
        quote=own,
        state=state if lane in {"asked", "promised"} else "",
        tone="bad" if lane == "met trouble" or state in OPEN | BAD else "good" if state == "kept" else "",
    )


def _plainly(row: Mapping[str, Any], _: Speaker) -> str:
    words = f": {row['words']}" if row["words"] else ""
    return f"{row['what']}{words}"


def _asked(row: Mapping[str, Any], _: Speaker) -> str:
    return wording.sentence(row["what"] or "asked us something")


def _said(row: Mapping[str, Any], _: Speaker) -> str:
    score, metric = row["amount"], row["unit"]
    if score is None:
        return str(row["what"])
    number = wording.number(score)
    most = {"nps": f"{number} of 10", "stars": f"{number} of 5 stars"}.get(metric, number)
    known = "" if metric in {"", "stars"} else f" ({metric.upper()})"
    return f"{row['what']}: {most}{known}"


def _bought(row: Mapping[str, Any], _: Speaker) -> str:
    price = f", {wording.money(row['amount'], row['unit'])}" if row["amount"] is not None else ""
    why = f": {row['words']}" if row["words"] else ""
    status = "" if row["what"].lower().startswith("contract") or not row["state"] else f", {row['state']}"
    return f"{wording.sentence(row['what'])}{price}{status}{why}"


def _promised(row: Mapping[str, Any], speaker: Speaker) -> str:
    due = ""
    if row["until"]:
        due = f", due {wording.moment(datetime.fromisoformat(row['until']).replace(tzinfo=UTC), speaker.zone)}"
    return f"{wording.title(row['what'])}{due}"


def _wrote(row: Mapping[str, Any], _: Speaker) -> str:
    by = f" by {row['state']}" if row["state"] else ""
    return f"{row['what']}{by}{': ' + row['words'] if row['words'] else ''}"


def _met(row: Mapping[str, Any], _: Speaker) -> str:
    where = f", at “{wording.title(row['words'])}”" if row["words"] else ""
    return f"{row['what']}{where}"


_LINES = {
    "said": _said,
    "asked": _asked,
    "bought": _bought,
    "promised": _promised,
    "we wrote": _wrote,
    "met trouble": _met,
}
