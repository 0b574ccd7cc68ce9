"""Competency 2: the experience as customers live it. Stages, moments, paths, promises."""

from regard.journey import promises

__all__ = ["promises"]
