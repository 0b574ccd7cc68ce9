"""Parts that only some answers speak of: whether they do, and what they say, as two effects kept apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard.findings import Caution
from regard.listening.tabled import finite
from regard.statistics.mentions import mentions, together_empty
from regard.wording import between, listed, percent, signed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.listening.facts import Fact
    from regard.statistics.mentions import Mention

MOST = 32
CLAIMED = 0.05


class MentionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A part that more than a tenth and fewer than nine tenths of the answers lack though it was asked."""

    part: Annotated[str, Meta(description="The part.")]
    told: Annotated[
        str, Meta(description="What goes with the score (Holm over all): mention, valence, both, neither.")
    ] = ""
    share: Annotated[float, Meta(description="Share of the answers asked that mention it.")] = 0.0
    mention: Annotated[
        float | None, Meta(description="Score of answers that mention it less of those that do not, others held still.")
    ] = None
    mention_low: Annotated[float | None, Meta(description="Lower end of its 95 % interval.")] = None
    mention_high: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None
    valence: Annotated[
        float | None, Meta(description="Score for one more point of it, of those who mention it, others held still.")
    ] = None
    valence_low: Annotated[float | None, Meta(description="Lower end of its 95 % interval.")] = None
    valence_high: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None
    by_score: Annotated[
        bool, Meta(description="Who mentions it differs by score (Holm over parts): valence may be of a chosen few.")
    ] = False
    lower: Annotated[float | None, Meta(description="Share that mentions it among scores below the mean.")] = None
    upper: Annotated[float | None, Meta(description="Share that mentions it among the other scores.")] = None
    asked: Annotated[int, Meta(description="Answers it could have been mentioned in: asked, and it applied.")] = 0
    mentioned: Annotated[int, Meta(description="Answers that mention it.")] = 0
    why: Annotated[str, Meta(description="Why an effect is not told.")] = ""


def mention_rows(found: tuple[Mention, ...]) -> tuple[MentionRow, ...]:
    """Mentions as a table, those that stand first."""
    rows = [
        MentionRow(
            part=m.name, told=m.told, share=m.share, asked=m.asked, mentioned=m.mentioned,
            mention=finite(m.mention.value), mention_low=finite(m.mention.low), mention_high=finite(m.mention.high),
            valence=finite(m.valence.value), valence_low=finite(m.valence.low), valence_high=finite(m.valence.high),
            by_score=m.selection <= CLAIMED, lower=finite(m.lower), upper=finite(m.upper), why=_why(m),
        )
        for m in found
    ]  # fmt: skip
    return tuple(sorted(rows, key=lambda r: (r.told == "neither", -abs(r.mention or 0.0))))


def _why(m: Mention) -> str:
    told = {"mention": m.mention.refused, "valence": m.valence.refused}
    if told["mention"] == told["valence"]:
        return told["mention"]
    return "; ".join(f"{name}: {why}" for name, why in told.items() if why)


def parts_mentioned(
    facts: list[Fact],
    score: NDArray[np.float64],
    customer: NDArray[np.int64],
    *,
    survey: NDArray[np.str_],
    at: NDArray[np.datetime64],
    weights: NDArray[np.float64] | None = None,
) -> tuple[MentionRow, ...]:
    """Mention and valence of the parts of the answers' surveys.

    Args:
        facts: Parts of the same answers; the `MOST` most often mentioned are told.
        score: What was given.
        customer: Who gave it.
        survey: The survey each answer belongs to.
        at: When it was given.
        weights: How many each answer stands for; None counts each once.
    """
    facts = sorted(facts, key=lambda f: -int(np.isfinite(f.value).sum()))[:MOST]
    if not facts:
        return ()
    value = np.column_stack([f.value for f in facts])
    found = mentions(
        value, score, tuple(f.title for f in facts), exempt=not_asked(value, survey, at), clusters=customer,
        weights=weights,
    )  # fmt: skip
    return mention_rows(found)


def not_asked(value: NDArray[np.float64], survey: NDArray[np.str_], at: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """Where a part lacks by the survey's design rather than by choice.

    A survey asks a part from the first answer that scores it to the last; nothing is said by a part never asked. Parts
    that lack together as a set were not asked, either.

    Args:
        value: Shape (answers, parts); NaN where there is none.
        survey: The survey each answer belongs to.
        at: When it was given.
    """
    lacks = np.isnan(value)
    found = together_empty(lacks.T).T
    for name in np.unique(survey):
        of = survey == name
        for j in range(value.shape[1]):
            when = at[of & ~lacks[:, j]]
            found[of, j] |= (at[of] < when.min()) | (at[of] > when.max()) if len(when) else True
    return np.asarray(found & lacks)


def mention_fact(rows: tuple[MentionRow, ...]) -> str:
    """The strongest part whose mention or valence stands, both effects side by side; empty where none does."""
    row = next((r for r in rows if r.told not in {"", "neither"}), None)
    if row is None:
        return ""
    ends = {
        name: between(low, high, lambda v: signed(v, 2))
        for name, low, high in (
            ("mention", row.mention_low, row.mention_high), ("valence", row.valence_low, row.valence_high),
        )
    }  # fmt: skip
    speak = f"{row.part} is mentioned by {percent(row.share)}"
    said = f"one more point of it goes with {signed(row.valence, 2)} ({ends['valence']}) among those who do"
    if row.mention is None:
        return f"{speak}: {said}"
    text = f"{speak}: to mention it at all goes with {signed(row.mention, 2)} ({ends['mention']})"
    return text if row.valence is None else f"{text}, {said}"


def mention_caution(rows: tuple[MentionRow, ...]) -> Caution | None:
    """That valence is of those who mention a part, and of which parts mention itself depends on the score."""
    told = [r for r in rows if r.valence is not None or r.mention is not None]
    if not told:
        return None
    text = f"What is said of {listed((r.part for r in told), most=3)} counts as told only of those who mention it."
    bent = [r for r in told if r.by_score]
    if bent:
        named = listed(
            (
                f"{r.part} ({percent(r.lower)} of lower scores mention it, {percent(r.upper)} of the others)"
                for r in bent
            ),
            most=3,
        )
        text += (
            f" Who speaks of it differs by score: {named}; where the score decides that, valence comes out too small."
        )
    return Caution(code="of_those_who_mention", text=text)
