"""The battery every act passes: one entry in the record, taken back by the act it names, refused where it cannot be.

That nobody acts without being signed in, from another site's form or without the session's token is held for every route
at once by ``tests/web/test_doors.py``.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from regard import acts as registry
from regard.acts import acts
from regard.delivery import outbox, receivers
from regard.delivery.receivers import add_receiver, resume_receiver, send_again, stop_receiver
from regard.errors import RegardError
from regard.opened import Company
from regard.reliability.answering import answer_alert, undo_answer
from regard.reliability.rounds import look
from regard.signals import writers
from regard.signals.ask import View
from regard.signals.kinds import KINDS
from regard.signals.workspace import Workspace
from regard.sources.correcting import correct_held, uncorrect_held
from regard.sources.replaying import discard_held, repair_held, replay_held, restore_held
from regard.store import alerts, heldback
from regard.store.heldback import Held

sys.path.insert(0, str(Path(__file__).parent / "reliability"))

from raising import BEGAN, Says, raised

SOURCE = Path(__file__).parents[1] / "src" / "regard"
BY = "mira"


def marked():
    """Every function with the mark, wherever it is: module and name."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and any(
                isinstance(d, ast.Call) and getattr(d.func, "id", "") == "act" for d in node.decorator_list
            ):
                module = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
                found.append((module, node.name))
    return found


def _hold(w):
    batch = w.inbox.begin(source="shop")
    item = {"type": "track", "event": "Opened", "userId": "u1", "messageId": "m1", "timestamp": "2099-01-01T00:00:00Z"}
    late = Held(source="shop", format="segment", code="future", reason="late", item=json.dumps(item), at="2026-11-01")
    batch.append("event", pa.table({"message_id": pa.array([], pa.string())}), held=[late])
    batch.finish()


def _item(w):
    with w.state.reading() as connection:
        found = heldback.one(connection, 1)
        return found.state, found.text


def _keys(w):
    with w.state.reading() as connection:
        return [(k.source, k.open) for k in writers.keys(connection) if k.open]


def _raise(w):
    view = View(connection=None, _counts={kind.name: 0 for kind in KINDS})
    add_receiver(w, name="ops", address="ops@example.com")
    look(w, view=view, now=BEGAN, detectors_=[Says(raised()).detector])


def _quiet(w):
    with w.state.reading() as connection:
        return [row["quiet"] for row in alerts.open_of(connection)]


def _told(w):
    with w.state.reading() as connection:
        return [(r.name, r.state) for r in receivers.listed(connection) if r.on]


def _message(w):
    with w.state.reading() as connection:
        return outbox.listed(connection)[0]


def _dead(w):
    _raise(w)
    with w.state.writing() as connection:
        outbox.failed(connection, _message_in(connection), now=BEGAN, outcome="gone", last=True)


def _message_in(connection):
    return outbox.listed(connection)[0]


def _source(w):
    writers.add_source(w, name="shop")


def _revoked(w):
    _source(w)
    writers.revoke_key(w, key=1)


def _answered(w):
    _raise(w)
    answer_alert(w, alert=1, answer="known")


def _stopped(w):
    add_receiver(w, name="ops", address="ops@example.com")
    stop_receiver(w, name="ops")


def _named(w):
    add_receiver(w, name="ops", address="ops@example.com")


def _repaired(w):
    _hold(w)
    correct_held(w, items=[1], field="timestamp", value="2026-11-01T00:00:00Z")


def _discarded(w):
    _hold(w)
    discard_held(w, items=[1])


TIME = {"timestamp": "2026-11-01T00:00:00Z"}
# name: what is there before, the act, what it changes, how it is taken back (None: it says that it cannot be, or how
# it is otherwise), and the act aimed at nothing
EXAMPLES = {
    "add_source": (lambda w: None, lambda w: writers.add_source(w, name="shop", by=BY), _keys,
                   lambda w, made: writers.revoke_key(w, key=made.id), lambda w: writers.add_source(w, name="")),
    "add_key": (_source, lambda w: writers.add_key(w, source="shop", by=BY), _keys,
                lambda w, made: writers.revoke_key(w, key=made.id), lambda w: writers.add_key(w, source="nobody")),
    "revoke_key": (_source, lambda w: writers.revoke_key(w, key=1, by=BY), _keys,
                   lambda w, _: writers.restore_key(w, key=1), lambda w: writers.revoke_key(w, key=9)),
    "restore_key": (_revoked, lambda w: writers.restore_key(w, key=1, by=BY), _keys,
                    lambda w, _: writers.revoke_key(w, key=1), lambda w: writers.restore_key(w, key=9)),
    "repair_held": (_hold, lambda w: repair_held(w, item=1, changes=TIME, by=BY), _item,
                    lambda w, _: repair_held(w, item=1), lambda w: repair_held(w, item=9, changes=TIME)),
    "correct_held": (_hold, lambda w: correct_held(w, items=[1], field="timestamp", value=TIME["timestamp"], by=BY),
                     _item, lambda w, done: uncorrect_held(w, entry=done.entry), None),
    "uncorrect_held": (_repaired, lambda w: uncorrect_held(w, entry=w.state.written_down(1)[0]["id"], by=BY), _item,
                       lambda w, _: correct_held(w, items=[1], field="timestamp", value=TIME["timestamp"]),
                       lambda w: uncorrect_held(w, entry=99)),
    "discard_held": (_hold, lambda w: discard_held(w, items=[1], by=BY), _item,
                     lambda w, _: restore_held(w, items=[1]), None),
    "restore_held": (_discarded, lambda w: restore_held(w, items=[1], by=BY), _item,
                     lambda w, _: discard_held(w, items=[1]), None),
    "replay_held": (_repaired, lambda w: replay_held(w, items=[1], by=BY), _item, None, None),
    "answer_alert": (_raise, lambda w: answer_alert(w, alert=1, answer="known", by=BY), _quiet,
                     lambda w, done: undo_answer(w, answer=done.id), lambda w: answer_alert(w, alert=9, answer="known")),
    "undo_answer": (_answered, lambda w: undo_answer(w, answer=1, by=BY), _quiet,
                    lambda w, _: answer_alert(w, alert=1, answer="known"), lambda w: undo_answer(w, answer=9)),
    "add_receiver": (lambda w: None, lambda w: add_receiver(w, name="ops", address="ops@example.com", by=BY), _told,
                     lambda w, _: stop_receiver(w, name="ops"), lambda w: add_receiver(w, name="ops", address="")),
    "stop_receiver": (_named, lambda w: stop_receiver(w, name="ops", by=BY), _told,
                      lambda w, _: resume_receiver(w, name="ops"), lambda w: stop_receiver(w, name="nobody")),
    "resume_receiver": (_stopped, lambda w: resume_receiver(w, name="ops", by=BY), _told,
                        lambda w, _: stop_receiver(w, name="ops"), lambda w: resume_receiver(w, name="nobody")),
    "send_again": (_dead, lambda w: send_again(w, message=_message(w).id, by=BY), lambda w: _message(w).state,
                   None, lambda w: send_again(w, message="msg_nobody")),
}  # fmt: skip
NAMES = sorted(EXAMPLES)


@pytest.fixture
def company(tmp_path):
    with Workspace.open(tmp_path / "ws") as found:
        yield found


def test_every_act_there_is_has_an_example_here():
    assert sorted(name for _, name in marked()) == sorted(acts()) == NAMES


def entries(w, name):
    return [e for e in w.state.written_down() if e["name"] == name]


@pytest.mark.parametrize("name", NAMES)
def test_an_act_changes_something_leaves_one_entry_and_is_taken_back(company, name):
    prepare, do, seen, undo, _ = EXAMPLES[name]
    prepare(company)
    before, earlier = seen(company), len(company.state.written_down())

    done = do(company)

    assert seen(company) != before
    written = company.state.written_down()
    assert len(written) == earlier + 1
    assert (written[0]["name"], written[0]["by"]) == (name, BY)
    assert isinstance(json.loads(written[0]["arguments"]), dict | list)
    company.state.verify()
    if undo is not None:
        undo(company, done)
        assert seen(company) == before


@pytest.mark.parametrize("name", [n for n in NAMES if EXAMPLES[n][4]])
def test_an_act_aimed_at_nothing_is_refused_with_the_next_step_and_leaves_no_entry(company, name):
    earlier = company.state.written_down()

    with pytest.raises(RegardError) as caught:
        EXAMPLES[name][4](company)

    assert caught.value.hint
    assert company.state.written_down() == earlier


@pytest.mark.parametrize("name", NAMES)
def test_an_act_says_what_it_does_what_it_takes_and_what_undoes_it(name):
    found = acts()[name]
    workspace, *rest = found.parameters.values()

    assert workspace.name == "workspace"
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY and p.annotation is not p.empty for p in rest)
    assert found.parameters["by"].default == ""
    assert all(f"{p.name}: " in found.help for p in rest), "every argument is told"
    first = found.undone_by.split()[0].strip(",;:")
    said = EXAMPLES[name][3] is None and len(found.undone_by.split()) > 3
    assert first in acts() or said, "it names the act that undoes it, or says why none can"


def test_acts_are_done_through_the_python_door(company):
    _raise(company)
    opened = Company(company)

    done = opened.act("answer_alert", alert=1, answer="known", why="ticket 812")

    assert [a.quiet for a in opened.alerts().quiet] == [done.words]
    assert company.state.written_down(1)[0]["by"] == "python"
    for wrong, given in (("answer_alart", {}), ("answer_alert", {"allert": 1}), ("answer_alert", {"alert": 1})):
        with pytest.raises(RegardError) as caught:
            opened.act(wrong, **given)
        assert caught.value.hint


def test_the_registry_is_in_the_reference():
    text = (SOURCE.parents[1] / "docs" / "reference" / "acts.md").read_text("utf-8")

    assert [name for name in registry.acts() if f"`{name}`" not in text and name not in text] == []
