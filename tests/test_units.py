"""What a number counts follows from what its field says."""

from typing import Annotated

import numpy as np
import pytest
from msgspec import Meta, Struct

from regard.findings import encoded
from regard.sheets import text_of
from regard.units import Counted, by_row, described, settled


class Row(Struct, kw_only=True):
    """One row."""

    measured_in: Annotated[str, Meta(description="What the measure is.")] = ""
    value: Annotated[float, Meta(description="The measure.", extra={"unit": "measured"})]
    share: Annotated[float, Meta(description="Share of those there.")]
    low: Annotated[float, Meta(description="Lower end of its interval.")]
    median_seconds: Annotated[float, Meta(description="Median seconds since the step before.")]


def test_words_tell_the_unit():
    assert Counted("a", "Share of those there.").unit == "share"
    assert Counted("a", "Median seconds since the step before.").unit == "seconds"
    assert Counted("a", "In the currency of every value.").unit == "money"
    assert Counted("n", "How many.", whole=True).unit == "count"
    assert Counted("a", "Mean.", declared="points").unit == "points"


def test_the_end_of_an_interval_has_the_unit_of_what_it_is_of():
    fields = [Counted("share", "Share."), Counted("low", "Lower end."), Counted("share_before", "Before.")]

    assert settled(fields) == ["share", "share", "share"]


def test_a_declared_unit_is_found_through_an_optional_field():
    assert described(Annotated[float | None, Meta(description="X.", extra={"unit": "measured"})]) == ("X.", "measured")
    assert described(Annotated[float, Meta(description="X.")] | None) == ("X.", "")


def test_a_unit_may_hang_on_the_row():
    assert [by_row("measured", how) for how in ("share", "days", "score")] == ["share", "days", "number"]
    assert by_row("difference", "days") == "share"
    assert by_row("seconds", "days") == "seconds"


def test_a_terminal_writes_each_number_as_people_do():
    rows = (
        Row(measured_in="days", value=2.5, share=0.5, low=0.251, median_seconds=7200),
        Row(measured_in="share", value=0.1, share=0.333, low=0.2, median_seconds=40),
    )
    head, first, second = (line.split("  ") for line in text_of(rows, Row, width=100))

    assert [w.strip() for w in head if w.strip()] == ["value", "share", "low", "median"]
    assert [w.strip() for w in first if w.strip()] == ["2.5 days", "50\xa0%", "25\xa0%", "2\xa0h"]
    assert [w.strip() for w in second if w.strip()] == ["10\xa0%", "33\xa0%", "20\xa0%", "40\xa0s"]


def test_a_number_of_an_arrays_type_is_written_as_that_number():
    row = Row(value=np.float64(0.5), share=np.float32(0.25), low=np.int64(1), median_seconds=0.0)

    assert b'"value":0.5,"share":0.25,"low":1' in encoded(row)
    with pytest.raises(NotImplementedError, match="Path"):
        encoded(type("Path", (), {})())
