"""Groups side by side: a row each, a column a measure, coloured where one is better or worse than the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regard.figures.drawing import Sheet, fitted, text_width, wrapped
from regard.figures.figure import Figure, finished, is_narrow, nothing

if TYPE_CHECKING:
    from collections.abc import Sequence

TALL = 34.0


@dataclass(frozen=True, kw_only=True)
class SideCell:
    """One figure of one group.

    Attributes:
        text: How it is written; empty where it is not known.
        ends: Its interval as it is written.
        verdict: "best", "better", "worse" where it differs from the rest beyond chance; empty where it cannot be told.
        tip: What the pointer is told.
    """

    text: str = ""
    ends: str = ""
    verdict: str = ""
    tip: str = ""

    @property
    def look(self) -> str:
        """The class of its ground."""
        return {"best": "good", "better": "fairly-good", "worse": "bad"}.get(self.verdict, "path")


@dataclass(frozen=True, kw_only=True)
class SideBlock:
    """One stage: its groups as rows.

    Attributes:
        label: What it is called.
        rows: Names of the groups, and a cell a column.
        link: Where it leads.
        key: What it stands for.
    """

    label: str
    rows: tuple[tuple[str, tuple[SideCell, ...]], ...]
    link: str = ""
    key: str = ""


def side_by_side(
    blocks: Sequence[SideBlock], columns: Sequence[str], *, title: str, alt: str = "", legend: str = ""
) -> Figure:
    """Draw blocks of rows; narrow places set each row's figures beneath its name.

    Args:
        blocks: In order.
        columns: What the columns are.
        title: The finding.
        alt: What it shows.
        legend: How to read it.
    """

    def draw(sheet: Sheet) -> None:
        if not any(block.rows for block in blocks):
            nothing(sheet, "Nothing to compare in this period.")
            return
        (_narrow if is_narrow(sheet) else _wide)(sheet, blocks, columns)
        for line in wrapped(legend, sheet.width, 11.5, lines=4) if legend else ():
            sheet.height += 17
            sheet.text(0, sheet.height - 3, line, "soft small")

    return finished(draw, title=title, alt=alt)


def _wide(sheet: Sheet, blocks: Sequence[SideBlock], columns: Sequence[str]) -> None:
    names = [name for block in blocks for name, _ in block.rows]
    labels = min(max(text_width(n, 13.5) for n in names) + 26, 220.0)
    pitch = (sheet.width - labels) / max(len(columns), 1)
    for j, column in enumerate(columns):
        for k, line in enumerate(wrapped(column, pitch - 16, 12, lines=2)):
            sheet.text(labels + pitch * j + 6, 12 + 14 * k, line, "soft label")
    y = 34.0
    for block in blocks:
        sheet.text(0, y + 15, fitted(block.label, sheet.width, 14, strong=True), "strong row")
        sheet.line(0, y + 22, sheet.width, y + 22, "rule")
        y += 27
        for name, cells in block.rows:
            sheet.text(12, y + 21, fitted(name, labels - 18, 13.5), "row")
            for j, cell in enumerate(cells):
                _cell(sheet, cell, (labels + pitch * j, y), pitch - 3, f"{block.label} · {name} · {columns[j]}")
            y += TALL
        y += 10
    sheet.height = y


def _narrow(sheet: Sheet, blocks: Sequence[SideBlock], columns: Sequence[str]) -> None:
    y, two = 0.0, (sheet.width + 3) / 2
    for block in blocks:
        sheet.text(0, y + 15, fitted(block.label, sheet.width, 14, strong=True), "strong row")
        sheet.line(0, y + 22, sheet.width, y + 22, "rule")
        y += 27
        for name, cells in block.rows:
            sheet.text(0, y + 15, fitted(name, sheet.width, 13.5), "row")
            y += 21
            told = [(c, cell) for c, cell in zip(columns, cells, strict=True) if cell.text]
            for i, (column, cell) in enumerate(told):
                x = two * (i % 2)
                sheet.text(x + 2, y + 11, fitted(column, two - 8, 11), "soft small")
                _cell(sheet, cell, (x, y + 14), two - 3, f"{block.label} · {name} · {column}")
                if i % 2 or i == len(told) - 1:
                    y += TALL + 17
            y += 6
        y += 6
    sheet.height = y


def _cell(sheet: Sheet, cell: SideCell, at: tuple[float, float], wide: float, key: str) -> None:
    if not cell.text:
        return
    x, y = at
    sheet.open_mark("", cell.tip or f"{key}: {cell.text} {cell.ends} {cell.verdict}".strip(), key=key)
    strength = {"best": 0.5, "better": 0.55, "worse": 0.45}.get(cell.verdict, 1.0)
    sheet.rect(x, y, wide, TALL - 3, cell.look, round_=3, strength=strength)
    mark = {"best": " ★", "better": " ▲", "worse": " ▼"}.get(cell.verdict, "")
    sheet.text(x + 6, y + 14, f"{cell.text}{mark}", "strong label" if cell.verdict else "label")
    if cell.ends:
        sheet.text(x + 6, y + 27, fitted(cell.ends, wide - 8, 11), "small" if cell.verdict else "soft small")
    sheet.close_mark("")
