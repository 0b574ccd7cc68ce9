"""The State of the Customer: chapters made of other questions' findings. It owns no SQL and no statistics."""

QUESTIONS = ("state",)
"""Its questions, in the order of the navigation; each is read when the registry is asked for."""
