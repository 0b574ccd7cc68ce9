"""What the truth says is really in the signals: recounted from the tables alone, by SQL that shares no code with the simulator."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pytest
import statsmodels.api as sm

from regard.simulation import simulate, truth
from regard.simulation.blocks import blocks
from regard.simulation.truth import UNTIL

SIGNALS, SEED = 800_000, 20
KNOWN = truth(signals=SIGNALS, seed=SEED)

FACTS = """
WITH nps AS (
  SELECT row_number() OVER () AS id, key, account, person, occurred_at AS said, score
  FROM answer WHERE metric = 'nps'
),
back AS (SELECT *, said - INTERVAL 90 DAY AS since FROM nps),
late AS (
  SELECT id, count(*) AS n FROM back JOIN delivery AS d ON d.account = back.account AND due_at >= since AND due_at < said
  WHERE kept_at IS NULL OR kept_at >= date_trunc('day', due_at) + INTERVAL 1 DAY GROUP BY id
),
slow AS (
  SELECT id, count(*) AS n FROM back JOIN first_answer AS f ON f.account = back.account AND due_at >= since AND due_at < said
  WHERE kept_at IS NULL OR kept_at > due_at GROUP BY id
),
again AS (
  SELECT id, count(*) AS n FROM back JOIN ticket AS t ON t.account = back.account AND solved_at >= since AND solved_at < said
  WHERE reopened > 0 GROUP BY id
),
used AS (
  SELECT id, 100.0 * count(error) / count(*) AS errors,
         count(*) FILTER (WHERE name = 'croissant_forecast_viewed' AND error IS NULL) AS forecasts
  FROM back JOIN use AS e ON e.account = back.account AND e.occurred_at >= since AND e.occurred_at < said GROUP BY id
),
written AS (
  SELECT id, count(*) AS n FROM back JOIN message AS m ON m.account = back.account
  AND m.occurred_at >= since AND m.occurred_at < said AND m.topic <> 'reply' GROUP BY id
),
begun AS (
  SELECT s.account, min(s.occurred_at) AS start FROM subscription AS s
  WHERE change = 'start' AND subscription NOT LIKE '%-%' GROUP BY s.account
),
quick AS (
  SELECT DISTINCT begun.account FROM begun JOIN use AS e ON e.account = begun.account
  WHERE e.name = 'first_batch_baked' AND error IS NULL AND e.occurred_at <= start + INTERVAL 7 DAY
),
place AS (
  SELECT account, arg_max(json_extract_string(labels, '$.region'), occurred_at) AS region,
         arg_max(json_extract_string(labels, '$.product'), occurred_at) AS product
  FROM profile WHERE person IS NULL GROUP BY account
)
SELECT nps.*, region, product,
  coalesce(late.n, 0) > 0 AS late_delivery, coalesce(slow.n, 0) > 0 AS slow_answer, coalesce(again.n, 0) > 0 AS reopened,
  least(coalesce(errors, 0), 15) AS errors, coalesce(forecasts, 0) > 0 AS forecast, coalesce(written.n, 0) AS messages,
  quick.account IS NOT NULL AND said > start + INTERVAL 7 DAY AS quick_start
FROM nps LEFT JOIN late USING (id) LEFT JOIN slow USING (id) LEFT JOIN again USING (id) LEFT JOIN used USING (id)
LEFT JOIN written USING (id) LEFT JOIN quick USING (account) LEFT JOIN begun USING (account) LEFT JOIN place USING (account)
ORDER BY id
"""


@pytest.fixture(scope="module")
def told():
    """The signals of a company of 800,000 in DuckDB, latest version of each record, repeats taken out."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    found = {}
    for kind, table in simulate(signals=SIGNALS, seed=SEED):
        found.setdefault(kind, []).append(table)
    for kind, tables in found.items():
        connection.register(kind, pa.concat_tables(tables))
    latest = "QUALIFY row_number() OVER (PARTITION BY key ORDER BY version_at DESC) = 1"
    connection.execute(f"CREATE VIEW pledge AS SELECT * FROM promise {latest}")
    connection.execute(
        "CREATE TABLE delivery AS SELECT * FROM pledge WHERE promise = 'delivery' AND withdrawn_at IS NULL"
    )
    connection.execute("CREATE TABLE first_answer AS SELECT * FROM pledge WHERE promise = 'first answer'")
    connection.execute(f"CREATE TABLE ticket AS SELECT * FROM contact {latest}")
    connection.execute(
        "CREATE TABLE use AS SELECT * FROM event WHERE message_id IS NULL UNION ALL "
        "SELECT * FROM event WHERE message_id IS NOT NULL QUALIFY row_number() OVER (PARTITION BY message_id) = 1"
    )
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def answers(told):
    """One row per relationship answer with its facts, as NumPy arrays."""
    return told.execute(FACTS).fetchnumpy()


@pytest.fixture(scope="module")
def accounts():
    """The truth of every account."""
    tables = [block.accounts for block in blocks(signals=SIGNALS, seed=SEED, until=UNTIL)]
    return pa.concat_tables(tables)


def regression(answers):
    names = ["late_delivery", "slow_answer", "reopened", "errors", "forecast", "quick_start", "messages"]
    columns = [np.asarray(answers[name], dtype=float) for name in names]
    columns += [
        (answers["region"] == region).astype(float) for region in ("Alps", "Hexagon", "Iberia", "Isles", "Overseas")
    ]
    columns += [(answers["product"] == product).astype(float) for product in ("Till", "Jar Nanny")]
    groups = np.unique(answers["account"].astype(str), return_inverse=True)[1]
    fit = sm.OLS(np.asarray(answers["score"]), sm.add_constant(np.stack(columns, axis=1)))
    return names, fit.fit(cov_type="cluster", cov_kwds={"groups": groups})


def test_facts_move_the_score_by_what_the_truth_says(answers):
    """OLS of statsmodels on facts recounted by SQL: scores are rounded and end at 10, which takes some of each effect."""
    names, fit = regression(answers)
    effects = {driver.name: driver.effect for driver in KNOWN.drivers}

    for place, name in enumerate(names, start=1):
        found, error = fit.params[place], fit.bse[place]
        if effects[name]:
            assert 0.55 * effects[name] - 3 * error < found < 1.1 * effects[name] + 3 * error or (
                effects[name] < 0 and 1.1 * effects[name] - 3 * error < found < 0.55 * effects[name] + 3 * error
            ), (name, found, error)
            assert abs(found) > 2.5 * error, (name, found, error)
        else:
            assert abs(found) < 3.5 * error, (name, found, error)


def test_parts_weigh_what_the_truth_says_and_looks_weigh_nothing(told):
    """OLS of the whole on all five parts, where all five were rated: rounding to five steps takes some of each weight."""
    names = [part.name for part in KNOWN.parts]
    columns = ", ".join(f"max(score) FILTER (WHERE part = '{name}') AS p{n}" for n, name in enumerate(names))
    rows = told.execute(
        f"""SELECT max(score) FILTER (WHERE metric = 'nps') AS score, {columns} FROM answer
        WHERE survey = 'How is it rising' GROUP BY response HAVING count(*) = 6"""
    ).fetchnumpy()
    fit = sm.OLS(rows["score"], sm.add_constant(np.stack([rows[f"p{n}"] for n in range(5)], axis=1))).fit()

    assert len(rows["score"]) > 120
    for part, found, error in zip(KNOWN.parts, fit.params[1:], fit.bse[1:], strict=True):
        assert 0.5 * part.weight - 3 * error < found < 1.1 * part.weight + 3 * error, (part.name, found, error)


def test_broken_promises_and_errors_go_with_lower_scores(answers):
    score = answers["score"]

    for fact in ("late_delivery", "slow_answer", "reopened"):
        assert score[answers[fact]].mean() < score[~answers[fact]].mean() - 0.4
    assert score[answers["errors"] > 5].mean() < score[answers["errors"] == 0].mean() - 0.4


@pytest.mark.parametrize(
    ("place", "target", "factor"), [(0, "delivery", 0.35), (1, "first_answer", 0.4), (2, "first_answer", 0.4)]
)
def test_an_improvement_changed_its_region_and_no_other(told, place, target, factor):
    done = KNOWN.improvements[place]
    broken = {
        "delivery": "(kept_at IS NULL OR kept_at >= date_trunc('day', due_at) + INTERVAL 1 DAY)",
        "first_answer": "(kept_at IS NULL OR kept_at > due_at)",
    }[target]
    rows = told.execute(
        f"""SELECT region = $region AS reached, t.occurred_at::DATE >= $on::DATE AS after, avg({broken}::INT) AS share
        FROM {target} t JOIN (SELECT account, any_value(json_extract_string(labels, '$.region')) AS region FROM profile
          WHERE person IS NULL GROUP BY account) USING (account)
        WHERE due_at < TIMESTAMP '2026-11-08' AND NOT (region = 'North Sea' AND $region = 'Alps')
          AND NOT (region = 'Alps' AND $region = 'North Sea') GROUP BY ALL""",
        {"region": done.where["region"], "on": done.on},
    ).fetchall()
    share = {(reached, after): value for reached, after, value in rows}

    assert share[True, True] / share[True, False] == pytest.approx(factor, abs=0.13)
    assert share[False, True] / share[False, False] == pytest.approx(1.0, abs=0.25)


def test_the_forecast_raised_the_score_where_it_came_and_the_pretzel_did_not(answers):
    """Difference in differences on scores less what the facts explain."""
    names, fit = regression(answers)
    facts = np.stack([np.asarray(answers[name], dtype=float) for name in names], axis=1)
    rest = answers["score"] - facts @ fit.params[1 : len(names) + 1]

    def change(done, inside):
        after = answers["said"] >= np.datetime64(done.on)
        lift = [rest[after & chosen].mean() - rest[~after & chosen].mean() for chosen in (inside, ~inside)]
        spread = np.sqrt(sum(rest[m & c].var() / (m & c).sum() for m in (after, ~after) for c in (inside, ~inside)))
        return lift[0] - lift[1], spread

    forecast, pretzel = KNOWN.improvements[3], KNOWN.improvements[4]
    found, error = change(forecast, answers["product"] == "Rise")
    assert 0.4 - 3.5 * error < found < 0.4 + 3.5 * error
    assert found > 0.1
    after = answers["said"] >= np.datetime64(pretzel.on)
    near = np.abs(answers["said"] - np.datetime64(pretzel.on)) < np.timedelta64(60, "D")
    groups = rest[after & near], rest[~after & near]
    error = np.sqrt(sum(group.var() / len(group) for group in groups))
    assert abs(groups[0].mean() - groups[1].mean()) < 3.5 * error < 0.5


def test_the_disrupted_subset_had_the_lower_rate_and_the_total_looked_green(told):
    for event in KNOWN.disruptions:
        inside = " AND ".join(
            f"coalesce(json_extract_string(t.labels, '$.{label}'), p.{label}) = '{value}'"
            for label, value in event.where.items()
            if label != "region"
        )
        region = event.where.get("region")
        rows = told.execute(
            f"""SELECT {inside} AND p.region = '{region}' AS inside, sum(good) / sum(total) AS share, count(*)
            FROM telemetry t JOIN (SELECT account, any_value(json_extract_string(labels, '$.region')) AS region
              , '' AS device, '' AS product, '' AS version FROM profile WHERE person IS NULL GROUP BY account) p USING (account)
            WHERE t.occurred_at::DATE >= $start::DATE AND t.occurred_at::DATE < $end::DATE
            GROUP BY 1""",
            {"start": event.start, "end": event.end},
        ).fetchall()
        share = {hit: value for hit, value, _ in rows}
        count = {hit: n for hit, _, n in rows}
        assert share[True] == pytest.approx(event.good_share, abs=0.06), event.name
        assert share[False] > 0.985, event.name
        total = (share[True] * count[True] + share[False] * count[False]) / sum(count.values())
        assert total > 0.965, event.name
        assert count[True] < 0.06 * sum(count.values()), event.name


def test_the_rising_cell_rises_and_the_seasonal_one_only_comes_back(told):
    rising = KNOWN.rising[0]
    days = told.execute(
        """SELECT area, issue, count(*) FILTER (WHERE occurred_at::DATE >= DATE '2026-10-01') / 45.0 AS late,
        count(*) FILTER (WHERE occurred_at::DATE BETWEEN DATE '2026-04-01' AND DATE '2026-07-01') / 92.0 AS before
        FROM ticket GROUP BY ALL"""
    ).fetchall()
    growth = {(area, issue): late / before for area, issue, late, before in days}
    usual = np.median(list(growth.values()))

    assert growth[rising.area, rising.issue] > 2.0 * usual
    assert max(growth, key=growth.__getitem__) == (rising.area, rising.issue)


def test_the_base_counted_from_contracts_is_the_base_of_the_truth(told, accounts):
    """Brute force: who is in the base on the first of each month, from subscription rows and from the truth of accounts."""
    rows = told.execute(
        "SELECT account, subscription, change, occurred_at AT TIME ZONE 'UTC' FROM subscription ORDER BY occurred_at"
    ).fetchall()
    begun, ended = {}, {}
    for account, contract, change, at in rows:
        if change == "start":
            begun[contract] = (account, at)
        elif change == "end":
            ended[contract] = at
    truth_rows = accounts.to_pylist()
    month = date.fromisoformat(KNOWN.since) + timedelta(days=10)
    while month.isoformat() < KNOWN.until:

        def before(stamp, month=month):
            return stamp is not None and stamp.date() < month

        counted = {a for c, (a, at) in begun.items() if before(at) and not before(ended.get(c))}
        known = {
            r["account"]
            for r in truth_rows
            if (before(r["started_at"]) and not before(r["ended_at"])) or before(r["returned_at"])
        }
        assert counted == known
        month += timedelta(days=61)
    assert 0.5 * KNOWN.accounts < len(known) < 0.9 * KNOWN.accounts


def test_troubled_bakeries_leave_more_and_some_would_have_left_anyway(accounts):
    table = accounts.filter(pa.compute.field("signed")).to_pydict()
    left = np.array([at is not None for at in table["ended_at"]])
    troubled = np.array(table["points late deliveries"]) + np.array(table["points slow answers"]) < -1.0
    anyway, closing = np.array(table["anyway"]), np.array(table["closing"])

    assert left[troubled].mean() > 1.4 * left[~troubled].mean()
    assert not (anyway & ~left).any()
    assert anyway[closing].all()
    assert 0.2 < anyway[left].mean() < 0.9
    assert 0.15 < left.mean() < 0.5


def test_leaving_follows_latent_satisfaction(accounts):
    table = accounts.filter(pa.compute.field("signed")).to_pydict()
    left = np.array([at is not None for at in table["ended_at"]]) & ~np.array(table["closing"])
    satisfaction = np.array(table["satisfaction"])

    assert satisfaction[left].mean() < satisfaction[~left].mean() - 0.4


def test_bakers_keep_bakers_hours(told):
    """December beats February per active bakery and day, Mondays are quiet, and the morning is early."""
    weekday = dict(told.execute("SELECT isodow(occurred_at), count(*) FROM use GROUP BY 1").fetchall())
    month = dict(
        told.execute(
            "SELECT month(occurred_at), count(*) / count(DISTINCT account) FROM use WHERE year(occurred_at) = 2025 GROUP BY 1"
        ).fetchall()
    )
    early = told.execute("SELECT avg((hour(occurred_at) BETWEEN 2 AND 6)::INT) FROM use").fetchone()[0]

    assert weekday[1] < 0.7 * weekday[6]
    assert month[12] > 1.15 * month[2]
    assert early > 0.35


def test_some_signals_come_late_and_out_of_order(told):
    late, total = told.execute(
        "SELECT count(*) FILTER (WHERE sent_at > occurred_at + INTERVAL 6 HOUR), count(sent_at) FROM event"
    ).fetchone()

    assert 0.02 < late / total < 0.1
