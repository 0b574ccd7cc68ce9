"""Competency 5, leadership: what to do next, and whether it works. Questions that need several rooms' answers."""

from regard.leadership import priorities, progress

__all__ = ["priorities", "progress"]
