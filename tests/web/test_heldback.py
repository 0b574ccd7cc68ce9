"""What was held back, on the page: listed by reason, repaired field by field, replayed, discarded and taken back."""

from __future__ import annotations

import json
import re
import shutil
import time

import pyarrow as pa
import pytest

from regard.settings import Settings
from regard.signals.workspace import Workspace
from regard.store.heldback import Held

LATE = "It happened more than 24 hours after it was received: a clock is wrong."


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A workspace that holds back: seven rows in conflict, three items from the future, one with markup in it."""
    where = tmp_path_factory.mktemp("held") / "workspace"
    with Workspace.open(where, given=Settings(buckets=1)) as company:
        _rows(company, [{"message_id": f"m{i}", "person": f"p{i}", "name": "created"} for i in range(9)])
        _rows(company, [{"message_id": f"m{i}", "person": f"p{i}", "name": "shared"} for i in range(7)])
        late = [_late(f"s{i}", f"u{i}") for i in range(3)]
        odd = Held(
            source="app", format="native", code="odd", reason="<b>Odd</b>", item='{"kind":"<i>x"}', at="2026-01-01"
        )
        _rows(company, [], source="app", held=[*late, odd])
        for _ in company.settle():
            pass
    return where


def _late(message, user):
    item = {
        "type": "track",
        "event": "Opened",
        "userId": user,
        "messageId": message,
        "timestamp": "2099-01-01T00:00:00Z",
    }
    return Held(source="app", format="segment", code="future", reason=LATE, item=json.dumps(item), at="2026-11-01")


def _rows(company, rows, *, source="shop", held=()):
    batch = company.inbox.begin(source=source)
    names = dict.fromkeys(n for row in rows for n in row)
    batch.append("event", pa.table({n: pa.array([r[n] for r in rows], pa.string()) for n in names}), held=held)
    batch.finish()


@pytest.fixture
def holding(own, filled):
    return own(filled)


@pytest.fixture(scope="module")
def still(filled, tmp_path_factory, serve):
    """The same, served once for those who only look."""
    where = tmp_path_factory.mktemp("still") / "workspace"
    shutil.copytree(filled, where, ignore=shutil.ignore_patterns("pages"))
    with serve(where) as served:
        yield served


def _ledger(served):
    told = served.client.get("/sources/ledger.json").json()
    assert told["received"] == told["stored"] + told["duplicate"] + told["held_back"] + told["refused"]
    return told


def _ids(served, source):
    groups = served.client.get("/sources/held.json").json()["groups"]
    return [i["id"] for g in groups if g["source"] == source for i in g["shown"]]


def _words(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


def test_groups_say_why_how_many_and_what_to_do(still):
    page = still.client.get("/sources/held")
    told = still.client.get("/sources/held.json").json()

    assert "11 items wait for a decision" in _words(page)
    assert [(g["source"], g["code"], g["items"]) for g in told["groups"]] == [
        ("shop", "id_conflict", 7), ("app", "future", 3), ("app", "odd", 1),
    ]  # fmt: skip
    assert all(g["advice"] for g in told["groups"])
    assert "<b>Odd</b>" not in page.text
    assert "&lt;b&gt;Odd" in page.text
    assert len(still.client.get("/sources/held?source=shop&code=id_conflict").text.split('name="item"')) == 8


def test_the_number_waiting_is_on_the_sources_item_and_nowhere_without_any(still, fresh):
    count = re.compile(r"<span>Sources</span><span class=\"n\">11<span class=\"unseen\"> held back")
    assert count.search(still.client.get("/sources").text)
    assert "waiting for a decision" not in fresh.client.get("/sources").text
    assert "Nothing is held back" in fresh.client.get("/sources/held").text


def test_a_conflict_is_shown_beside_what_is_stored(still):
    page = still.client.get(f"/sources/held/{_ids(still, 'shop')[0]}").text

    assert 'aria-invalid="true"' in page
    assert "created" in page
    assert "differs" in page


def test_a_field_is_repaired_and_the_item_replayed_into_the_answers(holding):
    first = _ids(holding, "app")[0]
    wrong = holding.post(f"/sources/held/{first}", do="replay", **{"set.timestamp": "soon"})
    assert wrong.status_code == 422
    assert "soon" in wrong.text
    assert "Nothing was changed" in wrong.text

    sent = holding.post(f"/sources/held/{first}", do="replay", **{"set.timestamp": "2026-10-31T10:00:00Z"})
    assert sent.headers["location"] == "/sources/held?stored=1"
    assert "1 stored" in _words(holding.client.get(sent.headers["location"]))
    assert (_ledger(holding)["stored"], _ledger(holding)["held_back"]) == (10, 10)
    until = time.monotonic() + 30
    while "settled: stored" not in holding.client.get(f"/sources/held/{first}").text:
        assert time.monotonic() < until


def test_a_conflict_replayed_as_it_is_says_that_it_stays(holding):
    first = _ids(holding, "shop")[0]
    sent = holding.post(f"/sources/held/{first}", do="replay")

    assert sent.headers["location"] == f"/sources/held/{first}?still=yes"
    assert "still held back" in holding.client.get(sent.headers["location"]).text


def test_ticked_items_are_discarded_and_taken_back_by_one_button(holding):
    ids = _ids(holding, "shop")[:2]
    sent = holding.client.post(
        "/sources/held", content=f"token={holding.token()}&do=discard&source=shop&code=id_conflict&item={ids[0]}&item={ids[1]}",
        headers={"origin": holding.base, "content-type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    page = holding.client.get(sent.headers["location"]).text
    assert (_ledger(holding)["held_back"], _ledger(holding)["refused"]) == (9, 2)

    entry = re.search(r'name="entry" value="(\d+)"', page)[1]
    holding.post("/sources/held/restore", entry=entry)
    assert (_ledger(holding)["held_back"], _ledger(holding)["refused"]) == (11, 0)
    assert holding.post("/sources/held/restore", entry="4711").status_code == 404


def test_a_whole_group_is_stored_as_signals_of_its_own(holding):
    sent = holding.post("/sources/held", do="anew", source="shop", code="id_conflict", all="yes")
    done = holding.wait(sent.headers["location"])

    assert "7 stored" in _words(done)
    assert (_ledger(holding)["stored"], _ledger(holding)["held_back"]) == (16, 4)


def test_items_are_corrected_together_after_their_number_was_shown(holding):
    chosen = {"source": "app", "code": "future", "all": "yes", "field": "timestamp", "value": "2026-10-31T10:00:00Z"}
    shown = holding.post("/sources/held", do="correct", **chosen)
    assert shown.status_code == 200
    assert "Sets timestamp to 2026-10-31T10:00:00Z in 3 items of app" in _words(shown)
    assert _ledger(holding)["held_back"] == 11

    last = re.search(r'name="last" value="(\d+)"', shown.text)[1]
    sent = holding.post("/sources/held", do="correct_replay", last=last, **chosen)
    assert "3 stored" in _words(holding.wait(sent.headers["location"]))
    assert (_ledger(holding)["stored"], _ledger(holding)["held_back"]) == (12, 8)


def test_ticked_items_corrected_only_are_taken_back_by_one_button(holding):
    first = _ids(holding, "app")[0]
    chosen = {"source": "app", "code": "future", "item": first, "field": "timestamp", "value": "2026-10-31T10:00:00Z"}
    sent = holding.post("/sources/held", do="correct_only", **chosen)
    page = holding.client.get(sent.headers["location"])
    assert "1 item corrected" in _words(page)
    assert "repaired" in _words(page)

    back = holding.post("/sources/held/uncorrect", entry=re.search(r'name="entry" value="(\d+)"', page.text)[1])
    assert "1 item as sent again" in _words(holding.client.get(back.headers["location"]))
    assert holding.post("/sources/held", do="correct", **{**chosen, "field": ""}).status_code == 400
    assert holding.post("/sources/held/uncorrect", entry="4711").status_code == 404


def test_nothing_ticked_changes_nothing_and_says_so(holding):
    sent = holding.post("/sources/held", do="discard", source="shop", code="id_conflict")
    assert "Tick the items first" in holding.client.get(sent.headers["location"]).text
    assert _ledger(holding)["held_back"] == 11


def test_the_whole_item_can_be_written_anew_and_taken_back(holding):
    last = _ids(holding, "app")[-1]
    assert holding.post(f"/sources/held/{last}", do="text", text="{").status_code == 422
    assert holding.post(f"/sources/held/{last}", do="text", text="").status_code == 422
    good = '{"kind": "event", "name": "x", "person": "p"}'
    assert holding.post(f"/sources/held/{last}", do="text", text=good).headers["location"].endswith("saved=yes")
    assert "As it was sent" in holding.client.get(f"/sources/held/{last}").text
    assert holding.post(f"/sources/held/{last}", do="as_sent").status_code == 303
    assert "As it was sent" not in holding.client.get(f"/sources/held/{last}").text


@pytest.mark.parametrize(
    "path", ["/sources/held/4711", "/sources/held/0", "/sources/held?after=x", "/sources/held?source=no"]
)
def test_odd_addresses_get_a_page_and_never_a_crash(still, path):
    reply = still.client.get(path)
    assert reply.status_code in {200, 404}
    assert "<h1>" in reply.text


@pytest.mark.browser
def test_an_item_is_repaired_with_the_keyboard_alone_and_enter_never_discards(holding, opened):
    page, diary = opened(holding)
    first = _ids(holding, "shop")[0]
    page.goto(f"{holding.base}/sources/held/{first}")
    page.locator('[name="set.message_id"]').focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("m-repaired")
    page.keyboard.press("Enter")
    page.wait_for_url("**saved=yes")
    assert _ledger(holding)["refused"] == 0
    page.get_by_role("button", name="Save and replay").press("Enter")
    page.wait_for_url("**stored=1")
    assert diary.console == []
    assert _ledger(holding)["stored"] == 10


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_pass_axe_at_any_width_in_any_light(still, opened, scheme):
    package = pytest.importorskip("axe_playwright_python", reason="axe-core comes with axe-playwright-python")
    from importlib.resources import files

    axe = files(package.__name__).joinpath("axe.min.js").read_text("utf-8")
    page, diary = opened(still, scheme=scheme)
    for path in ("/sources/held", f"/sources/held/{_ids(still, 'shop')[0]}", f"/sources/held/{_ids(still, 'app')[0]}"):
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(still.base + path)
        page.evaluate(axe)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        assert [(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in found] == []
        page.set_viewport_size({"width": 320, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert diary.console == []
    assert diary.foreign == []
