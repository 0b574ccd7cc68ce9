"""The State of the Customer: chapters made of other questions' findings. It owns no SQL and no statistics."""

from regard.report import state

__all__ = ["state"]
