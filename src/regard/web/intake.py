"""(being written)"""

from __future__ import annotations

from typing import Any


def operations(desk: Any) -> dict[str, Any]:
    return {}
