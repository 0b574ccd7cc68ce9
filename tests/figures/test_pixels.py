"""Figures as PNG: colours as a browser mixes them, nothing left that a rasteriser does not know, help without one."""

import sys

import pytest

from regard.errors import BadInput
from regard.figures import Distribution, stacked, standalone
from regard.figures.pixels import mixed, plain, png

FIGURE = stacked([Distribution(label="all", parts=(1, 1, 2))], ("detractor", "passive", "promoter"), title="NPS +25")


def test_mixed_colours_are_those_of_css():
    """By hand: white and black in equal parts have lightness .5, so .5 cubed of the light, 99 of 255 when encoded."""
    assert mixed("#ffffff", 0.5, "#000000") == "#636363"
    assert mixed("#2f8983", 1.0, "#000000") == "#2f8983"


def test_nothing_is_left_that_needs_a_browser():
    text = plain(standalone(FIGURE))

    assert not any(word in text for word in ("var(", "@media", "@layer", "@container", "color-mix"))
    assert text.count("{") == text.count("}")


def test_an_image_of_twice_the_drawings_size_is_made_in_its_colours():
    pytest.importorskip("resvg_py")
    image = png(FIGURE)

    assert image.startswith(b"\x89PNG")
    assert int.from_bytes(image[16:20], "big") == 2 * (FIGURE.width + 40)


def test_without_the_rasteriser_the_next_step_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)

    with pytest.raises(BadInput) as caught:
        png(FIGURE)

    assert "regard[png]" in caught.value.hint
    assert ".svg" in caught.value.hint
