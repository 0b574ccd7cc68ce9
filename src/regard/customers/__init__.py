"""Competency 1: customers as assets. Does the base grow or shrink, in count and value, and why?"""

from regard.customers import customer, ledger, list, losses  # noqa: A004 (questions are named as people say them)

__all__ = ["customer", "ledger", "list", "losses"]
