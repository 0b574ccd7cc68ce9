"""Migrations form one line: each revision once, each after the one before, the last one what the code expects."""

from __future__ import annotations

import re
from importlib.resources import files

from regard.store.state import REVISION


def test_migrations_form_one_line_to_the_revision_the_code_expects():
    found = []
    for path in sorted(files("regard.store.migrations").joinpath("versions").iterdir(), key=lambda p: p.name):
        if path.name[:1].isdigit():
            text = path.read_text("utf-8")
            revision, down = (
                re.search(rf'^{name} = (?:"(\d+)"|None)', text, re.MULTILINE)[1]
                for name in ("revision", "down_revision")
            )
            assert path.name.startswith(f"{revision}_")
            found.append((revision, down))

    assert [revision for revision, _ in found] == [f"{n:04}" for n in range(1, len(found) + 1)]
    assert [down for _, down in found] == [None, *(revision for revision, _ in found[:-1])]
    assert found[-1][0] == REVISION
