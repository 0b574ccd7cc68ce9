"""Disrupted subsets: exact names on a public set beside RiskLoc, names on small counts, 50,000 cells."""

from __future__ import annotations

import csv
import importlib.util
import os
import sys
import time
from pathlib import Path

import numpy as np
from pyarrow import parquet

from benchmarks.measuring import Row
from benchmarks.peers import NoPeers, ask
from regard.simulation.cubes import World, made
from regard.statistics.additive import explain
from regard.statistics.cuboids import cube
from regard.statistics.expectations import expected_of
from regard.statistics.naming import contrast, name
from regard.statistics.peeling import disruptions

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared/data/rca_squeeze_b0"
RISKLOC = "REGARD_RISKLOC"
"""Environment variable: a checkout of github.com/shaido987/riskloc (MIT)."""
COMMAND = "python -m benchmarks subsets"
SETTINGS = {"(1,1)": "layer1_elements1", "(2,2)": "layer2_elements2", "(3,3)": "layer3_elements3"}
EVERY = 4
"""Of so many cases one goes to RiskLoc, too."""
NAMES = 200
SCRIPT = """
import pandas as pd
sys.path.insert(0, str(given["where"]))
from algorithms.riskloc import riskloc
seconds, answers = [], []
for case in np.unique(given["case"]):
    own = given["case"] == case
    frame = pd.DataFrame(given["codes"][own], columns=list("abcd")).astype(str)
    frame["real"], frame["predict"] = given["real"][own], given["due"][own]
    began = time.process_time()
    found = riskloc(frame, list("abcd"))
    seconds.append(time.process_time() - began)
    answers.append([[[c, str(v)] for c, v in zip(f["cuboid"], e)] for f in found for e in f["elements"]])
told(sum(seconds) / len(seconds), answers)
"""


def measure() -> list[Row]:
    """All rows; those of the public set where it is beside the project."""
    return [*_public(), *_names(), *_large()]


class _Setting:
    """One setting of the public set: leaves, values and true elements per case."""

    def __init__(self, stem: str) -> None:
        table = parquet.read_table(DATA / f"{stem}.parquet")
        columns = [table[c].combine_chunks() for c in "abcd"]
        self.words = [c.dictionary.to_pylist() for c in columns]
        self.codes = np.column_stack([c.indices.to_numpy() for c in columns]).astype(np.int64)
        self.real, self.due = (table[c].to_numpy().astype(float) for c in ("real", "predict"))
        self.case = np.unique(table["timestamp"].to_numpy(), return_inverse=True)[1]
        stamps = np.unique(table["timestamp"].to_numpy())
        with (DATA / f"{stem}_labels.csv").open() as file:
            labels = {int(r["timestamp"]): r["set"] for r in csv.DictReader(file)}
        self.truth = [{frozenset(e.split("&")) for e in labels[int(t)].split(";")} for t in stamps]

    def elements(self, values) -> frozenset:
        return frozenset(f"{'abcd'[d]}={self.words[d][v]}" for d, v in values)


def _own(setting: _Setting, noise: float) -> tuple[list[set], list[float]]:
    rng, answers, seconds = np.random.default_rng(1), [], []
    for case in range(len(setting.truth)):
        held = np.flatnonzero(setting.case == case)
        held = held[(setting.real[held] != 0) | (setting.due[held] != 0)]
        real, due = setting.real[held], setting.due[held]
        if noise:
            real = np.maximum(real * (1 + noise * rng.normal(size=len(real))), 0)
        began = time.process_time()
        whole = cube(setting.codes[held])
        found = explain(whole, real, due)
        seconds.append(time.process_time() - began)
        answers.append({setting.elements(whole.values(e.cell).items()) for e in found.elements})
    return answers, seconds


def _f1(answers: list[set], truth: list[set]) -> float:
    right = sum(len(a & t) for a, t in zip(answers, truth, strict=True))
    off = sum(len(a ^ t) for a, t in zip(answers, truth, strict=True))
    return 2 * right / (2 * right + off)


def _public() -> list[Row]:
    if not DATA.exists():
        why = "not run: rca_squeeze_b0 is not beside the project (../shared/data)"
        return [Row(name="causes of the public set", figure=why, target="F1 .99", met=None, command=COMMAND)]
    rows = []
    for label, stem in SETTINGS.items():
        setting = _Setting(stem)
        cases = len(setting.truth)
        for noise, least in ((0.0, 0.99), (0.2, 0.97)):
            answers, seconds = _own(setting, noise)
            f1, each = _f1(answers, setting.truth), 1000 * float(np.mean(seconds))
            about = f"{label}, {noise:.0%} leaf noise added" if noise else label
            rows.append(Row(
                name=f"causes found exactly, {about}: {cases} cases", figure=f"F1 {f1:.3f}, {each:.0f} ms a case",
                target=f"F1 {least}, 30 ms", met=f1 >= least and each <= 30, command=COMMAND, runs=seconds,
                note="CPU time, cells included",
            ))  # fmt: skip
            if not noise:
                rows.append(_beside(label, setting, answers, seconds))
    return rows


def _beside(label: str, setting: _Setting, answers: list[set], seconds: list[float]) -> Row:
    """RiskLoc on every fourth case of the setting, its own defaults."""
    where = os.environ.get(RISKLOC, "")
    target = "for comparison"
    told = {"name": f"RiskLoc on every {EVERY}th case of {label}", "target": target, "met": None, "command": COMMAND}
    if not where:
        return Row(**told, figure=f"not run: {RISKLOC} names no checkout of github.com/shaido987/riskloc")
    some = np.arange(0, len(setting.truth), EVERY)
    held = np.isin(setting.case, some)
    try:
        done = ask(SCRIPT, where=where, case=setting.case[held], codes=setting.codes[held], real=setting.real[held],
                   due=setting.due[held])  # fmt: skip
    except NoPeers as why:
        return Row(**told, figure=f"not run: {why}")
    found = [{setting.elements(("abcd".index(c), int(v)) for c, v in e) for e in case} for case in done["answer"]]
    truth = [setting.truth[i] for i in some]
    own, mine = _f1([answers[i] for i in some], truth), float(np.mean([seconds[i] for i in some]))
    figure = f"F1 {_f1(found, truth):.3f}, {1000 * done['seconds']:.0f} ms a case; ours {own:.3f}, {1000 * mine:.0f} ms"
    return Row(**told, figure=figure, note=f"{done['seconds'] / mine:.0f} times our CPU time on the same cases")


def _truths():
    """The simulated worlds that calibration measures on."""
    spec = importlib.util.spec_from_file_location("truths_subsets", ROOT / "tests/calibration/truths_subsets.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _names() -> list[Row]:
    truths, rows = _truths(), []
    for kind, shock, uneven, first, three, about in (
        ("one", 0.1, 0.25, 0.7, 0.9, "one combination, shocks .1, uneven .25"),
        ("one", 0.0, 0.25, None, None, "one combination, no shocks, uneven .25"),
        ("one", 0.2, 0.25, None, None, "one combination, shocks .2, uneven .25"),
        ("one", 0.1, 0.6, None, None, "one combination, shocks .1, uneven .6"),
        ("child", 0.1, 0.25, None, None, "a part hit 6 times, its rest twice"),
        ("values", 0.1, 0.25, None, None, "two or three values of one dimension"),
    ):
        rng, own, pilot, seconds = np.random.default_rng(90), [], [], []
        for _ in range(NAMES):
            drawn = truths.planted(rng, kind, shock, uneven)
            began = time.process_time()
            expected = expected_of(drawn.cube, drawn.past)
            found = name(drawn.cube, drawn.past, expected)
            seconds.append(time.process_time() - began)
            own.append(_rank([n.leaves for n in found.ranked], drawn))
            pilot.append(_pilot(drawn, expected))
        at = [np.mean([r < k for r in own]) for k in (1, 3)]
        then = [np.mean([r < k for r in pilot]) for k in (1, 3)]
        rows.append(Row(
            name=f"names of {NAMES} made-up incidents in small counts: {about}",
            figure=f"first {at[0]:.2f}, within three {at[1]:.2f}; {1000 * np.mean(seconds):.0f} ms",
            target=f"first {first}, within three {three}" if first else "for comparison",
            met=bool(at[0] >= first and at[1] >= three) if first else None, command=COMMAND, runs=seconds,
            note=f"contrast with 3 nats a dimension (the pilot's) on the same: {then[0]:.2f}, {then[1]:.2f}",
        ))  # fmt: skip
    return rows


def _rank(names: list, drawn) -> int:
    return next((i for i, leaves in enumerate(names) if np.array_equal(leaves, drawn.hit)), 9)


def _pilot(drawn, expected) -> int:
    nats, _, _ = contrast(drawn.cube, drawn.past, expected)
    order = np.argsort(-(nats - 3 * drawn.cube.depth), kind="stable")[:3]
    masks = []
    for cell in order:
        masks.append(np.zeros(len(drawn.hit), bool))
        masks[-1][drawn.cube.leaves(int(cell))] = True
    return _rank(masks, drawn)


WIDE = (
    ("six dimensions", World(sizes=(28, 20, 16, 12, 10, 7), leaves=20_000, customers=150_000), 3, 1.0),
    ("four dimensions, one of 600 values", World(sizes=(600, 300, 40, 12), leaves=20_000, customers=120_000), 3, None),
    ("twelve dimensions of three values", World(sizes=(3,) * 12, leaves=8_000, customers=80_000), 3, None),
)


def _large() -> list[Row]:
    """The whole answer for cubes of very many cells: cells, scan, name, what would have been seen."""
    rows = []
    for about, world, depth, most in WIDE:
        drawn = made(np.random.default_rng(4), world, cause="one", lift=(4.0, 4.0), least=60.0)
        seconds, scans = [], []
        for _ in range(3):
            began = time.perf_counter()
            whole = cube(drawn.cube.codes, depth=depth)
            found = disruptions(whole, drawn.past, most=1)
            seconds.append(time.perf_counter() - began)
            began = time.process_time()
            explain(whole, drawn.past.bad + 1e-9, drawn.past.total * found.expected.rate)
            scans.append(time.process_time() - began)
        right = bool(found.found) and np.array_equal(found.found[0].named.leaves, drawn.hit)
        rows.append(Row(
            name=f"{about}: {int(whole.counts.sum()):,} cells ({len(whole):,} of different leaves), "
            f"{len(drawn.hit):,} leaves: scan with drawn null, name, power",
            figure=f"{min(seconds):.2f} s; {'named exactly' if right else 'misnamed'}",
            target=f"{most:g} s" if most else "for comparison", met=min(seconds) < most and right if most else None,
            command=COMMAND, runs=seconds,
            note=f"explaining amounts on the same cells: {1000 * min(scans):.0f} ms of CPU",
        ))  # fmt: skip
    return rows
