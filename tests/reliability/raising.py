"""Detectors that say what a test tells them to, and rounds at moments of the test's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from regard.delivery import outbox
from regard.delivery.receivers import add_receiver
from regard.reliability.detectors import Detector
from regard.reliability.raised import AtStake, Certainty, Raised, Who
from regard.reliability.rounds import look
from regard.signals.workspace import Workspace
from regard.store import alerts

BEGAN = datetime(2026, 11, 24, 14, 10, tzinfo=UTC)
CAUSE = "disruption:checkout:plan=Team,region=Brazil"


def raised(cause=CAUSE, count=312, *, slice_=None, kind="disruption", customers=("c1", "c2", "c3"), **more):
    return Raised(
        cause=cause,
        kind=kind,
        what=more.pop("what", "cannot pay"),
        who=Who(
            words=more.pop("words", f"{count} customers on the Team plan in Brazil"),
            count=count,
            customers=customers,
            slice={"plan": "Team", "region": "Brazil"} if slice_ is None else slice_,
        ),
        since=more.pop("since", BEGAN),
        next_step="Ask the payment team what changed at 14:10.",
        certainty=Certainty(words="Chance alone would show this once in 40 months.", chance=0.0008),
        at_stake=AtStake(words="€ 41,000 a year", amount=41000.0, currency="EUR"),
        **more,
    )


class Says:
    """A detector that says what it is told to; what it is told may be an error."""

    def __init__(self, *said, name="said", lingers=timedelta(0), needs=()):
        self.said = list(said)
        self.detector = Detector(
            name=name, title=name, help="", kinds=("disruption",), needs=needs, lingers=lingers, detect=self.detect
        )

    def detect(self, *, looking):
        for each in self.said:
            if isinstance(each, BaseException):
                raise each
            yield each


class Watched:
    """A workspace with one receiver and one detector, whose clock the test moves."""

    def __init__(self, root, view, **more):
        self.workspace = Workspace.open(root)
        self.view = view
        self.says = Says(**more)
        self.now = BEGAN + timedelta(minutes=20)
        add_receiver(self.workspace, name="ops", address="ops@example.com")

    def round(self, *said, minutes=1, detectors=None):
        self.now += timedelta(minutes=minutes)
        self.says.said = list(said)
        chosen = detectors or [self.says.detector]
        return look(self.workspace, view=self.view, now=self.now, detectors_=chosen)

    def alerts(self):
        with self.workspace.state.reading() as connection:
            return alerts.open_of(connection)

    def history(self, alert=1):
        with self.workspace.state.reading() as connection:
            return [row["what"] for row in alerts.history(connection, alert)]

    def messages(self):
        with self.workspace.state.reading() as connection:
            return [m.type for m in reversed(outbox.listed(connection))]
