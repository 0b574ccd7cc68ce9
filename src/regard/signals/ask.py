"""What a question may look at, and how one is answered through any door.

`Ask` is the first argument of every question function: scoped rows, declarations, what is there, evidence. `answer`
is the one way to run a question: it types the arguments, resolves the scope, turns refusals into findings without a
number and fills in the evidence that reproduces the answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from regard.errors import BadInput, MissingDeclaration, Refusal, UnknownName
from regard.findings import Caution, Counted, Evidence, Finding
from regard.signals.declarations import Declarations
from regard.signals.filters import check_values
from regard.signals.kinds import BY_NAME
from regard.signals.scope import Given, Scope, resolve, scoped
from regard.signals.stepping import NO_STEPS, Made
from regard.signals.stepscope import Stepped, stepped
from regard.wanted import wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from regard.questions import Question

EVERYTHING = Given()
MOST_KEPT = 32
"""Results a view keeps for other questions; a reader who goes through many scopes must not fill the memory."""
T = TypeVar("T")
_PARAMETER = re.compile(r"\$([a-z_][a-z_0-9]*)")


@dataclass(kw_only=True)
class View:
    """The log as one reader sees it: an engine connection at one position, with what it takes to read it.

    Attributes:
        connection: DuckDB connection with the views ``lake_<kind>``, ``lake_customer`` and ``lake_standing``.
        declarations: Those in force.
        declarations_version: Their version, quoted in evidence.
        position: Log position of the generation.
        today: The day it is, in UTC; default the real one.
        made_steps: Gives the steps of this position, made on first use.
    """

    connection: duckdb.DuckDBPyConnection
    declarations: Declarations = field(default_factory=Declarations)
    declarations_version: int = 0
    position: int = 0
    today: date = field(default_factory=lambda: datetime.now(UTC).date())
    made_steps: Callable[[], Made] = field(default=lambda: NO_STEPS)
    _last: date | None = None
    _in_force: Declarations | None = None
    _counts: dict[str, int] = field(default_factory=dict)
    _made: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def once(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """What several questions rest on, made for the first that asks: the log and the declarations stay the same.

        The `MOST_KEPT` asked for last are kept.

        Args:
            key: What it is, and all it depends on beside them.
            make: Makes it.
        """
        made: T = self._made.pop(key) if key in self._made else make()
        self._made[key] = made
        while len(self._made) > MOST_KEPT:
            del self._made[next(iter(self._made))]
        return made

    def count(self, kind: str) -> int:
        """Current signals of a kind.

        Raises:
            UnknownName: No such kind.
        """
        if kind not in BY_NAME:
            raise UnknownName("kind of signal", kind, BY_NAME)
        if kind not in self._counts:
            rows = self.connection.execute(f"SELECT count(*) FROM lake_{kind}").fetchall()
            self._counts[kind] = int(rows[0][0])
        return self._counts[kind]

    @property
    def in_force(self) -> Declarations:
        """The declarations, with the log's own currency where none is declared: the only one, or the one most used.

        Amounts in any other currency then have no rate, and are left out and said, not added to what they are not.
        """
        if self._in_force is None:
            currency = self.declarations.currency or self._most_used_currency()
            self._in_force = msgspec.structs.replace(self.declarations, currency=currency)
        return self._in_force

    def _most_used_currency(self) -> str:
        kinds = [k for k in ("order", "subscription") if self.count(k)]
        if not kinds:
            return ""
        union = " UNION ALL ".join(f"SELECT currency, count(*) AS n FROM lake_{k} GROUP BY currency" for k in kinds)
        rows = self.connection.execute(
            f"SELECT currency FROM ({union}) WHERE currency <> '' "
            "GROUP BY currency ORDER BY sum(n) DESC, currency LIMIT 1"
        ).fetchall()
        return str(rows[0][0]) if rows else ""

    def last_day(self) -> date:
        """The last day the data speaks about: where a default period ends.

        A log that is being written ends with its last signal. An old export often trails off in a few stray rows,
        so one whose last signal is over a week old ends with its last well-filled month.
        """
        if self._last is None:
            self._last = self._find_last_day()
        return self._last

    def _find_last_day(self) -> date:
        kinds = [k for k in ("event", "answer", "contact", "review", "order", "subscription") if self.count(k)]
        if not kinds:
            return self.today
        union = " UNION ALL ".join(f"SELECT occurred_at FROM lake_{k}" for k in kinds)
        limit = {"limit": datetime.combine(self.today + timedelta(days=1), datetime.min.time())}
        newest = self.connection.execute(
            f"SELECT max(occurred_at) FROM ({union}) WHERE occurred_at < $limit", limit
        ).fetchall()[0][0]
        if newest is None:
            return self.today
        if (self.today - newest.date()).days <= 7:
            return min(date.fromordinal(newest.toordinal()), self.today)
        return self._last_filled_month(union, limit)

    def _last_filled_month(self, union: str, limit: dict[str, datetime]) -> date:
        rows = self.connection.execute(
            f"SELECT date_trunc('month', occurred_at) AS month, count(*), CAST(max(occurred_at) AS DATE) "
            f"FROM ({union}) WHERE occurred_at < $limit GROUP BY 1 ORDER BY 1",
            limit,
        ).fetchall()
        typical = sorted(r[1] for r in rows)[len(rows) // 2]
        filled = [r for r in rows if r[1] >= 0.2 * typical]
        return date.fromordinal(filled[-1][2].toordinal())


@dataclass(kw_only=True)
class Ask:
    """What a question function may look at."""

    view: View
    scope: Scope
    package: str = "regard"
    seed: int = 20_261_123
    _kept: set[str] = field(default_factory=set)

    @property
    def declarations(self) -> Declarations:
        """The declarations in force."""
        return self.view.in_force

    def count(self, kind: str) -> int:
        """Current signals of a kind, whatever the scope."""
        return self.view.count(kind)

    def sql(self, statement: str) -> str:
        """The scoped text of a statement of the question's own stem, such as ``scores.sql``."""
        text = _statement(self.package, statement)
        return scoped(text, self.scope, self.declarations, beside=frozenset(self._kept))

    def keep(self, name: str, table: pa.Table) -> None:
        """Keep rows under a name that later statements of the stem read like a noun.

        What several statements start from is read and scoped once. A kept name belongs to this asking: another's
        rows are never read, since a question keeps before it reads.

        Args:
            name: A lower-case word that is no noun.
            table: The rows.
        """
        connection = self.view.connection
        connection.abort()
        connection.register("kept_now", table)
        connection.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS SELECT * FROM kept_now')
        connection.unregister("kept_now")
        self._kept.add(name)

    def table(self, statement: str, /, **parameters: Any) -> pa.Table:
        """Run a statement of the stem; ``$name`` in it takes a parameter, or since, until, before_since, before_until.

        Args:
            statement: File name beside the question's module.
            parameters: Values for its ``$name``.

        Returns:
            The rows as an Arrow table.
        """
        sql, bound = self._bound(statement, parameters)
        self.view.connection.abort()  # a result read with execute() may still be open, which a relation does not accept
        return self.view.connection.sql(sql, params=bound).to_arrow_table()

    def rows(self, statement: str, /, **parameters: Any) -> list[dict[str, Any]]:
        """As `table`, as a list of dicts."""
        result = self._run(statement, parameters)
        names = [d[0] for d in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def _run(self, statement: str, parameters: dict[str, Any]) -> Any:
        sql, bound = self._bound(statement, parameters)
        return self.view.connection.execute(sql, bound)

    def _bound(self, statement: str, parameters: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        known = {
            "since": self.scope.since,
            "until": self.scope.until,
            "before_since": self.scope.before_since,
            "before_until": self.scope.before_until,
        } | parameters
        used = set(_PARAMETER.findall(_statement(self.package, statement)))
        return self.sql(statement), {k: v for k, v in known.items() if k in used}

    def steps(self, *, customers: NDArray[np.int64] | None = None) -> Stepped:
        """The steps of customers as columns, and what of them the scope lets one look at.

        Args:
            customers: Only these (a segment); anybody where None.

        Raises:
            UnknownName: A filter or the grouping is no declared dimension: steps know those alone.
        """
        return stepped(self.view.made_steps(), self.scope, self.declarations, customers=customers)

    def need(self, declaration: str, why: str) -> None:
        """Refuse unless a declaration has been made.

        Args:
            declaration: Its key, such as "value.kind".
            why: Why the question needs it.

        Raises:
            MissingDeclaration: It is empty.
        """
        value: Any = self.declarations
        for part in declaration.split("."):
            value = getattr(value, part)
        if value in (None, "", ()):
            raise MissingDeclaration(declaration, why)

    def evidence(
        self, *, n: int, customers: int | None = None, kind: Counted = "counted", method: str = "", complete: str = ""
    ) -> Evidence:
        """Evidence with what only the question knows; `answer` fills in the rest."""
        return Evidence(n=n, customers=customers, kind=kind, method=method, complete=complete)


@cache
def _statement(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text("utf-8")


def answer(
    question: Question, *, view: View, given: Given = EVERYTHING, arguments: dict[str, Any] | None = None
) -> Finding:
    """Ask one question: the same way for page, JSON, command line, Python and agents.

    Args:
        question: From the registry.
        view: The log as this reader sees it.
        given: The scope as a person gave it.
        arguments: Argument name to value; texts are converted to the parameter's type.

    Returns:
        The finding, with its evidence filled in. A refusal is a finding without a number.

    Raises:
        BadInput: An argument or the scope cannot be used as given.
    """
    typed = _typed(question, arguments or {})
    scope = resolve(given, declarations=view.declarations, last=view.last_day())
    package = question.ask.__module__.rpartition(".")[0]
    try:
        finding = question.ask(ask=Ask(view=view, scope=scope, package=package), **typed)
    except Refusal as refusal:
        finding = question.finding(
            answer=refusal.message,
            refused=refusal.message,
            next_step=refusal.hint,
            evidence=Evidence(kind="refused"),
            cautions=(Caution(code=type(refusal).__name__, text=refusal.message),),
        )
    nothing = bool(finding.refused) or not finding.evidence.n or finding.evidence.customers == 0
    check_values(view=view, scope=scope, nothing=nothing)
    evidence = msgspec.structs.replace(
        finding.evidence,
        question=question.path,
        arguments={k: msgspec.to_builtins(v) for k, v in typed.items()},
        scope=scope.told(),
        position=view.position,
        declarations=view.declarations_version,
        version=version("regard"),
        computed_at=datetime.now(UTC).replace(microsecond=0),
        kind="refused" if finding.refused else finding.evidence.kind,
    )
    return msgspec.structs.replace(finding, evidence=evidence)


def _typed(question: Question, arguments: dict[str, Any]) -> dict[str, Any]:
    typed = {}
    for name, value in arguments.items():
        if name not in question.parameters:
            raise UnknownName(f"argument of {question.path}", name, question.parameters, where=name)
        annotation = question.parameters[name].annotation
        try:
            typed[name] = msgspec.convert(value, annotation, strict=False)
        except msgspec.ValidationError as error:
            taken = wanted(annotation)
            why = f"it takes {taken}" if taken else str(error)
            raise BadInput(
                f"{value!r} cannot be used for {name}: {why}.", where=name, hint="Give it as the help shows."
            ) from error
    for name, parameter in question.parameters.items():
        if name not in typed and parameter.default is parameter.empty:
            raise BadInput(f"{question.path} needs {name}.", where=name, hint=f"Give --{name.replace('_', '-')}.")
    return typed
