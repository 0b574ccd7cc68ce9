"""What the tests of the pages share: one made-up company, really served, and a browser that keeps a diary."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from regard.signals.workspace import Workspace
from regard.simulation import run_simulation

for room in ("reliability", "delivery"):  # what their tests share: alerts to raise, receivers to send to
    sys.path.insert(0, str(Path(__file__).parents[1] / room))

SERVE = (
    "import sys; from pathlib import Path; from regard.web.supervisor import serve; "
    "serve(Path(sys.argv[1]), port=int(sys.argv[2]), intake=sys.argv[3], say=lambda line: print(line, flush=True))"
)


@dataclass
class Served:
    """A workspace being served, and a client that is signed in."""

    process: subprocess.Popen
    workspace: Path
    base: str
    link: str
    client: httpx.Client
    seconds: float
    intake: str = ""

    @property
    def port(self):
        return int(self.base.rpartition(":")[2])

    def stranger(self, **more):
        """A client that is not signed in."""
        return httpx.Client(base_url=self.base, timeout=60, **more)

    def token(self):
        """The token every form of the session carries."""
        return re.search(r'data-token="([0-9a-f]{64})"', self.client.get("/sources").text)[1]

    def post(self, path, **fields):
        """Send a form as a browser would."""
        origin = {"origin": self.base}
        return self.client.post(path, data={"token": self.token(), **fields}, headers=origin)

    def answer(self, path):
        """A page, once its answer has been computed."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            reply = self.client.get(path)
            if 'aria-busy="true"' not in reply.text:
                return reply
            time.sleep(0.3)
        raise AssertionError(f"{path} was never answered")

    def wait(self, location):
        """A piece of long work, once it is done."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            reply = self.client.get(location, params={"part": "work"})
            if reply.headers.get("x-regard-done") == "yes":
                return reply
            time.sleep(0.2)
        raise AssertionError(f"{location} never ended")


@contextmanager
def serving(workspace, port=0, intake="off"):
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(workspace), str(port), intake],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        found = re.search(r"http\S+", process.stdout.readline())
        if not found:
            raise AssertionError(process.stderr.read())
        link = found[0]
        base = link.partition("/sign-in")[0]
        taken = re.search(r"http\S+", process.stdout.readline())[0] if intake != "off" else ""
        with httpx.Client(base_url=base, timeout=60) as client:
            reply = client.get(link)
            assert reply.status_code == 200
            yield Served(process, Path(workspace), base, link, client, time.monotonic() - started, taken)
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()
        process.stderr.close()


@pytest.fixture(scope="session")
def serve():
    """The function that serves a workspace, for modules with one of their own."""
    return serving


def made_up(directory, signals):
    with Workspace.open(directory) as workspace:
        for _ in run_simulation(workspace, signals=signals, seed=3):
            pass
        for _ in workspace.settle():
            pass
    return directory


@pytest.fixture(scope="session")
def company(tmp_path_factory):
    """The directory of a made-up company, settled; copied by whoever changes it."""
    return made_up(tmp_path_factory.mktemp("company") / "workspace", 12_000)


@pytest.fixture(scope="session")
def served(company):
    """The made-up company, served; nobody changes it."""
    with serving(company) as found:
        yield found


@pytest.fixture(scope="session")
def fresh(tmp_path_factory):
    """An empty workspace, served; tests may drop files and declare there, none imports."""
    with serving(tmp_path_factory.mktemp("fresh") / "workspace") as found:
        yield found


@pytest.fixture
def own(tmp_path):
    """A function that serves a workspace of the test's own: empty, or a copy of another."""
    opened = []

    def serve(of=None, **more):
        directory = tmp_path / f"own-{len(opened)}"
        if of:
            shutil.copytree(of, directory, ignore=shutil.ignore_patterns("pages"))
        context = serving(directory, **more)
        opened.append(context)
        return context.__enter__()

    yield serve
    for context in opened:
        context.__exit__(None, None, None)


@dataclass
class Diary:
    """What a page did that it should not."""

    console: list
    foreign: list


def _page(browser, served, width=1280, height=900, scheme="light", **more):
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **more)
    name, value = next((c.name, c.value) for c in served.client.cookies.jar if c.name.startswith("regard-"))
    context.add_cookies([{"name": name, "value": value, "url": served.base}])
    page = context.new_page()
    diary = Diary([], [])
    page.on("console", lambda m: diary.console.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda e: diary.console.append(str(e)))
    page.on("request", lambda r: None if r.url.startswith((served.base, "data:")) else diary.foreign.append(r.url))
    return context, page, diary


@pytest.fixture(scope="session")
def visiting(browser):
    """A function: served, width, scheme → a signed-in page and its diary, closed at the end of the with."""

    @contextmanager
    def visit(served, **more):
        context, page, diary = _page(browser, served, **more)
        try:
            yield page, diary
        finally:
            context.close()

    return visit


@pytest.fixture
def opened(browser):
    """A function: served, width, scheme → a signed-in page and its diary."""
    contexts = []

    def open_page(served, width=1280, height=900, scheme="light", **more):
        context, page, diary = _page(browser, served, width, height, scheme, **more)
        contexts.append(context)
        return page, diary

    yield open_page
    for context in contexts:
        context.close()
