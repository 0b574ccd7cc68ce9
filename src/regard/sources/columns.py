"""What a column holds, told from a sample: numbers and their decimal mark, times and their order of day and month."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Holds = Literal["empty", "text", "whole", "number", "time", "truth", "email", "url"]

NOTHING = frozenset({"", "null", "none", "nan", "n/a", "na", "nil", "-", "--", "?", "\\n", "#n/a"})
SHARE = 0.9  # of the filled cells must read as a type for the column to be of it; the others become bad rows
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_LONG = "january|february|march|april|june|july|august|september|october|november|december"
_TIME = re.compile(
    r"(?P<gap>[T ,]|, | at )(?P<h>\d{1,2}):\d{2}(?P<s>:\d{2})?(?P<f>[.,]\d{1,9})?(?P<ap> ?[APap]\.?[Mm]\.?)?"
    r"(?P<zgap> ?)(?P<z>Z|UTC|GMT[+-]\d{1,2}(?::\d{2})?|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?$"
)
_DATE = re.compile(r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})")
_NAMED = re.compile(
    r"(?:(?P<wd>(?:mon|tue|wed|thu|fri|sat|sun)),? )?"
    rf"(?:(?P<d1>\d{{1,2}})(?P<s1>[-/ ])(?P<m1>{_LONG}|{_MONTH})(?P<s2>[-/ ])"
    rf"(?P<y1>\d{{4}}|\d{{2}})|(?P<m2>{_LONG}|{_MONTH}) (?P<d2>\d{{1,2}}),? (?P<y2>\d{{4}}))",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"[+-]?\d{1,18}$")
_POINT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_GROUP_POINT = re.compile(r"[+-]?\d{1,3}([ ,'\u00a0\u202f]\d{3})+(\.\d+)?$")  # 1,234.56
_COMMA = re.compile(r"[+-]?(\d{1,3}([ .'\u00a0\u202f]\d{3})+|\d+),\d+$")  # 1.234,56 or 12,5
_GROUP_DOT = re.compile(r"[+-]?\d{1,3}(\.\d{3}){2,}$")  # 1.234.567
MONEY = re.compile(
    r"^(?:[A-Z]{1,3}\$|[A-Z]{3}|kr\.?|zł|[$€£¥₹₽₩₺])\s*(?=[\d.,+-])|\s*(?:[A-Z]{3}|kr\.?|zł|[$€£¥₹₽₩₺%])$"
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}$")
_TRUTH = frozenset({"true", "false", "yes", "no", "t", "f", "y", "n"})
_TIME_NAME = re.compile(
    r"(^|_|\b)(at|on|date|time|timestamp|ts|created|updated|when|epoch|unix|start|end|since|until)(_|\b|$)",
    re.IGNORECASE,
)


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a file, as its sample shows it. Every format can be overridden in the mapping."""

    name: Annotated[str, Meta(description="Heading, or column_N where the file has none.")]
    holds: Annotated[Holds, Meta(description="What its values are.")] = "text"
    decimal: Annotated[str, Meta(description="Decimal mark of its numbers: . or ,")] = "."
    formats: Annotated[
        tuple[str, ...],
        Meta(description="Formats of its times: iso, epoch s, epoch ms, epoch us, or as strptime writes them."),
    ] = ()
    zoned: Annotated[bool, Meta(description="Its times carry their own time zone.")] = False
    note: Annotated[str, Meta(description="How a format that could be read two ways was decided.")] = ""
    filled: Annotated[float, Meta(description="Share of the sample that is not empty.")] = 0.0
    distinct: Annotated[int, Meta(description="Different values in the sample.")] = 0
    unique: Annotated[bool, Meta(description="No value of the sample repeats.")] = False
    low: Annotated[float | None, Meta(description="Smallest number of the sample.")] = None
    high: Annotated[float | None, Meta(description="Largest number of the sample.")] = None
    length: Annotated[float, Meta(description="Mean length of its values, in characters.")] = 0.0
    examples: Annotated[tuple[str, ...], Meta(description="Its commonest values.")] = ()


def describe(name: str, cells: Sequence[str | None], *, day_first: bool | None = None) -> Column:
    """What a sample of a column holds.

    Args:
        name: Its heading.
        cells: The sample; None or "" where empty.
        day_first: What other columns of the file showed, for dates that read both ways.
    """
    values = [v for cell in cells if cell is not None and (v := cell.strip()) and v.lower() not in NOTHING]
    if not values:
        return Column(name=name, holds="empty")
    tally = Counter(values)
    common = tuple(v[:80] for v, _ in tally.most_common(6))
    column = Column(
        name=name,
        filled=len(values) / len(cells),
        distinct=len(tally),
        unique=len(tally) == len(values),
        length=sum(map(len, values)) / len(values),
        examples=common,
    )
    return _typed(column, values, tally, day_first=day_first)


def _typed(column: Column, values: list[str], tally: Counter[str], *, day_first: bool | None) -> Column:
    replace = msgspec.structs.replace
    if len(tally) <= 2 and {v.lower() for v in tally} <= _TRUTH:
        return replace(column, holds="truth")
    if _share(values, _EMAIL.match) >= SHARE:
        return replace(column, holds="email")
    numbers = _numbers(column, values)
    if numbers is not None:
        return _epoch(numbers) or numbers
    times = _times(values, day_first=day_first)
    if times is not None:
        formats, zoned, note = times
        return replace(column, holds="time", formats=formats, zoned=zoned, note=note)
    if _share(values, lambda v: v.startswith(("http://", "https://"))) >= SHARE:
        return replace(column, holds="url")
    return column


def _share(values: Sequence[str], test: Callable[[str], object]) -> float:
    return sum(1 for v in values if test(v)) / len(values)


def _numbers(column: Column, values: list[str]) -> Column | None:
    bare = [MONEY.sub("", v[1:-1] if v.startswith("(") and v.endswith(")") else v) for v in values]
    whole = sum(1 for v in bare if _WHOLE.match(v))
    leading_zero = sum(1 for v in bare if len(v) > 1 and v[0] == "0" and v.isdigit())
    if leading_zero > len(bare) // 20 and whole == len(bare):
        return None  # codes, not numbers: 00042
    point = sum(1 for v in bare if _POINT.match(v) or _GROUP_POINT.match(v))
    comma = sum(1 for v in bare if _COMMA.match(v) or _GROUP_DOT.match(v) or _WHOLE.match(v))
    if max(point, comma) < SHARE * len(bare):
        return None
    decimal, note = _decimal(bare, point=point, comma=comma)
    read = [n for v in bare if (n := to_number(v, decimal)) is not None]
    if not read:
        return None
    return msgspec.structs.replace(
        column,
        holds="whole"
        if all(n.is_integer() for n in read) and not any(mark in "".join(bare[:50]) for mark in ".,")
        else "number",
        decimal=decimal,
        low=min(read),
        high=max(read),
        note=note,
    )


def _decimal(bare: list[str], *, point: int, comma: int) -> tuple[str, str]:
    if point != comma:
        return ("," if comma > point else "."), ""
    both = [v for v in bare if _COMMA.match(v) and _GROUP_POINT.match(v)]  # 1,234: one thousand or one and a bit
    if both:
        return ".", f"{both[0]} is read as {both[0].replace(',', '')}: the comma groups thousands"
    return ".", ""


def to_number(text: str, decimal: str) -> float | None:
    """A number as people write it, or None."""
    bare = re.sub(r"[ '\u00a0\u202f]", "", text)
    bare = bare.replace(".", "").replace(",", ".") if decimal == "," else bare.replace(",", "")
    try:
        return float(bare)
    except ValueError:
        return None


def _epoch(column: Column) -> Column | None:
    if column.holds != "whole" or column.low is None or column.high is None or not _TIME_NAME.search(column.name):
        return None
    for unit, size in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if 3e8 * size <= column.low and column.high <= 4.2e9 * size:
            return msgspec.structs.replace(
                column, holds="time", formats=(f"epoch {unit}",), zoned=True, low=None, high=None
            )
    return None


def _times(values: list[str], *, day_first: bool | None) -> tuple[tuple[str, ...], bool, str] | None:
    shapes = _shapes(values)
    if sum(shapes.values()) < SHARE * len(values):
        return None
    order, note = _order(values, shapes, day_first=day_first)
    formats: dict[str, None] = {}
    for shape, _ in shapes.most_common(8):
        formats[shape.replace("{D}", "%d" if order else "%m").replace("{M}", "%m" if order else "%d")] = None
    zoned = all("%z" in f or f == "iso Z" for f in formats)
    plain = tuple(dict.fromkeys("iso" if f == "iso Z" else f for f in formats))
    return plain, zoned, note


def _shapes(values: list[str]) -> Counter[str]:
    """How often each shape of a time is seen; not all are looked at where too many are none."""
    shapes: Counter[str] = Counter()
    left = len(values)
    for value, times in Counter(values).items():
        shape = _shape(value)
        if shape is not None:
            shapes[shape] += times
        else:
            left -= times
            if left < SHARE * len(values):
                break
    return shapes


def _shape(value: str) -> str | None:
    """The strptime format of one value, {D} and {M} where day and month are yet to be told apart; None if no time."""
    if not 6 <= len(value) <= 45 or not any(c.isdigit() for c in value):
        return None
    clock = _TIME.search(value)
    date = value[: clock.start()] if clock else value
    found = _numeric_date(date) or _named_date(date)
    if found is None:
        return None
    if found == "iso":
        if clock is None:
            return "iso"
        plain = (
            clock["gap"] in {"T", " "}
            and not clock["ap"]
            and not (clock["f"] or "").startswith(",")
            and len(clock["h"]) == 2
        )
        if plain and not (clock["z"] or "").startswith("GMT"):
            return "iso Z" if clock["z"] else "iso"
        found = "%Y-%m-%d" if "-" in date else "%Y/%m/%d"
    return found + (_clock(clock) if clock else "")


def _clock(clock: re.Match[str]) -> str:
    hour = "%I" if clock["ap"] else "%H"
    seconds = ":%S" if clock["s"] else ""
    fraction = f"{clock['f'][0]}%f" if clock["f"] else ""
    half = (" %p" if clock["ap"].startswith(" ") else "%p") if clock["ap"] else ""
    zone = clock["zgap"] + re.sub(r"[+-].*", "%z", clock["z"]) if clock["z"] else ""
    return f"{clock['gap']}{hour}:%M{seconds}{fraction}{half}{zone}"


def _numeric_date(date: str) -> str | None:
    match = _DATE.fullmatch(date)
    if match is None:
        if len(date) == 8 and date.isdigit() and date[:2] in {"19", "20"} and date[4:6] <= "12" and date[6:] <= "31":
            return "%Y%m%d"
        return "%Y-%m" if re.fullmatch(r"(19|20)\d\d-(0[1-9]|1[0-2])", date) else None
    first, mark, second, third = match.groups()
    if len(first) == 4:
        if int(second) > 12 or int(third) > 31:
            return None
        return "iso" if mark in "-/" else "%Y.%m.%d"
    if len(third) not in {2, 4} or len(first) > 2 or not 1 <= int(first) <= 31 or not 1 <= int(second) <= 31:
        return None
    if int(first) > 12 and int(second) > 12:
        return None
    return f"{{D}}{mark}{{M}}{mark}" + ("%Y" if len(third) == 4 else "%y")


def _named_date(date: str) -> str | None:
    match = _NAMED.fullmatch(date)
    if match is None:
        return None
    month = "%b" if len(match["m1"] or match["m2"]) == 3 else "%B"
    day = "%a, " if match["wd"] and "," in date[:5] else "%a " if match["wd"] else ""
    if match["m1"]:
        return f"{day}%d{match['s1']}{month}{match['s2']}" + ("%Y" if len(match["y1"]) == 4 else "%y")
    return f"{day}{month} %d{',' if ',' in date[4:] else ''} %Y"


def _order(values: list[str], shapes: Counter[str], *, day_first: bool | None) -> tuple[bool, str]:
    """Whether the day comes first, and how that was decided where the values alone do not tell."""
    if not any("{D}" in shape for shape in shapes):
        return True, ""
    pairs = [(int(m[1]), int(m[3])) for v in values if (m := _DATE.match(v)) and len(m[1]) <= 2]
    days_first = sum(a > 12 for a, _ in pairs)
    days_second = sum(b > 12 for _, b in pairs)
    if days_first != days_second:
        first = days_first > days_second
        return first, f"{'day' if first else 'month'} first: {_telling(values, first=first)} cannot be read otherwise"
    order = "day" if day_first is not False else "month"
    why = "as other columns of the file" if day_first is not None else "nothing in the sample decides it"
    if day_first is None and any("%p" in shape for shape in shapes):
        order, why = "month", "a clock with AM and PM suggests it"
    elif day_first is None and any("{D}." in shape for shape in shapes):
        why = "dates written with dots are"
    return order == "day", f"{order} first is assumed ({why}); set times in the mapping if it is wrong"


def _telling(values: list[str], *, first: bool) -> str:
    """A value that shows which of day and month comes first."""
    return next(v for v in values if (m := _DATE.match(v)) and len(m[1]) <= 2 and int(m[1 if first else 3]) > 12)


def settles_order(column: Column) -> bool | None:
    """Whether this column shows beyond doubt that days come first; None where it does not."""
    if column.holds != "time" or "first:" not in column.note:
        return None
    return column.note.startswith("day")
