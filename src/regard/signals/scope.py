"""The slice in view, and the one place that writes it into a statement.

A question's SQL is static and reads nouns: ``answers``, ``orders``, ``customers``, ``moments``. `scoped` works on the
statement's syntax tree and puts a definition of each noun it reads in front of it: period, filters, grouping, local
days and money in the company's currency. Values never become SQL text unquoted.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from typing import Annotated, Any

import msgspec
import sqlglot
from msgspec import Meta
from sqlglot import exp

from regard.errors import BadInput, UnknownName
from regard.periods import WEEKDAYS, Period, checked, offsets, parse_day, parse_period, zone_of
from regard.signals.attempts import ATTEMPTED, ATTEMPTS, attempts
from regard.signals.declarations import Declarations, Dimension
from regard.signals.kinds import BY_NOUN, Kind
from regard.signals.measures import SCORED, SCORES, VALUED, WORTH, exact_sum, scores, worth

EVER = "_ever"
WHOLE = "_whole"
COMMON_GROUPINGS = ("source", "kind")


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """A scope as a person gives it, at any door; empty means the default."""

    since: Annotated[str, Meta(description="First day, YYYY-MM-DD; default three months up to the last day.")] = ""
    until: Annotated[str, Meta(description="Last day, included, YYYY-MM-DD; default the last day of the data.")] = ""
    period: Annotated[str, Meta(description="Instead of the two: 2026, 2026-Q3, 2026-09, 90d, 13w, 3m, 1y.")] = ""
    against: Annotated[
        str, Meta(description="Compared with: before (default), year, or any period such as 2026-Q2.")
    ] = ""
    where: Annotated[tuple[str, ...], Meta(description="Filters: region=EU; the same name again means or.")] = ()
    by: Annotated[str, Meta(description="Grouping: region, plan, or a column such as area.")] = ""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """The slice in view, resolved to days and instants.

    ``also`` are further names a statement's rows are cut by at the same time: the list column ``slices``.
    """

    period: Period
    compared: Period
    since: datetime
    until: datetime
    before_since: datetime
    before_until: datetime
    where: dict[str, tuple[str, ...]] = {}
    by: str = ""
    also: tuple[str, ...] = ()
    zone: str = "UTC"

    @property
    def key(self) -> tuple[Any, ...]:
        """What the base at the end of the period depends on."""
        return (self.until, tuple(sorted(self.where.items())), self.by, self.zone)

    def told(self) -> dict[str, Any]:
        """The scope as evidence quotes it: giving this back reproduces it."""
        return {
            "since": self.period.first.isoformat(),
            "until": self.period.last.isoformat(),
            "against": f"{self.compared.first}..{self.compared.last}",
            "where": [f"{name}={value}" for name, values in self.where.items() for value in values],
            "by": self.by,
            "time_zone": self.zone,
        }


def resolve(given: Given, *, declarations: Declarations, last: date) -> Scope:
    """Turn what was given into days and instants.

    Args:
        given: As a person gave it.
        declarations: Zone, fiscal year and dimensions in force.
        last: The last day the data speaks about.

    Raises:
        BadInput: A day, period or filter cannot be read.
        UnknownName: A dimension nobody declared and no kind of signal has.
    """
    period = _period(given, declarations, last)
    compared = _compared(given.against, period, declarations, last)
    zone = zone_of(declarations.time_zone)
    since, until = period.utc(zone)
    before_since, before_until = compared.utc(zone)
    where: dict[str, tuple[str, ...]] = {}
    for text in given.where:
        name, mark, value = text.partition("=")
        if not mark or not name.strip():
            raise BadInput(f"{text!r} is not a filter.", where="where", hint="Write NAME=VALUE, such as region=EU.")
        known_grouping(name.strip(), declarations)
        where[name.strip()] = (*where.get(name.strip(), ()), value.strip())
    if given.by:
        known_grouping(given.by, declarations)
    return Scope(
        period=period, compared=compared, since=since, until=until, before_since=before_since,
        before_until=before_until, where=where, by=given.by, zone=declarations.time_zone,
    )  # fmt: skip


def _period(given: Given, declarations: Declarations, last: date) -> Period:
    if given.period:
        return parse_period(given.period, last=last, fiscal_year_start=declarations.fiscal_year_start)
    end = parse_day(given.until, where="until") if given.until else last
    if given.since:
        return checked(Period(parse_day(given.since, where="since"), end), where="since, until")
    return parse_period("3m", last=end)


def _compared(against: str, period: Period, declarations: Declarations, last: date) -> Period:
    if against in {"", "before"}:
        return period.before()
    if against == "year":
        return period.year_before()
    return parse_period(against, last=last, fiscal_year_start=declarations.fiscal_year_start, where="against")


def groupings(declarations: Declarations) -> list[str]:
    """Every name a question can be cut by: declared dimensions, then text columns of the kinds."""
    names = [d.name for d in declarations.dimensions]
    columns = {c.name for kind in BY_NOUN.values() for c in kind.columns if c.type == "text"}
    return names + sorted((columns | set(COMMON_GROUPINGS)) - set(names) - {"verbatim", "subject"})


def known_grouping(name: str, declarations: Declarations) -> None:
    """Check that a name can be cut by.

    Raises:
        UnknownName: It cannot; the nearest are suggested.
    """
    if name not in groupings(declarations):
        raise UnknownName("dimension", name, groupings(declarations), where="where, by")


@lru_cache(maxsize=512)
def _parsed(statement: str) -> Any:
    return sqlglot.parse_one(statement, dialect="duckdb")


@lru_cache(maxsize=512)
def _names(statement: str) -> frozenset[str]:
    return frozenset(t.name for t in _parsed(statement).find_all(exp.Table) if not t.db)


_MADE = frozenset({"customers", "moments", "standings", WORTH})
"""Nouns that are of no kind of signal alone."""

_SEVERAL = {SCORES: SCORED, ATTEMPTS: ATTEMPTED}
"""Nouns read from those of several kinds."""


def nouns_of(statement: str) -> list[str]:
    """The nouns a statement reads, in order of appearance."""
    tree = _parsed(statement)
    made = {cte.alias for cte in tree.find_all(exp.CTE)}
    names = dict.fromkeys(t.name for t in tree.find_all(exp.Table) if not t.db)
    return [n for n in names if n not in made and (_plain(n) in BY_NOUN or _plain(n) in _SEVERAL or n in _MADE)]


def _plain(noun: str) -> str:
    return noun.removesuffix(EVER).removesuffix(WHOLE)


def scoped(
    statement: str,
    scope: Scope,
    declarations: Declarations,
    *,
    beside: frozenset[str] = frozenset(),
    dialect: str = "duckdb",
) -> str:
    """The statement with its nouns defined for this scope, in the engine's dialect.

    Args:
        statement: Static SQL that reads nouns.
        scope: The slice in view.
        declarations: Those in force.
        beside: Names of kept rows. A statement that reads one reads rows that were scoped already, so it need not
            know every dimension itself.
        dialect: ``duckdb``, or a cluster's.

    Raises:
        UnknownName: The grouping exists, but on none of the nouns this statement reads.
    """
    nouns = nouns_of(statement)
    if not beside & _names(statement):
        _check_reach(nouns, scope, declarations)
    recursive, own, body = _apart(statement, dialect)
    heads = [_cte(noun, _definition(noun, scope, declarations), dialect) for noun in nouns]
    with_ = f"WITH {'RECURSIVE ' if recursive else ''}{', '.join([*heads, *own])} " if heads or own else ""
    return f"{with_}{body}"


@lru_cache(maxsize=512)
def _apart(statement: str, dialect: str) -> tuple[bool, tuple[str, ...], str]:
    """Whether a statement's WITH is recursive, its own CTEs, and what it selects: written once, not at every view."""
    tree = _parsed(statement).transform(_exact)
    own = tree.args.get("with_") or tree.args.get("with")
    if own is None:
        return False, (), str(tree.sql(dialect=dialect))
    own.pop()
    ctes = tuple(str(cte.sql(dialect=dialect)) for cte in own.expressions)
    return bool(own.args.get("recursive")), ctes, str(tree.sql(dialect=dialect))


def _exact(node: Any) -> Any:
    """``exact_sum(x)`` written out: a sum that is the same in whatever order rows come."""
    if not (isinstance(node, exp.Anonymous) and node.name.lower() == "exact_sum"):
        return node
    return sqlglot.parse_one(exact_sum(node.expressions[0].sql(dialect="duckdb")), dialect="duckdb")


def _cte(noun: str, definition: str, dialect: str) -> str:
    """A noun's definition in front of a statement: made in DuckDB's words, parsed only for other engines."""
    if dialect == "duckdb":
        return f'"{noun}" AS NOT MATERIALIZED ({definition})'
    tree = exp.CTE(
        this=sqlglot.parse_one(definition, dialect="duckdb"),
        alias=exp.TableAlias(this=exp.to_identifier(noun)),
        materialized=False,
    )
    return str(tree.sql(dialect=dialect))


def _check_reach(nouns: list[str], scope: Scope, declarations: Declarations) -> None:
    for name in ([scope.by] if scope.by else []) + list(scope.where):
        if declarations.dimension(name) or not nouns:
            continue
        if not any(_has(noun, name) for noun in nouns):
            reach = {d.name for d in declarations.dimensions}
            for kind in (k for noun in nouns for k in _kinds(noun)):
                reach |= {c.name for c in kind.columns if c.type == "text"}
            raise UnknownName("dimension of this question", name, reach, where="where, by")


def _has(noun: str, name: str) -> bool:
    kinds = _kinds(noun)
    return any(name in COMMON_GROUPINGS or any(c.name == name for c in kind.columns) for kind in kinds)


def _kinds(noun: str) -> list[Kind]:
    """The kinds of signal a noun is read from."""
    names = _SEVERAL.get(_plain(noun), (_plain(noun),))
    return [BY_NOUN[name] for name in names if name in BY_NOUN]


def _definition(noun: str, scope: Scope, declarations: Declarations) -> str:
    if noun == "moments":
        return _moments(declarations)
    if noun == "customers":
        return _customers(scope, declarations)
    if noun == "standings":
        return _standings(scope, declarations)
    if noun == WORTH:
        kind = declarations.value.kind or ""
        whole = _whole(BY_NOUN[VALUED.get(kind, "subscriptions")], scope, declarations)
        return worth(whole, kind=kind, days=declarations.value.days, until=_instant(scope.until))
    if _plain(noun) == SCORES:
        ends = noun.removeprefix(SCORES)
        answers, reviews = (_definition(name + ends, scope, declarations) for name in SCORED)
        return scores(answers, reviews, whole=ends == WHOLE)
    if _plain(noun) == ATTEMPTS:
        ever = noun.endswith(EVER)
        events, telemetry, all_time = (
            _noun(BY_NOUN[name], scope, declarations, ever=wide)
            for name, wide in (("events", ever), ("telemetry", ever), ("telemetry", True))
        )
        return attempts(events, telemetry, all_time, indicators=declarations.indicators, ever=ever)
    if noun.endswith(WHOLE):
        return _whole(BY_NOUN[_plain(noun)], scope, declarations)
    return _noun(BY_NOUN[_plain(noun)], scope, declarations, ever=noun.endswith(EVER))


def _noun(kind: Kind, scope: Scope, declarations: Declarations, *, ever: bool) -> str:
    used = [n for n in [scope.by, *scope.where, *scope.also] if n]
    joins = _joins([d for n in dict.fromkeys(used) if (d := declarations.dimension(n))])
    day = "CAST(r.local AS DATE)"
    conditions = [
        f"{_value(kind, name, declarations)} IN ({', '.join(quoted(v) for v in values)})"
        for name, values in scope.where.items()
        if declarations.dimension(name) or _has(kind.noun, name)
    ]
    if not ever:
        conditions.insert(0, _within(scope))
    slices = [f"coalesce({_slice(kind, name, declarations)}, 'unknown')" for name in (scope.by, *scope.also)]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    week = WEEKDAYS[declarations.week_start]
    return (
        f"SELECT r.* EXCLUDE (weight, local), coalesce(r.weight, 1.0) AS weight, '{kind.name}' AS kind, "
        f"{slices[0]} AS slice, CAST([{', '.join(slices[1:])}] AS VARCHAR[]) AS slices, "
        f"{_period_name(scope, ever=ever)} AS period, {day} AS day, "
        f"{day} - CAST((isodow({day}) - {week} + 7) % 7 AS INTEGER) AS week, "
        f"CAST(date_trunc('month', {day}) AS DATE) AS month{_rate(kind, declarations)} "
        f"FROM (SELECT *, {_local('occurred_at', scope, ever=ever)} AS local FROM lake_{kind.name}) AS r{joins}{where}"
    )


def _slice(kind: Kind, name: str, declarations: Declarations) -> str:
    known = name and (declarations.dimension(name) or _has(kind.noun, name))
    return _value(kind, name, declarations) if known else "'all'"


def _whole(kind: Kind, scope: Scope, declarations: Declarations) -> str:
    """All of a kind, whatever the scope: `slice` and `inside` say what the row's own labels and columns say of it.

    A base at an instant is made of rows of long before, so their scope is that of the instant (see `standings`),
    not that of the rows. Both are null where the row itself does not say.
    """
    own = {name: _own(kind, name, declarations) for name in [scope.by, *scope.where] if name}
    tests = [f"{own[n]} IN ({', '.join(quoted(v) for v in values)})" for n, values in scope.where.items() if own[n]]
    return (
        f"SELECT r.* EXCLUDE (weight), coalesce(r.weight, 1.0) AS weight, "
        f"{own.get(scope.by) or 'CAST(NULL AS VARCHAR)'} AS slice, "
        f"{' AND '.join(tests) or 'CAST(NULL AS BOOLEAN)'} AS inside{_rate(kind, declarations)} "
        f"FROM lake_{kind.name} AS r"
    )


def _own(kind: Kind, name: str, declarations: Declarations) -> str | None:
    dimension = declarations.dimension(name)
    if dimension is not None and dimension.of == "customer":
        return None
    if dimension is None and not _has(kind.noun, name):
        return None
    column = (dimension.label or dimension.name) if dimension else name
    if dimension is None:
        return _value(kind, name, declarations)
    own = label("r.labels", dimension)
    return f"coalesce(r.{_quoted_name(column)}, {own})" if any(c.name == column for c in kind.columns) else own


def _standings(scope: Scope, declarations: Declarations) -> str:
    """Every customer's labels over time: since, until, slice, inside (every filter), settled (filters on customers)."""
    used = [d for n in dict.fromkeys([scope.by, *scope.where]) if n and (d := declarations.dimension(n))]
    then = any(d.when == "then" for d in used)

    def value(name: str) -> str | None:
        d = declarations.dimension(name)
        return label("s.labels" if d.when == "then" else "c.labels", d) if d else None

    def test(*, settled: bool) -> str:
        tests = []
        for name, values in scope.where.items():
            d = declarations.dimension(name)
            if settled and (d is None or d.of == "signal"):
                continue
            among = ", ".join(quoted(v) for v in values)
            tests.append(f"coalesce({value(name)} IN ({among}), FALSE)" if d else "FALSE")
        return " AND ".join(tests) or "TRUE"

    early, late = "TIMESTAMP '1900-01-01'", "TIMESTAMP '2900-01-01'"
    since, until = (f"coalesce(s.since, {early})", f"coalesce(s.until, {late})") if then else (early, late)
    return (
        f"SELECT c.customer, {since} AS since, {until} AS until, "
        f"{(value(scope.by) if scope.by else None) or 'CAST(NULL AS VARCHAR)'} AS slice, "
        f"{test(settled=False)} AS inside, {test(settled=True)} AS settled FROM lake_customer AS c"
        + (" LEFT JOIN lake_standing AS s ON s.customer = c.customer" if then else "")
    )


def _within(scope: Scope) -> str:
    now = f"(r.occurred_at >= {_instant(scope.since)} AND r.occurred_at < {_instant(scope.until)})"
    before = f"r.occurred_at >= {_instant(scope.before_since)} AND r.occurred_at < {_instant(scope.before_until)}"
    return f"({now} OR ({before}))"


def _period_name(scope: Scope, *, ever: bool) -> str:
    now = f"WHEN r.occurred_at >= {_instant(scope.since)} AND r.occurred_at < {_instant(scope.until)} THEN 'now'"
    if not ever:
        return f"CASE {now} ELSE 'before' END"
    return (
        f"CASE {now} WHEN r.occurred_at >= {_instant(scope.before_since)} AND "
        f"r.occurred_at < {_instant(scope.before_until)} THEN 'before' "
        f"WHEN r.occurred_at >= {_instant(scope.until)} THEN 'later' ELSE 'earlier' END"
    )


def _local(column: str, scope: Scope, *, ever: bool) -> str:
    zone = zone_of(scope.zone)
    early = datetime(1990, 1, 1) if ever else min(scope.since, scope.before_since)
    late = datetime(scope.until.year + 2, 1, 1) if ever else max(scope.until, scope.before_until)
    steps = offsets(zone, early, late)
    if len(steps) == 1:
        seconds = steps[0][1]
        return f"{column} + INTERVAL ({seconds}) SECOND" if seconds else column
    cases = " ".join(f"WHEN {column} >= {_instant(at)} THEN {seconds}" for at, seconds in reversed(steps) if at)
    return f"{column} + INTERVAL (CASE {cases} ELSE {steps[0][1]} END) SECOND"


def _joins(dimensions: list[Dimension]) -> str:
    """Joins to who a row's customer was or is. Labels are read out of their JSON here, once per customer."""

    def read(when: str) -> str:
        chosen = {d.name: d for d in dimensions if d.when == when}
        return ", ".join(f"{label('labels', d)} AS {_quoted_name(name)}" for name, d in chosen.items())

    text = ""
    if then := read("then"):
        text += (
            f" LEFT JOIN (SELECT customer, since, until, {then} FROM lake_standing) AS s ON s.customer = r.customer"
            " AND s.since <= r.occurred_at AND r.occurred_at < s.until"
        )
    if now := read("now"):
        text += f" LEFT JOIN (SELECT customer, {now} FROM lake_customer) AS c ON c.customer = r.customer"
    return text


def _value(kind: Kind, name: str, declarations: Declarations) -> str:
    dimension = declarations.dimension(name)
    if dimension is None:
        return f"'{kind.name}'" if name == "kind" else f"CAST(r.{_quoted_name(name)} AS VARCHAR)"
    standing = f"{'s' if dimension.when == 'then' else 'c'}.{_quoted_name(name)}"
    if dimension.of == "customer":
        return standing
    own = label("r.labels", dimension)
    column = dimension.label or dimension.name
    if any(c.name == column for c in kind.columns):
        own = f"coalesce(r.{_quoted_name(column)}, {own})"
    return f"coalesce({own}, {standing})"


def label(column: str, dimension: Dimension) -> str:
    """SQL that reads a dimension's label out of a JSON column."""
    path = '$."' + (dimension.label or dimension.name).replace('"', "") + '"'
    return f"json_extract_string({column}, {quoted(path)})"


def _rate(kind: Kind, declarations: Declarations) -> str:
    if not any(c.name == "currency" for c in kind.columns):
        return ""
    if not declarations.currency:
        return ", 1.0 AS rate"
    cases = [f"WHEN coalesce(r.currency, '') IN ('', {quoted(declarations.currency)}) THEN 1.0"]
    for rate in sorted(declarations.rates, key=lambda x: x.since, reverse=True):
        day = parse_day(rate.since, where="rates.since")
        cases.append(f"WHEN r.currency = {quoted(rate.currency)} AND r.occurred_at >= DATE '{day}' THEN {rate.rate!r}")
    return f", CASE {' '.join(cases)} END AS rate"


def _customers(scope: Scope, declarations: Declarations) -> str:
    def now(name: str) -> str | None:
        dimension = declarations.dimension(name)
        return label("c.labels", dimension) if dimension else None

    conditions = [
        f"{value} IN ({', '.join(quoted(v) for v in values)})"
        for name, values in scope.where.items()
        if (value := now(name))
    ]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    slice_ = (now(scope.by) if scope.by else None) or "'all'"
    return f"SELECT c.*, coalesce({slice_}, 'unknown') AS slice FROM lake_customer AS c{where}"


def _moments(declarations: Declarations) -> str:
    rows = []
    for number, stage in enumerate(declarations.stages):
        for place, moment in enumerate(stage.moments):
            matches = [("event", "name", n) for n in moment.events] + [("answer", "survey", n) for n in moment.surveys]
            matches += [("contact", "area", n) for n in moment.areas]
            matches += [("promise", "promise", n) for n in moment.promises]
            for text in moment.kinds:
                kind, _, part = text.partition(":")
                matches.append((kind, "change" if part else "", part))
            for kind, field, name in matches:
                plain = name.removesuffix("*")
                texts = [quoted(x) for x in (stage.name, moment.name, kind, field, plain)]
                prefix = "TRUE" if name.endswith("*") else "FALSE"
                rows.append(f"({number}, {texts[0]}, {place}, {', '.join(texts[1:])}, {prefix})")
    columns = "stage_no, stage, moment_no, moment, kind, field, name, prefix"
    if not rows:
        return (
            "SELECT 0 AS stage_no, '' AS stage, 0 AS moment_no, '' AS moment, '' AS kind, '' AS field, "
            "'' AS name, FALSE AS prefix WHERE FALSE"
        )
    return f"SELECT * FROM (VALUES {', '.join(rows)}) AS m ({columns})"


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''").replace("\0", "") + "'"


def _quoted_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _instant(at: datetime | None) -> str:
    return f"TIMESTAMP '{at:%Y-%m-%d %H:%M:%S}'" if at else "TIMESTAMP '1900-01-01'"
