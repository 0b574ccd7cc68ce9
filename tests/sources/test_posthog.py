"""PostHog's events as rows: expected values are worked out from the event written in each test."""

from __future__ import annotations

import json

import pytest

from regard.sources import posthog
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


def read(body, **more):
    return posthog.read(json.dumps(body).encode(), received=NOON, limits=Wire(), **more)


def one(event, properties=None, **more):
    parcel = read(
        {"api_key": "k", "uuid": "m1", "event": event, "distinct_id": "u1", "properties": properties or {}, **more}
    )
    assert parcel.told == [None], parcel.told
    return rows(parcel)


@pytest.mark.parametrize(
    "body",
    [
        {"api_key": "k", "event": "e", "distinct_id": "u"},
        {"api_key": "k", "batch": [{"event": "e", "distinct_id": "u"}]},
        {"token": "k", "data": [{"event": "e", "properties": {"distinct_id": "u"}}]},
        [{"event": "e", "properties": {"distinct_id": "u", "token": "k"}}],
        {"event": "e", "properties": {"distinct_id": "u", "token": "k"}},
    ],
)
def test_every_shape_of_body_gives_the_key_and_the_event(body):
    parcel = read(body)

    assert parcel.key == "k"
    assert [(r["kind"], r["name"], r["person"]) for r in rows(parcel)] == [("event", "e", "u")]


def test_a_visitor_who_is_nobody_yet_is_a_device():
    assert one("e", {"$device_id": "u1"})[0]["anonymous"] == "u1"
    assert one("e", {"$process_person_profile": False})[0]["anonymous"] == "u1"
    assert one("e", options={"process_person_profile": False})[0]["anonymous"] == "u1"


def test_properties_become_labels_without_the_clients_own_workings():
    made = one("bought", {"plan": "pro", "$browser": "Chrome", "token": "k", "$feature/x": True, "$lib": "web", "revenue": 5,
                          "$groups": {"company": "c1", "project": "p1"}})[0]  # fmt: skip

    assert made["account"] == "c1"
    assert made["amount"] == 5.0
    assert json.loads(made["labels"]) == {
        "plan": "pro",
        "$browser": "Chrome",
        "$lib": "web",
        "revenue": "5",
        "group.project": "p1",
    }


def test_times_are_corrected_by_sent_at_or_by_the_offset_of_a_browser():
    stamp, sent = "2025-11-26T12:50:00Z", "2025-11-26T13:00:00Z"

    assert (
        rows(read({"batch": [{"event": "e", "distinct_id": "u", "timestamp": stamp}], "sent_at": sent}))[0][
            "occurred_at"
        ]
        == NOON - HOUR // 6
    )
    assert one("e", offset=60_000)[0]["occurred_at"] == NOON - 60_000_000
    exact = {
        "event": "e",
        "distinct_id": "u",
        "timestamp": "2025-11-26T11:50:00Z",
        "properties": {"$ignore_sent_at": True},
    }
    assert rows(read({"batch": [exact], "sent_at": sent}))[0]["occurred_at"] == NOON - HOUR // 6


def test_identify_joins_the_device_and_keeps_the_traits():
    profile, merge = one(
        "$identify",
        {"$anon_distinct_id": "d1", "$set": {"email": "a@example.com", "plan": "pro"}},
        **{"$set_once": {"first": "x"}},
    )

    assert (profile["person"], profile["email"], json.loads(profile["labels"])) == (
        "u1",
        "a@example.com",
        {"first": "x", "plan": "pro"},
    )
    assert (merge["anonymous"], merge["into"]) == ("d1", "u1")


def test_aliases_join_groups_are_accounts_and_set_is_a_profile():
    assert {m["into"] for m in one("$create_alias", {"alias": "a1"})} == {"u1"}
    assert {m.get("person") or m["anonymous"] for m in one("$merge_dangerously", {"alias": "a1"})} == {"a1"}
    group = one(
        "$groupidentify",
        {"$group_type": "company", "$group_key": "c1", "$group_set": {"name": "Engines", "tier": "gold"}},
    )[0]
    assert (group["kind"], group["account"], group["name"], json.loads(group["labels"])) == (
        "profile",
        "c1",
        "Engines",
        {"tier": "gold"},
    )
    assert [r["kind"] for r in one("$set", {"$set": {"plan": "pro"}})] == ["profile"]
    assert [r["kind"] for r in one("e", {"$set": {"plan": "pro"}})] == ["event", "profile"]


def test_a_survey_answer_becomes_answers_once_however_the_client_repeats_them():
    made = one("survey sent", {
        "$survey_id": "s1", "$survey_name": "NPS", "$survey_submission_id": "r1", "$survey_iteration": 2,
        "$survey_questions": [{"id": "q-1", "question": "How likely are you to recommend us?"}, {"id": "q-2", "question": "Why?"}],
        "$survey_response": 9, "$survey_response_q-1": 9, "$survey_response_1": "Quick", "$survey_response_q-2": "Quick",
    })  # fmt: skip

    score, words = made
    assert {k: score[k] for k in ("kind", "survey", "metric", "score", "scale_min", "scale_max", "response", "key")} == {
        "kind": "answer", "survey": "NPS", "metric": "nps", "score": 9.0, "scale_min": 0.0, "scale_max": 10.0, "response": "r1", "key": "r1:q-1",
    }  # fmt: skip
    assert (words["verbatim"], words["response"], words.get("part")) == ("Quick", "r1", None)
    assert json.loads(score["labels"]) == {"survey_id": "s1", "survey_iteration": "2"}


def test_old_clients_name_questions_by_number_and_several_scores_have_parts():
    made = one("survey sent", {"$survey_id": "s1", "$survey_response": 4, "$survey_response_1": 2,
                               "$survey_questions": [{"question": "Satisfied with speed?"}, {"question": "Satisfied with help?"}]})  # fmt: skip

    assert [(r["score"], r["metric"], r["part"]) for r in made] == [
        (4, "csat", "Satisfied with speed?"),
        (2, "csat", "Satisfied with help?"),
    ]
    assert one("survey sent", {"$survey_id": "s"})[0]["kind"] == "event"


def test_what_cannot_be_used_says_why():
    def told(item):
        found = read({"api_key": "k", "batch": [item]}).told[0]
        return found.outcome, found.code

    assert told({"event": "e"}) == ("refused", "id_missing")
    assert told({"event": "e", "distinct_id": "null"}) == ("refused", "id_missing")
    assert told({"distinct_id": "u"}) == ("refused", "name_missing")
    assert told({"event": "$snapshot", "distinct_id": "u"}) == ("refused", "not_taken")
    assert told({"event": "$identify", "distinct_id": "u", "properties": {"$anon_distinct_id": "undefined"}}) == (
        "held_back",
        "shared_id",
    )
    assert told({"event": "e", "distinct_id": "u", "properties": {"$set": 3}}) == ("refused", "wrong_type")
    with pytest.raises(Unfit):
        posthog.read(b"{", received=NOON, limits=Wire())


def test_a_retry_of_a_browser_is_the_same_item():
    item = {"uuid": "m", "event": "e", "distinct_id": "u"}

    assert read([{**item, "offset": 5}]).rows["event"].checks == read([{**item, "offset": 5005}]).rows["event"].checks
