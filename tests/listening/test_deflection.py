"""Views and contacts by hand and beside plain Python, a planted article, honest comparisons, and who is behind."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pytest

from regard.errors import UnknownName
from regard.listening.deflection import figure
from regard.listening.reading import articles_of, contacts_of, looking
from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import Declarations, Dimension
from regard.signals.scope import Given
from regard.simulation import declarations as company_declarations
from regard.simulation import sample
from regard.web.slices import Slice
from regard.web.trails import trails

PAGES = Declarations(dimensions=(Dimension(name="page", of="signal"), Dimension(name="plan")))
AUTUMN = {"since": "2026-09-01", "until": "2026-10-31"}


def ask(view, question="listening/deflection", /, *, given=None, **arguments):
    return answer(find(question), view=view, given=Given(**(given or AUTUMN)), arguments=arguments)


def log(n=300, good=0.05, poor=0.5, none=0.3):
    """In autumn so many read one of two pages, so many search in vain; a share of each then opens a ticket."""
    events, contacts = [], []
    shares = {"good": good, "poor": poor, "none": none}
    for k in range(3 * n):
        kind = ("good", "poor", "none")[k % 3]
        at = datetime(2026, 9, 1, 8) + timedelta(hours=4 * (k // 3 % 330))
        who = f"{kind}{k // 3:03d}"
        events.append({"person": who, "occurred_at": str(at), "name": "help_searched"})
        if kind != "none":
            read = {"person": who, "occurred_at": str(at + timedelta(minutes=5)), "name": "article_read"}
            events.append(read | {"labels": {"page": f"The {kind} one"}})
        if (k // 3) % 100 < 100 * shares[kind]:
            contacts.append({"key": who, "person": who, "area": "till", "occurred_at": str(at + timedelta(hours=20))})
    events += [
        {"person": "somebody", "occurred_at": f"2026-11-{d:02d} 12:00", "name": "day_planned"} for d in range(1, 11)
    ]
    contacts += [{"key": f"k{d}", "person": "x", "occurred_at": f"2026-11-{d:02d} 13:00"} for d in range(1, 11)]
    return {"event": events, "contact": contacts}


def test_each_page_is_held_against_those_who_found_none(view_of):
    found = ask(view_of(log(), declarations=PAGES))
    rows = {r.article: r for r in found.rows}
    good, poor = rows["The good one"], rows["The poor one"]

    assert (found.articles, found.need, found.named_by) == (("article_read",), ("help_searched",), "page")
    assert (good.views, good.asked, good.without) == (300, 15, pytest.approx(0.95))
    assert (poor.asked, poor.asking, poor.quiet) == (150, 150, 150)
    assert good.expected == pytest.approx(0.7, abs=0.04)
    assert good.change_low > 0.1
    assert poor.change_high < -0.05
    assert max(good.adjusted, poor.adjusted) < 0.001
    assert [r.article for r in found.rows] == ["all", "The poor one", "The good one"]
    assert poor.about == "till"
    assert "After 72" in found.answer
    assert 'fig-good"' in figure(found).svg
    assert 'fig-bad"' in figure(found).svg


def test_no_difference_says_what_would_have_been_seen(view_of):
    found = ask(view_of(log(good=0.3, poor=0.3), declarations=PAGES))

    assert "no difference beyond chance, and one of " in found.answer
    assert "would have been seen in four of five cases" in found.answer
    assert all(r.adjusted > 0.05 for r in found.rows[1:])
    assert any("No contact is not yet an answer" in c.text for c in found.cautions)


def test_without_anybody_who_searched_in_vain_the_candid_answer_is_given(view_of):
    tables = log()
    tables["event"] = [e for e in tables["event"] if e["name"] != "help_searched"]
    found = ask(view_of(tables, declarations=PAGES))

    assert found.expected is None
    assert "Who would have asked without the article is not known" in found.answer
    assert any(c.code == "no_comparison" for c in found.cautions)


def test_time_that_is_not_over_is_in_no_share_even_where_a_contact_came(view_of):
    tables = log()
    late = [{"person": f"late{i}", "occurred_at": "2026-11-09 12:00", "name": "article_read",
             "labels": {"page": "The good one"}} for i in range(20)]  # fmt: skip
    tables["event"] += late
    tables["contact"] += [{"key": e["person"], "person": e["person"], "occurred_at": "2026-11-09 15:00"} for e in late]
    found = ask(view_of(tables, declarations=PAGES), given={"since": "2026-09-01", "until": "2026-11-10"})
    good = next(r for r in found.rows if r.article == "The good one")

    assert (good.views, good.open, good.asked) == (300, 20, 15)
    assert found.open == 20


def test_contacts_that_end_early_do_not_make_articles_look_better(view_of):
    tables = log()
    tables["contact"] = [c for c in tables["contact"] if c["occurred_at"] < "2026-10-01"]
    found = ask(view_of(tables, declarations=PAGES, today=date(2026, 11, 10)))
    poor = next(r for r in found.rows if r.article == "The poor one")

    assert (poor.views, poor.asked) == (136, 86)  # until three days before the last contact; all 300 would have 100
    assert poor.open == 300 - 136
    assert any(c.code == "contacts_end_early" for c in found.cautions)


def test_every_row_leads_to_its_customers(view_of):
    view = view_of(log(), declarations=PAGES)
    for row in ask(view).rows:
        asking = ask(view, "customers/list", who="asked-anyway", path=row.cell, window="72h")
        quiet = ask(view, "customers/list", who="did-not-ask", path=row.cell, window="72h")
        assert (asking.total, quiet.total) == (row.asking, row.quiet)
    ways = trails("listening/deflection", {"cell": row.cell, "asked": 1, "quiet": 1, "views": 2, "article": "x"},
                  Slice(scope={}, arguments={"within": "24h"}))  # fmt: skip
    assert "who=asked-anyway" in ways["article"]
    assert "window=24h" in ways["asked"]


@pytest.mark.parametrize("seed", range(4))
def test_shares_are_those_of_plain_python(view_of, seed):
    rng = np.random.default_rng(seed)
    events, contacts = [], []
    for i in range(600):
        at = datetime(2026, 9, 1) + timedelta(minutes=int(rng.integers(0, 60 * 24 * 60)))
        who, name = f"p{int(rng.integers(0, 60))}", str(rng.choice(["faq_opened", "article_read", "day_planned"]))
        events.append({"person": who, "occurred_at": str(at), "name": name, "labels": {"plan": "big"}})
        if rng.random() < 0.2:
            contacts.append(
                {"key": str(i), "person": who, "occurred_at": str(at + timedelta(hours=int(rng.integers(1, 90))))}
            )
    view = view_of({"event": events, "contact": contacts}, declarations=PAGES)
    found = ask(view, within="48h", need="day_planned")
    last = max(e["occurred_at"] for e in [*events, *contacts])
    views = {}
    for article in ("faq_opened", "article_read"):
        began = {}
        for e in sorted((e for e in events if e["name"] == article), key=lambda e: e["occurred_at"]):
            t = datetime.fromisoformat(e["occurred_at"])
            inside = datetime(2026, 9, 1) <= t < datetime(2026, 11, 1)
            if not inside or (e["person"] in began and t - began[e["person"]] <= timedelta(hours=48)):
                continue
            began[e["person"]] = t
            times = [datetime.fromisoformat(c["occurred_at"]) for c in contacts if c["person"] == e["person"]]
            came = any(t < u <= t + timedelta(hours=48) for u in times)
            if t <= datetime.fromisoformat(last) - timedelta(hours=48):
                views.setdefault(article, []).append(came)

    told = {r.article: (r.views, r.asked) for r in found.rows[1:]}
    assert told == {a: (len(v), sum(v)) for a, v in views.items()}
    assert found.views == sum(len(v) for v in views.values())
    assert found.without == pytest.approx(1 - sum(map(sum, views.values())) / found.views)


def test_at_the_made_up_bakery_articles_change_nothing_and_nothing_is_claimed(view_of):
    found = ask(view_of(sample(), declarations=company_declarations()), given={"period": "1y"})

    assert found.articles == ("article_read",)
    assert all(r.adjusted is None or r.adjusted > 0.01 for r in found.rows)


def test_names_are_guessed_with_sense():
    names = ("Article Viewed", "article_added_to_cart", "helpOpened", "help_searched", "contact", "contact: till",
             "contact_page_seen", "message: help", "order: placed")  # fmt: skip

    assert articles_of(names) == ("Article Viewed",)
    assert contacts_of(names) == ("contact", "contact: till")
    assert looking(names, ("Article Viewed",)) == ("helpOpened", "help_searched", "contact_page_seen")
    assert articles_of(("guide_opened", "howTo_seen", "checkout")) == ("guide_opened", "howTo_seen")


def test_what_is_missing_is_said_with_the_next_step(view_of):
    silent = ask(view_of({"event": log()["event"]}, declarations=PAGES))
    nameless = ask(view_of({**log(), "event": [e | {"name": "x"} for e in log()["event"]]}, declarations=PAGES))
    few = ask(view_of(log(n=4), declarations=PAGES))

    assert "No contacts are known" in silent.refused
    assert "--articles" in nameless.next_step
    assert "Only 8 views" in few.refused
    with pytest.raises(UnknownName, match="pagee"):
        ask(view_of(log(), declarations=PAGES), named_by="pagee")
    with pytest.raises(UnknownName, match="articel"):
        ask(view_of(log(), declarations=PAGES), articles="articel_read")
