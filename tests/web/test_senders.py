"""The first hour of an engineer: a source is made on the page, its lines copied, its first event seen; keys exchanged."""

from __future__ import annotations

import html
import json
import re
import time

import httpx
import pytest

from regard.signals.workspace import Workspace

MIXED = [
    {"kind": "event", "person": "user-2", "name": "Opened", "message_id": "m1"},
    {"kind": "event", "person": "user-2", "name": "Opened", "message_id": "m1"},
    {"kind": "event", "person": "user-2", "name": "Shut", "message_id": "m1"},
    {"kind": "event", "name": "Nobody did it"},
    {"kind": "event", "person": "user-3", "name": "Later", "occurred_at": "2099-01-01T00:00:00Z"},
]


def made(served, name="shop", what="server"):
    """Make a source; its page with the key, and the key."""
    sent = served.post("/sources/senders", name=name, what=what)
    assert sent.status_code == 303, sent.text
    page = served.client.get(sent.headers["location"])
    return page, re.search(r'id="key">(rk_[^<]+)<', page.text)[1], sent.headers["location"]


def send(served, key, *items):
    """Send items, waiting for the intake to be ready."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    for _ in range(200):
        reply = httpx.post(f"{served.intake}/v1/signals", headers=headers, content=json.dumps(items), timeout=30)
        if reply.status_code != 503:
            return reply
        time.sleep(0.1)
    raise AssertionError("the intake was never ready")


def told(served, source="shop"):
    return served.client.get("/sources/sender.json", params={"source": source}).json()


def words(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


@pytest.fixture(scope="module")
def taking(tmp_path_factory, serve):
    """A served workspace that takes signals in, for all who use a source of their own."""
    with serve(tmp_path_factory.mktemp("taking") / "workspace", intake="127.0.0.1:0") as served:
        yield served


def test_a_key_is_shown_once_with_lines_that_hold_it_and_the_address(taking):
    page, key, location = made(taking, "once", "app")

    assert f"posthog.init(&#34;{key}&#34;, {{ api_host: &#34;{taking.intake}&#34; }})" in page.text
    assert "Waiting for the first event" in page.text
    again = taking.client.get(location)
    assert key not in again.text
    assert key[-4:] in again.text
    assert "YOUR_WRITE_KEY" in again.text


def test_a_key_just_made_is_shown_to_nobody_else(taking):
    sent = taking.post("/sources/senders", name="private", what="")
    with taking.stranger() as stranger:
        assert "rk_" not in stranger.get(sent.headers["location"]).text


def test_the_first_event_is_told_before_it_is_sealed_and_the_four_outcomes_add_up(taking):
    _, key, _ = made(taking, "mixed")
    assert send(taking, key, *MIXED).status_code == 200
    found = told(taking, "mixed")

    assert (found["received"], found["stored"], found["duplicate"], found["held_back"], found["refused"]) == (
        5,
        1,
        1,
        2,
        1,
    )
    assert sorted((i["outcome"], i["name"], i["who"]) for i in found["items"]) == [
        ("duplicate", "Opened", ""), ("held_back", "Later", ""), ("held_back", "Shut", ""), ("refused", "Nobody did it", ""),
        ("stored", "Opened", "user-2"),
    ]  # fmt: skip
    refused = next(i for i in found["items"] if i["outcome"] == "refused")
    assert "distinct_id" in refused["change"]
    page = words(taking.client.get("/sources/sender?source=mixed"))
    assert "It has no id of anybody" in page
    assert "mixed" in words(taking.client.get("/sources"))
    until = time.monotonic() + 40
    while taking.client.get("/sources/ledger.json").json().get("stored", 0) < 1 and time.monotonic() < until:
        time.sleep(0.2)
    with Workspace.open(taking.workspace) as company:
        company.inbox.seal()
    after = told(taking, "mixed")
    assert {(i["outcome"], i["name"]) for i in after["items"]} == {(i["outcome"], i["name"]) for i in found["items"]}
    assert after["received"] == 5


def test_the_part_that_is_watched_says_nothing_until_something_came(taking):
    page, key, _ = made(taking, "watched")
    seen = re.search(r'data-seen="([^"]+)"', page.text)[1]
    where = html.unescape(re.search(r'data-watch="([^"]+)"', page.text)[1])

    until = time.monotonic() + 30
    while (quiet := taking.client.get(f"{where}&seen={seen}")).status_code != 202:  # others' signals are being settled
        assert time.monotonic() < until
        seen = quiet.headers["x-regard-seen"]
    send(taking, key, MIXED[0])
    reply = taking.client.get(f"{where}&seen={seen}")

    assert reply.status_code == 200
    assert "The first one is here" in reply.text
    assert reply.headers["x-regard-seen"] != seen


def test_keys_are_exchanged_without_losing_anything(taking):
    _, old, _ = made(taking, "turning")
    page = taking.client.get(taking.post("/sources/keys", source="turning").headers["location"])
    new = re.search(r'id="key">(rk_[^<]+)<', page.text)[1]
    assert send(taking, old, {**MIXED[0], "message_id": "a"}).status_code == 200
    assert send(taking, new, {**MIXED[0], "message_id": "b"}).status_code == 200

    first = told(taking, "turning")["keys"][0]["id"]
    assert taking.post(f"/sources/keys/{first}", do="revoke").status_code == 303
    time.sleep(1.3)
    assert send(taking, old, {**MIXED[0], "message_id": "c"}).status_code == 401
    assert send(taking, new, {**MIXED[0], "message_id": "c"}).status_code == 200
    taking.post(f"/sources/keys/{first}", do="restore")
    time.sleep(1.3)
    assert send(taking, old, {**MIXED[0], "message_id": "d"}).status_code == 200
    assert told(taking, "turning")["stored"] == 4


def test_what_cannot_be_is_said_and_nothing_is_made(taking):
    made(taking, "taken")
    twice = taking.post("/sources/senders", name="taken", what="app")
    assert twice.status_code == 422
    assert "There is a source named" in twice.text
    assert 'value="taken"' in twice.text
    assert taking.post("/sources/senders", name=" ", what="").status_code == 422
    assert taking.post("/sources/senders", name="x", what="toaster").status_code == 422
    assert taking.client.get("/sources/sender?source=nobody").status_code == 404
    assert taking.client.get("/sources/sender").status_code == 404
    assert taking.post("/sources/keys/4711", do="revoke").status_code == 404
    assert taking.post("/sources/keys", source="nobody").status_code == 404


def test_a_name_with_markup_in_it_is_only_text(taking):
    page, _, _ = made(taking, "<b>&?#/x", "website")
    assert "<b>&?#/x" not in page.text
    assert "&lt;b&gt;" in page.text
    assert "&lt;b&gt;" in taking.client.get("/sources").text


@pytest.mark.browser
def test_an_engineer_makes_a_source_by_keyboard_and_sees_the_first_event_within_seconds(taking, opened):
    page, diary = opened(taking)
    page.goto(f"{taking.base}/sources")
    page.get_by_label("Name").focus()
    page.keyboard.type("by-keys")
    page.keyboard.press("Enter")
    key = page.locator("#key").inner_text()
    page.locator(".tabs input:checked").focus()
    before = page.locator(".lines pre:visible").inner_text()
    page.keyboard.press("ArrowRight")
    after = page.locator(".lines pre:visible").inner_text()
    assert page.locator(".lines pre:visible").count() == 1
    assert before != after
    assert key in after

    send(taking, key, MIXED[0])
    sent = time.monotonic()
    page.locator("#arrivals").get_by_text("The first one is here").wait_for(timeout=10_000)
    assert time.monotonic() - sent < 8
    assert "user-2" in page.locator("#arrivals .say").inner_text()
    page.locator("#said").get_by_text("Opened").wait_for(timeout=5_000, state="attached")
    assert diary.console == []


@pytest.mark.browser
def test_without_a_script_the_page_waits_too(taking, opened):
    page, _ = opened(taking, java_script_enabled=False)
    page.goto(f"{taking.base}/sources")
    page.get_by_label("Name").fill("plain")
    page.get_by_role("button", name="Make a source").click()
    key = page.locator("#key").inner_text()
    send(taking, key, MIXED[0])
    page.get_by_text("The first one is here").wait_for(timeout=20_000)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_a_source_pass_axe_at_any_width_in_any_light(taking, opened, scheme):
    package = pytest.importorskip("axe_playwright_python", reason="axe-core comes with axe-playwright-python")
    from importlib.resources import files

    axe = files(package.__name__).joinpath("axe.min.js").read_text("utf-8")
    made(taking, f"waiting-{scheme}")
    _, key, _ = made(taking, f"full-{scheme}")
    send(taking, key, *MIXED)
    page, diary = opened(taking, scheme=scheme)
    for path in ("/sources", f"/sources/sender?source=waiting-{scheme}", f"/sources/sender?source=full-{scheme}"):
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(taking.base + path)
        page.wait_for_timeout(150)
        page.evaluate(axe)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        assert [(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in found] == []
        for width in (390, 320):
            page.set_viewport_size({"width": width, "height": 640})
            assert page.evaluate("document.documentElement.scrollWidth") == width
    assert diary.console == []
    assert diary.foreign == []


def test_requests_turned_away_are_told_where_people_look_with_what_to_do(taking):
    """On the page of a source that waits for its first event, on Sources and in the ledger; in none of its counts."""
    made(taking, "waiting")
    assert send(taking, "rk_mistyped", *MIXED[:1]).status_code == 401
    until = time.monotonic() + 20
    while "rk_mis" not in [row["key"] for row in told(taking, "waiting")["turned_away"]] and time.monotonic() < until:
        time.sleep(0.2)

    own = words(taking.client.get("/sources/sender?source=waiting"))
    assert "turned away today, from 127.0.0.1: a write key that opens nothing ( rk_mis… )" in own
    assert "Is that this source? Give it one of its keys" in own
    for page in ("/sources", "/sources/ledger"):
        assert "A write key that opens nothing" in words(taking.client.get(page))
    ledger = taking.client.get("/sources/ledger.json").json()
    assert ledger["received"] == sum(ledger[n] for n in ("stored", "duplicate", "held_back", "refused"))
    assert ledger["turned_away"]["requests"] >= 1
    assert told(taking, "waiting")["received"] == 0
