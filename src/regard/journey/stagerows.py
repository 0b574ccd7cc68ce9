"""What each customer lived at each declared stage, by a label of the steps there: one row each, from the columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regard.steps.columns import closed_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regard.signals.declarations import Stage
    from regard.signals.stepscope import Stepped
    from regard.steps.columns import Selection, Steps

Whole = NDArray[np.int64]
Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]
DAY = 86_400_000_000
NEVER = np.iinfo(np.int64).max
ASKED = 7
"""Days after a first step at a stage in which asking for help counts."""


def stages_of(names: Sequence[str], stages: Sequence[Stage]) -> Whole:
    """The stage each step belongs to, -1 for none; the first declared moment that matches wins.

    What a moment names (events, areas, promises, a kind's change) goes before what takes a kind whole. Answers belong
    to moments by their survey, which a step does not tell: they are of no stage here.
    """
    found = np.full(len(names), -1)
    for whole in (False, True):
        for number, stage in enumerate(stages):
            rules = [rule for moment in stage.moments for rule in _rules(moment, whole=whole)]
            for k, name in enumerate(names):
                if found[k] < 0 and any(name.startswith(r[:-1]) if r.endswith("*") else name == r for r in rules):
                    found[k] = number
    return found


def _rules(moment: object, *, whole: bool) -> list[str]:
    """Names of steps a moment takes; * at the end matches what begins so."""
    kinds: tuple[str, ...] = moment.kinds  # type: ignore[attr-defined]
    if whole:
        return [rule for kind in kinds if ":" not in kind for rule in (kind, f"{kind}: *")]
    named = [kind.replace(":", ": ", 1) for kind in kinds if ":" in kind]
    areas = [f"contact: {area}" for area in moment.areas]  # type: ignore[attr-defined]
    promises = [f"promise: {p} {end}" for p in moment.promises for end in ("kept", "broken")]  # type: ignore[attr-defined]
    return [*moment.events, *named, *areas, *promises]  # type: ignore[attr-defined]


@dataclass(frozen=True, kw_only=True)
class StageRows:
    """One row a customer, stage and label in the period; times in microseconds UTC.

    Attributes:
        customer: (n,) whose.
        part: (n,) number of the slice.
        row: (n,) row of the first step there in the period.
        stage: (n,) number of the stage.
        label: (n,) code of the label, above 0.
        at: (n,) when it was.
        times: (n,) steps there.
        failed: (n,) steps there that met an error.
        asked: (n,) 1 where the customer asked for help in the days after; NaN where those are not over.
        gone: (n,) 1 where a first arrival ever got no further in time and was not seen in the second half of it; NaN
            where it is no first arrival, the time is not over, or there is no later stage.
        days: (n,) days to a later stage, of first arrivals who got there in time; else NaN.
        known: (n,) days since the customer's first step.
        busy: (n,) steps in the 90 days before.
    """

    customer: Whole
    part: Whole
    row: Whole
    stage: Whole
    label: Whole
    at: Whole
    times: Whole
    failed: Whole
    asked: Floats
    gone: Floats
    days: Floats
    known: Floats
    busy: Floats

    def __len__(self) -> int:
        return len(self.customer)

    def only(self, which: NDArray[np.bool_] | Whole) -> StageRows:
        """Some of them."""
        return StageRows(**{name: getattr(self, name)[which] for name in StageRows.__dataclass_fields__})


def stage_rows(stepped: Stepped, stages: Sequence[Stage], by: str, *, within: int) -> StageRows:
    """What everybody lived at each stage in the period.

    Args:
        stepped: The steps.
        stages: As declared, in order.
        by: The dimension whose labels tell apart.
        within: Days to get further in.
    """
    names = stepped.steps[0].names if stepped.steps else ()
    of = stages_of(names, stages)
    help_ = np.array([n == "contact" or n.startswith("contact: ") for n in names], np.bool_)
    steps, now = closed_up(stepped.steps, stepped.now)
    parts = [_of_slice(each, k, now, (of, help_), by, within=within * DAY) for k, each in enumerate(steps)]
    for each, part in zip(stepped.steps, parts, strict=True):
        part["row"] = part["row"] if each.later is None else each.rows[part["row"]]
    # Customers are whole numbers of 64 bits: an empty part of another type would make them floats.
    columns: dict[str, Any] = {
        name: np.concatenate([np.zeros(0, _KINDS.get(name, np.int64)), *(p[name] for p in parts)])
        for name in StageRows.__dataclass_fields__
    }
    return StageRows(**columns)


_KINDS: dict[str, type] = {
    "asked": np.float64, "gone": np.float64, "days": np.float64, "known": np.float64,
    "busy": np.float64,
}  # fmt: skip


def _of_slice(
    each: Steps, part: int, now: Selection, told: tuple[Whole, Truths], by: str, *, within: int
) -> dict[str, NDArray[np.generic]]:
    of, help_ = told
    end = now.end if now.end is not None else NEVER
    owner = np.repeat(np.arange(len(each.customers)), np.diff(each.starts))
    stage = of[each.codes]
    able = np.ones(each.n, np.bool_) if now.rows is None else now.rows[part].copy()
    if now.customers is not None:
        able &= now.customers[part][owner]
    label = each.labels[by].codes
    at = np.flatnonzero(able & (stage >= 0) & (label > 0) & (each.times >= now.since) & (each.times < now.until))
    size, labels = int(of.max(initial=-1)) + 1, len(each.labels[by].values)
    key = (owner[at] * max(size, 1) + stage[at]) * labels + label[at]
    different, first, place = np.unique(key, return_index=True, return_inverse=True)
    rows = at[first]
    who, where = owner[rows], stage[rows]
    time = each.times[rows]
    gone, days = _further(each, owner, np.where(able, stage, -1), (rows, who, where), size, within=within, end=end)
    return {
        "customer": each.customers[who], "part": np.full(len(rows), part), "row": rows, "stage": where,
        "label": label[rows], "at": time, "times": np.bincount(place.reshape(-1), minlength=len(different)),
        "failed": np.bincount(place.reshape(-1), each.failed[at], minlength=len(different)),
        "asked": _asked(each, owner, np.flatnonzero(able & help_[each.codes]), rows, end=end), "gone": gone,
        "days": days, "known": (time - each.times[each.starts[who]]) / DAY, "busy": _busy(each, owner, rows),
    }  # fmt: skip


def _asked(each: Steps, owner: Whole, help_: Whole, rows: Whole, *, end: int) -> Floats:
    """Whether each row's customer asked for help in the days after it."""
    at = np.searchsorted(help_, rows, side="right")
    then = help_[np.minimum(at, max(len(help_) - 1, 0))] if len(help_) else np.zeros(len(rows), np.int64)
    found = (at < len(help_)) & (owner[then] == owner[rows]) & (each.times[then] - each.times[rows] <= ASKED * DAY)
    return np.where(end - each.times[rows] >= ASKED * DAY, found.astype(float), np.nan)


def _busy(each: Steps, owner: Whole, rows: Whole) -> Floats:
    """Steps each row's customer took in the 90 days before."""
    if not len(rows):
        return np.zeros(0)
    second = (each.times - each.times.min()) // 1_000_000
    wide = int(second.max()) + 1
    since = owner[rows] * wide + np.maximum(second[rows] - 90 * 86_400, 0)
    found: Floats = (rows - np.searchsorted(owner * wide + second, since)).astype(float)
    return found


def _further(
    each: Steps, owner: Whole, stage: Whole, told: tuple[Whole, Whole, Whole], size: int, *, within: int, end: int
) -> tuple[Floats, Floats]:
    """Who got no further, and days to a later stage, of first arrivals with enough time."""
    rows, who, where = told
    at = np.flatnonzero(stage >= 0)
    # Steps are in order of time: written from the last to the first, the first arrival stays.
    first = np.full((len(each.customers), size + 1), -1)
    first[owner[at[::-1]], stage[at[::-1]]] = at[::-1]
    last = np.zeros(len(each.customers), np.int64)
    last[owner[at]] = each.times[at]
    arrived = np.where(first >= 0, each.times[np.maximum(first, 0)], NEVER) if each.n else np.full(first.shape, NEVER)
    later = np.minimum.accumulate(arrived[:, ::-1], axis=1)[:, ::-1]
    time = each.times[rows]
    next_ = later[who, where + 1]
    able = (first[who, where] == rows) & (next_ >= time) & (end - time >= within)
    # From the last stage anybody comes to, nobody can be seen to go further.
    able &= where < int(stage.max(initial=-1))
    took = np.where(next_ == NEVER, NEVER, next_ - time)
    on = able & (took <= within)
    gone = np.where(able, (~on & (last[who] - time < within // 2)).astype(float), np.nan)
    return gone, np.where(on, took / DAY, np.nan)
