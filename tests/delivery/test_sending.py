"""Sending from the outbox to receivers that fail: every message arrives, under one id, in order, without a storm."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from listening import receiver
from regard.delivery import outbox, receivers, webhooks
from regard.delivery.receivers import add_receiver, resume_receiver, send_again, stop_receiver
from regard.delivery.sending import AT_ONCE, knock, send_due
from regard.delivery.webhooks import Reply
from regard.errors import BadInput, Busy, UnknownName
from regard.signals.workspace import Workspace
from regard.store import disk

START = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)


class Company:
    """A workspace with a clock, whose messages go to whoever the test says."""

    def __init__(self, root):
        self.workspace, self.now = Workspace.open(root), START
        self.secret = webhooks.new_secret()
        (root / "secret").write_text(self.secret + "\n")
        self.where = f"file:{root / 'secret'}"

    def named(self, name="ops", address="https://hooks.example/", **more):
        return add_receiver(self.workspace, name=name, address=address, secret=self.where, **more)

    def put(self, n=1, topic="alert:1", to="ops"):
        with self.workspace.state.writing() as connection:
            body = {"type": "alert.opened", "timestamp": "", "data": {"n": n}}
            return outbox.put(connection, receiver=to, topic=topic, body=body, now=self.now)

    def pass_(self, send=None, *, seconds=0):
        self.now += timedelta(seconds=seconds)
        return send_due(self.workspace, send=send, now=lambda: self.now, jitter=lambda: 0.0)

    def messages(self, **more):
        with self.workspace.state.reading() as connection:
            return list(reversed(outbox.listed(connection, limit=1000, **more)))


@pytest.fixture
def company(tmp_path):
    made = Company(tmp_path / "ws")
    yield made
    made.workspace.close()


class Server:
    """A receiver in memory: takes what comes while it is up, and knows every id it saw."""

    def __init__(self, up=True, reply=None):
        self.up, self.seen, self.knocks = up, [], 0
        self.reply = reply or Reply(taken=False, words="the connection failed: refused", reached=False)

    def __call__(self, receiver, messages):
        self.knocks += 1
        if not self.up:
            return self.reply
        self.seen += [m.id for m in messages]
        return Reply(taken=True, words="answered 200 OK")


def test_a_message_goes_once_and_is_kept_as_delivered(company):
    company.named()
    id_, server = company.put(), Server()

    assert company.pass_(server).taken == 1
    assert company.pass_(server).taken == 0

    assert server.seen == [id_]
    assert [(m.state, m.last) for m in company.messages()] == [("delivered", "answered 200 OK")]


def test_one_receiver_after_every_kind_of_failure_gets_each_message_under_its_one_id(company):
    with receiver(["broken", "redirect", "dies", "cut", "ok"]) as there:
        company.named(address=there.url, private=True)
        id_ = company.put()
        for _ in range(4):
            assert company.pass_(seconds=20_000).failed == 1
        assert company.pass_(seconds=20_000).taken == 1

    assert {headers["webhook-id"] for _, headers, _ in there.requests} == {id_}
    assert len({body for _, _, body in there.requests}) == 1
    for _, headers, body in there.requests:
        assert webhooks.verify(company.secret, headers, body) == id_
    assert len(company.messages()[0].told) == 5


def test_the_documented_waits_are_kept_and_after_the_last_try_it_is_dead_and_shown(company):
    company.named()
    company.put()
    server, tried = Server(up=False), []

    while company.messages()[0].state == "waiting":
        due = datetime.fromisoformat(company.messages()[0].due)
        company.now = due - timedelta(seconds=1)
        assert (company.pass_(server).failed, server.knocks) == (0, len(tried)), "not a second early"
        company.now = due
        company.pass_(server)
        tried.append((due - START).total_seconds())

    waits = [later - earlier for earlier, later in pairwise(tried)]
    assert waits == list(outbox.BACKOFF)
    assert [m.state for m in company.messages()] == ["dead"]
    company.pass_(server, seconds=10**6)
    assert server.knocks == len(tried), "nobody knocks for a dead message"


def test_a_receiver_down_for_a_day_gets_everything_in_order_without_a_storm(company):
    company.named()
    server, ids = Server(up=False), {}
    for n in range(20):
        for alert in range(3):
            ids.setdefault(f"alert:{alert}", []).append(company.put(n, topic=f"alert:{alert}"))
        company.pass_(server, seconds=72 * 60)
    knocks_while_down = server.knocks
    server.up, most = True, 0

    for _ in range(80):
        before = len(server.seen)
        company.pass_(server, seconds=30 * 60)
        most = max(most, len(server.seen) - before)

    assert knocks_while_down < 20, "one knock a pass, not one a message"
    assert sorted(server.seen) == sorted(i for of in ids.values() for i in of), "each once"
    for of in ids.values():
        assert [i for i in server.seen if i in of] == of, "those of one alert in order"
    assert most <= AT_ONCE


def test_a_sender_killed_after_the_receiver_took_it_sends_the_same_id_again(company):
    company.named()
    id_, server = company.put(), Server()

    def dies(receiver, messages):
        server(receiver, messages)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        company.pass_(dies)
    company.pass_(server)

    assert server.seen == [id_, id_]


def test_a_receiver_that_fails_does_not_keep_others_waiting(company):
    company.named("down")
    company.named("up")
    for _ in range(3):
        company.put(to="down")
        company.put(to="up")
    taken = []

    def send(receiver, messages):
        if receiver.name == "down":
            return Reply(taken=False, words="the connection failed", reached=False)
        taken.extend(messages)
        return Reply(taken=True, words="answered 200 OK")

    for _ in range(3):
        company.pass_(send)

    assert len(taken) == 3


def test_a_receiver_that_asks_to_be_left_alone_is(company):
    company.named()
    company.put()
    server = Server(up=False, reply=Reply(taken=False, words="answered 429", wait=1000.0))
    company.pass_(server)

    company.pass_(server, seconds=999)
    assert server.knocks == 1
    company.pass_(server, seconds=2)
    assert server.knocks == 2


def test_a_receiver_that_is_gone_is_stopped_and_told_nothing_more_until_resumed(company):
    company.named()
    first, second = company.put(), company.put(2)
    company.pass_(Server(up=False, reply=Reply(taken=False, words="answered 410 Gone", gone=True)))
    with company.workspace.state.reading() as connection:
        stopped = receivers.one(connection, "ops")
    assert (stopped.state, stopped.why) == ("off", "it answered 410 Gone")
    server = Server()
    company.pass_(server, seconds=10**6)
    assert server.seen == []

    resume_receiver(company.workspace, name="ops")
    company.pass_(server)

    assert server.seen == [second]
    assert {m.id: m.state for m in company.messages()} == {first: "dead", second: "delivered"}


def test_a_dead_message_is_sent_again_under_its_own_id(company):
    company.named()
    id_ = company.put()
    company.pass_(Server(up=False, reply=Reply(taken=False, words="answered 410 Gone", gone=True)))
    resume_receiver(company.workspace, name="ops")
    server = Server()

    send_again(company.workspace, message=id_, by="mira")
    with pytest.raises(BadInput, match="waits"):
        send_again(company.workspace, message=id_)
    company.now = datetime.now(UTC)
    company.pass_(server)

    assert server.seen == [id_]
    with pytest.raises(UnknownName):
        send_again(company.workspace, message="msg_nobody")


def test_two_senders_never_send_at_once(company):
    company.named()
    company.put()
    with disk.locked(company.workspace.root / "outbox.lock", what="sending"), pytest.raises(Busy):
        company.pass_(Server())

    server, found = Server(), []
    threads = [threading.Thread(target=lambda: found.append(send_due(company.workspace, send=server, wait=30)))
               for _ in range(4)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.seen) == 1


def test_a_stopped_receiver_keeps_what_waits(company):
    company.named()
    company.put()
    server = Server()
    stop_receiver(company.workspace, name="ops")
    assert company.pass_(server).taken == 0
    resume_receiver(company.workspace, name="ops")
    assert company.pass_(server).taken == 1


def test_a_trial_reaches_the_receiver_and_leaves_nothing_behind(company):
    with receiver() as there:
        found = company.named(address=there.url, private=True)
        assert knock(company.workspace, found).taken

    assert b"trial" in there.requests[0][2]
    assert company.messages() == []


@pytest.mark.parametrize(
    "given",
    [
        {"name": "", "address": "https://a.example/"},
        {"name": "a b", "address": "https://a.example/"},
        {"name": "ops", "address": "http://a.example/"},
        {"name": "ops", "address": "https://a.example/", "secret": ""},
        {"name": "ops", "address": "https://a.example/", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
        {"name": "ops", "address": "https://a.example/", "digest": "daily"},
        {"name": "ops", "address": "ops@example.com", "secret": "", "digest": "hourly"},
        {"name": "ops", "address": "ops@example.com", "private": True, "secret": ""},
        {"name": "ops", "address": "ops@example.com,eve@example.com", "secret": ""},
        {"name": "ops", "address": "ops@example.com\r\nBcc: eve@example.com", "secret": ""},
    ],
)
def test_a_receiver_that_cannot_be_used_is_refused_with_the_next_step(company, given):
    with pytest.raises(BadInput) as caught:
        add_receiver(company.workspace, **{"secret": company.where, **given})

    assert caught.value.hint


def test_a_secret_is_named_and_never_kept(company, monkeypatch):
    monkeypatch.setenv("HOOK", "")
    found = add_receiver(company.workspace, name="ops", address="https://hooks.example/", secret="env:HOOK")  # noqa: S106

    reply = knock(company.workspace, found)
    assert (reply.taken, reply.words) == (False, "The environment variable HOOK is empty or not set. (secret)")
    company.named("other")
    company.put(to="other")
    everything = b"".join(
        p.read_bytes() for p in company.workspace.root.rglob("*") if p.is_file() and p.name != "secret"
    )
    assert company.secret.encode() not in everything
