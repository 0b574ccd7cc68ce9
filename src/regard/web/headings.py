"""What a field is called on a page, where its name alone would puzzle: a short name for programs, words for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regard import wording

if TYPE_CHECKING:
    from regard.web.catalogue import Field

EVERYWHERE = {
    "n": "Answers",
    "before": "Before",
    "before_n": "Answers before",
    "at": "When",
    "ratio": "Times as often",
    "skip": "From row",
    "limit": "At most",
}
"""Names that mean the same in every question."""
KNOWN: dict[str, dict[str, str]] = {
    "customers/ledger": {
        "customers": "Customers now",
        "opening": "At the opening",
        "value": "Value now",
        "opening_value": "Value at the opening",
        "change_before": "Change the period before",
        "churn_rate": "Left, of those at the opening",
        "came_and_left": "Came and left again",
        "known_from": "Known from",
    },
    "customers/list": {"total": "Customers", "q": "Words", "value": "Worth", "who": "Who"},
    "customers/losses": {
        "low": "Low up to",
        "of": "Value of",
        "rank": "In order of",
        "low_value": "Went with a low score",
        "low_value_unweighted": "The same, unweighted",
        "low_share": "Of what was scored",
        "low_share_before": "The share before",
        "rated_share": "Value that has a score",
        "slices": "Slices compared",
        "shrunk_rate": "Low orders, steadied",
        "beyond_chance": "Beyond chance",
        "rated_orders": "Scored orders",
    },
    "journey/before-loss": {
        "path": "They did, in a row",
        "ratio": "Times as often",
        "adjusted": "p, all corrected",
        "leavers": "Leavers",
        "leavers_share": "Of those who left",
        "others_share": "Of like ones who stayed",
        "days_before": "Days before",
        "errors": "Met an error",
        "now": "Here now",
        "value": "Worth a year",
        "found": "On the finding half",
        "part_of": "Says the same as",
        "looked": "Paths looked at",
        "candidates": "Paths tested",
        "lead": "Left out right before",
        "back": "Days of losses",
        "support": "Least share who took it",
        "longest": "Most steps",
        "window": "Before a loss",
    },
    "journey/discovered": {
        "source": "Step",
        "target": "Then",
        "stood": "Customers there",
        "median_seconds": "Took, in the middle",
        "slow_seconds": "Nine of ten within",
        "errors": "Met an error",
        "adjusted": "p, all corrected",
        "still_open": "Still on their way",
        "coverage": "Share of moves drawn",
        "changes": "Draw what changed",
    },
    "journey/funnel": {
        "whole": "Of all who began",
        "median_seconds": "Took, in the middle",
        "adjusted": "p, all corrected",
        "rate": "Went through all",
        "open": "Still on their way",
    },
    "journey/paths": {
        "path": "Way",
        "median_seconds": "Took, in the middle",
        "slow_seconds": "Nine of ten within",
        "errors": "Met an error",
        "stood": "Known of those before",
        "adjusted": "p, all corrected",
        "score": "Then scored",
        "stayed": "Then stayed",
        "spent": "Then spent, each",
        "still_open": "Still on their way",
        "open": "Still on their way",
        "start": "From",
        "target": "To",
        "then": "Days followed",
        "among": "Only these steps",
    },
    "journey/map": {
        "within": "Within days",
        "within_days": "Days to get further",
        "gone": "Left here",
        "troubled_share": "Met trouble",
        "days_to_next": "Days to get further",
    },
    "journey/promises": {
        "due": "Fell due",
        "broken_share": "Broken",
        "broken_unweighted": "Broken, unweighted",
        "broken_before": "Broken before",
        "at_risk": "At risk now",
        "score_difference": "Score: broken less kept",
        "score_difference_unweighted": "The same, unweighted",
        "days": "Days ahead",
        "ahead": "Due next",
    },
    "leadership/priorities": {
        "net": "Brings, net",
        "positive": "Pays in",
        "included": "In the best list",
        "cost": "Expected cost",
        "chance": "Chance it works",
        "why": "Why there",
        "lost": "Lost a year as things are",
        "regret": "Worth of knowing all",
        "at_stake": "What each driver holds",
        "learn": "What to learn first",
        "lists": "What lists by points would lose",
        "gain": "Points lost",
        "worth": "Worth knowing",
        "what": "Not known",
    },
    "leadership/progress": {
        "now": "Last",
        "usual": "Usual",
        "low": "Ordinarily from",
        "high": "to",
        "chance": "Chance shows as much in",
        "told": "In words",
        "carry": "Carried over",
        "before": "Usual before",
    },
    "leadership/policies": {
        "with_it": "With it",
        "without": "Without it",
        "naive": "Not adjusted",
        "uses": "Used",
        "judged": "Judged here",
        "known": "Known before",
        "users": "Where used",
        "others": "Where not",
        "weighted": "Where not, weighted",
        "before": "Apart before",
        "after": "Apart as weighted",
        "hidden": "What something unmeasured would leave",
        "share_left": "Left of the effect",
    },
    "leadership/proof": {
        "on": "Took hold",
        "effect": "Moved by",
        "low": "from",
        "high": "to",
        "least": "Would have been seen",
        "told": "In words",
        "without": "Without it",
        "without_it": "Effect without it",
        "passed": "Passed",
        "counts": "Needed for a proof",
        "after": "Changed",
    },
    "listening/contacts": {
        "n": "Contacts",
        "before_n": "Contacts before",
        "active": "Active customers",
        "rate": "A month per 1,000",
        "before": "The same before",
        "tested": "Cells tested",
        "times": "How long it took",
        "said": "In their words",
    },
    "listening/drivers": {
        "days": "Days looked back",
        "explained": "Of the differences explained",
        "parts_explained": "By the parts of the survey",
        "title": "What was lived through",
        "penalty": "Loses",
        "reward": "Wins",
        "share": "Share explained",
        "value": "Worth",
        "contrast": "Compared",
    },
    "listening/scores": {
        "effective": "As precise as so many",
        "before": "Score before",
        "mix": "From who answered",
        "rate": "From what they said",
        "twice": "Answered both times",
        "same_change": "They moved by",
        "given": "How often each was given",
        "asked": "Customers asked",
        "answered": "Of those, answered",
    },
    "listening/silence": {
        "n": "Customers in the base",
        "asked": "Asked",
        "response": "Answer",
        "measured": "Shares are",
        "silent": "Said nothing",
        "silent_value": "What those are worth",
        "silent_value_share": "Of the base's worth",
        "bands": "By what customers are worth",
    },
    "listening/disconnects": {
        "n": "Customers with score and use",
        "agreement": "Score and use go together",
        "typical": "Days of use, median",
        "how": "How they disagree",
        "used": "Days of use",
        "used_before": "Before",
        "groups": "How many",
    },
    "listening/verbatims": {"n": "Verbatims", "customers": "Customers who said them", "q": "Words"},
}


def heading(field: Field, path: str = "") -> str:
    """What a field of a question is called.

    Args:
        field: The field, a column or a parameter.
        path: The question; empty takes what holds everywhere.
    """
    own = KNOWN.get(path, {}).get(field.name)
    if own:
        return own
    if field.name == "q":
        return "Words" if field.shape == "text" else "q"
    return EVERYWHERE.get(field.name) or wording.title(field.name)
