"""What tests share: a log made of a few rows written in the test, without files; one browser."""

from __future__ import annotations

import json
import os
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from regard.signals.ask import View
from regard.signals.declarations import Declarations
from regard.signals.derived import statement
from regard.signals.kinds import KINDS
from regard.signals.stepping import NO_STEPS, Made
from regard.signals.steprows import OTHERS
from regard.steps.columns import of_arrays

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

DATA = Path(__file__).parents[1] / "../shared/data"

ARROW = {
    "text": pa.string(),
    "number": pa.float64(),
    "whole": pa.int64(),
    "time": pa.timestamp("us"),
    "truth": pa.bool_(),
}
NOTHING = Declarations()
# Any sign, as the real ones have: nothing may be told from the number of a customer.
HASH = "CAST(CAST(md5_number_lower({}) AS HUGEINT) - 9223372036854775808 AS BIGINT)"


def _table(kind, rows):
    columns = {}
    for column in kind.all_columns:
        values = [row.get(column.name) for row in rows]
        if column.name == "labels":
            values = [json.dumps(v) if isinstance(v, dict) else v for v in values]
        if column.type == "time":
            values = [datetime.fromisoformat(v) if isinstance(v, str) else v for v in values]
        columns[column.name] = pa.array(values, ARROW[column.type])
    return pa.table(columns)


def _load(connection, kind, given, customer):
    table = given if isinstance(given, pa.Table) else _table(kind, given or [])
    for column in kind.all_columns:
        if column.name not in table.column_names:
            table = table.append_column(column.name, pa.nulls(len(table), ARROW[column.type]))
    connection.register("given", table)
    times = {c.name for c in kind.all_columns if c.type == "time"}
    names = ", ".join(
        f'CAST(timezone(\'UTC\', CAST("{c.name}" AS TIMESTAMPTZ)) AS TIMESTAMP) AS "{c.name}"'
        if c.name in times
        and pa.types.is_timestamp(table.schema.field(c.name).type)
        and table.schema.field(c.name).type.tz
        else f'"{c.name}"'
        for c in kind.all_columns
    )
    order = "ORDER BY coalesce(version_at, occurred_at), position" if kind.keyed else ""
    latest = (
        f"QUALIFY key IS NULL OR row_number() OVER (PARTITION BY key {order} ) = count(*) OVER (PARTITION BY key)"
        if kind.keyed
        else ""
    )
    connection.execute(
        f"CREATE TABLE lake_{kind.name} AS SELECT * FROM (SELECT {names}, "
        f"CAST(row_number() OVER () AS BIGINT) AS position, 1 AS batch, 'test' AS source, "
        f"{customer} AS customer, TIMESTAMP '2026-01-01' AS received_at FROM given) {latest}"
    )
    connection.unregister("given")


def steps_of(connection, declarations):
    """The steps of a log as the column cache gives them, in one slice, read plainly."""
    for kind in OTHERS:
        connection.execute(f"CREATE OR REPLACE TEMP VIEW step_{kind} AS SELECT * FROM lake_{kind}")
    rows = (
        connection.sql(
            "SELECT customer, epoch_us(occurred_at) AS time, position, name, labels, error, FALSE AS promised FROM lake_event "
            "WHERE customer IS NOT NULL AND occurred_at IS NOT NULL UNION ALL "
            f"SELECT customer, time, position, name, labels, NULL, promised FROM ({statement('stepping.sql')})",
            params={"zone": declarations.time_zone},
        )
        .to_arrow_table()
        .sort_by([("customer", "ascending"), ("time", "ascending"), ("position", "ascending")])
    )
    if not rows.num_rows:
        return NO_STEPS
    spells = connection.sql("SELECT customer, since, until, labels FROM lake_standing").fetchall()
    labels = {d.name: _labels(rows, spells, d) for d in declarations.dimensions}
    failed = [bool(text) for text in rows["error"].to_pylist()]
    names = [n or "" for n in rows["name"].to_pylist()]
    made = of_arrays(rows["customer"].to_numpy(), rows["time"].to_numpy(), names, failed=failed, labels=labels)
    busiest = np.zeros(len(made.customers), np.int32)
    for c in range(len(busiest)):
        own = made.times[made.starts[c] : made.starts[c + 1]]
        busiest[c] = int((np.searchsorted(own, own + 86_400_000_000) - np.arange(len(own))).max())
    ends = [
        t for t, promised in zip(rows["time"].to_pylist(), rows["promised"].to_pylist(), strict=True) if not promised
    ]
    return Made((made,), (busiest,), max(ends, default=0))


def _labels(rows, spells, dimension):
    """The label of each row: its own where the dimension is the signal's, else what the customer's was then, or is."""
    key, known = dimension.label or dimension.name, {}
    for customer, since, until, labels in spells:
        known.setdefault(customer, []).append((since, until, json.loads(labels).get(key) if labels else None))
    found = []
    for customer, time, labels in zip(*(rows[n].to_pylist() for n in ("customer", "time", "labels")), strict=True):
        at = datetime(1970, 1, 1) + timedelta(microseconds=time)
        own = json.loads(labels).get(key) if labels and dimension.of == "signal" else None
        held = sorted(known.get(customer, []))
        then = held[-1][2] if held and dimension.when == "now" else next((v for a, b, v in held if a <= at < b), None)
        found.append(own if own is not None else then)
    return [None if v is None else str(v) for v in found]


@pytest.fixture
def view_of():
    """A function: kind name to rows (dicts or an Arrow table), declarations → View, as a settled lake would give it."""
    opened = []

    def make(tables=None, declarations=NOTHING, today=date(2026, 11, 23), **kinds):
        connection = duckdb.connect()
        opened.append(connection)
        connection.execute("SET TimeZone = 'UTC'")
        person = HASH.format("'person:' || coalesce(person, anonymous)")
        customer = person
        if declarations.customer == "account":
            customer = f"coalesce({HASH.format(chr(39) + 'account:' + chr(39) + ' || account')}, {person})"
        given = {**(tables or {}), **kinds}
        for kind in KINDS:
            _load(connection, kind, given.get(kind.name), customer)
        _derive(connection)
        return View(
            connection=connection, declarations=declarations, declarations_version=1, position=1000, today=today,
            made_steps=lambda: steps_of(connection, declarations),
        )  # fmt: skip

    yield make
    for connection in opened:
        connection.close()


def _derive(connection):
    union = " UNION ALL ".join(
        f"SELECT customer, occurred_at, person, account, anonymous FROM lake_{k.name} WHERE customer IS NOT NULL"
        for k in KINDS
    )
    connection.execute(
        f"""CREATE TABLE lake_customer AS
        WITH seen AS (SELECT customer, min(occurred_at) AS first_at, max(occurred_at) AS last_at,
                      arg_min(coalesce(account, person, anonymous), occurred_at) AS id,
                      CASE WHEN max(account) IS NULL THEN 'person' ELSE 'account' END AS kind
                      FROM ({union}) GROUP BY customer),
             known AS (SELECT customer, arg_max(name, occurred_at) AS name, arg_max(labels, occurred_at) AS labels,
                       arg_max(partner, occurred_at) AS partner
                       FROM lake_profile GROUP BY customer)
        SELECT customer, id, coalesce(name, id) AS name, kind, CAST(NULL AS BIGINT) AS account, partner, first_at,
               last_at, labels FROM seen LEFT JOIN known USING (customer)"""
    )
    connection.execute(
        """CREATE TABLE lake_standing AS
        SELECT customer, CASE WHEN row_number() OVER w = 1 THEN TIMESTAMP '1900-01-01' ELSE occurred_at END AS since,
               coalesce(lead(occurred_at) OVER w, TIMESTAMP '2900-01-01') AS until, labels
        FROM lake_profile WHERE labels IS NOT NULL WINDOW w AS (PARTITION BY customer ORDER BY occurred_at, position)"""
    )


def chromium():
    for name in (os.environ.get("REGARD_CHROMIUM", ""), "chromium", "google-chrome", "chromium-browser"):
        if name and (found := shutil.which(name)):
            return found
    return None


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests of pages and browser clients: a process can run only one of its drivers."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = chromium()
    if path is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with playwright.sync_playwright() as started:
        made = started.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield made
        made.close()
