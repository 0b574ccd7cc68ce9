"""Alerts on the page: short stories, answers as buttons that work without script, who is told, and what became of it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from raising import Says, raised

from listening import receiver
from regard.delivery import outbox, webhooks
from regard.delivery.receivers import add_receiver
from regard.reliability.answering import answer_alert
from regard.reliability.rounds import look
from regard.signals.ask import View
from regard.signals.kinds import KINDS
from regard.signals.workspace import Workspace
from regard.web.pulse import Pulse, Watched, pulse, watched
from regard.web.watcher import has_to_look, has_to_watch

NOW = datetime.now(UTC)
HERE = "/reliability/alerts"


def view():
    return View(connection=None, _counts={kind.name: 0 for kind in KINDS})


@pytest.fixture(scope="module")
def troubled(tmp_path_factory):
    """A workspace with three open alerts, one of them quiet, one that is over, and markup where words should be."""
    where = tmp_path_factory.mktemp("alerts") / "workspace"
    said = [
        raised(since=NOW - timedelta(hours=2), also=("Release 8.2 began at 13:55.",)),
        raised("odd:orders:c9", 1, kind="odd", words="<b>Padaria</b> São Jorge", what="placed three identical orders"),
        raised(
            "indicator:search", 1200, kind="indicator", words="1,200 customers", what="wait for search", customers=()
        ),
    ]
    gone = raised("disruption:login", 88, words="88 customers in Chile", what="could not sign in")
    with Workspace.open(where) as company:
        add_receiver(company, name="ops", address="ops@example.com")
        detector = Says(*said, gone)
        look(company, view=view(), now=NOW - timedelta(minutes=5), detectors_=[detector.detector])
        answer_alert(company, alert=3, answer="known", why="ticket 812", by="mira")
        detector.said = said
        look(company, view=view(), now=NOW, detectors_=[detector.detector])
    return where


@pytest.fixture(scope="module")
def still(troubled, serve):
    with serve(troubled) as served:
        yield served


@pytest.fixture(scope="module")
def acting(troubled, tmp_path_factory, serve):
    """The same, served once for those who act; each leaves what it found to the others."""
    where = tmp_path_factory.mktemp("acting") / "workspace"
    shutil.copytree(troubled, where, ignore=shutil.ignore_patterns("pages"))
    with serve(where) as served:
        yield served


def words(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


def test_alerts_read_as_short_stories_with_those_to_act_on_first(still):
    page = still.client.get(HERE)
    said = words(page)

    assert (
        "2 alerts to act on; the largest concerns 312 customers. 1 alert is quiet because of what was answered." in said
    )
    order = ["312 customers on the Team plan in Brazil cannot pay", "São Jorge placed three identical orders",
             "Quiet, because of what was answered", "1,200 customers wait for search", "Over", "88 customers in Chile"]  # fmt: skip
    places = [said.index(each) for each in order]
    assert places == sorted(places)
    for each in (
        "Release 8.2 began at 13:55.",
        "at stake € 41,000 a year",
        "Ask the payment team",
        "once in 40 months",
    ):
        assert each in said
    assert "Known (ticket 812); told again at 2,400 or more." in said
    assert "<b>Padaria" not in page.text


def test_the_rail_counts_only_what_somebody_must_act_on(still, fresh):
    assert re.search(
        r'<span>Reliability</span><span class="n">2<span class="unseen"> alerts to act on',
        still.client.get("/reliability").text,
    )
    assert pulse(still.workspace).alerts == 2
    assert "to act on</span>" not in fresh.client.get(HERE).text


def test_without_any_alert_the_page_says_so(fresh):
    said = words(fresh.client.get(HERE))

    assert "Nobody has looked yet." in said or "Nothing we can see is off course." in said
    assert "Look now" in said


def test_the_twins_hold_what_the_command_prints(still):
    told = still.client.get(f"{HERE}.json").json()
    sheet = still.client.get(f"{HERE}.csv")
    printed = subprocess.run(
        [sys.executable, "-m", "regard.cli", "alerts", "--csv", "-w", still.workspace],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert [len(told[k]) for k in ("open", "quiet", "ended")] == [2, 1, 1]
    assert sheet.text.splitlines() == printed.stdout.splitlines()
    assert sheet.text.count("\r\n") == 5
    assert still.client.get(f"{HERE}/1.json").json()["title"] == told["open"][0]["title"]


def test_one_alert_lists_the_customers_and_a_draft_for_them(still):
    page = still.client.get(f"{HERE}/1")

    assert 'href="/customers/customer?id=c1"' in page.text
    assert "and 309 more" in words(page)
    assert "You do not have to do anything, or to report it." in words(page)
    assert still.client.get(f"{HERE}/77").status_code == 404


def test_an_answer_is_kept_told_and_taken_back_without_script(acting):
    served = acting
    wrong = served.post(f"{HERE}/1", answer="expected", until="2020-01-01")
    assert wrong.status_code == 400
    assert "Nothing was changed" in words(wrong)

    sent = served.post(f"{HERE}/1", answer="expected", why="load test", until="2999-12-31", factor="2")
    assert sent.headers["location"] == f"{HERE}?said=answered"
    story = served.client.get(f"{HERE}/1.json").json()
    assert story["quiet"].startswith("Expected (load test): quiet ")
    (given,) = story["answers"]
    assert (given["answer"], given["by"]) == ("expected", "page")
    assert pulse(served.workspace).alerts == 1

    served.post(f"{HERE}/undo", answer=str(given["id"]), alert="1")
    again = served.client.get(f"{HERE}/1.json").json()
    assert (again["quiet"], [e["what"] for e in again["history"]]) == ("", ["opened", "answered", "undone"])


def test_somebody_is_told_tried_stopped_and_sent_again_from_the_page(acting, tmp_path):
    served, secret = acting, webhooks.new_secret()
    (tmp_path / "hook").write_text(secret)
    with receiver() as there:
        given = {"name": "here", "address": there.url, "secret": f"file:{tmp_path / 'hook'}"}
        refused = served.post(f"{HERE}/receivers", do="add", **given)
        assert refused.status_code == 400
        assert "does not travel in the clear" in words(refused)
        assert served.post(f"{HERE}/receivers", do="add", private="yes", **given).status_code == 303
        tried = served.post(f"{HERE}/receivers", do="try", name="here")
        assert "here: answered 200 OK." in words(tried)
        assert webhooks.verify(secret, *there.requests[0][1:])

    served.post(f"{HERE}/receivers", do="stop", name="ops")
    told = served.client.get(f"{HERE}/receivers.json").json()
    assert {r["name"]: r["on"] for r in told["receivers"]} == {"here": True, "ops": False}
    waits = served.post(f"{HERE}/receivers", do="again", message=told["messages"][0]["id"])
    assert "waits to be sent already" in words(waits)


@pytest.mark.browser
def test_the_pages_pass_axe_wide_and_narrow_in_any_light(still, opened):
    from importlib.resources import files

    pytest.importorskip("axe_playwright_python")
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
    for width, scheme in ((1280, "light"), (320, "dark")):
        page, diary = opened(still, width=width, scheme=scheme)
        for path in (HERE, f"{HERE}/1", f"{HERE}/receivers"):
            page.goto(still.base + path)
            assert page.evaluate("document.documentElement.scrollWidth") == width
            page.evaluate(axe)
            found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in found["violations"]] == []
        assert diary.console == []


@pytest.mark.browser
def test_an_alert_is_answered_by_keyboard_alone(acting, opened):
    page, _ = opened(acting)
    page.goto(f"{acting.base}{HERE}/2")
    page.get_by_role("button", name="known").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**said=answered")

    assert page.get_by_role("status").first.inner_text().startswith("Kept.")
    page.get_by_role("button", name=re.compile("Take it back")).press("Space")
    page.wait_for_url("**said=undone")


# ---------------------------------------------------------------------- watching as a process


def test_detectors_look_when_something_was_settled_and_once_an_hour():
    log = Pulse(generation=3, position=100)

    def seen(minutes, position=100, due=None):
        return Watched(position=position, at=NOW - timedelta(minutes=minutes), due=due)

    assert has_to_look(log, Watched(), NOW)
    assert not has_to_look(Pulse(), Watched(), NOW), "nothing was ever settled"
    assert has_to_look(log, seen(2, position=90), NOW)
    assert not has_to_look(log, seen(0.5, position=90), NOW), "no closer than a minute"
    slow = Watched(position=90, at=NOW - timedelta(minutes=2), seconds=30.0)
    assert not has_to_look(log, slow, NOW), "a round of half a minute comes every ten minutes"
    assert not has_to_look(log, seen(50), NOW)
    assert has_to_look(log, seen(60), NOW)
    assert has_to_watch(log, seen(1, due=NOW), NOW)
    assert not has_to_watch(log, seen(1, due=NOW + timedelta(minutes=1)), NOW)


def test_the_watching_process_sends_what_is_due_and_ends(tmp_path):
    secret = webhooks.new_secret()
    (tmp_path / "hook").write_text(secret)
    with receiver() as there:
        with Workspace.open(tmp_path / "ws") as company:
            add_receiver(company, name="here", address=there.url, secret=f"file:{tmp_path / 'hook'}", private=True)
            look(company, view=view(), detectors_=[Says(raised()).detector])
        assert watched(tmp_path / "ws").due is not None
        done = subprocess.run([sys.executable, "-m", "regard.web.watcher", tmp_path / "ws"], timeout=60, check=False)

    assert done.returncode == 0
    assert len(there.requests) == 1
    with Workspace.open(tmp_path / "ws") as company, company.state.reading() as connection:
        assert [m.state for m in outbox.listed(connection)] == ["delivered"]
    assert watched(tmp_path / "ws").due is None
