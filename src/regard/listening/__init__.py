"""Competency 3, listening: what customers say, what drives it, what they ask help with, in their own words."""

from regard.listening import contacts, drivers, scores, verbatims

__all__ = ["contacts", "drivers", "scores", "verbatims"]
