"""Pages in a real browser: what it complains about, what it loads, how they read at any width and with keys alone."""

from __future__ import annotations

import gzip
import re
import time
from dataclasses import dataclass
from importlib.resources import files

import pytest

pytestmark = pytest.mark.browser

PAGES = [
    "/", "/customers", "/customers/ledger", "/journey", "/listening", "/listening/scores", "/listening/scores?by=region&period=1y",
    "/listening/drivers", "/journey/map", "/journey/discovered", "/journey/paths?start=help_opened", "/customers/list?who=lost",
    "/journey/funnel", "/journey/friction", "/journey/retention", "/journey/variants", "/journey/before-loss", "/journey/products",
    "/listening/deflection", "/reliability/disruptions", "/reliability/served?by=region", "/sources", "/sources/ledger", "/sources/held", "/sources/readiness", "/settings", "/nowhere",
]  # fmt: skip
WIDTHS = (640, 320)
"""1280 pixels at 200 % zoom are 640 of CSS; 320 is the narrowest there is."""


def settled(page, limit=60):
    """Wait until every part of a page has arrived."""
    until = time.monotonic() + limit
    while page.locator("[data-part], [aria-busy=true]").count():
        assert time.monotonic() < until, f"{page.url} never came to rest"
        page.wait_for_timeout(50)


@pytest.fixture(scope="session")
def axe():
    package = pytest.importorskip("axe_playwright_python", reason="axe-core comes with axe-playwright-python")
    assert package
    return files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


def complaints(diary):
    return [line for line in diary.console if "status of 4" not in line]


def violations(page, rules=""):
    found = page.evaluate(f"axe.run(document, {{resultTypes: ['violations']{rules}}})")
    return [(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in found["violations"]]


@dataclass
class Visit:
    """What one page did and how it looked, in every light and width."""

    complaints: list
    foreign: list
    light: list
    dark: list
    widths: dict


@pytest.fixture(scope="session")
def visit(served, visiting, axe):
    """A function: path → what was seen there; each page is loaded once for all who ask."""
    seen = {}

    def look(path):
        if path not in seen:
            with visiting(served) as (page, diary):
                page.goto(served.base + path)
                settled(page)
                page.evaluate(axe)
                light = violations(page)
                page.emulate_media(color_scheme="dark")
                # Darkness changes colours and nothing else.
                dark = violations(page, ", runOnly: ['color-contrast']")
                widths = {}
                for width in WIDTHS:
                    page.set_viewport_size({"width": width, "height": 640})
                    widths[width] = page.evaluate("document.documentElement.scrollWidth")
                seen[path] = Visit(complaints(diary), diary.foreign, light, dark, widths)
        return seen[path]

    return look


@pytest.mark.parametrize("path", PAGES)
def test_a_page_breaks_no_policy_and_loads_nothing_from_outside(visit, path):
    assert visit(path).complaints == []
    assert visit(path).foreign == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(visit, path, scheme):
    assert getattr(visit(path), scheme) == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_never_scrolls_sideways(visit, path, width):
    assert visit(path).widths[width] <= width


@pytest.mark.parametrize("path", ["/listening/scores", "/sources", "/customers"])
def test_keys_alone_reach_everything_and_the_focus_is_always_seen(served, opened, path):
    page, _ = opened(served)
    page.goto(served.base + path)
    settled(page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the answer"
    seen = set()

    for _ in range(60):
        page.keyboard.press("Tab")
        told = page.evaluate(
            """() => { const e = document.activeElement; if (e === document.body) return null;
            const s = getComputedStyle(e), r = e.getBoundingClientRect();
            const top = document.elementFromPoint(r.x + r.width / 2, r.y + Math.min(r.height / 2, 8));
            return {name: e.tagName + (e.href || e.name || e.textContent.slice(0, 20)), outline: s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2,
                    wide: r.width > 0, covered: !!top && !(e.contains(top) || top.contains(e)) && r.bottom < innerHeight && r.top > 0 }; }"""
        )
        if told is None:
            break
        seen.add(told["name"])
        assert told["outline"], told
        assert told["wide"], told
        assert not told["covered"], told

    assert any(name.startswith("A") and "/listening" in name for name in seen)


def test_the_palette_opens_with_a_key_finds_and_goes(served, opened):
    page, diary = opened(served)
    page.goto(served.base + "/sources")

    page.keyboard.press("Control+k")
    page.keyboard.type("scores")
    page.locator("#palette-list a", has_text="Scores").first.wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/listening/scores**")

    assert complaints(diary) == []


def test_two_keys_go_to_a_room_and_keep_the_scope(served, opened):
    page, _ = opened(served)
    page.goto(served.base + "/listening/scores?period=1y")

    page.keyboard.press("g")
    page.keyboard.press("c")

    page.wait_for_url("**/customers?period=1y")


def test_choosing_a_period_asks_again_and_makes_an_address(served, opened):
    page, _ = opened(served)
    page.goto(served.base + "/listening/scores")

    page.select_option("#period", "1y")
    page.wait_for_url("**/listening/scores?period=1y")
    settled(page)

    assert page.locator(".finding .say").inner_text()


def test_the_theme_is_remembered(served, opened):
    page, _ = opened(served)
    page.goto(served.base + "/sources")
    page.get_by_role("button", name="Dark").click()
    page.goto(served.base + "/settings")

    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_page_without_scripts_still_answers(served, opened):
    served.answer("/listening/scores")
    page, _ = opened(served, java_script_enabled=False)

    page.goto(served.base + "/listening/scores")

    assert page.locator(".finding .say").inner_text()
    assert page.locator("table.data").count() >= 1


def test_a_page_that_arrives_in_parts_does_not_jump(served, opened):
    page, _ = opened(served)
    page.add_init_script(
        "window.jumps = 0; new PerformanceObserver((l) => { for (const e of l.getEntries()) window.jumps += e.value; })"
        ".observe({type: 'layout-shift', buffered: true});"
    )
    for path in ("/?period=2y", "/listening/drivers?period=6m"):
        page.goto(served.base + path)
        settled(page)
        page.wait_for_timeout(200)

        # web.dev/articles/cls: up to 0.1 is good.
        assert page.evaluate("window.jumps") < 0.1


def test_every_column_is_one_key_away_without_a_script(served, opened):
    served.answer("/journey/map")
    page, _ = opened(served, java_script_enabled=False)
    page.goto(served.base + "/journey/map")
    table = page.locator("section.table").first
    before = table.locator("thead th:visible").count()

    table.locator("input.all-columns").press("Space")

    assert before <= 8 < table.locator("thead th:visible").count()


def test_copying_says_that_it_has_copied(served, opened):
    page, _ = opened(served, permissions=["clipboard-read", "clipboard-write"])
    page.goto(served.base + "/listening/scores")
    settled(page)

    page.get_by_role("button", name="Copy as text").click()
    page.get_by_role("button", name="Copied").wait_for()

    text = page.evaluate("navigator.clipboard.readText()")
    assert text.startswith(page.locator(".finding .say").inner_text()[:12])
    assert text.endswith("/listening/scores")


def test_a_mark_of_a_figure_leads_to_the_customers(served, opened):
    page, _ = opened(served)
    page.goto(served.base + "/customers/ledger")
    settled(page)

    page.locator(".fig-wide a.fig-mark[href*='who=new']").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/customers/list?who=new")


def test_script_and_style_are_small():
    def packed(room, name):
        return len(gzip.compress(files(room).joinpath(name).read_bytes(), 9))

    assert packed("regard.web", "static/regard.js") <= 8 * 1024
    styles = (("regard.web", "static/regard.css"), ("regard.figures", "figures.css"), ("regard.figures", "tokens.css"))
    assert sum(packed(*style) for style in styles) <= 20 * 1024


def test_colours_and_typefaces_are_written_once_for_pages_and_documents(served):
    own = [("regard.web", "static/regard.css"), ("regard.report", "document.css"), ("regard.figures", "figures.css")]
    written = [files(room).joinpath(name).read_text("utf-8") for room, name in own]

    assert not any("--ink:" in text or "--say:" in text for text in written)
    page = served.client.get("/sources").text
    sheet = served.client.get(re.search(r'href="(/static/[^"]*regard\.css)"', page)[1]).text
    document = served.client.get("/report/state.html").text
    assert sheet.count("--ink: light-dark(") == document.count("--ink: light-dark(") == 1


def test_the_palette_offers_customers_pages_questions_and_acts_in_that_order_each_with_its_key(served, opened):
    page, diary = opened(served)
    page.goto(served.base + "/listening/scores")
    settled(page)
    page.keyboard.press("Control+k")
    page.locator("#palette-list .group").first.wait_for()

    assert page.locator("#palette-list .group").all_inner_texts() == ["Pages", "Questions", "Acts"]
    page.keyboard.type("a")
    page.locator("#palette-list .group", has_text="Customers").wait_for()
    assert page.locator("#palette-list .group").all_inner_texts() == ["Customers", "Pages", "Questions", "Acts"]
    assert page.locator("#palette-list a", has_text="Copy a link").locator("kbd").inner_text() == "y"
    assert complaints(diary) == []


def test_acts_of_the_palette_are_done_with_keys_alone(served, opened):
    page, diary = opened(served, permissions=["clipboard-read", "clipboard-write"])
    page.goto(served.base + "/listening/scores")
    settled(page)

    page.keyboard.press("Control+k")
    page.keyboard.type("copy a link")
    page.locator("#palette-list a[aria-selected=true]", has_text="Copy a link").wait_for()
    page.keyboard.press("Enter")

    page.locator("#said.shown").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").endswith("/listening/scores")
    assert not page.evaluate("document.querySelector('#palette').open")
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert complaints(diary) == []


def test_the_days_of_a_customer_read_at_any_width_and_axe_finds_nothing(served, opened, axe):
    who = served.client.get("/customers/list.json?who=met-error").json()["rows"][0]["id"]
    page, diary = opened(served, width=320)
    page.goto(f"{served.base}/customers/customer?id={who}")
    settled(page)
    page.evaluate(axe)

    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.locator(".day").first.is_visible()
    assert not page.locator(".lived > .figure").is_visible()
    assert complaints(diary) == []


@pytest.mark.browser
def test_paths_are_walked_with_the_keyboard_alone(served, opened):
    """A step of the tree is reached by Tab, Enter walks on from it, and its number leads to its customers."""
    page, _ = opened(served)
    page.goto(served.base + "/journey/paths?period=1y&start=help_opened")
    settled(page)
    for _ in range(80):
        page.keyboard.press("Tab")
        here = page.evaluate("document.activeElement.getAttribute('href') || ''")
        if (
            here.startswith("/journey/paths")
            and "%E2%86%92" in here
            and page.evaluate("!!document.activeElement.closest('svg')")
        ):
            break
    else:
        raise AssertionError("no step of the tree is reached by Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/journey/paths?*start=help_opened*")
    settled(page)
    assert "You came along" in page.locator("nav.walk").inner_text()
    number = page.locator("a[href*='who=walked']").first
    expected = number.inner_text()
    number.click()
    page.wait_for_url("**/customers/list?*who=walked*")
    settled(page)
    assert expected in page.locator(".say").inner_text()
