"""The routes: HTTP in, one call of a model, object out. One file for each resource."""

from . import (
    categories,
    clients,
    contacts,
    custom_fields,
    duplicates,
    events,
    exchange,
    keys,
    tags,
    team,
    webhooks,
)

BLUEPRINTS = tuple(
    module.blp
    for module in (
        clients,
        duplicates,
        exchange,
        contacts,
        categories,
        team,
        tags,
        custom_fields,
        keys,
        events,
        webhooks,
    )
)
