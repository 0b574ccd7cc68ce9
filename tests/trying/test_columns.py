"""Columns of any table: what is read, what is guessed, what is left out and said."""

import gzip
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from regard import trying
from regard.cli import regard
from regard.errors import BadInput, UnknownName
from regard.trying.columns import columns_of


def written(tmp_path, text, name="t.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def test_delimiter_encoding_decimal_comma_and_day_first_are_detected(tmp_path):
    path = written(tmp_path, "Größe;Betrag;Datum\nklein;1.234,50;31.12.2025\ngroß;12,5;01.02.2026\n", encoding="cp1252")

    found = columns_of(path)

    assert found.names == ("Größe", "Betrag", "Datum")
    assert found.numbers("Betrag").tolist() == [1234.5, 12.5]
    assert found.times("Datum").astype("datetime64[D]").astype(str).tolist() == ["2025-12-31", "2026-02-01"]
    assert found.text("Größe").tolist() == ["klein", "groß"]


def test_gzip_and_parquet_are_read_alike(tmp_path):
    table = pa.table({"a": [1.5, None, 3.0], "b": ["x", None, "y"]})
    parquet.write_table(table, tmp_path / "t.parquet")
    with gzip.open(tmp_path / "t.csv.gz", "wt") as file:
        file.write("a,b\n1.5,x\n,\n3,y\n")

    for name in ("t.parquet", "t.csv.gz"):
        found = columns_of(tmp_path / name)
        assert np.isnan(found.numbers("a")).tolist() == [False, True, False]
        assert found.text("b").tolist()[0] == "x"


def test_a_data_frame_with_a_named_index_keeps_it():
    frame = pd.DataFrame({"y": [1, 2]}, index=pd.Index(["a", "b"], name="state"))

    found = columns_of(frame)

    assert found.names == ("state", "y")
    assert found.text("state").tolist() == ["a", "b"]


def test_whole_years_are_read_as_times():
    found = columns_of({"year": [1970, 2000]})

    assert found.times("year").astype("datetime64[D]").astype(str).tolist() == ["1970-01-01", "2000-01-01"]
    assert found.whole("year").tolist() == [1970, 2000]


def test_times_with_a_zone_become_utc():
    instants = pd.to_datetime(["2026-01-01 00:30"]).tz_localize("Europe/Berlin")

    assert str(columns_of({"at": instants.to_numpy()}).times("at")[0]).startswith("2025-12-31T23:30")
    assert str(columns_of(pd.DataFrame({"at": instants})).times("at")[0]).startswith("2025-12-31T23:30")


def test_a_few_unreadable_values_are_left_out_and_said(tmp_path):
    path = written(tmp_path, "n\n" + "5\n" * 30 + "oops\n" + "6\n" * 10)

    found = columns_of(path)
    values = found.numbers("n")

    assert int(np.isnan(values).sum()) == 1
    assert [c.code for c in found.cautions()] == ["left_out"]
    assert "line 32" in found.cautions()[0].text
    assert "oops" in found.cautions()[0].text


def test_many_unreadable_values_are_bad_input_naming_line_and_value(tmp_path):
    path = written(tmp_path, "plan,n\nTeam,5\nFree,6\n")

    with pytest.raises(BadInput, match=r"plan does not hold numbers: line 2 holds 'Team'"):
        columns_of(path).numbers("plan")


def test_words_for_nothing_are_empty_not_wrong(tmp_path):
    found = columns_of(written(tmp_path, "n\n5\nn/a\n-\n7\n"))

    assert np.isnan(found.numbers("n")).tolist() == [False, True, True, False]
    assert found.cautions() == ()


def test_an_infinite_number_is_left_out_and_said():
    found = columns_of({"n": np.array([1.0] * 20 + [np.inf])})

    assert np.isfinite(found.numbers("n")).sum() == 20
    assert "infinite" in found.cautions()[0].text


def test_a_row_of_another_width_is_said(tmp_path):
    found = columns_of(written(tmp_path, "a,b\n1,2\n1,2,3\n4,5\n"))

    assert found.numbers("a").tolist() == [1, 4]
    assert "line 3" in found.cautions()[0].text


def test_codes_number_the_labels_in_their_order_and_empty_is_minus_one():
    codes, labels = columns_of({"g": ["b", None, "a", "b", ""]}).codes("g")

    assert codes.tolist() == [1, -1, 0, 1, -1]
    assert labels.tolist() == ["a", "b"]


def test_an_unknown_column_suggests_the_nearest():
    with pytest.raises(UnknownName, match="pln") as caught:
        columns_of({"plan": ["a"], "n": [1]}).text("pln")

    assert "plan" in caught.value.hint


def test_a_guess_is_told_and_prefers_the_exact_heading():
    found = columns_of({"score_label": ["x"], "NPS Score": [9], "nps": [9]})

    assert found.guess("score", ("nps", "score"), "number") == "nps"
    assert "score = nps" in found.cautions()[0].text


def test_nothing_to_guess_from_names_the_option_and_the_columns():
    with pytest.raises(BadInput, match="looks like the score") as caught:
        columns_of({"a": ["x"], "b": ["y"]}).guess("score", ("nps",), "number")

    assert "--score COLUMN" in caught.value.hint


def test_what_is_no_table_is_refused_with_what_is():
    with pytest.raises(BadInput, match="is not a table") as caught:
        trying.scores(3)

    assert "mapping of column names" in caught.value.hint


def test_columns_of_unequal_length_are_bad_input():
    with pytest.raises(BadInput, match="cannot be read"):
        trying.scores({"a": [1, 2], "b": [1]})


def test_an_unknown_option_names_the_nearest():
    with pytest.raises(UnknownName, match="scor"):
        trying.scores({"nps": [1]}, scor="nps")


def test_how_a_file_is_read_can_be_insisted_on(tmp_path):
    path = written(tmp_path, "exported on Monday\nby Ann\nnps;plan\n9;Team\n10;Free\n" + "8;Free\n" * 20)
    command = ["try", "scores", str(path), "--score", "nps", "--read", "skip=2", "--read", "delimiter=;", "--json"]

    told = CliRunner().invoke(regard, command)

    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["n"] == 22


def test_an_unknown_way_of_reading_names_the_nearest(tmp_path):
    path = written(tmp_path, "nps\n9\n")

    told = CliRunner().invoke(regard, ["try", "scores", str(path), "--read", "encodin=utf-8"])

    assert isinstance(told.exception, UnknownName)
    assert "encoding" in told.exception.hint


def test_a_column_of_many_values_does_not_cut_a_score():
    with pytest.raises(BadInput, match="500 groups"):
        trying.scores({"nps": [9, 3] * 250, "who": [f"P{i}" for i in range(500)]}, by="who")


def test_days_that_can_be_read_two_ways_ask_for_no_mapping(tmp_path):
    file = tmp_path / "bought.csv"
    file.write_text("customer,day\n" + "".join(f"c{i},0{i}.03.2024\n" for i in range(1, 9)))
    data = columns_of(str(file))
    data.times("day")
    told = " ".join(c.text for c in data.cautions())

    assert "day first is assumed" in told
    assert "write days as 2026-03-01 if it is wrong" in told
