"""Tables and figures as pages show them: the telling columns first, units, intervals, and marks that lead somewhere."""

from __future__ import annotations

import re

import pytest

from regard.figures.waterfall import Panel, Step, waterfall
from regard.questions import questions
from regard.web.catalogue import Field, told
from regard.web.columns import chance, columns_of, places, steady, with_units
from regard.web.headings import KNOWN
from regard.web.marks import linked
from regard.web.telling import Speaker


def fields(*named):
    shapes = {"n": "number", "w": "whole", "t": "text", "i": "interval"}
    return [Field(name=name, shape=shapes[shape], help=help_) for name, shape, help_ in named]


def names(columns):
    return [c.field.name for c in columns if not c.folded]


def test_a_number_and_its_interval_are_one_column():
    known = fields(("slice", "t", ""), ("score", "n", ""), ("low", "n", ""), ("high", "n", ""), ("gone", "n", ""),
                   ("gone_interval", "i", ""), ("ratio", "n", ""), ("ratio_low", "n", ""), ("ratio_high", "n", ""))  # fmt: skip
    row = {"slice": "EU", "score": 1.0, "low": 0.5, "high": 1.5, "gone": 0.2, "gone_interval": {"low": 0.1, "high": 0.3},
           "ratio": 2.0, "ratio_low": 1.0, "ratio_high": 3.0}  # fmt: skip

    found = columns_of(known, [row], "some/question")

    assert names(found) == ["slice", "score", "gone", "ratio"]
    assert [c.ends(row) for c in found] == [None, (0.5, 1.5), (0.1, 0.3), (1.0, 3.0)]


def test_an_interval_is_written_beside_its_number_with_as_many_digits_as_it_bears():
    known = fields(("effect", "n", ""), ("effect_low", "n", ""), ("effect_high", "n", ""))
    row = {"effect": -1.4431, "effect_low": -1.8901, "effect_high": -0.9961}

    cell = Speaker().cell(row, columns_of(known, [row], "x/y")[0], {})

    assert (cell.text, cell.spread) == ("−1.44", "−1.89 to −1.00")


@pytest.mark.parametrize(("low", "high", "digits"), [(0.1, 0.9, 2), (14, 36, 0), (1.0, 4.0, 1), (5.0, 5.0, None)])
def test_places_follow_the_width_of_the_interval(low, high, digits):
    assert places(low, high) == digits


def test_many_columns_fold_behind_the_telling_ones():
    known = fields(("title", "t", ""), *((f"c{i}", "n", "") for i in range(20)), ("same", "t", ""))
    rows = [{"title": f"row {r}", "same": "yes"} | {f"c{i}": r + i for i in range(20)} for r in range(5)]

    found = columns_of(known, rows, "x/y")

    assert names(found) == ["title", *(f"c{i}" for i in range(7))]
    assert len(found) == 22


def test_the_period_before_has_the_unit_of_the_period():
    found = with_units(fields(("gone", "n", "Share of them that left."), ("gone_before", "n", "The same, before.")))

    assert [f.unit for f in found] == ["share", "share"]


def test_a_tiny_chance_is_not_written_out():
    assert [chance(v) for v in (2.28e-8, 0.012, 0.5)] == ["< 0.001", "0.012", "0.50"]


def test_only_marks_whose_key_is_known_become_links_and_only_within_the_site():
    drawn = waterfall([Panel(name="Customers", steps=(Step(label="Opening & <b>", amount=5, total=True), Step(label="Lost", amount=-2), Step(label="New", amount=1)))], title="t").svg  # fmt: skip

    found = linked(drawn, {"Lost": "/customers/list?who=lost&a=b", "New": "https://elsewhere.example"})

    assert re.findall(r'<a href="([^"]*)"', found) == ["/customers/list?who=lost&amp;a=b"]
    assert 'role="group"' in found
    assert linked(drawn, {}) == drawn


@pytest.mark.parametrize("path", ["/customers/ledger", "/journey/map", "/listening/contacts"])
def test_every_link_of_a_figure_leads_to_an_answer(served, path):
    page = served.answer(path).text
    ways = {w.replace("&amp;", "&") for w in re.findall(r'<a href="([^"]*)" class="fig-mark"', page)}

    assert ways
    for way in sorted(ways)[:4]:
        head, _, query = way.partition("?")
        assert served.client.get(f"{head}.json?{query}").status_code == 200, way


def test_a_column_of_plain_numbers_has_the_same_decimals_throughout():
    known = fields(("area", "t", ""), ("rate", "n", ""))
    rows = [{"area": "a", "rate": 39.0}, {"area": "b", "rate": 25.234}, {"area": "c", "rate": 8.4}]
    column = columns_of(known, rows, "x/y")[1]

    said = [Speaker().cell(r, column, {}, steady(column, rows)).text for r in rows]

    assert said == ["39.0", "25.2", "8.4"]


def test_every_name_that_is_called_otherwise_exists():
    known = {q.path: told(q) for q in questions().values()}

    for path, words in KNOWN.items():
        names = {f.name for f in (*known[path].fields, *known[path].parameters)}
        names |= {c.name for f in known[path].fields for c in f.columns}
        assert set(words) <= names, path


@pytest.mark.parametrize("path", ["/customers/ledger", "/listening/contacts"])
def test_a_single_number_shows_what_it_rests_on_and_the_customers_behind_it(served, path):
    page = served.answer(path).text
    numbers = page.partition('<dl class="numbers">')[2].partition("</dl>")[0]
    ways = [w.replace("&amp;", "&") for w in re.findall(r'<dd><a href="([^"]*)"', numbers)]

    assert "Show the customers" in numbers
    assert re.search(r"(Counted|Estimated) from [\d,]+ rows", numbers)
    for way in ways:
        head, _, query = way.partition("?")
        assert served.client.get(f"{head}.json?{query}").json()["total"] > 0, way


def test_losses_in_one_piece_offer_the_ways_to_cut_them(served):
    page = served.answer("/customers/losses").text

    assert 'href="/customers/losses?by=region"' in page
    assert served.answer("/customers/losses?by=region").status_code == 200
