"""Competency 3, listening: what customers say, what drives it, what they ask help with, in their own words."""

from regard.listening import drivers, scores

__all__ = ["drivers", "scores"]
