"""Competency 4: know before customers tell you. Which of them are disrupted now, even while the total looks fine."""

QUESTIONS: tuple[str, ...] = ("served", "disruptions", "watch", "promises_ahead", "odd_behaviour")
"""Its questions, in the order of the navigation; each is read when the registry is asked for."""

DETECTORS: tuple[str, ...] = ("disruptions", "watch", "promises_ahead", "odd_behaviour")
"""Its modules that hold a detector (`reliability.detectors`), in the order they are run."""
