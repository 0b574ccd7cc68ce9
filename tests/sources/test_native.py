"""Signals of any kind as JSON: what is taken, what becomes a label, what is refused by name."""

from __future__ import annotations

import json

import pytest

from regard.signals.kinds import KINDS
from regard.sources import native
from regard.sources.items import NAMES, Unfit
from regard.sources.limits import Wire

NOON = 1_764_158_400_000_000  # 2025-11-26T12:00:00Z
SAMPLE = {"text": "x", "number": 1.5, "whole": 2, "time": "2025-11-26T10:00:00Z", "truth": True}


def rows(parcel):
    return [
        {"kind": kind, **{n: values[n] for n in NAMES[kind] if values.get(n) is not None}}
        for kind, found in parcel.rows.items()
        for values in found.values
    ]


def read(body, media=""):
    return native.read(
        body if isinstance(body, bytes) else json.dumps(body).encode(), received=NOON, media=media, limits=Wire()
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_every_column_of_every_kind_is_taken(kind):
    item = {c.name: SAMPLE[c.type] for c in kind.all_columns} | {"kind": kind.name, "labels": {"region": "EU"}}

    parcel = read(item)

    assert parcel.told == [None], parcel.told
    made = rows(parcel)[0]
    assert set(made) - {"kind"} == {c.name for c in kind.all_columns}
    assert json.loads(made["labels"]) == {"region": "EU"}


def test_lists_and_lines_are_read_and_unknown_fields_become_labels():
    items = [{"kind": "answer", "score": 9, "region": "EU", "person": n} for n in range(3)]
    lines = b"\n\n".join(json.dumps(i).encode() for i in items)

    for parcel in (read(items), read(lines), read(lines + b"\n", "application/x-ndjson; charset=utf-8")):
        assert [r["person"] for r in rows(parcel)] == ["0", "1", "2"]
        assert json.loads(rows(parcel)[0]["labels"]) == {"region": "EU"}


def test_a_broken_line_is_refused_and_the_others_are_not():
    parcel = read(b'{"kind":"answer","score":1}\n{"kind":"answ\n{"kind":"answer","score":2}', "application/jsonl")

    assert [t and t.code for t in parcel.told] == [None, "not_json", None]


def test_a_record_key_is_enough_and_a_message_id_wins():
    assert "message_id" not in rows(read({"kind": "contact", "key": "t1"}))[0]
    assert rows(read({"kind": "contact", "key": "t1", "message_id": "m"}))[0]["message_id"] == "m"


@pytest.mark.parametrize(
    ("item", "code", "where"),
    [
        ({"score": 1}, "unknown_kind", "kind"),
        ({"kind": "dance"}, "unknown_kind", "kind"),
        ({"kind": "answer", "scroe": 1}, "unknown_field", "scroe"),
        ({"kind": "answer", "score": "nine"}, "wrong_type", "score"),
        ({"kind": "answer", "score": True}, "wrong_type", "score"),
        ({"kind": "answer", "verbatim": ["x"]}, "wrong_type", "verbatim"),
        ({"kind": "answer", "asked_at": "soon"}, "bad_time", "asked_at"),
        ({"kind": "order", "key": "o1"}, "field_missing", "amount"),
        ({"kind": "event", "name": "e"}, "id_missing", "person"),
        ({"kind": "event", "name": "e", "person": "null"}, "id_missing", "person"),
        ({"kind": "merge", "person": "a", "into": "guest"}, "shared_id", "into"),
        ({"kind": "merge", "into": "a"}, "id_missing", "into"),
        ({"kind": "answer", "labels": "x"}, "wrong_type", "labels"),
        ({"kind": "answer", "score": 1, "occurred_at": "2026-11-26T12:00:00Z"}, "future", "occurred_at"),
    ],
)
def test_what_does_not_fit_is_told_by_name(item, code, where):
    told = read([item]).told[0]

    assert (told.code, told.where) == (code, where)
    assert told.reason.endswith(".")


@pytest.mark.parametrize("body", [b"", b"7", b"{", b'"x"', b"\xff"])
def test_what_is_no_signal_is_refused_whole_or_item_by_item(body):
    try:
        parcel = read(body)
    except Unfit:
        return
    assert all(t is not None and t.outcome == "refused" for t in parcel.told)
