"""The battery every trial passes, whoever wrote it: a new trial gets it free from its ``example_<name>.py``."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import csv

from regard import trying
from regard.cli import regard
from regard.errors import BadInput, RegardError, UnknownName
from regard.findings import field_help, tables

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("trying_examples", Path(__file__).with_name("conftest.py"))
conftest = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = conftest
spec.loader.exec_module(conftest)
EXAMPLES = conftest.examples()
NAMES = trying.known()
STABLE = {"answer", "estimate", "interval", "n", "method", "cautions", "checks", "rows", "refused", "next_step"}


def words(example, file, options):
    found = ["try", example.name, str(file)]
    for name, value in options.items():
        spelled = trying.find(example.name).spelled(name)
        if value is True:
            found.append(f"--{spelled}")
        else:
            found += [f"--{spelled}", ",".join(value) if isinstance(value, tuple) else str(value)]
    return found


def ask(name, table, **more):
    example = EXAMPLES[name]
    return trying.find(name).ask(table, **{**example.options, **more})


def spoiled(name, values):
    """The example's table with another column of numbers."""
    example = EXAMPLES[name]
    named = example.options[example.number]
    column = named[0] if isinstance(named, tuple) else named.split(",")[0]
    return example.table.set_column(example.table.column_names.index(column), column, values), column


@pytest.mark.parametrize("name", NAMES)
def test_it_has_an_example_a_page_and_help(name):
    assert name in EXAMPLES, f"write tests/trying/example_{name}.py"
    page = ROOT / "docs" / "try" / f"{name}.md"
    assert page.exists(), f"write docs/try/{name}.md"
    assert f"regard try {name} " in page.read_text("utf-8")

    marked = trying.find(name)

    assert marked.help.strip().splitlines()[0].endswith("?"), "its docstring begins with the question"
    assert "rows" in tables(marked.trial)
    assert all(field_help(marked.trial).values())
    assert all(all(field_help(row).values()) for row in tables(marked.trial).values())
    assert all(trying.trials.meta_of(p.annotation).description for p in marked.options.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_example_is_answered(name):
    found = ask(name, EXAMPLES[name].table)

    assert found.answer.strip()
    assert not found.refused, found.refused
    assert found.method
    assert found.n > 0
    assert found.rows
    assert found.evidence.question == f"try/{name}"
    assert "nan" not in found.answer.lower().split()


@pytest.mark.parametrize("name", NAMES)
def test_json_goes_out_with_the_stable_names_and_comes_back(name):
    found = ask(name, EXAMPLES[name].table)

    text = msgspec.json.encode(found)

    assert set(json.loads(text)) >= STABLE
    assert msgspec.json.decode(text, type=type(found)) == found


@pytest.mark.parametrize("name", NAMES)
def test_the_command_answers_what_python_answers(name, files):
    example = EXAMPLES[name]

    result = CliRunner().invoke(regard, [*words(example, files / example.file, example.options), "--json"])
    again = CliRunner().invoke(regard, words(example, files / example.file, example.options))

    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    found = json.loads(msgspec.json.encode(ask(name, str(files / example.file))))
    for which in STABLE:
        assert told[which] == found[which]
    assert again.exit_code == 0
    assert found["answer"].split()[0] in again.stdout


@pytest.mark.parametrize("name", NAMES)
def test_a_data_frame_and_a_mapping_answer_what_the_file_answers(name, files):
    table = EXAMPLES[name].table
    found = ask(name, str(files / EXAMPLES[name].file))

    for given in (table.to_pydict(), table.to_pandas(), table):
        same = ask(name, given)
        assert same.answer == found.answer
        assert close(same.estimate, found.estimate)


def close(one, other):
    return one == other or math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_shuffled_rows_give_the_same_answer(name):
    table = EXAMPLES[name].table
    order = np.random.default_rng(5).permutation(len(table))
    found, shuffled = ask(name, table), ask(name, table.take(order))

    assert shuffled.answer == found.answer
    assert close(shuffled.estimate, found.estimate)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_file_is_bad_input_and_headings_alone_are_refused(name, tmp_path):
    example = EXAMPLES[name]
    (tmp_path / "nothing.csv").write_text("")
    csv.write_csv(example.table.slice(0, 0), tmp_path / "headings.csv")

    empty = CliRunner().invoke(regard, words(example, tmp_path / "nothing.csv", example.options))
    headings = CliRunner().invoke(regard, words(example, tmp_path / "headings.csv", example.options))

    assert isinstance(empty.exception, BadInput)
    assert headings.exit_code == 3, headings.output


@pytest.mark.parametrize("name", NAMES)
def test_one_row_is_refused_or_answered_never_broken(name):
    try:
        found = ask(name, EXAMPLES[name].table.slice(0, 1))
    except RegardError as error:
        assert error.hint  # noqa: PT017 both outcomes are fine
        return

    assert found.answer.strip()
    assert not found.refused or found.next_step
    assert "nan" not in found.answer.lower().split()


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_column_names_the_nearest(name):
    example = EXAMPLES[name]
    named = example.options[example.number]
    column = named[0] if isinstance(named, tuple) else named.split(",")[0]

    with pytest.raises(UnknownName, match=f"{column}x"):
        ask(name, example.table, **{example.number: f"{column}x"})


@pytest.mark.parametrize("name", NAMES)
def test_text_in_a_column_of_numbers_names_column_line_and_value(name):
    table, column = spoiled(name, pa.array(["not a number"] * len(EXAMPLES[name].table)))

    with pytest.raises(BadInput) as caught:
        ask(name, table)

    assert column in caught.value.message
    assert "not a number" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("name", NAMES)
def test_all_missing_is_refused_not_broken(name):
    table, _ = spoiled(name, pa.nulls(len(EXAMPLES[name].table), pa.float64()))

    try:
        found = ask(name, table)
    except RegardError as error:
        assert error.hint  # noqa: PT017
        return

    assert found.refused
    assert found.next_step


@pytest.mark.parametrize("name", NAMES)
def test_its_figure_is_written(name, files, tmp_path):
    example = EXAMPLES[name]
    if trying.find(name).figure is None:
        pytest.skip("draws no figure")

    result = CliRunner().invoke(
        regard, [*words(example, files / example.file, example.options), "--figure", str(tmp_path / "f.svg")]
    )

    assert result.exit_code == 0, result.output
    assert (tmp_path / "f.svg").read_text("utf-8").startswith("<svg")


def test_a_figure_into_a_folder_that_is_not_there_is_bad_input(files, tmp_path):
    example = EXAMPLES["scores"]
    given = [*words(example, files / example.file, example.options), "--figure", str(tmp_path / "nowhere" / "f.svg")]

    result = CliRunner().invoke(regard, given)

    assert isinstance(result.exception, RegardError)
    assert "no folder" in str(result.exception)


@pytest.mark.parametrize("name", NAMES)
def test_csv_gives_its_rows_unless_another_table_is_named(name, files):
    example = EXAMPLES[name]

    result = CliRunner().invoke(regard, [*words(example, files / example.file, example.options), "--csv"])

    first = tables(trying.find(name).trial)["rows"].__struct_fields__[0]
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].split(",")[0].startswith(first)


def test_the_list_of_trials_tells_every_one_in_a_line():
    told = CliRunner().invoke(regard, ["try", "--help"], terminal_width=100)

    assert told.exit_code == 0, told.output
    for name in NAMES:
        assert any(line.split()[:1] == [name] and len(line.split()) > 3 for line in told.output.splitlines()), name
