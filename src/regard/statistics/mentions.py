"""Parts that only some answers say anything about: being mentioned, and what is said, each with its own effect."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from regard.statistics.comparisons import holm
from regard.statistics.estimates import LEVEL, Estimate, Floats, Whole, around, codes, refusal
from regard.statistics.proportions import moments
from regard.statistics.regression import Fit, least_squares, wald

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Mask = NDArray[np.bool_]

LEAST, LEAST_PEOPLE = 30, 20
"""Answers, and those who gave them, that each side needs: who mentions it, and who does not."""
RANGE = (0.1, 0.9)
"""Shares of answers that lack a part between which mention and valence are told apart."""
BLURRED = 10.0
"""Variance inflation from which an effect is lost in its neighbours: a correlation of .95."""
_METHOD = "least squares on mention and centred score of every part, errors robust or by cluster"


@dataclass(frozen=True, kw_only=True)
class Mention:
    """One part's two effects.

    Attributes:
        name: The part.
        asked: Answers it could have been mentioned in.
        mentioned: Answers that score it.
        share: Their weighted share.
        mention: Outcome of an answer that mentions it (at its mean score) less that of one that does not.
        valence: Outcome for one unit more of its score, among those who mention it.
        lower: Share that mentions it where the outcome is below its mean.
        upper: Share that mentions it where the outcome is not below its mean.
        selection: p-value of mention not depending on the outcome, all parts accounted for (Holm); NaN if not tested.
        told: Which of both effects stands, all effects of all parts accounted for (Holm).
    """

    name: str
    asked: int
    mentioned: int
    share: float
    mention: Estimate
    valence: Estimate
    lower: float
    upper: float
    selection: float
    told: Literal["both", "mention", "valence", "neither"] = "neither"


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """Rows with an outcome: scores with NaN for what was not said, and where saying nothing was no choice."""

    score: Floats
    y: Floats
    exempt: Mask
    who: Whole | None
    weight: Floats | None

    def people(self, at: Mask) -> int:
        """Clusters among some rows; the rows themselves without clusters."""
        return int(at.sum()) if self.who is None else len(np.unique(self.who[at]))


def together_empty(empty: Mask, *, often: float = 0.1, alike: float = 0.95) -> Mask:
    """Where columns are empty as a set, as questionnaires of modules leave them: two or more always lack together.

    Args:
        empty: Shape (columns, rows).
        often: Share of the rows a column must lack in.
        alike: Of the rows in which either of two columns is empty, the share in which both must be.
    """
    found = np.zeros(empty.shape, dtype=np.bool_)
    lacking = np.flatnonzero(empty.mean(axis=1) >= often)
    for j in lacking:
        others = [k for k in lacking if k != j and _overlap(empty[j], empty[k]) >= alike]
        if others:
            found[j] = empty[j] & empty[others].all(axis=0)
    return found


def _overlap(one: Mask, other: Mask) -> float:
    either = int((one | other).sum())
    return float((one & other).sum()) / either if either else 0.0


def mentions(
    scores: ArrayLike,
    y: ArrayLike,
    names: tuple[str, ...],
    *,
    exempt: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    level: float = LEVEL,
    claimed: float = 0.05,
) -> tuple[Mention, ...]:
    """Effect of being mentioned and effect of what is said, of every part that a fair share of the answers lacks.

    One regression with, for each part, an indicator of its being mentioned and its score about the mean of those who
    mention it (zero for the others). So the indicator's coefficient compares who mentions it at its usual score with
    who does not, and the score's is about those who mention it alone.
    References: Leffondré, Abrahamowicz, Siemiatycki, Rachet (2002), American Journal of Epidemiology 156, 813-823, for
    the centred pair; Duan, Manning, Morris, Newhouse (1983), Journal of Business & Economic Statistics 1, 115-126, for
    two parts kept apart. Errors HC3, or cluster-robust given clusters; that the mean score is itself estimated is added
    (delta method). Assumes a linear mean, and that mention does not depend on the outcome itself: `selection` tests
    that against mention as a curve of the outcome, alone, and cannot tell which of both comes first.
    Thin evidence: an effect is refused where fewer than `LEAST` answers or `LEAST_PEOPLE` clusters mention the part or
    do not, or where its neighbours blur it.

    Args:
        scores: Shape (rows, parts); NaN where nothing is said.
        y: Shape (rows,).
        names: Names of the parts.
        exempt: Shape (rows, parts): where it was not asked or did not apply, so that silence says nothing.
        clusters: Who each row belongs to.
        weights: Sampling weights, one per row.
        level: Confidence.
        claimed: Chance of even one false claim held over all effects.

    Returns:
        One for each part that more than a tenth and fewer than nine tenths of the answers that could mention it lack.
    """
    rows = _rows(scores, y, exempt, clusters, weights)
    some = [j for j in range(len(names)) if _fair(rows, j)]
    if not some:
        return ()
    found = _effects(rows, names, some, level)
    both = holm([[m.mention.p, m.valence.p] for m in found]) <= claimed  # NaN is never below
    selected = holm([m.selection for m in found])
    words: tuple[Literal["neither", "mention", "valence", "both"], ...] = ("neither", "mention", "valence", "both")
    return tuple(
        replace(m, told=words[int(b[0]) + 2 * int(b[1])], selection=float(s))
        for m, b, s in zip(found, both, selected, strict=True)
    )


def _rows(
    scores: ArrayLike, y: ArrayLike, exempt: ArrayLike | None, clusters: ArrayLike | None, weights: ArrayLike | None
) -> _Rows:
    outcome = np.asarray(y, float)
    keep = np.isfinite(outcome)
    score = np.asarray(scores, float).reshape(len(outcome), -1)[keep]
    none = np.zeros(score.shape, bool) if exempt is None else np.asarray(exempt, bool).reshape(len(outcome), -1)[keep]
    return _Rows(
        score=score, y=outcome[keep], exempt=none & np.isnan(score),
        who=None if clusters is None else codes(np.asarray(clusters)[keep])[0],
        weight=None if weights is None else np.asarray(weights, float)[keep],
    )  # fmt: skip


def _fair(rows: _Rows, j: int) -> bool:
    asked = int((~rows.exempt[:, j]).sum())
    lacking = asked - int(np.isfinite(rows.score[:, j]).sum())
    return asked > 0 and RANGE[0] < lacking / asked < RANGE[1]


def _effects(rows: _Rows, names: tuple[str, ...], some: list[int], level: float) -> list[Mention]:
    design, at = _design(rows, some)
    n, k = design.shape
    people = n if rows.who is None else int(rows.who.max()) + 1
    if n < k + 20 or people < k + 10:
        thin = refusal(f"only {people:,} answers or customers for {k} columns", n=n, method=_METHOD, level=level)
        return [_part(rows, names[j], j, thin, thin) for j in some]
    fit = least_squares(design, rows.y, rows.who, rows.weight)
    inflation = _inflation(design)
    found = []
    for j in some:
        said = np.isfinite(rows.score[:, j])
        silent = ~said & ~rows.exempt[:, j]
        place, slope = at[j]
        extra = float(fit.beta[slope]) ** 2 * _centre(rows, j)[1] if slope else 0.0
        mention = _effect(rows, (said, silent), place, fit, inflation=inflation, level=level, extra=extra)
        valence = _effect(rows, (said,), slope, fit, inflation=inflation, level=level)
        found.append(_part(rows, names[j], j, mention, valence))
    return found


def _design(rows: _Rows, some: list[int]) -> tuple[Floats, dict[int, tuple[int, int]]]:
    """Columns of the design, and for each part of two effects the places of its mention and its score (0 for none).

    A part of one effect has its score and one indicator of every kind of nothing.
    """
    columns: list[Floats] = []
    gone: list[Mask] = []
    at: dict[int, tuple[int, int]] = {}
    for j in range(rows.score.shape[1]):
        said = np.isfinite(rows.score[:, j])
        centred = np.where(said, rows.score[:, j] - _centre(rows, j)[0], 0.0)
        if j in some:
            columns.append(said.astype(float))
        mention = len(columns)
        if np.ptp(centred) > 0:
            columns.append(centred)
        if j in some:
            at[j] = (mention, len(columns) if len(columns) > mention else 0)
        none = rows.exempt[:, j] if j in some else ~said
        if 2 <= none.sum() < len(none) and not any(np.array_equal(none, other) for other in gone):
            gone.append(none)
    return np.column_stack([*columns, *(none.astype(float) for none in gone)]), at


def _centre(rows: _Rows, j: int) -> tuple[float, float]:
    """Mean score among those who mention a part, and its variance."""
    said = np.isfinite(rows.score[:, j])
    if not said.any():
        return 0.0, 0.0
    w = np.ones(int(said.sum())) if rows.weight is None else rows.weight[said]
    who = None if rows.who is None else codes(rows.who[said])[0].astype(float)
    found = moments(rows.score[said, j], w, who)
    return found.mean, found.variance if math.isfinite(found.variance) else 0.0


def _inflation(design: Floats) -> Floats:
    """Variance inflation of every column, the constant's first; giant where one is a sum of others."""
    away = design - design.mean(axis=0)
    away /= np.sqrt((away**2).mean(axis=0))
    inverse = np.linalg.inv(away.T @ away / len(away) + 1e-9 * np.eye(away.shape[1]))
    return np.concatenate([[1.0], np.diag(inverse)])


def _effect(
    rows: _Rows, sides: tuple[Mask, ...], place: int, fit: Fit, *, inflation: Floats, level: float, extra: float = 0.0
) -> Estimate:
    """One coefficient, or why it is none."""
    n, few = sum(int(s.sum()) for s in sides), min(int(s.sum()) for s in sides)
    people = min(rows.people(s) for s in sides)
    why = ""
    if few < LEAST or people < LEAST_PEOPLE:
        side = "mention it" if sides[0].sum() == few else "do not mention it"
        whose, least = ("", "") if rows.who is None else (f" of {people:,} customers", f" of {LEAST_PEOPLE}")
        why = f"only {few:,} answers{whose} {side}; {LEAST}{least} are needed"
    elif not place:
        why = "all who mention it score it alike"
    elif inflation[place] > BLURRED:
        why = "it goes with other parts so closely that it cannot be told apart from them"
    if why:
        return refusal(why, n=n, method=_METHOD, level=level)
    error = math.sqrt(max(float(fit.covariance[place, place]), 0.0) + extra)
    freedom = min(fit.freedom, float(people - 1))
    return around(float(fit.beta[place]), error, n=n, freedom=freedom, method=_METHOD, level=level)


def _part(rows: _Rows, name: str, j: int, mention: Estimate, valence: Estimate) -> Mention:
    """A part with its effects and with who mentions it."""
    asked = ~rows.exempt[:, j]
    said = np.isfinite(rows.score[asked, j]).astype(float)
    y = rows.y[asked]
    w = np.ones(len(y)) if rows.weight is None else rows.weight[asked]
    upper = y >= np.average(y, weights=w)
    shares = [float(np.average(said[at], weights=w[at])) if at.any() else math.nan for at in (~upper, upper)]
    return Mention(
        name=name, asked=len(y), mentioned=int(said.sum()), share=float(np.average(said, weights=w)), mention=mention,
        valence=valence, lower=shares[0], upper=shares[1],
        selection=math.nan if mention.refused else _selection(rows, asked, said, y),
    )  # fmt: skip


def _selection(rows: _Rows, asked: Mask, said: Floats, y: Floats) -> float:
    """p-value of mention not depending on the outcome, straight or bent (the very good and the very bad speak up)."""
    spread = float(y.std())
    if not spread:
        return math.nan
    z = (y - y.mean()) / spread
    curve = z[:, None] if len(np.unique(y)) < 3 else np.column_stack([z, z**2])
    who = None if rows.who is None else codes(rows.who[asked])[0]
    fit = least_squares(curve, said, who, None if rows.weight is None else rows.weight[asked])
    return wald(fit.beta[1:], fit.covariance[1:, 1:], fit.freedom)
