"""A small shop's exports, seeded, as a stranger would have them: several files with keys, repeats, versions and errors.

The counts that an import must come to are known from how the rows were made; they are not asked of the product.
"""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

CANARY = "canaryzwilch77"
"""Id of the person who will be erased; its letters are in their every text, and in no other row."""

SECRETS = (CANARY, "Wilhelmina Zwilchenbart", "zwilchenbart@example.org", "zwilchfeedback")
"""What must be nowhere once they are erased: id, name, mail, words of what they said."""

START = datetime(2026, 1, 1)

ORDERS = """
name = "shop"

[inputs.orders]
files = "orders*.csv"

[[signal]]
kind = "order"
from = "orders"
labels = ["region"]
[signal.columns]
key = "order"
order_id = "order"
occurred_at = "ordered"
version_at = "changed"
person = "customer"
amount = "amount"
refunded = "refunded"
currency = { value = "EUR" }
status = "status"
"""
"""Next month's export of the orders alone, from the same source."""

MAPPING = (
    ORDERS
    + """

[inputs.visits]
files = "visits*.csv"

[inputs.answers]
files = "answers*.csv"

[inputs.people]
files = "people*.csv"

[[signal]]
kind = "event"
from = "visits"
[signal.columns]
occurred_at = "at"
person = "customer"
name = "page"

[[signal]]
kind = "answer"
from = "answers"
scale = [0, 10]
[signal.columns]
key = "response"
response = "response"
occurred_at = "at"
person = "customer"
metric = { value = "nps" }
score = "score"
verbatim = "words"
survey = { value = "yearly" }

[[signal]]
kind = "profile"
from = "people"
labels = ["region"]
[signal.columns]
occurred_at = "since"
person = "customer"
name = "name"
email = "mail"
"""
)

DECLARED = """
name = "A small shop"
customer = "person"
time_zone = "Europe/Berlin"
currency = "EUR"
metric = "nps"

[value]
kind = "trailing"
days = 90

[base]
lost = "no order"
days = 90

[[stages]]
name = "Look"
moments = [{ name = "Visit", events = ["home", "shelf"] }]

[[stages]]
name = "Buy"
moments = [{ name = "Order", kinds = ["order"] }]
"""


@dataclass(frozen=True, kw_only=True)
class Exports:
    """Files as they lie on disk, and what an import of all of them must come to."""

    files: tuple[Path, ...]
    mapping: Path
    declared: Path
    later: Path
    later_mapping: Path
    received: int
    stored: int
    duplicate: int
    refused: int
    canary_rows: int

    @property
    def bring(self) -> tuple[str | Path, ...]:
        """The words that import them."""
        return ("import", *self.files, "--mapping", self.mapping)

    @property
    def update(self) -> tuple[str | Path, ...]:
        """The words that import next month's orders, which are new versions of some of them."""
        return ("import", self.later, "--mapping", self.later_mapping)

    @property
    def told(self) -> dict[str, int]:
        """The ledger after one import of the files."""
        return {
            "received": self.received,
            "stored": self.stored,
            "duplicate": self.duplicate,
            "held_back": 0,
            "refused": self.refused,
        }


def write_exports(directory: Path, *, rows: int = 60_000, seed: int = 1) -> Exports:
    """Write the shop's exports: about ``rows`` rows in five files."""
    directory.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    people = [CANARY, *(f"p{n}" for n in range(max(rows // 40, 20)))]
    orders = _orders(chance, people, rows // 3)
    repeated = [chance.choice(orders) for _ in range(rows // 60)]
    wrong = [(f"bad{n}", "p1", "2026-02-30 12:00:00", "", "x,y", "0", "paid", "north") for n in range(7)]
    half = len(orders) // 2
    heading = ("order", "customer", "ordered", "changed", "amount", "refunded", "status", "region")
    visits = _visits(chance, people, rows // 2)
    answers = _answers(chance, people, rows // 12)
    known = [_person(chance, p) for p in people]
    files = (
        _write(directory / "orders-1.csv", heading, [*orders[:half], *wrong]),
        _write(directory / "orders-2.csv", heading, [*orders[half:], *repeated]),
        _write(directory / "visits.csv", ("at", "customer", "page"), visits),
        _write(directory / "answers.csv", ("response", "customer", "at", "score", "words"), answers),
        _write(directory / "people.csv", ("customer", "since", "name", "mail", "region"), known),
    )
    changed = [(*o[:3], "2026-06-25 09:00:00", o[4], "5.0", "refunded", o[7]) for o in orders[: rows // 60]]
    later = _write(directory / "orders-3.csv", heading, changed)
    mapping, declared = directory / "shop.toml", directory / "company.toml"
    mapping.write_text(MAPPING, "utf-8")
    later_mapping = directory / "orders.toml"
    later_mapping.write_text(ORDERS, "utf-8")
    declared.write_text(DECLARED, "utf-8")
    stored = len(orders) + len(visits) + len(answers) + len(known)
    return Exports(
        files=files,
        mapping=mapping,
        declared=declared,
        later=later,
        later_mapping=later_mapping,
        received=stored + len(repeated) + len(wrong),
        stored=stored,
        duplicate=len(repeated),
        refused=len(wrong),
        canary_rows=sum(CANARY in row for rows_ in (orders, visits, answers, known) for row in rows_),
    )


def _when(chance: random.Random) -> str:
    return str(START + timedelta(seconds=chance.randrange(180 * 86400)))


def _orders(chance: random.Random, people: list[str], count: int) -> list[tuple[str, ...]]:
    regions = ("north", "south")
    return [
        (f"o{n}", p := chance.choice(people) if n % 999 else CANARY, when := _when(chance), when,
         f"{chance.randrange(100, 90_000) / 100:.2f}", "0", "paid", regions[hash_of(p) % 2])
        for n in range(count)
    ]  # fmt: skip


def _visits(chance: random.Random, people: list[str], count: int) -> list[tuple[str, ...]]:
    """Visits have no key, and some are equal to the last letter: they count as often as they stand in the file."""
    made: list[tuple[str, ...]] = []
    while len(made) < count:
        visit = (_when(chance), chance.choice(people), chance.choice(("home", "shelf", "basket", "till")))
        made += [visit] * (3 if chance.random() < 0.02 else 1)
    return made[:count]


def _answers(chance: random.Random, people: list[str], count: int) -> list[tuple[str, ...]]:
    made = []
    for n in range(count):
        person = chance.choice(people) if n % 500 else CANARY
        words = "zwilchfeedback: too slow" if person == CANARY else chance.choice(("fine", "too slow", "great, thanks"))
        made.append((f"r{n}", person, _when(chance), str(chance.choice((0, 3, 6, 7, 8, 9, 9, 10, 10))), words))
    return made


def _person(chance: random.Random, person: str) -> tuple[str, ...]:
    region = ("north", "south")[hash_of(person) % 2]
    if person == CANARY:
        return (person, "2026-01-01 08:00:00", SECRETS[1], SECRETS[2], region)
    return (person, "2026-01-01 08:00:00", f"Name {person}", f"{person}@example.org", region)


def hash_of(text: str) -> int:
    """A small number that is the same in every run."""
    return sum(text.encode())


def _write(path: Path, heading: tuple[str, ...], rows: list[tuple[str, ...]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([heading, *rows])
    return path
