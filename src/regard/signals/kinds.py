"""The kinds of signal and their columns: the one schema that intake, lake, nouns, mappings and docs are made from.

Every kind has the columns of COMMON; each adds its own. A column is stored as sent; nothing here knows a company's
own words. Labels a company adds (region, plan, version, ...) travel in ``labels`` as a JSON object of strings and
become dimensions by declaration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Type = Literal["text", "number", "whole", "time", "truth"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a kind of signal."""

    name: str
    type: Type
    help: str


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of signal: its noun in SQL, what it is, its own columns."""

    name: str
    noun: str
    help: str
    columns: tuple[Column, ...]
    needs: tuple[str, ...]
    keyed: bool

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """COMMON and own columns, in order."""
        return COMMON + self.columns


def _text(name: str, help_: str) -> Column:
    return Column(name=name, type="text", help=help_)


def _number(name: str, help_: str) -> Column:
    return Column(name=name, type="number", help=help_)


def _time(name: str, help_: str) -> Column:
    return Column(name=name, type="time", help=help_)


COMMON: tuple[Column, ...] = (
    _text("key", "Record key within its source: the ticket, order or answer id. Empty for plain events."),
    _text("message_id", "Transport id given by a client: a repeat is a duplicate. Empty for rows of files."),
    _time("occurred_at", "When it happened, UTC."),
    _time("version_at", "When this version of the record was made, UTC; empty takes occurred_at."),
    _time("sent_at", "When the client sent it, UTC; empty for files."),
    _text("person", "Id of the person as sent."),
    _text("account", "Id of the account (company, household) as sent."),
    _text("anonymous", "Id of a device or session before the person is known."),
    _number("weight", "How many it stands for, where the log is a known sample; empty counts as 1."),
    _text("labels", "JSON object of the company's own labels, such as region or plan."),
)

KINDS: tuple[Kind, ...] = (
    Kind(
        name="event",
        noun="events",
        help="Something a customer did or met: a page seen, a feature used, an error shown.",
        keyed=False,
        needs=("name",),
        columns=(
            _text("name", "What happened, such as report_created."),
            _text("error", "The error the customer met; empty when it went well."),
            _number("duration", "How long it took, in seconds."),
            _number("amount", "Money involved, if any, in the company's currency."),
        ),
    ),
    Kind(
        name="answer",
        noun="answers",
        help="One part of an answered survey: a score, a verbatim or both.",
        keyed=True,
        needs=(),
        columns=(
            _text("survey", "Name of the survey."),
            _text("metric", "nps, csat, ces, stars or the company's own."),
            _text("part", "The part of the experience rated; empty for the whole."),
            _number("score", "The score as given, on its own scale."),
            _number("scale_min", "Lowest possible score."),
            _number("scale_max", "Highest possible score."),
            _text("verbatim", "What the customer said, in their own words."),
            _text("about", "Key of the order, contact or subscription it is about."),
            _text("response", "Id shared by all parts of one response."),
            _text("channel", "How it was asked: email, in app, link."),
            _time("asked_at", "When it was asked, UTC."),
        ),
    ),
    Kind(
        name="contact",
        noun="contacts",
        help="A customer asked for help: ticket, call, chat; later updates are versions of the same record.",
        keyed=True,
        needs=(),
        columns=(
            _text("channel", "ticket, call, chat, email, social."),
            _text("area", "What it is about: billing, sign-in, delivery."),
            _text("issue", "Type of issue: bug, how do I, wrong data."),
            _text("status", "State as the source names it."),
            _text("priority", "Priority as the source names it."),
            _text("subject", "Subject line or short description."),
            _text("verbatim", "What the customer said, in their own words."),
            _time("answered_at", "First answer by a person, UTC."),
            _time("solved_at", "Solved, UTC."),
            _number("reopened", "How often it was reopened."),
            _number("handovers", "How often it changed hands."),
            _text("agent", "Who took care of it, as the source names them."),
        ),
    ),
    Kind(
        name="review",
        noun="reviews",
        help="A public review with a score, a text or both.",
        keyed=True,
        needs=(),
        columns=(
            _text("metric", "stars unless the company says otherwise."),
            _number("score", "The score as given."),
            _number("scale_min", "Lowest possible score."),
            _number("scale_max", "Highest possible score."),
            _text("subject", "Title of the review."),
            _text("verbatim", "What the customer wrote."),
            _text("about", "Key of the order it is about."),
            _text("channel", "Where it was published."),
        ),
    ),
    Kind(
        name="order",
        noun="orders",
        help="One line of an order; an order of three articles is three rows with the same order id.",
        keyed=True,
        needs=("amount",),
        columns=(
            _text("order_id", "The order; equals the key where an order is one row."),
            _text("product", "What was bought."),
            _text("category", "Its category."),
            _text("seller", "Who sold it: seller, shop, partner."),
            _number("quantity", "How many."),
            _number("amount", "What the customer paid for this line, refunds not taken off."),
            _number("refunded", "What was given back."),
            _text("currency", "ISO code; empty takes the company's currency."),
            _text("status", "State as the source names it."),
        ),
    ),
    Kind(
        name="subscription",
        noun="subscriptions",
        help="A contract began, changed, was renewed or ended.",
        keyed=True,
        needs=("change",),
        columns=(
            _text("subscription", "The contract; all its changes share it."),
            _text("change", "start, change, renewal or end."),
            _text("plan", "What is subscribed to, after the change."),
            _number("amount", "Recurring amount per billing period after the change."),
            _text("every", "Billing period: month, quarter or year."),
            _text("currency", "ISO code; empty takes the company's currency."),
            _time("until", "Paid or committed until, UTC."),
            _text("reason", "Reason for the change or end."),
            _text("reason_from", "Where the reason comes from: stated, observed or inferred."),
        ),
    ),
    Kind(
        name="promise",
        noun="promises",
        help="Something was promised for a time; kept when, if it was.",
        keyed=True,
        needs=("due_at",),
        columns=(
            _text("promise", "What was promised: delivery, answer, milestone."),
            _text("about", "Key of the order, contact or subscription it is about."),
            _time("due_at", "Promised for, UTC."),
            _text("due_by", "instant, or day: a promise for a day is kept until that calendar day ends."),
            _time("kept_at", "When it was kept, UTC; empty while it is not."),
            _time("withdrawn_at", "When it was called off, UTC, such as an order cancelled."),
        ),
    ),
    Kind(
        name="telemetry",
        noun="telemetry",
        help="A measurement of the service as the customer met it.",
        keyed=False,
        needs=("name",),
        columns=(
            _text("name", "The indicator, such as checkout_ok."),
            _number("good", "How many went well."),
            _number("total", "How many there were."),
            _number("value", "A measured value, such as seconds."),
        ),
    ),
    Kind(
        name="message",
        noun="messages",
        help="Something we wrote to a customer.",
        keyed=True,
        needs=(),
        columns=(
            _text("channel", "email, in app, letter, social."),
            _text("topic", "What it was about."),
            _text("about", "Key of the contact or order it belongs to."),
            _text("verbatim", "What we wrote."),
        ),
    ),
    Kind(
        name="act",
        noun="acts",
        help="A change the company made: a release, an improvement, a decision, a credit given.",
        keyed=True,
        needs=("name",),
        columns=(
            _text("name", "What was done."),
            _text("by", "Who did it."),
            _text("verbatim", "Why, in a sentence."),
        ),
    ),
    Kind(
        name="profile",
        noun="profiles",
        help="What is known of a person or an account: name, labels, who belongs to whom. Each is a version.",
        keyed=False,
        needs=(),
        columns=(
            _text("name", "Name of the person, or of the account where no person is given."),
            _text("email", "Mail address."),
            _text("role", "The person's role in the account: decision maker, practitioner, community."),
            _text("partner", "The partner through whom the account came."),
        ),
    ),
    Kind(
        name="merge",
        noun="merges",
        help="Two ids are one customer, or are no longer: person or anonymous id into person, account into account.",
        keyed=False,
        needs=("into",),
        columns=(
            _text("into", "The id that stays; `person`, `account` or `anonymous` is the id that goes into it."),
            Column(name="undo", type="truth", help="True takes an earlier merge of these two back."),
        ),
    ),
)

BY_NAME: dict[str, Kind] = {kind.name: kind for kind in KINDS}
BY_NOUN: dict[str, Kind] = {kind.noun: kind for kind in KINDS}
