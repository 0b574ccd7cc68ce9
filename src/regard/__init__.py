"""Regard: the open-source engine for customer-driven growth.

``regard.open(path)`` is the Python door; see `regard.opened`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regard.opened import Company, open  # noqa: A004 the door is called regard.open

__all__ = ["Company", "open"]


def __getattr__(name: str) -> Any:
    """Load the door when it is first used, so that ``regard --help`` stays quick."""
    if name in __all__:
        from regard import opened  # noqa: PLC0415 see above

        return getattr(opened, name)
    raise AttributeError(f"module 'regard' has no attribute {name!r}")
