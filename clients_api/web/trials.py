"""Dry runs: what an answer may not say of what was tried and is not there."""

from __future__ import annotations

from typing import Any

from clients_api.models import events
from clients_api.models.engines.current import database

# What the members are that show other records.
SHOWN = {
    "owner": events.CONTACT,
    "contacts": events.CONTACT,
    "client": events.CLIENT,
    "category": events.CATEGORY,
}
PREFIX = "Dry run: nothing was "


def without_new_ids(data: dict[str, Any], object: str) -> dict[str, Any]:
    """Return what is shown of a record, without ids that this transaction has given.

    In: the record as the API shows it, and what it is.
    """
    new = database.obj.written.new
    shown = dict(data)
    if (object, shown.get("id")) in new:
        shown |= {name: None for name in ("id", "slug") if name in shown}
    for name, other in SHOWN.items():
        value = shown.get(name)
        if isinstance(value, dict):
            shown[name] = without_new_ids(value, other)
        elif isinstance(value, list):
            shown[name] = [without_new_ids(record, other) for record in value]
    return shown


def affected() -> dict[str, int] | None:
    """Return how many records the transaction takes away or brings back, if it is about that."""
    counts = database.obj.written.affected
    return {name: counts[name] for name in events.AFFECTED} if counts else None


def message(usual: str) -> str:
    """Say that nothing was changed, before what is said usually."""
    if usual.startswith(PREFIX):
        return usual  # an import's, which has a sentence of its own
    final = " It could not be undone." if database.obj.written.is_final else ""
    return f"{PREFIX}changed. {usual}{final}"
