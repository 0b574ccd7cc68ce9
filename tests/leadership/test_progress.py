"""Progress: each measure against its own past."""

from datetime import date, datetime, timedelta

import numpy as np

from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import Declarations
from regard.signals.scope import Given
from regard.simulation import declarations, sample

LAST = Given(since="2026-09-01", until="2026-10-31")


def month_of(step):
    year, month = divmod(2024 * 12 + step, 12)
    return datetime(year, month + 1, 10)


def log(rate, months=34, first=0):
    """Contacts of 100 active people over so many months; `rate(step)` of them ask for help."""
    contacts, events = [], []
    for step in range(first, first + months):
        at = month_of(step)
        events += [{"occurred_at": at, "person": f"p{i}", "name": "used"} for i in range(100)]
        contacts += [
            {"occurred_at": at + timedelta(hours=i), "person": f"p{i}", "key": f"{step}-{i}", "area": "help"}
            for i in range(int(rate(step)))
        ]
    return {"contact": contacts, "event": events}


def told(view_of, rate, **given):
    view = view_of(log(rate), declarations=Declarations(), today=date(2026, 11, 2))
    return answer(find("leadership/progress"), view=view, given=LAST, arguments=given)


def test_a_real_fall_of_contacts_is_better_and_dated(view_of):
    noise = np.random.default_rng(1).integers(-3, 4, 40)
    found = told(view_of, lambda step: (30 if step < 22 else 14) + noise[step])

    row = next(r for r in found.rows if r.name == "contacts")
    assert row.verdict == "better"
    assert row.since == date(2025, 11, 1)
    assert row.before > 250
    assert row.usual < 180
    assert "better" in found.answer.lower()


def test_the_ordinary_is_no_news(view_of):
    noise = np.random.default_rng(2).integers(-3, 4, 40)
    found = told(view_of, lambda step: 30 + noise[step])

    assert found.answer.startswith("Nothing has moved more than it always does")
    assert {r.verdict for r in found.rows} <= {"as ever", "cannot tell"}


def test_one_bad_month_that_passed_is_told_as_passed(view_of):
    noise = np.random.default_rng(2).integers(-3, 4, 40)
    found = told(view_of, lambda step: (80 if step == 28 else 30) + noise[step])

    row = next(r for r in found.rows if r.name == "contacts")
    assert row.verdict == "moved and back"
    assert row.since == date(2026, 5, 1)


def test_a_yearly_season_is_taken_out_and_a_change_beneath_it_found(view_of):
    noise = np.random.default_rng(5).integers(-2, 3, 60)

    def rate(step):
        return 30 + round(18 * np.sin(2 * np.pi * step / 12)) + noise[step + 12] - (8 if step >= 24 else 0)

    view = view_of(log(rate, months=46, first=-12), declarations=Declarations(), today=date(2026, 11, 2))
    found = answer(find("leadership/progress"), view=view, given=LAST)

    row = next(r for r in found.rows if r.name == "contacts")
    assert row.verdict == "better"
    assert row.since == date(2026, 1, 1)
    assert row.season < -60  # October is low every year
    assert "the time of the year taken out" in row.told
    limits = {p.since: p.usual for p in found.points if p.name == "contacts"}
    assert limits[date(2026, 4, 1)] - limits[date(2026, 10, 1)] > 200
    assert "season_out" in {c.code for c in found.cautions}
    assert find("leadership/progress").figure(found) is not None


def test_under_three_years_the_season_is_left_in_and_said(view_of):
    noise = np.random.default_rng(2).integers(-3, 4, 40)
    found = told(view_of, lambda step: 30 + noise[step])

    assert all(r.season is None for r in found.rows)
    assert "under three years" in next(c.text for c in found.cautions if c.code == "season")


def test_a_short_past_is_refused_with_what_to_do(view_of):
    rows = log(lambda _: 20)
    short = {k: [r for r in v if r["occurred_at"] >= datetime(2026, 10, 1)] for k, v in rows.items()}
    view = view_of(short, declarations=Declarations(), today=date(2026, 11, 2))

    found = answer(find("leadership/progress"), view=view, given=LAST)

    assert found.refused
    assert found.next_step


def test_the_made_up_company_has_every_measure_with_limits_it_could_reach(view_of):
    view = view_of(sample(), declarations=declarations())
    found = answer(find("leadership/progress"), view=view, given=Given())

    assert [r.name for r in found.rows] == ["score", "contacts", "promises", "active", "value"]
    kept = next(r for r in found.rows if r.name == "promises")
    assert 0 <= kept.low <= kept.usual <= kept.high <= 100
    drawn = find("leadership/progress").figure(found)
    assert drawn.title == found.answer
