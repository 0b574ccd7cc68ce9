"""The disrupted subset of one file: who is worse than their own past, though the total may be green."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from regard.errors import BadInput
from regard.figures.bars import GroupBar, group_bars
from regard.trying import cubed, subset_amounts, subset_counts
from regard.trying.columns import Columns
from regard.trying.steps import Every
from regard.trying.subset_rows import LeastRow, OtherRow, PartRow, Subset, SubsetRow, SubsetTrial
from regard.trying.trials import trial
from regard.wording import count, number

if TYPE_CHECKING:
    from regard.figures.figure import Figure

__all__ = ["LeastRow", "OtherRow", "PartRow", "SubsetRow", "SubsetTrial", "figure", "subset"]

DEPTH = 3
ACTUAL = ("real", "actual", "observed", "measured")
EXPECTED = ("predict", "predicted", "prediction", "expected", "forecast", "baseline")


@trial(
    title="Disrupted subset", example="regard try subset logins.csv --dims plan,country,version --bad failed --time day"
)
def subset(
    data: Columns,
    *,
    dims: Annotated[
        tuple[str, ...], Meta(description="Columns whose combinations are searched: plan,country,version.")
    ],
    bad: Annotated[str, Meta(description="Column of bad ones: how many, or yes and no where a row is one.")] = "",
    total: Annotated[str, Meta(description="Column of all of which bad ones are part; default each row is one.")] = "",
    actual: Annotated[str, Meta(description="Column of a count or amount, instead of bad and total.")] = "",
    expected: Annotated[
        str, Meta(description="Column of what actual was expected to be; default its earlier periods tell.")
    ] = "",
    time: Annotated[str, Meta(description="Column of when; the last period is now, the earlier ones its past.")] = "",
    from0: Annotated[
        str, Meta(description="When now begins, if it is more than the last period.", extra={"option": "from"})
    ] = "",
    every: Annotated[Every, Meta(description="Gather rows by hour, day, week or month; told from the times.")] = "",
    customer: Annotated[
        str, Meta(description="Column of the customer: each is counted once per combination and period.")
    ] = "",
    of: Annotated[str, Meta(description="What is counted, in the plural: customers, requests.")] = "",
    direction: Annotated[
        Literal["", "more", "fewer"], Meta(description="Which way is worse; default more for bad, either for actual.")
    ] = "",
    depth: Annotated[
        int, Meta(description="Most dimensions that name a subset; default 3, all with expected.", ge=0, le=8)
    ] = 0,
    season: Annotated[
        int, Meta(description="Periods of a season that is taken out; default weeks of days and days of hours.", ge=0)
    ] = 0,
    level: Annotated[
        float, Meta(description="False alarms over all combinations together.", gt=0, lt=0.5)
    ] = 0.05,
) -> SubsetTrial:  # fmt: skip
    """Which customers are disrupted now, though the total may be green?"""
    if not bad and not (actual and (expected or time)):
        actual, expected = _forecast(data, dims, actual, expected)
    if bool(bad) == bool(actual):
        raise BadInput(
            "Give either --bad or --actual.", where="--bad",
            hint="--bad failed --total requests for a rate; --actual orders [--expected forecast] for counts and "
            "amounts.",
        )  # fmt: skip
    if bad:
        cut = cubed.of_shares(data, dims, bad=bad, total=total, customer=customer, time=time, every=every, from_=from0,
                              depth=depth or DEPTH, season=season)  # fmt: skip
        noun = of or ("customers" if customer else total or "rows")
        return subset_counts.trial_of(cut, bad, noun, signs=(-1,) if direction == "fewer" else (1,), level=level)
    cut = cubed.of_amounts(data, dims, actual=actual, expected=expected, time=time, every=every, from_=from0,
                           depth=depth or (len(dims) if expected else DEPTH), season=season)  # fmt: skip
    signs = {"more": (1,), "fewer": (-1,), "": (1, -1)}[direction]
    if cut.past is None:
        return subset_amounts.trial_of(cut, actual, signs=signs, level=level)
    return subset_counts.trial_of(cut, actual, of, signs=signs, level=level)


def _forecast(data: Columns, dims: tuple[str, ...], actual: str, expected: str) -> tuple[str, str]:
    """Columns that are headed like an amount and its forecast, where nobody named any; both or none."""
    seen = actual or data.guess("actual", ACTUAL, "number", skip=(*dims, expected), needed=False)
    due = expected or (seen and data.guess("expected", EXPECTED, "number", skip=(*dims, seen), needed=False))
    if seen and due:
        return seen, due
    data.guessed.pop("actual", None)
    return actual, expected


def figure(found: SubsetTrial) -> Figure | None:
    """How many times as many as expected: what was found, what else it may be, and the whole."""
    bars = [
        GroupBar(
            label=_label(r.subset), value=r.ratio, low=r.low, high=r.high, text=f"{number(r.ratio, 2)}×", marked="bad",
            note=f"{number(r.seen)} of {number(r.expected)}",
        )
        for r in found.rows if found.disrupted
    ]  # fmt: skip
    bars += [
        GroupBar(label=_label(o.subset), value=o.ratio, text=f"{number(o.ratio, 2)}×",
                 note=f"{number(o.seen)} of {number(o.expected)}; cannot be ruled out")
        for o in found.alternatives[:4]
    ]  # fmt: skip
    if not found.disrupted:
        bars = [
            GroupBar(label=_label(r.subset), value=r.ratio, note="within chance", text=f"{number(r.ratio, 2)}×")
            for r in found.rows
        ]
    if found.whole_ratio is not None:
        bars.append(GroupBar(label="Everything", value=found.whole_ratio, text=f"{number(found.whole_ratio, 2)}×",
                             note="the total"))  # fmt: skip
    if not bars:
        return None
    alt = f"{count(len(bars), 'subset')} by how many times as many as expected there are."
    return group_bars(bars, title=found.answer, alt=alt, reference=1.0, reference_text="as expected",
                      write=lambda v: f"{number(v, 2)}×")  # fmt: skip


def _label(subset: Subset) -> str:
    """Its values, short enough for a row."""
    return " · ".join(v if isinstance(v, str) else "/".join(v) for v in subset.values()) or "Everything"
