"""Next month's file: a source that came before is known again by its columns, so that its records become versions.

Records are keyed within their source. An export named after its month would be a new source every month, and every
row that comes again would be stored a second time instead of updating the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from regard.errors import RegardError
from regard.sources.mapping import Expression, Signal, Source, read_mapping
from regard.sources.mapping import Mapping as Map

_MONTH = (
    "jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sep(t(ember)?)?|oct(ober)?|nov(ember)?"
    "|dec(ember)?"
)
_DATED = re.compile(
    r"(?<![a-z0-9])((19|20)\d\d([-_. ]?(0[1-9]|1[0-2])([-_. ]?[0-3]\d)?)?([-_ ]?q[1-4]|[-_ ]?w\d\d)?|q[1-4]"
    rf"|{_MONTH}|\d{{1,2}}[-_.]\d{{1,2}}[-_.]\d{{2,4}}|copy( of)?|\(\d+\)|\d{{6,14}})(?![a-z0-9])",
    re.IGNORECASE,
)


def undated(stem: str) -> str:
    """The name of a file without the dates in it: tickets-october and tickets_2024-10 are tickets."""
    bare = re.sub(r"[-_. ()]+$|^[-_. ()]+", "", _DATED.sub("", stem))
    bare = re.sub(r"([-_. ])[-_. ]+", r"\1", bare)
    return bare if re.search(r"[^\W\d_]{2}", bare) else stem


def continued(mapping: Map, batches: Iterable[Mapping[str, Any]]) -> tuple[Map, str]:
    """The mapping as more of a source that came before with the same columns, and a sentence that says so.

    Args:
        mapping: A mapping proposed.
        batches: The batches of the log, newest first, each with `id`, `source`, `mapping` (TOML) and `undone`.

    Returns:
        The mapping with the name and the constants of the earlier one; unchanged, and "", where none is like it.
    """
    like = _signature(mapping)
    for batch in batches:
        if batch.get("undone") or not batch.get("mapping"):
            continue
        try:
            earlier = read_mapping(str(batch["mapping"]))
        except RegardError:
            continue
        if earlier.name != batch["source"] or _signature(earlier) != like:
            continue
        same = mapping.name == earlier.name
        found = msgspec.structs.replace(mapping, name=earlier.name, signal=_constants(mapping.signal, earlier.signal))
        note = (
            f"Taken for more of {earlier.name}, which came before with the same columns (batch {batch['id']}): records "
            "of the same key become newer versions. If it is another source, give it another name (--source NAME)."
        )
        return found, "" if same else note
    return mapping, ""


def _signature(mapping: Map) -> set[tuple[str, str]]:
    """What a mapping makes of which columns; constants and labels, which differ from month to month, left out."""
    return {(s.kind, repr(_read(s))) for s in mapping.signal}


def _read(signal: Signal) -> list[tuple[str, Any]]:
    columns = [(k, v) for k, v in signal.columns.items() if not _is_constant(v)]
    return [*sorted(columns, key=lambda c: c[0]), ("parts", sorted(signal.parts))]


def _is_constant(source: Source) -> bool:
    return isinstance(source, Expression) and source.value is not None


def _constants(signals: Sequence[Signal], before: Sequence[Signal]) -> tuple[Signal, ...]:
    """The signals with the names (survey, event) the earlier ones were given; a day of a file stays its own."""
    out = []
    for signal in signals:
        like = next((b for b in before if b.kind == signal.kind and _read(b) == _read(signal)), signal)
        kept: dict[str, Source] = {
            k: like.columns[k]
            for k, v in signal.columns.items()
            if _is_constant(v) and k in {"survey", "name"} and _is_constant(like.columns.get(k, ""))
        }
        out.append(msgspec.structs.replace(signal, columns={**signal.columns, **kept}))
    return tuple(out)
