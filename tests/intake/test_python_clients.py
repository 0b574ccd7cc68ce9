"""The official Python clients, with nothing changed but the address."""

from __future__ import annotations

import logging

import pytest
from posthog import Posthog
from segment.analytics.client import Client


@pytest.fixture(autouse=True)
def quiet():
    logging.getLogger("segment").setLevel(logging.CRITICAL)
    logging.getLogger("posthog").setLevel(logging.CRITICAL)


@pytest.mark.parametrize("gzip", [False, True], ids=["plain", "gzip"])
def test_segments_client_delivers_every_kind_of_call(served, gzip):
    errors = []
    who = f"seg-{gzip}"
    client = Client(
        write_key=served.key, host=served.address, gzip=gzip, on_error=lambda e, _: errors.append(e), upload_size=20
    )

    client.identify(who, {"email": "ada@example.com", "name": "Ada", "plan": "pro"}, anonymous_id=f"anon-{who}")
    client.group(who, f"acme-{gzip}", {"name": "Acme", "industry": "steam"})
    for n in range(50):
        client.track(who, "Report Created", {"pages": n, "region": "EU"})
    client.page(who, "Docs", "Pricing", {"path": "/pricing"})
    client.screen(who, "App", "Home")
    client.alias(f"old-{who}", who)
    client.track(who, "Order Completed", {"order_id": f"o-{gzip}", "total": 12.5, "currency": "EUR"})
    client.flush()
    client.join()

    assert errors == []
    where = f"person = '{who}'"
    events = served.rows("event", "name, labels, occurred_at", where)
    assert [e["name"] for e in events].count("Report Created") == 50
    assert {"Viewed Pricing Page", "Viewed Home Screen", "Order Completed"} <= {e["name"] for e in events}
    assert served.rows("order", "amount", where) == [{"amount": 12.5}]
    assert {"name": "Acme", "account": f"acme-{gzip}"} in served.rows("profile", "name, account")
    assert {m["into"] for m in served.rows("merge", '"into"', f"\"into\" = '{who}'")} == {who}


def test_segments_client_is_told_of_a_wrong_key(served):
    errors = []
    client = Client(
        write_key="rk_wrong", host=served.address, on_error=lambda e, _: errors.append(str(e)), max_retries=1
    )

    client.track("u", "e")
    client.flush()
    client.join()

    assert any("401" in e or "write key" in e for e in errors), errors


@pytest.mark.parametrize("mode", ["v0", "v1"])
@pytest.mark.parametrize("gzip", [False, True], ids=["plain", "gzip"])
def test_posthogs_client_delivers_events_people_groups_and_answers(served, gzip, mode):
    errors = []
    who = f"ph-{gzip}-{mode}"
    client = Posthog(
        served.key, host=served.address, gzip=gzip, on_error=lambda e, _: errors.append(e), capture_mode=mode
    )

    for n in range(30):
        client.capture(
            "Report Created", distinct_id=who, properties={"pages": n, "plan": "pro"}, groups={"company": "acme"}
        )
    client.set(distinct_id=who, properties={"email": "ada@example.com"})
    client.alias(previous_id=f"old-{who}", distinct_id=who)
    client.group_identify("company", f"acme-{who}", {"name": "Acme"})
    client.capture("survey sent", distinct_id=who, properties={
        "$survey_id": "s", "$survey_name": "NPS", "$survey_response": 9,
        "$survey_questions": [{"id": "q", "question": "Would you recommend us?"}],
    })  # fmt: skip
    assert client.evaluate_flags(who).is_enabled("beta") in {False, None}
    client.flush()
    client.shutdown()

    assert errors == []
    assert len(served.rows("event", "name", f"person = '{who}' AND name = 'Report Created' AND account = 'acme'")) == 30
    assert served.rows("answer", "score, metric, survey", f"person = '{who}'") == [
        {"score": 9.0, "metric": "nps", "survey": "NPS"}
    ]
    assert {"email": "ada@example.com"} in served.rows("profile", "email", f"person = '{who}'")
    assert served.rows("profile", "name", f"account = 'acme-{who}'")[0]["name"] == "Acme"
