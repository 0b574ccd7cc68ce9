"""Competency 3, listening: what customers say, what drives it, what they ask help with, in their own words."""

QUESTIONS = ("contacts", "deflection", "disconnects", "drivers", "scores", "silence", "verbatims")
"""Its questions, in the order of the navigation; each is read when the registry is asked for."""
