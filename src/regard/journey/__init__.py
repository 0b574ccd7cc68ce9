"""Competency 2: the experience as customers live it. Stages, moments, paths, promises."""

QUESTIONS = (
    "map", "paths", "discovered", "variants", "funnel", "friction", "retention", "before_loss", "products", "promises",
)  # fmt: skip
"""Its questions, in the order of the navigation; each is read when the registry is asked for."""
