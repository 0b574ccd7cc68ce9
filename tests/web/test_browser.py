"""Pages in a real browser: what it complains about, what it loads, how they read at any width and with keys alone."""

from __future__ import annotations

import gzip
import time
from importlib.resources import files

import pytest

pytestmark = pytest.mark.browser

PAGES = [
    "/", "/customers", "/customers/ledger", "/journey", "/listening", "/listening/scores", "/listening/scores?by=region&period=1y",
    "/sources", "/sources/ledger", "/sources/readiness", "/settings", "/nowhere",
]  # fmt: skip


def settled(page, limit=60):
    """Wait until every part of a page has arrived."""
    until = time.monotonic() + limit
    while page.locator("[data-part], [aria-busy=true]").count():
        assert time.monotonic() < until, f"{page.url} never came to rest"
        page.wait_for_timeout(100)


@pytest.fixture(scope="session")
def axe():
    package = pytest.importorskip("axe_playwright_python", reason="axe-core comes with axe-playwright-python")
    assert package
    return files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


def complaints(diary):
    return [line for line in diary.console if "status of 4" not in line]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_breaks_no_policy_and_loads_nothing_from_outside(served, opened, path):
    page, diary = opened(served)

    page.goto(served.base + path)
    settled(page)

    assert complaints(diary) == []
    assert diary.foreign == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(served, opened, axe, path, scheme):
    page, _ = opened(served, scheme=scheme)
    page.goto(served.base + path)
    settled(page)

    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")

    assert [(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in found["violations"]] == []


@pytest.mark.parametrize("width", [320, 640])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_never_scrolls_sideways(served, opened, path, width):
    # 1280 pixels at 200 % zoom are 640 of CSS.
    page, _ = opened(served, width=width, height=640)
    page.goto(served.base + path)
    settled(page)

    assert page.evaluate("document.documentElement.scrollWidth") <= width


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


def test_script_and_style_are_small():
    def packed(room, name):
        return len(gzip.compress(files(room).joinpath(name).read_bytes(), 9))

    assert packed("regard.web", "static/regard.js") <= 8 * 1024
    assert packed("regard.web", "static/regard.css") + packed("regard.figures", "figures.css") <= 20 * 1024
