"""`clients-api outbox`: look at queued mail, and deliver it by hand."""

from __future__ import annotations

import sys

import click

from clients_api.mail.delivery import MAIL, deliver
from clients_api.models import Mail
from clients_api.models.engines.locks import alone
from clients_api.models.mail import STATUSES
from clients_api.service import Service

from .cli import with_database
from .printing import printable


@click.group(invoke_without_command=True)
@click.pass_context
def outbox(ctx: click.Context) -> None:
    """Look at queued mail, and deliver it by hand."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_mail)


@outbox.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Only mail of this status.")
@with_database
def list_mail(app: Service, status: str | None) -> None:
    """List the mail, oldest first."""
    line = "{:>7} {:<7} {:>8} {:<27} {:<30} {}"
    click.echo(line.format("ID", "STATUS", "ATTEMPTS", "DUE", "RECIPIENT", "LAST ERROR"))
    for mail in Mail.listed(status):
        due = mail["due"] if mail["status"] == "pending" else "-"
        values = (mail["id"], mail["status"], mail["attempts"], due, mail["recipient"])
        click.echo(printable(line.format(*values, mail["error"] or "").rstrip()))


@outbox.command("deliver")
@click.option("--all", "not_due_too", is_flag=True, help="Also what is not due yet.")
@click.option("--retry-failed", is_flag=True, help="Also what has failed for good.")
@with_database
def deliver_mail(app: Service, not_due_too: bool, retry_failed: bool) -> None:
    """Deliver the mail that is due, now and in the foreground."""
    with alone(app.database, MAIL, wait=True):
        if retry_failed:
            Mail.retry_failed()
        ids = Mail.pending_ids() if not_due_too else Mail.due_ids()
        with click.progressbar(
            deliver(app.config, ids),
            length=len(ids),
            label="Delivering",
            file=sys.stderr,
            hidden=not sys.stderr.isatty(),
        ) as outcomes:
            refusals = [refusal for _, refusal in outcomes if refusal is not None]
    click.echo(f"Delivered {len(ids) - len(refusals)} of {len(ids)}.")
    if refusals:
        raise click.ClickException(f"{refusals[-1]} (See clients-api outbox list.)")
