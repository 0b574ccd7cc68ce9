"""Competency 2: the experience as customers live it. Stages, moments, paths, promises."""

from regard.journey import map, promises  # noqa: A004 (questions are named as people say them)

__all__ = ["map", "promises"]
