"""The columns an expression may name: what a person calls them, and what they are called in the engine."""

from __future__ import annotations

from dataclasses import dataclass

from regard.errors import UnknownName
from regard.sources.columns import Column


@dataclass(frozen=True, kw_only=True)
class Field:
    """A column of a frame.

    Attributes:
        name: What the person calls it; of a joined input, input.column.
        sql: What the engine calls it; made by us, never from the file.
        shape: What its sample showed, for the formats of its numbers and times.
        zone: Time zone of its times that carry none.
    """

    name: str
    sql: str
    shape: Column
    zone: str = ""


class Frame:
    """Names to fields. A bare name finds a joined column when only one has it."""

    def __init__(self, fields: list[Field], *, name: str = "") -> None:
        self.fields = fields
        self.name = name
        self._by_name: dict[str, Field] = {}
        for field in reversed(fields):
            self._by_name[field.name] = field

    def find(self, name: str, *, where: str) -> Field:
        """The field of that name.

        Raises:
            UnknownName: There is none; the nearest are suggested.
        """
        if name in self._by_name:
            return self._by_name[name]
        bare = name.removeprefix(f"{self.name}.") if self.name else name
        if bare in self._by_name:
            return self._by_name[bare]
        folded = [f for f in self.fields if f.name.casefold() == name.casefold()]
        joined = [f for f in self.fields if f.name.rpartition(".")[2] == name and "." in f.name]
        for found in (folded, joined):
            if len(found) == 1:
                return found[0]
        raise UnknownName("column", name, [f.name for f in self.fields], where=where)
