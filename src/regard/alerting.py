"""``regard alerts``: what is off course, answered and sent from the command line."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from regard.errors import BadInput
from regard.keeping import JSON, WORKSPACE, bring_up_to_date, opened, say
from regard.wording import count, duration, moment, number, truncated

if TYPE_CHECKING:
    from regard.delivery.outbox import Message
    from regard.delivery.receivers import Receiver
    from regard.reliability.alerts import Alert, Alerts
    from regard.reliability.rounds import Round

BY = "command line"
MARKS = {"looked": "·", "waits": "…", "refused": "…", "failed": "!"}


@click.group("alerts", invoke_without_command=True)
@WORKSPACE
@JSON
@click.option("--csv", "as_csv", is_flag=True, help="As CSV, those that ended within 90 days, too.")
@click.pass_context
def alerts_group(context: click.Context, *, workspace: str | None, as_json: bool, as_csv: bool) -> None:
    """What is off course now: which customers, since when, what is at stake, what to do."""
    if context.invoked_subcommand is not None:
        return
    from regard.reliability import alerts
    from regard.sheets import csv_rows

    with opened(workspace, create=False) as company:
        found, zone = alerts.read(company), company.declarations()[1].time_zone
    if as_json:
        say(found, "", as_json=True)
    elif as_csv:
        click.echo(csv_rows(alerts.COLUMNS, alerts.sheet(found)), nl=False)
    else:
        _tell(found, zone)


def _tell(found: Alerts, zone: str) -> None:
    click.echo(found.answer)
    for alert in (*found.open, *found.quiet):
        _tell_short(alert, zone)
    for words in found.learned:
        click.echo(f"\nLearned: {words}")
    failing = [w for w in found.watched if w.outcome not in {"looked", ""}]
    for each in failing:
        click.echo(f"\n{MARKS[each.outcome]} {each.title}: {each.outcome}. {each.reason}")
    if not found.open and not found.watched:
        click.echo("Look now: regard alerts look")


def _tell_short(alert: Alert, zone: str) -> None:
    click.echo(f"\n{alert.id:>4}  {click.style(alert.title, bold=True)}")
    stake = f", at stake {alert.at_stake.words}" if alert.at_stake else ""
    click.echo(f"      {alert.kind_name}, since {_when(alert.since, zone)}{stake}. {alert.certainty.words}")
    click.echo(f"      {alert.quiet or alert.next_step}")


def _when(text: str, zone: str) -> str:
    return moment(datetime.fromisoformat(text), zone) if text else ""


@alerts_group.command("show")
@WORKSPACE
@JSON
@click.argument("alert", type=int, metavar="ALERT")
def show_command(workspace: str | None, alert: int, *, as_json: bool) -> None:
    """One alert: the customers concerned, its history, and a draft of what they are told."""
    from regard.reliability import alerts

    with opened(workspace, create=False) as company:
        found, zone = alerts.one(company, alert), company.declarations()[1].time_zone
    if as_json:
        say(found, "", as_json=True)
        return
    _tell_short(found, zone)
    for also in found.also:
        click.echo(f"      Also then: {also}")
    for entry in found.history:
        click.echo(f"      {_when(entry.at, zone)}  {entry.words}")
    if found.who.customers:
        named, more = found.who.customers[:20], found.who.count - 20
        click.echo(f"      Customers: {', '.join(named)}{f' and {number(more)} more' if more > 0 else ''}")
    click.echo(f"      Draft for them: {found.notice}")
    click.echo(f"      Answer it: regard alerts answer {found.id} expected, known or 'not useful'")


@alerts_group.command("look")
@WORKSPACE
@JSON
def look_command(workspace: str | None, *, as_json: bool) -> None:
    """Have every detector look now, and send what is due. `regard serve` does it by itself; cron may."""
    from regard.delivery.sending import send_due
    from regard.opened import Company
    from regard.reliability.rounds import look

    with Company(opened(workspace, create=False)) as company:
        bring_up_to_date(company.workspace, quiet=as_json)
        done = look(company.workspace, view=company.view, wait=60)
        sent = send_due(company.workspace, wait=60)
    say({"round": done, "sent": sent}, _looked(done, sent.taken, sent.failed + sent.dead), as_json=as_json)
    if any(each.outcome == "failed" for each in done.looks):
        sys.exit(1)


def _looked(done: Round, taken: int, failed: int) -> str:
    parts = [("opened", done.opened), ("grown", done.grew), ("back", done.reopened), ("over", done.ended)]
    changed = ", ".join(f"{number(n)} {words}" for words, n in parts if n) or "nothing changed"
    lines = [f"{count(len(done.looks), 'detector')} looked: {changed}."]
    lines += [
        f"  {MARKS[e.outcome]} {e.detector}: {e.outcome}. {e.reason}" for e in done.looks if e.outcome != "looked"
    ]
    lines += [f"{count(taken, 'message')} sent."] if taken else []
    lines += [f"{count(failed, 'message')} not taken: regard alerts messages"] if failed else []
    return "\n".join(lines)


@alerts_group.command("answer")
@WORKSPACE
@JSON
@click.option("--why", default="", help="A reason, shown beside it: Christmas week.")
@click.option("--since", default="", metavar="DAY", help="expected: first day of the window; default when it began.")
@click.option("--until", default="", metavar="DAY", help="Last day it is quiet, included, YYYY-MM-DD.")
@click.option("--again", default="", metavar="weekly|yearly", help="expected: the same window comes again.")
@click.option("--factor", default=2.0, show_default=True, help="known: how many times as large it is told again at.")
@click.argument("alert", type=int, metavar="ALERT")
@click.argument("answer", metavar="ANSWER")
def answer_command(
    workspace: str | None, alert: int, answer: str, why: str, since: str, until: str, again: str, factor: float,
    *, as_json: bool,
) -> None:  # fmt: skip
    """Answer an alert: expected, known, or 'not useful'. Regard learns from it and says what."""
    from regard.reliability.answering import answer_alert

    with opened(workspace, create=False) as company:
        done = answer_alert(
            company, alert=alert, answer=answer.replace("-", " "), why=why, since=since, until=until, again=again,
            factor=factor, by=BY,
        )  # fmt: skip
    say(done, f"{done.words}\nTake it back: regard alerts undo {done.id}", as_json=as_json)


@alerts_group.command("undo")
@WORKSPACE
@JSON
@click.argument("answer", type=int, metavar="ANSWER-ID")
def undo_command(workspace: str | None, answer: int, *, as_json: bool) -> None:
    """Take an answer back: what was learned from it is forgotten."""
    from regard.reliability.answering import undo_answer

    with opened(workspace, create=False) as company:
        done = undo_answer(company, answer=answer, by=BY)
    say(done, f"Alert {done.alert}: {done.words}", as_json=as_json)


# ---------------------------------------------------------------------- who is told


@alerts_group.command("tell")
@WORKSPACE
@JSON
@click.option("--secret", default="", metavar="env:NAME|file:PATH", help="Where a webhook's secret is read from.")
@click.option(
    "--private", is_flag=True, help="The webhook is in your own network; http and inner addresses may be used."
)
@click.option("--daily", is_flag=True, help="One mail a day, at eight, instead of one as it happens.")
@click.argument("name")
@click.argument("address")
def tell_command(
    workspace: str | None, name: str, address: str, secret: str, *, private: bool, daily: bool, as_json: bool
) -> None:
    """Have somebody told of alerts: a web address (signed webhook) or a mail address."""
    from regard.delivery.receivers import add_receiver

    with opened(workspace, create=False) as company:
        found = add_receiver(
            company, name=name, address=address, secret=secret, private=private, digest="daily" if daily else "", by=BY
        )
    say(_plain(found), f"{name} is told of alerts from now on. Try it: regard alerts try {name}", as_json=as_json)


@alerts_group.command("receivers")
@WORKSPACE
@JSON
def receivers_command(workspace: str | None, *, as_json: bool) -> None:
    """Who is told of alerts, and what waits, arrived or died on the way."""
    from regard.delivery import outbox, receivers

    with opened(workspace, create=False) as company, company.state.reading() as connection:
        found, counts = receivers.listed(connection), outbox.counts(connection)
    if as_json:
        say({"receivers": [{**_plain(r), "messages": counts.get(r.name, {})} for r in found]}, "", as_json=True)
        return
    for receiver in found:
        state = "" if receiver.on else f" · stopped: {receiver.why}"
        click.echo(f"{receiver.name}: {receiver.address}{' · daily' if receiver.digest else ''}{state}")
        told = ", ".join(f"{number(n)} {state}" for state, n in sorted(counts.get(receiver.name, {}).items()))
        click.echo(f"    {told or 'nothing sent yet'}")
    if not found:
        click.echo("Nobody is told yet. Add somebody: regard alerts tell NAME ADDRESS")


def _plain(receiver: Receiver) -> dict[str, Any]:
    return {name: getattr(receiver, name) for name in receiver.__struct_fields__}


@alerts_group.command("try")
@WORKSPACE
@JSON
@click.argument("name")
def try_command(workspace: str | None, name: str, *, as_json: bool) -> None:
    """Send a receiver one trial message now, and say what came of it."""
    from regard.delivery import receivers
    from regard.delivery.sending import knock

    with opened(workspace, create=False) as company:
        with company.state.reading() as connection:
            found = receivers.one(connection, name)
        reply = knock(company, found)
    say({"taken": reply.taken, "words": reply.words}, f"{name} {_came(reply.words)}", as_json=as_json)
    if not reply.taken:
        sys.exit(1)


def _came(words: str) -> str:
    return f"{words}." if words.startswith("answered") else f"was tried: {words.rstrip('.')}."


@alerts_group.command("stop")
@WORKSPACE
@JSON
@click.argument("name")
def stop_command(workspace: str | None, name: str, *, as_json: bool) -> None:
    """Send a receiver nothing more; what waits for it stays."""
    from regard.delivery.receivers import stop_receiver

    with opened(workspace, create=False) as company:
        found = stop_receiver(company, name=name, by=BY)
    say(_plain(found), f"{name} is told nothing more. Again: regard alerts resume {name}", as_json=as_json)


@alerts_group.command("resume")
@WORKSPACE
@JSON
@click.argument("name")
def resume_command(workspace: str | None, name: str, *, as_json: bool) -> None:
    """Send to a stopped receiver again, first what waited for it."""
    from regard.delivery.receivers import resume_receiver

    with opened(workspace, create=False) as company:
        found = resume_receiver(company, name=name, by=BY)
    say(_plain(found), f"{name} is told of alerts again.", as_json=as_json)


@alerts_group.command("messages")
@WORKSPACE
@JSON
@click.option("--receiver", default="", metavar="NAME", help="Only this receiver's.")
@click.option("--state", default="", metavar="STATE", help="waiting, delivered or dead.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Messages at most.")
def messages_command(workspace: str | None, receiver: str, state: str, limit: int, *, as_json: bool) -> None:
    """What was sent, what waits and what nobody took, newest first."""
    from regard.delivery import outbox

    if state not in {"", outbox.WAITING, outbox.DELIVERED, outbox.DEAD}:
        raise BadInput(f"{state!r} is no state.", where="--state", hint="waiting, delivered or dead.")
    with opened(workspace, create=False) as company, company.state.reading() as connection:
        found = outbox.listed(connection, receiver=receiver, state=state, limit=limit)
    if as_json:
        say({"messages": found}, "", as_json=True)
        return
    for message in found:
        _tell_message(message)
    if not found:
        click.echo("No message.")


def _tell_message(message: Message) -> None:
    click.echo(f"{message.id}  {message.state}  {message.type} to {message.receiver}, {message.made[:16]} UTC")
    if message.last:
        took = f" after {duration(message.told[-1].seconds)}" if message.told[-1].seconds >= 1 else ""
        click.echo(f"    {count(message.tries, 'try', 'tries')}, the last {truncated(message.last, 120)}{took}")
    if message.state == "waiting":
        click.echo(f"    next try {message.due[:16].replace('T', ' ')} UTC")
    elif message.state == "dead":
        click.echo(f"    Once more: regard alerts again {message.id}")


@alerts_group.command("again")
@WORKSPACE
@JSON
@click.argument("message", metavar="MESSAGE-ID")
def again_command(workspace: str | None, message: str, *, as_json: bool) -> None:
    """Send a message once more, under its own id."""
    from regard.delivery import outbox
    from regard.delivery.receivers import send_again
    from regard.delivery.sending import send_due

    with opened(workspace, create=False) as company:
        send_again(company, message=message, by=BY)
        send_due(company, wait=60)
        with company.state.reading() as connection:
            found = outbox.one(connection, message)
    if as_json:
        say(found, "", as_json=True)
    else:
        _tell_message(found)
    if found.state != outbox.DELIVERED:
        sys.exit(1)


@alerts_group.command("secret")
@click.argument("file", type=click.Path(path_type=Path))
def secret_command(file: Path) -> None:
    """Make a new secret for a webhook, in a FILE that only this user reads; give its receiver the same."""
    from regard.delivery.webhooks import new_secret

    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise BadInput("There is a file there already.", where=str(file), hint="Name another.") from error
    with os.fdopen(handle, "w", encoding="utf-8") as written:
        written.write(new_secret() + "\n")
    click.echo(f"A new secret is in {file}. Name it: regard alerts tell NAME ADDRESS --secret file:{file.absolute()}")
