"""A survey in one row: which of its columns are questions, and what kind of question each is."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from regard.sources.columns import Column
from regard.sources.mapping import Part
from regard.sources.naming import is_score, is_words, plain, roles, scale_of

METRICS = ("nps", "csat", "ces", "stars")
_NOT_QUESTIONS = ("id", "ip", "count", "duration", "year", "month", "age", "zip", "phone", "number", "size")


def metric_of(column: Column) -> str:
    """nps, csat, ces, stars, or empty where the name does not tell."""
    found = {r.role for r in roles(column)}
    if "nps" in found and (column.high or 0) > 5:
        return "nps"
    return next((m for m in METRICS[1:] if m in found), "")


def is_question(column: Column) -> bool:
    """Whether a column holds answers: scores on a scale, or sentences."""
    words = plain(column.name).split()
    if any(word in _NOT_QUESTIONS for word in words):
        return False
    if is_score(column) or is_words(column):
        return True
    said = [r.role for r in roles(column)[:1]] == ["verbatim"]
    return column.holds == "text" and said  # few and short, and yet in people's own words


def parts_of(columns: Sequence[Column]) -> tuple[dict[str, Part], dict[str, str]]:
    """The parts of a response, by their name, and why each is one.

    One score about the whole (NPS, or one named overall) has no part's name; nor have words beside a single score.
    """
    questions = [c for c in columns if is_question(c)]
    texts = [c for c in questions if not is_score(c)]
    if any("subject" not in _roles(c) for c in texts):  # the title of a text that is there says nothing more
        questions = [c for c in questions if is_score(c) or "subject" not in _roles(c)]
    scores = [c for c in questions if is_score(c)]
    battery = [c for c in scores if not metric_of(c)]
    top = max((c.high or 0 for c in battery), default=0)
    overall = _overall(scores)
    parts: dict[str, Part] = {}
    why: dict[str, str] = {}
    for column in questions:
        name = _name(column, parts)
        if is_score(column):
            metric = metric_of(column) or ("stars" if column is overall and (column.high or 0) <= 5 else "")
            seen = msgspec.structs.replace(column, high=top) if len(battery) > 2 and not metric else column
            scale = scale_of(seen, metric)
            parts[name] = Part(score=column.name, metric=metric, scale=scale, whole=column is overall)
            why[name] = (
                f"numbers from {column.low:g} to {column.high:g}, read as a scale from {scale[0]:g} to {scale[1]:g}"
            )
        else:
            parts[name] = Part(verbatim=column.name, whole=len(scores) <= 1)
            why[name] = "sentences in people's own words"
    return parts, why


def _roles(column: Column) -> set[str]:
    return {r.role for r in roles(column)}


def _overall(scores: Sequence[Column]) -> Column | None:
    if len(scores) == 1:
        return scores[0]
    named = [c for c in scores if {"overall", "total", "general", "gesamt", "geral"} & set(plain(c.name).split())]
    return next(iter(named or [c for c in scores if metric_of(c) == "nps"]), None)


def _name(column: Column, taken: dict[str, Part]) -> str:
    name = column.name.strip()
    for ending in ("_rating", " rating", "_score", " score"):
        name = name.removesuffix(ending)
    name = name[:60].strip() or column.name
    return name if name not in taken else column.name
