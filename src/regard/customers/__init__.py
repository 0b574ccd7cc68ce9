"""Competency 1: customers as assets. Does the base grow or shrink, in count and value, and why?"""

QUESTIONS = ("customer", "ledger", "list", "reasons", "losses", "value", "renewals")
"""Its questions, in the order of the navigation; each is read when the registry is asked for."""
