"""RELIABILITY.md, written from what the checks found: ``python tests/trust/told.py RESULTS.json...``; `make trust` runs it.

A promise that was not tried this time keeps the row it has, with its date.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = "tests/trust"

PROMISES = {
    "kills": (
        "Nothing acknowledged is lost and nothing counts twice when everything is killed",
        "50 `kill -9` at seeded moments of import, update, settling, undo and erasure; 0 lost, 0 twice, 0 files left over",
        "test_kills.py",
    ),
    "power": (
        "Nothing acknowledged is lost when the power goes",
        "300 seeded moments of import, undo, settling and erasure; what was not flushed is dropped, in part or whole",
        "test_power.py",
    ),
    "faults": (
        "Whatever operation of the disk fails, it is said; nothing is lost or counted twice; the next run goes on",
        "import, settling, undo, erasure, backup: the N-th opening, write, flush or rename fails, for every N up to 500",
        "test_faults.py",
    ),
    "damage": (
        "A damaged file is made again or refused by name, never served",
        "50 seeded places in the lake, the inbox, the ids, the database and company.toml; 0 wrong answers",
        "test_damage.py",
    ),
    "rot": (
        "Damage that leaves size and time of a file as they were is found by `regard verify`",
        "10 flipped bits, 10 named",
        "test_damage.py",
    ),
    "flips": (
        "A bit that flips in the database and leaves it well-formed is found, never counted",
        "100 seeded bits of pages in use; 0 wrong answers",
        "test_damage.py",
    ),
    "older state": (
        "An older `state.sqlite` put back, or none, is refused; `regard rebuild --state` brings it forward",
        "before an update, an undo and an erasure, and none at all; no file of the inbox touched; the same answers after",
        "test_older_state.py",
    ),
    "full disk": (
        "A full disk is said in words; what was acknowledged is kept; the import goes on once there is room",
        "5 sizes, full disk and limited files",
        "test_full_disk.py",
    ),
    "backup": (
        "A backup taken while an import runs restores elsewhere to the same answers",
        "same counts, same answers, every checksum right",
        "test_backup.py",
    ),
    "damaged backup": (
        "A backup that is not whole is refused and leaves nothing behind",
        "cut, wrong, gone",
        "test_backup.py",
    ),
    "restored erasure": (
        "Who was erased after the backup was taken stays erased when it is restored",
        "0 mentions; their rows are refused when imported again",
        "test_backup.py",
    ),
    "at once": (
        "Several processes may work on one workspace",
        "two imports and a rebuild at once: the same as one after the other",
        "test_at_once.py",
    ),
    "export": (
        "An export of one person holds every row that was sent",
        "all rows, value by value",
        "test_one_person.py",
    ),
    "erasure": (
        "An erased person is nowhere in the directory",
        "0 mentions of id, name, mail or words in any file, unpacked where packed",
        "test_one_person.py",
    ),
    "odd places": (
        "A workspace that cannot be used is refused in words, never with a traceback",
        "a file, inside a file, made by a newer version, read only, not readable",
        "test_odd_places.py",
    ),
    "kills with clients": (
        "Nothing acknowledged over HTTP is lost or counted twice when all of `regard serve` is killed",
        "200 `kill -9` of every process at seeded moments, 4 clients sending, merging ids and sending again; 0 lost, 0 twice",
        "test_serving.py",
    ),
    "sent again": (
        "An item sent over HTTP counts once, however often it is sent and whatever is killed in between",
        "100,000 items sent 1 to 5 times, shuffled, 4 clients, 20 kills; the same id with other content is held back",
        "test_intake.py",
    ),
    "ledger over HTTP": (
        "What senders are told and what is counted are the same",
        "received = stored + duplicate + held back + refused; difference 0",
        "test_intake.py",
    ),
    "hostile requests": (
        "No request crashes the intake, and the next good one is taken",
        "10,000 requests mutated in bytes and tree; 0 answered 5xx, p99 under 100 ms",
        "test_intake.py",
    ),
    "contract": (
        "The intake takes what its OpenAPI document allows and refuses what it does not",
        "schemathesis, every check, 100 examples of each operation, in sequences, too; 0 failures",
        "test_contract.py",
    ),
    "full disk over HTTP": (
        "A full disk is told to senders as 507 or 503; nothing acknowledged is lost; it goes on without a restart",
        "a small disk that is full while 40 batches are sent, and freed again; 507 or 503, then all 40 are taken",
        "test_intake_disk.py",
    ),
    "faults over HTTP": (
        "Whatever operation of the disk fails while signals come in, none is acknowledged that is not kept",
        "the N-th opening, write, flush or rename of the intake fails, for every N up to 200; 0 wrong 2xx, 0 lost",
        "test_intake_disk.py",
    ),
    "smuggling": (
        "No shape of request reaches another client's, and none keeps others waiting",
        "two lengths, length and chunks, folded and huge headers, hosts made up, replies not read, half-open sockets",
        "test_hostile.py",
    ),
    "overload": (
        "A flood is refused with Retry-After; another source hardly notices; it recovers by itself",
        "the p99 of the quiet source under twice what it is alone and 20 ms; memory under 700 MB",
        "test_intake.py",
    ),
    "slow clients": (
        "Hundreds of connections that send a byte a second do not slow others",
        "500 of them, in headers and bodies; p99 under twice what it is alone and 20 ms",
        "test_intake.py",
    ),
    "bombs": (
        "What unpacks to too much, or is nested too deep, is refused at once and in little memory",
        "10 of them; each within 2 s, memory under +100 MB",
        "test_intake.py",
    ),
}

SAMPLED = ("faults", "faults over HTTP")
"""Those of which ``REGARD_TRUST_POINTS`` tries a part."""

HEAD = """<!-- written by `make trust` from what its checks found; do not edit -->

# What we promise, and the last time we checked

Each row is a check that runs the commands you would run, as processes, on files. `make trust` runs all of them in full
(half a day on two cores, for the disk fails at every operation in turn; an hour with `REGARD_TRUST_POINTS=30`, which
tries so many of each act's) and writes this page; `make test` runs a short form of each on every change.
Seeds are fixed; a failing one is printed. One row alone, in full: `REGARD_TRUST=full .venv/bin/python -m COMMAND`.

| promise | figure | command | last result | date |
|---|---|---|---|---|
"""

TAIL = """
## What this does not cover

- The power is cut in a model of a disk (what was flushed stays; of later writes and names a prefix, the last write cut
  in half), made from a trace of one process. No machine was switched off, and a disk that lies about flushing loses
  what it lied about.
- A bit that flips in the database while a workspace is open is found at the next opening, by `regard verify`, or when
  rows are settled; not by a question asked of a lake that was settled before.
- Older copies of `state.sqlite` and of `inbox/redo.log` put back together, or the log removed: what came in since is
  not known. Segments found then are set aside in `aside/`, named in the record, and not counted; an erasure empties it.
  Put back whole backups: `regard restore`.
- A journal's last frame that is complete but wrong is told as damaged and set aside, though the power may have gone
  before anybody was told that it is kept: nobody can tell the two apart. One that stops short was never acknowledged.
- A signal over HTTP without message id and without key that is sent again is stored again: nothing tells the two apart.
- A `company.toml` that was cut and is still valid is read as edited: it makes a new version, which evidence names.
- A bit that flips in a file whose size and time stay as they were is found by `regard verify`, not when a question is
  asked: reading every byte for every question would cost more than the question. Run `verify` from time to time.
- A value of an erased customer's row that was refused stays in the file of bad rows where no id of theirs could be read
  from that row, and where a version before items held back wrote the file and their id does not stand on the line.
- Text that other customers wrote about an erased person is not searched.
"""


def _row(name, told, date, before, form):
    promise, figure, file = PROMISES[name]
    command = f"`pytest {TESTS}/{file}`"
    if not told:
        was = before.get(promise, "not run | ")
        return f"| {promise} | {figure} | {command} | {was} |"
    outcomes = {row["outcome"] for row in told}
    result = "failed" if "failed" in outcomes else "kept" if "passed" in outcomes else "not run"
    found = "; ".join(dict.fromkeys(row["found"] for row in told if row["found"] and row["outcome"] == "passed"))
    failed = ", ".join(row["test"] for row in told if row["outcome"] == "failed")
    said = failed if result == "failed" else found
    form = "" if result == "not run" else form
    return f"| {promise} | {figure} | {command} | **{result}**{form}{': ' + said if said else ''} | {date} |"


def _form(name, told):
    """In which form it was checked, where it was not in full."""
    return " in short" if not told["full"] else " in part" if told.get("sampled") and name in SAMPLED else ""


def _before(page):
    """Per promise the last result and its date, as the page has them."""
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return {row[0]: " | ".join(row[3:5]) for row in rows if len(row) >= 5}


def main():
    page = ROOT / "RELIABILITY.md"
    for results in sys.argv[1:]:
        told = json.loads(Path(results).read_text("utf-8"))
        unknown = set(told["promises"]) - set(PROMISES)
        assert not unknown, f"promises without a row: {sorted(unknown)}"
        before = _before(page.read_text("utf-8")) if page.exists() else {}
        rows = [
            _row(name, told["promises"].get(name, []), told["date"], before, _form(name, told)) for name in PROMISES
        ]
        page.write_text(HEAD + "\n".join(rows) + "\n" + TAIL, "utf-8")


if __name__ == "__main__":
    main()
