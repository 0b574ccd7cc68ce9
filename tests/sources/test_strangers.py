"""Files as strangers bring them: surveys without words, series, event logs, titles above the headings, odd encodings."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from regard.errors import BadInput
from regard.sources.importing import plan_import
from regard.sources.reading import detect


def only(plan):
    (signal,) = plan.mapping.signal
    return signal


def table(head, row, n=60):
    return head + "\n" + "".join(row(i) + "\n" for i in range(n))


def test_a_battery_of_numbers_is_one_survey_and_its_rows_hold_together(bring, written):
    text = table("IMAG1,IMAG2,CUSA1", lambda i: f"{i % 10 + 1},{i % 7 + 1},{i % 5 + 4}")
    file = written("mobi.csv", text)

    plan = plan_import([file])
    done, intake = bring(plan.toml, file)
    again, second = bring(plan.toml, file)

    signal = only(plan)
    assert signal.kind == "answer"
    assert {name: part.scale for name, part in signal.parts.items()} == dict.fromkeys(signal.parts, (1, 10))
    assert (done.kinds, again.kinds) == ({"answer": 180}, {"answer": 180})
    assert set(Counter(r["response"] for r in intake.rows("answer")).values()) == {3}
    assert [r["response"] for r in intake.rows("answer")] == [r["response"] for r in second.rows("answer")]
    assert [
        word for word in ("holds no time", "who the customer is", "about the whole") if word in str(plan.notes)
    ] == [
        "holds no time",
        "who the customer is",
        "about the whole",
    ]


def test_rows_that_are_alike_are_two_responses(bring, written):
    file = written("mobi.csv", "A1,A2,A3\n" + "5,5,5\n" * 2 + "1,2,10\n" * 3)

    _, intake = bring(plan_import([file]).toml, file)

    assert len({r["response"] for r in intake.rows("answer")}) == 5


def test_counts_by_the_hour_are_measurements_and_not_contacts(written):
    file = written(
        "bank_calls.csv", table("DateTime,Calls", lambda i: f"2024-05-01 {i // 60:02d}:{i % 60:02d}:00,{100 + i}")
    )

    signal = only(plan_import([file]))

    assert signal.kind == "telemetry"
    assert (signal.columns["name"].value, signal.columns["value"]) == ("Calls", "Calls")


def test_cases_with_activities_are_events_of_a_case(written):
    file = written(
        "log.csv", table("case_id,activity,timestamp", lambda i: f"c{i % 5},Triage {i % 3},2024-05-01 10:00:{i:02d}")
    )

    signal = only(plan_import([file]))

    assert (signal.kind, signal.columns["person"], signal.columns["name"]) == ("event", "case_id", "activity")


def test_people_with_labels_and_no_time_are_profiles(written):
    file = written("ab.csv", table("userid,version,rounds", lambda i: f"{900 + i},gate_{i % 2},{i}"))

    signal = only(plan_import([file]))

    assert (signal.kind, signal.columns["person"], signal.labels) == ("profile", "userid", ("version",))


def test_names_inside_json_are_read_whole(bring, written):
    lines = [
        json.dumps({"id": i, "created_at": "2024-05-01T10:00:00Z", "requester": {"id": f"u{i % 4}"}, "subject": "Help me",
                    "status": "open", "via": {"channel": "web"}})
        for i in range(40)
    ]  # fmt: skip
    file = written("export.jsonl", "\n".join(lines))

    signal = only(plan_import([file]))

    assert signal.kind == "contact"
    assert (signal.columns["person"], signal.columns["channel"]) == ("requester.id", "via.channel")


def test_who_speaks_in_our_messages_is_not_a_customer(written):
    file = written(
        "messages.csv",
        table(
            "conversation_id,role,speaker,sent_at,text",
            lambda i: (
                f"{i // 2},{'agent' if i % 2 else 'customer'},{'bo' if i % 2 else f'u{i}'},2024-05-01T10:00:{i:02d}Z,"
                f"What can we do for you today number {i}"
            ),
        ),
    )

    said, asked = plan_import([file]).mapping.signal

    assert (said.kind, asked.kind) == ("message", "contact")
    assert "person" not in said.columns
    assert said.columns["about"] == "conversation_id"


def test_ids_that_became_decimals_are_the_ids_they_were(bring, written):
    file = written(
        "views.csv",
        table("session_id,user_id,eventdate", lambda i: f"{i % 20},{f'{i % 4 + 7}.0' if i % 2 else ''},2024-05-01"),
    )

    plan = plan_import([file])
    _, intake = bring(plan.toml, file)

    assert only(plan).columns["person"] == "user_id"
    assert {r["person"] for r in intake.rows("event")} == {None, "8", "10"}


@pytest.mark.parametrize("above", ["Orders of 2024;;;\n", "Orders of 2024;;;\nexported;2024-05-01;;\n;;;\n"])
def test_titles_above_the_headings_are_passed_over(written, above):
    rows = table("Order ID;Customer ID;Date;Amount", lambda i: f"o{i};c{i % 5};2024-05-{i % 28 + 1:02d};{i},50", 30)

    found = detect(written("a.csv", above + rows))

    assert found.names == ("Order ID", "Customer ID", "Date", "Amount")
    assert found.skip == above.count("\n")


def test_rows_that_end_with_a_delimiter_keep_their_headings(bring, written):
    rows = table("order_id,customer_id,date,amount", lambda i: f"o{i},c{i % 5},2024-05-{i % 28 + 1:02d},{i}.5,", 30)
    file = written("orders.csv", rows)

    done, _ = bring(plan_import([file]).toml, file)

    assert detect(file).names == ("order_id", "customer_id", "date", "amount", "column_5")
    assert (done.kinds, done.bad) == ({"order": 30}, 0)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Bestellnummer;Währung;Möbel\n1;EUR;grün\n", "cp1252"),
        ("número;opinión\n1;está “bien”\n", "cp1252"),
        ("Заказ;Отзыв\n1;Очень хорошо и быстро\n2;Плохой хлеб, больше не приду\n" * 5, "cp1251"),
    ],
)
def test_letters_with_accents_are_read_as_they_were_written(written, text, encoding):
    found = detect(written("a.csv", text.encode(encoding)))

    assert found.names == tuple(text.split("\n")[0].split(";"))


def test_one_broken_character_does_not_change_the_encoding_of_a_file(written):
    text = "name,note\n" + "José,é\n" * 20

    found = detect(written("a.csv", text.encode() + b"Jos\xe9,x\n"))

    assert found.encoding == "utf-8"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"order_id,customer_id,amount\n", "holds no rows of data"),
        (b"\n\n \n", "holds no rows of data"),
        (bytes(range(1, 256)) * 40, "is not text"),
    ],
)
def test_what_holds_nothing_is_refused_in_words(written, content, message):
    with pytest.raises(BadInput, match=message):
        plan_import([written("a.csv", content)])


def test_public_data_becomes_what_it_is(data):
    """The kinds their README.md name: reviews with aspects, a survey of items, profiles of a test, tweets, event logs."""
    expected = {
        "skytrax_seat_reviews": "answer",
        "ecsi_mobile": "answer",
        "nhs_patient_feedback": "answer",
        "cookie_cats_ab": "profile",
        "diginetica_clicks_sample": "event",
        "bank_call_volume": "telemetry",
        "twitter_airline_sentiment": "contact",
        "sepsis_event_log": "event",
        "it_incident_log": "contact",
    }

    found = {name: only(plan_import(data(name))).kind for name in expected}

    assert found == expected


def test_a_total_holds_the_freight_already(written):
    file = written(
        "shop.csv",
        table(
            "Id,Email,Created at,Shipping,Total",
            lambda i: f"{i},a{i % 7}@x.org,2024-05-{i % 28 + 1:02d},5.00,{i + 5}.00",
        ),
    )

    assert only(plan_import([file])).columns["amount"] == "Total"


def test_a_score_on_a_ticket_is_an_answer_about_it(bring, written):
    file = written(
        "tickets.csv",
        table(
            "Ticket ID,Requester id,Created at,Subject,CSAT score",
            lambda i: f"t{i},u{i % 9},2024-05-{i % 28 + 1:02d},Where is it,{i % 5 + 1 if i % 2 else ''}",
        ),
    )

    done, intake = bring(plan_import([file]).toml, file)

    assert done.kinds == {"contact": 60, "answer": 30}
    assert {(r["metric"], r["scale_max"]) for r in intake.rows("answer")} == {("csat", 5.0)}
    assert intake.rows("answer")[0]["about"] == "t1"


def test_customers_beside_their_orders_bring_names(bring, written):
    orders = written(
        "orders.csv",
        table("order_id,customer_id,ordered_at,total", lambda i: f"o{i},c{i % 9},2024-05-{i % 28 + 1:02d},5.00"),
    )
    customers = written("customers.csv", table("customer_id,name,email", lambda i: f"c{i},Ann {i},a{i}@x.org", 9))

    _, intake = bring(plan_import([orders, customers]).toml, orders, customers)

    assert {(r["person"], r["name"], r["email"]) for r in intake.rows("profile")} == {
        (f"c{i}", f"Ann {i}", f"a{i}@x.org") for i in range(9)
    }


def test_of_two_headings_for_the_same_the_filled_one_is_taken(written):
    file = written(
        "answers.csv",
        table(
            "Respondent ID,Collector ID,Start Date,End Date,Email Address,Custom Data 1,How satisfied are you?",
            lambda i: f"9{i},44,2024-05-01,2024-05-02,a{i}@x.org,,{i % 5 + 1}",
        ),
    )

    assert only(plan_import([file])).columns["person"] == "Email Address"


def test_short_comments_are_words_of_the_customer_and_no_label(written):
    said = ("too dear", "great", "slow")
    file = written(
        "survey.csv",
        table(
            "done,email,Ease (1-7),Support (1-7),Any comments?,Comment type",
            lambda i: f"2026-01-0{i % 9 + 1},w{i}@ex.org,{i % 7 + 1},{i % 5 + 1},{said[i % 3]},{'ab'[i % 2]}",
        ),
    )

    signal = only(plan_import([file]))

    assert signal.parts["Any comments?"].verbatim == "Any comments?"
    assert signal.labels == ("Comment type",)


def test_a_contract_belongs_to_the_company_it_names(written):
    file = written(
        "subs.csv",
        table("subscription_id,company,plan,mrr,start_date,end_date", lambda i: f"s{i},Firm {i},pro,99,2026-01-05,"),
    )

    plan = plan_import([file])

    assert only(plan).columns["account"] == "company"
    assert "who the customer is" not in str(plan.notes)


def test_customers_under_a_short_name_are_found_in_both_files(written):
    customers = written("kunden.csv", table("cust_no,region,signup", lambda i: f"C{i},{'NS'[i % 2]},2025-01-01"))
    calls = written(
        "calls.csv", table("call_id,cust_no,call_time,reason", lambda i: f"{i},C{i % 9},2026-05-01T10:00:00Z,bill")
    )

    plan = plan_import([customers, calls])

    assert {s.kind: s.columns["person"] for s in plan.mapping.signal} == {"profile": "cust_no", "contact": "cust_no"}


def test_what_is_known_of_nobody_is_no_profile(written):
    file = written("customers.csv", table("region,since", lambda i: f"{'NS'[i % 2]},2025-01-01"))

    with pytest.raises(BadInput, match="could be recognised"):
        plan_import([file])


def test_the_order_of_day_and_month_is_shown_by_a_value_that_shows_it(written):
    file = written(
        "orders.csv",
        table(
            "order_id,customer_id,order_date,amount",
            lambda i: f"{i},c{i % 9},{4 + i % 25:02d}.02.2026,{i}",
        ),
    )

    (note,) = plan_import([file]).notes

    assert "order_date: day first: 13.02.2026 cannot be read otherwise" in note


def test_how_a_column_is_read_that_is_not_used_is_not_told(written):
    file = written(
        "seat.csv",
        table(
            "date,overall_rating,title,date_flown",
            lambda i: f"2026-01-01,{i % 10 + 1},A seat {i},{i % 28 + 1:02d}-02-2026",
        ),
    )

    assert "date_flown" not in " ".join(note for note in plan_import([file]).notes if "first" in note)


def contracts(written, head, row):
    return plan_import([written("contracts.csv", table(head, row))]).mapping.signal


def test_a_day_that_some_contracts_lack_ended_the_others(written):
    start, end = contracts(
        written,
        "subscription_id,company,mrr,start_date,end_date,cancellation reason",
        lambda i: f"s{i},Firm {i},99,2026-01-05,{'2026-03-05,price' if i % 3 else ','}",
    )

    assert (start.columns["every"].value, "until" in start.columns) == ("month", False)
    assert (end.columns["change"].value, end.columns["occurred_at"], end.columns["reason"]) == (
        "end",
        "end_date",
        "cancellation reason",
    )
    assert end.when["end_date"].empty is False
    assert end.columns["account"] == "company"


def test_a_day_that_every_contract_has_is_how_far_it_is_paid(written):
    (start,) = contracts(
        written,
        "subscription_id,customer_id,price,interval,start_date,end_date",
        lambda i: f"s{i},c{i},99,{'monthly' if i % 2 else 'annual'},2026-01-05,2027-01-05",
    )

    assert start.columns["until"] == "end_date"
    assert start.columns["every"].map == {"monthly": "month", "annual": "year"}


def test_contracts_without_a_number_are_told_apart_by_their_customer(bring, written):
    file = written(
        "kundenliste.csv",
        table(
            "Kundennr;Tarif;Start;K\u00fcndigung;MRR",
            lambda i: f"{100 + i};S;13.01.2025;{'14.02.2026' if i % 4 == 0 else ''};49,00 \u20ac",
        ),
    )

    done, intake = bring(plan_import([file]).toml, file)

    assert done.kinds == {"subscription": 75}
    assert Counter(r["change"] for r in intake.rows("subscription")) == {"start": 60, "end": 15}
    assert {(r["every"], r["amount"]) for r in intake.rows("subscription") if r["change"] == "start"} == {
        ("month", 49.0)
    }


def test_amounts_of_contracts_that_are_paid_for_nobody_knows_how_long_are_asked_about(written):
    file = written(
        "subs.csv", table("subscription_id,customer_id,plan,price,start", lambda i: f"s{i},c{i},S,9,2026-01-05")
    )

    assert 'every = { value = "month" }' in " ".join(plan_import([file]).notes)


def test_deliveries_of_no_price_are_promises(written):
    file = written(
        "deliveries.csv",
        table(
            "order_no,customer_no,ordered_on,promised_date,delivered_date",
            lambda i: f"{i},c{i % 9},2026-03-01,2026-03-10,{'2026-03-09' if i % 5 else ''}",
        ),
    )

    signal = only(plan_import([file]))

    assert (signal.kind, signal.columns["due_at"], signal.columns["kept_at"], signal.columns["key"]) == (
        "promise",
        "promised_date",
        "delivered_date",
        "order_no",
    )


def test_a_number_of_the_row_is_no_key_that_the_next_file_would_overwrite(written):
    file = written(
        "tweets.csv",
        table("row_id,author,tweet_created,text", lambda i: f"{i},a{i % 7},2026-05-01,You were late again {i}"),
    )

    assert "key" not in only(plan_import([file])).columns


def test_the_first_column_of_tickets_is_their_key_where_it_never_repeats(written):
    file = written(
        "support.csv",
        table("Ref\u00e9rence,client,opened,subject", lambda i: f"R-{i},c{i % 7},2026-05-01,Late {i % 3}"),
    )

    assert only(plan_import([file])).columns["key"] == "Ref\u00e9rence"


def test_a_file_that_cannot_be_read_stops_no_other(written):
    orders = written(
        "orders.csv", table("order_id,customer_id,ordered_at,total", lambda i: f"O{i},C{i % 9},2026-01-01,5")
    )
    side = written("labels.json", '{"a": {"b": [1]')

    plan = plan_import([side, orders])

    assert [f.name for f in plan.files] == ["orders.csv"]
    assert any("labels.json is left out" in note for note in plan.notes)
    with pytest.raises(BadInput, match="no JSON object"):
        plan_import([side, side])


def test_a_column_that_names_the_series_names_the_measurement(written):
    file = written(
        "long.csv", table("series,timestamp,value", lambda i: f"disk {i % 3},2024-05-01 00:{i:02d}:00,{i}.5")
    )

    signal = only(plan_import([file]))

    assert signal.kind == "telemetry"
    assert (signal.columns["name"], signal.columns["value"]) == ("series", "value")
