"""Competency 2: the experience as customers live it. Stages, moments, paths, promises."""

from regard.journey import map, promises

__all__ = ["map", "promises"]
