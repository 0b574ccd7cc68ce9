"""The stream itself: exact, repeatable, whole, and acceptable to the front door."""

from __future__ import annotations

from collections import Counter
from datetime import date

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from regard.errors import BadInput
from regard.signals.kinds import BY_NAME, KINDS
from regard.signals.workspace import Workspace
from regard.simulation import UNTIL, Truth, declarations, run_simulation, sample, simulate, truth
from regard.simulation.columns import TYPES
from regard.simulation.company import LANGUAGES, PLANS, REGIONS
from regard.simulation.usage import NAMES


def whole(**arguments):
    found = {}
    for kind, table in simulate(**arguments):
        found.setdefault(kind, []).append(table)
    return {kind: pa.concat_tables(tables) for kind, tables in found.items()}


@pytest.mark.parametrize("signals", [10_000, 20_000, 123_457, 400_000])
def test_exactly_as_many_signals_come_as_were_asked_for(signals):
    assert sum(table.num_rows for _, table in simulate(signals=signals, seed=3)) == signals


@pytest.mark.parametrize("signals", [1000, 2500, 10_000])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_small_company_still_has_every_kind(signals, seed):
    kinds = set(whole(signals=signals, seed=seed))

    wanted = {kind.name for kind in KINDS}
    assert wanted - kinds <= ({"review"} if signals == 10_000 else {"review", "merge"})


def test_the_same_seed_gives_the_same_signals_however_they_are_cut():
    small, large = whole(signals=300_000, seed=11, rows=7_000), whole(signals=300_000, seed=11)

    assert set(small) == set(large)
    assert all(small[kind].equals(large[kind]) for kind in large)


def test_another_seed_gives_another_history():
    assert not whole(signals=10_000, seed=1)["event"].equals(whole(signals=10_000, seed=2)["event"])


def test_chunks_are_never_longer_than_asked_for():
    assert max(table.num_rows for _, table in simulate(signals=300_000, seed=1, rows=5_000)) <= 5_000


def test_every_column_belongs_to_its_kind_and_has_its_type():
    for kind, table in sample().items():
        wanted = {column.name: TYPES[column.type] for column in BY_NAME[kind].all_columns}
        assert {name: table.schema.field(name).type for name in table.column_names}.items() <= wanted.items()
        assert all(table[name].null_count < table.num_rows for name in table.column_names), kind
        assert table["occurred_at"].null_count == 0


def test_needed_columns_and_keys_are_there():
    for kind, table in sample().items():
        for needed in BY_NAME[kind].needs:
            assert table[needed].null_count == 0, (kind, needed)
        if BY_NAME[kind].keyed:
            assert table["key"].null_count == 0, kind


def test_a_key_and_its_version_time_name_one_row():
    for kind, table in whole(signals=400_000, seed=5).items():
        if BY_NAME[kind].keyed:
            version = table["version_at"] if "version_at" in table.column_names else table["occurred_at"]
            versions = zip(table["key"].to_pylist(), version.to_pylist(), strict=True)
            assert Counter(versions).most_common(1)[0][1] == 1, kind


def test_nothing_happens_after_the_end_and_use_begins_with_the_history():
    known = truth(signals=20_000, seed=7)
    for kind, table in sample().items():
        stamps = table["occurred_at"].cast(pa.timestamp("us"))
        assert str(pc.max(stamps))[:10] < known.until, kind
        if kind not in {"subscription", "profile"}:
            assert str(pc.min(stamps))[:10] >= known.since, kind


def test_another_end_moves_the_whole_history():
    until = date(2025, 3, 1)
    table = whole(signals=10_000, seed=1, until=until)["telemetry"]

    assert str(pc.max(table["occurred_at"]))[:10] == "2025-02-28"


def test_too_small_a_company_is_refused_with_a_hint():
    with pytest.raises(BadInput, match="too small") as caught:
        list(simulate(signals=10, seed=1))

    assert "1,000" in caught.value.hint


def test_people_speak_every_language_in_many_words():
    """At 400,000 signals some 1,800 verbatims of surveys: more than half of them said only once."""
    said = [text for text in whole(signals=400_000, seed=5)["answer"]["verbatim"].to_pylist() if text]

    assert len(set(said)) > 0.5 * len(said)
    assert all(text.strip() == text and text for text in said)
    assert {"Danke." in t for t in said} & {True}
    assert {"Merci." in t for t in said} & {True}
    assert {"Gracias." in t for t in said} & {True}


def test_declarations_name_only_what_is_in_the_signals():
    declared = declarations()
    made = whole(signals=100_000, seed=2)
    events = set(made["event"]["name"].to_pylist())
    moments = [moment for stage in declared.stages for moment in stage.moments]

    assert {event for m in moments for event in m.events} == set(NAMES) == events
    assert {s for m in moments for s in m.surveys} == set(made["answer"]["survey"].to_pylist())
    assert {p for m in moments for p in m.promises} == set(made["promise"]["promise"].to_pylist())
    assert {a for m in moments for a in m.areas} == set(made["contact"]["area"].to_pylist())
    assert {"EUR", *(rate.currency for rate in declared.rates)} == set(made["subscription"]["currency"].to_pylist())


def test_the_truth_survives_json():
    known = truth(signals=10_000, seed=1)

    assert msgspec.json.decode(msgspec.json.encode(known), type=Truth) == known
    assert known.until == UNTIL.isoformat()


def test_shares_sum_to_one():
    assert sum(r.share for r in REGIONS) == pytest.approx(1.0)
    assert sum(p.share for p in PLANS) == pytest.approx(1.0)
    for region in REGIONS:
        assert sum(share for _, share in region.languages) == pytest.approx(1.0)
        assert sum(share for _, share in region.currencies) == pytest.approx(1.0)
        assert {name for name, _ in region.languages} <= set(LANGUAGES)


def test_it_goes_through_the_front_door_and_leaves_its_truth_beside_it(tmp_path):
    """Outcomes add up to what the truth says was sent, sent twice, and sent with a contradiction."""
    with Workspace.open(tmp_path / "bakeries", create=True) as workspace:
        steps = list(run_simulation(workspace, signals=20_000, seed=7))
        ledger = next(row for row in workspace.ledger() if row["source"] == "simulation")
        _, declared = workspace.declarations()

    known = msgspec.json.decode((tmp_path / "bakeries" / "truth.json").read_bytes(), type=Truth)
    accounts = pq.read_table(tmp_path / "bakeries" / known.accounts_file)
    assert steps[-1].done == steps[-1].total == 20_000 == ledger["received"] == sum(known.sent.values())
    assert (ledger["duplicate"], ledger["held_back"], ledger["refused"]) == (known.repeated, known.contradicting, 0)
    assert known.repeated > 0
    assert known.contradicting > 0
    assert declared.name == "Proof & Crumb"
    assert accounts.num_rows == known.accounts == 80
    assert steps[0].rate > 0
    assert next(iter(known.spread)) in {"late_delivery", "errors"}
    assert known.spread["messages"] == 0


def test_a_refused_simulation_leaves_the_workspace_as_it_was(tmp_path):
    with Workspace.open(tmp_path / "empty", create=True) as workspace:
        with pytest.raises(BadInput):
            list(run_simulation(workspace, signals=10, seed=1))
        assert workspace.inbox.batches() == []
        assert workspace.declarations()[0] == 0
