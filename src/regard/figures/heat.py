"""A table whose cells say how much, and which of them rise beyond chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regard.figures.drawing import Sheet, fitted, text_width, wrapped
from regard.figures.figure import Figure, finished, is_narrow, nothing
from regard.wording import number

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell.

    Attributes:
        value: How much; None leaves it empty.
        text: How it is written; empty writes a number.
        direction: "rising" or "falling" when beyond chance.
        link: Where its contacts are.
        tip: What the pointer is told.
    """

    value: float | None
    text: str = ""
    direction: str = ""
    link: str = ""
    tip: str = ""

    @property
    def words(self) -> str:
        """The value as it is written, with its mark."""
        plain = "" if self.value is None else self.text or number(self.value)
        return plain + {"rising": " ▲", "falling": " ▽"}.get(self.direction, "")


def heat_table(
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Sequence[Sequence[Cell]],
    *,
    title: str,
    alt: str = "",
    legend: str = "",
) -> Figure:
    """Draw cells by row and column. Narrow places list the cells that matter most instead of many columns.

    Args:
        rows: Names of the rows.
        columns: Names of the columns.
        cells: One sequence a row, one cell a column.
        title: The finding.
        alt: What it shows.
        legend: What the numbers are, under the table; empty leaves it out.
    """

    def draw(sheet: Sheet) -> None:
        most = max((c.value or 0.0 for row in cells for c in row), default=0.0)
        if most <= 0:
            nothing(sheet, "Nobody asked for help in this period.")
        elif is_narrow(sheet) and len(columns) > 4:
            _listed(sheet, rows, columns, cells, most)
        else:
            _table(sheet, rows, columns, cells, most)
        if legend and most > 0:
            _legend(sheet, legend)

    return finished(draw, title=title, alt=alt)


def _legend(sheet: Sheet, legend: str) -> None:
    sheet.height += 4
    for line in wrapped(legend, sheet.width, 11.5, lines=3):
        sheet.height += 17
        sheet.text(0, sheet.height - 3, line, "soft small")


def _strength(value: float | None, most: float) -> float:
    """Opacity of the colour: enough to see, never so much that the words on it cannot be read."""
    return 0.0 if not value else 0.03 + 0.55 * (value / most)


def _table(
    sheet: Sheet, rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[Cell]], most: float
) -> None:
    narrow = is_narrow(sheet)
    labels = min(max(text_width(r, 13.5) for r in rows) + 14, 92.0 if narrow else 200.0)
    pitch, tall = (sheet.width - labels) / len(columns), 32.0
    heads = [wrapped(c, pitch - 6, 12, lines=3 if narrow else 2) for c in columns]
    head = 15.0 * max(len(h) for h in heads) + 6
    for j, lines in enumerate(heads):
        for i, line in enumerate(lines):
            y = head - 8 - 15 * (len(lines) - 1 - i)
            sheet.text(labels + pitch * (j + 0.5), y, line, "soft label", anchor="middle")
    for i, row in enumerate(cells):
        y = head + tall * i
        sheet.text(0, y + 19, fitted(rows[i], labels - 8, 13.5), "row")
        for j, cell in enumerate(row):
            x = labels + pitch * j
            sheet.open_mark(cell.link, cell.tip or _told(rows[i], columns[j], cell), key=f"{rows[i]} · {columns[j]}")
            sheet.rect(x, y, pitch - 3, tall - 3, "washed", round_=3)
            if cell.value:
                sheet.rect(x, y, pitch - 3, tall - 3, "bad", round_=3, strength=_strength(cell.value, most))
            if cell.direction == "rising":
                sheet.rect(x + 0.9, y + 0.9, pitch - 4.8, tall - 4.8, "rising", round_=2.5)
            look = "strong" if cell.direction else "" if cell.value else "soft"
            words = cell.words if narrow or pitch < 110 else _spoken(cell)
            sheet.text(x + (pitch - 3) / 2, y + 19, words, look, anchor="middle")
            sheet.close_mark(cell.link)
    sheet.height = head + tall * len(cells)


def _listed(
    sheet: Sheet, rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[Cell]], most: float
) -> None:
    """The cells that rise, then the largest: as many as a hand-held page bears."""
    named = [(rows[i], columns[j], c) for i, row in enumerate(cells) for j, c in enumerate(row) if c.value]
    named.sort(key=lambda item: (item[2].direction != "rising", -(item[2].value or 0.0)))
    shown, y = named[:10], 4.0
    for row, column, cell in shown:
        words = _spoken(cell)
        sheet.open_mark(cell.link, cell.tip or _told(row, column, cell), key=f"{row} · {column}")
        sheet.hit(0, y, sheet.width, 38)
        label = fitted(f"{row} · {column}", sheet.width - text_width(words, 13, strong=True) - 14, 13.5)
        sheet.text(0, y + 15, label, "row")
        sheet.text(sheet.width, y + 15, words, "strong" if cell.direction else "", anchor="end")
        sheet.rect(0, y + 22, sheet.width, 7, "washed", round_=3.5)
        size = max(sheet.width * (cell.value or 0.0) / most, 3.0)
        sheet.rect(0, y + 22, size, 7, "bad" if cell.direction == "rising" else "fairly-bad", round_=3.5)
        sheet.close_mark(cell.link)
        y += 42
    if len(named) > len(shown):
        sheet.text(0, y + 14, f"and {len(named) - len(shown):,} smaller ones, in the table", "note")
        y += 22
    sheet.height = y


def _spoken(cell: Cell) -> str:
    return f"{cell.words} {cell.direction}".rstrip()


def _told(row: str, column: str, cell: Cell) -> str:
    beyond = f", {cell.direction} beyond chance" if cell.direction else ""
    return f"{row}, {column}: {cell.text or number(cell.value)}{beyond}"
