"""What is planted into the made-up company: beside it, not instead of it; told in its truth; and found again."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from regard.signals.kinds import BY_NAME
from regard.signals.workspace import Workspace
from regard.simulation import Plants, Truth, declarations, run_simulation, simulate
from regard.simulation.blocks import blocks
from regard.simulation.company import DAYS
from regard.simulation.planting import together
from regard.simulation.plants import DETOURS, detours, shocks
from regard.simulation.truth import UNTIL

ROOT = Path(__file__).parents[2]
RENAMED = ["name", "error", "duration"]
MANY = Plants(disruptions=4, odd=24, repairs=400, paths=4, days=84)


def whole(**arguments):
    found = {}
    for kind, table in simulate(**arguments):
        found.setdefault(kind, []).append(table)
    return {kind: pa.concat_tables(tables, promote_options="default") for kind, tables in found.items()}


@pytest.fixture(scope="module")
def made():
    """A planted company of 150,000 signals: its tables and its truth."""
    found, truth = {}, []
    for block in blocks(signals=150_000, seed=4, until=UNTIL, plants=MANY):
        truth += block.planted
        for kind, table in block.tables.items():
            found.setdefault(kind, []).append(table)
    return {k: pa.concat_tables(t, promote_options="default") for k, t in found.items()}, together(truth)


def test_a_company_with_plants_is_the_company_without_them_and_more():
    plain, planted = whole(signals=30_000, seed=7), whole(signals=30_000, seed=7, plants=MANY)

    assert sum(t.num_rows for t in plain.values()) == 30_000
    for kind, table in plain.items():
        same = planted[kind].slice(0, table.num_rows).select(table.column_names)
        if kind == "event":
            changed = np.array(
                [a != b for a, b in zip(table["name"].to_pylist(), same["name"].to_pylist(), strict=True)]
            )
            thirds = {one.steps[2] for one in DETOURS}
            assert 0 < changed.sum() < 0.02 * len(changed)
            assert set(np.array(table["name"].to_pylist())[changed]) <= thirds
            same = same.drop_columns(RENAMED)
        assert same.equals(table.select(same.column_names)), kind


def test_nothing_planted_changes_nothing():
    plain = whole(signals=10_000, seed=2)
    none = whole(signals=10_000, seed=2, plants=Plants(disruptions=0, odd=0, repairs=0, paths=0))

    assert all(none[kind].equals(table) for kind, table in plain.items())


def test_the_calendar_is_the_same_each_time_and_something_goes_on_at_the_end():
    found = shocks(Plants(), seed=3)

    assert found == shocks(Plants(), seed=3)
    assert found != shocks(Plants(), seed=4)
    assert [one.ongoing for one in found] == [False] * 5 + [True]
    assert not any(one.ongoing for one in shocks(Plants(live=False), seed=3))
    assert all(DAYS - 84 <= one.day < DAYS for one in detours(MANY, seed=3))


def test_planted_signals_are_of_their_kinds_and_none_comes_after_the_end(made):
    tables, _ = made

    for kind, table in tables.items():
        times = table["occurred_at"].cast(pa.int64()).to_numpy()
        assert times.max() < datetime(UNTIL.year, UNTIL.month, UNTIL.day, tzinfo=UTC).timestamp() * 1e6, kind
        if BY_NAME[kind].keyed:
            version = table["version_at"] if "version_at" in table.column_names else table["occurred_at"]
            pairs = Counter(zip(table["key"].to_pylist(), version.to_pylist(), strict=True))
            assert pairs.most_common(1)[0][1] == 1, kind


def test_inside_a_disruption_its_share_went_well_and_all_others_had_what_is_usual(made):
    """Recounted from the telemetry rows alone: who the truth names, in the time it names."""
    tables, truth = made
    rows = tables["telemetry"].select(["account", "name", "good", "total", "labels"]).to_pydict()
    times = tables["telemetry"]["occurred_at"].cast(pa.int64()).to_numpy()
    account, name = np.array(rows["account"]), np.array(rows["name"])
    good, total = np.array(rows["good"]), np.array(rows["total"])
    for one in (p for p in truth if p.kind == "disruption"):
        until = datetime.fromisoformat(one.until).timestamp() * 1e6 if one.until else np.inf
        then = (times >= datetime.fromisoformat(one.since).timestamp() * 1e6) & (times < until) & (name == one.about)
        version = np.array([json.loads(text)["version"] == one.where["version"] for text in rows["labels"]])
        inside = then & np.isin(account, one.customers) & version

        assert len(one.customers) >= 5
        assert good[inside].sum() / total[inside].sum() == pytest.approx(one.size, abs=0.15)
        assert good[then & ~inside].sum() / total[then & ~inside].sum() > 0.95
        assert good[then].sum() / total[then].sum() > 0.85


def test_an_odd_customer_did_what_the_truth_says(made):
    tables, truth = made
    orders = Counter(zip(tables["order"]["account"].to_pylist(), tables["order"]["product"].to_pylist(), strict=True))
    odd = [p for p in truth if p.kind == "odd"]

    assert {p.about for p in odd} == {"same order again", "same failure again", "much more than usual"}
    assert len({p.customers for p in odd}) == len(odd)
    for one in odd:
        if one.about == "same order again":
            assert orders[one.customers[0], "Apron 'On a knead-to-know basis'"] >= one.size


def test_a_repair_the_truth_calls_late_was_not_kept_in_time_and_every_other_was(made):
    tables, truth = made
    table = tables["promise"].filter(pa.compute.equal(tables["promise"]["promise"], "repair"))
    rows = sorted(table.to_pylist(), key=lambda r: r["version_at"])
    last = {r["about"]: r for r in rows}
    end = datetime(UNTIL.year, UNTIL.month, UNTIL.day, tzinfo=UTC)
    late = {p.about for p in truth if p.kind == "promise"}

    assert len(last) > 100
    for about, row in last.items():
        if row["due_at"] < end:
            assert (row["kept_at"] is None or row["kept_at"] > row["due_at"]) == (about in late)
    assert sum(last[about]["due_at"] >= end for about in late) >= 3


def test_from_its_day_on_a_way_goes_elsewhere_for_about_the_share_that_is_told(made):
    tables, truth = made
    plain = whole(signals=150_000, seed=4)["event"]["name"].to_pylist()
    names = tables["event"]["name"].to_pylist()[: len(plain)]
    times = tables["event"]["occurred_at"].cast(pa.int64()).to_numpy()[: len(plain)]
    for one in (p for p in truth if p.kind == "path"):
        new, old = one.about.split(" → ")[2].split(" instead of ")
        moved = np.array([a == old and b == new for a, b in zip(plain, names, strict=True)])

        assert moved.sum() > 5
        assert times[moved].min() >= datetime.fromisoformat(one.since).timestamp() * 1e6


def test_truth_of_a_workspace_tells_its_plants_and_the_rows_they_took(tmp_path):
    with Workspace.open(tmp_path / "ws", create=True) as workspace:
        list(run_simulation(workspace, signals=20_000, seed=7, plants=Plants()))
        ledger = next(row for row in workspace.ledger() if row["source"] == "simulation")
        _, declared = workspace.declarations()
    known = msgspec.json.decode((tmp_path / "ws" / "truth.json").read_bytes(), type=Truth)

    assert ledger["received"] == sum(known.sent.values()) == 20_000 + known.added
    assert {p.kind for p in known.plants} == {"disruption", "odd", "promise", "path"}
    assert {i.name for i in declared.indicators} - {i.name for i in declarations().indicators} == {
        "Signing in works",
        "The checkout works",
    }


def test_on_the_last_day_of_a_planted_company_one_round_tells_what_goes_on(tmp_path, monkeypatch):
    """The short form of `make plants`: through the front door, one round at the end, held against the truth."""
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.plants import at, is_it
    from benchmarks.playback import played

    heard = played(tmp_path / "ws", signals=150_000, seed=7, plants=Plants(), since=1, hours=(24,), seldom=())
    live = [p for p in heard.plants if not p.until or (p.kind in {"odd", "promise"} and at(p.since) >= heard.since)]
    raised = [(who, one) for who, _, one in heard.said]

    (trouble,) = [p for p in live if p.kind == "disruption"]
    assert any(is_it(trouble, one, heard.until) for who, one in raised if who == "disruptions")
    odd = {p.customers[0] for p in live if p.kind == "odd"}
    assert odd
    assert odd == {one.who.customers[0] for who, one in raised if who == "odd_behaviour"}
    soon = {about for who, one in raised if who == "promises_ahead" for about in one.evidence["about"]}
    late = {p.about for p in heard.plants if p.kind == "promise" and at(p.until) > heard.until}
    assert len(late & soon) >= 3
