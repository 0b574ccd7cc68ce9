"""Served, in words: the sentence, what is beside it, what to know, and what to do next."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from regard import wording
from regard.findings import Caution
from regard.signals.attempts import names_of
from regard.wording import Words, between, count, money, percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from regard.reliability.served import Served, ServedRow, Tried
    from regard.signals.ask import Ask
    from regard.signals.declarations import Indicator

METHOD = (
    "Customers served well: Wilson's interval. Requests: Wilson's at the effective number of attempts. "
    "Change: with the covariance of customers in both periods. Slices: each against the others, false discovery rate "
    "5 %."
)
MOST_NAMES = 10_000


def sentence(ask: Ask, worst: ServedRow | None, whole: Sequence[ServedRow]) -> str:
    """The indicator furthest below its target: customers first, then requests."""
    words = Words(ask.declarations.called, ask.declarations.called_many)
    if worst is None or worst.share is None:
        return f"Too few {words.several} tried anything to tell which share of them is served well."
    ends = between(worst.low, worst.high, _percent)
    told = f"{worst.indicator}: {_percent(worst.share)} of {words.several} are served well, {ends}"
    if worst.requests is not None:
        told += f"; of their requests {_percent(worst.requests)} went well"
    told += f". {words.count(worst.not_served)} {'is' if worst.not_served == 1 else 'are'} not"
    if worst.value:
        told += f", worth {money(worst.value, ask.declarations.currency)}"
    if worst.target is not None:
        told += f"; the target of {percent(worst.target)} allows {wording.number(worst.budget)}"
    return f"{told}. {_others(whole)}" if len(whole) > 1 else f"{told}."


def _others(whole: Sequence[ServedRow]) -> str:
    """How the other indicators stand."""
    below = sum(row.target is not None and (row.share or 0) < row.target for row in whole)
    if below:
        most = ", this one most" if below > 1 else ""
        return f"Of {len(whole)} indicators {below} {'is' if below == 1 else 'are'} below target{most}."
    if all(row.target is not None for row in whole):
        return f"All {len(whole)} indicators reach their target."
    return f"It is the lowest of {len(whole)} indicators."


def _percent(share: float | None) -> str:
    """With one digit: what matters here is close to 100 %."""
    return percent(share, 1)


def facts(ask: Ask, rows: Sequence[ServedRow]) -> tuple[str, ...]:
    """Clear changes, slices that stand out, budgets overdrawn."""
    words, told = Words(ask.declarations.called, ask.declarations.called_many), []
    for row in rows:
        if row.slice != "all" and row.verdict == "worse than the others":
            told.append(
                f"{row.indicator}: {ask.scope.by} {row.slice} is served worse than the others, {_percent(row.share)}."
            )
        elif row.slice == "all" and row.change is not None and (row.change_low or 0) * (row.change_high or 0) > 0:
            points = wording.signed(100 * row.change, 1)
            told.append(f"{row.indicator}: {points} points against {_percent(row.before)} before.")
        elif row.left is not None and row.left < 0:
            told.append(f"{row.indicator}: the budget of {words.count(row.budget or 0)} is overdrawn by {-row.left}.")
    return tuple(told[:3])


def next_step(ask: Ask, worst: ServedRow | None, found: Served) -> str:
    """Look at who it is; else declare a target."""
    if worst is None:
        return "Widen the period, or declare an indicator over what is attempted more often."
    if found.who and worst.not_served:
        return f"Write to those not served well: {found.who[0].name} first. They know it already."
    if worst.target is None:
        return f"Declare a target for {worst.indicator}: the share of {ask.declarations.called_many} to be served well."
    return ""


def cautions(
    ask: Ask, indicators: Mapping[int, Indicator], tried: Mapping[tuple[int, bool, str, str], Tried], *, valued: bool
) -> Iterator[Caution]:
    """What to know before leaning on the shares."""
    for number, one in indicators.items():
        now = tried.get((number, True, "", "now"))
        if now is None:
            hint = near_names(ask, [one])
            yield Caution(code="no_attempts", text=f"{one.name}: no attempt is in this period. {hint}")
            continue
        if (now.unknown or 0) > 0.05:
            text = f"{one.name}: {percent(now.unknown)} of the attempts carry no customer and count among nobody."
            yield Caution(code="nobody", text=text)
        if now.heaviest > 1:
            text = (
                f"{one.name}: attempts are a sample, so a customer may have met a failure nobody kept: the share of "
                f"customers served well is at most what is told."
            )
            yield Caution(code="sampled", text=text)
        if now.untimed:
            text = f"{one.name}: {count(now.untimed, 'attempt')} tell no time and count as quick enough."
            yield Caution(code="untimed", text=text)
    if ask.scope.by and any(_overlap(tried, number) for number in indicators):
        yield Caution(code="in_several", text=f"Who tried in more than one {ask.scope.by} counts in each of them.")
    if not valued:
        yield Caution(code="value_unknown", text="What a customer is worth is not declared, or not recorded.")


def _overlap(tried: Mapping[tuple[int, bool, str, str], Tried], number: int) -> bool:
    """Whether some customer of an indicator is in several slices."""
    parts = [int(t.known.sum()) for k, t in tried.items() if k[0] == number and not k[1] and k[3] == "now"]
    whole = tried.get((number, True, "", "now"))
    return whole is not None and sum(parts) > int(whole.known.sum())


def near_names(ask: Ask, indicators: Sequence[Indicator]) -> str:
    """What to correct where an indicator names nothing that is there: the nearest names."""
    wanted = [name for one in indicators for text in (one.total, one.good) for name in names_of(text)]
    rows = ask.view.connection.execute(
        f"SELECT DISTINCT name FROM (SELECT name FROM lake_event UNION ALL SELECT name FROM lake_telemetry) "
        f"WHERE name IS NOT NULL ORDER BY name LIMIT {MOST_NAMES}"
    ).fetchall()
    known = [str(row[0]) for row in rows]
    missing = [w for w in wanted if not any(k.startswith(w[:-1]) if w.endswith("*") else k == w for k in known)]
    if not missing:
        return "Widen the period, or take filters away."
    near = [n for w in missing for n in get_close_matches(w, known, n=2, cutoff=0.5)]
    said = f"Nothing here is called {wording.listed([repr(w) for w in missing], most=3)}."
    return f"{said} Did you mean {' or '.join(dict.fromkeys(near))}?" if near else said
