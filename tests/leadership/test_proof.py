"""Proofs in the workspace: declared changes graded by the groups they did not reach."""

from datetime import date, datetime, timedelta

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from regard.errors import BadInput, UnknownName
from regard.questions import find
from regard.signals.ask import Ask, answer
from regard.signals.declarations import Change, Declarations, Dimension
from regard.signals.scope import Given, resolve
from regard.simulation import declarations, sample, simulate, truth

LAST = Given(since="2026-09-01", until="2026-10-31")
REGIONS = ("North", "South", "East", "West", "Hills", "Coast", "Plains", "Lakes", "Isles", "Dales", "Moors", "Fens")
VANS = Change(
    name="More vans", on="2026-01-01", by="region", reached=("North",), measure="promises", promise="delivery",
    margin=2.0, declared="2025-12-01",
)  # fmt: skip


def promises(kept, *, each=60, seed=1):
    """Deliveries of twelve regions over 22 months; `kept(region, step)` is the chance that one is kept."""
    random, rows = np.random.default_rng(seed), []
    for r, region in enumerate(REGIONS):
        for step in range(22):
            year, month = divmod(2025 * 12 + step, 12)
            for i in range(each):
                due = np.datetime64(f"{year}-{month + 1:02d}-10T12:00:00").astype(object)
                rows.append({
                    "occurred_at": due, "person": f"{r}-{i}", "key": f"{r}-{step}-{i}", "promise": "delivery",
                    "due_at": due, "kept_at": due if random.random() < kept(r, step) else None,
                    "labels": f'{{"region": "{region}"}}',
                })  # fmt: skip
    profiles = [
        {"occurred_at": np.datetime64("2024-12-01T00:00:00").astype(object), "person": f"{r}-{i}", "labels": f'{{"region": "{region}"}}'}
        for r, region in enumerate(REGIONS)
        for i in range(each)
    ]  # fmt: skip
    for row in rows:
        del row["labels"]
    return {"promise": rows, "profile": profiles}


def told(view_of, log, *changes, change="", **given):
    declared = Declarations(dimensions=(Dimension(name="region", title="Region"),), changes=changes)
    view = view_of(log, declarations=declared, today=date(2026, 11, 2))
    return answer(find("leadership/proof"), view=view, given=LAST, arguments={"change": change} | given)


@pytest.fixture(scope="module")
def better():
    return promises(lambda r, step: 0.95 if r == 0 and step >= 12 else 0.7)


def test_a_change_declared_beforehand_that_worked_is_proven_and_every_check_can_be_walked(view_of, better):
    found = told(view_of, better, VANS)

    assert found.grade == "proven", found.answer
    row = found.rows[0]
    assert row.low < 25 < row.high
    assert row.least > 0
    assert [c.name for c in found.checks] == [
        "declared before", "comparison", "fit before", "made-up starts", "drift before", "without one",
        "what it cannot move", "others taken for reached", "how far trends may part",
    ]  # fmt: skip
    assert all(c.passed for c in found.checks if c.counts)
    assert "a steady drift of" in found.checks[-1].told
    assert len(found.groups) == 11
    assert [s.after for s in found.steps] == [False] * 12 + [True] * 10


def test_a_measure_that_it_cannot_move_and_that_moved_speaks_against_it(view_of, better):
    """Refunds fell with the deliveries: something else happened in the North."""
    others = promises(lambda r, step: 0.95 if r == 0 and step >= 12 else 0.7, seed=2)["promise"]
    calm = promises(lambda r, step: 0.7, seed=3)["promise"]
    control = msgspec.structs.replace(VANS, unmoved=("refund",))

    def graded(rows):
        refunds = [r | {"promise": "refund", "key": f"f{r['key']}"} for r in rows]
        return told(view_of, {**better, "promise": [*better["promise"], *refunds]}, control)

    moved, still = graded(others), graded(calm)
    assert moved.grade == "cannot tell"
    assert "cannot move: refund" in moved.answer
    assert still.grade == "proven"


def test_a_control_that_cannot_be_asked_leaves_it_likely_and_one_that_is_the_aim_is_bad_input(view_of, better):
    assert told(view_of, better, msgspec.structs.replace(VANS, unmoved=("refund",))).grade == "likely"
    with pytest.raises(BadInput, match="meant to move"):
        told(view_of, better, msgspec.structs.replace(VANS, unmoved=("delivery",)))


def test_the_same_declared_afterwards_is_only_likely_and_lots_make_it_proven(view_of, better):
    late = msgspec.structs.replace(VANS, declared="2026-03-01")
    drawn = msgspec.structs.replace(VANS, declared="", randomised=True)

    assert told(view_of, better, late).grade == "likely"
    assert told(view_of, better, drawn).grade == "proven"


def test_a_change_that_made_it_worse_is_harmed(view_of):
    log = promises(lambda r, step: 0.4 if r == 0 and step >= 12 else 0.7)
    assert told(view_of, log, VANS).grade == "harmed"


def test_no_effect_needs_an_interval_inside_the_margin_and_else_it_cannot_be_told(view_of):
    log = promises(lambda r, step: 0.7, each=200, seed=3)
    wide = msgspec.structs.replace(VANS, margin=12.0)

    assert told(view_of, log, wide).grade == "no effect"
    assert told(view_of, log, VANS).grade == "cannot tell"
    assert told(view_of, log, msgspec.structs.replace(wide, declared="2026-02-01")).grade == "cannot tell"


def test_groups_another_change_reached_are_no_comparison(view_of, better):
    other = msgspec.structs.replace(VANS, name="Vans again", on="2026-05-01", reached=("South",))
    found = told(view_of, better, VANS, other, change="More vans")

    assert "South" not in {g.group for g in found.groups}
    assert "11" not in next(c for c in found.checks if c.name == "comparison").told


def test_a_change_to_come_is_told_its_power(view_of, better):
    found = told(view_of, better, msgspec.structs.replace(VANS, on="2026-12-01"))

    assert found.rows[0].grade == "not started"
    assert "would be seen in four of five cases" in found.answer


def test_one_that_moved_before_already_is_not_called_an_effect(view_of):
    log = promises(lambda r, step: 0.4 + 0.025 * step if r == 0 else 0.6, seed=4)
    assert told(view_of, log, VANS).grade == "cannot tell"


def test_with_four_groups_to_compare_with_nothing_is_said(view_of, better):
    few = msgspec.structs.replace(VANS, compared=("South", "East", "West", "Hills"))
    found = told(view_of, better, few)

    assert found.refused
    assert "only 4 groups to compare with" in found.answer


def test_an_unknown_change_names_the_nearest(view_of, better):
    with pytest.raises(UnknownName, match="More vans"):
        told(view_of, better, VANS, change="More van")


def test_which_of_two_ways_people_go_can_be_what_is_proven(view_of):
    """After the form (and help before it), people send it or call; in the North more send it from January on."""
    random, events, profiles = np.random.default_rng(6), [], []
    for r, region in enumerate(REGIONS):
        for i in range(30):
            who = f"{r}-{i}"
            profiles.append(
                {"occurred_at": datetime(2024, 12, 1), "person": who, "labels": f'{{"region": "{region}"}}'}
            )
            for step in range(22):
                year, month = divmod(2025 * 12 + step, 12)
                at = datetime(year, month + 1, 10)
                way = "sent" if random.random() < (0.9 if r == 0 and step >= 12 else 0.5) else "called"
                events += [
                    {"occurred_at": at + timedelta(hours=h), "person": who, "name": name}
                    for h, name in enumerate(("help opened", "form opened", way))
                ]
    change = msgspec.structs.replace(
        VANS, measure="path", promise="", after=("help opened", "form opened"), reaches="sent", instead="called"
    )

    found = told(view_of, {"event": events, "profile": profiles}, change)

    assert found.grade == "proven", found.answer
    assert found.rows[0].low < 40 < found.rows[0].high
    with pytest.raises(BadInput, match="not complete"):
        told(view_of, {"event": events, "profile": profiles}, msgspec.structs.replace(change, instead=""))


def test_the_changes_of_the_example_company_are_those_of_its_truth():
    made = {i.name: i for i in truth(signals=20_000, seed=7).improvements}
    for change in declarations().changes:
        if change.name in made:
            assert change.on == made[change.name].on
            assert list(made[change.name].where.values()) == list(change.reached)


@pytest.mark.slow
def test_vans_for_iberia_are_recovered_from_raw_signals(view_of):
    """The simulator's truth: Iberia's late deliveries fall to 0.35 of what they were; the bell changed nothing."""
    tables = {}
    for kind, table in simulate(signals=250_000, seed=7):
        tables.setdefault(kind, []).append(table)
    view = view_of({k: pa.concat_tables(t).combine_chunks() for k, t in tables.items()}, declarations=declarations())
    found = answer(find("leadership/proof"), view=view, given=Given(), arguments={})
    rows = {r.change: r for r in found.rows}
    vans = rows["A second oven's worth of vans in Iberia"]
    late = 100 - np.mean([s.value for s in found.steps if not s.after])

    assert found.change == vans.change
    assert vans.grade == "proven"
    assert vans.low < late * (1 - 0.35) < vans.high
    assert rows["The bell above the oven"].grade in {"cannot tell", "no effect"}


def test_the_sample_company_is_answered(view_of):
    view = view_of(sample(), declarations=declarations())
    found = answer(find("leadership/proof"), view=view, given=Given(), arguments={})
    assert len(found.rows) == 4


def test_proof_counts_the_walks_that_journey_paths_counts(view_of):
    """The share going A-B-C instead of A-B-D by region and month: proof's statement beside the question, month by month."""
    rng = np.random.default_rng(12)
    events, profiles = [], []
    for i in range(120):
        region = ("north", "south")[i % 2]
        profiles.append({"person": f"p{i:03d}", "occurred_at": "2026-01-01", "labels": {"region": region}})
        for day in rng.integers(0, 85, 6):
            at = datetime(2026, 7, 1) + timedelta(days=int(day), minutes=int(rng.integers(0, 1000)))
            for k, name in enumerate(rng.choice(["A", "A", "B", "C", "D", "noise"], 7)):
                events.append({"person": f"p{i:03d}", "occurred_at": str(at + timedelta(minutes=k)), "name": str(name)})
    view = view_of(event=events, profile=profiles, declarations=Declarations(dimensions=(Dimension(name="region"),)))
    months = [datetime(2026, m, 1) for m in (7, 8, 9, 10)]
    for first in ("A", ""):
        scope = resolve(Given(period="2026-09", by="region"), declarations=view.declarations, last=view.last_day())
        asked = Ask(view=view, scope=scope, package="regard.leadership")
        rows = asked.rows(
            "proof_paths.sql", first=first, last="B", reaches="C", instead="D", starts=months, latest=months[-1]
        )
        told = {(r["slice"], r["since"]): (r["n"], r["value"]) for r in rows}
        counted = {}
        for month in months[:3]:
            for region in ("north", "south"):
                given = Given(period=f"{month:%Y-%m}", where=(f"region={region}",))
                start = f"{first} → B" if first else "B"
                found = answer(
                    find("journey/paths"), view=view, given=given,
                    arguments={"start": start, "among": "A, B, C, D" if first else "B, C, D", "depth": 1, "window": ""},
                )  # fmt: skip
                ways = {r.step: r.customers for r in found.rows if r.after == start and r.step in "CD"}
                n = ways.get("C", 0) + ways.get("D", 0)
                counted[region, month] = (n, pytest.approx(100 * ways.get("C", 0) / n))
        assert told == counted
        assert min(n for n, _ in told.values()) >= 5
