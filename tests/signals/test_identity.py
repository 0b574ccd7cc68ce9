"""Who is who, against a plain walk along the merges (brute force, in `_walk`)."""

from __future__ import annotations

import hashlib
import random

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from regard.signals.identity import (
    CROWD,
    NOBODY,
    Membership,
    Merges,
    belongs,
    customer_hash,
    empty_fold,
    fold,
    hashes,
    raw_ids,
    resolve,
    whole_fold,
)


def _merges(steps):
    source, target, undo = (list(column) for column in zip(*steps, strict=True))
    return Merges(
        np.array(source, np.int64), np.array(target, np.int64), np.array(undo, bool),
        np.arange(len(steps)), np.zeros(len(steps), bool),
    )  # fmt: skip


def _walk(steps):
    """The newest standing merge of each id, followed one by one; a circle ends at its smallest id."""
    standing = {}
    for number, (source, target, undo) in enumerate(steps):
        standing[source, target] = (number, undo)
    goes = {}
    for (source, target), (_, undo) in sorted(standing.items(), key=lambda item: item[1][0]):
        if not undo:
            goes[source] = target
    result = {}
    for start, first in goes.items():
        seen, at = [start], first
        while at in goes and at not in seen:
            seen.append(at)
            at = goes[at]
        result[start] = min(seen[seen.index(at) :]) if at in seen else at
    return {source: target for source, target in result.items() if source != target}


@pytest.mark.parametrize("seed", range(30))
def test_the_fold_is_what_walking_along_the_merges_finds(seed):
    chance = random.Random(seed)
    ids = range(1, 9)
    steps = []
    for _ in range(chance.randrange(1, 25)):
        source, target = chance.sample(ids, 2)
        steps.append((source, target, chance.random() < 0.2))
    found, crowded = fold(_merges(steps))
    assert dict(zip(found.source.tolist(), found.target.tolist(), strict=True)) == _walk(steps)
    assert not len(crowded)


def test_a_long_chain_ends_at_its_end():
    found, _ = fold(_merges([(n, n + 1, False) for n in range(1000)]))
    assert set(found(np.arange(1000)).tolist()) == {1000}


def test_an_id_that_joins_a_crowd_is_held_back_and_named():
    many = [(n, 9999, False) for n in range(CROWD + 1)]
    found, crowded = fold(_merges([*many, (5000, 5001, False)]))
    assert crowded.tolist() == [9999]
    assert found.source.tolist() == [5000]
    found, crowded = fold(_merges(many[:CROWD]))
    assert len(found.source) == CROWD
    assert not len(crowded)


def test_hashes_are_the_lower_half_of_md5_and_shared_ids_are_nobody():
    ids = ["a", "guest", None, "NULL", " Unknown ", "", "0", "ä"]
    with duckdb.connect() as connection:
        found = hashes(connection, "person", pa.chunked_array([ids], pa.string()))
    wanted = int.from_bytes(hashlib.md5(b"person:a", usedforsecurity=False).digest()[8:], "little", signed=True)
    assert found[0] == wanted == customer_hash("person", "a")
    assert found[-1] == customer_hash("person", "ä")
    assert set(found[1:-1].tolist()) == {NOBODY}


def test_a_profile_says_the_account_and_else_the_first_signal_does():
    members = Membership(
        np.array([1, 1, 2, 2, 3]), np.array([10, 11, 10, 12, 13]), np.array([5, 2, 7, 9, 1]),
        np.array([False, False, True, True, False]),
    )  # fmt: skip
    found = belongs(members, empty_fold())
    assert dict(zip(found.source.tolist(), found.target.tolist(), strict=True)) == {1: 11, 2: 12, 3: 13}


def test_a_person_is_of_their_account_only_where_customers_are_accounts():
    table = pa.table(
        {"person": ["ann", "bob", None, None], "account": [None, None, "acme", None], "anonymous": [None] * 3 + ["d"]}
    )
    table = table.cast(pa.schema([(n, pa.string()) for n in table.column_names]))
    ann, acme = customer_hash("person", "ann"), customer_hash("account", "acme")
    members = belongs(Membership(np.array([ann]), np.array([acme]), np.array([0]), np.array([True])), empty_fold())
    with duckdb.connect() as connection:
        raw = raw_ids(connection, table)
    _, person = resolve(raw, customer="person", whole=whole_fold(empty_fold(), members, customer="person"))
    _, account = resolve(raw, customer="account", whole=whole_fold(empty_fold(), members, customer="account"))
    bob, device = customer_hash("person", "bob"), customer_hash("anonymous", "d")
    assert person.tolist() == [ann, bob, acme, device]
    assert account.tolist() == [acme, bob, acme, device]
