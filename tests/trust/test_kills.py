"""kill -9 at seeded moments of import, settling, undo and erasure: nothing lost, nothing twice, nothing left over."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from shop import CANARY, SECRETS
from stranger import Shop, kill_at, mentions

ACTS = ("import", "update", "settle", "undo", "erase")
POINTS = {"import": 14, "update": 10, "settle": 6, "undo": 8, "erase": 12}
SHORT = {"import": 3, "update": 1, "settle": 1, "undo": 1, "erase": 2}
NEVER = 10**9


@dataclass(frozen=True, kw_only=True)
class Act:
    """A command that will be killed: where it starts from, what it comes to, and the changes of files it makes."""

    words: tuple
    before: Shop
    answered: dict
    ledger: dict
    answers: dict
    changes: int


@pytest.fixture(scope="session")
def acts(tmp_path_factory, exports, empty, filled, answers):
    """Each act done once without a kill: the ruler."""
    home = tmp_path_factory.mktemp("acts")

    def act(name, words, before, answered):
        shop = before.copy(home / name)
        _, _, changes = kill_at(shop.start(*words), shop.root, NEVER, 0)
        found = Act(
            words=words, before=before, answered=answered, ledger=shop.ledger(), answers=shop.answers(), changes=changes
        )
        return found, shop

    found = {"import": act("import", exports.bring, empty, {})[0]}
    found["update"], updated = act("update", exports.update, filled, answers)
    later = found["update"].answers
    found["settle"] = act("settle", ("rebuild",), updated, later)[0]
    found["undo"] = act("undo", ("import", "--undo", "2"), updated, later)[0]
    found["erase"] = act("erase", ("erase", CANARY, "--yes"), updated, later)[0]
    assert found["import"].answers == found["undo"].answers == answers != later
    assert found["settle"].answers == later
    assert found["erase"].answers not in (answers, later)
    return found


@pytest.mark.slow
@pytest.mark.promise("kills")
def test_killed_at_seeded_moments_nothing_is_lost_or_counted_twice(tmp_path, acts, full, record_property):
    points = [(name, n) for name in ACTS for n in range((POINTS if full else SHORT)[name])]

    def tried(point):
        name, n = point
        try:
            return CHECKS[name](tmp_path / f"{name}-{n}", acts[name], random.Random(f"{name} {n}"))
        except Exception as error:
            raise AssertionError(f"seed {name!r} {n}: {error}") from error

    with ThreadPoolExecutor(2) as pool:
        when = Counter(pool.map(tried, points))
    killed = sum(when.values()) - when["after its end"]
    told = ", ".join(f"{number} {name}" for name, number in sorted(when.items()))
    record_property("found", f"{killed} kills ({told}): 0 rows lost, 0 counted twice, 0 files left over")
    assert killed >= 0.9 * len(points)


def _killed(root, act, chance):
    """A copy on which the act was killed; what it had acknowledged; whether it was killed at all."""
    share = chance.random() ** 2  # more often early: intake changes few files, settling many
    change, pause = 1 + int(share * act.changes), chance.uniform(0, 0.03)
    for _ in range(5):
        shop = act.before.copy(root)
        killed, seen, counted = kill_at(shop.start(*act.words), shop.root, change, pause, shop.acknowledged)
        if killed:
            return shop, seen, True
        change = max(1, min(change, counted) - 1 - chance.randrange(3))  # fewer changes were seen this time
    return shop, seen, False


def _check_import(root, act, chance):
    """What was acknowledged stands; the same command again adds exactly what is missing."""
    shop, seen, killed = _killed(root, act, chance)
    stands = shop.ledger()
    assert seen <= stands["stored"] <= act.ledger["stored"], (seen, stands)
    shop.done(*act.words)
    ledger = shop.ledger()
    assert ledger["stored"] == act.ledger["stored"], ledger
    assert ledger["held_back"] == act.ledger["held_back"]
    assert shop.answers() == act.answers
    assert shop.left_over() == []
    if not killed:
        return "after its end"
    if stands["stored"] == act.before.acknowledged():
        return "before the first row"
    return "while rows came in" if stands["stored"] < act.ledger["stored"] else "while they were settled"


def _check_settle(root, act, chance):
    """The answers are the same at once, and the lake is clean once it was made again."""
    shop, _, killed = _killed(root, act, chance)
    assert shop.ledger() == act.ledger
    assert shop.answers() == act.answers
    shop.done("rebuild")
    assert shop.answers() == act.answers
    assert shop.left_over() == []
    return "while settling" if killed else "after its end"


def _check_undo(root, act, chance):
    """The batch stands or it does not, nothing in between; undone again, it is undone."""
    shop, _, killed = _killed(root, act, chance)
    undone = bool(shop.read("SELECT undone FROM batches WHERE id = 2")[0][0])
    assert shop.answers() == (act.answers if undone else act.answered)
    again = shop.run(*act.words)
    assert again.code == (2 if undone else 0), again.said
    assert shop.answers() == act.answers
    assert shop.ledger() == act.ledger
    assert shop.left_over() == []
    if not killed:
        return "after its end"
    return "after the batch was undone" if undone else "before the batch was undone"


def _check_erase(root, act, chance):
    """Erased by running it again, wherever it was interrupted: nothing of them is left in the directory."""
    shop, _, killed = _killed(root, act, chance)
    begun = bool(shop.erasures())
    shop.done(*act.words)
    assert mentions(shop.root, SECRETS) == []
    assert shop.answers() == act.answers
    assert shop.ledger() == act.ledger
    assert shop.left_over() == []
    if not killed:
        return "after its end"
    return "while erasing" if begun else "before erasing"


CHECKS = {
    "import": _check_import,
    "update": _check_import,
    "settle": _check_settle,
    "undo": _check_undo,
    "erase": _check_erase,
}
