"""The official browser clients in a real Chromium, on a page of another origin, with nothing changed but the address."""

from __future__ import annotations

import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytestmark = pytest.mark.browser

SEGMENT = """<!doctype html><title>Shop</title><script src="/node_modules/@segment/analytics-next/dist/umd/index.js"></script>
<script>
window.analytics = AnalyticsNext.AnalyticsBrowser.load({ writeKey: "KEY", cdnURL: "ADDRESS" });
analytics.page("Pricing");
analytics.track("Report Created", { region: "EU", pages: 3 });
analytics.identify("browser-1", { email: "b@example.com" });
</script>"""

POSTHOG = """<!doctype html><title>Shop</title><script type="module">
import posthog from "/node_modules/posthog-js/dist/module.no-external.js";
window.posthog = posthog;
posthog.init("KEY", { api_host: "ADDRESS", person_profiles: "always", autocapture: false,
  opt_out_useragent_filter: true, // it keeps quiet in a browser that a test drives
  loaded: () => { window.loaded = true; } });
posthog.capture("Report Created", { region: "EU" });
posthog.identify("browser-2", { email: "c@example.com" });
posthog.capture("survey sent", { $survey_id: "s", $survey_name: "NPS", $survey_response: 8,
  $survey_questions: [{ id: "q", question: "How likely are you to recommend us?" }] });
window.onpagehide = () => posthog.capture("Left The Page", {}, { transport: "sendBeacon" });
</script>"""


class Pages(SimpleHTTPRequestHandler):
    pages = {}  # noqa: RUF012 - set by the test

    def do_GET(self):
        page = self.pages.get(self.path)
        if page is None:
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def site(served, npm_packages):
    """A site on another port, which loads the clients from itself."""
    fill = lambda page: page.replace("KEY", served.key).replace("ADDRESS", served.address)  # noqa: E731
    Pages.pages = {
        "/segment": fill(SEGMENT),
        "/posthog": fill(POSTHOG),
        "/away": "<!doctype html><title>Away</title>",
        "/favicon.ico": "",
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Pages, directory=str(npm_packages)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser, site):
    context = browser.new_context()
    page = context.new_page()
    page.told = []
    page.on("console", lambda m: page.told.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: page.told.append(str(e)))
    page.asked = []
    page.on("request", lambda r: page.asked.append(r.url))
    yield page
    context.close()


def until(check, seconds=15):
    end = time.monotonic() + seconds
    while not (found := check()) and time.monotonic() < end:
        time.sleep(0.2)
    return found


def test_segments_browser_client_delivers(served, site, page):
    page.goto(f"{site}/segment")
    names = until(
        lambda: {r["name"] for r in served.rows("event", "name")} >= {"Viewed Pricing Page", "Report Created"}
    )

    assert names, (page.told, page.asked)
    assert page.told == []
    assert until(lambda: served.rows("profile", "email", "person = 'browser-1'")) == [{"email": "b@example.com"}]
    sent = {row["anonymous"] for row in served.rows("event", "anonymous", "name = 'Report Created'")}
    joined = served.rows("merge", "anonymous", "\"into\" = 'browser-1'")
    assert len(joined) == 1
    assert joined[0]["anonymous"] in sent  # another client's test may have sent the same event before
    assert [u for u in page.asked if not u.startswith((site, served.address))] == []


def test_posthogs_browser_client_delivers_answers_and_what_is_sent_on_leaving(served, site, page):
    page.goto(f"{site}/posthog")
    page.wait_for_function("() => window.loaded")
    assert until(lambda: served.rows("event", "name", "name = 'Report Created' AND labels LIKE '%$lib%'")), (
        page.told,
        page.asked,
        served.rows("event"),
        served.ledger("app"),
    )
    page.goto(f"{site}/away")

    assert until(lambda: served.rows("event", "name", "name = 'Left The Page'")), (page.told, page.asked)
    assert page.told == []
    assert until(lambda: served.rows("answer", "score, metric, survey")) == [
        {"score": 8.0, "metric": "nps", "survey": "NPS"}
    ]
    assert (
        until(lambda: served.rows("profile", "email", "person = 'browser-2' AND email IS NOT NULL"))[0]["email"]
        == "c@example.com"
    )
    assert served.rows("merge", '"into"', "\"into\" = 'browser-2'")
    assert [u for u in page.asked if not u.startswith((site, served.address))] == []
