"""Whatever a file holds, a person gets an answer in words: rows, bad rows, or an error that says what to do."""

from __future__ import annotations

import gzip
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regard.errors import RegardError
from regard.sources.importing import plan_import
from regard.sources.limits import Limits
from regard.sources.reading import Reading, detect

LIMITS = Limits(block_bytes=2048, row_bytes=512, field_bytes=256, sample_bytes=4096, rows=50)
CSV = b'id,at,who,amount,note\n1,2024-05-01,u1,"1,5","a ""b"""\n2,31/12/2024,u2,7,"x\ny"\n3,,u3,-,\n' * 5
JSON = (
    b'{"id": 1, "at": "2024-05-01", "user": {"id": "u"}, "score": 9}\n{"id": 2, "text": "\\ud83d\\ude00 \\u00e9"}\n' * 5
)
ANY = st.one_of(
    st.binary(min_size=1, max_size=400),
    st.text(st.sampled_from('ab,;"\n\r\t\\{}[]: 0123456789/-.é'), min_size=1, max_size=300).map(str.encode),
)


def mutated(seed):
    """A well-formed file with bytes replaced, removed and put in."""
    change = st.tuples(st.integers(0, len(seed)), st.integers(0, 6), st.binary(max_size=4))
    return st.lists(change, max_size=8).map(lambda changes: _applied(seed, changes))


def _applied(seed, changes):
    for start, gone, put in changes:
        seed = seed[:start] + put + seed[start + gone :]
    return seed or b"x"


def in_words(error):
    assert error.message
    assert error.where


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(ANY, mutated(CSV), mutated(JSON), mutated(gzip.compress(CSV, mtime=0))))
def test_any_bytes_are_read_or_refused_in_words(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content)

    try:
        found = detect(path, limits=LIMITS)
        for chunk in Reading(found, limits=LIMITS):
            lines = chunk.lines()
            assert len(lines) == chunk.table.num_rows
            assert all(b >= a for a, b in pairwise(lines))
            assert chunk.table.column_names == list(found.names)
            assert all(row.reason and row.line >= 1 for row in chunk.bad)
    except RegardError as error:
        in_words(error)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(mutated(CSV), mutated(JSON)))
def test_any_proposal_can_be_imported(tmp_path, bring, content):
    """Every row of the file is accounted for: a signal, or a bad row; the intake's counts add up."""
    path = tmp_path / "orders.csv"
    path.write_bytes(content)

    try:
        plan = plan_import([path])
        done, intake = bring(plan.toml, path)
    except RegardError as error:
        in_words(error)
        return

    assert done.received == done.stored + done.refused
    assert done.stored == sum(t.num_rows for tables in intake.tables.values() for t in tables)
    assert done.bad == done.refused


@pytest.mark.parametrize("text", ["\ud800", "\x00", "\u202e", "’" * 300])
def test_odd_characters_in_json_do_no_harm(bring, written, text):
    lines = ['{"id": "a", "created_at": "2024-05-01", "email": "m@x.org", "score": 9, "comment": "' + x + '"}' for x in ("fine", repr(text)[1:-1].replace("\\x00", "\\u0000"))]  # fmt: skip
    file = written("nps.jsonl", "\n".join(lines).encode())

    done, _ = bring(plan_import([file]).mapping, file)

    assert done.stored >= 1
    assert done.stored + done.refused == 2
