"""Competency 1: customers as assets. Does the base grow or shrink, in count and value, and why?"""

from regard.customers import ledger, losses

__all__ = ["ledger", "losses"]
