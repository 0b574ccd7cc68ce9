"""The store: a durable inbox of signals, a settled lake of columns, and the small state that says what is true.

Nothing here knows what a signal means: the kinds and their columns are handed in as Arrow schemas.
"""
