"""The battery every detector passes, whoever wrote it: what it says can be kept as alerts, whatever the log holds."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from regard.errors import Refusal
from regard.reliability.detectors import Looking, detectors
from regard.reliability.notices import draft
from regard.reliability.raised import check
from regard.signals.declarations import Declarations
from regard.simulation import declarations as company_declarations
from regard.simulation import sample

NAMES = [d.name for d in detectors()]
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def company():
    return sample()


def seen(name, view):
    """Every cause a detector says, kept as a round keeps it; nothing where it cannot say."""
    (detector,) = [d for d in detectors() if d.name == name]
    try:
        found = [check(raised) for raised in detector.detect(looking=Looking(view=view, now=NOW))]
    except Refusal as refusal:
        assert refusal.hint, "a refusal says what to do next"  # noqa: PT017
        return {}
    causes = [raised.cause for raised in found]
    assert len(set(causes)) == len(causes), "one cause, said once"
    for raised in found:
        assert raised.kind in detector.kinds
        assert raised.since <= NOW
        assert raised.next_step.strip()
        assert raised.certainty.words.strip()
        assert draft(raised, since="Tuesday").strip()
    return {raised.cause: raised for raised in found}


@pytest.mark.parametrize("name", NAMES)
def test_it_looks_at_the_example_company_and_says_the_same_of_shuffled_rows(name, view_of, company):
    generator = np.random.default_rng(3)
    straight = {kind: t for kind, t in company.items() if kind != "merge"}
    shuffled = {kind: t.take(generator.permutation(len(t))) for kind, t in straight.items()}

    first = seen(name, view_of(straight, declarations=company_declarations()))
    second = seen(name, view_of(shuffled, declarations=company_declarations()))

    assert list(second.values()) == list(first.values())


@pytest.mark.parametrize("name", NAMES)
def test_nothing_one_row_and_nothing_declared_are_no_reason_to_break(name, view_of, company):
    one = {kind: table.slice(0, 1) for kind, table in company.items()}

    assert seen(name, view_of(declarations=company_declarations())) == {}
    seen(name, view_of(one, declarations=company_declarations()))
    seen(name, view_of(company, declarations=Declarations()))


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_looks_for_and_what_it_needs(name):
    (detector,) = [d for d in detectors() if d.name == name]

    assert detector.title.strip()
    assert detector.help.strip()
    assert detector.kinds
    assert detector.needs
