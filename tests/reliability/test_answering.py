"""Alerts are answered, and what was answered is learned, told and taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from raising import raised

from regard.errors import BadInput, UnknownName
from regard.reliability import learned
from regard.reliability.answering import answer_alert, undo_answer
from regard.store import alerts

SLICE = {"region": "Brazil"}


def rules(w):
    return {a["cause"]: a["quiet"] for a in w.alerts()}


def test_a_known_alert_is_quiet_until_it_has_grown_by_the_stated_factor(watched):
    w = watched()
    w.round(raised(count=100))

    answer_alert(w.workspace, alert=1, answer="known", why="ticket 812", factor=3)
    w.round(raised(count=299))
    assert w.messages() == ["alert.opened"]
    assert list(rules(w).values()) == ["known"]
    w.round(raised(count=300))

    assert w.messages() == ["alert.opened", "alert.grew"]
    assert list(rules(w).values()) == [""]


def test_an_expected_window_silences_its_cause_then_and_not_afterwards(watched):
    w = watched()
    w.round(raised())
    answer_alert(w.workspace, alert=1, answer="expected", why="load test", until="2026-11-30")

    w.round()
    w.round(raised(count=5000), minutes=60)
    assert w.messages() == ["alert.opened"], "neither its end nor its return is told while it is expected"
    w.round(raised(count=5000), minutes=10 * 24 * 60)

    assert w.messages() == ["alert.opened", "alert.grew"]


@pytest.mark.parametrize(
    ("again", "days", "quiet"),
    [("yearly", 365, True), ("yearly", 180, False), ("weekly", 7, True), ("weekly", 11, False), ("", 365, False)],
)
def test_a_season_comes_again(watched, again, days, quiet):
    w = watched()
    w.round(raised())
    answer_alert(w.workspace, alert=1, answer="expected", until="2026-11-26", again=again)
    w.round()

    w.round(raised(), minutes=days * 24 * 60)

    assert (list(rules(w).values()) == ["expected"]) is quiet


def test_expected_without_a_window_lasts_as_long_as_the_alert(watched):
    w = watched()
    w.round(raised())
    answer_alert(w.workspace, alert=1, answer="expected")
    w.round(raised(count=9000))
    assert w.messages() == ["alert.opened"]

    w.round()
    w.round(raised(), minutes=30 * 24 * 60)

    assert w.messages() == ["alert.opened", "alert.opened"]


def test_the_bar_of_a_kind_and_slice_rises_when_most_were_not_useful_and_says_so(watched):
    w = watched()
    sizes = {"a": 20, "b": 40, "c": 30, "d": 60}
    w.round(*(raised(f"disruption:{n}:x", size, slice_=SLICE) for n, size in sizes.items()))
    for number, said in ((1, "not useful"), (2, "not useful"), (3, "not useful"), (4, "known")):
        answer_alert(w.workspace, alert=number, answer=said)

    small, large = raised("disruption:e:x", 50, slice_=SLICE), raised("disruption:f:x", 51, slice_=SLICE)
    elsewhere = raised("disruption:g:x", 5, slice_={"region": "Chile"})
    w.round(small, large, elsewhere)

    assert rules(w) == {"disruption:e:x": "bar", "disruption:f:x": "", "disruption:g:x": ""}
    with w.workspace.state.reading() as connection:
        bar = learned.bars(alerts.answers(connection), now=w.now)[("disruption", '{"region":"Brazil"}')]
    assert "quieter, because 3 of 4 were not useful; told again above 50" in bar.words()
    assert "about region Brazil" in bar.words()


def test_one_answer_not_useful_quiets_its_own_cause_only(watched):
    w = watched()
    w.round(raised("disruption:a:x", 20, slice_=SLICE))
    answer_alert(w.workspace, alert=1, answer="not useful")

    w.round(raised("disruption:a:x", 25, slice_=SLICE), raised("disruption:b:x", 10, slice_=SLICE))

    assert rules(w) == {"disruption:a:x": "not useful", "disruption:b:x": ""}
    w.round(raised("disruption:a:x", 31, slice_=SLICE))
    assert rules(w)["disruption:a:x"] == ""


def test_an_answer_taken_back_is_forgotten(watched):
    w = watched()
    w.round(raised(count=100))
    kept = answer_alert(w.workspace, alert=1, answer="not useful", by="mira")
    assert "told again above 125" in kept.words

    undo_answer(w.workspace, answer=kept.id, by="mira")
    w.round(raised(count=160))

    assert w.messages() == ["alert.opened", "alert.grew"]
    assert w.history() == ["opened", "answered", "undone", "grew"]
    assert [e["name"] for e in w.workspace.state.written_down(2)] == ["undo_answer", "answer_alert"]
    with pytest.raises(BadInput, match="taken back before"):
        undo_answer(w.workspace, answer=kept.id)


@pytest.mark.parametrize(
    "given",
    [
        {"answer": "fine"},
        {"answer": "expected", "until": "soon"},
        {"answer": "expected", "until": "2026-11-01"},
        {"answer": "expected", "again": "yearly"},
        {"answer": "expected", "until": "2026-12-31", "again": "weekly"},
        {"answer": "known", "again": "weekly", "until": "2026-11-25"},
        {"answer": "known", "factor": 1.0},
        {"answer": "known", "factor": float("nan")},
        {"answer": "known", "why": "x" * 501},
    ],
)
def test_an_answer_that_cannot_be_used_is_refused_with_the_next_step(watched, given):
    w = watched()
    w.round(raised())

    with pytest.raises(BadInput) as caught:
        answer_alert(w.workspace, alert=1, **given)

    assert caught.value.hint
    assert w.history() == ["opened"]


def test_an_unknown_alert_names_those_there_are(watched):
    w = watched()
    w.round(raised())

    with pytest.raises(UnknownName, match="alert"):
        answer_alert(w.workspace, alert=7, answer="known")


def test_an_alert_that_opens_quiet_is_told_once_it_no_longer_is(watched):
    w = watched()
    w.round(raised(count=10))
    answer_alert(w.workspace, alert=1, answer="expected", until="2026-12-02")
    w.round()
    w.round(raised(count=10), minutes=4 * 24 * 60)
    assert w.messages() == ["alert.opened"]

    w.round(raised(count=10), minutes=timedelta(days=6) // timedelta(minutes=1))

    assert w.messages() == ["alert.opened", "alert.opened"]
