"""Two imports and a rebuild at the same time: each row once, and the same answers as one after the other."""

from __future__ import annotations

import pytest
from stranger import ended


@pytest.mark.slow
@pytest.mark.promise("at once")
def test_two_imports_and_a_rebuild_at_once_come_to_the_same(tmp_path, filled, exports, record_property):
    shop, alone = filled.copy(tmp_path / "ws"), filled.copy(tmp_path / "alone")
    for words in (exports.update, exports.bring):
        alone.done(*words)
    running = [shop.start(*words) for words in (exports.update, exports.bring, ("rebuild",))]
    for process in running:
        ran = ended(process)
        assert ran.code == 0, ran.said
    assert shop.ledger() == alone.ledger()
    assert shop.answers() == alone.answers()
    assert shop.run("verify").code == 0
    assert shop.left_over() == []
    record_property("found", "3 processes, the same counts and answers")
