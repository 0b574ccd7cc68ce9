"""Promises against hand-counted logs and a slow count in plain Python."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import Declarations, Dimension
from regard.signals.scope import Given

PARIS = Declarations(time_zone="Europe/Paris", dimensions=(Dimension(name="region"),))
SEPTEMBER = {"period": "2026-09"}


def promised(key, due, kept=None, *, made="2026-08-20", **more):
    return {
        "key": key,
        "about": key,
        "person": f"p{key}",
        "promise": "delivery",
        "occurred_at": made,
        "due_at": due,
        "kept_at": kept,
        **more,
    }


def rated(key, score, at="2026-10-15", **more):
    return {
        "key": f"r{key}",
        "about": key,
        "person": f"p{key}",
        "occurred_at": at,
        "score": score,
        "scale_min": 1,
        "scale_max": 5,
        "metric": "stars",
        **more,
    }


def ask(view, *, given=SEPTEMBER, **arguments):
    return answer(find("journey/promises"), view=view, given=Given(**given), arguments=arguments)


def row(found, name="delivery", part="all"):
    return next(r for r in found.rows if (r.promise, r.slice) == (name, part))


def test_each_promise_has_exactly_one_outcome_counted_where_it_fell_due(view_of):
    view = view_of(
        promise=[
            promised("1", "2026-09-05", "2026-09-04"),
            promised("2", "2026-09-05", "2026-09-07"),
            promised("3", "2026-09-06"),
            promised("4", "2026-09-07", withdrawn_at="2026-09-06"),
            promised("5", "2026-09-08", withdrawn_at="2026-09-20"),
            promised("6", "2026-10-02"),
            promised("7", "2026-10-20"),
            promised("8", "2026-10-02", "2026-09-29"),
            promised("9", "2026-08-10", "2026-08-12", made="2026-08-01"),
            promised("10", "2026-10-02", "2026-10-01T12:00:00"),
        ],
        event=[{"person": "x", "occurred_at": "2026-11-01", "name": "y"}],
    )
    r = row(ask(view))
    assert (r.due, r.kept, r.late, r.never, r.withdrawn, r.at_risk, r.open) == (4, 1, 1, 2, 1, 2, 1)
    assert (r.broken_share, r.broken_before, r.median_late_days) == (0.75, 1.0, 2.0)


def test_a_promise_for_a_day_is_kept_until_that_day_ends_where_the_company_is(view_of):
    """22:30 UTC on 5 September is half past midnight of the 6th in Paris: too late for the 5th, in time for the 6th."""
    late, timely = "2026-09-05T22:30:00", "2026-09-05T21:30:00"
    view = view_of(
        declarations=PARIS,
        promise=[
            promised("1", "2026-09-05T08:00:00", late, due_by="day"),
            promised("2", "2026-09-05T08:00:00", timely, due_by="day"),
            promised("3", "2026-09-05T22:00:00", "2026-09-06T21:59:59", due_by="day"),
            promised("4", "2026-09-05T08:00:00", timely),
        ],
    )
    found = ask(view)
    assert (row(found).kept, row(found).late) == (2, 2)
    assert row(ask(view, rule="day")).kept == 3
    assert row(ask(view, rule="instant")).kept == 0


def test_scores_meet_promises_in_what_both_are_about(view_of):
    """Order lines have keys of their own: the review names the order, the promise a line, the order joins the two."""
    view = view_of(
        promise=[
            promised(f"k{i}-1", "2026-09-05", "2026-09-04" if i % 2 else "2026-09-09") | {"person": f"p{i}"}
            for i in range(24)
        ],
        order=[
            {"key": f"k{i}-1", "order_id": f"k{i}", "person": f"p{i}", "occurred_at": "2026-08-20", "amount": 10}
            for i in range(24)
        ],
        review=[rated(f"k{i}", (4 if i % 2 else 2) + (i % 3 == 0)) | {"person": f"p{i}"} for i in range(24)],
    )
    found = ask(view)
    scores = {s.outcome: (s.answers, s.score) for s in found.scores}
    assert scores["kept"] == (12, pytest.approx(4 + 4 / 12))
    assert scores["broken, kept late"] == (12, pytest.approx(2 + 4 / 12))
    assert found.score_difference == pytest.approx(-2)
    assert found.score_interval.high < 0


def test_weights_come_first_and_the_unweighted_share_stands_beside(view_of):
    view = view_of(
        promise=[promised("1", "2026-09-05", "2026-09-04", weight=9.0), promised("2", "2026-09-05", weight=1.0)],
    )
    found = ask(view)
    assert (found.broken_share, found.broken_unweighted) == (0.1, 0.5)
    assert "weighted" in {c.code for c in found.cautions}
    assert found.rows[0].never_share == 0.1
    drawn = find("journey/promises").figure(found).svg
    assert "10\u00a0%" in drawn, "the bar is weighted as the sentence is"
    assert "50\u00a0%" not in drawn


def test_what_was_still_missing_when_the_customer_answered_is_a_class_of_its_own(view_of):
    view = view_of(
        promise=[promised(str(i), "2026-09-05", "2026-09-20" if i < 6 else None) for i in range(12)],
        review=[rated(str(i), 1 + i % 2, at="2026-09-10") for i in range(12)],
    )
    scores = {s.outcome: s.answers for s in ask(view).scores}
    assert scores == {"broken, kept late": 6, "broken, never kept": 6, "still missing when asked": 12}


def test_nothing_promised_nothing_due_and_everything_ahead_are_three_answers(view_of):
    assert "Import" in ask(view_of()).next_step
    past = view_of(promise=[promised("1", "2026-01-05", "2026-01-04", made="2026-01-01")])
    assert ask(past).refused
    ahead = view_of(promise=[promised("1", "2026-10-02", made="2026-09-20")])
    found = ask(ahead)
    assert (found.refused, found.at_risk, found.due) == ("", 1, 0)
    assert [a.about for a in found.ahead] == [] or found.ahead[0].about == "1"


@pytest.mark.parametrize("seed", range(3))
def test_random_promises_give_what_a_slow_count_gives(view_of, seed):
    rng, zone = random.Random(seed), ZoneInfo("Europe/Paris")
    start = datetime(2026, 8, 1)
    rows = []
    for i in range(300):
        due = start + timedelta(minutes=rng.randrange(90 * 1440))
        kept = due + timedelta(minutes=rng.randrange(-3000, 3000)) if rng.random() < 0.8 else None
        gone = due + timedelta(minutes=rng.randrange(-2000, 2000)) if rng.random() < 0.1 else None
        rows.append(
            promised(str(i), due, kept, made=due - timedelta(days=5))
            | {
                "withdrawn_at": gone,
                "due_by": rng.choice(("day", "instant", None)),
                "labels": {"region": rng.choice("AB")},
            }
        )
    declared = Declarations(time_zone="Europe/Paris", dimensions=(Dimension(name="region", of="signal"),))
    shuffled = rng.sample(rows, len(rows))
    found = ask(view_of(declarations=declared, promise=shuffled), given={**SEPTEMBER, "by": "region"})

    def day(at):
        return at.replace(tzinfo=ZoneInfo("UTC")).astimezone(zone).date()

    def timely(r, at):
        return at is not None and (day(at) <= day(r["due_at"]) if r["due_by"] == "day" else at <= r["due_at"])

    for part in "AB":
        mine = [
            r
            for r in rows
            if r["labels"]["region"] == part and date(2026, 9, 1) <= day(r["due_at"]) <= date(2026, 9, 29)
        ]
        kept = sum(timely(r, r["kept_at"]) for r in mine)
        gone = sum(not timely(r, r["kept_at"]) and timely(r, r["withdrawn_at"]) for r in mine)
        late = sum(
            not timely(r, r["kept_at"]) and not timely(r, r["withdrawn_at"]) and r["kept_at"] is not None for r in mine
        )
        last = [r for r in rows if r["labels"]["region"] == part and day(r["due_at"]) == date(2026, 9, 30)]
        r = row(found, part=part)
        assert kept <= r.kept <= kept + len(last)
        assert gone <= r.withdrawn <= gone + len(last)
        assert late <= r.late <= late + len(last)
