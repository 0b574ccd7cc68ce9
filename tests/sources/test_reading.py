from __future__ import annotations

import csv
import gzip
import io
import json
import tracemalloc
import zipfile
from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from regard.errors import BadInput, UnknownName
from regard.sources.limits import LIMITS, Limits
from regard.sources.reading import Reading, detect

SMALL = Limits(block_bytes=4096, row_bytes=1024, field_bytes=512, sample_bytes=4096)


def rows_of(path, *, limits=LIMITS, **overrides):
    """Rows, their lines and the bad rows of a file."""
    found = detect(path, overrides=overrides, limits=limits)
    rows, lines, bad = [], [], []
    for chunk in Reading(found, limits=limits):
        rows += [tuple(row.values()) for row in chunk.table.to_pylist()]
        lines += list(chunk.lines())
        bad += chunk.bad
    return rows, [int(n) for n in lines], bad, found


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_told_from_the_rows(written, delimiter):
    rows, lines, bad, found = rows_of(written("a.csv", f"id{delimiter}note\n1{delimiter}x y\n2{delimiter}z\n"))

    assert (found.delimiter, rows, lines, bad) == (delimiter, [("1", "x y"), ("2", "z")], [2, 3], [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
def test_the_encoding_is_told_from_the_bytes(written, encoding):
    text = "id,comment\n" + "\n".join(f"{i},Größe très bien – não chegou “ok”" for i in range(60)) + "\n"

    rows, _, _, _ = rows_of(written("a.csv", text.encode(encoding)))

    assert rows[59] == ("59", "Größe très bien – não chegou “ok”")


def test_an_encoding_can_be_insisted_on(written):
    path = written("a.csv", "id,city\n1,Łódź\n".encode("cp1250"))

    assert rows_of(path, encoding="cp1250")[0] == [("1", "Łódź")]
    with pytest.raises(BadInput, match="No encoding is named"):
        detect(path, overrides={"encoding": "klingon"})


def test_gzip_is_told_by_content_and_members_are_joined(written):
    packed = gzip.compress(b"id,a\n1,x\n") + gzip.compress(b"2,y\n")

    assert rows_of(written("a.csv", packed))[0] == [("1", "x"), ("2", "y")]


def test_values_over_several_lines_keep_the_lines_of_their_rows(written):
    rows, lines, bad, _ = rows_of(written("a.csv", 'id,text\n1,"a\nb"\n\n2,"c ""d"""\n3,e\n'))

    assert rows == [("1", "a\nb"), ("2", 'c "d"'), ("3", "e")]
    assert (lines, bad) == ([2, 5, 6], [])


def test_a_row_of_another_width_is_reported_and_the_rest_goes_on(written):
    rows, lines, bad, _ = rows_of(written("a.csv", "id,a,b\n1,x,y\n2,x\n3,x,y,z\n4,x,y\n"))

    assert (rows, lines) == ([("1", "x", "y"), ("4", "x", "y")], [2, 5])
    assert [(b.line, b.value, b.reason) for b in bad] == [
        (3, "2,x", "the row has 2 values where 3 columns are expected"),
        (4, "3,x,y,z", "the row has 4 values where 3 columns are expected"),
    ]


def test_a_quote_never_closed_costs_its_line_only(written):
    text = (
        "id,text\n"
        + "".join(f"{i},word\n" for i in range(500))
        + 'x,"never closed\n'
        + "".join(f"{i},word\n" for i in range(500, 1500))
    )

    rows, lines, bad, _ = rows_of(written("a.csv", text), limits=SMALL)

    assert [r[0] for r in rows] == [str(i) for i in range(1500)]
    assert lines[-1] == 1502
    assert [(b.line, b.value) for b in bad] == [(502, 'x,"never closed')]
    assert "quote is never closed" in bad[0].reason or "never closed" in bad[0].reason


def test_a_quote_inside_a_word_is_a_letter(written):
    rows, _, bad, _ = rows_of(written("a.csv", 'id,screen\n1,5" wide\n2,x\n3,"7"" wide"\n'))

    assert (rows, bad) == ([("1", '5" wide'), ("2", "x"), ("3", '7" wide')], [])


def test_a_line_without_end_is_refused_without_filling_memory(written):
    path = written("a.csv", b"id,text\n1,x\n2," + b"y" * 40_000_000 + b"\n3,z\n")
    limits = Limits(block_bytes=1 << 20, row_bytes=1 << 18, field_bytes=1 << 16)

    tracemalloc.start()
    rows, lines, bad, _ = rows_of(path, limits=limits)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert (rows, lines) == ([("1", "x"), ("3", "z")], [2, 4])
    assert [(b.line, "longer than" in b.reason) for b in bad] == [(3, True)]
    assert peak < 16_000_000


def test_a_value_longer_than_the_limit_is_a_bad_row(written):
    rows, _, bad, _ = rows_of(written("a.csv", "id,t\n1,x\n2," + "y" * 600 + "\n3,z\n"), limits=SMALL)

    assert ([r[0] for r in rows], [b.line for b in bad]) == (["1", "3"], [3])


def test_a_gzip_bomb_is_stopped(written):
    bomb = gzip.compress(b"id,a\n" + b"1,x\n" * 2_000_000, compresslevel=9)

    with pytest.raises(BadInput, match="times its size"):
        rows_of(written("bomb.csv.gz", bomb), limits=Limits(inflate_free=1 << 20))


def test_a_gzip_cut_short_says_so(written):
    rows = "\n".join(f"{i},{i * 7919 % 104729}" for i in range(200_000))
    packed = gzip.compress(f"id,a\n{rows}\n".encode())

    with pytest.raises(BadInput, match="ends before it is complete"):
        rows_of(written("a.csv.gz", packed[: len(packed) // 2]))


def test_bytes_of_another_encoding_late_in_the_file_are_bad_rows(written):
    good = "".join(f"{i},word\n" for i in range(200_000))
    text = b"id,a\n" + good.encode() + b"x,caf\xe9\n" + good.encode() + b"y,z\n"

    rows, _, bad, _ = rows_of(written("a.csv", text))

    assert len(rows) == 400_001
    assert [(b.line, "not UTF-8" in b.reason) for b in bad] == [(200_002, True)]


def test_too_many_columns_are_refused(written):
    with pytest.raises(BadInput, match="600 columns"):
        detect(written("a.csv", ",".join(f"c{i}" for i in range(600)) + "\n"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"%PDF-1.7 ...", "is a PDF"),
        (b"<html><table></table></html>", "HTML or XML"),
        (b"PK\x03\x04nonsense", "not a workbook"),
        (b"PAR1 nonsense", "not a Parquet file"),
        (b"\x00\x01\x02\x03" * 100, "not text"),
    ],
)
def test_what_is_no_table_is_named(written, content, said):
    with pytest.raises(BadInput, match=said):
        detect(written("a.dat", content))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInput, match="There is no file"):
        detect(tmp_path / "none.csv")


def test_a_file_without_headings_gets_numbered_columns(written):
    rows, lines, _, found = rows_of(written("a.csv", "1,2024-01-02,3.5\n2,2024-01-03,4.5\n3,2024-01-04,5.5\n"))

    assert (found.names, found.header, lines) == (("column_1", "column_2", "column_3"), 0, [1, 2, 3])
    assert rows[0] == ("1", "2024-01-02", "3.5")


def test_lines_before_the_headings_are_left_out_and_it_is_said(written):
    path = written("a.csv", "Report of May\n\nid;amount\n1;2,50\n2;3,75\n")

    rows, lines, _, found = rows_of(path)

    assert (found.names, rows, lines) == (("id", "amount"), [("1", "2,50"), ("2", "3,75")], [4, 5])
    assert any("before the headings" in note for note in found.notes)


def test_repeated_and_empty_headings_are_told_apart(written):
    found = detect(written("a.csv", "id,note,note,\n1,a,b,c\n"))

    assert found.names == ("id", "note", "note_2", "column_4")


@pytest.mark.parametrize(
    ("values", "formats", "noted"),
    [
        (["2024-01-31", "2024-02-01"], ("iso",), ""),
        (["31/01/2024", "02/01/2024"], ("%d/%m/%Y",), "day first"),
        (["01/31/2024", "01/02/2024"], ("%m/%d/%Y",), "month first"),
        (["01/02/2024", "02/03/2024"], ("%d/%m/%Y",), "assumed"),
        (["01/02/2024 1:05 PM", "02/03/2024 2:10 AM"], ("%m/%d/%Y %I:%M %p",), "assumed"),
        (["31.01.24", "01.02.24"], ("%d.%m.%y",), "day first"),
        (["1717236000", "1717236060"], ("epoch s",), ""),
        (["1717236000123", "1717236060456"], ("epoch ms",), ""),
        (["Jan 5, 2024 10:00 AM", "Feb 7, 2024 9:30 PM"], ("%b %d, %Y %I:%M %p",), ""),
        (["2024-01-31T10:00:00Z", "2024-01-31T10:00:00+02:00"], ("iso",), ""),
    ],
)
def test_formats_of_times_are_decided_by_the_data_and_said(written, values, formats, noted):
    column = detect(written("a.csv", "n;created_at\n" + "".join(f"x;{v}\n" for v in values))).column("created_at")

    assert (column.holds, column.formats) == ("time", formats)
    assert noted in column.note


@pytest.mark.parametrize(
    ("values", "decimal", "low"),
    [
        (["1.234,56", "12,50"], ",", 12.5),
        (["1,234.56", "12.50"], ".", 12.5),
        (["$1,200", "$30"], ".", 30.0),
        (["R$ 10,90", "R$ 1.010,90"], ",", 10.9),
        (["(5.25)", "7.00"], ".", 5.25),
    ],
)
def test_the_decimal_mark_is_decided_by_the_data(written, values, decimal, low):
    column = detect(written("a.csv", "n;amount\n" + "".join(f"x;{v}\n" for v in values))).column("amount")

    assert (column.holds, column.decimal, column.low) == ("number", decimal, low)


def test_json_lines_are_flattened_and_broken_lines_reported(written):
    lines = [
        json.dumps({"id": 1, "user": {"id": "u1", "plan": None}, "tags": ["a", "b"], "ok": True}),
        "{not json",
        json.dumps([1, 2]),
        "",
        json.dumps({"id": 2.5, "user": {"id": "u2"}}),
    ]

    rows, at, bad, found = rows_of(written("a.jsonl", "\n".join(lines)))

    assert found.names == ("id", "user.id", "user.plan", "tags", "ok")
    assert rows == [("1", "u1", None, '["a","b"]', "true"), ("2.5", "u2", None, None, None)]
    assert (at, [b.line for b in bad]) == ([1, 5], [2, 3])


@pytest.mark.parametrize("wrap", ["[{}]", '{{"tickets": [{}], "count": 2}}'])
def test_a_json_array_is_read_also_inside_an_object(written, wrap):
    inner = '{"id": 1, "a": "x"}, {"id": 2, "a": "y"}'

    assert rows_of(written("a.json", wrap.format(inner)))[0] == [("1", "x"), ("2", "y")]


def test_a_json_array_beyond_the_limit_is_refused_with_the_way_out(written):
    with pytest.raises(BadInput, match="one JSON value") as caught:
        rows_of(written("a.json", json.dumps([{"id": i} for i in range(2000)])), limits=Limits(array_bytes=1000))

    assert "jq" in caught.value.hint


def test_parquet_is_read_as_text(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table(
        {
            "id": pa.array([1, 2]),
            "at": pa.array([datetime(2024, 1, 2, 3, 4, 5), None], pa.timestamp("us", tz="Europe/Paris")),
            "amount": pa.array([1.5, 2.0]),
            "tags": pa.array([["a"], None]),
            "kind": pa.array(["x", ""]).dictionary_encode(),
        }
    )
    parquet.write_table(table, path)

    rows, lines, _, found = rows_of(path)

    assert rows[0][:3] == ("1", "2024-01-02 03:04:05.000000Z", "1.5")
    assert (rows[0][3:], rows[1][3:], lines) == (('["a"]', "x"), (None, None), [1, 2])
    assert found.column("at").holds == "time"


def xlsx(rows):
    """A minimal workbook, written as the format says (ECMA-376): inline strings, numbers, dates as serial days."""
    out = io.BytesIO()
    cells = []
    for r, row in enumerate(rows, 1):
        inner = ""
        for c, value in enumerate(row):
            ref = f"{chr(65 + c)}{r}"
            if isinstance(value, datetime):
                days = (value - datetime(1899, 12, 30)).total_seconds() / 86400
                inner += f'<c r="{ref}" s="1"><v>{days}</v></c>'
            elif isinstance(value, int | float):
                inner += f'<c r="{ref}"><v>{value}</v></c>'
            elif value is not None:
                inner += f'<c r="{ref}" t="inlineStr"><is><t>{value}</t></is></c>'
        cells.append(f'<row r="{r}">{inner}</row>')
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    files = {
        "_rels/.rels": f'<Relationships xmlns="{package}">'
        f'<Relationship Id="rId1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="May" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}">'
        f'<Relationship Id="rId1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{office}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22"/>'
        "</cellXfs></styleSheet>",
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{"".join(cells)}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(out, "w") as packed:
        for name, text in files.items():
            packed.writestr(name, f'<?xml version="1.0"?>{text}')
    return out.getvalue()


def test_a_workbook_is_read_with_the_row_numbers_excel_shows(written):
    content = xlsx([["id", "day", "amount"], [7, datetime(2024, 1, 31, 12), 2.5], [], ["8", None, 3]])

    rows, lines, _, found = rows_of(written("a.xlsx", content))

    assert (found.format, found.sheet, found.names) == ("xlsx", "May", ("id", "day", "amount"))
    assert (rows, lines) == ([("7", "2024-01-31 12:00:00", "2.5"), ("8", None, "3")], [2, 4])


def test_a_sheet_that_is_not_there_is_named_with_those_that_are(written):
    with pytest.raises(UnknownName, match="no sheet") as caught:
        detect(written("a.xlsx", xlsx([["id"], [1]])), overrides={"sheet": "Mai"})

    assert "May" in caught.value.hint


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=12)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.text("abc", min_size=1, max_size=3), CELL, CELL), min_size=1, max_size=40),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    ending=st.sampled_from(["\n", "\r\n"]),
    block=st.sampled_from([64, 300, 1 << 20]),
)
def test_what_python_writes_is_read_back(tmp_path, rows, *, delimiter, quoting, ending, block):
    """Brute force: Python's own csv module is the judge. A carriage return inside a value is left out: readers differ."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=ending)
    writer.writerow(("id", "first", "second"))
    writer.writerows(rows)
    path = tmp_path / "a.csv"
    path.write_bytes(out.getvalue().encode())
    limits = Limits(block_bytes=block, row_bytes=max(block // 2, 512), sample_bytes=1 << 16)

    read, lines, bad, _ = rows_of(path, delimiter=delimiter, header=1, skip=0, limits=limits)

    assert read == [tuple(v or None for v in row) for row in rows]
    assert bad == []
    judge = csv.reader(io.StringIO(out.getvalue(), newline=""), delimiter=delimiter)
    ends = [judge.line_num for _ in judge]
    assert lines == [end + 1 for end in ends[:-1]]
