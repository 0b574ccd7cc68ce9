"""Who is not heard: response of those asked, silence by slice and by worth."""

import numpy as np
import pytest

from regard.listening import silence
from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import CustomerBase, Declarations, Dimension, Value
from regard.signals.scope import Given

DECLARED = Declarations(
    value=Value(kind="recurring"), base=CustomerBase(lost="subscription ends"), currency="EUR",
    dimensions=(Dimension(name="region"),),
)  # fmt: skip


def company(rich_answer, poor_answer, *, asked=True, n=200):
    """Of n customers the first tenth pays 1,000 a month, the others 10; so many of each hundred answer."""
    rich = n // 10
    subscriptions, messages, answers, profiles = [], [], [], []
    for i in range(n):
        who = f"P{i:03d}"
        amount = 1000 if i < rich else 10
        subscriptions.append({"person": who, "key": who, "subscription": who, "change": "start", "amount": amount,
                              "currency": "EUR", "every": "month", "occurred_at": "2026-01-05"})  # fmt: skip
        profiles.append(
            {"person": who, "labels": {"region": "North" if i % 2 else "South"}, "occurred_at": "2026-01-01"}
        )
        if asked:
            messages.append({"person": who, "topic": "survey", "occurred_at": "2026-10-01"})
        share = rich_answer if i < rich else poor_answer
        if (i * 37) % 100 < share:
            answers.append(
                {"person": who, "score": 9, "metric": "nps", "survey": "relationship", "occurred_at": "2026-10-05"}
            )
    return {"subscription": subscriptions, "message": messages, "answer": answers, "profile": profiles}


def ask(view_of, declarations=DECLARED, by="", **log):
    given = Given(since="2026-09-01", until="2026-11-20", by=by)
    return answer(find("listening/silence"), view=view_of(declarations=declarations, **log), given=given)


def test_the_response_is_of_those_asked_and_silence_is_valued(view_of):
    found = ask(view_of, **company(10, 60))

    heard = sum(r.answered for r in found.bands)
    assert found.n == 200
    assert found.asked == 200
    assert found.response == pytest.approx(heard / 200)
    assert found.rows[0].value == pytest.approx(12 * (20 * 1000 + 180 * 10))
    assert found.silent_value_share > 0.8
    assert found.silent == pytest.approx(1 - heard / 200)


def test_the_valuable_who_do_not_answer_are_quieter_beyond_chance(view_of):
    found = ask(view_of, **company(5, 60))

    top = {r.slice: r for r in found.bands}["the top tenth by value"]
    assert top.verdict == "quieter"
    assert top.customers == 20
    assert "top tenth by value answers less" in found.facts[0]
    assert "another way" in found.next_step


def test_nobody_is_called_quieter_where_all_answer_alike(view_of):
    found = ask(view_of, **company(50, 50), by="region")

    assert {r.verdict for r in (*found.bands, *found.rows)} == {""}
    assert {r.slice for r in found.rows} == {"all", "North", "South"}


def test_where_nobody_records_who_was_asked_it_is_of_all_and_said(view_of):
    found = ask(view_of, **company(50, 50, asked=False))

    assert found.measured == "of all customers"
    assert "asked_unknown" in {c.code for c in found.cautions}


def test_without_a_declared_value_silence_is_counted_only(view_of):
    found = ask(view_of, declarations=Declarations(dimensions=(Dimension(name="region"),)), **company(50, 50))

    assert found.silent_value is None
    assert found.bands == ()
    assert "value_unknown" in {c.code for c in found.cautions}


def test_a_contact_is_a_voice_too(view_of):
    log = company(0, 0)
    log["contact"] = [{"person": "P000", "area": "billing", "occurred_at": "2026-10-20"}]

    found = ask(view_of, **log)

    assert found.silent == pytest.approx(199 / 200)
    assert found.response == 0


def test_a_handful_of_customers_is_refused(view_of):
    log = {k: v[:8] for k, v in company(50, 50).items()}

    assert "8 customers" in ask(view_of, **log).refused


def test_customers_who_pay_the_same_stay_in_one_band_where_their_middle_falls():
    """Of 400, 10 pay most and the 50 below them the same, ranks 341 to 390: their middle is in the top tenth."""
    worth = np.r_[np.arange(340.0), np.full(50, 1000.0), np.full(10, 2000.0)]
    none = np.zeros(400, bool)
    base = silence._Base(slice=np.full(400, ""), value=worth, asked=none, answered=none, spoken=none)

    assert [int(at.sum()) for at in silence._bands(base).values()] == [60, 140, 200]
