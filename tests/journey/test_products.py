"""Stages across products: rows beside plain Python, a product that does better is told, and where none does, none is."""

from datetime import datetime, timedelta
from xml.etree import ElementTree as ET

import msgspec
import numpy as np
import pytest

from regard.errors import UnknownName
from regard.journey.products import figure
from regard.journey.stagerows import ASKED, DAY, stage_rows, stages_of
from regard.questions import find
from regard.signals.ask import Ask, answer
from regard.signals.declarations import Declarations, Dimension, Moment, Stage
from regard.signals.scope import Given, resolve
from regard.simulation import declarations as company_declarations
from regard.simulation import sample
from regard.web.slices import Slice
from regard.web.trails import trails

STAGES = (
    Stage(name="Start", moments=(Moment(name="In", events=("open", "begin*")),)),
    Stage(name="Use", moments=(Moment(name="Work", events=("work", "check", "save")), Moment(name="Ask", areas=("work",)))),
    Stage(name="Pay", moments=(Moment(name="Pays", kinds=("order", "subscription:start")),)),
)  # fmt: skip
DECLARED = Declarations(
    stages=STAGES, dimensions=(Dimension(name="region"), Dimension(name="product", of="signal")), metric="nps"
)
AUTUMN = {"since": "2026-09-01", "until": "2026-11-30"}


def ask(view, *, given=None, **arguments):
    return answer(find("journey/products"), view=view, given=Given(**(given or AUTUMN)), arguments=arguments)


def log(n=240, *, worse=0.3, third=True, seed=2):
    """Everybody starts and works with one of three products; B errs more often and saves without a check."""
    rng = np.random.default_rng(seed)
    events, answers, profiles = [], [], []
    for i in range(n):
        who, product = f"p{i:03d}", "ABC"[i % (3 if third else 2)]
        at = datetime(2026, 9, 1, 8) + timedelta(hours=3 * i)
        names = ["open", *(["work", "save"] if product == "B" else ["work", "check", "save"]) * 4]
        for k, name in enumerate(names):
            chance = worse if product == "B" and name == "work" else 0.05
            events.append(
                {
                    "person": who, "occurred_at": str(at + timedelta(minutes=30 * k)), "name": name,
                    "labels": {"product": product}, "error": "E" if rng.uniform() < chance else "",
                }
            )  # fmt: skip
        score = 10 if rng.uniform() < 0.6 else 3
        answers.append({"person": who, "occurred_at": str(at + timedelta(days=2)), "metric": "nps", "score": score})
        profiles.append(
            {"person": who, "occurred_at": "2026-01-01", "labels": {"region": ["north", "south"][int(rng.integers(2))]}}
        )
    events.append({"person": "last", "occurred_at": "2026-12-20", "name": "other"})
    return {"event": events, "answer": answers, "profile": profiles}


def test_steps_belong_to_the_first_moment_that_names_them():
    stages = (
        Stage(name="Any", moments=(Moment(name="All", kinds=("contact",)),)),
        Stage(name="Bill", moments=(Moment(name="Asks", areas=("billing",), promises=("refund",)),)),
        *STAGES,
    )
    names = ("contact: billing", "contact: other", "contact", "promise: refund broken", "begin_here", "order: placed",
             "subscription: start", "subscription: end", "answer: nps")  # fmt: skip

    assert stages_of(names, stages).tolist() == [1, 0, 0, 1, 2, 4, 4, -1, -1]


def test_rows_are_those_of_plain_python(view_of):
    view = view_of(sample(), declarations=company_declarations())
    scope = resolve(Given(), declarations=view.declarations, last=view.last_day())
    stepped = Ask(view=view, scope=scope, package="regard.journey").steps()
    stages, now, end = view.declarations.stages, stepped.now, view.made_steps().end
    of = stages_of(stepped.steps[0].names, stages)
    expected = {}
    for steps in stepped.steps:
        label = steps.labels["product"]
        for c, who in enumerate(steps.customers.tolist()):
            rows = [i for i in range(steps.starts[c], steps.starts[c + 1]) if steps.times[i] <= end]
            at = {i: int(of[steps.codes[i]]) for i in rows}
            first = {}
            for i in rows:
                first.setdefault(at[i], i)
            told = {}
            for i in rows:
                if at[i] >= 0 and label.codes[i] and now.since <= steps.times[i] < now.until:
                    told.setdefault((at[i], int(label.codes[i])), []).append(i)
            last = max((int(steps.times[i]) for i in rows if at[i] >= 0), default=0)
            for (stage, code), mine in told.items():
                t = int(steps.times[mine[0]])
                asked = any(
                    steps.names[steps.codes[i]].startswith("contact")
                    and mine[0] < i
                    and steps.times[i] - t <= ASKED * DAY
                    for i in rows
                )
                later = min((int(steps.times[first[s]]) for s in first if s > stage), default=None)
                judged = first[stage] == mine[0] and (later is None or later >= t) and end - t >= 30 * DAY
                on = judged and later is not None and later - t <= 30 * DAY
                expected[who, stage, code] = (
                    t, len(mine), sum(bool(steps.failed[i]) for i in mine), float(asked) if end - t >= ASKED * DAY else None,
                    float(not on and last - t < 15 * DAY) if judged else None, (later - t) / DAY if on else None,
                    sum(steps.times[i] // 1_000_000 >= t // 1_000_000 - 90 * 86_400 and i < mine[0] for i in rows),
                )  # fmt: skip
    found = stage_rows(stepped, stages, "product", within=30)
    top = max((s for *_, s in ((0, int(x)) for x in of if x >= 0)), default=-1)

    def plain(value):
        return None if np.isnan(value) else pytest.approx(float(value))

    assert len(found) == len(expected) > 50
    for j in range(len(found)):
        key = (int(found.customer[j]), int(found.stage[j]), int(found.label[j]))
        t, times, failed, asked, gone, days, busy = expected[key]
        assert (found.at[j], found.times[j], found.failed[j], found.busy[j]) == (t, times, failed, busy)
        assert asked == plain(found.asked[j])
        if key[1] < top:
            assert (gone, days) == (plain(found.gone[j]), plain(found.days[j]))


def test_a_product_that_errs_more_is_told_and_what_it_does_differently(view_of):
    found = ask(view_of(log(seed=3), declarations=DECLARED))
    told = {(r.stage, r.product, r.measure): r for r in found.rows}
    worse = told["Use", "B", "errors"]

    assert found.guessed
    assert found.dimension == "product"
    assert worse.verdict == "worse"
    assert worse.value > 0.12 > 2 * worse.rest > 0.05
    assert worse.alike_told == "holds among like customers"
    assert worse.alike_low > 0
    assert found.stage == "Use"
    moves = {(d.source, d.step): d for d in found.differently}
    assert not [r for r in found.rows if r.verdict and r.measure == "score"]
    assert abs(moves["work", "check"].difference) > 0.3
    assert moves["work", "check"].adjusted <= 0.05
    assert [v.customers for v in found.volumes if v.stage == "Use"] == [80, 80, 80]


def test_of_two_products_the_better_is_the_best(view_of):
    found = ask(view_of(log(160, third=False), declarations=DECLARED), stage="Use")
    told = {r.product: r for r in found.rows if r.stage == "Use" and r.measure == "errors"}

    assert (told["A"].verdict, told["B"].verdict) == ("best", "worse")
    assert told["A"].adjusted == told["B"].adjusted
    assert told["A"].difference == pytest.approx(-told["B"].difference)
    assert found.answer.startswith("At Use A does best")


def test_where_products_are_alike_it_cannot_be_told(view_of):
    found = ask(view_of(log(worse=0.05, seed=11), declarations=DECLARED))

    assert not [r for r in found.rows if r.verdict]
    assert found.answer.startswith("No product can be told to be better or worse")
    assert found.differently == ()


def test_any_dimension_stands_for_the_product(view_of):
    found = ask(view_of(log(), declarations=DECLARED), product="region")

    assert (found.dimension, found.guessed) == ("region", False)
    assert {r.product for r in found.rows} == {"north", "south"}
    with pytest.raises(UnknownName, match="region"):
        ask(view_of(log(), declarations=DECLARED), product="regoin")
    with pytest.raises(UnknownName, match="Start"):
        ask(view_of(log(), declarations=DECLARED), stage="Strat")


def test_what_is_missing_is_named(view_of):
    one = Declarations(stages=STAGES, metric="nps")

    assert "dimension" in ask(view_of(log(60), declarations=one)).refused
    alone = Declarations(stages=STAGES, dimensions=(Dimension(name="plan"),))
    assert "Fewer than two values of plan" in ask(view_of(log(60), declarations=alone)).refused


def test_a_figure_says_in_words_what_it_colours(view_of):
    found = ask(view_of(log(), declarations=DECLARED))
    drawn = figure(found)

    for svg in (drawn.svg, drawn.svg_narrow):
        ET.fromstring(svg)  # noqa: S314 it is our own
        assert "▼" in svg


def test_every_volume_leads_to_its_customers(view_of):
    view = view_of(sample(), declarations=company_declarations())
    found = ask(view, given={"period": "3m"})
    shown = Slice(scope={"period": "3m"}, arguments={})

    assert len(found.volumes) > 8
    for volume in found.volumes[::3]:
        way = trails("journey/products", msgspec.to_builtins(volume), shown)["customers"]
        where = (f"product={volume.product}",)
        listed = answer(
            find("customers/list"), view=view, given=Given(period="3m", where=where),
            arguments={"who": "lived", "path": volume.stage},
        )  # fmt: skip
        assert "who=lived" in way
        assert f"where=product%3D{volume.product.replace(' ', '+')}" in way
        assert listed.total == volume.customers
