"""The draft of what customers concerned are told: short, plain, without blame, and without a promise nobody made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regard.reliability.raised import Raised

DRAFTS = {
    "disruption": (
        "We see that something you use does not work as it should since {since}. We are on it, and will write again as "
        "soon as it works. You do not have to do anything, or to report it."
    ),
    "indicator": (
        "Since {since} something you use is slower or fails more often than usual. We are looking into it, and will "
        "write again when it is as it should be."
    ),
    "odd": (
        "We noticed something that may not be what you meant, and would rather ask than guess. If it is right as "
        "it is, you need not do anything. If it was a mistake, reply to this message and we put it right."
    ),
    "promise": (
        "We promised you something and may not be able to keep it in time. We would rather you hear it from us, now. "
        "We will tell you the new date as soon as we know it; if that does not help you, reply to this message."
    ),
}
"""What is said where a detector drafts nothing of its own."""


def draft(raised: Raised, *, since: str) -> str:
    """The draft for an alert's customers; a person reads it before anybody is sent it.

    Args:
        raised: The cause.
        since: When it began, in words.
    """
    return raised.notice or DRAFTS[raised.kind].format(since=since)
