"""How a text is delimited, guessed from a sample: delimiter, quote, lines before the headings, headings or none."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from regard.errors import BadInput
from regard.sources.columns import NOTHING, describe

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_ROWS = 4000
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1f]")


@dataclass(kw_only=True)
class Guess:
    """A dialect with the sample rows it gives.

    Attributes:
        rows: Data rows of the sample, as wide as the names.
        skip: Lines before the headings.
        header: Rows of headings.
    """

    names: list[str]
    rows: list[list[str]]
    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    skip: int = 0
    header: int = 1
    notes: list[str] = field(default_factory=list)


def guess_dialect(sample: bytes, *, whole: bool, given: Mapping[str, Any], name: str) -> Guess:
    """The dialect of a sample of UTF-8 bytes; what is given is not guessed.

    Raises:
        BadInput: The sample is not text.
    """
    text = sample.decode("utf-8", "replace")
    if text.count("\x00") > len(text) // 100:
        raise BadInput(
            f"{name} is not text: it holds zero bytes.", where=name, hint="CSV, JSON Lines, Parquet and Excel are read."
        )
    controls = _CONTROL.findall(text)
    if len(text) > 2000 and len(controls) > len(text) // 50 and len(set(controls)) > 8:  # random bytes
        raise BadInput(
            f"{name} is not text, whatever its name says.",
            where=name,
            hint="CSV, JSON Lines, Parquet and Excel are read.",
        )
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not whole and "\n" in text:
        text = text[: text.rfind("\n") + 1]
    skip_separator = int(text[:4].lower() == "sep=" and len(text.split("\n", 1)[0].strip()) <= 5)
    delimiter = str(given.get("delimiter") or (text[4] if skip_separator else _delimiter(text)))
    if len(delimiter) != 1:
        raise BadInput(f"The delimiter must be one character, not {delimiter!r}.", where=name, hint='Try "," or ";".')
    quote = str(given.get("quote", '"'))
    escape = str(given.get("escape", "\\" if _backslashes(text, quote) else ""))
    rows = _parse(text, delimiter, quote, escape)
    guess = Guess(names=[], rows=rows, delimiter=delimiter, quote=quote, escape=escape)
    return find_headings(guess, given, least_skip=skip_separator)


def _backslashes(text: str, quote: str) -> bool:
    return (
        bool(quote) and text.count("\\" + quote) > 2 and f"{quote}{quote}" not in text.replace(f",{quote}{quote}", "")
    )


def _parse(text: str, delimiter: str, quote: str, escape: str) -> list[list[str]]:
    reader = csv.reader(
        io.StringIO(text),
        delimiter=delimiter,
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        escapechar=escape or None,
    )
    rows: list[list[str]] = []
    while len(rows) < SAMPLE_ROWS:
        try:
            rows.append(next(reader))
        except StopIteration:
            break
        except csv.Error:
            continue
    return rows


def _delimiter(text: str) -> str:
    """The delimiter that cuts most rows into the same number of values, more than one."""
    head = "\n".join(text.split("\n", 400)[:400])
    best, best_score = ",", 0.0
    for candidate in DELIMITERS:
        widths = Counter(len(row) for row in _parse(head, candidate, '"', "") if row)
        if not widths:
            continue
        width, count = widths.most_common(1)[0]
        score = count / sum(widths.values()) * (1 - 1 / width)
        if score > best_score + 0.02:
            best, best_score = candidate, score
    return best


def find_headings(guess: Guess, given: Mapping[str, Any], *, least_skip: int) -> Guess:
    """Finds lines before the headings and the headings, and squares the rows."""
    rows = guess.rows
    widths = Counter(len(row) for row in rows[least_skip:] if row)
    width = widths.most_common(1)[0][0] if widths else 1
    start = _start(rows, width, least_skip)
    skip = int(given.get("skip", start if start < 20 else least_skip))
    body = [row for row in rows[skip:] if row]
    if not body:
        body = [[f"column_{i + 1}" for i in range(width)]]
    header = int(given["header"]) if "header" in given else _header(body)
    cut = header and len(body[header - 1]) == width - 1 and _ends_empty(body[header:], width)
    names, notes = _names(body[:header], len(body[header - 1]) if header and not cut else width)
    if skip > least_skip and "skip" not in given:
        notes.append(f"{skip - least_skip} lines before the headings are left out.")
    if header == 0:
        notes.append("No headings were found: columns are named column_1, column_2, …")
    square = [row for row in body[header:] if len(row) == len(names) and any(row)]
    guess.names, guess.rows, guess.skip, guess.header, guess.notes = names, square, skip, header, notes
    return guess


def _start(rows: Sequence[Sequence[str]], width: int, least_skip: int) -> int:
    """The row of headings: the first as wide as the rows of data, titles above it passed over."""
    wide = [i for i, row in enumerate(rows) if i >= least_skip and len(row) >= width and any(row)]
    start = next(iter(wide), least_skip)
    for i in wide[:20]:
        filled = sum(bool(cell.strip()) for cell in rows[i])
        fuller = filled * 2 == width > 2 and any(
            all(map(_looks_like_heading, row)) for row in rows[i + 1 : i + 5] if row
        )
        if (filled * 2 >= width and not fuller) or "Respondent ID" in rows[i][0]:
            start = i
            break
    above = rows[start - 1] if start > least_skip else []
    if len(above) == width - 1 and all(map(_looks_like_heading, above)) and _ends_empty(rows[start:], width):
        return start - 1  # every row ends with a delimiter, the headings do not
    return start


def _ends_empty(rows: Sequence[Sequence[str]], width: int) -> bool:
    return width > 2 and all(not row[-1].strip() for row in rows if len(row) == width)


def _header(body: list[list[str]]) -> int:
    """0 where the first row looks like data, 2 where a second row of headings follows (SurveyMonkey), else 1."""
    first = [cell.strip() for cell in body[0]]
    kinds = [describe("", [cell]).holds for cell in first]
    if any(kind in {"whole", "number", "time", "email", "url"} for kind in kinds) and not all(
        _looks_like_heading(cell) for cell in first
    ):
        below = [describe("", [row[i] for row in body[1:200] if i < len(row)]).holds for i in range(len(first))]
        same = sum(a == b for a, b in zip(kinds, below, strict=True) if a != "text")
        if same >= max(1, sum(kind != "text" for kind in kinds) // 2):
            return 0
    if len(body) > 2 and "RespondentID" in first[0].replace(" ", "") and not body[1][0].strip():
        return 2
    return 1


def _looks_like_heading(cell: str) -> bool:
    return bool(cell) and cell.lower() not in NOTHING and not any(c.isdigit() for c in cell) and "@" not in cell


def _names(headings: Sequence[Sequence[str]], width: int) -> tuple[list[str], list[str]]:
    """Column names from rows of headings: none empty, none twice."""
    cells = [""] * width
    if headings:
        cells = [cell.strip() for cell in headings[0]] + [""] * (width - len(headings[0]))
    if len(headings) > 1:
        cells = _two_rows(cells, [cell.strip() for cell in headings[1]])
    return unique_names(cells)


def _two_rows(upper: list[str], lower: list[str]) -> list[str]:
    joined, above = [], ""
    for i, cell in enumerate(upper):
        above = cell or above
        below = lower[i] if i < len(lower) else ""
        plain = not below or below in {"Response", "Open-Ended Response"}
        joined.append(above if plain else f"{above} / {below}" if above else below)
    return joined


def unique_names(cells: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names as given, the empty ones numbered and the repeated ones told apart, with a sentence for each change."""
    names: list[str] = []
    notes = []
    for i, cell in enumerate(cells):
        name = cell or f"column_{i + 1}"
        if name in names:
            other = next(f"{name}_{n}" for n in range(2, len(cells) + 2) if f"{name}_{n}" not in {*names, *cells})
            notes.append(f"Two columns are called {name}; the one at place {i + 1} is now {other}.")
            name = other
        names.append(name)
    return names, notes
