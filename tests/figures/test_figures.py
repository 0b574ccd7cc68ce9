"""Every form of figure, with none, one and many data, is safe to put into a page."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET  # our own drawings, not input

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard import figures as f

NASTY = "<script>alert('x')</script> \"&\x00 a very long name that goes on and on and on so that it cannot fit"


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own drawing


SVG = "{http://www.w3.org/2000/svg}"


def waterfall(n: int, label: str = "Step") -> f.Figure:
    steps = [
        f.Step(
            label=f"{label} {i}",
            amount=100 + i if i in {0, n - 1} else (-1) ** i * 7,
            total=i in {0, n - 1},
            link="/x?a=1&b=2",
        )
        for i in range(n)
    ]
    return f.waterfall([f.Panel(name=label, steps=tuple(steps))] if n else [], title=label)


def line(n: int, label: str = "Jan") -> f.Figure:
    points = [
        f.Point(label=label, value=None if i == 3 else 30.0 + i % 5, low=20, high=40, link="/x") for i in range(n)
    ]
    return f.banded_line(
        points, title=label, before=points, before_name=label, events=[f.Notch(at=1.5, label=label)] if n else []
    )


def drivers(n: int, label: str = "Driver") -> f.Figure:
    bars = [
        f.DriverBar(
            label=label,
            losing=f.Side(value=-i, low=-i - 2, high=-i + 2),
            winning=f.Side(value=2, low=-1, high=5),
            column="$4 k",
            link="/x",
        )
        for i in range(n)
    ]
    return f.interval_bars(bars, title=label, column="money")


def groups(n: int, label: str = "Group") -> f.Figure:
    bars = [
        f.GroupBar(
            label=label,
            value=None if i == 1 else i,
            low=i - 1,
            high=i + 1,
            note=label,
            marked=("", "bad", "good")[i % 3],
        )
        for i in range(n)
    ]
    return f.group_bars(bars, title=label, reference=1.0, reference_text=label)


def journey(n: int, label: str = "Stage") -> f.Figure:
    stages = [
        f.StageMark(
            label=label,
            volume=1000 - i,
            drop=(i % 11) / 10,
            score_text="+9",
            word="worst",
            tone="bad",
            drop_text=label,
            contacts=i * 40,
            link="/x",
        )
        for i in range(n)
    ]
    return f.journey_band(stages, title=label)


def heat(n: int, label: str = "Area") -> f.Figure:
    cells = [
        [
            f.Cell(value=(i * j) % 7 if i != j else None, direction="rising" if i == 1 else "", link="/x")
            for j in range(n)
        ]
        for i in range(n)
    ]
    return f.heat_table([label] * n, [label] * n, cells, title=label)


def stacked(n: int, label: str = "Period") -> f.Figure:
    return f.stacked(
        [f.Distribution(label=label, parts=(1, i, 3), note=label) for i in range(n)],
        [label, "passives", "promoters"],
        title=label,
    )


def lanes(n: int, label: str = "Asked") -> f.Figure:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    marks = [
        f.TimelineMark(
            lane=label,
            at=start + timedelta(days=3 * i),
            until=start + timedelta(days=3 * i + 9) if i % 4 == 0 else None,
            label=label if i % 3 else "",
            tone=("", "good", "bad")[i % 3],
            link="/x",
        )
        for i in range(n)
    ]
    return f.timeline(marks, [label, "Bought"], title=label)


def spark(n: int, label: str = "Trend") -> f.Figure:
    return f.sparkline(
        [None if i == 2 else float(i) for i in range(n)],
        title=label,
        low=[i - 1 for i in range(n)],
        high=[i + 1 for i in range(n)],
    )


def stay(n: int, label: str = "Reason") -> f.Figure:
    steps = [
        f.Staying(at=i, share=1 - i / 50, low=max(1 - i / 40, 0.0), high=1 - i / 60, gone=(i / 100, i / 100))
        for i in range(n)
    ]
    return f.staying(steps, title=label, reasons=[label, "unknown"], unit="months")


def behave(n: int, label: str = "Score") -> f.Figure:
    values = [None if i == 3 else 40.0 + i % 7 for i in range(12)]
    stretches = [
        f.Stretch(start=0, stop=7, centre=42, low=35, high=49),
        f.Stretch(start=7, stop=12, centre=45, low=38, high=52),
    ]
    rows = [
        f.BehaviourRow(
            label=label, values=values, stretches=stretches, marked=[7], last="+41", verdict=label, tips=[label] * 12,
            tone=("", "good", "bad")[i % 3],
        )
        for i in range(n)
    ]  # fmt: skip
    return f.behaviour_rows(rows, title=label, ends=("Jan 2025", "Dec 2025"))


def choice(n: int, label: str = "Option") -> f.Figure:
    bars = [
        f.ChoiceBar(
            label=label, value=20.0 - i, low=-30.0 - i, high=60.0 - i, chosen=i < n // 2, note="costs 4", more="pays in 60 %",
            link="/x", tip=label,
        )
        for i in range(n)
    ]  # fmt: skip
    return f.choice_bars(bars, title=label, line="budget 40")


def gaps(n: int, label: str = "Covariate") -> f.Figure:
    made = [f.Gap(label=label, before=(-1) ** i * (i % 5) / 2, after=i / 100) for i in range(n)]
    return f.balance_plot(made, title=label, estimates=[(label, f.Side(value=2, low=-1, high=5))])


def passing(n: int, label: str = "Mar 2026") -> f.Figure:
    steps = [
        f.Passed(
            label=label,
            value=None if i == 3 else 30.0 + i % 7,
            expected=31.0 if i else None,
            low=28.0 if i > n // 2 else None,
            high=34.0 if i > n // 2 else None,
        )
        for i in range(n)
    ]
    return f.interruption(steps, n // 2 + 1, title=label, event=label)


def lived(n: int, label: str = "Shop") -> f.Figure:
    times = [
        f.Lived(
            label=label, outcome=40.0 + i, without=41.0, effect=i - 1.0, low=i - 4.0, high=i + 2.0, after=i > n // 2
        )
        for i in range(n)
    ]
    return f.counterfactual(times, title=label, who=label, placebos=[[float(i % 3) for i in range(n)]] * 3)


def flow_of(n: int, label: str = "Step", *, change: bool = False) -> f.Flow:
    """A ring of steps with shortcuts, turns back and repeats."""
    names = [f"{label} {i}" for i in range(n)]
    steps = tuple(
        f.FlowStep(name=name, volume=100 - i, text="100", note="3 % errors", tone="bad" if i == 2 else "none",
                   end=("begin" if i == 0 else "end" if i == n - 1 else "") if n > 2 else "", link="/x")
        for i, name in enumerate(names)
    )  # fmt: skip
    pairs = [(i, (i + k) % n) for i in range(n) for k in (1, 3, 0, n - 2) if n > 1]
    lines = tuple(
        f.FlowLine(source=names[i], target=names[j], volume=40 / (1 + i), text="40 %", link="/x",
                   change=("grew", "shrank", "")[i % 3] if change else "", tone="fairly-bad" if i == 1 else "none")
        for i, j in dict.fromkeys(pairs)
    )  # fmt: skip
    return f.Flow(steps=steps, lines=lines)


def flow(n: int, label: str = "Step") -> f.Figure:
    return f.flow_map(flow_of(n, label), title=label, legend="Width: customers; beneath: turning back.")


def changed(n: int, label: str = "Step") -> f.Figure:
    now = flow_of(n, label)
    before = f.Flow(steps=now.steps[1:], lines=now.lines[::2])
    return f.flow_change(before, now, flow_of(n, label, change=True), title=label, legend="Width: points.")


def walked(n: int, label: str = "Step") -> f.Figure:
    def step(depth: int, volume: float) -> f.PathStep:
        ways = tuple(step(depth + 1, volume * 0.5**k) for k in range(1, 4)) if depth < min(n, 4) else ()
        return f.PathStep(
            label=label, volume=volume, text="12 %", note="3 % errors", told=label, change="up 3 points", ways=ways,
            tone=("none", "bad", "fairly-good")[depth % 3], stays=depth == 3, link="/x",
        )  # fmt: skip

    return f.path_tree(step(1, 100.0 * n), title=label, legend="Height: customers.")


FORMS = [
    waterfall,
    line,
    drivers,
    groups,
    journey,
    heat,
    stacked,
    lanes,
    spark,
    stay,
    behave,
    choice,
    gaps,
    passing,
    flow,
    changed,
    walked,
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("n", [0, 1, 2, 5, 40])
def test_every_form_draws_none_one_and_many_within_its_width(form, n):
    figure = form(n)
    for svg in (figure.svg, figure.svg_narrow):
        root = parsed(svg)
        width, height = (float(v) for v in root.get("viewBox").split()[2:])
        assert height > 0
        for mark in root.iter("rect"):
            if "fig-hit" not in mark.get("class"):
                assert float(mark.get("x")) >= -0.5
                assert float(mark.get("x")) + float(mark.get("width")) <= width + 0.5
                assert float(mark.get("y")) + float(mark.get("height")) <= height + 0.5
        assert "nan" not in svg.lower().replace("nantes", "")
        assert "inf" not in re.sub(r">[^<]*<", "><", svg)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_every_figure_passes_a_strict_content_security_policy_and_is_named(form):
    figure = form(6)
    for svg in (figure.svg, figure.svg_narrow):
        root = parsed(svg)
        assert not re.search(r"<style|style=|<script|\son\w+=|javascript:", svg)
        assert root.get("role") == ("group" if root.find(".//a") is not None else "img")
        assert root.get("aria-label")
        assert root.find("title").text == figure.title
        assert root.find("desc").text == figure.alt
        assert not [e for e in root.iter() if "id" in e.attrib]
        for link in root.iter("a"):
            assert link.get("aria-label")
            assert link.find("title").text


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_names_that_came_from_people_are_escaped_and_kept_whole_in_a_title(form):
    figure = form(4, NASTY)
    for svg in (figure.svg, figure.svg_narrow):
        root = parsed(svg)
        assert "<script" not in svg
        assert "so that it cannot fit" in root.find("title").text


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_classes_used_are_classes_defined(form):
    sheet = f.stylesheet()
    figure = form(8)
    used = {
        c
        for svg in (figure.svg, figure.svg_narrow)
        for names in re.findall(r'class="([^"]*)"', svg)
        for c in names.split()
    }
    structural = {"fig-svg", "fig-wide", "fig-narrow", "fig-mark"}
    assert {c for c in used - structural if f".{c}" not in sheet} == set()


def test_a_file_stands_alone_in_light_and_dark():
    svg = f.standalone(waterfall(5))
    root = parsed(svg)
    assert root.tag == f"{SVG}svg"
    assert float(root.get("width")) == 960
    style = root.find(f"{SVG}style").text
    assert "prefers-color-scheme:dark" in style
    assert "--good" in style
    assert ".fig-good" in style


def test_links_that_leave_the_site_are_not_made():
    for link in ("javascript:alert(1)", "https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example"):
        figure = f.waterfall([f.Panel(name="", steps=(f.Step(label="a", amount=1, link=link),))], title="t")
        assert "<a " not in figure.svg


def test_the_ground_is_cut_when_the_opening_dwarfs_the_changes():
    def steps(opening):
        return (
            f.Step(label="Opening", amount=opening, total=True),
            f.Step(label="New", amount=20),
            f.Step(label="Closing", amount=opening + 20, total=True),
        )

    assert "fig-cut" in f.waterfall([f.Panel(name="n", steps=steps(4812))], title="t").svg
    assert "fig-cut" not in f.waterfall([f.Panel(name="n", steps=steps(10))], title="t").svg


def test_count_and_value_share_their_columns_in_one_order():
    count = f.Panel(
        name="Customers",
        steps=tuple(
            f.Step(label=s, amount=1, total=s in {"Opening", "Closing"}) for s in ("Opening", "New", "Lost", "Closing")
        ),
    )
    value = f.Panel(
        name="Value",
        steps=tuple(
            f.Step(label=s, amount=1, total=s in {"Opening", "Closing"})
            for s in ("Opening", "New", "Grown", "Lost", "Closing")
        ),
    )
    svg = f.waterfall([count, value], title="t").svg
    labels = re.findall(r'class="fig-soft fig-label" text-anchor="middle">([^<]+)<', svg)
    assert labels == ["Opening", "New", "Grown", "Lost", "Closing"]


def test_a_bar_whose_interval_crosses_zero_is_faded_and_says_so():
    svg = f.interval_bars([f.DriverBar(label="Webinar", winning=f.Side(value=1, low=-1, high=3))], title="t").svg
    assert "fig-faded" in svg
    assert "it may not matter" in svg


def chain(*lines: tuple[str, str, float]) -> f.Flow:
    names = dict.fromkeys(n for a, b, _ in lines for n in (a, b))
    steps = tuple(f.FlowStep(name=n, volume=10) for n in names)
    return f.Flow(steps=steps, lines=tuple(f.FlowLine(source=a, target=b, volume=v) for a, b, v in lines))


def boxes(svg: str) -> dict[str, tuple[float, float, float, float]]:
    """Where each step's box stands: x, y, width, height."""
    found = {}
    for mark in parsed(svg).iter("g"):
        box = next((e for e in mark if e.tag == "rect" and "fig-flow-box" in e.get("class", "")), None)
        if box is not None:
            found[mark.get("data-key")] = tuple(float(box.get(k)) for k in ("x", "y", "width", "height"))
    return found


def test_a_flow_runs_from_left_to_right_and_what_turns_back_runs_beneath():
    svg = f.flow_map(chain(("a", "b", 9), ("b", "c", 8), ("c", "d", 7), ("d", "b", 2), ("a", "c", 1)), title="t").svg
    at = boxes(svg)
    assert at["a"][0] < at["b"][0] < at["c"][0] < at["d"][0]
    backs = [e for e in parsed(svg).iter("path") if "fig-flow-back" in e.get("class")]
    foot = max(y + tall for _, y, _, tall in at.values())
    assert len(backs) == 1
    assert max(float(y) for y in re.findall(r"V(-?[\d.]+)", backs[0].get("d"))) > foot - 9


def test_lines_are_as_wide_as_the_flow():
    svg = f.flow_map(chain(("a", "b", 80), ("a", "c", 20), ("b", "d", 80), ("c", "d", 20)), title="t").svg
    width = {}
    for mark in parsed(svg).iter("g"):
        drawn = [e for e in mark if e.tag == "path" and e.get("class", "").startswith("fig-flow fig")]
        width |= {mark.get("data-key"): float(e.get("stroke-width")) for e in drawn}
    assert width["a → b"] == pytest.approx(4 * width["a → c"], abs=0.2)


def test_no_boxes_of_a_map_overlap_and_every_step_has_one():
    at = list(
        boxes(
            f.flow_map(chain(*((f"s{i}", f"s{(i * 7 + 3) % 23}", 30 - i) for i in range(23))), title="t").svg
        ).values()
    )
    assert len(at) == 23
    for i, (x, y, wide, tall) in enumerate(at):
        assert not [1 for a, b, c, d in at[:i] if x < a + c and a < x + wide and y < b + d and b < y + tall]


def test_a_step_stands_at_one_place_in_all_three_maps_of_a_change():
    now = chain(("a", "b", 9), ("b", "c", 8), ("a", "d", 3), ("d", "c", 3))
    before = chain(("a", "b", 2), ("b", "c", 2))
    drawn = parsed(f.flow_change(before, now, now, title="t").svg)
    small = [g for g in drawn.iter("g") if g.get("transform")]
    large = boxes(f.flow_change(before, now, now, title="t").svg)
    assert len(small) == 2
    for part in small:
        assert boxes(ET.tostring(part, encoding="unicode")).items() <= large.items()


def test_a_path_is_as_high_as_its_customers_and_stands_beside_where_it_came_from():
    ways = (f.PathStep(label="b", volume=75, key="a/b"), f.PathStep(label="c", volume=25, key="a/c"))
    drawn = parsed(f.path_tree(f.PathStep(label="a", volume=100, key="a", ways=ways), title="t").svg)
    at = {}
    for mark in drawn.iter("g"):
        box = next(e for e in mark if e.tag == "rect")
        at[mark.get("data-key")] = tuple(float(box.get(k)) for k in ("x", "y", "height"))
    assert at["a/b"][2] + at["a/c"][2] == pytest.approx(at["a"][2], abs=3.5)
    assert at["a/b"][2] == pytest.approx(3 * at["a/c"][2], abs=4)
    assert at["a/b"][0] > at["a"][0]


def test_a_gap_in_the_answers_is_a_gap_in_the_line():
    svg = line(6).svg
    assert svg.count('class="fig-line"') == 2
    assert svg.count('class="fig-band"') == 2
    assert spark(6).svg.count('class="fig-band"') == 2


def test_words_stand_beside_colours():
    svg = heat(3).svg
    assert "rising" in re.sub(r"<title>[^<]*</title>", "", svg)
    assert ">worst<" in journey(2).svg
    assert "loses customers" in drivers(2).svg


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=8), st.text(max_size=30))
def test_any_numbers_and_names_give_well_formed_drawings(values, name):
    points = [f.Point(label=name, value=v, low=v - 1, high=v + 1) for v in values]
    steps = tuple(f.Step(label=f"{name}{i}", amount=v, total=i == 0) for i, v in enumerate(values))
    for figure in (f.banded_line(points, title=name), f.waterfall([f.Panel(name=name, steps=steps)], title=name)):
        parsed(figure.svg)
        parsed(figure.svg_narrow)
        parsed(f.standalone(figure))
