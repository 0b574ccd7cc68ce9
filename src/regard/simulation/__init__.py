"""The made-up company, with its truth: Proof & Crumb, which never baked a loaf.

`simulate` gives its signals in chunks, `sample` the small one that tests use, `truth` what is really going on in it,
`declarations` what it declares, and `run_simulation` puts it into a workspace through the same door as anyone's data.
"""

from __future__ import annotations

from regard.simulation.chunks import Chunk, sample, simulate
from regard.simulation.company import declarations
from regard.simulation.plants import Plant, Plants
from regard.simulation.running import run_simulation
from regard.simulation.truth import UNTIL, Truth, truth

__all__ = [
    "UNTIL",
    "Chunk",
    "Plant",
    "Plants",
    "Truth",
    "declarations",
    "run_simulation",
    "sample",
    "simulate",
    "truth",
]
