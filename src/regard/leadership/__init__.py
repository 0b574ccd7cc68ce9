"""Competency 5, leadership: what to do next, and whether it works. Questions that need several rooms' answers."""

QUESTIONS = ("priorities", "progress", "proof", "policies")
"""Its questions, in the order of the navigation; each is read when the registry is asked for."""
