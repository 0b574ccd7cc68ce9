"""Answers to PostHog's surveys: each question of a response that was sent becomes an answer.

The client tells numbers without their scale. A question named for NPS, CSAT or CES gets that metric and its scale where
the number fits; any other number is an answer with a score and no metric, to be declared. Words are verbatims.
"""

from __future__ import annotations

import re
from typing import Any

from regard.sources.items import Row, encode, number_of, number_text, packed, row
from regard.sources.secrets import without_cards

RESPONSE = "$survey_response"
METRICS = (
    ("nps", re.compile(r"\bnps\b|net promoter|recommend", re.IGNORECASE), 0.0, 10.0),
    ("ces", re.compile(r"\bces\b|effort|easy|easily", re.IGNORECASE), 1.0, 7.0),
    ("csat", re.compile(r"\bcsat\b|satisf|happy", re.IGNORECASE), 1.0, 5.0),
)


def rows(properties: dict[str, Any], known: dict[str, Any]) -> list[Row]:
    """The answers of one response; none where nothing was answered.

    Args:
        properties: Of the event ``survey sent``.
        known: Ids and times shared by every row of the item.
    """
    survey = _text(properties, "$survey_name") or _text(properties, "$survey_id")
    response = _text(properties, "$survey_submission_id") or known["message_id"]
    texts = _questions(properties)
    answered = _responses(properties)
    shared = {**known, "survey": survey, "response": response, "channel": "in app"}
    iteration = number_of(properties.get("$survey_iteration"))
    labels = {"survey_id": _text(properties, "$survey_id")}
    if iteration is not None:
        labels["survey_iteration"] = number_text(iteration)
    shared["labels"] = packed({n: v for n, v in labels.items() if v})
    said = {q: found for q, value in answered.items() if (found := _said(value, f"{survey} {texts.get(q, '')}"))}
    several = sum("score" in found for found in said.values()) > 1  # words beside one score are about the whole
    made = []
    for question, found in said.items():
        own = {"message_id": f"{known['message_id']}#{question or 0}", "key": f"{response}:{question or 0}"}
        part = texts.get(question) if several else None
        made.append(row("answer", **{**shared, **own, **found}, part=part))
    return made


def _text(properties: dict[str, Any], name: str) -> str:
    found = properties.get(name)
    return found if isinstance(found, str) else ""


def _questions(properties: dict[str, Any]) -> dict[str, str]:
    """The wording of each question, by its id and by its number."""
    listed = properties.get("$survey_questions")
    found: dict[str, str] = {}
    for number, question in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(question, dict) and isinstance(text := question.get("question"), str):
            found["" if number == 0 else str(number)] = text
            if isinstance(id_ := question.get("id"), str):
                found[id_] = text
    return found


def _responses(properties: dict[str, Any]) -> dict[str, Any]:
    """What was answered, by question. Clients that name questions by id repeat them by number: ids win."""
    found = {
        name.removeprefix(RESPONSE).removeprefix("_"): value
        for name, value in properties.items()
        if name.startswith(RESPONSE) and value not in (None, "", [])
    }
    by_id = {name: value for name, value in found.items() if name and not name.isdigit()}
    return by_id or found


def _said(value: Any, about: str) -> dict[str, Any]:
    """Score, scale and metric of a number; a verbatim of anything else."""
    number = number_of(value)
    if number is None:
        text = value if isinstance(value, str) else encode(value).decode()
        if isinstance(value, list):
            text = "; ".join(v for v in value if isinstance(v, str)) or text
        return {"verbatim": without_cards(text)} if text.strip() else {}
    for metric, words, low, high in METRICS:
        if words.search(about) and low <= number <= high:
            return {"score": number, "metric": metric, "scale_min": low, "scale_max": high}
    return {"score": number}
