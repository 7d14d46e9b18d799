"""Webhooks: URLs that are told of events."""

from __future__ import annotations

from clients_api.models import Webhook
from clients_api.schemas.base import DeletedRecordSchema
from clients_api.schemas.webhook import (
    WebhookChangeSchema,
    WebhookCreateSchema,
    WebhookListQuerySchema,
    WebhookSchema,
    WebhookSecretSchema,
    WebhookTestSchema,
)
from clients_api.web import current_app, request
from clients_api.web.api import Blueprint
from clients_api.web.operation import Resource
from clients_api.webhooks import addresses, signing, testing

blp = Blueprint(
    "webhooks",
    __name__,
    resource=Resource("webhook", WebhookSchema, Webhook.find, read="admin", write="admin"),
    description="URLs that are told of events: signed, in order, each at least once.",
)


def address_problems(url=None):
    """Return the rule that a URL breaks which leads where none may."""
    return addresses.problems(url, current_app.config["WEBHOOK_HOSTS"])


@blp.get("/webhooks")
@blp.arguments(WebhookListQuerySchema, location="query")
@blp.response(200, WebhookSchema, message="Webhooks retrieved successfully.", many=True)
def list_webhooks(query):
    """List webhooks."""
    return Webhook.matching()


@blp.get("/webhooks/<id:id>")
@blp.response(200, WebhookSchema, message="Webhook retrieved successfully.")
def get_webhook(id):
    """Get a webhook."""
    return Webhook.find(id)


@blp.post("/webhooks")
@blp.arguments(WebhookCreateSchema, checks=address_problems)
@blp.response(
    201,
    WebhookSecretSchema,
    message="Webhook created successfully.",
    location=True,
    secret=("secret",),
)
def create_webhook(body):
    """Make a webhook; the answer shows its secret this once."""
    return signing.with_secret(Webhook.create(**body), current_app.config["SECRET_KEY"])


@blp.patch("/webhooks/<id:id>")
@blp.arguments(WebhookChangeSchema, checks=address_problems)
@blp.response(200, WebhookSchema, message="Webhook updated successfully.")
def update_webhook(body, id):
    """Update a webhook, replay events or skip some; what is left out stays as it is."""
    return Webhook.change(id, **body)


@blp.put("/webhooks/<id:id>")
@blp.arguments(WebhookChangeSchema, checks=address_problems)
@blp.response(200, WebhookSchema, message="Webhook updated successfully.")
def put_webhook(body, id):
    """Same as PATCH."""
    return Webhook.change(id, **body)


@blp.delete("/webhooks/<id:id>")
@blp.response(200, DeletedRecordSchema, message="Webhook deleted successfully.")
def delete_webhook(id):
    """Delete a webhook."""
    return Webhook.remove(id)


@blp.post("/webhooks/<id:id>/rotate")
@blp.response(
    200, WebhookSecretSchema, message="Webhook secret rotated successfully.", secret=("secret",)
)
def rotate_webhook(id):
    """Give a webhook a new secret, shown this once; for 24 hours the former one signs as well."""
    return signing.with_secret(Webhook.rotate(id), current_app.config["SECRET_KEY"])


@blp.post("/webhooks/<id:id>/test")
@blp.without_transaction
@blp.response(200, WebhookTestSchema, message="Webhook tested.")
def test_webhook(id):
    """Send `webhook.test` now, and answer what came of it; a dry run sends nothing."""
    webhook = Webhook.find(id)
    return testing.untried() if request.is_trial else testing.test(webhook, current_app.config)
