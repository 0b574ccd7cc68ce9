"""What an argument takes is told as a person would."""

from typing import Annotated, Literal

import pytest
from msgspec import Meta

from regard.wanted import wanted

SAID = [
    (Annotated[int, Meta(ge=1, le=8)], "a whole number from 1 to 8"),
    (Annotated[int, Meta(ge=1)], "a whole number of 1 or more"),
    (Annotated[Annotated[int, Meta(le=5)] | None, Meta(description="How many.")], "a whole number up to 5"),
    (Annotated[float, Meta(gt=0, lt=1)], "a number above 0 and below 1"),
    (float, "a number"),
    (Annotated[Literal["voices", "customers", "value"], Meta(description="By.")], "one of customers, value or voices"),
    (Literal["", "now"], "now alone"),
    (bool, "true or false"),
    (str, ""),
]


@pytest.mark.parametrize(("annotation", "said"), SAID, ids=[said for _, said in SAID])
def test_what_is_taken_is_told_in_words(annotation, said):
    assert wanted(annotation) == said
