"""How many a sampled span stands for: one over the chance it was kept, where that is told.

OpenTelemetry tells it in the trace state, ``ot=th:...`` (the share left out, hexadecimal, of 2^56; formerly ``p:n``,
one in 2^n); vendors in attributes: ``SampleRate`` is the number itself, ``sampler.param`` the chance.
https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from regard.sources.opentelemetry import Pairs

WHOLE = 1 << 56
MOST = 1e9
"""So many a span may stand for at most; beyond it the sampling is not believed."""

_THRESHOLD = re.compile(r"(?:^|,)\s*ot=(?:[^,]*;)?th:([0-9a-f]{1,14})(?:;|,|\s|$)")
_POWER = re.compile(r"(?:^|,)\s*ot=(?:[^,]*;)?p:([0-9]{1,2})(?:;|,|\s|$)")


def weight_of(state: str, attributes: Pairs) -> float | None:
    """How many an item stands for; None where it stands for itself.

    Args:
        state: The trace state.
        attributes: Of the item.
    """
    found = _of_state(state) if state else None
    if found is None:
        told = {name: value for name, value in attributes if name in _NAMES}
        found = _of_attributes(told) if told else None
    return found if found is not None and 1 < found <= MOST else None


_NAMES = frozenset(("SampleRate", "sampler.type", "sampler.param"))


@lru_cache(maxsize=512)
def _of_state(state: str) -> float | None:
    if found := _THRESHOLD.search(state):
        return WHOLE / (WHOLE - int(found[1].ljust(14, "0"), 16))
    if found := _POWER.search(state):
        return float(2 ** int(found[1]))
    return None


def _of_attributes(told: dict[str, Any]) -> float | None:
    try:
        if "SampleRate" in told:
            return float(told["SampleRate"])
        if told.get("sampler.type") == "probabilistic":
            return 1 / float(told["sampler.param"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return None
