"""Requests whose source is not known, and those to be sent again: counted by reason and day, told, in no ledger."""

from __future__ import annotations

import datetime as dt
import json
import socket
import time
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from taken import running

from regard.cli import regard
from regard.errors import BadInput
from regard.intake.replies import HINTS
from regard.sources import refusals
from regard.sources.proxies import proxies
from regard.store import turnedaway
from regard.store.turnedaway import ADDRESSES, ENTRIES, KEPT_DAYS, Tally, every, recent, write

TRACK = {"userId": "u1", "event": "Opened"}


def counted(root):
    """Requests per reason and source, once what was counted is written down."""
    time.sleep(turnedaway.WRITE_SECONDS + 0.5)
    return {(one.code, one.source): one.requests for one in recent(root)}


def raw(mine, data):
    """What a connection answers to bytes."""
    where = urlsplit(mine.address)
    with socket.create_connection((where.hostname, where.port), timeout=10) as made:
        made.sendall(data)
        return made.recv(1000)


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    limits = {
        "REGARD_LIMIT_HEADER_SECONDS": "0.5",
        "REGARD_LIMIT_BODY_SECONDS": "0.5",
        "REGARD_LIMIT_BODY_BYTES": "5000",
        "REGARD_LIMIT_SOURCE_RATE": "2000",
        "REGARD_LIMIT_SOURCE_BURST": "2000",
        "REGARD_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8",
    }
    with running(tmp_path_factory.mktemp("away") / "workspace", **limits) as found:
        yield found


def test_each_reason_is_counted_and_the_ledger_still_adds_up(mine):
    before = counted(mine.root)
    for _ in range(3):
        assert mine.post("/v1/track", TRACK, key="rk_no_such_key").status_code == 401
    assert mine.post("/v1/track", TRACK, headers={"authorization": ""}).status_code == 401
    assert mine.post("/v1/track", b"x" * 6000, headers={"authorization": ""}).status_code == 413
    assert mine.post("/v9/users/4711/track", TRACK).status_code == 404
    assert raw(mine, b"\x16\x03\x01\0 no http\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert raw(mine, b"POST /v1/track HTTP/1.1\r\nx: ") == b""
    assert b" 408 " in raw(mine, b"POST /v1/track HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{")
    for _ in range(2):
        mine.post("/v1/track", TRACK | {"properties": {"pad": "x" * 4000}})
    after = counted(mine.root)

    assert {key: n - before.get(key, 0) for key, n in after.items() if n > before.get(key, 0)} == {
        ("key_unknown", ""): 3, ("key_missing", ""): 1, ("too_large", ""): 1, ("no_such_address", ""): 1,
        ("not_http", ""): 1, ("headers_too_slow", ""): 1, ("too_slow", ""): 1, ("too_fast", "app"): 1,
    }  # fmt: skip
    assert mine.ledger("app")["received"] == 1


def test_a_request_the_ledger_tells_of_is_not_counted_twice(mine):
    before = counted(mine.root)
    quiet = mine.add("refused")
    assert mine.post("/v1/track", b"{", key=quiet).status_code == 400
    assert mine.post("/v1/track", b"x" * 6000, key=quiet).status_code == 413
    assert counted(mine.root) == before
    assert mine.ledger("refused")["refused"] == 2


def test_what_is_kept_of_a_sender_says_who_it_is_and_no_whole_key(mine):
    mine.post(
        "/v1/track", TRACK, key="rk_sesame_open", headers={"user-agent": "till/7", "x-forwarded-for": "192.0.2.7"}
    )
    mine.post("/v9/users/4711/track", TRACK)
    counted(mine.root)
    found = {one.code: one for one in recent(mine.root)}

    assert (found["key_unknown"].key, found["key_unknown"].client) == ("rk_ses", "till/7")
    assert found["key_unknown"].address == "192.0.2.7"
    assert found["no_such_address"].path == "/v9/users/…/track"
    assert "sesame" not in (mine.root / turnedaway.FILE).read_text("utf-8")


def test_counts_go_on_after_a_restart_and_the_command_tells_them(tmp_path):
    with running(tmp_path / "workspace") as own:
        own.post("/v1/track", TRACK, key="rk_wrong")
        own.stop()  # at once: what was not written yet is written at the end
        own.start()
        own.post("/v1/track", TRACK, key="rk_wrong")
        own.post("/v1/track", TRACK)
        own.stop()
    said = CliRunner().invoke(regard, ["ledger", "-w", str(own.root)]).output
    told = json.loads(CliRunner().invoke(regard, ["ledger", "--json", "-w", str(own.root)]).output)

    assert "In none of these counts: 2 requests were turned away" in said
    assert "a write key that opens nothing: 2 requests today from 127.0.0.1" in said
    assert refusals.MAKE_A_KEY in said
    assert (told["received"], told["turned_away"]["requests"]) == (1, 2)


def test_nothing_is_said_where_nothing_was_turned_away(tmp_path):
    told = refusals.told(tmp_path)
    assert (told["requests"], told["rows"], told["said"]) == (0, [], "")


# ---------------------------------------------------------------------- behind a proxy


def test_keyless_senders_behind_a_declared_proxy_have_an_account_each(tmp_path):
    """PostHog's clients put the key into the body: until it is read, the address stands in for the source."""
    limits = {"REGARD_LIMIT_SOURCE_BYTES": "3000", "REGARD_LIMIT_BODY_SECONDS": "30"}

    def answer(trusted):
        with running(tmp_path / f"workspace{len(trusted)}", REGARD_TRUSTED_PROXIES=trusted, **limits) as own:
            where = urlsplit(own.address)
            head = b"POST /capture HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.1\r\ncontent-length: 2900\r\n\r\n"
            with socket.create_connection((where.hostname, where.port)) as waiting:
                waiting.sendall(head + b"x" * 2800)  # one client's, under way
                time.sleep(0.3)
                body = {"event": "Opened", "distinct_id": "u1", "api_key": own.key, "properties": {"pad": "x" * 500}}
                other = {"x-forwarded-for": "192.0.2.2", "authorization": ""}
                return own.post("/capture", body, headers=other).status_code

    assert answer("127.0.0.1") == 200
    assert answer("") == 429


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("192.0.2.9", "192.0.2.9"),
        ("203.0.113.1, 192.0.2.9", "192.0.2.9"),  # what the sender wrote itself stands on the left
        ("192.0.2.9, 10.1.2.3", "192.0.2.9"),
        ("10.1.2.3", "10.1.2.3"),
        ("", "127.0.0.1"),
        ("unknown", "127.0.0.1"),
        ("192.0.2.9:5123", "192.0.2.9"),
        ('"[2001:db8::1]:5123"', "2001:db8::1"),
        ("::ffff:192.0.2.9", "192.0.2.9"),
        (", ".join(["192.0.2.9"] * 5000), "192.0.2.9"),
    ],
)
def test_the_last_address_no_declared_proxy_wrote_is_the_senders(forwarded, address):
    assert proxies("127.0.0.1, 10.0.0.0/8").sender(forwarded, peer="127.0.0.1") == address


def test_a_proxy_that_is_no_address_is_named_before_anything_starts():
    with pytest.raises(BadInput, match=r"'proxy\.example' is no address of a proxy"):
        proxies("127.0.0.1, proxy.example")


# ---------------------------------------------------------------------- the file


class Clock:
    def __init__(self):
        self.now = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)

    def __call__(self):
        return self.now


def test_whoever_sends_whatever_the_file_stays_small(tmp_path):
    clock = Clock()
    tally = Tally(clock)
    for day in range(40):
        clock.now = dt.datetime(2026, 10, 1, tzinfo=dt.UTC) + dt.timedelta(days=day)
        for n in range(1000):
            tally.count(
                "busy", source=f"s{n}", address=f"2001:db8::{n:x}", client="c" * 500, key="k" * 500, path="p" * 500
            )
    write(tmp_path, tally.packed())
    found = every(tmp_path)

    assert sum(one.requests for one in found) == KEPT_DAYS * 1000
    assert len(found) <= KEPT_DAYS * (ENTRIES + 1)
    assert max(len(one.addresses) for one in found) == ADDRESSES
    assert (tmp_path / turnedaway.FILE).stat().st_size < 3 << 20


def test_days_are_summed_and_told_as_people_say_them(tmp_path):
    clock = Clock()
    tally = Tally(clock)
    for ago, many in ((20, 5), (2, 411), (0, 1)):
        clock.now = Clock().now - dt.timedelta(days=ago)
        for n in range(many):
            tally.count("key_unknown", address=f"192.0.2.{n % 2}", key="rk_abcdef")
    write(tmp_path, tally.packed())
    told = refusals.told(tmp_path, now=Clock().now)

    assert told["said"] == (
        "412 requests were turned away since Tuesday, from 2 addresses: a write key that opens nothing. "
        + refusals.MAKE_A_KEY
    )
    assert told["rows"][0]["requests"] == 412


def test_a_file_that_is_not_what_was_written_is_set_aside_and_never_told(tmp_path):
    tally = Tally()
    tally.count("busy")
    packed = tally.packed()
    (tmp_path / turnedaway.FILE).write_bytes(packed.replace(b'"requests":1', b'"requests":9'))
    assert every(tmp_path) == []
    again = Tally()
    again.load(tmp_path)
    again.count("busy")
    write(tmp_path, again.packed())

    assert [one.requests for one in every(tmp_path)] == [1]
    assert (tmp_path / f"{turnedaway.FILE}.damaged").exists()


def test_every_reason_a_whole_request_is_answered_with_has_words():
    assert set(HINTS) <= set(refusals.REASONS)
    assert all(why and change.endswith(".") for why, change in refusals.REASONS.values())
