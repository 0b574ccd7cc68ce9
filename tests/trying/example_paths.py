"""The same six hundred customers as for the journey: where they go from the help page."""

import importlib.util
from pathlib import Path

_spec = importlib.util.spec_from_file_location("example_journey", Path(__file__).with_name("example_journey.py"))
_beside = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_beside)

FILES = {"events.csv": _beside.events}
FILE = "events.csv"
OPTIONS = {"customer": "user", "time": "at", "event": "name", "from_": "help opened", "before_after": "2026-03-01"}
NUMBER = "time"
