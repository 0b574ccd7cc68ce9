from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from regard.errors import BadInput, UnknownName
from regard.sources.importing import plan_import, run_import
from regard.sources.limits import Limits
from regard.sources.mapping import read_mapping

ORDERS = """
name = "shop"
[[signal]]
kind = "order"
labels = ["region", "plan"]
[signal.columns]
key = "id"
occurred_at = "at"
person = "who"
amount = "amount"
"""


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_rows_become_signals(bring, written):
    file = written(
        "a.csv", 'id,at,who,amount,region,plan\n1,2024-05-01, u1 ,"1,200.50",EU,"a ""b"""\n2,2024-05-02,u2,3,,\n'
    )

    done, intake = bring(ORDERS, file)

    first, second = intake.rows("order")
    assert first == {
        "key": "1",
        "occurred_at": at("2024-05-01"),
        "person": "u1",
        "amount": 1200.5,
        "labels": '{"region":"EU","plan":"a \\"b\\""}',
    }
    assert json.loads(first["labels"])["plan"] == 'a "b"'
    assert (second["labels"], done.kinds, done.rejects, done.rows) == (None, {"order": 2}, "", 2)
    assert intake.begun["source"] == "shop"
    assert read_mapping(intake.begun["mapping"]) == read_mapping(ORDERS)


def test_bad_rows_go_to_a_file_and_the_rest_goes_on(bring, written):
    rows = [
        "1,2024-05-01,u,5",
        "2,soon,u,6",
        '3,2024-05-03,u,"=1+1"',
        "4,2024-05-04,u,",
        "5,2024-05-05",
        '6,2024-05-06,"u\nv",7',
    ]
    file = written("a.csv", "id,at,who,amount\n" + "\n".join(rows) + "\n7,n/a,u,1\n8,2024-05-08,u,8\n")

    done, intake = bring(ORDERS.replace('labels = ["region", "plan"]', ""), file)

    assert [r["key"] for r in intake.rows("order")] == ["1", "6", "8"]
    assert (done.received, done.stored, done.refused, done.bad) == (8, 3, 5, 5)
    with Path(done.rejects).open(newline="", encoding="utf-8") as opened:
        listed = {int(row["line"]): row for row in csv.DictReader(opened)}
    assert {line: (r["column"], r["value"]) for line, r in listed.items()} == {
        3: ("at", "soon"),
        4: ("amount", "'=1+1"),
        5: ("amount", ""),
        6: ("", "5,2024-05-05"),
        9: ("at", "n/a"),
    }
    assert listed[3]["reason"] == "it is not a time between 1800 and 9999 in the format iso"
    assert listed[9]["reason"] == "occurred_at is empty, and a signal of kind order needs it"


def test_every_bad_row_is_counted_and_only_the_first_are_listed(bring, written):
    file = written("a.csv", "id,at,who,amount\n" + "x,never,u,1\n" * 5000 + "1,2024-05-01,u,1\n")

    done, _ = bring(ORDERS.replace('labels = ["region", "plan"]', ""), file, limits=Limits(rejects_listed=10, rows=700))

    (reason,) = done.reasons
    assert (reason.rows, reason.listed, reason.first_line, reason.value) == (5000, 10, 2, "never")
    assert "4,999 more rows" in str(reason)
    assert (done.received, done.refused, done.stored) == (5001, 5000, 1)


def test_expressions_fill_columns(bring, written):
    mapping = """
    [[signal]]
    kind = "order"
    when = { status = { not = "test" }, cents = { above = 0 } }
    labels = { size = { column = "n", map = { 1 = "one" }, default = "more" }, kept = { column = "n", map = { 1 = "one" }, keep = true } }
    [signal.columns]
    key = { text = ["id", "line"], with = "-" }
    occurred_at = { column = "day", format = "%d.%m.%Y %H:%M", zone = "America/Sao_Paulo" }
    person = { first = ["customer", "email"], default = "nobody" }
    amount = { column = "cents", times = 0.01 }
    refunded = { column = "cents", when = { status = ["back", "lost"] }, times = 0.01 }
    quantity = { product = ["n", "cents"] }
    currency = { value = "BRL" }
    """
    file = written(
        "a.csv",
        "id,line,day,customer,email,cents,n,status\n"
        "a,1,04.11.2018 00:30,,m@x.org,1250,1,ok\n"
        "a,2,05.11.2018 10:00,c1,m@x.org,200,3,back\n"
        "a,3,05.11.2018 10:00,c1,,100,1,test\n"
        "a,4,05.11.2018 10:00,,,0,1,ok\n"
        "a,5,05.11.2018 10:00,,,5,,ok\n",
    )

    done, intake = bring(mapping, file)

    one, two, three = intake.rows("order")
    # clocks in São Paulo went forward at midnight of 4 November 2018: 00:30 did not exist there, IANA reads it as 01:30 -02:00
    assert one["occurred_at"] == at("2018-11-04T03:30")
    assert two["occurred_at"] == at("2018-11-05T12:00")
    assert [r["person"] for r in (one, two, three)] == ["m@x.org", "c1", "nobody"]
    assert [r["key"] for r in (one, two, three)] == ["a-1", "a-2", "a-5"]
    assert (one["amount"], one["refunded"], two["refunded"]) == (12.5, None, 2.0)
    assert (one["quantity"], two["quantity"], three["quantity"]) == (1250.0, 600.0, None)
    assert [json.loads(r["labels"]) for r in (one, two)] == [
        {"size": "one", "kept": "one"},
        {"size": "more", "kept": "3"},
    ]
    assert (done.bad, one["currency"]) == (0, "BRL")


@pytest.mark.parametrize(
    ("value", "formats", "zone", "expected"),
    [
        ("2024-05-01T10:00:00+02:00", "iso", "", "2024-05-01T08:00"),
        ("2024-05-01 10:00:00 -0300", "iso", "", "2024-05-01T13:00"),
        ("2024-05-01 10:00", "iso", "Europe/Paris", "2024-05-01T08:00"),
        ("2024-05-01T10:00:00Z", "iso", "Europe/Paris", "2024-05-01T10:00"),
        ("2024-12-01", "iso", "Europe/Paris", "2024-11-30T23:00"),
        ("1714557600", "epoch s", "Europe/Paris", "2024-05-01T10:00"),
        ("1714557600000", "epoch ms", "", "2024-05-01T10:00"),
        ("05/01/2024 10:00 AM", "%m/%d/%Y %I:%M %p", "", "2024-05-01T10:00"),
        ("01/May/2024:10:00:00 +0200", "%d/%b/%Y:%H:%M:%S %z", "", "2024-05-01T08:00"),
        ("infinity", "iso", "", None),
        ("2024-02-30", "iso", "", None),
        ("0024-02-03", "iso", "", None),
    ],
)
def test_times_are_read_with_their_format_and_zone(bring, written, value, *, formats, zone, expected):
    mapping = f"""
    [[signal]]
    kind = "event"
    [signal.columns]
    name = {{ value = "x" }}
    occurred_at = {{ column = "at", format = "{formats}", zone = "{zone}" }}
    """

    done, intake = bring(mapping, written("a.csv", f"id,at\n1,{value}\n"))

    assert [r["occurred_at"] for r in intake.rows("event")] == ([at(expected)] if expected else [])
    assert done.bad == (expected is None)


@pytest.mark.parametrize(
    ("value", "decimal", "expected"),
    [
        ("1,234.56", ".", 1234.56),
        ("1.234,56", ",", 1234.56),
        ("1.234", ",", 1234.0),
        ("1.5", ",", None),
        ("1,5", ".", None),
        ("12,3456", ".", None),
        ("R$ 10,90", ",", 10.9),
        ("-$3.50", ".", -3.5),
        ("(3.50)", ".", -3.5),
        ("12 %", ".", 12.0),
        ("1'000", ".", 1000.0),
        ("1e3", ".", 1000.0),
        ("nan", ".", None),
        ("inf", ".", None),
        ("0x10", ".", None),
        ("twelve", ".", None),
    ],
)
def test_numbers_are_read_as_people_write_them(bring, written, value, decimal, expected):
    mapping = f"""
    [inputs.rows]
    delimiter = "|"
    [[signal]]
    kind = "order"
    [signal.columns]
    occurred_at = {{ value = "2024-05-01" }}
    amount = {{ column = "amount", decimal = "{decimal}" }}
    """

    done, intake = bring(mapping, written("a.csv", f"id|amount\n1|{value}\n2|7\n"))

    found = [r["amount"] for r in intake.rows("order")]
    assert found == ([expected, 7.0] if expected is not None else [7.0])
    assert done.refused == (expected is None)


def test_files_are_joined_by_their_keys(bring, written):
    mapping = """
    [inputs.people]
    files = "people*"
    [inputs.orders]
    files = "orders.csv"
    join = [{ with = "people", on = { buyer = "id" } }]
    [inputs.lines]
    files = "lines.csv"
    join = [{ with = "orders", on = "order" }]
    [[signal]]
    kind = "order"
    from = "lines"
    labels = { region = "orders.people.region" }
    [signal.columns]
    key = { text = ["order", "line"] }
    occurred_at = "orders.at"
    person = "orders.buyer"
    amount = "price"
    """
    people = written("people.csv", "id,region\nu1,EU\nu1,US\nu2,APAC\n")
    orders = written("orders.csv", "order,buyer,at\no1,u1,2024-05-01\no2,u9,2024-05-02\n")
    lines = written("lines.csv", "order,line,price\no1,1,5\no2,1,6\no1,2,oops\no3,1,8\n")

    done, intake = bring(mapping, lines, people, orders)

    assert [(r["key"], r["amount"], r["labels"]) for r in intake.rows("order")] == [
        ("o1/1", 5.0, '{"region":"EU"}'),
        ("o2/1", 6.0, None),
    ]
    assert done.notes == ("people has 1 id more than once; the first row of each is joined, 1 rows are left out.",)
    assert [(r.file, r.column, r.first_line) for r in done.reasons] == [
        ("lines.csv", "price", 4),
        ("lines.csv", "occurred_at", 5),
    ] or [(r.file, r.column, r.first_line) for r in sorted(done.reasons, key=lambda r: r.first_line)] == [
        ("lines.csv", "price", 4),
        ("lines.csv", "orders.at", 5),
    ]


def test_rows_are_grouped_into_one(bring, written):
    mapping = """
    [inputs.messages]
    files = "messages.csv"
    [inputs.threads]
    from = "messages"
    by = "thread"
    [inputs.threads.columns]
    opened = { first = "at", order = "n" }
    answered = { min = "at", when = { role = "agent" } }
    who = { first = "by", order = "n", when = { role = "customer" } }
    messages = { count = "text" }
    seconds = { sum = "n" }
    [[signal]]
    kind = "contact"
    from = "threads"
    [signal.columns]
    key = "thread"
    occurred_at = "opened"
    answered_at = "answered"
    person = "who"
    reopened = "messages"
    handovers = "seconds"
    """
    file = written(
        "messages.csv",
        "thread,n,role,by,at,text\n"
        "t1,10,customer,u1,2024-05-01 12:00,late\n"
        "t1,2,agent,a1,2024-05-01 11:00,hi\n"
        "t1,1,customer,u1,2024-05-01 10:00,help\n"
        "t2,1,customer,u2,2024-05-02 10:00,hm\n",
    )

    done, intake = bring(mapping, file)

    first, second = sorted(intake.rows("contact"), key=lambda r: r["key"])
    assert (first["occurred_at"], first["answered_at"]) == (at("2024-05-01T10:00"), at("2024-05-01T11:00"))
    assert (first["person"], first["reopened"], first["handovers"]) == ("u1", 3.0, 13.0)
    assert (second["answered_at"], done.bad) == (None, 0)


def test_a_response_in_one_row_becomes_its_parts(bring, written):
    mapping = """
    [[signal]]
    kind = "answer"
    scale = [1, 5]
    [signal.columns]
    key = "id"
    occurred_at = "at"
    [signal.parts]
    food = "q1"
    room = { score = "q2", verbatim = "why" }
    all = { score = "q3", metric = "nps", scale = [0, 10], whole = true }
    """

    done, intake = bring(
        mapping,
        written("a.csv", "id,at,q1,q2,q3,why\nr1,2024-05-01,5,,9,\nr2,2024-05-02,,,,cold\nr3,2024-05-03,x,1,2,\n"),
    )

    rows = sorted(intake.rows("answer"), key=lambda r: r["key"])
    assert [(r["key"], r["response"], r["part"], r["score"], r["scale_max"]) for r in rows] == [
        ("r1/all", "r1", None, 9.0, 10.0),
        ("r1/food", "r1", "food", 5.0, 5.0),
        ("r2/room", "r2", "room", None, 5.0),
        ("r3/all", "r3", None, 2.0, 10.0),
        ("r3/room", "r3", "room", 1.0, 5.0),
    ]
    assert [(r.column, r.value) for r in done.reasons] == [("q1", "x")]


def test_names_and_values_cannot_reach_the_engine_as_sql(bring, written):
    evil = "'); DROP TABLE x; --"
    mapping = f"""
    name = "shop"
    [[signal]]
    kind = "order"
    when = {{ "{evil}" = {{ not = "{evil}2" }} }}
    labels = {{ "{evil}" = "{evil}" }}
    [signal.columns]
    occurred_at = "at"
    amount = "amount"
    status = {{ column = "{evil}", map = {{ "{evil}3" = "{evil}4" }}, keep = true }}
    seller = {{ value = "{evil}" }}
    """

    done, intake = bring(
        mapping, written("a.csv", f'at,amount,"{evil}"\n2024-05-01,1,"{evil}3"\n2024-05-01,2,"{evil}2"\n')
    )

    (row,) = intake.rows("order")
    assert (row["status"], row["seller"]) == (f"{evil}4", evil)
    assert json.loads(row["labels"]) == {evil: f"{evil}3"}
    assert done.bad == 0


def test_headings_that_differ_only_in_case_are_two_columns(bring, written):
    mapping = ORDERS.replace('labels = ["region", "plan"]', 'labels = ["ID"]')

    _, intake = bring(mapping, written("a.csv", "id,ID,at,who,amount\n1,x,2024-05-01,u,5\n"))

    assert [(r["key"], r["labels"]) for r in intake.rows("order")] == [("1", '{"ID":"x"}')]


def test_a_column_the_files_lack_is_named_before_anything_is_imported(written, tmp_path):
    file = written("a.csv", "id,at,who,amont,region,plan\n1,2024-05-01,u,5,EU,x\n")
    intake = SimpleNamespace(begin=lambda **_: pytest.fail("a batch was begun"))

    with pytest.raises(UnknownName) as caught:
        list(run_import(intake, [file], read_mapping(ORDERS), rejects=tmp_path, temporary=tmp_path))

    assert caught.value.near[0] == "amont"
    with pytest.raises(UnknownName, match="no column named 'amount'"):
        plan_import([file], read_mapping(ORDERS))


def test_a_missing_file_of_an_input_is_named(written):
    file = written("a.csv", "id\n1\n")

    with pytest.raises(BadInput, match=r"needs orders.csv.*Given: a.csv|orders.csv") as caught:
        plan_import([file], read_mapping('[inputs.rows]\nfiles = "orders.csv"\n' + ORDERS.replace('name = "shop"', "")))

    assert "a.csv" in caught.value.hint


def test_monthly_files_of_one_input_may_differ_in_order_and_formats(bring, written):
    may = written("may.csv", "id,at,who,amount\n1,31/05/2024,u,5\n")
    june = written("june.csv", "amount;who;id;at\n5,50;u;2;2024-06-01\n6,25;u;3;2024-06-02\n")

    done, intake = bring(ORDERS.replace('labels = ["region", "plan"]', ""), may, june)

    rows = sorted(intake.rows("order"), key=lambda r: r["key"])
    assert [(r["amount"], r["occurred_at"].date().isoformat()) for r in rows] == [
        (5.0, "2024-05-31"),
        (5.5, "2024-06-01"),
        (6.25, "2024-06-02"),
    ]
    assert done.bad == 0


def test_an_import_leaves_nothing_behind_in_the_passing_directory(bring, written, tmp_path):
    bring(ORDERS.replace('labels = ["region", "plan"]', ""), written("a.csv", "id,at,who,amount\n1,2024-05-01,u,5\n"))

    assert list((tmp_path / "passing").iterdir()) == []
