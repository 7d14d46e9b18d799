"""What is either so or not."""

from __future__ import annotations

from typing import Any

from clients_api.schemas.fields.metadata import told

from . import Choice


class Flag(Choice):
    """`yes` or `no`, as a boolean."""

    def __init__(self, description: str, **kwargs: Any) -> None:
        words = {"yes": True, "no": False, "true": True, "false": False, "1": True, "0": False}
        super().__init__(words, metadata=told(description), **kwargs)


def dry_run() -> Flag:
    """Make the parameter of every call that changes something: whether it only tries to."""
    return Flag("`yes` tells what the call would do, and changes nothing.")
