"""Competency 3, listening: what customers say, what drives it, what they ask help with, in their own words."""

from regard.listening import scores

__all__ = ["scores"]
