"""Mail: plain text with a light HTML beside it, over a connection that is secured before anything is said.

A message keeps one Message-ID through every try, and those of a topic are one thread, so that a reader's program puts
an alert's mails together and shows a repeat once.
"""

from __future__ import annotations

import json
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from typing import TYPE_CHECKING, Any

from regard.delivery import words
from regard.delivery.webhooks import Reply
from regard.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from regard.delivery.outbox import Message
    from regard.settings import Settings

SECONDS = 20.0
TLS_PORT = 465
LONGEST_SUBJECT = 120
MOST_ALSO = 5


@dataclass(frozen=True, kw_only=True)
class Server:
    """The mail server, and how to sign in."""

    host: str
    port: int
    sender: str
    user: str = ""
    secret: str = ""
    plain: bool = False


def server(given: Settings) -> Server:
    """The mail server of the settings.

    Raises:
        BadInput: None is set, or it cannot be read.
    """
    host, _, port = given.smtp.rpartition(":")
    if not host or not port.isdecimal():
        hint = "Set it as HOST:PORT, such as mail.example.com:587."
        raise BadInput("No mail server is set.", where="REGARD_SMTP", hint=hint)
    if "@" not in given.mail_from or any(c < " " for c in given.mail_from):
        raise BadInput(
            "Nobody is set whom mail comes from.", where="REGARD_MAIL_FROM", hint="Such as alerts@example.com."
        )
    return Server(
        host=host.strip("[]"), port=int(port), sender=given.mail_from, user=given.smtp_user,
        secret=words.check(given.smtp_secret), plain=given.smtp_plain,
    )  # fmt: skip


def letter(messages: Sequence[Message], *, sender: str, to: str, now: datetime, page: str = "") -> EmailMessage:
    """One mail that tells one message, or several as a digest.

    Args:
        messages: At least one.
        sender: Whom it comes from.
        to: Whom it goes to.
        now: When.
        page: Address of the pages, for the link; empty: none.
    """
    bodies = [json.loads(m.body) for m in messages]
    domain = sender.rpartition("@")[2]
    made = EmailMessage(policy=SMTP)
    subject = _subject(bodies)
    made["Subject"] = subject if len(subject) <= LONGEST_SUBJECT else subject[: LONGEST_SUBJECT - 1].rstrip() + "…"
    made["From"], made["To"], made["Date"] = sender, to, format_datetime(now)
    made["Message-ID"] = f"<{messages[0].id}@{domain}>"
    if len(messages) == 1:
        made["References"] = f"<{messages[0].topic.replace(':', '.')}.{messages[0].receiver}@{domain}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content("\n\n".join(_plain(b, page) for b in bodies))
    parts = "".join(_html(b, page) for b in bodies)
    made.add_alternative(f'<!doctype html><html lang="en"><body>{parts}</body></html>', subtype="html")
    return made


def send(found: EmailMessage, at: Server, *, seconds: float = SECONDS, context: ssl.SSLContext | None = None) -> Reply:
    """Hand a mail to the server.

    Args:
        found: The mail.
        at: The server.
        seconds: How long each step may take.
        context: What is trusted; empty takes the system's.
    """
    trusted = context or ssl.create_default_context()
    try:
        with _connected(at, seconds=seconds, context=trusted) as line:
            if at.user:
                line.login(at.user, words.read(at.secret))
            line.send_message(found)
    except BadInput as error:
        return Reply(taken=False, words=f"{error.message} ({error.where})", reached=False)
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        return Reply(taken=False, words=f"the address was refused: {code} {_said(said)}", gone=500 <= code < 600)
    except smtplib.SMTPResponseException as error:
        return Reply(taken=False, words=f"the mail server answered {error.smtp_code} {_said(error.smtp_error)}")
    except smtplib.SMTPException as error:
        return Reply(taken=False, words=f"the mail server: {error or type(error).__name__}", reached=False)
    except ssl.SSLError as error:
        return Reply(taken=False, words=f"no secure connection: {error.reason or error}", reached=False)
    except TimeoutError:
        return Reply(taken=False, words=f"the mail server said nothing for {seconds:.0f} s", reached=False)
    except OSError as error:
        return Reply(taken=False, words=f"the mail server cannot be reached: {error}", reached=False)
    return Reply(taken=True, words="taken by the mail server")


def _connected(at: Server, *, seconds: float, context: ssl.SSLContext) -> smtplib.SMTP:
    if at.port == TLS_PORT:
        return smtplib.SMTP_SSL(at.host, at.port, timeout=seconds, context=context)
    line = smtplib.SMTP(at.host, at.port, timeout=seconds)
    try:
        line.ehlo()
        if line.has_extn("starttls"):
            line.starttls(context=context)
            line.ehlo()
        elif not at.plain:
            _refuse_plain()
    except BaseException:
        line.close()
        raise
    return line


def _refuse_plain() -> None:
    raise smtplib.SMTPException("offers no STARTTLS, and mail does not travel in the clear (REGARD_SMTP_PLAIN)")


def _said(text: bytes | str) -> str:
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return " ".join(plain.split())[:200]


# ---------------------------------------------------------------------- the words

LEADS = {"grew": "Grown", "ended": "Over", "reopened": "Back"}


def _subject(bodies: Sequence[dict[str, Any]]) -> str:
    if len(bodies) > 1:
        return f"Regard: {len(bodies)} messages about alerts"
    data = bodies[0]["data"]
    lead = LEADS.get(str(bodies[0]["type"]).rpartition(".")[2], "")
    return " ".join(f"{lead}: {data['title']}".strip(": ").split())


def _lines(body: dict[str, Any]) -> list[tuple[str, str]]:
    data = body["data"]
    rows = [("", data["words"])]
    rows += [("Since", str(data["since"])[:16].replace("T", " ") + " UTC")] if data.get("since") else []
    rows += [("At stake", data["at_stake"]["words"])] if data.get("at_stake") else []
    rows += [("How sure", data["certainty"]["words"])] if data.get("certainty") else []
    rows += [("Also then", each) for each in data.get("also", ())[:MOST_ALSO]]
    rows += [("What to do", data["next_step"])] if data.get("next_step") else []
    return [(name, " ".join(str(text).split())) for name, text in rows]


def _link(body: dict[str, Any], page: str) -> str:
    return (
        f"{page.rstrip('/')}/reliability/alerts/{body['data']['alert']}" if page and body["data"].get("alert") else ""
    )


def _plain(body: dict[str, Any], page: str) -> str:
    lines = [f"{name}: {text}" if name else text for name, text in _lines(body)]
    link = _link(body, page)
    return "\n".join([*lines, *([link] if link else [])])


def _html(body: dict[str, Any], page: str) -> str:
    rows = "".join(
        f"<p><b>{escape(name)}:</b> {escape(text)}</p>" if name else f"<p><b>{escape(text)}</b></p>"
        for name, text in _lines(body)
    )
    link = _link(body, page)
    more = f'<p><a href="{escape(link)}">Look at it, and answer</a></p>' if link else ""
    return f"<section>{rows}{more}</section>"
