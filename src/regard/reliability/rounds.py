"""A round: every detector looks once, and alerts are opened, updated and ended by what it says.

One alert per cause. It is opened once, told once, updated while it lasts and told again only when it has grown, ended
when its detector no longer says it, and opened again, not anew, where it comes back within days. What a detector's look
changes is one transaction, with the messages it puts in the outbox: a round that is killed anywhere is finished by the
next, and nothing is told twice. Two rounds never run at the same time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from typing import TYPE_CHECKING, Any

from regard import wording
from regard.errors import Refusal, RegardError
from regard.reliability.book import Book
from regard.reliability.detectors import Detector, Looking, detectors
from regard.reliability.raised import Raised, check
from regard.signals.kinds import BY_NAME
from regard.store import alerts, disk
from regard.store.state import write_meta

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from regard.signals.ask import View
    from regard.signals.workspace import Workspace

LOCK = "alerts.lock"
LOOKED = "looked"
"""Word of state: the log position and moment of the last round, and the seconds it took."""

OLD = timedelta(days=7)
"""A log whose last signal is older is an old export: detectors look at its end, not at today."""

LONGEST_REASON = 300


@dataclass(frozen=True, kw_only=True)
class Look:
    """How one detector's look went.

    Attributes:
        detector: Its name.
        outcome: looked, waits (something it needs is not there), refused or failed.
        reason: Why, where it did not look; what it would have seen, where it says so.
        raised: Causes it said.
        seconds: How long it took.
    """

    detector: str
    outcome: str
    reason: str = ""
    raised: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Round:
    """What a round changed, and how each detector's look went."""

    looks: tuple[Look, ...] = ()
    opened: int = 0
    grew: int = 0
    ended: int = 0
    reopened: int = 0
    messages: int = 0


def look(
    workspace: Workspace,
    *,
    view: View,
    now: datetime | None = None,
    detectors_: Sequence[Detector] | None = None,
    wait: float = 0.0,
) -> Round:
    """Run a round.

    Args:
        workspace: Whose alerts.
        view: Its log at one settled position.
        now: The moment; empty takes the clock.
        detectors_: Who looks; empty takes every registered one.
        wait: Seconds to wait for a round that is running.

    Raises:
        Busy: Another round is running.
    """
    now = now or datetime.now(UTC)
    chosen = detectors() if detectors_ is None else tuple(detectors_)
    total: dict[str, int] = {}
    looks, began = [], time.perf_counter()
    with disk.locked(workspace.root / LOCK, what="looking for alerts", wait=wait):
        for detector in chosen:
            found = _one(workspace, detector, Looking(view=view, now=_moment(view, now)), now=now, total=total)
            looks.append(found)
        with _book(workspace, view, now, total) as book:
            book.leave({d.name for d in chosen})
            took = time.perf_counter() - began
            write_meta(book.connection, LOOKED, f"{view.position} {now.isoformat(timespec='microseconds')} {took:.1f}")
    return Round(looks=tuple(looks), **total)


def _moment(view: View, now: datetime) -> datetime:
    """The moment to look at: now, or the end of an old export."""
    end = datetime.combine(view.last_day() + timedelta(days=1), clock(), tzinfo=UTC)
    return now if now - end < OLD else end


def _one(workspace: Workspace, detector: Detector, looking: Looking, *, now: datetime, total: dict[str, int]) -> Look:
    """Have one detector look; keep what it changes in one transaction."""
    began = time.perf_counter()
    found: dict[str, Raised] | None = None
    outcome, reason = "looked", ""
    try:
        if lacking := _lacking(detector, looking.view):
            outcome, reason = "waits", f"It needs {lacking}."
        else:
            found = {raised.cause: check(raised) for raised in detector.detect(looking=looking)}
            reason = " ".join(looking.said)
    except Refusal as refusal:
        outcome, reason = "refused", refusal.message
    except RegardError as error:
        outcome, reason = "failed", error.message
    except Exception as error:  # noqa: BLE001 - whatever a detector meets, the others look
        outcome, reason = "failed", f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - began
    result = Look(
        detector=detector.name,
        outcome=outcome,
        reason=reason[:LONGEST_REASON],
        raised=len(found or ()),
        seconds=seconds,
    )
    with _book(workspace, looking.view, now, total) as book:
        if found is not None:
            book.reconcile(detector.name, found, lingers=detector.lingers)
        _keep(book.connection, result, now=now, position=looking.view.position)
    return result


def _lacking(detector: Detector, view: View) -> str:
    """What a detector needs and is not there; empty where everything is."""
    for need in detector.needs:
        kinds = [kind for kind in need.split("|") if kind in BY_NAME]
        if kinds and not any(view.count(kind) for kind in kinds):
            return wording.listed([wording.many(kind) for kind in kinds], last="or")
        if not kinds and not _declared(view, need):
            return f"the declaration {need}"
    return ""


def _declared(view: View, need: str) -> bool:
    value: Any = view.in_force
    for part in need.split("."):
        value = getattr(value, part, None)
    return value not in (None, "", ())


def _keep(connection: Connection, look_: Look, *, now: datetime, position: int) -> None:
    before = alerts.looks(connection).get(look_.detector)
    at = now.isoformat(timespec="microseconds")
    same = before is not None and before["outcome"] == look_.outcome
    row = {
        "detector": look_.detector, "at": at, "position": position, "outcome": look_.outcome, "reason": look_.reason,
        "since": before["since"] if before and same else at, "raised": look_.raised, "seconds": look_.seconds,
    }  # fmt: skip
    alerts.looked(connection, row)


@contextmanager
def _book(workspace: Workspace, view: View, now: datetime, total: dict[str, int]) -> Iterator[Book]:
    """A transaction over the alerts; what it changed is added to the round's counts once it is committed."""
    with workspace.state.writing() as connection:
        book = Book(connection, now=now, zone=view.declarations.time_zone, answers=alerts.answers(connection))
        yield book
    for name, n in book.counts.items():
        total[name] = total.get(name, 0) + n
