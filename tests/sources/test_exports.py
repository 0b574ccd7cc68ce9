"""Exports with the headings the tools themselves write, gathered from public files and public code that reads them.

Headings are facts and are kept as found; every row here is made up. Where a heading was found is said beside it.
Of Delighted's file no public example was found: its headings follow the names of its API and stay unverified.
"""

from __future__ import annotations

import pytest

from regard.sources.importing import plan_import
from regard.sources.shapes import zone_in

ZENDESK = (
    "Summation column,Id,Requester,Requester id,Requester external id,Requester email,Requester domain,Submitter,Assignee,"
    "Group,Subject,Tags,Status,Priority,Via,Ticket type,Created at,Updated at,Assigned at,Organization,Due date,"
    "Initially assigned at,Solved at,Resolution time,Satisfaction Score,Group stations,Assignee stations,Reopens,Replies,"
    "First reply time in minutes,First reply time in minutes within business hours,First resolution time in minutes"
)
"""The CSV export of tickets, as a public script (Audicus) writes it again column by column."""

ZENDESK_MINUTES = (
    "ID,Requester,Requester external id,Requester email,Subject,Organization,Status,Priority,Channel,Type,Tags,Created at,"
    "Updated at,Solved at,Assignee,Group,First reply time (min),Full resolution time (min),Satisfaction,Reopens"
)
"""The newer names, as a public reader of both kinds expects them."""

INTERCOM = (
    "Conversation ID,Conversation started at (America/New_York),Teammate currently assigned,Team currently assigned,Channel,"
    "Conversation tag,Current conversation state,Last teammate rating,Last teammate rating remark,Topics,"
    "Conversation first closed at (America/New_York),Conversation first replied at (America/New_York),"
    "Number of reassignments,Conversation updated at (America/New_York),Company name,Country,User email,User ID"
)
"""The conversation data set of Intercom's reports: columns as two public checkers of such files list them. The workspace's
zone stands in brackets behind every time."""

INTERCOM_RATINGS = "Conversation ID,Updated at (America/New_York),Conversation rating remark,Conversation rating,User name,Company name,Agent rated type,Last survey sent"

HUBSPOT = (
    '"Ticket ID","Ticket name","Pipeline","Ticket status","Create date","Ticket owner","Source","Last activity date"'
)
"""A view of tickets exported, as the example in a public ticket reader; times to the minute, as 2026-03-01 15:17."""

STRIPE = (
    "id,Description,Seller Message,Created (UTC),Amount,Amount Refunded,Currency,Converted Amount,Converted Amount Refunded,"
    "Fee,Tax,Converted Currency,Mode,Status,Statement Descriptor,Customer ID,Customer Description,Customer Email,Captured,"
    "Card ID,Card Last4,Card Brand,Card Funding,Card Address Country,Card Issue Country,Invoice ID"
)
"""Payments, as several public readers compare them with."""

STRIPE_FEES = "id,Created (UTC),Amount,Amount Refunded,Currency,User ID,User Email,Application ID,Transaction ID"
"""Application fees: another file of Stripe's, and nothing a customer paid."""

STRIPE_SUBSCRIPTIONS = (
    "id,Customer ID,Customer Description,Customer Email,Plan,Quantity,Currency,Interval,Amount,Status,Created (UTC),"
    "Start (UTC),Current Period Start (UTC),Current Period End (UTC),Trial Start (UTC),Trial End (UTC),Canceled At (UTC),"
    "Ended At (UTC),Cancellation Reason,Customer Name"
)
"""Columns as public readers of the subscription export name them."""

TYPEFORM = (
    "#,How likely are you to recommend us?,What should we do better?,Response Type,Start Date (UTC),Stage Date (UTC),"
    "Submit Date (UTC),Network ID,Tags,Ending"
)
"""As in public forms and a public importer's tests; started answers have no submit date."""

SURVEYMONKEY = (
    "Respondent ID,Collector ID,Start Date,End Date,IP Address,Email Address,First Name,Last Name,Custom Data 1,"
    "How satisfied are you?,How did you hear of us?,,Anything else?"
)
"""The first row of a direct export; a question of several choices names its first column only, and a second row of
headings holds the choices, Response or Open-Ended Response."""

SURVEYMONKEY_OLD = "RespondentID,CollectorID,StartDate,EndDate,IP Address,Email Address,First Name,LastName,CustomData,How satisfied are you?,Anything else?"

JIRA = (
    "Summary,Issue key,Issue id,Issue Type,Status,Project key,Project name,Project type,Project lead,Priority,Resolution,"
    "Assignee,Assignee Id,Reporter,Reporter Id,Creator,Creator Id,Created,Updated,Last Viewed,Resolved,Component/s,Component/s,"
    "Due date,Votes,Labels,Labels,Description,Watchers,Watchers,Custom field (Request Type),Custom field (Organizations)"
)
"""Jira's CSV of all fields, as in a public export; repeated headings are its own. Times as 14/Jul/25 3:42 PM."""

FORMS = "Timestamp,Email Address,How satisfied are you with the course?,What would you change?"
"""Google Forms: the file it downloads writes times as 2026/09/27 3:00:00 PM GMT+3, a sheet as 5/10/2026 09:15:00."""

FILES = {
    "zendesk": (
        (f"{ZENDESK}\n1,35,Ann,901,,ann@x.org,x.org,Ann,Bo,Billing,No invoice,vip,Open,High,Web,Question,2024-05-01 10:00,"
        "2024-05-02 10:00,2024-05-01 10:05,ACME,,2024-05-01 10:05,,,Offered,1,2,0,3,90,30,\n"),
        "Zendesk tickets",
        {"key": "35", "person": "901", "account": "ACME", "area": "Billing", "answered_at": "2024-05-01T11:30:00",
         "handovers": 2.0},
    ),
    "zendesk minutes": (
        (f"{ZENDESK_MINUTES}\n36,Ann,c-7,ann@x.org,Crash,ACME,Solved,Urgent,Email,Incident,app,2024-05-01 10:00:00,"
        "2024-05-02 10:00:00,2024-05-02 09:00:00,Bo,Apps,15,1380,Good,1\n"),
        "Zendesk tickets",
        {"key": "36", "person": "c-7", "channel": "Email", "issue": "Incident", "answered_at": "2024-05-01T10:15:00"},
    ),
    "intercom": (
        (f"{INTERCOM}\n9001,2026-01-10 09:00:00,Bo,Billing,Email,refund,closed,4,Quick,Invoices,2026-01-10 12:00:00,"
        "2026-01-10 09:30:00,1,2026-01-11 08:00:00,ACME,Italy,ann@x.org,u1\n"),
        "Intercom conversations",
        {"key": "9001", "person": "u1", "area": "Invoices", "occurred_at": "2026-01-10T14:00:00",
         "answered_at": "2026-01-10T14:30:00", "solved_at": "2026-01-10T17:00:00", "status": "closed"},
    ),
    "intercom ratings": (
        f"{INTERCOM_RATINGS}\n9001,2026-07-10 09:00:00,Quick,5,Ann,ACME,Teammate,\n9002,2026-07-10 10:00:00,,,Cy,ACME,Teammate,\n",
        "Intercom ratings",
        {"key": "9001", "score": 5.0, "metric": "csat", "occurred_at": "2026-07-10T13:00:00", "verbatim": "Quick"},
    ),
    "hubspot": (
        f'{HUBSPOT}\n"10001","No invoice","Support","New","2026-03-01 15:17","","Email","2026-03-02 09:10"\n',
        "HubSpot tickets",
        {"key": "10001", "subject": "No invoice", "occurred_at": "2026-03-01T15:17:00", "channel": "Email",
         "version_at": "2026-03-02T09:10:00"},
    ),
    "stripe": (
        (f"{STRIPE}\nch_1,Loaf,Payment complete.,2024-05-01 10:00,49.00,9.00,eur,49.00,9.00,1.50,0.00,eur,Live,Paid,LOAF,cus_1,,"
        "a@x.org,true,card_1,4242,Visa,credit,IT,IT,in_1\n"),
        "Stripe payments",
        {"key": "ch_1", "amount": 49.0, "refunded": 9.0, "person": "cus_1"},
    ),
    "stripe subscriptions": (
        (f"{STRIPE_SUBSCRIPTIONS}\nsub_1,cus_1,,a@x.org,loaf,1,eur,month,49.00,canceled,2024-01-01 00:00,2024-01-01 00:00,"
        "2024-05-01 00:00,2024-06-01 00:00,,,2024-05-20 00:00,2024-06-01 00:00,too expensive,Ann\n"),
        "Stripe subscriptions",
        {"subscription": "sub_1", "change": "start", "plan": "loaf", "amount": 49.0},
    ),
    "surveymonkey old": (
        f"{SURVEYMONKEY_OLD}\n,,,,,,,,,Response,Open-Ended Response\n"
        + "".join(f"9{i},44,05/13/2024 09:00,05/13/2024 10:00,,m{i}@x.org,,,k{i},{i % 5 + 1},It took too long {i}\n" for i in range(9)),
        "SurveyMonkey responses",
        {"person": "k0", "occurred_at": "2024-05-13T10:00:00"},
    ),
    "surveymonkey": (
        f"{SURVEYMONKEY}\n,,,,,,,,,Response,A friend,The press,Open-Ended Response\n"
        + "".join(
            f"9{i},44,05/13/2024 09:00:00 AM,05/13/2024 10:00:00 AM,,m{i}@x.org,,,,{i % 5 + 1},A friend,,It took too long {i}\n"
            for i in range(9)
        ),
        "SurveyMonkey responses",
        {"person": "m0@x.org", "occurred_at": "2024-05-13T10:00:00"},
    ),
    "jira": (
        (f"{JIRA}\nNo invoice,SD-1,10001,Service Request,Done,SD,Desk,service_desk,Bo,High,Done,bo,b1,ann,a1,ann,a1,14/Jul/25 3:42 PM,"
        "15/Jul/25 9:00 AM,15/Jul/25 9:00 AM,15/Jul/25 9:00 AM,Billing,,,0,vip,late,It never came,bo,ann,Get an invoice,ACME\n"),
        "Jira issues",
        {"key": "SD-1", "person": "a1", "issue": "Get an invoice", "area": "Billing", "account": "ACME",
         "occurred_at": "2025-07-14T15:42:00", "solved_at": "2025-07-15T09:00:00"},
    ),
    "google forms": (
        f"{FORMS}\n" + "".join(
            f"2026/09/{i + 10} 3:00:00 PM GMT+3,m{i}@x.org,{i % 5 + 1},More examples and less talk {i}\n" for i in range(9)
        ),
        "Google Forms responses",
        {"person": "m0@x.org", "occurred_at": "2026-09-10T12:00:00"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_the_headings_a_tool_writes_are_read_as_what_they_are(bring, written, name):
    text, title, expected = FILES[name]
    file = written("export.csv", text)

    plan = plan_import([file])
    done, intake = bring(plan.toml, file)

    assert (plan.shape, done.bad) == (title, 0)
    row = intake.rows(next(iter(done.kinds)))[0]
    for column, value in expected.items():
        found = row[column].replace(tzinfo=None).isoformat() if column.endswith("_at") else row[column]
        assert (column, found) == (column, value)


def test_a_rating_beside_a_conversation_becomes_an_answer_about_it(bring, written):
    file = written("export.csv", FILES["intercom"][0])

    done, intake = bring(plan_import([file]).toml, file)

    (rating,) = intake.rows("answer")
    assert done.kinds == {"contact": 1, "answer": 1}
    assert (rating["score"], rating["verbatim"], rating["about"]) == (4.0, "Quick", "9001")


def test_answers_only_started_are_left_out_and_not_taken_for_bad_rows(bring, written):
    """Typeform's file holds started answers, too: they have no submit date."""
    rows = "".join(
        f"r{i},{i % 11},Please answer the phone sooner {i},completed,2024-05-01 09:59:00,,2024-05-01 10:00:00,n{i},,\n"
        for i in range(20)
    )
    file = written("export.csv", f"{TYPEFORM}\n{rows}half,9,,started,2024-05-02 09:59:00,2024-05-02 10:00:00,,nx,,\n")

    plan = plan_import([file])
    done, intake = bring(plan.toml, file)

    assert (plan.shape, done.bad) == ("Typeform responses", 0)
    assert {r["response"] for r in intake.rows("answer")} == {f"r{i}" for i in range(20)}


def test_fees_are_not_taken_for_what_customers_paid(written):
    file = written("export.csv", f"{STRIPE_FEES}\nfee_1,2025-12-31 14:30,0.25,0.00,eur,acct_1,u@x.org,ca_1,ch_1\n" * 2)

    assert plan_import([file]).shape != "Stripe payments"


@pytest.mark.parametrize(
    ("heading", "found"),
    [
        ("Conversation started at (America/New_York)", ("Conversation started at", "America/New_York")),
        ("Created (UTC)", ("Created", "UTC")),
        ("First response time (seconds)", ("First response time (seconds)", "")),
        ("Created at", ("Created at", "")),
    ],
)
def test_a_zone_behind_a_heading_is_told_from_a_unit(heading, found):
    assert zone_in(heading) == found
