"""A Spark cluster gives the answers this machine gives: every scan of steps, and every question that asks for them."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from regard.errors import Refusal
from regard.opened import Company
from regard.questions import questions
from regard.settings import Settings
from regard.signals.cluster import Cluster
from regard.signals.workspace import Workspace
from regard.simulation import declarations, run_simulation
from regard.steps.columns import Selection
from regard.steps.follows import follow
from regard.steps.frictions import frictions
from regard.steps.funnels import Stage, funnel
from regard.steps.gaps import gaps
from regard.steps.journeys import Course, journeys
from regard.steps.occasions import occasions
from regard.steps.returning import calendar, returning
from regard.steps.walks import Route, walk

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("ignore")]  # Spark leaves sockets open
HOUR = 3_600_000_000


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The made-up company; some days of one customer came later, so that some buckets have runs beside their base."""
    path = tmp_path_factory.mktemp("cluster") / "company"
    with Workspace.open(path, given=Settings(buckets=8, threads=2)) as opened:
        list(run_simulation(opened, signals=20_000, seed=4))
        opened.declare(declarations())
        list(opened.settle())
        batch = opened.inbox.begin(source="shop")
        at = [dt.datetime(2026, 3, 1, tzinfo=dt.UTC) + dt.timedelta(hours=h) for h in range(300)]
        batch.append("event", pa.table({
            "person": [f"late-{h % 40}" for h in range(300)], "name": [("report_created", "signed_in")[h % 2] for h in range(300)],
            "occurred_at": pa.array(at, pa.timestamp("us", "UTC")),
        }))  # fmt: skip
        batch.finish()
        list(opened.settle())
        assert opened.lake.newest().of("event", "run"), "no run was left beside the bases"
    return path


@pytest.fixture(scope="module")
def here(root):
    with Workspace.open(root, given=Settings(threads=2)) as opened, Company(opened) as company:
        yield company


@pytest.fixture(scope="module")
def there(root, master):
    with Workspace.open(root, given=Settings(threads=2, cluster=master)) as opened, Company(opened) as company:
        yield company


def some_steps(made):
    counts = sum(np.bincount(s.codes, minlength=len(s.names)) for s in made.steps)
    return [made.steps[0].names[i] for i in np.argsort(-counts, kind="stable")]


def selected(made):
    times = np.concatenate([s.times for s in made.steps])
    rows = [s.codes % 5 != 3 for s in made.steps]
    customers = [s.customers % 7 != 0 for s in made.steps]
    since, until = (int(np.quantile(times, q)) for q in (0.1, 0.9))
    return Selection(since=since, until=until, rows=rows, customers=customers, end=made.end)


def scans(made):
    a, b, c, *_ = some_steps(made)
    s, chosen = made.steps, selected(made)
    label = next(iter(s[0].labels))
    first, last = (dt.datetime.fromtimestamp(t / 1e6, dt.UTC).date() for t in (chosen.since, chosen.until))
    periods = calendar(first, last, by="week", zone=ZoneInfo("Europe/Berlin"))
    stages = [Stage(names=(a,)), Stage(names=(b,), optional=True), Stage(names=(c,))]
    walked = walk(s, Route(start=(a,), depth=3, within=24 * HOUR, every=True), selection=chosen)
    between = walk(s, Route(start=(a,), target=(c,), depth=4), selection=chosen)
    return {
        "funnel": funnel(s, stages, within=200 * HOUR, by=label, selection=chosen),
        "walk": walked, "behind": walked.behind(1), "ended": walked.behind(2, ended=True), "between": between,
        "follow": follow(s, pause=HOUR, selection=chosen),
        "journeys": journeys(s, Course(within=HOUR), selection=chosen),
        "ways": journeys(s, Course(start=(a,), target=(c,), within=24 * HOUR), selection=chosen),
        "returning": returning(s, periods, selection=chosen), "gaps": gaps(s, start=(a,), to=(b,), selection=chosen),
        "frictions": frictions(s, pause=24 * HOUR, goal=(c,), selection=chosen),
        "occasions": occasions(s, {a: 0, b: 1}, awaited=(c,), within=72 * HOUR, selection=chosen),
    }  # fmt: skip


def told(found):
    """A result as what can be compared; what is a function is left out."""
    if hasattr(found, "__dataclass_fields__"):
        kept = {f.name: getattr(found, f.name) for f in fields(found)}
        return {name: told(value) for name, value in kept.items() if not callable(value)}
    if isinstance(found, tuple):
        return [told(each) for each in found]
    return found.tolist() if isinstance(found, np.ndarray) else found


def test_every_scan_of_steps_finds_the_same_on_a_cluster(here, there):
    ours, theirs = here.view.made_steps(), there.view.made_steps()
    assert all(s.elsewhere is not None for s in theirs.steps)
    assert len(theirs.steps) > 1

    found, wanted = scans(theirs), scans(ours)

    for name, value in wanted.items():
        assert repr(told(found[name])) == repr(told(value)), name
    assert wanted["walk"].entered
    assert wanted["follow"].transitions


def test_every_question_that_asks_for_steps_answers_the_same_on_a_cluster(here, there):
    asked, refused, made = [], [], here.view.made_steps
    for path, question in questions().items():
        seen = []
        here.view.made_steps = lambda seen=seen: seen.append(1) or made()
        needed = [p for p in question.parameters.values() if p.default is p.empty]
        wanted = None if needed else here.ask(path, period="1y")
        here.view.made_steps = made
        if seen:
            asked.append(path)
            theirs = there.ask(path, period="1y")
            ours, theirs = (msgspec.to_builtins(f) for f in (wanted, theirs))
            for each in (ours, theirs):
                each["evidence"].pop("computed_at")
            assert theirs == ours, path
            refused += [path] if ours["refused"] else []
    assert asked, "no question asks for steps"
    assert len(refused) < len(asked) / 3, refused


def test_a_worker_that_does_not_see_the_workspace_says_which_file(there, root):
    made = there.view.made_steps()
    address = opener, (_, *rest) = made.steps[0].address
    object.__setattr__(made.steps[0], "address", (opener, (str(root / "nowhere.steps"), *rest)))

    try:
        with pytest.raises(Refusal, match=r"nowhere\.steps"):
            follow(made.steps)
    finally:
        object.__setattr__(made.steps[0], "address", address)


def test_a_cluster_that_is_not_there_is_named(here, master):
    with pytest.raises(Refusal, match="nobody:7077"):
        Cluster("spark://nobody:7077")(len, [])
