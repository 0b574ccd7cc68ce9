"""Files cut or changed at seeded places: the same answer as before, or a refusal that names the file; never a wrong one."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

PAGE = 4096
PLACES = ("lake", "inbox", "ids", "state.sqlite", "company.toml")


def _cut(data, chance):
    return data[: chance.randrange(len(data))]


def _flip(data, chance):
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _blank(data, chance):
    at = chance.randrange(len(data)) // PAGE * PAGE
    return data[:at] + bytes(len(data[at : at + PAGE])) + data[at + PAGE :]


DAMAGES = {"cut": _cut, "flipped": _flip, "blanked": _blank}


def _file(shop, place, chance):
    path = shop.root / place
    return (
        chance.choice(sorted(p for p in path.iterdir() if p.suffix not in {".lock", ".log"})) if path.is_dir() else path
    )


@pytest.mark.slow
@pytest.mark.promise("damage")
def test_a_damaged_file_is_made_again_or_refused_by_name_and_never_served(
    tmp_path, filled, answers, full, record_property
):
    counts = filled.ledger()
    points = [(place, n) for place in PLACES for n in range(10 if full else 2)]

    def tried(point):
        place, n = point
        shop, chance = filled.copy(tmp_path / f"{place}-{n}"), random.Random(f"{place} {n}")
        how, path = list(DAMAGES)[n % len(DAMAGES)], _file(shop, place, chance)
        path.write_bytes(DAMAGES[how](path.read_bytes(), chance))
        seed = f"seed {place!r} {n} ({path.name} {how})"
        told = _outcome(shop, path, answers, counts, seed)
        return told if place != "company.toml" else f"declarations {told}"

    with ThreadPoolExecutor(2) as pool:
        found = Counter(pool.map(tried, points))
    told = ", ".join(f"{n} {name}" for name, n in sorted(found.items()))
    record_property("found", f"{len(points)} damaged places: {told}; 0 served wrong")


def _outcome(shop, path, answers, counts, seed):
    asked = shop.run(*shop.question)
    if asked.code == 0:
        if path.name == "company.toml":
            return "read as it stands"  # whatever it says now is what the company declares
        assert shop.settled(asked) == answers, f"{seed}: served a wrong answer"
        assert shop.ledger() == counts, f"{seed}: the ledger changed"
        return "answered as before"
    assert asked.refused_clearly(), f"{seed}: {asked.said}"
    assert asked.code in {2, 4}, f"{seed}: {asked.said}"
    assert path.name in asked.json["error"]["where"], f"{seed}: {asked.said}"
    return "refused by name"


@pytest.mark.promise("damage")
@pytest.mark.parametrize("how", ["gone", "empty"])
def test_an_inbox_whose_state_is_gone_is_refused_and_not_swept_away(tmp_path, filled, how):
    shop = filled.copy(tmp_path / "ws")
    for path in shop.root.glob("state.sqlite*"):
        path.unlink()
    if how == "empty":
        (shop.root / "state.sqlite").touch()
    segments = sorted((shop.root / "inbox").glob("*.parquet"))
    for words in (("ledger",), shop.question, ("rebuild",)):
        ran = shop.run(*words)
        assert ran.code in {2, 4}, ran.said
        assert ran.refused_clearly(), ran.said
    assert sorted((shop.root / "inbox").glob("*.parquet")) == segments


@pytest.mark.slow
@pytest.mark.promise("flips")
def test_one_flipped_bit_in_the_database_is_named_or_changes_no_answer(
    tmp_path, filled, answers, full, record_property
):
    counts, data = filled.ledger(), (filled.root / "state.sqlite").read_bytes()
    points = range(100 if full else 3)

    def tried(n):
        chance = random.Random(f"flip {n}")
        at = chance.choice([n for n in range(0, len(data), 64) if any(data[n : n + 64])]) + chance.randrange(64)
        shop = filled.copy(tmp_path / f"flip-{n}")
        path = shop.root / "state.sqlite"
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :])
        told = _outcome(shop, path, answers, counts, f"seed flip {n}")
        shutil.rmtree(shop.root)
        return told

    with ThreadPoolExecutor(2) as pool:
        named = Counter(pool.map(tried, points))
    told = ", ".join(f"{n} {name}" for name, n in sorted(named.items()))
    record_property("found", f"{len(points)} flipped bits: {told}; 0 served wrong")


@pytest.mark.promise("rot")
def test_rot_that_leaves_size_and_time_is_found_by_verify(tmp_path, filled, full, record_property):
    found = 0
    for n in range(10 if full else 2):
        chance = random.Random(f"rot {n}")
        shop = filled.copy(tmp_path / f"rot-{n}")
        path = _file(shop, ("inbox", "lake")[n % 2], chance)
        stat = path.stat()
        path.write_bytes(_flip(path.read_bytes(), chance))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        ran = shop.run("verify")
        assert ran.code == 4, f"seed rot {n}: {ran.said}"
        assert any(path.name in problem for problem in ran.json["problems"])
        found += 1
    record_property("found", f"{found} of {found} named")
