"""The battery every question passes, whoever wrote it: a new question gets it free."""

from __future__ import annotations

import json

import msgspec
import pytest

from regard.errors import RegardError
from regard.findings import Finding, field_help, tables
from regard.questions import find, questions
from regard.sheets import csv_of
from regard.signals.ask import answer
from regard.signals.declarations import CustomerBase, Declarations, Value
from regard.signals.scope import Given
from regard.simulation import declarations as company_declarations
from regard.simulation import sample

PATHS = list(questions())


@pytest.fixture(scope="module")
def company():
    return sample()


@pytest.fixture
def living(view_of, company):
    return view_of(company, declarations=company_declarations())


def arguments_for(path, view):
    if path == "customers/customer":
        row = view.connection.execute("SELECT id FROM lake_customer ORDER BY id LIMIT 1").fetchone()
        return {"id": row[0] if row else "nobody"}
    return {}


def ask(path, view, **given):
    return answer(find(path), view=view, given=Given(**given), arguments=arguments_for(path, view))


@pytest.mark.parametrize("path", PATHS)
def test_the_example_company_is_answered_with_evidence(path, living):
    finding = ask(path, living)

    assert isinstance(finding, Finding)
    assert finding.answer.strip()
    assert finding.evidence.question == path
    assert finding.evidence.position == living.position
    assert finding.refused or finding.evidence.method or finding.evidence.complete


@pytest.mark.parametrize("path", PATHS)
def test_an_empty_log_is_refused_or_counted_never_broken(path, view_of):
    view = view_of(
        declarations=Declarations(value=Value(kind="recurring"), base=CustomerBase(lost="subscription ends"))
    )

    try:
        finding = ask(path, view)
    except RegardError as error:
        assert error.hint, "an error says what to do next"  # noqa: PT017 both outcomes are fine
        return

    assert finding.answer.strip()


@pytest.mark.parametrize("path", PATHS)
def test_nothing_declared_is_refused_with_a_next_step_or_answered(path, view_of, company):
    view = view_of(company, declarations=Declarations())

    try:
        finding = ask(path, view)
    except RegardError as error:
        assert error.hint  # noqa: PT017
        return

    assert not finding.refused or finding.next_step


@pytest.mark.parametrize("path", PATHS)
def test_one_customer_alone_is_no_reason_to_break(path, view_of, company):
    one = {kind: table.slice(0, 1) for kind, table in company.items()}
    view = view_of(one, declarations=company_declarations())

    assert ask(path, view).answer.strip()


@pytest.mark.parametrize("path", PATHS)
def test_shuffled_rows_give_the_same_answer(path, living, view_of, company):
    import numpy as np

    generator = np.random.default_rng(3)
    shuffled = {k: t.take(generator.permutation(len(t))) for k, t in company.items() if k != "merge"}
    straight = {k: t for k, t in company.items() if k != "merge"}
    first = ask(path, view_of(straight, declarations=company_declarations()))
    second = ask(path, view_of(shuffled, declarations=company_declarations()))

    assert second.answer == first.answer


@pytest.mark.parametrize("path", PATHS)
def test_a_finding_survives_json_and_back(path, living):
    finding = ask(path, living)

    again = msgspec.json.decode(msgspec.json.encode(finding), type=type(finding))

    assert again == finding
    json.loads(msgspec.json.encode(finding), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


@pytest.mark.parametrize("path", PATHS)
def test_the_bounds_of_a_parameter_can_be_held(path):
    for name, parameter in questions()[path].parameters.items():
        if parameter.default is not parameter.empty:
            found = msgspec.convert(parameter.default, parameter.annotation, strict=False)
            assert found == parameter.default, name


@pytest.mark.parametrize("path", PATHS)
def test_every_field_and_parameter_carries_help(path):
    question = find(path)
    bare = [n for n, text in field_help(question.finding).items() if not text]
    for name, row in tables(question.finding).items():
        bare += [f"{name}.{n}" for n, text in field_help(row).items() if not text]

    assert bare == []
    assert question.help.splitlines()[0].rstrip().endswith("?"), "the docstring's first line is the question"


@pytest.mark.parametrize("path", PATHS)
def test_its_table_is_csv_and_its_figure_is_svg(path, living):
    import xml.etree.ElementTree as ET

    question = find(path)
    finding = ask(path, living)

    assert csv_of(finding).count("\r\n") >= 1
    if question.figure and not finding.refused:
        drawn = question.figure(finding)
        if drawn is not None:
            ET.fromstring(drawn.svg)  # noqa: S314 it is our own
            assert drawn.title
            assert "style=" not in drawn.svg


@pytest.mark.parametrize("path", PATHS)
def test_every_declared_dimension_cuts_it_or_says_why_not(path, living):
    try:
        finding = ask(path, living, by="region")
    except RegardError as error:
        assert error.hint  # noqa: PT017
        return

    assert finding.answer.strip()


@pytest.mark.parametrize("path", PATHS)
def test_a_period_without_signals_is_said_not_invented(path, living):
    finding = ask(path, living, since="2001-01-01", until="2001-03-31")

    assert finding.answer.strip()
    assert "nan" not in finding.answer.lower().split()


@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_dimension_names_the_nearest(path, living):
    with pytest.raises(RegardError, match="regionn"):
        ask(path, living, by="regionn")


@pytest.mark.parametrize("path", PATHS)
def test_it_has_a_page_in_the_docs(path):
    from pathlib import Path

    page = Path(__file__).parents[1] / "docs" / f"{path}.md"

    assert page.exists(), f"write docs/{path}.md"
    assert f"regard {path.replace('/', ' ')}" in page.read_text("utf-8") or path == "report/state"
