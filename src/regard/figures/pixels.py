"""A figure as PNG. The rasteriser is optional; what it does not know of CSS (tokens, mixed colours) is settled here."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from regard.errors import BadInput
from regard.figures.figure import Figure, standalone

FACES = "Inter, 'Helvetica Neue', Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
"""The first of these that the machine has; a page brings its own, an image cannot."""
_VARIABLE = re.compile(r"--([a-z]+):\s*(#[0-9a-f]{6})")
_MIXED = re.compile(r"color-mix\(in oklab, (#[0-9a-f]{6}) (\d+)%, (#[0-9a-f]{6})\)")
_LMS = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                 [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
_LAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                 [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip


def png(figure: Figure, *, scale: float = 2.0) -> bytes:
    """The figure as a PNG image, in light colours.

    Args:
        figure: Any figure.
        scale: Pixels for each of the drawing's own units.

    Raises:
        BadInput: The rasteriser is not installed.
    """
    try:
        import resvg_py  # noqa: PLC0415  optional
    except ImportError as error:
        raise BadInput(
            "PNG needs a rasteriser that is not installed.",
            where="--figure",
            hint="Install it: pip install 'regard[png]'. Or write the figure as .svg, which needs nothing.",
        ) from error
    drawn = resvg_py.svg_to_bytes(svg_string=plain(standalone(figure)), zoom=scale)
    return bytes(drawn)


def plain(svg: str) -> str:
    """An SVG whose style needs no browser: light colours put in, mixed colours computed, rules for screens left out."""
    svg = re.sub(r"@(?:media|container)[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", svg)
    svg = re.sub(r"@layer \w+ \{(.*)\}(\s*</style>)", r"\1\2", svg, flags=re.DOTALL)
    colours: dict[str, str] = dict(reversed(_VARIABLE.findall(svg)))
    svg = re.sub(r"var\(--([a-z]+)(?:, ([^()]*))?\)", lambda m: colours.get(str(m[1]), m[2] or "none"), svg)
    svg = re.sub(r"font-family:[^;}]*", f"font-family: {FACES}", svg)
    return _MIXED.sub(lambda m: mixed(m[1], int(m[2]) / 100, m[3]), svg)


def mixed(first: str, share: float, second: str) -> str:
    """Two colours mixed in the Oklab space, as CSS does it. Reference: Ottosson (2020), A perceptual color space."""
    lab = share * _lab(first) + (1 - share) * _lab(second)
    linear = np.linalg.solve(_LMS, np.linalg.solve(_LAB, lab) ** 3).clip(0, 1)
    shown = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * float(c)):02x}" for c in shown)


def _lab(colour: str) -> NDArray[np.float64]:
    shown = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
    found: NDArray[np.float64] = _LAB @ np.cbrt(_LMS @ linear)
    return found
