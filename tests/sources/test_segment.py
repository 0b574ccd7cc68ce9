"""Segment's calls as rows: expected values are worked out from the call written in each test and Segment's spec."""

from __future__ import annotations

import json

import pytest

from regard.sources import segment
from regard.sources.items import NAMES, Unfit
from regard.sources.limits import Wire

NOON = 1_764_158_400_000_000  # 2025-11-26T12:00:00Z
HOUR = 3_600_000_000


def rows(parcel):
    return [
        {"kind": kind, **{n: values[n] for n in NAMES[kind] if values.get(n) is not None}}
        for kind, found in parcel.rows.items()
        for values in found.values
    ]


def batch(*items, limits=None, **more):
    body = json.dumps({"batch": list(items), **more}).encode()
    return segment.read(body, received=NOON, limits=limits or Wire())


def one(**item):
    parcel = batch({"messageId": "m1", **item})
    assert parcel.told == [None], parcel.told
    return rows(parcel)


def refusal(**item):
    told = batch({"messageId": "m1", **item}).told[0]
    return told.outcome, told.code, told.where


def test_a_track_call_is_an_event_with_its_properties_as_labels():
    made = one(type="track", userId="u1", anonymousId="a1", event="Report Created", properties={
        "plan": "pro", "pages": 3, "shared": True, "ratio": 0.5, "theme": {"dark": False}, "tags": ["x", "y"],
        "none": None, "revenue": "12.50", "duration": 2,
    })  # fmt: skip

    assert len(made) == 1
    labels = json.loads(made[0].pop("labels"))
    assert made[0] == {
        "kind": "event", "message_id": "m1", "occurred_at": NOON, "person": "u1", "anonymous": "a1",
        "name": "Report Created", "amount": 12.5, "duration": 2.0,
    }  # fmt: skip
    assert labels == {
        "plan": "pro", "pages": "3", "shared": "true", "ratio": "0.5", "theme.dark": "false", "tags": '["x","y"]',
        "revenue": "12.50",
    }  # fmt: skip


def test_a_wrong_clock_is_corrected_as_segment_does():
    """occurred = received - (sentAt - timestamp): a clock an hour ahead, an event 10 minutes before it was sent."""
    parcel = batch(
        {"type": "track", "userId": "u", "event": "e", "timestamp": "2025-11-26T12:50:00Z"},
        sentAt="2025-11-26T13:00:00.000Z",
    )

    assert rows(parcel)[0]["occurred_at"] == NOON - HOUR // 6
    assert rows(parcel)[0]["sent_at"] == NOON + HOUR


def test_a_time_without_sent_at_stands_and_one_in_the_future_is_held_back():
    assert (
        one(type="track", userId="u", event="e", timestamp="2025-11-26T10:00:00+01:00")[0]["occurred_at"]
        == NOON - 3 * HOUR
    )

    parcel = batch(
        {"type": "track", "userId": "u", "event": "e", "timestamp": "2025-11-28T12:00:00Z", "password": "x1"}
    )

    assert (parcel.told[0].outcome, parcel.told[0].code) == ("held_back", "future")
    assert json.loads(parcel.texts[0])["event"] == "e"
    assert "x1" not in parcel.texts[0]


def test_identify_is_a_profile_and_joins_the_device_to_the_person():
    made = one(type="identify", userId="u1", anonymousId="a1", traits={
        "firstName": "Ada", "lastName": "Byron", "email": "ada@example.com", "company": {"id": "c1", "name": "Engines"},
        "plan": "pro",
    })  # fmt: skip

    profile, merge = made
    assert (profile["name"], profile["email"], profile["account"]) == ("Ada Byron", "ada@example.com", "c1")
    assert json.loads(profile["labels"])["plan"] == "pro"
    assert {k: merge[k] for k in ("kind", "anonymous", "into")} == {"kind": "merge", "anonymous": "a1", "into": "u1"}


def test_group_makes_the_account_and_the_membership():
    account, member = one(type="group", userId="u1", groupId="c1", traits={"name": "Engines", "industry": "steam"})

    assert (account["account"], account["name"], account.get("person")) == ("c1", "Engines", None)
    assert (member["account"], member["person"], member.get("name")) == ("c1", "u1", None)
    assert account["message_id"] != member["message_id"]


def test_alias_joins_and_page_and_screen_are_events():
    merges = one(type="alias", previousId="a1", userId="u1")
    assert [(m.get("person"), m.get("anonymous"), m["into"]) for m in merges] == [
        ("a1", None, "u1"),
        (None, "a1", "u1"),
    ]
    assert one(type="page", userId="u", name="Pricing", category="Docs")[0]["name"] == "Viewed Pricing Page"
    assert one(type="screen", anonymousId="a")[0]["name"] == "Viewed a Screen"


def test_an_order_whose_articles_add_up_becomes_a_row_each():
    made = one(type="track", userId="u", event="Order Completed", properties={
        "order_id": "o1", "total": 30, "currency": "EUR",
        "products": [{"name": "Tea", "price": 5, "quantity": 2}, {"sku": "C1", "price": 20, "category": "Cups"}],
    })  # fmt: skip

    event, tea, cup = made
    assert event["name"] == "Order Completed"
    assert "amount" not in event
    assert (tea["order_id"], tea["key"], tea["product"], tea["amount"], tea["quantity"]) == ("o1", "o1:1", "Tea", 10, 2)
    assert (cup["order_id"], cup["product"], cup["category"], cup["amount"]) == ("o1", "C1", "Cups", 20)
    assert tea["message_id"] != cup["message_id"]
    assert tea["currency"] == "EUR"


def test_an_order_with_a_discount_is_one_row_and_a_refund_takes_nothing_twice():
    order = one(type="track", userId="u", event="Order Completed", properties={
        "order_id": 17, "total": 27, "products": [{"name": "Tea", "price": 5, "quantity": 2}, {"price": 20}],
    })[1]  # fmt: skip
    refund = one(type="track", userId="u", event="Order Refunded", properties={"order_id": "17", "total": 7})[1]

    assert (order["order_id"], order["amount"], order["quantity"]) == ("17", 27, 3)
    assert (refund["order_id"], refund["amount"], refund["refunded"], refund["status"]) == ("17", 0, 7, "refunded")
    assert refund["key"] != order["key"]
    assert [r["kind"] for r in one(type="track", userId="u", event="Order Completed", properties={"total": 3})] == [
        "event"
    ]


def test_secrets_do_not_get_in():
    labels = one(type="track", userId="u", event="e", properties={
        "authToken": "t-1", "user": {"password": "p-1"}, "author": "Ada", "note": "card 4111 1111 1111 1111 ok",
        "at": 1732627754123456, "apiKey": "k",
    })[0]["labels"]  # fmt: skip

    assert json.loads(labels) == {
        "authToken": "[removed]", "user.password": "[removed]", "author": "Ada", "note": "card [removed] ok",
        "at": "1732627754123456", "apiKey": "[removed]",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"type": "track", "userId": "u"}, ("refused", "name_missing", "event")),
        ({"type": "track", "event": "e"}, ("refused", "id_missing", "userId")),
        ({"type": "track", "event": "e", "userId": ""}, ("refused", "id_missing", "userId")),
        ({"type": "track", "event": "e", "userId": "null"}, ("refused", "id_missing", "userId")),
        ({"type": "track", "event": "e", "userId": {"a": 1}}, ("refused", "wrong_type", "userId")),
        ({"type": "track", "event": "e", "userId": True}, ("refused", "wrong_type", "userId")),
        ({"type": "track", "event": "e", "userId": "x" * 600}, ("refused", "id_too_long", "userId")),
        ({"type": "track", "event": 5, "userId": "u"}, ("refused", "wrong_type", "event")),
        ({"type": "track", "event": "e", "userId": "u", "properties": []}, ("refused", "wrong_type", "properties")),
        ({"type": "track", "event": "e", "userId": "u", "timestamp": "today"}, ("refused", "bad_time", "timestamp")),
        ({"type": "track", "event": "e", "userId": "u", "timestamp": 9e99}, ("refused", "bad_time", "timestamp")),
        ({"type": "dance", "userId": "u"}, ("refused", "unknown_type", "type")),
        ({"type": ["track"], "userId": "u"}, ("refused", "unknown_type", "type")),
        ({"type": "identify", "userId": "guest", "anonymousId": "a"}, ("held_back", "shared_id", "userId")),
        ({"type": "alias", "userId": "u", "previousId": "undefined"}, ("held_back", "shared_id", "previousId")),
        ({"type": "alias", "userId": "u"}, ("refused", "id_missing", "previousId")),
        ({"type": "group", "userId": "u"}, ("refused", "id_missing", "groupId")),
        ({"type": "track", "event": "a\0b", "userId": "u"}, ("refused", "nul", "")),
        ({"type": "track", "event": "e", "userId": "u", "properties": {"k\0": 1}}, ("refused", "nul", "")),
    ],
)  # fmt: skip
def test_what_cannot_be_used_says_why_and_where(item, said):
    assert refusal(**item) == said


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b'{"type":"track","event":"e","userId":"u","properties":{"x":NaN}}', "not_a_number"),
        (b'{"type":"track","event":"e","userId":"u","properties":{"x":-Infinity}}', "not_a_number"),
        (b'{"type":"track","event":"e","userId":"u","properties":{"x":1e999}}', "number_out_of_range"),
        (b'{"type":"track","event":"\\ud800","userId":"u"}', "lone_surrogate"),
        (b'{"type":"track","event":"\xff","userId":"u"}', "not_utf8"),
        (b'{"type":"track","event":"e","userId":"u","properties":' + b'{"a":' * 40 + b"1" + b"}" * 41, "too_deep"),
        (b'{"type":"track","event":"e","userId":"u","properties":{' + b",".join(b'"k%d":1' % n for n in range(1001)) + b"}}", "too_many_keys"),
        (b'{"type":"track","event":"' + b"x" * 33000 + b'","userId":"u"}', "item_too_large"),
        (b"7", "wrong_type"),
        (b"null", "wrong_type"),
    ],
)  # fmt: skip
def test_one_broken_item_is_refused_and_its_neighbours_are_not(text, code):
    good = b'{"type":"track","event":"e","userId":"u"}'
    body = b'{"batch":[' + b",".join([good, text, good]) + b'],"writeKey":"k"}'

    parcel = segment.read(body, received=NOON, limits=Wire())

    assert [told and told.code for told in parcel.told] == [None, code, None]
    assert parcel.key == "k"
    assert len(parcel.rows["event"].values) == 2


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"batch":[', b'{"batch":7}', b"{}", b"\xff\xfe{", b'{"batch":[{]}', b'"a"']
)
def test_a_body_that_is_no_batch_is_refused_whole(body):
    with pytest.raises(Unfit):
        segment.read(body, received=NOON, limits=Wire())


def test_more_items_than_allowed_are_refused_whole():
    with pytest.raises(Unfit) as refused:
        batch(*[{"type": "track"}] * 4, limits=Wire(batch_items=3))

    assert (refused.value.code, refused.value.status) == ("too_many", 413)


def test_a_repeat_is_known_by_its_check_whenever_it_is_sent_and_other_content_is_not():
    item = {"type": "track", "messageId": "m", "userId": "u", "event": "e", "timestamp": "2025-11-26T11:00:00Z"}
    first = batch(item, sentAt="2025-11-26T11:59:00Z")
    again = batch({**dict(reversed(item.items())), "sentAt": "2025-11-26T12:30:00Z", "_metadata": {"retryCount": 1}})
    other = batch({**item, "event": "f"})

    assert first.rows["event"].checks == again.rows["event"].checks
    assert first.rows["event"].checks != other.rows["event"].checks


def test_an_item_without_a_message_id_is_known_by_its_content_if_it_says_when():
    dated = {"type": "track", "userId": "u", "event": "e", "timestamp": "2025-11-26T11:00:00Z"}
    undated = {"type": "track", "userId": "u", "event": "e"}

    assert rows(batch(dated))[0]["message_id"] == rows(batch(dated))[0]["message_id"]
    assert rows(batch(undated))[0]["message_id"] != rows(batch(undated))[0]["message_id"]


def test_a_single_call_is_what_its_address_says():
    body = json.dumps({"userId": "u", "event": "e", "writeKey": "k", "sentAt": "2025-11-26T12:00:00Z"}).encode()

    parcel = segment.read(body, received=NOON, call="track", limits=Wire())

    assert parcel.key == "k"
    assert rows(parcel)[0]["name"] == "e"


def test_an_item_held_back_reads_again_once_it_is_repaired():
    held = batch(
        {"type": "track", "userId": "u", "event": "e", "timestamp": "2025-12-26T12:00:00Z"},
        sentAt="2025-11-26T12:00:00Z",
    ).texts[0]

    parcel = segment.again(held.replace("2025-12-26", "2025-11-25"), received=NOON, limits=Wire())

    assert rows(parcel)[0]["occurred_at"] == NOON - 24 * HOUR
