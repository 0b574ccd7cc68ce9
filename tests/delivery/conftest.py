"""What tests of delivery share: a receiver that behaves as asked, and a clock they move."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
