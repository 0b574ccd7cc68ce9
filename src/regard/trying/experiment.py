"""An experiment from one file: arms compared, with what would spoil the comparison."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard.errors import BadInput, Refusal
from regard.figures.bars import GroupBar, group_bars
from regard.findings import Caution, Interval
from regard.statistics import sequences
from regard.statistics.estimates import Estimate, size_of
from regard.statistics.experiments import Arm, Experiment, compare, least_detectable, sample_ratio
from regard.trying.columns import Columns
from regard.trying.trials import Check, Trial, trial
from regard.wording import between, count, listed, number, percent, signed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.figures.figure import Figure

ARM = ("arm", "variant", "version", "group", "treatment", "bucket", "experiment", "test group", "cell")
CONTROLS = {"control", "ctrl", "baseline", "holdout", "a", "0", "old", "off", "false", "no"}
MISMATCH = 0.01
LOUD = 0.3


class ArmRow(msgspec.Struct, frozen=True, kw_only=True):
    """One arm."""

    arm: Annotated[str, Meta(description="The arm.")]
    n: Annotated[int, Meta(description="Rows with an outcome.")] = 0
    units: Annotated[int, Meta(description="Units (customers) among them.")] = 0
    mean: Annotated[float | None, Meta(description="Mean outcome; a share where it is yes or no.")] = None
    difference: Annotated[float | None, Meta(description="Difference from the control; empty for itself.")] = None
    low: Annotated[float | None, Meta(description="Lower end of its interval, for one look at the end.")] = None
    high: Annotated[float | None, Meta(description="Upper end.")] = None
    relative: Annotated[float | None, Meta(description="The difference as a share of the control's mean.")] = None
    p: Annotated[float | None, Meta(description="p-value, corrected for the number of arms.")] = None
    capped: Annotated[
        float | None, Meta(description="The difference with the most extreme thousandth of values cut off.")
    ] = None


class LookRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one look while it ran would have shown."""

    n: Annotated[int, Meta(description="Rows until then.")]
    difference: Annotated[float, Meta(description="The difference.")]
    low: Annotated[float, Meta(description="Lower end of the interval that holds at all looks together.")]
    high: Annotated[float, Meta(description="Its upper end.")]
    once_low: Annotated[float, Meta(description="Lower end of the interval for a single look.")]
    once_high: Annotated[float, Meta(description="Its upper end.")]


class ExperimentTrial(Trial, frozen=True, kw_only=True):
    """What the arms of an experiment did."""

    arm: Annotated[str, Meta(description="The arm the estimate is of: the one that differs most clearly.")] = ""
    control: Annotated[str, Meta(description="The arm it is held against.")] = ""
    outcome: Annotated[str, Meta(description="Column of the outcome.")] = ""
    is_share: Annotated[bool, Meta(description="Whether the outcome is yes or no.")] = False
    anytime: Annotated[
        Interval | None, Meta(description="The interval that holds however often one looked before the end.")
    ] = None
    saved: Annotated[float, Meta(description="Share of the variance the measure from before takes out.")] = 0.0
    detectable: Annotated[
        float | None, Meta(description="Smallest difference such an experiment finds in four of five cases.")
    ] = None
    rows: Annotated[tuple[ArmRow, ...], Meta(description="The arms, the control first.")] = ()
    looks: Annotated[tuple[LookRow, ...], Meta(description="What looking while it ran would have shown.")] = ()


@dataclass(frozen=True)
class _Read:
    arm: NDArray[np.object_]
    y: NDArray[np.float64]
    before: NDArray[np.float64] | None
    unit: NDArray[np.object_] | None
    control: str
    outcome: str
    torn: int
    place: NDArray[np.int64]
    column: str

    def called(self, name: str) -> str:
        """An arm in a sentence: one that is a bare number is told with its column."""
        return f"{self.column} {name}" if name.replace(".", "", 1).isdigit() else name

    @property
    def names(self) -> list[str]:
        return [self.control, *sorted({str(a) for a in self.arm} - {self.control})]

    def drawn(self, name: str) -> int:
        """Units that were given an arm, whether or not an outcome is known of them."""
        own = self.arm == name
        return int(own.sum()) if self.unit is None else len(set(self.unit[own]))


@trial(
    title="Experiment", example="regard try experiment test.csv --arm variant --outcome bought --before orders_before"
)
def experiment(
    data: Columns,
    *,
    arm: Annotated[str, Meta(description="Column that says which arm a row's customer was given.")] = "",
    outcome: Annotated[str, Meta(description="Column of the outcome: a number, or yes and no.")],
    before: Annotated[
        str, Meta(description="Column of a measure from before the experiment; takes out variance.")
    ] = "",
    control: Annotated[str, Meta(description="The arm the others are held against; told from its name.")] = "",
    unit: Annotated[str, Meta(description="Column of the customer, where one has several rows.")] = "",
    shares: Annotated[
        tuple[float, ...], Meta(description="Sizes the arms were drawn with, control first, the others by name: 50,50.")
    ] = (),
    time: Annotated[str, Meta(description="Column of when a row came in, for --looks; default the file's order.")] = "",
    looks: Annotated[
        int, Meta(description="How often the experiment was looked at before its end; the interval then allows for it.")
    ] = 0,
    planned: Annotated[
        int, Meta(description="Rows planned before it began; makes intervals for looks narrowest there.")
    ] = 0,
) -> ExperimentTrial:
    """Which arm of the experiment did better, by how much, and is the experiment sound?"""
    read = _read(data, arm=arm, outcome=outcome, before=before, control=control, unit=unit)
    found = compare(read.y, read.arm, read.control, before=read.before, clusters=read.unit)
    others = [a for a in found.arms[1:] if not a.difference.refused]
    if not others:
        raise Refusal(
            f"The arms cannot be compared: {found.arms[1].difference.refused}.",
            hint=f"Arms: {listed(f'{a.name} ({a.units:,})' for a in found.arms)}. "
            "Let it run on, or name an outcome of yes and no.",
        )
    best = min(others, key=lambda a: (a.p, -abs(a.difference.value), a.name))
    size = size_of(read.y[np.isfinite(read.y)])
    spread = size * float(np.nanstd(read.y / size)) * math.sqrt(max(1 - found.saved, 0.0))
    always = sequences.anytime(best.difference, sequences.tuned(spread, planned or None, best.difference.level))
    seen = _looked(data, read, found, best, (looks, planned, time)) if looks and not unit else ()
    judged = always if looks and not always.refused else best.difference
    checks = _checks(read, found, shares)
    return ExperimentTrial(
        answer=_answer(read, found, best, judged, checks),
        estimate=best.difference.value,
        interval=Interval(low=judged.low, high=judged.high),
        n=best.difference.n,
        method=judged.method + ("" if judged is best.difference else f" around {best.difference.method}"),
        checks=checks,
        cautions=_cautions(read, found, looks, unit),
        facts=_facts(read, found, best),
        next_step=_next(judged, checks),
        arm=best.name,
        control=read.control,
        outcome=read.outcome,
        is_share=found.is_share,
        anytime=None if always.refused else Interval(low=always.low, high=always.high),
        saved=found.saved,
        detectable=least_detectable(best.difference.error),
        rows=tuple(_row(a, found.arms[0]) for a in found.arms),
        looks=seen,
    )


def _read(data: Columns, *, arm: str, outcome: str, before: str, control: str, unit: str) -> _Read:
    arm = arm or data.guess("arm", ARM, "text", skip=tuple(n for n in (outcome, before, unit) if n))
    labels, y = data.text(arm), data.numbers(outcome)
    keep = np.array([label is not None for label in labels], bool)
    who = data.text(unit) if unit else None
    torn = 0
    if who is not None:
        keep &= np.array([w is not None for w in who], bool)
        given: dict[str, set[str]] = {}
        for one, label in zip(who[keep], labels[keep], strict=True):
            given.setdefault(one, set()).add(label)
        several = {one for one, arms in given.items() if len(arms) > 1}
        torn = len(several)
        keep &= np.array([w not in several for w in who], bool)
    names = sorted({str(v) for v in labels[keep]})
    if len(names) < 2:
        raise Refusal(
            f"{arm} names {count(len(names), 'arm')}; an experiment has two or more.",
            hint="Name the column with --arm.",
        )
    if len(names) > 20:
        raise BadInput(
            f"{arm} names {len(names):,} arms; at most 20 are compared.", where="--arm", hint="Name the column of arms."
        )
    if control and control not in names:
        raise BadInput(f"No arm is called {control!r}.", where="--control", hint=f"Arms: {listed(names)}.")
    seen = {str(v) for v in labels[keep & np.isfinite(y)]}
    if not seen:
        raise Refusal(f"{outcome} is empty in every row.", hint="Name another outcome.")
    _varies(outcome, y[keep & np.isfinite(y)])
    told = control or next((n for n in names if n.lower() in CONTROLS or "control" in n.lower()), names[0])
    if told not in seen or len(seen) < 2:
        raise Refusal(
            f"{outcome} is known in {listed(sorted(seen))} only, so nothing can be compared with {told}.",
            hint="Bring the outcomes of both arms.",
        )
    past = data.numbers(before)[keep] if before else None
    return _Read(
        labels[keep], y[keep], past, None if who is None else who[keep], told, outcome, torn, np.flatnonzero(keep), arm
    )


def _varies(outcome: str, y: NDArray[np.float64]) -> None:
    """Nobody, or everybody, of two arms still tells something; an amount that is the same everywhere does not."""
    values = np.unique(y)
    if len(values) == 1 and values[0] not in {0.0, 1.0}:
        raise Refusal(
            f"{outcome} is {number(values[0])} in every row: nothing to compare.", hint="Name another outcome."
        )


def _looked(data: Columns, read: _Read, found: Experiment, best: Arm, how: tuple[int, int, str]) -> tuple[LookRow, ...]:
    """The looks one would have had, on the outcome as adjusted."""
    times, planned, time = how
    pair = np.isin(read.arm.astype(str), [read.control, best.name])
    y = read.y
    if read.before is not None and found.theta:
        y = y - found.theta * np.where(np.isfinite(read.before), read.before - np.nanmean(read.before), 0.0)
    order = np.argsort(data.times(time)[read.place], kind="stable") if time else np.arange(len(y))
    order = order[pair[order]]
    rows = sequences.looks(
        y[order], read.arm[order].astype(str) == best.name, count=min(times, 100), planned=planned or None,
        level=best.difference.level,
    )  # fmt: skip
    return tuple(
        LookRow(
            n=r.n, difference=r.value, low=r.low, high=r.high, once_low=r.once_low, once_high=r.once_high
        )
        for r in rows
    )  # fmt: skip


def _row(arm: Arm, control: Arm) -> ArmRow:
    d = arm.difference
    given = not d.refused
    return ArmRow(
        arm=arm.name, n=arm.n, units=arm.units, mean=arm.mean if arm.n else None,
        difference=d.value if given else None, low=d.low if given else None, high=d.high if given else None,
        relative=d.value / abs(control.mean) if given and control.mean else None, p=arm.p if given else None,
        capped=arm.trimmed.value if math.isfinite(arm.trimmed.value) else None,
    )  # fmt: skip


def _write(found: Experiment, value: float) -> str:
    return f"{signed(100 * value, 2)} points" if found.is_share else signed(value, None)


def _answer(read: _Read, found: Experiment, best: Arm, judged: Estimate, checks: tuple[Check, ...]) -> str:
    scale, digits = (100, 2) if found.is_share else (1, None)
    ends = between(judged.low, judged.high, lambda v: signed(scale * v, digits)) + " points" * found.is_share
    change = f"{_write(found, best.difference.value)} ({ends})"
    arm, control = read.called(best.name), read.called(read.control)
    if judged.clear:
        way = "raises" if best.difference.value > 0 else "lowers"
        size = _write(found, abs(best.difference.value)).lstrip("+")
        told = f"{arm} {way} {read.outcome} by {size} against {control} ({ends})."
    else:
        told = f"No difference in {read.outcome} can be told between {arm} and {control}: {change}."
    if any(c.name == "sample_ratio" and c.passed is False for c in checks):
        told += " But the arms are not of the sizes drawn: something besides chance decided who is in them."
    return told


def _checks(read: _Read, found: Experiment, shares: tuple[float, ...]) -> tuple[Check, ...]:
    sizes = [read.drawn(name) for name in read.names]
    if shares and len(shares) != len(sizes):
        raise BadInput(
            f"--shares has {len(shares)} numbers for {len(sizes)} arms.",
            where="--shares", hint=f"In this order: {', '.join(read.names)}.",
        )  # fmt: skip
    ratio = sample_ratio(sizes, shares or None)
    given = " to ".join(number(s) for s in (shares or [1] * len(sizes)))
    told = listed(f"{read.called(name)} {size:,}" for name, size in zip(read.names, sizes, strict=True))
    fair = ratio >= MISMATCH
    checks = [
        Check(
            name="sample_ratio", passed=fair, value=ratio,
            text=f"Sizes {told}, drawn {given}: {'as chance has it' if fair else 'not by chance'} (p {_p(ratio)}).",
        )
    ]  # fmt: skip
    checks.append(_answered(read))
    if read.before is not None and math.isfinite(found.before):
        alike = found.before >= MISMATCH
        checks.append(
            Check(
                name="alike_before", passed=alike, value=found.before,
                text=f"Before the experiment the arms were {'alike' if alike else 'apart'} (p {_p(found.before)}).",
            )
        )  # fmt: skip
    if not found.is_share:
        quiet = found.loudest <= LOUD
        checks.append(
            Check(
                name="tails", passed=quiet, value=found.loudest,
                text=f"The loudest single row makes {percent(found.loudest)} of its arm's variance"
                + ("." if quiet else "; the mean hangs on it, so see the capped difference."),
            )
        )  # fmt: skip
    return tuple(checks)


def _answered(read: _Read) -> Check:
    """Whether outcomes are missing alike in all arms."""
    lost = [int((~np.isfinite(read.y[read.arm == name])).sum()) for name in read.names]
    rows = [int((read.arm == name).sum()) for name in read.names]
    if not sum(lost):
        return Check(name="outcomes", passed=True, text="Every row has an outcome.", value=1.0)
    p = sample_ratio(lost, rows)
    told = listed(f"{n} {percent(k / r)}" for n, k, r in zip(read.names, lost, rows, strict=True))
    return Check(
        name="outcomes", passed=p >= MISMATCH, value=p,
        text=f"Rows without an outcome: {told}; {'alike' if p >= MISMATCH else 'not alike'} in the arms (p {_p(p)}).",
    )  # fmt: skip


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {number(value, 3)}"


def _cautions(read: _Read, found: Experiment, looks: int, unit: str) -> tuple[Caution, ...]:
    told = []
    if read.torn:
        text = f"{count(read.torn, 'customer')} were seen in more than one arm and are left out."
        told.append(Caution(code="in_two_arms", text=text))
    if len(found.arms) > 2:
        arms = f"{len(found.arms) - 1} arms are compared with {read.control}"
        text = f"{arms}: their intervals hold together, their p-values are Holm's."
        told.append(Caution(code="several_arms", text=text))
    refused = [f"{a.name} ({a.difference.refused})" for a in found.arms[1:] if a.difference.refused]
    if refused:
        told.append(Caution(code="arm_refused", text=f"Not compared: {listed(refused)}."))
    if not looks:
        text = "The interval is for one look at a planned end. Give --looks N if it was watched while it ran."
        told.append(Caution(code="one_look", text=text))
    elif unit:
        text = (
            "With several rows a customer, looks on the way are not shown; the interval allows for any number of them."
        )
        told.append(Caution(code="looks_by_customer", text=text))
    return tuple(told)


def _facts(read: _Read, found: Experiment, best: Arm) -> tuple[str, ...]:
    control = found.arms[0]
    told = []
    if found.is_share:
        both = (f"{percent(a.mean, 2)} of {a.n:,} in {read.called(a.name)}" for a in (control, best))
        told.append(f"{read.outcome}: {', '.join(both)}.")
    else:
        both = (f"{number(a.mean)} in {read.called(a.name)}" for a in (control, best))
        told.append(f"Mean {read.outcome}: {', '.join(both)}.")
    if found.theta:
        told.append(f"The measure from before takes out {percent(found.saved)} of the variance.")
    told.append(
        f"Such an experiment finds a difference of {_write(found, least_detectable(best.difference.error)).lstrip('+')}"
        " or more in four of five cases."
    )
    return tuple(told)


def _next(judged: Estimate, checks: tuple[Check, ...]) -> str:
    if any(c.name == "sample_ratio" and c.passed is False for c in checks):
        return (
            "Find where customers are lost between the draw and this file (days, devices, filters, redirects) before "
            "acting on the difference; if the arms were not drawn alike, give their sizes with --shares."
        )
    if any(c.passed is False for c in checks):
        return "Look into the failed check before acting on the difference."
    if not judged.clear:
        return "Decide whether a difference within the interval would matter; if so, let it run on."
    return ""


def figure(found: ExperimentTrial) -> Figure | None:
    """Every arm's difference from the control, on its interval."""

    def write(value: float) -> str:
        return f"{signed(100 * value, 2)} points" if found.is_share else signed(value, None)

    bars = [
        GroupBar(
            label=row.arm, value=row.difference, low=row.low, high=row.high, note=f"n = {row.n:,}",
        )
        for row in found.rows
        if row.difference is not None
    ]  # fmt: skip
    return group_bars(bars, title=found.answer, reference=0.0, reference_text=f"as {found.control}", write=write)
