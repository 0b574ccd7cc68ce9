"""Pages and their twins, asked over HTTP."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regard.questions import questions

OPEN_QUESTIONS = [p for p, q in questions().items() if all(x.default is not x.empty for x in q.parameters.values())]


@pytest.mark.parametrize("path", OPEN_QUESTIONS)
def test_every_question_has_a_page_that_says_its_answer(served, path):
    said = served.client.get(f"/{path}.json").json()
    page = served.answer("/" if path == "report/state" else f"/{path}")

    assert page.status_code == 200
    assert said["answer"]
    assert f"regard {path.replace('/', ' ')}" in page.text or path == "report/state"


@pytest.mark.parametrize("path", OPEN_QUESTIONS)
def test_every_question_has_a_sheet(served, path):
    reply = served.client.get(f"/{path}.csv")

    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/csv")
    assert "attachment" in reply.headers["content-disposition"]
    assert reply.text.count("\r\n") >= 1


def test_a_scope_is_kept_in_every_link_of_the_rail(served):
    text = served.answer("/listening/scores?period=1y&by=region").text

    assert 'href="/customers?period=1y&amp;by=region"' in text
    assert "regard listening scores --period 1y --by region" in text


@pytest.mark.parametrize("question", ["listening/scores", "listening/contacts", "journey/promises", "customers/losses"])
def test_what_counts_is_chosen_in_the_scope_bar_and_kept_by_the_form_below(served, question):
    text = served.client.get(f"/{question}?count=customers").text
    bar, _, rest = text.partition('class="scope"')[2].partition("</form>")

    assert re.search(r'<span>counted by</span>\s*<select name="count">.*value="customers" selected', bar, re.DOTALL)
    if 'class="ask"' in rest:
        assert '<input type="hidden" name="count" value="customers">' in rest
    assert "counted by" not in served.client.get("/leadership/progress").text.partition("</form>")[0]


def test_an_unknown_page_names_the_near_ones(served):
    reply = served.client.get("/listening/score")

    assert reply.status_code == 404
    assert 'href="/listening/scores"' in reply.text


def test_an_unknown_page_as_json_has_the_one_error_shape(served):
    error = served.client.get("/listening/score.json").json()["error"]

    assert set(error) == {"kind", "message", "where", "hint"}


@pytest.mark.parametrize("query", ["by=nothing", "period=x", "since=2026-13-01", "where=x", "metric=%00", "nope=1"])
def test_a_scope_that_cannot_be_read_says_what_is_wrong(served, query):
    reply = served.client.get(f"/listening/scores.json?{query}")

    assert reply.status_code < 500
    assert "Traceback" not in reply.text


def test_errors_on_pages_never_show_their_insides(served):
    reply = served.client.get("/listening/scores?by=nothing")

    assert reply.status_code in {400, 404}
    assert "There is no dimension" in reply.text
    assert "Traceback" not in reply.text


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["/", "/listening", "/listening/scores", "/customers/ledger.json", "/palette", "/sources/ledger", "/people/export"]),
    pairs=st.lists(
        st.tuples(
            st.sampled_from(["period", "since", "until", "against", "where", "by", "part", "q", "metric", "table", "customer", "é"]),
            st.one_of(st.text(max_size=30), st.sampled_from(["region=EU", "=", "9999999999d", "2026-09-01..", "' OR 1=1 --", "<script>", "1e999"])),
        ),
        max_size=4,
    ),
)  # fmt: skip
def test_no_query_string_breaks_a_page(served, path, pairs):
    reply = served.client.get(path, params=pairs)

    assert reply.status_code < 500, (path, pairs, reply.text[:300])
    is_page = reply.headers["content-type"].startswith("text/html")  # JSON is no markup, and is not sniffed
    assert not is_page or "<script>" not in reply.text.replace("<script src", "")


def test_bytes_that_are_no_text_break_nothing(served):
    for query in ("where=%ff%fe", "q=%00%00", "%ff=%ff", "period=" + "9" * 7000, "a" * 9000):
        assert served.client.get(f"/palette?{query}").status_code < 500
        assert served.client.get(f"/listening/scores?{query}").status_code < 500


def test_the_palette_finds_customers_pages_and_questions(served):
    name = json.loads(served.client.get("/customers/ledger.json").text)["evidence"]
    listed = served.client.get("/palette?q=").text
    found = served.client.get("/palette?q=score").text

    assert name
    assert "State" in listed or "Customers" in listed
    assert 'href="/listening/scores"' in found


def test_a_part_is_not_a_whole_page(served):
    served.answer("/listening/scores")
    reply = served.client.get("/listening/scores?part=card")

    assert reply.status_code == 200
    assert "<html" not in reply.text


def test_the_ledger_adds_up_on_its_page(served):
    told = served.client.get("/sources/ledger.json").json()

    assert told["received"] == told["stored"] + told["duplicate"] + told["held_back"] + told["refused"] > 0
    assert f"{told['received']:,}" in served.client.get("/sources/ledger").text


def test_settings_show_the_declarations_and_refuse_what_does_not_fit(served):
    page = served.client.get("/settings").text
    reply = served.post("/settings", toml='custommer = "person"\nfiscal_year_start = 14')

    assert "Proof &amp; Crumb" in page
    assert reply.status_code == 422
    assert "fiscal_year_start" in reply.text
