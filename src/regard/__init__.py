"""Regard: the open-source engine for customer-driven growth."""
