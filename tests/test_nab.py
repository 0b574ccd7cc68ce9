"""The Numenta benchmark's scoring: its ends, its sigmoid, what is not scored."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def nab(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import nab

    return nab


def series(nab, n=1000, windows=((400, 499),)):
    begin = datetime(2026, 1, 1)
    times = [begin + timedelta(minutes=5 * i) for i in range(n)]
    return nab.of("made up", times, [0.0] * n, [[str(times[a]), str(times[b])] for a, b in windows])


def scores(n, *rows):
    x = np.zeros(n)
    x[list(rows)] = 1.0
    return x


def test_the_first_step_of_every_window_is_100_and_silence_is_0(nab):
    one = series(nab, windows=((400, 499), (700, 799)))

    assert nab.scored([one], [scores(1000, 400, 700)], threshold=0.5).score == pytest.approx(100)
    assert nab.scored([one], [scores(1000)], threshold=0.5).score == 0.0


def test_a_detection_half_way_and_a_false_one_far_behind_count_as_the_sigmoid_says(nab):
    """2 / (1 + e^-2.5) - 1 = .84828 of .98661 (numenta/NAB, nab/sweeper.py); a false one far behind costs .11."""
    late = nab.scored([series(nab)], [scores(1000, 450)], threshold=0.5)
    false = nab.scored([series(nab)], [scores(1000, 400, 900)], threshold=0.5)

    assert late.score == pytest.approx(100 * (0.84828 / 0.98661 + 1) / 2, abs=1e-3)
    assert false.score == pytest.approx(100 * (1 - 0.11 + 1) / 2, abs=1e-3)
    assert (false.found, false.outside) == (1, 1)


def test_the_first_part_of_a_series_is_not_scored(nab):
    assert nab.scored([series(nab)], [scores(1000, 10, 20, 149, 400)], threshold=0.5).score == pytest.approx(100)


def test_the_best_threshold_is_found(nab):
    x = scores(1000, 400) + 0.3 * scores(1000, *range(600, 700))

    found = nab.scored([series(nab)], [x])

    assert (found.score, found.threshold) == (pytest.approx(100), 1.0)
