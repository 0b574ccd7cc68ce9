"""The kind of signal the rows of a table are, told by the names of its columns and of its file."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from regard.sources.naming import is_score, plain
from regard.sources.surveys import is_question, metric_of

if TYPE_CHECKING:
    from regard.sources.kindred import Table

TICKETS = (
    "ticket",
    "incident",
    "case",
    "conversation",
    "complaint",
    "chamado",
    "support",
    "call",
    "chat",
    "anfrage",
    "vorgang",
    "vorgange",
    "reclam",
)
REVIEWS = ("review", "rating", "bewertung", "avalia", "resena", "avis", "stars")
ORDERS = (
    "order",
    "invoice",
    "transaction",
    "purchase",
    "pedido",
    "bestell",
    "commande",
    "sale",
    "payment",
    "checkout",
    "rechnung",
    "compra",
)
SURVEYS = (
    "survey",
    "nps",
    "csat",
    "ces",
    "response",
    "feedback",
    "umfrage",
    "encuesta",
    "pesquisa",
    "questionnaire",
    "answers",
)
CONTRACTS = ("subscription", "contract", "mrr", "abo", "assinatura", "suscrip", "renewal", "vertrag")
EVENTS = ("event", "activity", "usage", "clickstream", "log", "action", "pageview")
PROFILES = ("customer", "client", "user", "account", "member", "kunde", "cliente", "people", "contact", "company")


def kind_of(table: Table) -> str:
    """The kind of signal with the most evidence; empty where there is too little."""
    words = f"{plain(_stem(table))} {' '.join(plain(c.name) for c in table.own)}"
    own = {role for c in table.own for role in table.roles_of(c.name)}

    def said(stems: Sequence[str]) -> bool:
        return any(re.search(rf"\b{stem}", words) for stem in stems)

    battery = [c for c in table.own if is_question(c) and is_score(c)]
    if len(battery) > 2 and len(battery) * 2 > len(table.own):  # a survey of one scale, its questions without words
        return "answer"
    points = _points(table, own, said)
    best = max(points, key=lambda k: points[k])
    if points[best] < 3 and "verbatim" in own:  # words of somebody, about we know not what
        asked = said(("tweet", "post", "mention", "message", "mail")) or ("category" in own and not said(SURVEYS))
        return "contact" if asked else "answer"
    if best == "contact" and not own & {"ticket id", "subject", "verbatim", "status", "priority", "person", "email"}:
        return ""  # calls counted by the hour are a series, not calls
    known = bool(own & {"person", "email"}) and not table.has_time
    return best if points[best] >= 3 else "profile" if known else ""


def _points(table: Table, own: set[str], said: Callable[[Sequence[str]], bool]) -> dict[str, int]:
    """How much speaks for each kind."""
    scores = [c for c in table.own if metric_of(c) or "score" in table.roles_of(c.name)]
    points = {
        "contact": 3 * said(TICKETS)
        + 2 * ("ticket id" in own)
        + 4 * ({"reply", "verbatim"} <= own)
        + 2 * ({"subject", "status"} <= own)
        + sum(role in own for role in ("priority", "subject", "solved", "agent")),
        "review": 4 * said(REVIEWS) * bool(scores) + ("verbatim" in own) * bool(scores),
        "answer": 3 * bool(scores) + 2 * said(SURVEYS) + ("verbatim" in own) + ("nps" in own) + ("response" in own),
        "order": 3 * ("amount" in own)
        + 2 * said(ORDERS)
        + sum(role in own for role in ("quantity", "currency", "freight")),
        "subscription": 3 * said(CONTRACTS) + 2 * ("plan" in own) + ("ended" in own) + ("subscription id" in own),
        "event": 3 * ("event" in own) + 2 * said(EVENTS) + ("anonymous" in own),
        "profile": 3 * any(re.search(rf"\b{p}", plain(_stem(table))) for p in PROFILES)
        + ("email" in own)
        + ("name" in own),
        "message": 7 * ("sender role" in own) * ("verbatim" in own),
    }
    return points | _ruled_out(table, own, said, points, scored=bool(scores))


def _ruled_out(
    table: Table, own: set[str], said: Callable[[Sequence[str]], bool], points: dict[str, int], *, scored: bool
) -> dict[str, int]:
    """Points of the kinds that something else speaks against."""
    out = {}
    if (points["order"] >= 5 and "priority" not in own) or (
        "event" in own and not own & {"subject", "priority", "solved", "agent", "status"}
    ):
        out["contact"] = 0  # lines of orders; or an event log: cases, activities, times
    if points["answer"] and not scored and "verbatim" not in own:
        out["answer"] = 0
    if not own & {"amount", "freight"}:
        out["order"] = 2 * said(ORDERS) + 1 if table.find("status", own=True) and said(ORDERS) else 0
    if not own & {"person", "email", "account", "order id", "id", "currency"} and not said(ORDERS):
        out["order"] = 0  # a value by time, nobody's
    if table.find("created") is None:
        out |= {"order": 0, "event": 0, "subscription": 0}
    return out


def _stem(table: Table) -> str:
    return table.files[0].name.removesuffix(".gz").rsplit(".", 1)[0]
