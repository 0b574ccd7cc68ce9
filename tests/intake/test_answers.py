"""What senders are told, as they see it: outcomes, statuses, packing, keys, browsers."""

from __future__ import annotations

import base64
import gzip
import json
import time
import zlib
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from click.testing import CliRunner

from regard.cli import regard
from regard.errors import UnknownName
from regard.signals.workspace import Workspace


def call(**more):
    return {"type": "track", "messageId": uuid4().hex, "userId": "u1", "event": "Opened", **more}


def test_every_item_of_a_batch_has_its_own_outcome(served):
    known, other = call(), call()
    served.post("/v1/batch", {"batch": [known, other]})

    items = [call(), known, {**other, "event": "Else"}, call(userId=""), call(timestamp="2199-01-01T00:00:00Z")]
    reply = served.post("/v1/batch", {"batch": items})

    assert reply.status_code == 200
    told = reply.json()
    assert [i["outcome"] for i in told["items"]] == ["stored", "duplicate", "held_back", "refused", "held_back"]
    assert [i.get("code") for i in told["items"]] == [None, None, "id_conflict", "id_missing", "future"]
    assert {k: told[k] for k in ("received", "stored", "duplicate", "held_back", "refused")} == {
        "received": 5, "stored": 1, "duplicate": 1, "held_back": 2, "refused": 1,
    }  # fmt: skip


def test_the_same_message_twice_in_one_batch_is_stored_once(served):
    item = call()

    told = served.post("/v1/batch", {"batch": [item, item]}).json()

    assert [i["outcome"] for i in told["items"]] == ["stored", "duplicate"]


def test_a_request_in_which_nothing_can_be_used_is_a_400_that_says_why(served):
    reply = served.post("/v1/track", {"event": "Opened"})

    assert reply.status_code == 400
    assert reply.json()["items"][0]["reason"] == "It has no id of anybody."


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b"{", "not_json"),
        (b"[1]", "wrong_type"),
        (b'{"batch":{}}', "wrong_type"),
        (b"\x80", "wrong_type"),
    ],
)
def test_what_cannot_be_read_at_all_is_told_and_counted(served, body, code):
    before = served.ledger("app").get("refused", 0)

    reply = served.post("/v1/batch", body)

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, code)
    assert reply.json()["error"]["hint"]
    assert served.ledger("app")["refused"] == before + 1


@pytest.mark.parametrize("path", ["/v1/track", "/v1/t", "/v1/track/", "/v1/identify", "/v1/page", "/v1/screen"])
def test_each_address_of_segment_is_known(served, path):
    assert served.post(path, {"userId": "u", "event": "e"}).json()["stored"] >= 1


def test_the_key_may_come_by_basic_auth_bearer_or_body(served):
    basic = base64.b64encode(f"{served.key}:".encode()).decode()
    for header in (f"Basic {basic}", f"Bearer {served.key}"):
        assert served.post("/v1/track", call(), headers={"authorization": header}).status_code == 200
    plain = {"content-type": "text/plain"}
    assert (
        httpx.post(f"{served.address}/v1/t", content=json.dumps(call(writeKey=served.key)), headers=plain).status_code
        == 200
    )
    body = {"api_key": served.key, "event": "e", "distinct_id": "u"}
    assert httpx.post(f"{served.address}/capture/", json=body).json()["status"] == 1


def test_a_key_nobody_knows_and_no_key_are_401(served):
    assert served.post("/v1/track", call(), key="rk_nobody").json()["error"]["code"] == "key_unknown"
    reply = httpx.post(f"{served.address}/v1/track", json=call())
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "key_missing")
    assert (
        httpx.post(f"{served.address}/e/", json={"api_key": "no", "event": "e", "distinct_id": "u"}).status_code == 401
    )


def test_a_revoked_key_opens_nothing_and_a_new_one_does(served):
    key = served.add("shop")
    assert served.post("/v1/track", call(), key=key).status_code == 200

    with Workspace.open(served.root) as workspace:
        workspace.revoke_key("shop")
        again = workspace.add_source("shop")
    time.sleep(1.1)

    assert served.post("/v1/track", call(), key=key).status_code == 401
    assert served.post("/v1/track", call(), key=again).status_code == 200
    assert served.ledger("shop")["stored"] == 2


PACKED = {
    "gzip": (gzip.compress, {"content-encoding": "gzip"}, ""),
    "deflate": (zlib.compress, {"content-encoding": "deflate"}, ""),
    "raw deflate": (lambda b: zlib.compress(b)[2:-4], {"content-encoding": "deflate"}, ""),
    "twice": (lambda b: gzip.compress(zlib.compress(b)), {"content-encoding": "deflate, gzip"}, ""),
    "gzip-js": (gzip.compress, {"content-type": "text/plain"}, "?compression=gzip-js"),
    "gzip unsaid": (gzip.compress, {}, ""),
    "base64": (base64.b64encode, {}, "?compression=base64"),
    "form": (
        lambda b: b"data=" + quote(base64.b64encode(b)).encode(),
        {"content-type": "application/x-www-form-urlencoded"},
        "",
    ),
    "form of json": (lambda b: b"data=" + quote(b).encode(), {"content-type": "application/x-www-form-urlencoded"}, ""),
    "curl": (lambda b: b, {"content-type": "application/x-www-form-urlencoded"}, ""),
}


@pytest.mark.parametrize("name", PACKED)
def test_every_packing_is_unpacked(served, name):
    pack, headers, query = PACKED[name]
    body = json.dumps({"event": "e", "distinct_id": "u", "properties": {"token": served.key}}).encode()

    reply = httpx.post(f"{served.address}/e/{query}", content=pack(body), headers=headers)

    assert reply.json()["stored"] == 1, reply.text


@pytest.mark.parametrize(
    ("body", "headers", "query", "code"),
    [
        (b"{}", {"content-encoding": "gzip"}, "", "not_packed"),
        (gzip.compress(b"{}")[:-9], {"content-encoding": "gzip"}, "", "not_packed"),
        (b"{}", {"content-encoding": "br"}, "", "unknown_packing"),
        (b"{}", {}, "?compression=lz64", "unknown_packing"),
        (b"data=%%%", {}, "?compression=base64", "not_packed"),
        (b"x=1", {"content-type": "application/x-www-form-urlencoded"}, "", "not_a_form"),
    ],
)
def test_what_cannot_be_unpacked_is_refused(served, body, headers, query, code):
    reply = httpx.post(f"{served.address}/e/{query}", content=body, headers=headers)

    assert reply.status_code in {400, 415}
    assert reply.json()["error"]["code"] == code


def test_a_browser_on_another_site_may_send(served):
    asked = {"origin": "https://shop.example", "access-control-request-method": "POST",
             "access-control-request-headers": "content-type,x-custom", "access-control-request-private-network": "true"}  # fmt: skip
    reply = httpx.options(f"{served.address}/v1/batch", headers=asked)

    assert reply.status_code == 204
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["access-control-allow-headers"] == "content-type,x-custom"
    assert reply.headers["access-control-allow-private-network"] == "true"
    assert served.post("/v1/track", call()).headers["access-control-allow-origin"] == "*"


def test_what_is_not_there_is_a_404_and_a_wrong_method_a_405(served):
    assert httpx.get(f"{served.address}/v1/track").status_code == 405
    for path in ("/nothing", "/static/array.js", "/v1/projects/x", "/%00"):
        assert httpx.get(served.address + path).json()["error"]["code"] == "no_such_address"
    assert httpx.put(f"{served.address}/nothing").status_code == 404


def test_clients_that_ask_for_settings_and_flags_get_those_of_a_project_without_any(served):
    settings = httpx.get(f"{served.address}/v1/projects/{served.key}/settings").json()
    assert settings["integrations"]["Segment.io"]["apiHost"] == served.address.removeprefix("http://") + "/v1"
    assert httpx.post(f"{served.address}/flags/?v=2", json={"token": "x"}).json()["flags"] == {}
    assert httpx.post(f"{served.address}/decide/?v=3", json={"token": "x"}).json()["featureFlags"] == {}
    assert httpx.get(f"{served.address}/array/phc_x/config").json()["surveys"] is False
    assert httpx.get(f"{served.address}/array/phc_x/config.js").headers["content-type"].startswith("text/javascript")
    assert "<script" not in httpx.get(f"{served.address}/array/%3Cscript%3E/config.js").text
    assert httpx.get(f"{served.address}/api/surveys/?token=x").json()["surveys"] == []


def test_newer_posthog_clients_get_a_result_per_event(served):
    events = [
        {"uuid": "e1-" + uuid4().hex, "event": "e", "distinct_id": "u"},
        {"uuid": "e2-" + uuid4().hex, "event": ""},
    ]

    told = served.post("/i/v1/analytics/events", {"batch": events}).json()["results"]

    assert {k[:2]: v["result"] for k, v in told.items()} == {"e1": "ok", "e2": "drop"}


def test_signals_of_any_kind_come_as_json_lines(served):
    lines = "\n".join(
        json.dumps({"kind": "answer", "key": f"{uuid4().hex}", "score": n, "person": "p"}) for n in range(3)
    )

    told = served.post("/v1/signals", lines.encode(), headers={"content-type": "application/x-ndjson"}).json()

    assert told["stored"] == 3
    assert {r["score"] for r in served.rows("answer")} == {0, 1, 2}


def test_what_was_taken_is_there_after_a_stop_and_a_kill(run_intake):
    mine = run_intake()
    assert mine.post("/v1/track", call()).status_code == 200
    assert mine.stop() == 0
    mine.start()
    assert mine.post("/v1/track", call()).status_code == 200
    mine.process.kill()
    mine.process.wait()

    assert mine.ledger("app")["stored"] == 2


def test_requests_under_way_are_answered_before_it_stops(run_intake):
    mine = run_intake()
    with httpx.Client() as client:
        request = client.build_request("POST", f"{mine.address}/v1/track", headers={"authorization": f"Bearer {mine.key}"},
                                       content=slowly(json.dumps(call()).encode(), mine))  # fmt: skip
        assert client.send(request).json()["stored"] == 1
    assert mine.process.wait(20) == 0


def slowly(body, mine):
    yield body[:10]
    time.sleep(0.3)
    mine.process.terminate()
    time.sleep(0.5)
    yield body[10:]


def test_a_key_is_revoked_and_given_anew_by_command(served):
    words = ["-w", str(served.root)]
    assert CliRunner().invoke(regard, ["sources", "add", "till", *words]).exit_code == 0

    gone = CliRunner().invoke(regard, ["sources", "revoke", "till", *words, "--json"])
    again = CliRunner().invoke(regard, ["sources", "add", "till", *words])

    told = json.loads(gone.output)
    assert (told["source"], told["revoked"]) == ("till", True)
    assert again.output.splitlines()[-1].startswith("rk_")
    with pytest.raises(UnknownName, match="til"):
        CliRunner().invoke(regard, ["sources", "revoke", "til", *words], catch_exceptions=False)


def test_labels_of_any_name_are_settled(run_intake):
    """A path of DuckDB cannot name an empty key, and takes a star for every key: one such profile stopped settling."""
    mine = run_intake()
    names = ["", "*", "a/b", "~", 'quo"te', "back\\slash", "0", "#", "$.x", "a.b"]
    for number in range(3):
        body = {"userId": "u1", "traits": dict.fromkeys(names, f"{number}")}
        assert mine.post("/v1/identify", body).json()["stored"] == 1

    assert mine.ledger("app")["stored"] == 3
    with Workspace.open(mine.root) as workspace, workspace.connect() as (connection, _):
        (said,) = connection.execute("SELECT labels FROM lake_standing ORDER BY since DESC LIMIT 1").fetchone()
    assert json.loads(said) == dict.fromkeys(names, "2")
