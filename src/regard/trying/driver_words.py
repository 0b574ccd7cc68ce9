"""The drivers of one file in words: the sentence, the facts, the checks, the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from regard.findings import Caution
from regard.listening.mentioned import mention_caution, mention_fact
from regard.wording import between, listed, number, percent, signed

if TYPE_CHECKING:
    from regard.trying.drivers import DriversTrial


def worded(told: DriversTrial, *, score: str, customer: str) -> DriversTrial:
    """The trial with its sentences."""
    texts = (_effect(told), mention_fact(told.mentions), _sides(told), _missed(told) or _together(told))
    facts = [t for t in texts if t]
    return msgspec.structs.replace(
        told, answer=_sentence(told, score), facts=tuple(facts[:3]), next_step=_next(told),
        cautions=_cautions(told, score, customer),
    )  # fmt: skip


def apart(blurred: list[str], index: float) -> str:
    """Whether the parts can be told apart."""
    ends = f"condition index {number(round(index))}" if index < 1e6 else "one part is the others' sum"
    if blurred:
        return f"{listed(blurred, most=4)}: neighbours blur the effect (inflation above 5; {ends}); read their group."
    return f"No part is so like its neighbours that its own effect is lost ({ends})."


def silent(leaning: list[str]) -> str:
    """Whether those who leave a part empty score otherwise."""
    if leaning:
        return (
            f"Those who leave {listed(leaning, most=4)} empty score otherwise: what they would have said is filled in."
        )
    return "Those who leave a part empty score like those who do not."


def _sentence(told: DriversTrial, score: str) -> str:
    first = told.rows[0]
    keys = [r for r in told.rows if r.key]
    whole = f"the parts explain {percent(told.estimate)} of {score}"
    if not keys:
        return f"No part stands out from the others beyond chance; {whole}."
    led = keys[0]
    others = listed([r.part for r in keys[1:]], most=3)
    lead = f"{led.part} goes with most of {score}" if led is first else f"{led.part} moves {score} most certainly"
    lead += f" ({percent(led.share)} of its variance, {between(led.share_low, led.share_high, percent)})"
    return f"{lead}{f', then {others}' if others else ''}; {whole}."


def _effect(told: DriversTrial) -> str:
    led = next((r for r in told.rows if r.key), None)
    if led is None or led.effect is None:
        return ""
    ends = between(led.effect_low, led.effect_high, lambda v: signed(v, 2))
    return f"One more point of {led.part} goes with {signed(led.effect, 2)} ({ends}), the others held still"


def _sides(told: DriversTrial) -> str:
    basic = [r.part for r in told.rows if r.kind == "basic"]
    wins = [r.part for r in told.rows if r.kind == "excitement"]
    texts = []
    if basic:
        texts.append(
            f"{listed(basic, most=3)} {'loses' if len(basic) == 1 else 'lose'} more when low than won when high"
        )
    if wins:
        texts.append(f"{listed(wins, most=3)} {'wins' if len(wins) == 1 else 'win'} more when high than lost when low")
    return "; ".join(texts)


def _missed(told: DriversTrial) -> str:
    if not told.missed:
        return ""
    row = told.missed[0]
    both = "both are" if " and " in row.parts else "it is"
    return f"A line misses {row.parts}: where {both} {row.where}, the score lies {signed(row.off, 2)} off what it says"


def _together(told: DriversTrial) -> str:
    if not told.groups:
        return ""
    row = told.groups[0]
    return f"{row.parts} move together: as a group {percent(row.share)} of the variance goes with them"


def _next(told: DriversTrial) -> str:
    if not any(r.key for r in told.rows):
        return "Ask more customers, or fewer parts; until then rank nothing by these shares."
    return "Change the first part for some customers and not for others, and try experiment or proof on what follows."


def _cautions(told: DriversTrial, score: str, customer: str) -> tuple[Caution, ...]:
    first = told.rows[0]
    left = listed((f"{r.part} ({r.why})" for r in told.left_out), most=3)
    found = {
        "association": "Shares and effects are association: who is in a good mood scores everything high. A part "
        "counts as key only by what it moves beyond the weakest part.",
        "rank_unsure": len(told.rows) > 1
        and first.first < 0.8
        and f"Which part is first is not settled: {first.part} leads in {percent(first.first)} of resamples.",
        "parts_left_out": left and f"Left out: {left}.",
        "whole_of_parts": (told.estimate or 0) > 0.95
        and f"The parts explain nearly all of {score}: is it computed from them? Then shares say nothing.",
        "one_each": not customer
        and "Every answer is taken as a customer's only one; name --customer where some answer again.",
    }
    cautions = [Caution(code=code, text=text) for code, text in found.items() if text]
    of_some = mention_caution(told.mentions)
    return tuple([*cautions, of_some] if of_some else cautions)
