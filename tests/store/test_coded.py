"""Codes instead of texts, and the order of rows: expected values by brute force."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regard.store import buckets, coded, rows
from regard.store.ids import Ordinals
from regard.store.pace import abreast


def repeating(n, seed=1):
    chosen = np.random.default_rng(seed).integers(0, 4, n)
    return pa.array([["red", "", None, "grün"][i] for i in chosen], pa.string())


def test_codes_are_written_and_read_as_the_texts_they_stand_for(tmp_path):
    table = pa.table({"colour": repeating(5000), "key": [f"k{i}" for i in range(5000)], "none": pa.nulls(5000)})
    table = table.set_column(2, "none", pa.nulls(5000, pa.string()))
    form = coded.coded(table)
    assert [pa.types.is_dictionary(t) for t in form.schema.types] == [True, False, True]
    coded.write(tmp_path / "a.parquet", [form], row_group=1000, about={"regard": "words"})
    with pq.ParquetFile(tmp_path / "a.parquet") as file:
        assert file.read().replace_schema_metadata(None).equals(table)
        assert set(coded.columns_in(file)) == {"colour", "none"}
        assert file.metadata.metadata == {b"regard": b"words"}
    assert coded.plain(form).equals(table)


def test_tables_coded_here_and_plain_there_become_one():
    first = pa.table({"a": repeating(40).dictionary_encode(), "b": repeating(40, 2).dictionary_encode()})
    second = pa.table({"a": repeating(30, 3), "c": np.arange(30)})
    one = coded.joined([first, second])
    assert one["a"].to_pylist() == repeating(40).to_pylist() + repeating(30, 3).to_pylist()
    assert one["b"].to_pylist() == repeating(40, 2).to_pylist() + [None] * 30
    assert one["c"].to_pylist() == [None] * 40 + list(range(30))
    order = np.array([69, 3, 3, 0])
    for codes in (True, False):
        assert coded.taken(one, order, codes=codes).to_pylist() == [one.to_pylist()[i] for i in order]


def test_the_identity_of_a_row_does_not_depend_on_its_form_but_on_every_column(tmp_path):
    table = pa.table(
        {"key": [f"k{i // 2}" for i in range(4000)], "person": repeating(4000), "name": repeating(4000, 2)}
    )
    table = table.append_column("amount", pa.array(np.arange(4000.0)))
    engine = duckdb.connect()

    def identity(of):
        found = rows.identify(engine, kind="order", source="s", table=of, ordinals=Ordinals(tmp_path))
        return list(zip(found.high.tolist(), found.low.tolist(), strict=True))

    plain = identity(table)
    assert identity(coded.coded(table)) == plain
    assert len(set(plain)) == 4000
    moved = table.rename_columns(["key", "name", "person", "amount"]).select(table.column_names)
    same = [a == b for a, b in zip(table["person"].to_pylist(), table["name"].to_pylist(), strict=True)]
    assert [a == b for a, b in zip(plain, identity(moved), strict=True)] == same


def test_a_text_that_moves_to_the_next_column_is_another_row(tmp_path):
    table = pa.table({"person": ["ab", "a", None, "ab", ""], "name": ["c", "bc", "abc", None, "abc"]})
    engine = duckdb.connect()
    found = rows.identify(engine, kind="event", source="s", table=table, ordinals=Ordinals(tmp_path))
    assert len(set(found.high.tolist())) == len(set(found.low.tolist())) == 5


@pytest.mark.parametrize("far", [10, 1 << 62])
def test_rows_are_sorted_by_customer_time_and_position(far):
    random = np.random.default_rng(4)
    customer = random.integers(-far, far, 3000) // max(far // 5, 1)
    moment = random.integers(-far, far, 3000)
    table = pa.table(
        {
            "customer": pa.array(customer, mask=random.random(3000) < 0.1),
            "occurred_at": pa.array(moment, mask=random.random(3000) < 0.1).cast(pa.timestamp("us")),
            "position": np.arange(3000),
        }
    )
    last = (1, 0)
    key = [
        (last if c is None else (0, c), last if t is None else (0, t), p)
        for c, t, p in zip(
            table["customer"].to_pylist(),
            table["occurred_at"].cast(pa.int64()).to_pylist(),
            range(3000),
            strict=True,
        )
    ]
    assert buckets.order_of(table).tolist() == sorted(range(3000), key=lambda i: key[i])


@pytest.mark.parametrize("known", [True, False])
def test_many_rows_come_out_of_temporary_files_as_they_do_from_memory(workspace, monkeypatch, known):
    random = np.random.default_rng(5)
    customer = random.integers(-(1 << 62), 1 << 62, 400)[random.integers(0, 400, 6000)]
    table = pa.table(
        {
            "customer": pa.array(customer, mask=np.full(6000, not known)),
            "occurred_at": pa.array(random.integers(0, 1000, 6000)).cast(pa.timestamp("us")),
            "position": np.arange(6000),
            "name": repeating(6000),
        }
    )
    schema = pa.schema([*table.schema, pa.field("labels", pa.string())])

    def sorted_by(expected):
        sorter = buckets.Sorter(workspace.lake, kind="event", schema=schema, buckets=4, expected=expected)
        for start in range(0, 6000, 1500):
            sorter.add(coded.coded(table.slice(start, 1500)))
        files = list(sorter.bases())
        return files, pa.concat_tables([pq.read_table(workspace.lake.path(f)) for f in files])

    monkeypatch.setattr(buckets, "PIECE", 700)
    few, memory = sorted_by(0)
    many, spilled = sorted_by(buckets.IN_MEMORY + 1)
    assert len(many) > len(few)
    assert spilled.schema.names == schema.names
    if known:
        assert spilled.equals(memory)
    assert sorted(spilled["position"].to_pylist()) == list(range(6000))


def test_work_abreast_keeps_the_order_takes_few_ahead_and_raises_in_its_place():
    taken = []

    def items():
        for number in range(20):
            taken.append(number)
            yield number

    found = abreast(lambda n: n * n, items())
    assert next(found) == 0
    assert len(taken) <= 4
    assert list(found) == [n * n for n in range(1, 20)]
    broken = abreast(lambda n: 1 // (3 - n), range(5))
    assert [next(broken) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(broken)
