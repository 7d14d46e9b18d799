"""`clients-api webhooks`: look at webhooks, test them, and send events again."""

from __future__ import annotations

import click

from clients_api.models import Webhook
from clients_api.models.errors import Invalid
from clients_api.schemas.webhook import WebhookChangeSchema
from clients_api.service import Service
from clients_api.webhooks import testing

from .cli import with_database
from .printing import printable

LINE = "{:>3} {:<8} {:>7} {:<28} {:<40} {}"


@click.group()
def webhooks() -> None:
    """Look at webhooks, test them, and send events again."""


@webhooks.command("list")
@with_database
def list_webhooks(app: Service) -> None:
    """List the webhooks, oldest first."""
    click.echo(LINE.format("ID", "STATUS", "BEHIND", "NEXT TRY", "URL", "LAST ERROR"))
    for webhook in Webhook.all():
        said = webhook["last_error"] or ""
        if not said and (status := webhook["last_status"]) and not 200 <= status < 300:
            said = f"It answered {status}."
        values = (webhook["id"], webhook["status"], webhook["behind"], webhook["retry_at"] or "-")
        click.echo(printable(LINE.format(*values, webhook["url"], said).rstrip()))


@webhooks.command()
@click.argument("id", type=click.IntRange(1))
@with_database
def test(app: Service, id: int) -> None:
    """Send `webhook.test` to the webhook of that ID now; exit 1 if it was not taken."""
    outcome = testing.test(Webhook.find(id), app.config)
    said = outcome["error"] or f"It answered {outcome['status']}."
    if not 200 <= (outcome["status"] or 0) < 300:
        raise click.ClickException(f"{said} ({outcome['ms']} ms)")
    click.echo(printable(f"{said} ({outcome['ms']} ms)"))


@webhooks.command()
@click.argument("id", type=click.IntRange(1))
@click.argument("position")
@with_database
def replay(app: Service, id: int, position: str) -> None:
    """Let the webhook of that ID go on behind POSITION: send again, or skip.

    A position is that of an event, `oldest`, which is before all that are kept, or `now`. A
    webhook that is disabled begins again.
    """
    values, errors = WebhookChangeSchema().read({"position": position or None})
    try:
        if errors:
            raise Invalid(position="exists")
        with app.database.writing():
            webhook = Webhook.change(id, **values, status="active")
    except Invalid as error:
        raise click.UsageError(f"{position!r} is no position of an event that is kept.") from error
    click.echo(f"Webhook {id} goes on behind {webhook['position']}: {webhook['behind']} to send.")
