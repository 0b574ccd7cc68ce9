"""A customer's timeline as a page tells it: by day, in sentences, routine folded between what matters."""

from __future__ import annotations

import pytest

from regard.web.days import days
from regard.web.telling import Speaker


def row(at, lane, what, **more):
    return {
        "at": at,
        "lane": lane,
        "what": what,
        "words": "",
        "amount": None,
        "unit": "",
        "state": "",
        "until": "",
    } | more


def told(*rows):
    return days(rows, Speaker(currency="EUR", zone="Europe/Berlin"))


def test_what_happened_on_one_day_stands_together_newest_first():
    found = told(
        row("13 Nov 2026, 15:29", "we wrote", "Reply", state="email", words="Try again?"),
        row("13 Nov 2026, 13:39", "asked", "oven link: broken", state="open", words="It dropped."),
        row("12 Nov 2026, 08:00", "met trouble", "Oven link failed twice"),
    )

    assert [d.name for d in found] == ["13 Nov 2026", "12 Nov 2026"]
    assert [(h.time, h.line, h.quote, h.state, h.tone) for h in found[0].happenings] == [
        ("15:29", "Reply by email: Try again?", "", "", ""),
        ("13:39", "Oven link: broken", "It dropped.", "open", "bad"),
    ]


def test_days_of_routine_are_one_entry_that_can_be_opened():
    found = told(
        row("20 Oct 2026, 09:00", "said", "Autumn", amount=3.0, unit="nps"),
        row("19 Oct 2026, 09:00", "did", "Day planned"),
        row("18 Oct 2026, 10:00", "we wrote", "Newsletter", state="email"),
        row("18 Oct 2026, 09:00", "did", "Day planned"),
        row("2 Sep 2026, 09:00", "did", "Day planned"),
        row("1 Sep 2026, 09:00", "bought", "Peel", amount=12.5, unit="BRL", state="shipped"),
    )

    assert [(d.name, d.routine) for d in found] == [
        ("20 Oct 2026", ""),
        ("2 Sep – 19 Oct 2026", "active on 3 days and 1 message from us"),
        ("1 Sep 2026", ""),
    ]
    assert found[1].happenings[0].time == "19 Oct, 09:00"


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (row("1 Sep 2026, 09:00", "said", "Autumn", amount=9.0, unit="nps"), "Autumn: 9 of 10 (NPS)"),
        (row("1 Sep 2026, 09:00", "said", "Review", amount=4.0, unit="stars"), "Review: 4 of 5 stars"),
        (row("1 Sep 2026, 09:00", "bought", "peel", amount=12.5, unit="BRL", state="shipped"), "Peel, R$\u00a012, shipped"),
        (row("1 Sep 2026, 09:00", "bought", "contract change Loaf", words="more ovens", state="change"), "Contract change Loaf: more ovens"),
        (row("1 Sep 2026, 09:00", "met trouble", "Sync timeout", words="day_planned"), "Sync timeout, at “Day planned”"),
        (row("1 Sep 2026, 09:00", "promised", "first_answer", until="2026-11-13T16:39:15"), "First answer, due 13 Nov 2026, 17:39"),
    ],
)  # fmt: skip
def test_each_lane_is_told_in_a_sentence(given, line):
    assert told(given)[0].happenings[0].line == line


def test_the_page_of_a_customer_tells_the_days_before_the_table(served):
    who = served.client.get("/customers/list.json?who=met-error").json()["rows"][0]["id"]

    page = served.answer(f"/customers/customer?id={who}").text

    assert page.index("Day by day") < page.index("The timeline as a table")
    assert "met trouble" in page
    assert "_ok failed" not in page


def test_what_may_be_asked_differently_says_what_it_means(served):
    page = served.answer("/customers/losses").text

    assert 'title="Highest score that counts as low;' in page
