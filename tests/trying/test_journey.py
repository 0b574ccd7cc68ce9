"""Journeys and paths from one file: the public Sepsis log by its published counts, XES beside CSV, a planted change."""

import gzip
import json
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import csv

from regard import trying
from regard.cli import regard
from regard.errors import BadInput
from regard.journey.treeing import STOPS

SEPSIS = Path(__file__).parents[3] / "shared" / "data" / "sepsis_event_log" / "sepsis.csv.gz"
NAMES = {"customer": "user", "time": "at", "event": "name"}


def sepsis():
    """The log; the case that is called NA was lost as R's missing value when the file was written."""
    if not SEPSIS.exists():
        pytest.skip("the public data sets are not here")
    rows = csv.read_csv(
        SEPSIS,
        convert_options=csv.ConvertOptions(
            include_columns=["case_id", "activity", "timestamp"], strings_can_be_null=True
        ),
    )
    return rows.set_column(0, "case_id", rows["case_id"].fill_null("NA"))


def log(*steps):
    """Rows of (customer, minute, event)."""
    at = [str(np.datetime64("2026-03-01T00:00") + int(m)) for _, m, _ in steps]
    return pa.table({"user": [c for c, *_ in steps], "at": at, "name": [e for *_, e in steps]})


@pytest.mark.data
def test_the_sepsis_log_has_its_published_counts():
    """Mannhardt (2016): 1,050 cases, 15,214 events, 846 variants, 16 activities."""
    found = trying.journey(sepsis(), customer="case_id", time="timestamp", event="activity")

    assert (found.customers, sum(s.times for s in found.steps), found.variants, len(found.steps)) == (
        1050,
        15214,
        846,
        16,
    )
    moves = {(r.source, r.target): r.times for r in found.rows}
    assert moves["ER Registration", "ER Triage"] == 971
    assert sum(r.times for r in found.rows if not r.source) == 1050
    assert sum(r.times for r in found.rows if r.source and r.target) == 15214 - 1050


@pytest.mark.data
def test_the_file_says_which_rows_it_cannot_place():
    if not SEPSIS.exists():
        pytest.skip("the public data sets are not here")
    found = trying.journey(str(SEPSIS))

    assert any("24 rows without a customer" in c.text for c in found.cautions)
    assert found.customers == 1049


def xes(rows, file, packed=False):
    """An XES log of a table of case, activity and time, with an extension and a nested attribute as tools write them."""
    by = {}
    for row in rows.to_pylist():
        by.setdefault(row["case_id"], []).append(row)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<log xes.version="1.0" xmlns="http://www.xes-standard.org/">',
             '<extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>',
             '<string key="concept:name" value="log"/>']  # fmt: skip
    for case, events in by.items():
        lines.append(f'<trace><string key="concept:name" value={quoteattr(case)}/>')
        lines += [
            f'<event><string key="concept:name" value={quoteattr(e["activity"])}><string key="inner" value="x"/></string>'
            f'<date key="time:timestamp" value="{str(e["timestamp"]).replace(" ", "T")}.000+00:00"/></event>'
            for e in events
        ]
        lines.append("</trace>")
    text = "\n".join([*lines, "</log>"]).encode()
    file.write_bytes(gzip.compress(text) if packed else text)
    return file


@pytest.mark.data
def test_xes_says_what_csv_says(tmp_path):
    rows = sepsis()
    one = trying.journey(rows, customer="case_id", time="timestamp", event="activity")
    other = trying.journey(str(xes(rows, tmp_path / "log.xes.gz", packed=True)))

    assert other.rows == one.rows
    assert other.steps == one.steps
    assert (other.customers, other.variants) == (1050, 846)


def test_xes_that_is_cut_off_or_declares_entities_is_refused(tmp_path):
    rows = pa.table({"case_id": ["a", "a"], "activity": ["x", "y"], "timestamp": ["2026-01-01 10:00:00"] * 2})
    whole = xes(rows, tmp_path / "whole.xes").read_bytes()
    (tmp_path / "cut.xes").write_bytes(whole[:-60])
    (tmp_path / "bomb.xes").write_bytes(whole.replace(b"<log", b'<!DOCTYPE l [<!ENTITY a "b">]><log', 1))
    (tmp_path / "none.xes").write_bytes(b'<log xmlns="http://www.xes-standard.org/"></log>')
    for name, words in (("cut", "cannot be read as XES"), ("bomb", "entities"), ("none", "no event")):
        with pytest.raises(BadInput, match=words) as caught:
            trying.journey(str(tmp_path / f"{name}.xes"))
        assert caught.value.hint


def test_a_planted_change_is_found_by_both(files):
    """The example: article read by 65 % since March, 35 % before; nothing else changed."""
    for found in (
        trying.journey(str(files / "events.csv"), **NAMES, before_after="2026-03-01"),
        trying.paths(str(files / "events.csv"), **NAMES, from_="help opened", before_after="2026-03-01"),
    ):
        clear = [r for r in found.rows if r.adjusted is not None and r.adjusted <= 0.05]
        told = {(getattr(r, "target", None) or r.step): round(r.change, 3) for r in clear}
        assert set(told) == {"article read", "called"}
        assert told["article read"] == -told["called"] == pytest.approx(0.3, abs=0.12)
        assert found.interval.low <= found.estimate <= found.interval.high
        assert "beyond chance" in found.answer


def test_shares_and_times_of_a_small_log_by_hand():
    rows = log(
        ("a", 0, "A"), ("a", 10, "B"), ("a", 30, "C"), ("b", 0, "A"), ("b", 20, "B"), ("c", 5, "A"), ("c", 6, "D")
    )
    found = trying.journey(rows, **NAMES)
    moves = {(r.source, r.target): r for r in found.rows}

    assert moves["A", "B"].share == pytest.approx(2 / 3)
    assert moves["A", "B"].median_seconds == 900
    assert moves["A", "D"].customers == 1
    assert moves["", "A"].times == 3


def test_from_and_window_follow_what_comes_after_a_step():
    rows = log(
        ("a", 0, "X"),
        ("a", 1, "A"),
        ("a", 5, "B"),
        ("a", 99, "C"),
        ("b", 0, "A"),
        ("b", 2, "C"),
        ("c", 0, "X"),
        ("c", 4, "B"),
    )
    found = trying.journey(rows, **NAMES, from_="A", window="10min")

    assert {(r.source, r.target) for r in found.rows if r.source and r.target} == {("A", "B"), ("A", "C")}
    assert found.journeys == 2
    assert {(r.source, r.times) for r in found.rows if not r.target} == {("B", 1), ("C", 1)}


def test_a_walk_not_over_at_the_end_of_the_file_is_open_and_not_stopped():
    rows = log(("a", 0, "A"), ("a", 3, "B"), ("b", 1, "A"), ("c", 100, "A"), ("d", 0, "A"), ("d", 1, "B"))
    found = trying.paths(rows, **NAMES, from_="A", window="10min", depth=1)
    told = {r.path: r for r in found.rows}

    assert found.still_open == 1
    assert told["A"].customers == 4
    assert told["A"].open == 1
    assert (told["A → B"].customers, told["A → B"].stood) == (2, 3)
    assert told[f"A → {STOPS}"].customers == 1


def test_groups_are_compared_and_paths_are_followed_back(files):
    by = trying.paths(str(files / "events.csv"), **NAMES, from_="help opened", by="plan")
    back = trying.paths(str(files / "events.csv"), **NAMES, to="called", depth=1)

    assert len(by.groups) == 2
    assert any(r.adjusted is not None for r in by.rows)
    assert [r.path for r in back.rows][:2] == ["called", "help opened → called"]
    assert back.rows[1].share == 1.0
    assert "called, 100 % came from help opened".replace(" %", "\u00a0%") in back.answer


def test_ways_followed_back_are_told_by_where_they_came_from(files):
    back = trying.paths(str(files / "events.csv"), **NAMES, to="called", depth=2, before_after="2026-03-01")
    row = next(r for r in back.rows if r.change is not None)

    assert row.back
    assert f"came to {row.after} from {row.step}" in row.told


def test_a_long_way_keeps_both_ends_in_a_terminal(tmp_path):
    names = ("the newsletter was opened", "the article was read", "support was called")
    table = log(*((f"c{i}", m, name) for i in range(9) for m, name in enumerate(names)))
    csv.write_csv(table, tmp_path / "long.csv")

    told = CliRunner().invoke(regard, ["try", "paths", str(tmp_path / "long.csv")]).output

    assert "\nthe newsletter wa" in told
    assert "support was called  " in told


def test_a_heading_in_one_word_is_known_as_the_time():
    found = trying.journey(log(("a", 0, "x"), ("a", 1, "y")).rename_columns(["user", "eventdate", "name"]))

    assert "time = eventdate" in found.cautions[0].text


def test_wrong_options_say_what_to_do(files):
    table = str(files / "events.csv")
    for options, words in (
        ({"from_": "helpp"}, "No step is called"),
        ({"window": "soon"}, "no length of time"),
        ({"before_after": "1999-01-01"}, "lies outside"),
        ({"before_after": "2026-03-01", "by": "plan"}, "not both"),
    ):
        with pytest.raises(BadInput, match=words) as caught:
            trying.paths(table, **NAMES, **options)
        assert caught.value.hint or words == "lies outside"


def test_bots_are_left_out_and_counted():
    rows = log(
        *[("bot", k, "A" if k % 2 else "B") for k in range(50)],
        ("a", 0, "A"),
        ("a", 1, "B"),
        ("b", 0, "A"),
        ("b", 9, "B"),
    )
    found = trying.journey(rows, **NAMES, most=20)

    assert found.customers == 2
    assert any("1 customer with more than 20 steps on a day" in c.text for c in found.cautions)


def test_the_figure_leads_each_step_by_its_name(files):
    marked = trying.find("journey")
    drawn = marked.figure(trying.journey(str(files / "events.csv"), **NAMES))

    assert 'data-key="help opened → called"' in drawn.svg
    assert "Width: moves" in drawn.svg


def test_the_command_takes_from_as_it_is_spelled(files):
    words = ["try", "paths", str(files / "events.csv"), "--from", "help opened", "--event", "name", "--json"]
    told = json.loads(CliRunner().invoke(regard, words).stdout)

    assert told["start"] == "help opened"


def test_the_time_is_guessed_that_tells_the_steps_of_a_case_apart():
    rows = [
        {
            "caller": f"c{i}",
            "incident_state": state,
            "opened_at": f"2026-01-0{1 + i}T08:00",
            "updated_at": f"2026-01-0{1 + i}T{at}:00",
        }
        for i in range(4)
        for state, at in (("New", "08"), ("Active", "09"), ("Resolved", "11"))
    ]  # fmt: skip
    found = trying.journey(rows, customer="caller")

    assert "time = updated_at and event = incident_state" in next(c.text for c in found.cautions if c.code == "guessed")
    assert found.answer.startswith("Active is mostly followed by Resolved: 100")


def test_a_column_of_numbers_is_no_guess_for_the_event():
    rows = [{"customer": "a", "time": f"2026-01-01T0{k}:00", "turn": k} for k in range(5)]
    with pytest.raises(BadInput, match="looks like the event"):
        trying.journey(rows)
