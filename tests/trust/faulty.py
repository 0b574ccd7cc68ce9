"""A process on a disk that fails: runs commands, one after another, each in a child whose N-th operation fails.

Usage: python faulty.py SPEC.json, with `faults.c` loaded. SPEC names the act, its words, where it starts from, a
directory to work in, what it must come to, and the points (number and how) to try. One JSON object per point is printed.
A child is forked from this process, which knows all modules already: a command then costs its work alone.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pyarrow.parquet  # noqa: F401  known before the fork
from shop import SECRETS
from stranger import Ran, Shop, mentions

import regard.bringing
import regard.cli
import regard.keeping
import regard.report.state
import regard.signals.workspace

PATIENCE = 120


def forked(words, root, *, at=0, how="eio"):
    """Run a command in a child; the number of the operation that fails, 0 for none."""
    out, err = root.parent / "out", root.parent / "err"
    child = os.fork()
    if child == 0:
        code = 70
        try:
            signal.alarm(PATIENCE)
            for number, path in ((1, out), (2, err)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
            sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
            sys.argv = ["regard", *map(str, words)]
            ctypes.CDLL(None).faults_begin(str(root).encode(), ctypes.c_long(at), how.encode())
            code = _main()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return Ran(os.waitstatus_to_exitcode(status), out.read_text("utf-8"), err.read_text("utf-8"))


def _main():
    code = 0
    try:
        regard.cli.main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:  # noqa: BLE001  a child must end with a word
        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    count = os.environ.get("FAULTS_COUNT")
    if count:
        Path(count).write_text(str(ctypes.CDLL(None).faults_count()), "utf-8")
    return code


@dataclass(frozen=True)
class Forked(Shop):
    """A workspace whose commands run in forked children."""

    def run(self, *words, **given):
        return forked([*words, "-w", self.root, "--json"], self.root, **given)

    def copy(self, to):
        super().copy(to)
        return Forked(to, self.thorough)

    def answers(self):
        return self.settled(self.run(*self.question))


def _import(shop, spec, ran):
    if ran.code == 0:
        assert shop.ledger()["stored"] == spec["ledger"]["stored"], "said done, and is not"
    else:
        assert shop.ledger()["stored"] <= spec["ledger"]["stored"]
    shop.done(*spec["words"])
    for name in ("stored", "held_back"):
        assert shop.ledger()[name] == spec["ledger"][name], shop.ledger()


def _settle(shop, spec, ran):
    assert shop.ledger() == spec["ledger"]
    assert shop.answers() == spec["answers"]
    shop.done("rebuild")


def _undo(shop, spec, ran):
    undone = bool(shop.read("SELECT undone FROM batches WHERE id = 2")[0][0])
    assert undone or ran.code, "said done, and is not"
    assert shop.answers() == (spec["answers"] if undone else spec["answered"])
    again = shop.run(*spec["words"])
    assert again.code == (2 if undone else 0), again.said
    assert shop.ledger() == spec["ledger"]


def _erase(shop, spec, ran):
    shop.done(*spec["words"])
    assert shop.ledger() == spec["ledger"]
    assert mentions(shop.root, SECRETS) == []


def _backup(shop, spec, ran):
    target = Path(spec["words"][1])
    if ran.code:
        shop.done(*spec["words"])
    restored = shop.root.with_name("restored")
    shutil.rmtree(restored, ignore_errors=True)
    other = Forked(restored, shop.thorough)
    other.done("restore", target)
    assert other.ledger() == spec["ledger"]
    assert other.answers() == spec["answers"]
    target.unlink()


CHECKS = {"import": _import, "settle": _settle, "undo": _undo, "erase": _erase, "backup": _backup}


def tried(spec, at, how):
    """What became of one point: "done", "refused", or "after its end"; raises where a promise was broken."""
    shop = Forked(Path(spec["before"]), False).copy(Path(spec["home"]) / "ws")
    ran = shop.run(*spec["words"], at=at, how=how)
    assert not ran.unforeseen(), ran.said
    assert ran.code == 0 or ran.refused_clearly(), f"ended with {ran.code}: {ran.said}"
    CHECKS[spec["act"]](shop, spec, ran)
    assert shop.answers() == spec["answers"]
    assert shop.left_over() == []
    assert not shop.run("verify").code
    return "refused" if ran.code else "done"


def main():
    spec = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    for at, how in spec["points"]:
        try:
            told = {"at": at, "how": how, "became": tried(spec, at, how), "broken": ""}
        except Exception:  # noqa: BLE001  told, with its point
            told = {"at": at, "how": how, "became": "", "broken": traceback.format_exc()[-1500:]}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
