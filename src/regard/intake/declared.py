"""What the company declares of OpenTelemetry, as far as the intake needs it: read again when the file changes."""

from __future__ import annotations

import time
from pathlib import Path

from regard.errors import RegardError
from regard.signals.declarations import OpenTelemetry
from regard.signals.workspace import DECLARATIONS, declarations_text, parse_declarations
from regard.sources.otlp import Rules

LOOK_SECONDS = 1.0


class Declared:
    """The rules in force.

    Args:
        workspace: Its directory.
    """

    def __init__(self, workspace: Path) -> None:
        self._path = workspace / DECLARATIONS
        self._looked, self._seen = float("-inf"), -1
        self._given, self._rules = OpenTelemetry(), Rules(OpenTelemetry())

    def rules(self) -> Rules:
        """The rules; those before while the file cannot be read, which whoever edits it is told elsewhere."""
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._look()
        return self._rules

    def _look(self) -> None:
        try:
            seen = self._path.stat().st_mtime_ns
            if seen == self._seen:
                return
            given = parse_declarations(declarations_text(self._path), where=str(self._path)).opentelemetry
        except (OSError, RegardError):
            return
        self._seen = seen
        if given != self._given:
            self._given, self._rules = given, Rules(given)
