"""Numbers, money, dates, intervals and names as words: the only formatter.

Nothing here reads a locale, a clock or a setting: what a person sees depends on the arguments alone. A number and its
unit are joined by a no-break space, a minus is a real minus. Whatever is missing or not finite reads as a dash.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NBSP = "\u00a0"
MINUS = "\u2212"
DASH = "\u2014"

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SYMBOLS = {
    "USD": "$",
    "EUR": "€",
    "GBP": "£",
    "BRL": f"R${NBSP}",
    "JPY": "¥",
    "CNY": f"CN¥{NBSP}",
    "INR": "₹",
    "KRW": "₩",
    "AUD": f"A${NBSP}",
    "CAD": f"CA${NBSP}",
    "NZD": f"NZ${NBSP}",
    "MXN": f"MX${NBSP}",
    "PLN": f"zł{NBSP}",
    "TRY": "₺",
    "UAH": "₴",
    "ILS": "₪",
    "PHP": "₱",
    "VND": "₫",
    "NGN": "₦",
}
# ISO 4217: currencies without cents, and those with three digits after the point; every other one has two.
_NO_CENTS = frozenset(
    {
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    }
)
_THOUSANDTHS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
_STEPS = ((1e3, "k"), (1e6, "M"), (1e9, "B"), (1e12, "T"))


# ---------------------------------------------------------------------------------------------------------- numbers


def number(value: float | None, digits: int | None = None) -> str:
    """A number with thousands separators: ``4,903``, ``29.4``, ``0.031``.

    Args:
        value: Any number; None, NaN and infinities read as a dash.
        digits: Decimals to show; None rounds sensibly (whole numbers whole, else about three figures, zeros cut).
    """
    if value is None or not math.isfinite(value):
        return DASH
    if digits is not None:
        text = f"{abs(value):,.{max(digits, 0)}f}"
    elif float(value).is_integer():
        text = f"{int(abs(value)):,}"
    else:
        text = _three_figures(abs(value))
    return MINUS + text if value < 0 and _not_zero(text) else text


def signed(value: float | None, digits: int | None = 0) -> str:
    """A number with its sign, a real minus: ``+29``, ``−3.9``, ``0`` for what rounds to nothing."""
    text = number(value, digits)
    return f"+{text}" if value is not None and value > 0 and text != DASH and _not_zero(text) else text


def percent(share: float | None, digits: int | None = None) -> str:
    """A share of one as percent: ``27 %``; below ten percent one decimal where it says something (``2.4 %``).

    What is not quite all never reads as 100 %, what is not quite nothing never as 0 %.
    """
    if share is None or not math.isfinite(share):
        return DASH
    value = share * 100
    if digits is None:
        if 0 < value < 0.05:
            return f"<{NBSP}0.1{NBSP}%"
        if 99.5 <= value < 100:
            return f"{number(min(value, 99.9), 1)}{NBSP}%"
        digits = 0 if abs(value) >= 9.95 or float(round(value, 1)).is_integer() else 1
    return f"{number(value, digits)}{NBSP}%"


def signed_percent(share: float | None, digits: int | None = None) -> str:
    """A change as percent with its sign: ``+12 %``, ``−3.4 %``."""
    tiny = share is not None and abs(share) < 0.0005
    text = percent(share, 1 if tiny and digits is None else digits)
    return f"+{text}" if share is not None and share > 0 and text != DASH and _not_zero(text) else text


def short(value: float | None) -> str:
    """A large count in few characters: ``980``, ``4,903``, ``12.4 k``, ``1.2 M``."""
    if value is None or not math.isfinite(value):
        return DASH
    if abs(value) < 9_999.5:
        return number(round(value) if abs(value) >= 10 else value)
    return _stepped(value)


def times(ratio: float | None) -> str:
    """A ratio as words: ``1.6 times``, ``3 times``."""
    return DASH if ratio is None or not math.isfinite(ratio) else f"{number(round(ratio, 1))} times"


def beside_usual(ratio: float | None) -> str:
    """A ratio to what is usual as words: ``2.4 times the usual``, ``12 % above the usual``."""
    if ratio is None or not math.isfinite(ratio):
        return "off the usual"
    if ratio >= 1.95:
        return f"{times(ratio)} the usual"
    side = "above" if ratio >= 1 else "below"
    return f"{percent(abs(ratio - 1))} {side} the usual"


def _three_figures(value: float) -> str:
    places = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 2 - math.floor(math.log10(value))
    text = f"{value:,.{min(places, 12)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _not_zero(text: str) -> bool:
    return any(c in "123456789" for c in text)


def _stepped(value: float) -> str:
    """``12.4 k``: about three figures and the letter of the step, moved up a step when rounding reaches 1,000."""
    for i, (size, letter) in enumerate(_STEPS):
        scaled = abs(value) / size
        shown = f"{scaled:.{0 if scaled >= 99.95 or (i == 0 and scaled >= 9.95) else 2 if i else 1}f}"
        if i and 9.995 <= scaled < 99.95:
            shown = f"{scaled:.1f}"
        if float(shown) < 1000 or i == len(_STEPS) - 1:
            return f"{MINUS if value < 0 else ''}{shown}{NBSP}{letter}"
    return DASH


# ------------------------------------------------------------------------------------------------------------ money


def money(amount: float | None, currency: str = "", *, exact: bool = False) -> str:
    """Money in its ISO currency: ``$1.24 M``, ``R$ 412 k``, ``€96``; exact: ``$1,240,331.50``.

    Args:
        amount: In units of the currency; None reads as a dash.
        currency: ISO 4217 code; empty shows the number alone, one without a sign of its own shows the code.
        exact: Every unit and cent instead of the short form.
    """
    if amount is None or not math.isfinite(amount):
        return DASH
    code = currency.strip().upper()
    sign = _SYMBOLS.get(code, f"{code}{NBSP}" if code else "")
    size = abs(amount)
    if exact:
        text = f"{size:,.{_cents(code)}f}"
    elif size >= 999.5:
        text = _stepped(size)
    elif size < 10 and not float(size).is_integer() and _cents(code):
        text = f"{size:.2f}"
    else:
        text = f"{size:.0f}"
    return f"{MINUS if amount < 0 and _not_zero(text) else ''}{sign}{text}"


def signed_money(amount: float | None, currency: str = "", *, exact: bool = False) -> str:
    """A change of money with its sign: ``+$0.19 M`` reads ``+$190 k``; ``−$168 k``."""
    text = money(amount, currency, exact=exact)
    return f"+{text}" if amount is not None and amount > 0 and text != DASH and _not_zero(text) else text


def _cents(code: str) -> int:
    return 0 if code in _NO_CENTS else 3 if code in _THOUSANDTHS else 2


# ------------------------------------------------------------------------------------------------- dates and periods


def day(value: date | datetime | None, zone: str = "UTC") -> str:
    """A day: ``14 Sep 2026``. A datetime is told in the zone; one without zone is taken as UTC."""
    if value is None:
        return DASH
    d = _local(value, zone)
    return f"{d.day} {_MONTHS[d.month - 1]} {d.year}"


def moment(value: datetime | None, zone: str = "UTC") -> str:
    """A moment: ``14 Sep 2026, 14:10`` in the zone; a datetime without zone is taken as UTC."""
    if value is None:
        return DASH
    d = _local(value, zone)
    return f"{d.day} {_MONTHS[d.month - 1]} {d.year}, {d:%H:%M}"


def month(value: date | datetime, zone: str = "UTC", *, year: bool = False) -> str:
    """A month: ``Sep``, or with its year ``Sep 2026``."""
    d = _local(value, zone)
    return _MONTHS[d.month - 1] + (f" {d.year}" if year else "")


def period(since: date | datetime | None, until: date | datetime | None, zone: str = "UTC") -> str:
    """A half-open period in as few words as it takes: ``Sep – Nov 2026``, ``2026``, ``1 – 14 Sep 2026``.

    Args:
        since: First moment or day, None for open.
        until: The moment or day after the last, None for open.
        zone: Zone whose days are meant.
    """
    if since is None or until is None:
        return _open_period(since, until, zone)
    first, after = _local(since, zone), _local(until, zone)
    last = after - timedelta(microseconds=1) if isinstance(after, datetime) else after - timedelta(days=1)
    if last < first:
        return day(first)
    whole = first.day == 1 and _is_midnight(first) and after.day == 1 and _is_midnight(after)
    return _whole_months(first, last) if whole else _days(first, last)


def ago(seconds: float) -> str:
    """How long ago: ``12 s ago``, ``3 h 10 min ago``; ``just now`` under a second."""
    return "just now" if seconds < 1 else f"{duration(seconds)} ago"


def _local(value: date | datetime, zone: str) -> date | datetime:
    if not isinstance(value, datetime):
        return value
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return aware.astimezone(ZoneInfo(zone))


def _is_midnight(value: date | datetime) -> bool:
    return not isinstance(value, datetime) or (value.hour, value.minute, value.second) == (0, 0, 0)


def _open_period(since: date | datetime | None, until: date | datetime | None, zone: str) -> str:
    if since is None and until is None:
        return "all time"
    if until is None:
        return f"since {day(since, zone)}"
    after = _local(until, zone)
    return f"until {day(after - timedelta(days=1) if _is_midnight(after) else after)}"


def _whole_months(first: date, last: date) -> str:
    a, b = _MONTHS[first.month - 1], _MONTHS[last.month - 1]
    if (first.month, last.month) == (1, 12):
        return str(first.year) if first.year == last.year else f"{first.year} – {last.year}"
    if first.year != last.year:
        return f"{a} {first.year} – {b} {last.year}"
    return f"{a} {last.year}" if a == b else f"{a} – {b} {last.year}"


def _days(first: date, last: date) -> str:
    a, b = _MONTHS[first.month - 1], _MONTHS[last.month - 1]
    if first.year != last.year:
        return f"{first.day} {a} {first.year} – {last.day} {b} {last.year}"
    if first.month != last.month:
        return f"{first.day} {a} – {last.day} {b} {last.year}"
    return f"{first.day} {a} {last.year}" if first.day == last.day else f"{first.day} – {last.day} {a} {last.year}"


def duration(seconds: float | None) -> str:
    """A length of time: ``450 ms``, ``12 s``, ``40 min``, ``3 h 10 min``, ``2.5 days``, ``11 days``, ``2.3 years``."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    if seconds < 0:
        return MINUS + duration(-seconds)
    if 0 < seconds < 0.9995:
        return f"{max(1, round(seconds * 1000))}{NBSP}ms"
    if seconds < 59.5:
        return f"{number(round(seconds, 1 if seconds < 10 else 0))}{NBSP}s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes}{NBSP}min"
    if minutes < 24 * 60:
        hours, rest = divmod(minutes, 60)
        return f"{hours}{NBSP}h" + (f" {rest}{NBSP}min" if rest else "")
    days = seconds / 86400
    if days < 730:
        shown = number(round(days, 1 if days < 9.95 else 0))
        return f"{shown} day" if shown == "1" else f"{shown} days"
    return f"{number(round(days / 365.25, 1))} years"


# ------------------------------------------------------------------------------------------- intervals, lists, words


def between(low: float | None, high: float | None, write: Callable[[float], str] = number) -> str:
    """An interval as words: ``between +21 and +37``.

    Args:
        low: Lower end.
        high: Upper end.
        write: How one end is written: `signed`, `percent`, or a lambda over `money`.
    """
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return "an unknown range"
    return f"between {write(low)} and {write(high)}"


def listed(items: Iterable[str], *, most: int = 0, last: str = "and") -> str:
    """Items as a sentence has them: ``a, b and c``; beyond ``most``, ``a, b and 3 more``."""
    names = [i for i in items if i]
    if most and len(names) > most:
        names = [*names[:most], f"{len(names) - most:,} more"]
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def many(word: str) -> str:
    """The plural of an English noun; the last word of a phrase is the one that changes."""
    head, _, noun = word.rpartition(" ")
    lead = f"{head} " if head else ""
    known = {"person": "people", "child": "children", "man": "men", "woman": "women", "criterion": "criteria"}
    if noun.lower() in known:
        return lead + known[noun.lower()]
    if re.search(r"[^aeiou]y$", noun):
        return f"{lead}{noun[:-1]}ies"
    return lead + noun + ("es" if re.search(r"(s|x|z|ch|sh)$", noun) else "s")


def count(n: float, one: str, several: str = "") -> str:
    """A number of things: ``1 answer``, ``312 answers``, ``no answers`` reads ``0 answers``."""
    return f"{number(n)} {one if n == 1 else several or many(one)}"


@dataclass(frozen=True)
class Words:
    """The company's own words for a customer: members, partners, students."""

    one: str = "customer"
    several: str = "customers"

    def count(self, n: float) -> str:
        """``1 member``, ``4,903 members``."""
        return count(n, self.one, self.several)

    def some(self, n: float) -> str:
        """The word alone, agreeing with n."""
        return self.one if n == 1 else self.several


def title(name: str) -> str:
    """A name as people would write it: ``report_created`` → ``Report created``, ``firstReport`` → ``First report``.

    Names that already hold spaces or are short capitals (NPS, EU) are left as they are.
    """
    text = name.strip()
    if not text or " " in text or (text.isupper() and len(text) <= 4):
        return text
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    words = [w for w in re.split(r"[\s_\-./:]+", split) if w]
    plain = [w if w.isupper() and len(w) <= 4 and len(words) > 1 and w != words[0] else w.lower() for w in words]
    return sentence(" ".join(plain))


_AS_PROGRAMS = re.compile(r"(?<![\w./:=`-])[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?![\w/=`(]|[.:]\w)")


def plainly(text: str) -> str:
    """Names as programs write them, as words: ``the most with watches_gifts`` → ``the most with watches gifts``.

    Only small letters and digits joined by underscores are taken for such names; paths, calls and settings are left.
    """
    return _AS_PROGRAMS.sub(lambda found: found[0].replace("_", " "), text)


def sentence(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]


# -------------------------------------------------------------------------------------------------- customers' words


def quote(text: str, most: int = 160) -> str:
    """What a customer said, in quotation marks, on one line, cut at a whole character (grapheme) near a word's end."""
    return f"“{truncated(' '.join(text.split()), most)}”"


def truncated(text: str, most: int) -> str:
    """The text in at most so many characters as a person counts them (graphemes), with an ellipsis when cut."""
    parts = graphemes(text)
    if len(parts) <= most:
        return text
    kept = "".join(parts[: max(most - 1, 0)])
    space = kept.rfind(" ")
    # A cut inside a word goes back to the space before it, unless that would lose more than a quarter.
    if parts[max(most - 1, 0)] != " " and space > len(kept) * 0.75:
        kept = kept[:space]
    return kept.rstrip(" ,;:") + "…"


def graphemes(text: str) -> list[str]:
    """Characters as a person counts them: marks, joined emoji and flags stay whole.

    Follows the rules of Unicode UAX 29 that matter in practice: extending marks, zero-width joiner sequences, emoji
    modifiers, regional-indicator pairs, Hangul syllables in parts, and CR LF.
    """
    if text.isascii() and "\r" not in text:
        return list(text)
    starts, flags = [0], 0
    for i, (before, after) in enumerate(pairwise(text), start=1):
        flags = flags + 1 if _is_flag(before) else 0
        paired = _is_flag(before) and _is_flag(after) and flags % 2 == 1
        if not (paired or _extends(after) or _joins(before, after)):
            starts.append(i)
    return [text[a:b] for a, b in pairwise([*starts, len(text)])] if text else []


def _is_flag(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _extends(char: str) -> bool:
    return (
        unicodedata.category(char) in {"Mn", "Me", "Mc"}
        or char in "\u200d\u200c"
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or "\U000e0020" <= char <= "\U000e007f"
    )


def _joins(before: str, after: str) -> bool:
    if before == "\u200d":
        return unicodedata.category(after) == "So"
    if before == "\r":
        return after == "\n"
    hangul = "\u1100" <= before <= "\u11ff" or "\uac00" <= before <= "\ud7a3"
    return hangul and "\u1160" <= after <= "\u11ff"
