"""Watching as a process: detectors look when something was settled, and once an hour; messages that are due are sent.

Started by the supervisor when there is something to look at or to send, so that neither pages nor settling wait for it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from regard.web.pulse import pulse, watched

if TYPE_CHECKING:
    from regard.opened import Company
    from regard.web.pulse import Pulse, Watched

NICE = 8
"""Watching gives way to settling, and to what people wait for."""

APART = timedelta(seconds=60)
"""Rounds while signals come begin no closer together."""

SHARE = 20
"""Nor closer than so many times what the last one took: looking at a large log may take a twentieth of the time."""

AT_LEAST = timedelta(hours=1)
"""So often detectors look though nothing came: what did not happen is news, too."""

LINGER_SECONDS = 6.0
LOOK_SECONDS = 0.5


def has_to_watch(now: Pulse, seen: Watched, moment: datetime) -> bool:
    """Whether there is something to look at or to send.

    Args:
        now: How far the log is.
        seen: When detectors last looked, and when a message is due.
        moment: The time.
    """
    return has_to_look(now, seen, moment) or (seen.due is not None and seen.due <= moment)


def has_to_look(now: Pulse, seen: Watched, moment: datetime) -> bool:
    """Whether detectors have to look: something was settled since, or an hour has passed."""
    if not now.generation:
        return False
    if seen.at is None:
        return True
    since = moment - seen.at
    apart = max(APART, SHARE * timedelta(seconds=seen.seconds))
    return since >= AT_LEAST or (now.position != seen.position and since >= apart)


def main() -> None:
    """Watch the workspace named on the command line until nothing is to be looked at or sent."""
    from regard.errors import Busy, RegardError
    from regard.opened import Company
    from regard.signals.workspace import Workspace

    os.nice(NICE)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with Company(Workspace.open(Path(sys.argv[1]), create=False)) as company:
            _watch(company)
    except Busy:
        sys.exit(0)  # somebody else looks or sends
    except RegardError as error:
        sys.stderr.write(f"regard: watching stopped: {error}\n")
        sys.exit(error.exit_code)


def _watch(company: Company) -> None:
    until = time.monotonic() + LINGER_SECONDS
    while time.monotonic() < until:
        if _once(company):
            until = time.monotonic() + LINGER_SECONDS
        else:
            time.sleep(LOOK_SECONDS)


def _once(company: Company) -> bool:
    """Look and send where that is due; whether anything was."""
    from regard.delivery.sending import send_due
    from regard.reliability.rounds import look

    root, moment = company.workspace.root, datetime.now(UTC)
    seen = watched(root)
    looks = has_to_look(pulse(root), seen, moment)
    if looks:
        company.refresh()
        done = look(company.workspace, view=company.view)
        for each in done.looks:
            if each.outcome == "failed":
                sys.stderr.write(f"regard: {each.detector} could not look: {each.reason}\n")
        sys.stderr.flush()
    due = looks or (seen.due is not None and seen.due <= moment)
    if due:
        send_due(company.workspace)
    return due


if __name__ == "__main__":
    main()
