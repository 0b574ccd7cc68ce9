"""The State of the Customer: chapters made of findings, and a document that stands alone."""

import re
from html.parser import HTMLParser

import msgspec
import pytest

from regard.questions import find
from regard.report import chapters as chapters_module
from regard.report import document
from regard.report.chapters import PLANS, Plan, figure_of, finding_of
from regard.report.state import State
from regard.signals.ask import answer
from regard.signals.declarations import Declarations
from regard.signals.scope import Given
from regard.simulation import declarations, sample

PERIOD = Given(since="2026-08-15", until="2026-11-14")


def ask(view, given=PERIOD):
    return answer(find("report/state"), view=view, given=given)


@pytest.fixture(scope="module")
def tables():
    return sample()


@pytest.fixture
def told(view_of, tables):
    return ask(view_of(tables, declarations=declarations()))


def test_each_chapter_is_the_finding_of_its_question_with_the_same_scope(view_of, tables):
    view = view_of(tables, declarations=declarations())
    told = ask(view, Given(since="2026-08-15", until="2026-11-14", where=("region=Iberia", "region=Alps")))

    for chapter in told.chapters:
        own = answer(
            find(chapter.question),
            view=view,
            given=Given(since="2026-08-15", until="2026-11-14", where=("region=Iberia", "region=Alps")),
        )
        assert chapter.answer == own.answer
        assert chapter.finding["evidence"]["scope"] == own.evidence.scope
        assert chapter.door.startswith(f"/{chapter.question}?since=2026-08-15")
        assert "where=region%3DIberia&where=region%3DAlps" in chapter.door
        assert "--where region=Iberia --where region=Alps" in chapter.command


def test_chapters_stand_in_the_order_of_the_talk(told):
    assert [c.name for c in told.chapters] == [
        "base",
        "leave",
        "worth",
        "ahead",
        "feel",
        "hurts",
        "drives",
        "help",
        "disrupted",
        "heard",
        "promises",
        "progress",
        "proof",
        "priorities",
    ]
    assert [c.number for c in told.chapters] == list(range(1, len(told.chapters) + 1))
    assert all(len(c.facts) <= 3 for c in told.chapters)
    assert "Proof & Crumb" in told.answer


def test_an_empty_log_tells_for_every_chapter_what_to_do(view_of):
    told = ask(view_of())

    assert told.refused
    assert all(c.refused for c in told.chapters)
    assert all(c.next_step for c in told.chapters)
    assert not any(c.finding.get("score") for c in told.chapters)


def test_what_is_missing_is_said_and_the_rest_is_told(view_of, tables):
    told = ask(view_of({k: t for k, t in tables.items() if k != "contact"}, declarations=declarations()))

    missing = {c.name for c in told.chapters if c.refused}
    assert "help" in missing
    assert "base" not in missing
    assert "cannot be told yet" in told.answer


def test_a_question_that_does_not_stand_here_is_left_out(view_of, tables, monkeypatch):
    gone = Plan(name="nowhere", heading="Nowhere", path="reliability/nowhere", door="All")
    monkeypatch.setattr(chapters_module, "PLANS", (gone, *(p for p in PLANS if p.name == "feel")))

    told = ask(view_of(tables, declarations=declarations()))

    assert [(c.number, c.name) for c in told.chapters] == [(1, "feel")]


def test_a_filter_one_question_does_not_know_silences_that_chapter_only(view_of, tables):
    told = ask(
        view_of(tables, declarations=declarations()),
        Given(since="2026-08-15", until="2026-11-14", where=("survey=How is it rising",)),
    )

    assert next(c for c in told.chapters if c.name == "feel").refused == ""
    assert any(c.refused for c in told.chapters)


def test_findings_and_figures_come_back_from_the_json_of_a_chapter(told):
    again = msgspec.json.decode(document.json(told), type=State)

    assert again == told
    feel = next(c for c in again.chapters if c.name == "feel")
    assert finding_of(feel).score == feel.finding["score"]
    assert figure_of(feel).svg == figure_of(next(c for c in told.chapters if c.name == "feel")).svg


class Seen(HTMLParser):
    def __init__(self):
        super().__init__()
        self.attributes, self.open, self.ids, self.targets = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.attributes += attrs
        self.ids += [v for k, v in attrs if k == "id"]
        self.targets += [v[1:] for k, v in attrs if k == "href" and v.startswith("#")]
        if tag not in {"meta", "rect", "line", "path", "circle", "polyline", "polygon", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open.pop() == tag


def test_the_document_stands_alone_and_its_links_lead_somewhere(told):
    page = document.html(told)

    seen = Seen()
    seen.feed(page)
    loads = [
        v for k, v in seen.attributes if k in {"src", "href", "action", "srcset"} and not (v or "").startswith("#")
    ]
    assert loads == []
    assert not re.search(r"<script|@import|url\(", page)
    assert seen.open == []
    assert set(seen.targets) <= set(seen.ids)
    assert len(seen.ids) == len(set(seen.ids))
    assert page.count("<svg") >= 6
    assert "regard listening scores --since 2026-08-15" in page


def test_the_same_json_gives_the_same_document_to_the_letter(told):
    again = msgspec.json.decode(document.json(told), type=State)

    assert document.html(again) == document.html(told)


def test_words_of_customers_cannot_become_markup(view_of, tables):
    named = msgspec.structs.replace(declarations(), name="<script>alert(1)</script> & Sons")

    page = document.html(ask(view_of(tables, declarations=named)))

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Sons" in page


def test_an_empty_company_has_a_document_too(view_of):
    page = document.html(ask(view_of(declarations=Declarations())))

    assert page.count("<svg") == 0
    assert "regard import" in page
