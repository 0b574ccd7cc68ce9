"""Held-back items repaired and replayed: never lost, never doubled, every count exact at every moment."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regard.acts import acts
from regard.errors import BadInput, UnknownName
from regard.settings import Settings
from regard.signals.workspace import Workspace
from regard.sources import replaying
from regard.sources.replaying import discard_held, repair_held, replay_held, restore_held
from regard.store import heldback, replays
from regard.store.heldback import Held

GIVEN = Settings(buckets=1, memory="300MB", threads=1)
EVENTS = "SELECT person, name FROM lake_event ORDER BY ALL"


@pytest.fixture
def workspace(tmp_path):
    with Workspace.open(tmp_path / "ws", given=GIVEN) as opened:
        yield opened


def _add(workspace, rows, *, source="shop", held=()):
    batch = workspace.inbox.begin(source=source)
    names = dict.fromkeys(name for row in rows for name in row)
    table = pa.table({n: pa.array([row.get(n) for row in rows], pa.string()) for n in names})
    batch.append("event", table, held=held)
    batch.finish()
    return batch.id


def _native(code="future", source="shop", form="native", **item):
    return Held(source=source, format=form, code=code, reason="Why.", item=json.dumps(item), at="2026-01-01")


def _open(workspace, **filters):
    with workspace.state.reading() as connection:
        return heldback.listed(connection, limit=10_000, **filters)


def _adds_up(workspace):
    total = workspace.ledger()[-1]
    assert total["received"] == total["stored"] + total["duplicate"] + total["held_back"] + total["refused"]
    assert total["held_back"] == len(_open(workspace))
    return total


def _asked(workspace):
    list(workspace.settle())
    with workspace.connect() as (connection, _):
        return connection.execute(EVENTS).fetchall()


@pytest.fixture
def conflict(workspace):
    """An item of batch 2, in conflict with what batch 1 stored."""
    _add(workspace, [{"message_id": "m", "person": "ann", "name": "a"}])
    _add(workspace, [{"message_id": "m", "person": "bob", "name": "b"}])
    return _open(workspace)[0]


def test_a_conflict_replayed_as_it_is_stays_held_back_and_says_why(workspace, conflict):
    done = replay_held(workspace, items=[conflict.id])

    assert (done.stored, done.held_back) == (0, 1)
    assert done.problems[0].field == "message_id"
    assert _adds_up(workspace)["held_back"] == 1
    assert not workspace.state.written_down()


def test_a_conflict_stored_as_a_signal_of_its_own_moves_in_its_batch_and_only_once(workspace, conflict):
    assert replay_held(workspace, items=[conflict.id, conflict.id], anew=True).stored == 1
    assert replay_held(workspace, items=[conflict.id], anew=True) == replaying.Replayed()

    assert _adds_up(workspace) == {
        "source": "", "received": 2, "stored": 2, "duplicate": 0, "held_back": 0, "refused": 0,
    }  # fmt: skip
    assert _asked(workspace) == [("ann", "a"), ("bob", "b")]
    assert [b["stored"] for b in workspace.inbox.batches()] == [1, 1]


def test_undoing_the_batch_takes_what_was_replayed_along(workspace, conflict):
    replay_held(workspace, items=[conflict.id], anew=True)
    workspace.inbox.undo(conflict.batch)

    assert _asked(workspace) == [("ann", "a")]
    assert _adds_up(workspace)["received"] == 1
    assert replay_held(workspace, items=[conflict.id], anew=True) == replaying.Replayed()


def test_a_repaired_item_is_stored_as_repaired_and_what_was_sent_is_kept(workspace, conflict):
    repaired = repair_held(
        workspace, item=conflict.id, changes={"message_id": "m2", "labels.plan": "pro", "person": ""}
    )
    assert json.loads(repaired.text) == {"kind": "event", "message_id": "m2", "name": "b", "labels": {"plan": "pro"}}
    assert replay_held(workspace, items=[conflict.id]).stored == 1

    settled = _open(workspace, state="replayed")[0]
    assert (settled.item, settled.outcome) == (conflict.item, "stored")
    assert _asked(workspace) == [("ann", "a"), (None, "b")]


def test_an_item_repaired_into_what_is_stored_is_a_duplicate(workspace, conflict):
    repair_held(workspace, item=conflict.id, changes={"person": "ann", "name": "a"})

    assert replay_held(workspace, items=[conflict.id]).duplicate == 1
    assert _adds_up(workspace)["duplicate"] == 1
    workspace.inbox.undo(1)
    assert _asked(workspace) == [("ann", "a")]  # the batch that repeated it still stands


def test_of_items_with_one_message_id_the_first_gets_in_its_equal_is_a_duplicate_and_the_other_stays(workspace):
    held = [_native(kind="event", message_id="x", person="p", name=n) for n in ("one", "two", "one")]
    _add(workspace, [], held=held)
    done = replay_held(workspace, items=[i.id for i in _open(workspace)])

    assert (done.stored, done.duplicate, done.held_back) == (1, 1, 1)
    assert [json.loads(i.item)["name"] for i in _open(workspace)] == ["two"]
    assert _adds_up(workspace)["stored"] == 1
    assert _asked(workspace) == [("p", "one")]


def test_the_same_message_held_back_in_two_batches_is_stored_once(workspace):
    for _ in range(2):
        _add(workspace, [], held=[_native(kind="event", message_id="x", person="p", name="one")])
    done = replay_held(workspace, items=[i.id for i in _open(workspace)])

    assert (done.stored, done.duplicate) == (1, 1)
    assert _asked(workspace) == [("p", "one")]


@pytest.mark.parametrize(
    ("item", "field", "reason"),
    [
        ({"kind": "event", "name": "a", "occurred_at": "yesterday"}, "occurred_at", "yesterday"),
        ({"kind": "event", "name": 5}, "name", "not a text"),
        ({"kind": "event"}, "name", "needs name"),
        ({"kind": "evnt", "name": "a"}, "kind", "evnt"),
        ({"kind": "event", "name": "a", "persn": "p"}, "persn", "persn"),
        ({"kind": "event", "name": "a", "amount": "much"}, "amount", "not a number"),
        ({"kind": "event", "name": "a", "amount": 10**400}, "amount", "not a number"),
        ({"kind": "merge", "into": "a", "undo": "no"}, "undo", "true or false"),
        ({"kind": "event", "name": "a", "labels": "[1]"}, "labels", "JSON object"),
        ({"kind": "event", "name": "a\0"}, "name", "character"),
    ],
)
def test_an_item_that_does_not_fit_names_the_field_and_stays(workspace, item, field, reason):
    _add(workspace, [], held=[_native(form="row", **item)])
    done = replay_held(workspace, items=[_open(workspace)[0].id])

    assert done.held_back == 1
    assert done.problems[0].field == field
    assert reason in done.problems[0].reason
    assert _adds_up(workspace)["held_back"] == 1


@pytest.mark.parametrize("text", ["{", "[]", "", "NaN", '{"a":' * 5000])
def test_what_is_no_json_object_is_told_as_such_and_never_crashes(workspace, text):
    item = Held(source="shop", format="native", code="bad", reason="Why.", item=text, at="2026-01-01")
    _add(workspace, [], held=[item])
    found = _open(workspace)[0]

    assert "JSON" in replaying.problem_of(found).reason
    assert replaying.fields_of(found.text) == {}
    with pytest.raises(BadInput, match="JSON"):
        repair_held(workspace, item=found.id, changes={"name": "a"})
    assert repair_held(workspace, item=found.id, text='{"kind":"event","name":"a","person":"p"}').changed
    assert replay_held(workspace, items=[found.id]).stored == 1


LATE = "2099-01-01T00:00:00Z"
WIRE = [
    ("native", {"kind": "event", "name": "n", "person": "p", "message_id": "i", "occurred_at": LATE}, {"occurred_at": "2025-12-31T00:00:00Z"}),
    ("segment", {"type": "track", "event": "n", "userId": "p", "messageId": "i", "timestamp": LATE}, {"timestamp": "2025-12-31T00:00:00Z"}),
    ("posthog", {"event": "n", "distinct_id": "p", "uuid": "i", "timestamp": LATE, "properties": {}}, {"timestamp": "2025-12-31T00:00:00Z"}),
    ("segment", {"type": "alias", "userId": "p", "previousId": "null", "messageId": "i"}, {"previousId": "q"}),
]  # fmt: skip


@pytest.mark.parametrize(("format_", "item", "changes"), WIRE)
def test_an_item_sent_over_http_is_repaired_in_its_own_words_and_read_as_it_would_have_been(
    workspace, format_, item, changes
):
    _add(workspace, [], held=[_native(form=format_, **item)])
    held = _open(workspace)[0]
    problem = replaying.problem_of(held)
    assert problem.field in changes
    with pytest.raises(BadInput, match=problem.reason[:20]):
        repair_held(workspace, item=held.id, changes={"extra": "x"})
    repair_held(workspace, item=held.id, changes=changes)

    assert replay_held(workspace, items=[held.id]).stored == 1
    _adds_up(workspace)
    list(workspace.settle())
    assert sum(workspace.counts().values()) == (2 if item.get("type") == "alias" else 1)
    assert replaying.other_side(workspace, held) == {}  # it is no conflict


@pytest.mark.parametrize(
    ("format_", "field"), [("native", "message_id"), ("segment", "messageId"), ("posthog", "uuid")]
)
def test_a_conflict_sent_over_http_shows_the_other_side_and_is_stored_anew_under_an_id_of_its_own(
    workspace, format_, field
):
    item = {"native": {"kind": "event", "name": "n", "person": "p"}, "segment": {"type": "track", "event": "n", "userId": "p"},
            "posthog": {"event": "n", "distinct_id": "p", "properties": {}}}[format_]  # fmt: skip
    _add(workspace, [{"message_id": "m", "person": "p", "name": "other"}])
    _add(workspace, [], held=[_native(form=format_, code="id_conflict", **item, **{field: "m"})])
    held = _open(workspace)[0]

    assert replaying.other_side(workspace, held)["name"] == "other"
    assert replay_held(workspace, items=[held.id]).held_back == 1
    assert replay_held(workspace, items=[held.id], anew=True).stored == 1
    assert _asked(workspace) == [("p", "n"), ("p", "other")]


def test_an_unknown_format_is_named(workspace):
    _add(workspace, [], held=[Held(source="shop", format="odd", code="x", reason="y", item="{}", at="z")])
    assert "odd" in replay_held(workspace, items=[1]).problems[0].reason


def test_a_repair_that_would_not_fit_changes_nothing(workspace, conflict):
    with pytest.raises(BadInput, match="time such as"):
        repair_held(workspace, item=conflict.id, changes={"occurred_at": "soon"})
    with pytest.raises(UnknownName, match="persn"):
        repair_held(workspace, item=conflict.id, changes={"persn": "x"})
    assert _open(workspace)[0].changed is None


def test_a_repair_is_taken_back_by_repairing_without_a_change(workspace, conflict):
    repair_held(workspace, item=conflict.id, changes={"name": "c"})
    assert repair_held(workspace, item=conflict.id).changed is None


def test_numbers_and_truths_are_repaired_as_such(workspace):
    event, merge = {"kind": "event", "name": "a", "amount": "12,50"}, {"kind": "merge", "into": "a", "undo": 0}
    _add(workspace, [], held=[_native(form="row", **event), _native(form="row", **merge)])
    first, second = _open(workspace)
    assert json.loads(repair_held(workspace, item=first.id, changes={"amount": "12.5"}).text)["amount"] == 12.5
    assert json.loads(repair_held(workspace, item=second.id, changes={"undo": "true"}).text)["undo"] is True


def test_the_other_side_of_a_conflict_is_shown_as_it_is_stored(workspace, conflict):
    assert replaying.other_side(workspace, conflict) == {"message_id": "m", "person": "ann", "name": "a"}
    workspace.inbox.undo(1)
    assert replaying.other_side(workspace, conflict) == {}


def test_whoever_was_erased_is_refused_when_replayed(workspace, conflict):
    list(workspace.settle())
    list(workspace.erase("ann"))
    repair_held(workspace, item=conflict.id, changes={"person": "ann"})
    assert replay_held(workspace, items=[conflict.id], anew=True).refused == 1
    assert _adds_up(workspace)["refused"] == 1


def test_every_act_is_in_the_record_and_names_what_undoes_it(workspace, conflict):
    repair_held(workspace, item=conflict.id, changes={"name": "c"}, by="ann")
    discard_held(workspace, items=[conflict.id], by="ann")
    restore_held(workspace, items=[conflict.id], by="ann")
    replay_held(workspace, items=[conflict.id], anew=True, by="ann")

    written = [(r["name"], r["by"]) for r in reversed(workspace.state.written_down())]
    assert written == [(n, "ann") for n in ("repair_held", "discard_held", "restore_held", "replay_held")]
    assert all(acts()[name].undone_by for name, _ in written)


def test_killed_between_writing_and_the_commit_an_item_is_held_back_and_not_stored(workspace, conflict, monkeypatch):
    for place in ("settle", "several"):
        with monkeypatch.context() as patched:
            patched.setattr(heldback, place, lambda *_a, **_k: (_ for _ in ()).throw(OSError("killed")))
            with pytest.raises(OSError, match="killed"):
                replay_held(workspace, items=[conflict.id], anew=True)
        assert (_adds_up(workspace)["held_back"], _adds_up(workspace)["stored"]) == (1, 1)
    workspace.inbox.recover()
    assert replay_held(workspace, items=[conflict.id], anew=True).stored == 1
    assert _asked(workspace) == [("ann", "a"), ("bob", "b")]


def test_an_item_that_stands_for_several_rows_is_one_item_and_the_counts_still_add_up(workspace):
    _add(workspace, [], held=[_native(kind="event", name="x", person="p")])
    row = {"person": "p", "name": "x"}
    again = replays.Again(id=1, rows=(("event", row), ("profile", {"person": "p", "name": "P"}), ("event", row)))
    assert replays.replay(workspace.inbox, 1, [again]) == {1: "stored"}
    assert _adds_up(workspace)["stored"] == 3


def test_many_items_are_replayed_in_several_transactions(workspace, monkeypatch):
    monkeypatch.setattr(replaying, "AT_ONCE", 7)
    _add(workspace, [], held=[_native(kind="event", name=f"n{i}", person="p") for i in range(40)])
    with workspace.state.reading() as connection:
        every = heldback.ids_of(connection)
    assert replay_held(workspace, items=every).stored == 40
    assert json.loads(workspace.state.written_down()[0]["arguments"]) == {"items": "36-40"}


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("import"), st.lists(st.tuples(st.sampled_from("mnx"), st.sampled_from("pqr")), max_size=4)),
        st.tuples(st.just("hold"), st.lists(st.sampled_from(["fits", "broken"]), max_size=3)),
        st.tuples(
            st.sampled_from(["replay", "anew", "discard", "restore", "undo", "repair", "erase"]), st.integers(0, 9)
        ),
    ),
    max_size=14,
)


def _step(workspace, what, given):
    every = [i.id for i in _open(workspace, state="")]
    chosen = every[given % len(every) :][:3] if every and isinstance(given, int) else []
    if what == "import":
        rows = [{"message_id": m, "person": p, "name": p} for m, p in given]
        _add(workspace, rows or [{"person": "p", "name": "x"}])
    elif what == "hold":
        _add(workspace, [], held=[_native(kind="event" if k == "fits" else "x", name="n", person="q") for k in given])
    elif what in {"replay", "anew"}:
        replay_held(workspace, items=chosen, anew=what == "anew")
    elif what in {"discard", "restore"}:
        {"discard": discard_held, "restore": restore_held}[what](workspace, items=chosen)
    elif what == "undo" and (standing := [b["id"] for b in workspace.inbox.batches() if b["undone"] is None]):
        workspace.inbox.undo(standing[given % len(standing)])
    elif what == "repair" and (open_ := _open(workspace)):
        repair_held(
            workspace, item=open_[given % len(open_)].id, text=f'{{"kind":"event","name":"r{given}","person":"r"}}'
        )
    elif what == "erase":
        list(workspace.settle())
        try:
            list(workspace.erase("pqr"[given % 3]))
        except UnknownName:
            return


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(steps=STEPS)
def test_whatever_is_done_the_outcomes_add_up_after_every_step(tmp_path_factory, steps):
    with Workspace.open(tmp_path_factory.mktemp("sum") / "ws", given=GIVEN) as workspace:
        for what, how in steps:
            _step(workspace, what, how)
            _adds_up(workspace)
            for batch in workspace.inbox.batches():
                parts = (batch[o] for o in ("stored", "duplicate", "held_back", "refused"))
                assert batch["received"] == sum(parts)
                assert min(batch[o] for o in ("stored", "duplicate", "held_back", "refused")) >= 0
