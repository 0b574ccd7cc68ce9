"""Mail, handed to a real mail server that speaks STARTTLS, asks for a password, or refuses."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest

from regard.delivery import mail, outbox
from regard.delivery.mail import Server, letter, send
from regard.errors import BadInput
from regard.settings import Settings

pytest.importorskip("aiosmtpd")

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

NOW = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)
DATA = {
    "alert": 7,
    "title": "312 customers on the Team plan in Brazil cannot pay",
    "words": "312 customers on the Team plan in Brazil cannot pay.",
    "since": "2026-11-24T14:10:00Z",
    "at_stake": {"words": "€ 41,000 a year"},
    "certainty": {"words": "Chance alone would show this once in 40 months."},
    "also": ["Release 8.2 began the same hour."],
    "next_step": "Ask the payment team what changed at 14:10.",
}


def message(type_="alert.opened", number=1, **more):
    found = outbox.trial("ops", {"type": type_, "timestamp": "", "data": {**DATA, **more}}, now=NOW)
    return type(found)(**{**{n: getattr(found, n) for n in found.__struct_fields__}, "number": number})


def judged(is_right):
    return AuthResult(success=is_right, handled=is_right)


class Box:
    """Keeps what it is handed; refuses whom it is told to."""

    def __init__(self):
        self.mails, self.refuses = [], ""

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 the library's name
        if self.refuses:
            return self.refuses
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.mails.append((session.ssl is not None, envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 kept"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate of this machine, signed by itself."""
    home = tmp_path_factory.mktemp("tls")
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", home / "key", "-out", home / "cert"]  # fmt: skip
    subprocess.run(words, check=True, capture_output=True)
    return home


@pytest.fixture
def serving(authority):
    started = []

    def serve(*, tls=True, password=""):
        box, more = Box(), {}
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(authority / "cert", authority / "key")
            more = {"tls_context": context, "require_starttls": True}
        if password:
            more |= {"auth_required": True, "authenticator": lambda *a: judged(a[-1].password == password.encode())}
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        controller = Controller(box, hostname="127.0.0.1", port=port, **more)
        controller.start()
        started.append(controller)
        return box, Server(host="localhost" if tls else "127.0.0.1", port=port, sender="alerts@example.com")

    yield serve
    for controller in started:
        controller.stop()


@pytest.fixture
def trusted(authority):
    return ssl.create_default_context(cafile=authority / "cert")


def made(*messages, page="http://127.0.0.1:7788"):
    return letter(messages or (message(),), sender="alerts@example.com", to="ops@example.com", now=NOW, page=page)


def test_a_mail_arrives_over_starttls_as_text_and_light_html(serving, trusted):
    box, at = serving()

    reply = send(made(), at, context=trusted)

    assert reply.taken, reply.words
    secured, sender, to, raw = box.mails[0]
    assert (secured, sender, to) == (True, "alerts@example.com", ["ops@example.com"])
    found = message_from_bytes(raw, policy=policy.default)
    assert found["Subject"] == DATA["title"]
    text = found.get_body(("plain",)).get_content()
    html = found.get_body(("html",)).get_content()
    for said in (
        DATA["words"],
        "€ 41,000 a year",
        "Release 8.2",
        DATA["next_step"],
        "http://127.0.0.1:7788/reliability/alerts/7",
    ):
        assert said in text
        assert said in html
    assert "<img" not in html
    assert len(raw) < 5000


def test_a_certificate_nobody_trusts_is_refused_before_anything_is_said(serving):
    box, at = serving()

    reply = send(made(), at)

    assert not reply.taken
    assert "no secure connection" in reply.words
    assert box.mails == []


def test_a_server_without_tls_gets_nothing_unless_that_was_declared(serving):
    box, at = serving(tls=False)

    assert "STARTTLS" in send(made(), at).words
    assert box.mails == []
    plain = Server(host=at.host, port=at.port, sender=at.sender, plain=True)
    assert send(made(), plain).taken


def test_the_password_is_read_where_it_is_named(serving, trusted, monkeypatch):
    box, at = serving(password="correct horse")  # noqa: S106
    monkeypatch.setenv("MAIL_WORD", "correct horse")
    signed = Server(host=at.host, port=at.port, sender=at.sender, user="regard", secret="env:MAIL_WORD")  # noqa: S106

    assert send(made(), signed, context=trusted).taken
    monkeypatch.setenv("MAIL_WORD", "wrong")
    refused = send(made(), signed, context=trusted)

    assert (refused.taken, len(box.mails)) == (False, 1)
    assert "535" in refused.words
    assert "wrong" not in refused.words


@pytest.mark.parametrize(("said", "gone"), [("550 no such person", True), ("451 later please", False)])
def test_a_refused_address_is_final_only_when_the_server_says_so(serving, trusted, said, gone):
    box, at = serving()
    box.refuses = said

    reply = send(made(), at, context=trusted)

    assert (reply.taken, reply.gone) == (False, gone)
    assert said in reply.words


def test_nobody_there_is_said():
    reply = send(made(), Server(host="127.0.0.1", port=1, sender="a@example.com"))

    assert "cannot be reached" in reply.words


def test_one_message_has_one_id_through_every_try_and_an_alert_is_one_thread():
    first = message()
    assert made(first)["Message-ID"] == made(first)["Message-ID"]
    later = message("alert.ended", number=2)
    assert made(first)["References"] == made(later)["References"]
    assert made(first)["Message-ID"] != made(later)["Message-ID"]
    assert made(later)["Subject"].startswith("Over: ")


def test_a_digest_is_one_mail():
    found = made(message(), message("alert.ended", number=2))

    assert found["Subject"] == "Regard: 2 messages about alerts"
    assert found.get_body(("plain",)).get_content().count(DATA["words"]) == 2


def test_what_detectors_say_cannot_add_headers_or_html():
    hostile = message(title="Pay\r\nBcc: eve@example.com", words="<script>alert(1)</script>\nBcc: eve")

    found = made(hostile)

    assert found["Bcc"] is None
    assert found["Subject"] == "Pay Bcc: eve@example.com"
    assert "<script>" not in found.get_body(("html",)).get_content()


def test_settings_that_are_missing_are_named():
    with pytest.raises(BadInput, match="No mail server"):
        mail.server(Settings())
    with pytest.raises(BadInput, match="Nobody is set"):
        mail.server(Settings(smtp="mail.example.com:587"))


def test_the_body_a_mail_is_made_of_is_the_webhooks_own():
    assert json.loads(message().body)["data"]["alert"] == 7
