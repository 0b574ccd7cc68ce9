"""Requests in shapes that confuse servers and proxies: each is refused or read one way, and nobody else notices."""

from __future__ import annotations

import json
import socket
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "intake"))

from taken import running

INNER = b"POST /v1/track HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\ncontent-length: %d\r\n\r\n%s"


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    with running(tmp_path_factory.mktemp("hostile") / "workspace", REGARD_LIMIT_BODY_SECONDS="3") as found:
        yield found


def said(mine, raw, seconds=6.0):
    """Everything a connection answers until it is closed or silent."""
    where = urlsplit(mine.address)
    got = b""
    with socket.create_connection((where.hostname, where.port), timeout=seconds) as made:
        made.sendall(raw)
        made.settimeout(1.0)
        try:
            while part := made.recv(65536):
                got += part
        except OSError:
            pass
    return got


def track(name):
    return json.dumps({"userId": "u1", "event": name, "messageId": name}).encode()


def smuggled(mine, name):
    """A second request hidden in the body of the first."""
    body = track(name)
    return INNER % (mine.key.encode(), len(body), body)


def head(mine, *lines):
    own = (b"POST /v1/track HTTP/1.1", b"host: x", b"authorization: Bearer " + mine.key.encode())
    return b"\r\n".join([*own, *lines]) + b"\r\n\r\n"


SHAPES = {
    "length and chunks": lambda m, n: (
        head(m, b"content-length: 5", b"transfer-encoding: chunked") + b"0\r\n\r\n" + smuggled(m, n)
    ),
    "chunks and length": lambda m, n: (
        head(m, b"transfer-encoding: chunked", b"content-length: 5") + b"0\r\n\r\n" + smuggled(m, n)
    ),
    "two lengths": lambda m, n: head(m, b"content-length: 2", b"content-length: 900") + b"{}" + smuggled(m, n),
    "a list of lengths": lambda m, n: head(m, b"content-length: 2, 900") + b"{}" + smuggled(m, n),
    "a signed length": lambda m, n: head(m, b"content-length: +2") + b"{}" + smuggled(m, n),
    "a length below nothing": lambda m, n: head(m, b"content-length: -1") + b"{}" + smuggled(m, n),
    "a length that is huge": lambda m, n: head(m, b"content-length: " + b"9" * 40) + b"{}" + smuggled(m, n),
    "chunks in other words": lambda m, n: head(m, b"transfer-encoding: xchunked") + b"{}" + smuggled(m, n),
    "chunks behind a space": lambda m, n: (
        head(m, b"transfer-encoding : chunked", b"content-length: 5") + b"0\r\n\r\n" + smuggled(m, n)
    ),
    "a folded header": lambda m, n: head(m, b"x-a: 1", b" content-length: 2") + b"{}" + smuggled(m, n),
    "a folded encoding": lambda m, n: (
        head(m, b"transfer-encoding:", b" chunked", b"content-length: 5") + b"0\r\n\r\n" + smuggled(m, n)
    ),
    "a line feed alone": lambda m, n: (
        head(m, b"x-a: 1\ntransfer-encoding: chunked", b"content-length: 5") + b"0\r\n\r\n" + smuggled(m, n)
    ),
    "a chunk that is none": lambda m, n: head(m, b"transfer-encoding: chunked") + b"zz\r\n{}\r\n" + smuggled(m, n),
    "a chunk too long": lambda m, n: head(m, b"transfer-encoding: chunked") + b"f" * 20 + b"\r\n" + smuggled(m, n),
    "a NUL in a header": lambda m, n: head(m, b"x-a: \0", b"content-length: 900") + smuggled(m, n),
    "a return in a header": lambda m, n: head(m, b"x-a: 1\rcontent-length: 2") + b"{}" + smuggled(m, n),
}
"""Each hides a second request where servers disagree on where the first one ends."""


@pytest.mark.promise("smuggling")
def test_a_request_whose_end_is_in_doubt_is_refused_and_hides_no_other(mine, record_property):
    """Refused, the connection closed, and nothing of what was hidden in it is stored."""
    for number, (shape, made) in enumerate(SHAPES.items()):
        answer = said(mine, made(mine, f"hidden-{number}"))
        assert answer.count(b"HTTP/1.1 ") <= 1, (shape, answer)
        assert b" 200 " not in answer.partition(b"\r\n")[0], (shape, answer)
    assert mine.post("/v1/track", json.loads(track("good"))).json()["stored"] == 1
    stored = [row["name"] for row in mine.rows("event", "name")]
    assert [name for name in stored if not name.startswith("beside-")] == ["good"]  # those are another test's own
    record_property("found", f"{len(SHAPES)} shapes refused, 0 hidden requests taken")


@pytest.mark.promise("smuggling")
@pytest.mark.parametrize(
    "host", [b"evil.example", b"x@evil.example", b'x"><script>', b"x/../..", b"\xff\xfe", b"a" * 3000, b""]
)
def test_a_host_made_up_names_no_other_place(mine, host):
    answer = said(mine, b"GET /v1/projects/k/settings HTTP/1.1\r\nhost: " + host + b"\r\nconnection: close\r\n\r\n")
    body = answer.partition(b"\r\n\r\n")[2]
    if answer.startswith(b"HTTP/1.1 200"):
        told = json.loads(body)["integrations"]["Segment.io"]["apiHost"]
        assert told in {"127.0.0.1/v1", host.decode("latin-1") + "/v1"}
        assert not set(told) & set('"<>@\\ ')
    assert b"location:" not in answer.lower()


@pytest.mark.promise("smuggling")
def test_thousands_of_headers_end_the_connection_and_nothing_else(mine):
    answer = said(
        mine, head(mine, *[b"x-%d: %s" % (n, b"a" * 50) for n in range(20_000)], b"content-length: 2") + b"{}"
    )
    assert b" 200 " not in answer.partition(b"\r\n")[0]
    assert mine.process.poll() is None


@pytest.mark.promise("smuggling")
def test_replies_that_nobody_reads_and_half_open_sockets_keep_nobody_waiting(mine, record_property):
    """Many requests are sent, no reply is read; others send the half of a request and close their sending side."""
    where = urlsplit(mine.address)
    before, opened = mine.rss(), []
    for number in range(60):
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.connect((where.hostname, where.port))
        made.settimeout(0.2)
        try:
            if number % 2:
                made.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n" * 300)
            else:
                made.sendall(head(mine, b"content-length: 900") + b"{")
                made.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        opened.append(made)
    slowest = 0.0
    for number in range(40):
        began = time.perf_counter()
        assert mine.post("/v1/track", json.loads(track(f"beside-{number}"))).status_code == 200
        slowest = max(slowest, time.perf_counter() - began)
    grown = mine.rss() - before
    for made in opened:
        made.close()
    assert slowest < 2
    assert grown < 200 << 20
    record_property(
        "found",
        f"30 replies unread, 30 half-open: slowest beside them {slowest * 1000:.0f} ms, memory +{grown >> 20} MB",
    )
