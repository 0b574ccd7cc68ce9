from __future__ import annotations

import json

import pytest

from regard.errors import BadInput
from regard.sources.importing import plan_import
from regard.sources.mapping import Expression, read_mapping

EXPORTS = {
    "Zendesk tickets": (
        (
            "Id,Requester,Requester id,Requester email,Assignee,Group,Subject,Tags,Status,Priority,Via,Ticket type,Created at,"
            "Updated at,Organization,Solved at,Satisfaction Score,Reopens,First reply time in minutes\n"
            "35,Ann,901,ann@x.org,Bo,Billing,No invoice,vip,Open,High,Web,Question,2024-05-01 10:00:00,2024-05-02 10:00:00,"
            "ACME,,Offered,0,90\n"
        ),
        {"contact": 1},
        {"answered_at": "2024-05-01T11:30:00", "person": "901", "area": "Billing"},
    ),
    "HubSpot tickets": (
        (
            "Ticket ID,Ticket name,Pipeline,Ticket status,Create date,Priority,Ticket owner,Source,Close date\n"
            "7,Cannot sign in,Support,New,2024-05-01 10:00,HIGH,Bo,EMAIL,\n"
        ),
        {"contact": 1},
        {"subject": "Cannot sign in", "channel": "EMAIL", "occurred_at": "2024-05-01T10:00:00"},
    ),
    "Intercom conversations": (
        (
            "Conversation ID,Conversation started at,Conversation state,User ID,Conversation rating,Channel\n"
            "c1,2024-05-01 10:00:00,closed,u1,4,Chat\nc2,2024-05-01 11:00:00,open,u2,,Email\n"
        ),
        {"contact": 2, "answer": 1},
        {"key": "c1", "person": "u1", "channel": "Chat"},
    ),
    "Stripe payments": (
        (
            "id,Description,Seller Message,Created (UTC),Amount,Amount Refunded,Currency,Status,Customer ID,Customer Email\n"
            "ch_1,Loaf,ok,2024-05-01 10:00:00,49.00,9.00,eur,Paid,cus_1,a@x.org\n"
            "ch_2,Loaf,no,2024-05-01 10:00:00,49.00,0.00,eur,Failed,cus_1,a@x.org\n"
        ),
        {"order": 1},
        {"amount": 49.0, "refunded": 9.0, "person": "cus_1", "currency": "eur"},
    ),
    "Stripe subscriptions": (
        (
            "id,Customer ID,Customer Email,Plan,Quantity,Interval,Amount,Status,Created (UTC),Start (UTC),"
            "Current Period End (UTC),Canceled At (UTC),Ended At (UTC)\n"
            "sub_1,cus_1,a@x.org,loaf,1,month,49.00,canceled,2024-01-01 00:00,2024-01-01 00:00,2024-06-01 00:00,"
            "2024-05-20 00:00,2024-06-01 00:00\n"
        ),
        {"subscription": 2},
        {"subscription": "sub_1", "change": "start", "plan": "loaf"},
    ),
    "Delighted responses": (
        (
            "Person ID,Person Email,Score,Comment,Survey type,Response created at,Permalink\n"
            "p1,a@x.org,9,Great,NPS,2024-05-01 10:00:00,https://d.co/1\n"
        ),
        {"answer": 1},
        {"score": 9.0, "metric": "nps", "scale_max": 10.0, "verbatim": "Great"},
    ),
    "Typeform responses": (
        "#,How likely are you to recommend us?,How easy was it?,What should we do better?,Start Date (UTC),"
        "Submit Date (UTC),Network ID\n"
        + "".join(
            f"r{i},{i % 11},{i % 5 + 1},Please answer the phone sooner {i},2024-05-01 09:59:00,2024-05-01 10:00:00,n{i}\n"
            for i in range(20)
        ),
        {"answer": 60},
        {"response": "r0", "survey": "export", "occurred_at": "2024-05-01T10:00:00"},
    ),
    "SurveyMonkey responses": (
        "Respondent ID,Collector ID,Start Date,End Date,IP Address,Email Address,How satisfied are you?,Anything else?\n"
        ",,,,,,Response,Open-Ended Response\n"
        + "".join(
            f"9{i},44,05/01/2024 09:00:00 AM,05/13/2024 10:00:00 AM,,m{i}@x.org,{i % 5 + 1},It took too long {i}\n"
            for i in range(9)
        ),
        {"answer": 18},
        {"person": "m0@x.org", "occurred_at": "2024-05-13T10:00:00"},
    ),
    "Google Forms responses": (
        "Timestamp,Email Address,How satisfied are you with the course?,What would you change?\n"
        + "".join(
            f"5/{i + 10}/2024 10:00:00,m{i}@x.org,{i % 5 + 1},More examples and less talk {i}\n" for i in range(9)
        ),
        {"answer": 18},
        {"person": "m0@x.org", "occurred_at": "2024-05-10T10:00:00"},
    ),
    "Jira issues": (
        (
            "Issue key,Issue Type,Status,Priority,Summary,Reporter,Assignee,Created,Updated,Resolved\n"
            "SD-1,Bug,Done,High,Broken,ann,bo,01/May/24 10:00 AM,02/May/24 10:00 AM,02/May/24 09:00 AM\n"
        ),
        {"contact": 1},
        {"key": "SD-1", "issue": "Bug", "solved_at": "2024-05-02T09:00:00"},
    ),
    "ServiceNow incidents": (
        (
            "number,opened_at,sys_updated_on,caller_id,state,category,subcategory,priority,short_description,resolved_at\n"
            "INC1,2024-05-01 10:00:00,2024-05-02 10:00:00,c1,Closed,Network,Wifi,2 - High,No wifi,2024-05-02 09:00:00\n"
        ),
        {"contact": 1},
        {"area": "Network", "issue": "Wifi", "version_at": "2024-05-02T10:00:00"},
    ),
}


@pytest.mark.parametrize("title", EXPORTS)
def test_known_exports_are_imported_without_a_mapping(bring, written, title):
    """Headings as the tools' own exports have them, gathered from their documentation and public code that reads them."""
    text, kinds, expected = EXPORTS[title]
    file = written("export.csv", text)

    plan = plan_import([file])
    done, intake = bring(plan.toml, file)

    assert (plan.shape, done.kinds, done.bad) == (title, kinds, 0)
    row = intake.rows(next(iter(kinds)))[0]
    for name, value in expected.items():
        found = row[name].replace(tzinfo=None).isoformat() if name.endswith("_at") else row[name]
        assert (name, found) == (name, value)


def test_a_plain_table_of_orders_is_recognised_and_says_why(bring, written):
    rows = "".join(
        f"{i};u{i % 7};{i % 28 + 1:02d}.03.2024;{i},50;{'rot' if i % 2 else 'blau'};frei\n" for i in range(60)
    )
    file = written("bestellungen.csv", f"Bestellnummer;Kunde;Datum;Betrag;Farbe;Notiz\n{rows}")

    plan = plan_import([file])
    done, intake = bring(plan.mapping, file)

    (signal,) = plan.mapping.signal
    assert signal.kind == "order"
    assert (signal.columns["person"], signal.columns["occurred_at"], signal.columns["amount"]) == (
        "Kunde",
        "Datum",
        "Betrag",
    )
    assert signal.labels == ("Farbe",)
    assert intake.rows("order")[1]["amount"] == 1.5
    assert done.bad == 0
    said = {c.column: c for c in plan.choices}
    assert said["Betrag"].becomes == "order: amount"
    assert "numbers from 0.5 to 59.5" in said["Betrag"].why
    assert said["Notiz"].becomes == "nothing"
    assert read_mapping(plan.toml) == plan.mapping


def test_a_survey_with_several_scores_becomes_parts(bring, written):
    lines = [json.dumps({"respondent": f"r{i}", "submitted_at": f"2024-05-{i + 1:02d}T10:00:00Z", "overall_rating": i % 5 + 1,
                         "staff_rating": (i + 1) % 5 + 1, "room_rating": None if i % 3 else 2,
                         "comment": f"the room was a little cold on day {i}"}) for i in range(20)]  # fmt: skip
    file = written("survey.jsonl", "\n".join(lines))

    plan = plan_import([file])
    done, intake = bring(plan.toml, file)

    (signal,) = plan.mapping.signal
    assert set(signal.parts) == {"overall", "staff", "room", "comment"}
    assert signal.parts["overall"].whole
    assert done.kinds == {"answer": 20 + 20 + 7 + 20}
    assert {r["person"] for r in intake.rows("answer")} == {f"r{i}" for i in range(20)}


def test_a_file_without_times_takes_its_own_day_and_says_so(written):
    plan = plan_import(
        [written("feedback.csv", "feedback,ward\n" + "".join(f"The nurses were very kind {i},A\n" for i in range(9)))]
    )

    found = plan.mapping.signal[0].columns["occurred_at"]
    assert isinstance(found, Expression)
    assert found.value
    assert any("no column holds a time" in reason for reason in plan.reasons)


def test_what_cannot_be_recognised_says_what_to_do(written):
    with pytest.raises(BadInput, match="recognised as a signal") as caught:
        plan_import([written("a.csv", "x,y\n1,2\n3,4\n")])

    assert "mapping" in caught.value.hint


def test_the_joins_of_a_marketplace_are_found(bring, data):
    """Row counts are those of the data's README."""
    files = data("olist")

    plan = plan_import(files)
    done, _ = bring(plan.mapping, *files)

    assert done.kinds == {"order": 8365, "promise": 8135, "review": 8225, "profile": 8135}
    assert done.bad == 0
    people = {s.columns["person"] for s in plan.mapping.signal}
    assert all(str(p).endswith("customers.customer_unique_id") for p in people)
    assert any("order_payments" in note for note in plan.notes)


@pytest.mark.parametrize(
    ("name", "pattern", "kinds"),
    [
        ("it_incident_log", "*.gz", {"contact": 119_998}),
        ("cdnow", "transactions.csv.gz", {"order": 69_659}),
        ("nhs_patient_feedback", "*.gz", {"answer": 10_334}),
        ("twitter_airline_sentiment", "*.gz", {"contact": 14_640}),
    ],
)
def test_public_data_is_recognised(bring, data, name, pattern, kinds):
    """Row counts are those of each data set's README."""
    files = data(name, pattern)

    done, _ = bring(plan_import(files).mapping, *files)

    assert (done.kinds, done.bad) == (kinds, 0)
