"""One alert per cause: opened once, told once, updated while it lasts, ended, and back."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from raising import CAUSE, Says, raised

from regard.errors import Busy, Refusal
from regard.reliability.rounds import LOCK, look
from regard.store import disk


def test_a_cause_opens_one_alert_however_often_it_is_said(watched):
    w = watched()

    first = w.round(raised())
    again = [w.round(raised()) for _ in range(5)]

    assert (first.opened, first.messages) == (1, 1)
    assert [(r.opened, r.messages) for r in again] == [(0, 0)] * 5
    assert [a["cause"] for a in w.alerts()] == [CAUSE]
    assert w.messages() == ["alert.opened"]


def test_a_disruption_that_is_named_otherwise_today_is_the_same_alert(watched):
    """The subset is told from counts, and today's may name it by the region alone; its customers are mostly the same."""
    w = watched()
    people, shown = tuple(f"c{i}" for i in range(10)), {"question": "reliability/disruptions", "arguments": {"a": "b"}}
    brazil = raised(
        "disruption:checkout:region=Brazil", customers=people[4:], slice_={"region": "Brazil"}, evidence=shown
    )
    india = raised(
        "disruption:checkout:region=India", customers=("d1", "d2"), slice_={"region": "India"}, evidence=shown
    )
    w.round(raised(customers=people, evidence=shown))

    again = w.round(brazil)
    other = w.round(brazil, india)

    assert (again.opened, again.ended) == (0, 0)
    assert (other.opened, other.ended) == (1, 0)
    assert [a["cause"] for a in w.alerts()] == [CAUSE, "disruption:checkout:region=India"]
    assert json.loads(w.alerts()[0]["slice"]) == {"region": "Brazil"}


def test_an_alert_is_updated_while_it_lasts_and_told_again_only_when_it_has_grown(watched):
    w = watched()
    w.round(raised(count=100))

    w.round(raised(count=140))
    assert w.alerts()[0]["size"] == 140
    assert w.messages() == ["alert.opened"]

    w.round(raised(count=150))
    w.round(raised(count=200))
    w.round(raised(count=226))
    assert w.messages() == ["alert.opened", "alert.grew", "alert.grew"]


def test_what_is_no_longer_said_is_over_and_told(watched):
    w = watched()
    w.round(raised())

    done = w.round()

    assert done.ended == 1
    assert w.alerts() == []
    assert w.messages() == ["alert.opened", "alert.ended"]


def test_one_that_lingers_stays_open_while_it_comes_and_goes(watched):
    w = watched(lingers=timedelta(hours=1))
    w.round(raised())
    for _ in range(10):
        w.round(minutes=10)
        w.round(raised(), minutes=10)
    w.round(minutes=10)
    assert w.messages() == ["alert.opened"]

    w.round(minutes=59)
    assert len(w.alerts()) == 1
    w.round(minutes=2)
    assert w.alerts() == []


def test_a_cause_that_comes_back_within_days_is_the_same_alert_and_later_a_new_one(watched):
    w = watched()
    w.round(raised())
    w.round()

    w.round(raised(), minutes=60)
    assert [a["id"] for a in w.alerts()] == [1]
    assert w.messages() == ["alert.opened", "alert.ended"], "back within a day, not larger: not told again"
    w.round()
    w.round(raised(), minutes=2 * 24 * 60)
    assert w.messages()[-1] == "alert.reopened"
    w.round()
    w.round(raised(), minutes=4 * 24 * 60)

    assert [a["id"] for a in w.alerts()] == [2]
    assert w.history(1).count("reopened") == 2


def test_a_detector_that_fails_is_told_its_alerts_stay_and_the_others_look(watched):
    w = watched()
    w.round(raised())
    other = Says(raised("odd:orders:c9", 1, kind="odd"), name="other")
    w.says.said = [raised(), ValueError("no such column: latency")]

    done = look(w.workspace, view=w.view, now=w.now, detectors_=[w.says.detector, other.detector])

    assert [(a.detector, a.outcome) for a in done.looks] == [("said", "failed"), ("other", "looked")]
    assert "no such column" in done.looks[0].reason
    assert {a["cause"] for a in w.alerts()} == {CAUSE, "odd:orders:c9"}


def test_a_detector_that_cannot_look_yet_ends_nothing(watched):
    w = watched()
    w.round(raised())

    done = w.round(Refusal("Too little to look at.", hint="Wait a day."))

    assert done.looks[0].outcome == "refused"
    assert len(w.alerts()) == 1


def test_a_detector_waits_for_what_it_needs(watched):
    w = watched(needs=("event|telemetry",))

    done = w.round(raised())

    assert (done.looks[0].outcome, done.looks[0].reason) == ("waits", "It needs events or telemetries.")


def test_what_breaks_the_detectors_word_is_a_failure_not_an_alert(watched):
    w = watched()

    done = w.round(raised("two words"))

    assert done.looks[0].outcome == "failed"
    assert w.alerts() == []


def test_alerts_of_a_detector_that_is_no_more_end(watched):
    w = watched()
    w.round(raised())

    done = look(w.workspace, view=w.view, now=w.now, detectors_=[])

    assert done.ended == 1


def test_two_rounds_never_run_at_once(watched):
    w = watched()

    with disk.locked(w.workspace.root / LOCK, what="looking"), pytest.raises(Busy):
        w.round(raised())


def test_many_rounds_at_once_open_a_cause_once(watched):
    w = watched()
    w.says.said = [raised()]

    def run():
        look(w.workspace, view=w.view, now=w.now, detectors_=[w.says.detector], wait=30)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert w.messages() == ["alert.opened"]
    assert w.history() == ["opened"]


def test_state_is_sealed_with_alerts_in_it_and_made_again_from_its_log(watched):
    w = watched()
    w.round(raised())
    w.round(raised(count=900))
    before, told = w.alerts(), w.messages()
    w.workspace.state.verify()
    root = w.workspace.root
    w.workspace.close()
    for path in root.glob("state.sqlite*"):
        path.unlink()

    w.workspace.make_state_again(root)
    w.workspace = type(w.workspace).open(root)

    assert (w.alerts(), w.messages()) == (before, told)


def test_a_round_killed_before_any_statement_is_finished_by_the_next_and_nothing_is_told_twice(tmp_path):
    script = Path(__file__).with_name("killed_round.py")
    ran = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)

    assert found["kills"] > 20
    assert found["causes"] == ["a:x", "b:x", "c:x"]
    for alert, cause in enumerate(found["causes"], start=1):
        of = [what.removeprefix("alert.") for topic, what in reversed(found["told"]) if topic == f"alert:{alert}"]
        assert of == found["events"][cause], "a message for each thing that happened, and no other"
        assert of.count("opened") == 1
        assert of.count("grew") > 2
