"""Keys are looked up in memory; one made a moment ago opens its source, and a flood of unknown ones costs little."""

from __future__ import annotations

import hashlib

from regard.intake.keys import LOOKS, Keys


def _hash(key):
    return hashlib.sha256(key.encode()).hexdigest()


def test_a_key_made_a_moment_ago_opens_its_source_though_unknown_ones_were_just_tried():
    known = {}
    keys = Keys(lambda: dict(known))
    assert keys.source("rk_none") is None
    assert keys.source("rk_other") is None
    known[_hash("rk_new")] = "shop"

    assert keys.source("rk_new") == "shop"


def test_a_flood_of_unknown_keys_reads_the_keys_a_bounded_number_of_times():
    reads = []
    keys = Keys(lambda: reads.append(1) or {})
    for number in range(2000):
        assert keys.source(f"rk_{number}") is None

    assert len(reads) <= 2 * LOOKS
