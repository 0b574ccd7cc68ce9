"""One customer's rights, from their page: everything known as a file, and erasure everywhere."""

from __future__ import annotations

import re


def somebody(served):
    rows = served.client.get("/customers/list.json").json()["rows"]
    return rows[0]["id"], rows[0]["name"]


def test_a_customer_s_page_offers_both_rights(served):
    who, name = somebody(served)

    page = served.answer(f"/customers/customer?id={who}").text

    assert name.replace("&", "&amp;").replace("'", "&#39;") in page
    assert f'href="/people/export?customer={who}"' in page
    assert "Erase everywhere" in page


def test_everything_known_comes_as_a_file(served):
    who, _ = somebody(served)

    reply = served.client.get("/people/export", params={"customer": who})

    assert "attachment" in reply.headers["content-disposition"]
    assert who in reply.text


def test_a_name_in_a_list_leads_to_the_customer(served):
    who, _ = somebody(served)

    assert f'href="/customers/customer?id={who}"' in served.answer("/customers/list").text


def test_a_count_in_the_ledger_leads_to_the_customers_behind_it(served):
    page = served.answer("/customers/ledger?period=1y").text
    href = re.search(r'href="(/customers/list\?period=1y&amp;who=new)"', page)[1].replace("&amp;", "&")
    row = next(r for r in served.client.get("/customers/ledger.json?period=1y").json()["rows"] if r["line"] == "new")

    assert served.client.get(href.replace("/list?", "/list.json?")).json()["total"] == row["customers"]


def test_nobody_is_erased_by_a_slip(served):
    who, _ = somebody(served)

    reply = served.post("/people/erase", customer=who, written=who[:-1])

    assert reply.status_code == 400
    assert who in served.client.get("/customers/list.json").text


def test_an_erased_customer_is_gone_from_every_page(own, company):
    served = own(company)
    who, _ = somebody(served)

    sent = served.post("/people/erase", customer=who, written=who)
    done = served.wait(sent.headers["location"])

    assert "Done" in done.text
    assert who not in served.client.get("/customers/list.json?limit=100000").text
    assert served.client.get(f"/customers/customer.json?id={who}").status_code == 404
