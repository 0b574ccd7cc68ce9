"""Files dropped on the page: recognised, mapped, imported with progress, taken back; what is refused is said."""

from __future__ import annotations

import csv
import html
import io
import os
import re
import time

import pytest

ORDERS = "order_id,customer_id,created_at,product,total_amount,currency\n" + "".join(
    f"{1000 + i},C-{i % 30},2026-{1 + i % 9:02d}-{1 + i % 28:02d} 10:00:00,Rye,{'abc' if i == 7 else 10 + i},EUR\n"
    for i in range(120)
)


def upload(served, *named, token=None):
    files = [("files", (name, text.encode() if isinstance(text, str) else text)) for name, text in named]
    headers = {"origin": served.base, "x-regard-token": token or served.token()}
    return served.client.post("/sources/upload", files=files, headers=headers)


def mapping_on(page):
    return html.unescape(re.search(r'name="toml" value="([^"]*)"', page.text)[1])


def words(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


def test_a_file_dropped_becomes_signals_and_can_be_taken_back(own):
    served = own()
    place = upload(served, ("orders.csv", ORDERS)).json()["location"]
    page = served.client.get(place)
    toml = mapping_on(page)

    sent = served.post(place, toml=toml, do="import")
    done = served.wait(sent.headers["location"])
    told = served.client.get("/sources/ledger.json").json()

    assert 'kind = "order"' in toml
    assert "119 signals stored" in words(done)
    assert (told["received"], told["stored"], told["refused"]) == (120, 119, 1)
    assert not list((served.workspace / "uploads").glob("*/files/*"))
    assert 'kind = "order"' in served.client.get(f"{place}/mapping.toml").text
    assert served.client.get(place).status_code == 404
    bad = list(csv.reader(io.StringIO(served.client.get("/sources/batches/1/rejects.csv").text)))
    assert bad[1][:4] == ["orders.csv", "9", "total_amount", "abc"]

    back = served.post("/sources/batches/1/undo")
    served.wait(back.headers["location"])
    assert served.client.get("/sources/ledger.json").json()["stored"] == 0
    assert "undone" in served.client.get("/sources").text
    assert served.client.get("/").headers["location"] == "/sources"


def test_a_column_can_be_sent_elsewhere_by_choosing(fresh):
    served = fresh
    place = upload(served, ("orders.csv", ORDERS)).json()["location"]
    toml = mapping_on(served.client.get(place))

    reply = served.post(place, **{"toml": toml, "do": "keep", "to.0.product": "category"})
    after = mapping_on(served.client.get(place))

    assert reply.status_code == 303
    assert 'category = "product"' in after
    assert 'product = "product"' not in after


def test_a_source_can_be_given_a_name(fresh):
    place = upload(fresh, ("orders.csv", ORDERS)).json()["location"]
    toml = mapping_on(fresh.client.get(place))

    fresh.post(place, toml=toml, do="keep", source="Our Shop!")

    assert 'name = "Our-Shop"' in mapping_on(fresh.client.get(place))


def test_files_nobody_imports_leave_after_a_week(fresh):
    place = upload(fresh, ("orders.csv", ORDERS)).json()["location"]
    directory = fresh.workspace / "uploads" / place.rpartition("/")[2]
    long_ago = time.time() - 8 * 86400
    os.utime(directory, (long_ago, long_ago))

    fresh.client.get("/sources")

    assert not directory.exists()


def test_a_mapping_that_cannot_be_read_comes_back_with_what_is_wrong(fresh):
    served = fresh
    place = upload(served, ("orders.csv", ORDERS)).json()["location"]

    reply = served.post(place, toml='name = "x"\n[[signal]]\nkind = "ordr"\n', do="import")

    assert reply.status_code == 422
    assert "Did you mean order" in reply.text
    assert "ordr" in reply.text


@pytest.mark.parametrize(
    ("name", "content"),
    [("empty.csv", b""), ("picture.csv", b"\x89PNG\r\n\x1a\n" + b"\0" * 99), ("report.csv", b"%PDF-1.7 x"), ("old.xls", b"\xd0\xcf\x11\xe0" * 9)],
)  # fmt: skip
def test_a_file_that_is_no_table_is_refused_in_words(fresh, name, content):
    served = fresh
    place = upload(served, (name, content)).json()["location"]

    reply = served.client.get(place)

    assert reply.status_code == 400
    assert name in reply.text
    assert "Traceback" not in reply.text


@pytest.mark.parametrize(
    "name", ["../../evil.csv", "/etc/passwd", "..\\..\\x.csv", "a/b/c.csv", ".hidden", "\u202egnp.csv"]
)
def test_a_file_s_name_never_leads_out_of_its_directory(fresh, name):
    served = fresh
    before = {p for p in served.workspace.parent.rglob("*") if p.is_file()}

    upload(served, (name, ORDERS))
    new = {p for p in served.workspace.parent.rglob("*") if p.is_file()} - before

    uploaded = [p for p in new if "uploads" in p.parts]
    assert uploaded
    assert all(p.parent.name == "files" and p.parent.parent.parent == served.workspace / "uploads" for p in uploaded)


def test_an_upload_without_the_token_leaves_nothing_behind(fresh):
    served = fresh
    before = set((served.workspace / "uploads").glob("*"))

    reply = upload(served, ("orders.csv", ORDERS), token="0" * 64)

    assert reply.status_code == 403
    assert set((served.workspace / "uploads").glob("*")) == before


def test_a_form_without_scripts_works_too(fresh):
    served = fresh
    reply = served.client.post(
        "/sources/upload", data={"token": served.token()}, files={"files": ("orders.csv", ORDERS)},
        headers={"origin": served.base},
    )  # fmt: skip

    assert reply.status_code == 303
    assert served.client.get(reply.headers["location"]).status_code == 200


def test_an_empty_workspace_leads_to_the_first_step(fresh):
    served = fresh

    home = served.client.get("/")
    page = served.client.get("/sources").text

    assert home.headers["location"] == "/sources"
    assert "Drop files here" in page
    assert "regard demo" in page


def test_a_refused_chapter_leads_to_where_it_is_given(own):
    served = own()
    place = upload(served, ("orders.csv", ORDERS)).json()["location"]
    sent = served.post(place, toml=mapping_on(served.client.get(place)), do="import")
    served.wait(sent.headers["location"])

    state = served.answer("/").text
    scores = served.answer("/listening/scores?part=chapter").text
    ledger = served.answer("/customers/ledger?part=chapter").text

    assert "Told from 119 orders" in words(served.client.get("/"))
    assert "the company&#39;s name" in state
    assert 'href="/sources#drop"' in scores
    assert 'href="/sources/readiness#set-base-lost"' in ledger
    assert 'id="set-base-lost"' in served.client.get("/sources/readiness").text


def test_declarations_are_made_field_by_field(fresh):
    served = fresh
    toml = html.unescape(re.search(r'name="toml" value="([^"]*)"', served.client.get("/settings").text)[1])
    fields = {"set.name": 'Ovens "R" Us', "set.base.lost": "no order", "set.base.days": "90", "set.currency": "EUR"}

    sent = served.post("/settings", toml=toml, **fields)
    served.wait(sent.headers["location"])
    bad = served.post("/settings", toml=toml, **{"set.base.days": "soon"})

    page = served.client.get("/settings").text
    assert 'value="Ovens &#34;R&#34; Us"' in page
    assert '<option value="no order" selected>' in page
    assert "days = 90" in html.unescape(page)
    assert bad.status_code == 422
    assert "base.days" in bad.text


HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "javascript:alert(1)", "=cmd|' /C calc'!A0", "\u202eevil", "<svg onload=alert(1)>"]  # fmt: skip


@pytest.mark.browser
def test_what_customers_are_called_never_runs(own, opened):
    served = own()
    rows = "".join(
        f'{i},"{h.replace(chr(34), chr(34) * 2)}",2026-09-{1 + i:02d} 10:00:00,"{h.replace(chr(34), chr(34) * 2)}",9,EUR\n'
        for i, h in enumerate(HOSTILE * 3)
    )
    place = upload(served, ("<img src=x>.csv", ORDERS.partition("\n")[0] + "\n" + rows)).json()["location"]
    sent = served.post(place, toml=mapping_on(served.client.get(place)), do="import")
    served.wait(sent.headers["location"])
    page, diary = opened(served)
    ran = []
    page.on("dialog", lambda d: (ran.append(d.message), d.dismiss()))

    for path in (
        place,
        sent.headers["location"],
        "/sources",
        "/customers/list",
        "/palette?q=script",
        "/?by=%3Cscript%3E",
    ):
        page.goto(served.base + path)
        page.wait_for_timeout(300)

    assert ran == []
    assert [line for line in diary.console if "status of" not in line] == []
    assert page.locator("img").count() == 0
