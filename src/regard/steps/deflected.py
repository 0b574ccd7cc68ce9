"""Whether an article answered it: it was seen, and no contact followed within a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regard.steps.columns import EVERYTHING, Selection, Steps, Whole, codes_of, end_of
from regard.steps.compiled import READ, compiled
from regard.steps.pieces import Piece, each_piece, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class Deflected:
    """Views of articles and what followed; codes are places in ``names``.

    Attributes:
        names: What the codes mean.
        views: (names,) views whose time is over; again seen within the time, it is the same view.
        contacted: (names,) of them, those after which a contact came in time.
        still_open: (names,) views whose time is not over: not in views, not even those after which a contact came,
            since of such views those with a contact are known and those without are not.
        customers: (names,) different customers with a view that is over.
    """

    names: tuple[str, ...]
    views: Whole
    contacted: Whole
    still_open: Whole
    customers: Whole


def deflected(
    steps: Sequence[Steps],
    *,
    articles: Sequence[str],
    contacts: Sequence[str],
    within: int = 72 * 3_600_000_000,
    selection: Selection = EVERYTHING,
) -> Deflected:
    """Count views with and without a contact after them.

    Args:
        steps: Slices of one log.
        articles: Steps that are views, in the selection's time.
        contacts: Steps that are contacts, whenever they come.
        within: Microseconds after the view.
        selection: Which steps.
    """
    names = steps[0].names if steps else ()
    seen, asked, end = codes_of(names, articles), codes_of(names, contacts), end_of(steps, selection)

    def work(piece: Piece) -> Whole:
        out = np.zeros((4, len(names)), np.int64)
        nobody = np.zeros(0, np.bool_)
        _views(*piece.read, seen, asked, within, end, selection.since, selection.until, piece.first, piece.last, out,
               nobody)  # fmt: skip
        return out

    out = sum(each_piece(work, pieces(steps, selection)), np.zeros((4, len(names)), np.int64))
    return Deflected(names=names, views=out[0], contacted=out[1], still_open=out[2], customers=out[3])


def contacted_after(
    steps: Sequence[Steps],
    article: str,
    *,
    contacts: Sequence[str],
    within: int = 72 * 3_600_000_000,
    selection: Selection = EVERYTHING,
) -> Whole:
    """The customers who saw an article and asked all the same."""
    names = steps[0].names if steps else ()
    seen, asked, end = codes_of(names, [article]), codes_of(names, contacts), end_of(steps, selection)

    def work(piece: Piece) -> Whole:
        found = np.zeros(len(piece.steps.customers), np.bool_)
        out = np.zeros((4, len(names)), np.int64)
        _views(*piece.read, seen, asked, within, end, selection.since, selection.until, piece.first, piece.last, out,
               found)  # fmt: skip
        return piece.steps.customers[found]

    return np.sort(np.concatenate([np.zeros(0, np.int64), *each_piece(work, pieces(steps, selection))]))


@compiled(*READ, "r:b1", "r:b1", "i8", "i8", "i8", "i8", "i8", "i8", "w2:i8", "w:b1")
def _views(
    starts,
    stops,
    tails,
    ends,
    times,
    codes,
    keep,
    rows,
    seen,
    asked,
    within,
    end,
    since,
    until,
    first,
    last,
    out,
    found,
):
    """Per view, the next contact; per article, when its last view began and whose."""
    names = out.shape[1]
    view, whose, counted = np.zeros(names, np.int64), np.full(names, -1, np.int64), np.full(names, -1, np.int64)
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        parts = 1 + (len(tails) > 0)
        ahead, edge = starts[c], stops[c]  # the next contact, and where the part it is looked for in ends
        for part in range(parts):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            for i in range(low, high):
                code, t = codes[i], times[i]
                if not seen[code] or t < since or t >= until or (len(rows) and not rows[i]):
                    continue
                if whose[code] == c and t - view[code] <= within:
                    continue
                view[code], whose[code] = t, c
                ahead = max(ahead, i + 1)  # rows ascend with time, the second part's lie behind the first's
                while True:
                    if parts == 2 and ahead >= stops[c] and edge == stops[c]:
                        ahead, edge = max(ahead, tails[c]), ends[c]
                    if ahead >= edge or (asked[codes[ahead]] and not (len(rows) and not rows[ahead])):
                        break
                    ahead += 1
                if t > end - within:
                    out[2, code] += 1
                    continue
                came = ahead < edge and times[ahead] - t <= within
                out[0, code] += 1
                out[1, code] += came
                if counted[code] != c:
                    counted[code] = c
                    out[3, code] += 1
                if came and len(found):
                    found[c] = True
