"""What the calibration table tells besides how often an interval held: its bias and its 80 %, on known truths."""

import importlib.util
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from regard.statistics.estimates import Estimate, around, refusal

HERE = Path(__file__).parent


def loaded(name, stem):
    spec = importlib.util.spec_from_file_location(name, HERE / f"{stem}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


table = loaded("calibration_table", "truths")
held = sys.modules["held"]
RUNS = 4000


def within_chance(achieved, expected, runs=RUNS):
    return abs(achieved - expected) <= 3 * math.sqrt(expected * (1 - expected) / runs)


def test_an_estimate_that_is_half_a_standard_deviation_off_has_that_bias_and_the_coverage_the_normal_gives():
    """Phi(z - .5) - Phi(-z - .5): .9211 of the 95 % interval, .7453 of the 80 %."""
    draws = np.random.default_rng(1).normal(10.5, 1.0, RUNS)
    told = held.summed([held.held(around(x, 1.0, n=50, method="normal"), 10.0) for x in draws])
    assert told.bias == pytest.approx(0.5, abs=3 / math.sqrt(RUNS))
    assert within_chance(told.achieved, 0.9211)
    assert within_chance(told.narrow, 0.7453)


def test_an_estimate_without_bias_is_told_none_whatever_its_unit():
    draws = np.random.default_rng(2).normal(0.0, 250.0, RUNS)
    told = held.summed([held.held(around(x, 250.0, n=50, method="normal"), 0.0) for x in draws])
    assert abs(told.bias) < 3 / math.sqrt(RUNS)
    assert within_chance(told.narrow, 0.8)


def test_an_interval_that_is_not_so_many_errors_wide_has_no_80_percent_until_it_is_asked_at_that_level():
    lopsided = Estimate(value=2.0, low=1.0, high=6.0, error=1.0, centre=2.0, n=9, effective=9.0)
    assert math.isnan(held.held(lopsided, 1.5).narrow)
    asked = held.held(lopsided, 1.5, lambda level: held.Ends(2.0, 1.6, 4.0) if level == 0.8 else None)
    assert (float(asked), asked.narrow, asked.miss) == (1.0, 0.0, 0.5)


def test_a_refusal_counts_as_the_row_says_and_in_neither_bias_nor_80_percent():
    answered = [held.held(around(x, 1.0, n=9, method="normal"), 0.0) for x in (1.0, 3.0)]
    refused = held.held(refusal("too few", n=2), 0.0, refused=1.0)
    told = held.summed([*answered, refused, refused])
    assert (told.achieved, told.narrow, told.runs, told.refused) == (0.75, 0.5, 4, 2)
    assert told.bias == pytest.approx(2.0 / math.sqrt(2.0))


def test_bare_numbers_have_neither_bias_nor_80_percent():
    told = held.summed([1.0, 0.0, 1.0, 1.0])
    assert told.achieved == 0.75
    assert math.isnan(told.bias)
    assert math.isnan(told.narrow)


def test_every_row_that_promises_coverage_tells_its_80_percent_or_has_no_interval():
    """The exceptions are a chance and a share of shares; that of money is refused too often to tell in a few runs."""
    bare = {"pays_as_often_as_told", "coverage_on_the_own_data", "money_in_unequal_arms"}
    cheap = [
        c for c in table.CASES if c.kind == "covers" and c.room in {"listening/scores", "journey/map", "try/churn"}
    ]
    assert [c.name for c in cheap if c.name not in bare and math.isnan(c.numbers(min(c.runs, 2)).narrow)] == []


def test_the_table_is_the_same_from_two_processes_and_in_the_order_of_the_cases():
    command = [sys.executable, str(HERE / "truths.py"), "30", "--processes", "2", "--only", "_stays_"]
    told = subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONWARNINGS": "error"}
    )
    lines = [line for line in told.stdout.splitlines() if line.startswith("|")]
    cases = [c for c in table.CASES if "_stays_" in c.name]
    assert [cell.strip() for cell in lines[0].strip("|").split("|")] == [
        "room", "method", "truth", "kind", "nominal", "achieved", "at .80", "bias", "runs",
    ]  # fmt: skip
    assert lines[2:] == [table.row(c, c.numbers(30)) for c in cases]
    assert {line.count("|") for line in lines} == {10}
    assert f"{len(cases)} of {len(cases)}, about 0 minutes left" in told.stderr
