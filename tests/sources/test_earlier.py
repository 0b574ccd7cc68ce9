"""A file like one that came before is more of the same source."""

from __future__ import annotations

import pytest

from regard.sources.earlier import continued, undated
from regard.sources.importing import plan_import
from regard.sources.writing import write_mapping

ORDERS = "order_id,customer_id,order_date,amount\n" + "".join(
    f"o{i},c{i % 3},2024-05-0{i + 1},5.00\n" for i in range(9)
)
SURVEY = "respondent_id,submitted_at,nps,comment\n" + "".join(
    f"r{i},2024-05-0{i + 1},{i},They were all very kind {i}\n" for i in range(9)
)


def batch(mapping, **more):
    return {"id": 1, "source": mapping.name, "mapping": write_mapping(mapping), "undone": None, **more}


@pytest.mark.parametrize(
    ("stem", "plain"),
    [
        ("tickets-october", "tickets"),
        ("tickets_2024-10", "tickets"),
        ("2024-10-01 orders (2)", "orders"),
        ("export 20241001", "export"),
        ("orders 2024 Q3", "orders"),
        ("2024-10", "2024-10"),
        ("mayflower", "mayflower"),
        ("marches", "marches"),
    ],
)
def test_the_dates_in_a_name_are_not_the_name(stem, plain):
    assert undated(stem) == plain


def test_a_file_with_the_columns_of_an_earlier_one_is_more_of_its_source(written):
    first = plan_import([written("shop.csv", ORDERS)]).mapping
    second = plan_import([written("week 12.csv", ORDERS)]).mapping

    found, note = continued(second, [batch(first)])

    assert found.name == "shop"
    assert "batch 1" in note
    assert "--source" in note
    assert found.inputs == second.inputs


def test_names_given_to_what_is_in_it_stay_the_same(written):
    first = plan_import([written("visit.csv", SURVEY)]).mapping
    second = plan_import([written("other.csv", SURVEY)]).mapping

    found, _ = continued(second, [batch(first)])

    assert found.signal[0].columns["survey"] == first.signal[0].columns["survey"]


def test_other_columns_and_undone_batches_are_other_sources(written):
    first = plan_import([written("shop.csv", ORDERS)]).mapping
    second = plan_import([written("b.csv", ORDERS.replace("amount", "total"))]).mapping

    assert continued(second, [batch(first)]) == (second, "")
    assert continued(first, [batch(first, undone="2024-05-01")]) == (first, "")
    assert continued(first, [{**batch(first), "mapping": ""}, {**batch(first), "mapping": "="}]) == (first, "")
