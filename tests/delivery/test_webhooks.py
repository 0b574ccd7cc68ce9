"""Webhooks: signed as Standard Webhooks signs, sent to what was checked, and honest about what came of it."""

from __future__ import annotations

import json

import pytest

from listening import receiver
from regard.delivery import webhooks
from regard.errors import BadInput

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 the standard's own example
ID, AT = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330


def test_the_signature_is_that_of_the_standards_own_example():
    """Secret, id, time, body and signature as the reference libraries of Standard Webhooks test them with."""
    signed = webhooks.sign(SECRET, id_=ID, timestamp=AT, body=b'{"test": 2432232314}')

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def sent(body=b"{}", at=AT):
    return webhooks.headers(SECRET, id_=ID, body=body, at=at)


def test_what_is_sent_is_verified_and_anything_else_is_not():
    assert webhooks.verify(SECRET, sent(), b"{}", now=AT) == ID
    upper = {name.upper(): value for name, value in sent().items()}
    assert webhooks.verify(SECRET, upper, b"{}", now=AT) == ID
    several = {**sent(), "webhook-signature": f"v1,AAAA {sent()['webhook-signature']}"}
    assert webhooks.verify(SECRET, several, b"{}", now=AT) == ID


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": "msg_other"},
        {"webhook-timestamp": str(AT + 1)},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": ""},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,é"},
        {"webhook-signature": "v2," + "A" * 44},
    ],
)
def test_a_changed_header_is_refused(changed):
    with pytest.raises(BadInput):
        webhooks.verify(SECRET, {**sent(), **changed}, b"{}", now=AT)


def test_a_changed_body_another_secret_and_an_old_message_are_refused():
    for secret, body, now in ((SECRET, b"{ }", AT), (webhooks.new_secret(), b"{}", AT), (SECRET, b"{}", AT + 301)):
        with pytest.raises(BadInput):
            webhooks.verify(secret, sent(), body, now=now)


@pytest.mark.parametrize("secret", ["", "hunter2", "whsec_", "whsec_c2hvcnQ=", "whsec_!!!"])
def test_a_weak_or_broken_secret_is_refused(secret):
    with pytest.raises(BadInput, match="no secret"):
        webhooks.key(secret)


def send(to, **more):
    given = {"secret": SECRET, "id_": ID, "body": b'{"type":"alert.opened"}', "private": True, "seconds": 1.0}
    return webhooks.send(to, **{**given, **more})


def test_a_message_arrives_whole_and_signed():
    with receiver() as there:
        reply = send(there.url)

    assert reply.taken
    line, headers, body = there.requests[0]
    assert line == "POST /hooks HTTP/1.1"
    assert headers["host"] == f"127.0.0.1:{there.port}"
    assert json.loads(body) == {"type": "alert.opened"}
    assert webhooks.verify(SECRET, headers, body) == ID


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("broken", "answered 500"),
        ("silent", "no reply within 1 s"),
        ("drip", "no reply within 1 s"),
        ("dies", "the connection failed"),
        ("cut", "the connection failed"),
        ("nonsense", "the connection failed"),
    ],
)
def test_a_receiver_that_fails_is_not_believed(how, said):
    with receiver(how) as there:
        reply = send(there.url)

    assert not reply.taken
    assert said in reply.words


def test_an_endless_reply_is_not_read_to_its_end():
    with receiver("endless") as there:
        assert send(there.url).taken


def test_a_redirect_is_not_followed():
    with receiver() as canary, receiver("redirect") as there:
        there.elsewhere = canary.url
        reply = send(there.url)

    assert (reply.taken, canary.requests) == (False, [])
    assert "redirects are not followed" in reply.words


def test_what_a_receiver_asks_for_is_understood():
    with receiver("busy") as there:
        assert send(there.url).wait == 1000
    with receiver("gone") as there:
        assert send(there.url).gone


def test_nobody_there_is_said():
    with receiver() as there:
        port = there.port

    assert "the connection failed" in send(f"http://127.0.0.1:{port}/").words
